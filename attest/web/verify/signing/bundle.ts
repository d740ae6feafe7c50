/** The bundle: one file that carries the signed statement and what came with it. It is itself unsigned. */

import { array, base64, digestText, object, oneOf, type Read, readJson } from "../ground/fields.ts";
import { envelope, keyid } from "./envelope.ts";

const MAX_BUNDLE_BYTES = 1024 * 1024;
const MAX_TIMESTAMPS = 32;
const MAX_ROOTS = 64;
const MAX_REPORTS = 8;
const MAX_RESPONSE_BYTES = 16 * 1024;

/** Names one signature, of the key `keyid` over the payload with the digest `payload`; `response` says since when. */
const timestamp = object({ payload: digestText, keyid, response: base64(1, MAX_RESPONSE_BYTES) });

const bundle = object({
  format: oneOf("attest/bundle/v1"),
  envelope,
  timestamps: array(timestamp, 0, MAX_TIMESTAMPS),
  trustRoots: array(envelope, 0, MAX_ROOTS),
  auditorReports: array(envelope, 0, MAX_REPORTS),
});

/** `*.attest.json`. Each part vouches for itself, or is checked against what the verifier trusts. */
export type Bundle = Read<typeof bundle>;

/** Parse strictly; `what` names it in errors. */
export function parseBundle(bytes: Uint8Array, what = "the bundle"): Bundle {
  return readJson(bundle, bytes, what, MAX_BUNDLE_BYTES);
}
