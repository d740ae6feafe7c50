/** The tree over all records, whose root the statement carries (protocol.md, section 4): plain SHA-256. */

import { concat, sha256, tagged } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";

/** The leaf of a record's RFC 8785 bytes. */
export function recordLeaf(record: Uint8Array): Uint8Array {
  return tagged("attest/v1/evidence", record);
}

function join(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(left, right));
}

/** The root over at least one leaf. Nodes 2i and 2i + 1 join; an unpaired last one moves up unchanged. */
export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  let level = leaves;
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) above.push(right === undefined ? left : join(left, right));
    }
    level = above;
  }
  const [root] = level;
  if (root === undefined) throw failed("evidence/root", "no record leads to no root");
  return root;
}

/** The root that `leaf` has at `index` of a tree of `size` leaves with this path (RFC 9162, 2.1.3.2). */
export function foldedRoot(leaf: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Uint8Array {
  if (index >= size) throw failed("path/index", `record ${index} does not exist among ${size}`);
  let [position, last, node] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (last === 0) throw failed("path/length", "the audit path is too long");
    if (position % 2 === 1 || position === last) {
      node = join(sibling, node);
      while (position % 2 === 0 && position > 0) [position, last] = [position / 2, half(last)];
    } else {
      node = join(node, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last > 0) throw failed("path/length", "the audit path is too short");
  return node;
}

/** Numbers here may be beyond 2^31, where bit operators cut them. */
function half(number: number): number {
  return Math.floor(number / 2);
}
