/** The tree of one asset's liabilities, whose nodes have sums (protocol.md, sections 2 and 3). */

import { MAX_AMOUNT } from "../ground/amounts.ts";
import { concat, tagged, u128 } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";

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
