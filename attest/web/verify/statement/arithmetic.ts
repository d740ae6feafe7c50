/** What must hold inside a statement, whoever signed it (step 8; protocol.md, section 5). */

import { addTo, MAX_AMOUNT } from "../ground/amounts.ts";
import { tagged, toHex } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import type { Findings } from "../ground/step.ts";
import { demand, demandAscending } from "./contradiction.ts";
import { customersCoins } from "./customers.ts";
import { checkDeclarations } from "./declared.ts";
import { sentences } from "./sentences.ts";
import type { Predicate, Price, StatedAsset, StatedPin, StatedTree, Statement, Subject } from "./statement.ts";

const HOUR = 3600;
const MAX_VALIDITY = 400 * 24 * HOUR;
const MAX_DISTANCE = 24 * HOUR;
// A month ends in the time zone UTC+14 first, and in UTC-12 last; zones differ by quarters of an hour.
const FIRST_END = -14 * HOUR;
const LAST_END = 12 * HOUR;
const QUARTER = HOUR / 4;
const EMPTY_ROOT = toHex(tagged("attest/v1/empty", new Uint8Array()));
/** The file that step 9 reads the public records from. */
const PUBLIC_EVIDENCE = "evidence-public.jsonl";

/** Step 8. A block that is read far from the snapshot, for a reason, is not met; all else must hold. */
export function checkArithmetic(statement: Statement, findings: Findings): void {
  const { predicate } = statement;
  const assets = new Set(predicate.assets.map((item) => item.asset));
  demandAscending("assets", predicate.assets, (item) => [item.asset]);
  demandAscending("chains", predicate.chains, (item) => [item.chain]);
  const blocks = new Set(predicate.chains.map((pin) => pin.blockHash));
  demand(blocks.size === predicate.chains.length, "one block is pinned for two chains");
  demandAscending("reserves", predicate.reserves, (line) => [
    line.asset,
    line.chain,
    line.purpose,
    line.storage,
    line.evidence,
    line.control,
  ]);
  demandAscending("held", predicate.held ?? [], (line) => [
    line.asset,
    line.chain ?? "",
    line.purpose,
    line.custodian,
  ]);
  checkSubjects(statement.subject);
  checkTimes(predicate);
  findings.say(sentences.figuresAgree(predicate.assets.length, predicate.reserves.length));
  for (const pin of predicate.chains) checkDistance(pin, predicate.snapshotAt, findings);
  checkTrees(predicate.liabilities.trees, assets);
  checkTokens(predicate.assets);
  checkReserves(predicate, assets);
  checkDocuments(predicate, assets);
  checkPrices(predicate.prices, assets, predicate.issuedAt);
  demandAscending("policies", predicate.policies, (policy) => [policy.id]);
}

/** That each file is named once, and the public edition of the evidence among them. */
function checkSubjects(subjects: readonly Subject[]): void {
  const names = new Set(subjects.map((subject) => subject.name));
  demand(names.size === subjects.length, "one file stands twice among its subjects");
  demand(names.has(PUBLIC_EVIDENCE), `it has evidence, and ${PUBLIC_EVIDENCE} is not among its subjects`);
}

function checkTimes(predicate: Predicate): void {
  const { period, snapshotAt, issuedAt, expiresAt } = predicate;
  demand(snapshotAt <= issuedAt, "it was issued before its snapshot");
  demand(issuedAt < expiresAt, "it expires before it was issued");
  demand(endsSomewhere(period, snapshotAt), `its snapshot is not at the end of ${period} in any time zone`);
  demand(expiresAt - issuedAt <= MAX_VALIDITY, "it claims to be the latest for too long");
  for (const pin of predicate.chains) {
    demand(pin.time <= issuedAt, `the pinned block of ${pin.chain} is younger than the statement`);
  }
}

/** Whether the month `period` ends at `instant` in a zone from UTC-12 to UTC+14, in steps of 15 minutes. */
function endsSomewhere(period: string, instant: number): boolean {
  // Months count from 0 here, so that of the next month is the number that the period has.
  const end = Date.UTC(Number(period.slice(0, 4)), Number(period.slice(5)), 1) / 1000;
  const distance = instant - end;
  return distance >= FIRST_END && distance <= LAST_END && distance % QUARTER === 0;
}

function checkDistance(pin: StatedPin, snapshotAt: number, findings: Findings): void {
  if (Math.abs(pin.time - snapshotAt) <= MAX_DISTANCE) return;
  if (pin.reason === null) {
    throw failed(
      "statement/pin-time",
      `the pinned block of ${pin.chain} is more than 24 hours from the snapshot, and no reason is said`,
    );
  }
  findings.unmet(sentences.farPin(pin.chain, pin.time, snapshotAt, pin.reason));
}

/** That each asset has one tree, be it of size 0, and each tree figures that fit together. */
function checkTrees(trees: readonly StatedTree[], assets: ReadonlySet<string>): void {
  demandAscending("liabilities.trees", trees, (tree) => [tree.asset]);
  for (const tree of trees) {
    demand(assets.has(tree.asset), `the tree of ${tree.asset} has no entry in assets`);
    const isSound = tree.size > 0 || (tree.root === EMPTY_ROOT && tree.total === 0n);
    demand(isSound, `the tree of ${tree.asset} is empty, but its root or total is not`);
    const agrees = (tree.negativeAccounts === 0) === (tree.negativeTotal === 0n);
    demand(agrees, `the negative balances of ${tree.asset} do not add up`);
  }
  const owed = new Set(trees.map((tree) => tree.asset));
  for (const asset of assets) {
    demand(owed.has(asset), `${asset} has no tree, so nothing says what customers are owed of it`);
  }
}

/** That no token contract is listed twice, in whatever capitals. */
function checkTokens(assets: readonly StatedAsset[]): void {
  const owner = new Map<string, string>();
  for (const { asset, tokens } of assets) {
    const places = (tokens ?? []).map((token) => [token.chain, token.contract.toLowerCase()]);
    demandAscending(`tokens of ${asset}`, places, (place) => place);
    for (const place of places) {
      const where = place.join(" ");
      const other = owner.get(where) ?? asset;
      demand(other === asset, `the contract ${where} counts as ${other} and as ${asset}`);
      owner.set(where, asset);
    }
  }
}

function checkReserves(predicate: Predicate, assets: ReadonlySet<string>): void {
  const chains = new Set(predicate.chains.map((pin) => pin.chain));
  const totals = new Map<string, bigint>();
  for (const line of predicate.reserves) {
    demand(assets.has(line.asset), `reserves name ${line.asset}, which is not in assets`);
    demand(chains.has(line.chain), `reserves name ${line.chain}, which has no pinned block`);
    demand((line.denied ?? 0n) <= line.amount, `more ${line.asset} is denied transfers than a line has`);
    addTo(totals, line.asset, line.amount);
  }
  for (const [asset, total] of totals) {
    demand(total <= MAX_AMOUNT, `the reserves of ${asset} do not fit in 128 bits`);
  }
}

/** That money, cover, what custodians hold, and declarations name known assets, and documents of their own. */
function checkDocuments(predicate: Predicate, assets: ReadonlySet<string>): void {
  const { money, cover, declarations } = predicate;
  const held = predicate.held ?? [];
  for (const { currency } of money) demand(assets.has(currency), `money names ${currency}, which is not in assets`);
  for (const { currency } of cover) demand(assets.has(currency), `cover names ${currency}, which is not in assets`);
  for (const { asset } of held) demand(assets.has(asset), `held names ${asset}, which is not in assets`);

  const lines = [...money, ...cover, ...held];
  const leaves = new Set(lines.map((line) => line.evidenceLeaf));
  demand(leaves.size === lines.length, "one document stands behind two lines of money, cover or held");
  checkDeclarations(declarations, customersCoins(predicate), leaves);
  for (const { unit } of declarations) {
    demand(unit === null || assets.has(unit), `a declaration names ${unit}, which is not in assets`);
  }
}

function checkPrices(prices: readonly Price[], assets: ReadonlySet<string>, issuedAt: number): void {
  for (const { asset, currency, price, time } of prices) {
    const isKnown = assets.has(asset) && assets.has(currency);
    demand(isKnown, "a price names an asset or currency which is not in assets");
    demand(time <= issuedAt, `the price of ${asset} is younger than the statement`);
    const [above = ""] = price.split("/");
    demand(/[1-9]/.test(above), `the price of ${asset} in ${currency} is 0`);
  }
  demandAscending("prices", prices, (price) => [price.asset, price.currency, price.basis]);
}
