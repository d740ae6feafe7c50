/** Which signatures the timestamps of a bundle name. What a clock says of them is not read here. */

import { sha256, toHex } from "../ground/bytes.ts";
import type { Bundle } from "./bundle.ts";

/**
 * The key ids of the signatures that timestamps name, by the digest of what they sign, hex.
 *
 * Empty when a timestamp names no signature of the bundle, because such a bundle fails for whoever names an authority:
 * then no timestamp in it can spare a signature a later root.
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

/** The key ids of the signatures that a timestamp may name, by the digest of the statement or report that they sign. */
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
