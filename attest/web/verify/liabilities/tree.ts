/** The tree of one asset's liabilities, whose nodes have sums (protocol.md, sections 2 and 3). */

import { concat, tagged, u128 } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";

const MAX_AMOUNT = (1n << 128n) - 1n;

/** A node of the tree, or a leaf: its hash and the sum of the amounts below it. */
export interface SumNode {
  readonly hash: Uint8Array;
  readonly sum: bigint;
}

/** The leaf that commits to `amount` for the account with `digest`. */
export function leafOf(salt: Uint8Array, digest: Uint8Array, amount: bigint): SumNode {
  return { hash: tagged("attest/v1/leaf", concat(salt, digest, u128(amount))), sum: amount };
}

/** The parent of two nodes. It hashes both sums: to hash their total alone would let liabilities be hidden. */
export function join(left: SumNode, right: SumNode): SumNode {
  const sum = left.sum + right.sum;
  if (sum > MAX_AMOUNT) throw failed("tree/overflow", "the sum of two nodes does not fit in 128 bits");
  return { hash: tagged("attest/v1/node", concat(left.hash, u128(left.sum), right.hash, u128(right.sum))), sum };
}

/**
 * The root that `leaf` at `index` of a tree of `size` leaves has with `path` (RFC 9162, section 2.1.3.2). On which side
 * a sibling stands, and how long the path is, follow from `index` and `size` alone.
 */
export function fold<Node>(
  leaf: Node,
  index: number,
  size: number,
  path: readonly Node[],
  joined: (left: Node, right: Node) => Node,
): Node {
  if (index < 0 || index >= size) {
    throw failed("path/index", `leaf ${index} does not exist in a tree of ${size} leaves`);
  }
  // Operators on bits would cut indices at 2^31.
  let position = index;
  let last = size - 1;
  let node = leaf;
  const rise = (): void => {
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  };
  for (const sibling of path) {
    if (last === 0) throw failed("path/length", "the audit path is too long");
    if (position % 2 === 1 || position === last) {
      node = joined(sibling, node);
      while (position % 2 === 0 && position > 0) rise();
    } else {
      node = joined(node, sibling);
    }
    rise();
  }
  if (last > 0) throw failed("path/length", "the audit path is too short");
  return node;
}
