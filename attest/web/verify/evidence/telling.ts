/** What step 11 says of what it found, and what of it is open. */

import type { Findings, Sentence } from "../ground/step.ts";
import { compareTexts } from "../ground/texts.ts";
import { isReading } from "../records/readings.ts";
import { type Found, statedLeaves } from "./found.ts";
import { isDisclosed, needsDump, type ShownGroup } from "./line-sums.ts";
import { sentences } from "./sentences.ts";

/** So many lines are told one by one. */
const MOST_LINES = 30;

export function tell(found: Found, findings: Findings): void {
  tellFound(found, findings);
  tellWithheld(found, findings);
  const waiting = new Set(
    [...found.lines.values()].filter((line) => line.waiting > 0).map((line) => `${line.asset} (${line.chain})`),
  );
  if (waiting.size > 0) findings.open(sentences.needDump([...waiting].sort(compareTexts)));
  const unknown = found.lowestUnknown.map((item) => `${item.unit ?? ""} (${item.name})`);
  if (unknown.length > 0) findings.open(sentences.lowestUnknown(unknown));
  if (found.described.size > 0) findings.beyond(sentences.descriptors([...found.described].sort(compareTexts)));
}

function tellFound(found: Found, findings: Findings): void {
  const { predicate, readings, documents, windows } = found;
  const { reserves, money, held, cover, declarations, prices } = predicate;
  const recomputed = readings.filter((reading) => !needsDump(reading)).length;
  findings.say(sentences.balances(recomputed, reserves.reduce((sum, line) => sum + line.wallets, 0)));
  findings.say(sentences.bankDocuments(documents.money.size, money.length));
  if (declarations.length > 0) {
    const { forms, figures } = documents.declared;
    findings.say(sentences.declarations(declarations.length, forms, figures));
  }
  const hasPrices = prices.length > 0;
  const contracts = cover.length + (hasPrices ? 1 : 0);
  if (contracts > 0) {
    const there = documents.cover.size + (hasPrices && documents.hasPrices ? 1 : 0);
    findings.say(sentences.contracts(there, contracts));
  }
  if (held !== null) {
    findings.say(sentences.custodians(documents.held.size, held.length));
    tellBesideReadings(found, findings);
  }
  for (const window of windows.values()) findings.say(sentences.window(window));
}

/** Coins that a custodian's document and readings of its wallets may both be of. */
function tellBesideReadings(found: Found, findings: Findings): void {
  const read = new Set<string>();
  for (const record of found.records.values()) {
    if (isReading(record) && record.custodian !== null) read.add(`${record.asset} ${record.custodian}`);
  }
  for (const item of found.predicate.declarations) {
    if (item.kind === "custodian") read.add(`${item.unit ?? ""} ${item.name}`);
  }
  const told = new Set<string>();
  for (const { asset, custodian } of found.predicate.held ?? []) {
    const both = `${asset} ${custodian}`;
    if (read.has(both) && !told.has(both)) findings.say(sentences.besideReadings(asset, custodian));
    told.add(both);
  }
}

function tellWithheld(found: Found, findings: Findings): void {
  const { predicate, records, documents } = found;
  const { count } = predicate.evidence;
  if (records.size === 0) {
    findings.open(sentences.noRecords(count));
    return;
  }
  const hidden = [...found.lines.values()].filter((line) => !isDisclosed(line));
  const papers =
    statedLeaves(predicate).filter((leaf) => !documents.leaves.has(leaf)).length + (documents.hasPrices ? 0 : 1);
  if (hidden.length === 0 && papers === 0) return;
  findings.open(sentences.withheld(count - records.size, count));
  const decimals = new Map(predicate.assets.map((item) => [item.asset, item.decimals]));
  for (const line of hidden.slice(0, MOST_LINES)) findings.open(hiddenLine(line, decimals));
  if (hidden.length > MOST_LINES) findings.open(sentences.moreHidden(hidden.length - MOST_LINES));
  if (papers > 0) findings.open(sentences.papers(papers));
}

function hiddenLine(line: ShownGroup, decimals: ReadonlyMap<string, number>): Sentence {
  return sentences.hiddenLine({ ...line, decimals: decimals.get(line.asset) ?? 0 });
}
