/** The tree over all records, whose root the statement carries (protocol.md, section 4): plain SHA-256. */

import { concat, sha256, tagged } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import { rootAlong, rootOver } from "../ground/merkle.ts";

/** The leaf of a record's RFC 8785 bytes. */
export function recordLeaf(record: Uint8Array): Uint8Array {
  return tagged("attest/v1/evidence", record);
}

/** The root over all leaves. Throws where there is none. */
export function evidenceRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const root = rootOver(leaves, join);
  if (root === null) throw failed("evidence/root", "there is no record, so there is no root");
  return root;
}

/** The root to which `leaf` at `index` of `count` leads along `path`. */
export function evidenceRootAlong(
  leaf: Uint8Array,
  index: number,
  count: number,
  path: readonly Uint8Array[],
): Uint8Array {
  return rootAlong(leaf, index, count, path, join);
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(left, right));
}
