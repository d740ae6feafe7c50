/** The inclusion proof that a customer keeps, and its verification (protocol.md, section 3; steps 0 and 10). */

import { sumOf } from "../ground/amounts.ts";
import { equal, fromHex, toHex } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import {
  amount,
  anyString,
  array,
  digest,
  digestText,
  object,
  oneOf,
  type Read,
  type Reader,
  readJson,
  refuse,
} from "../ground/fields.ts";
import type { Json } from "../ground/json.ts";
import { rootAlong } from "../ground/merkle.ts";
import type { StatedTree } from "../statement/lines.ts";
import { assetName, count } from "../statement/values.ts";
import { accountDigest } from "./accounts.ts";
import { join, leafOf, type SumNode } from "./tree.ts";

const MAX_PROOF_BYTES = 1024 * 1024;
const MAX_PATH = 64;
const MAX_LEAVES = 4096;
const MAX_ASSETS = 1024;

/** A sibling on the way to the root: `[hash, sum]`. */
const sibling: Reader<SumNode> = (value: Json, path: string) => {
  const [hash, sum, ...more]: readonly Json[] = Array.isArray(value) ? value : [];
  if (hash === undefined || sum === undefined || more.length > 0) throw refuse(path, "not a hash and a sum");
  return { hash: digest(hash, `${path}[0]`), sum: amount(sum, `${path}[1]`) };
};

/** A leaf and its siblings. No root, size or direction stands here: those come from the statement and `index`. */
const provenLeaf = object({ index: count, salt: digestText, amount, path: array(sibling, 0, MAX_PATH) });

const inclusionProof = object({
  format: oneOf("attest/inclusion-proof/v1"),
  statement: digestText,
  account: anyString(),
  holdings: array(object({ asset: assetName, leaves: array(provenLeaf, 1, MAX_LEAVES) }), 1, MAX_ASSETS),
});

export type InclusionProof = Read<typeof inclusionProof>;
type ProvenLeaf = Read<typeof provenLeaf>;

/** One leaf of a customer in a tree. */
export interface OwnedLeaf {
  readonly index: number;
  readonly salt: string;
  readonly amount: bigint;
}

/** What a customer is owed in one asset, in base units, over all its leaves. */
export interface Holding {
  readonly asset: string;
  readonly amount: bigint;
  readonly leaves: readonly OwnedLeaf[];
}

/** The proof in whatever spelling of strict JSON (step 0). */
export function parseProof(bytes: Uint8Array): InclusionProof {
  return readJson(inclusionProof, bytes, "the inclusion proof", MAX_PROOF_BYTES);
}

/** Step 10: what the statement with this digest and these trees owes to the account of the proof. */
export function verifyInclusion(
  proof: InclusionProof,
  statement: Uint8Array,
  trees: readonly StatedTree[],
): readonly Holding[] {
  if (proof.statement !== toHex(statement)) {
    throw failed("proof/statement", "the proof belongs to another statement");
  }
  const account = accountDigest(proof.account);
  const treeOf = new Map(trees.map((tree) => [tree.asset, tree]));
  const leavesOf = new Map<string, OwnedLeaf[]>();
  const seen = new Set<string>();
  for (const { asset, leaves } of proof.holdings) {
    const tree = treeOf.get(asset);
    if (tree === undefined) throw failed("proof/asset", `the statement has no tree of ${asset}`);
    const owned = leavesOf.get(asset) ?? [];
    leavesOf.set(asset, owned);
    for (const leaf of leaves) {
      const place = `${asset} ${leaf.index}`;
      if (seen.has(place)) throw failed("proof/leaf-twice", `leaf ${leaf.index} of ${asset} stands in the proof twice`);
      seen.add(place);
      checkLeaf(leaf, account, tree);
      owned.push({ index: leaf.index, salt: leaf.salt, amount: leaf.amount });
    }
  }
  return [...leavesOf].map(([asset, leaves]) => ({
    asset,
    amount: sumOf(leaves.map((leaf) => leaf.amount)),
    leaves,
  }));
}

/** That a leaf leads to the root of its tree, and to the total. */
function checkLeaf(leaf: ProvenLeaf, account: Uint8Array, tree: StatedTree): void {
  const start = leafOf(fromHex(leaf.salt), account, leaf.amount);
  const root = rootAlong(start, leaf.index, tree.size, leaf.path, join);
  if (!equal(root.hash, fromHex(tree.root)) || root.sum !== tree.total) {
    throw failed(
      "proof/root",
      `leaf ${leaf.index} of ${tree.asset} does not lead to the root and total in the statement`,
    );
  }
}
