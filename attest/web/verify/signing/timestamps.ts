/** Which signatures the timestamps of a bundle name. What a clock says of them is not read here. */

import { sha256, toHex } from "../ground/bytes.ts";
import type { Bundle } from "./bundle.ts";

/**
 * The key ids of the signatures that timestamps name, by the digest of what they sign, hex.
 *
 * Of a bundle with a timestamp of no signature none is: whoever names an authority finds that it does not hold.
 */
export function stampedKeys(bundle: Bundle): ReadonlyMap<string, ReadonlySet<string>> {
  const there = signatures(bundle);
  const named = new Map<string, Set<string>>();
  for (const { payload, keyid } of bundle.timestamps) {
    if (there.get(payload)?.has(keyid) !== true) return new Map();
    add(named, payload, keyid);
  }
  return named;
}

/** The signatures that a timestamp may name: of the statement, and of each report, by payload digest and key id. */
function signatures(bundle: Bundle): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  const statement = toHex(sha256(bundle.envelope.payload));
  for (const { keyid } of bundle.envelope.signatures) add(found, statement, keyid);
  for (const report of bundle.auditorReports) {
    const digest = toHex(sha256(report.payload));
    if (digest === statement) continue; // what stands there may be no signature of the statement
    for (const { keyid } of report.signatures) add(found, digest, keyid);
  }
  return found;
}

function add(to: Map<string, Set<string>>, payload: string, keyid: string): void {
  const keyids = to.get(payload) ?? new Set();
  keyids.add(keyid);
  to.set(payload, keyids);
}
