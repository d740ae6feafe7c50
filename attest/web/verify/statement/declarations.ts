/** What only documents say: declarations, contracts of cover, and prices (protocol.md, section 5). */

import {
  amount,
  array,
  digestText,
  matching,
  object,
  oneOf,
  optional,
  orNull,
  type Read,
  refuse,
  text,
  time,
} from "../ground/fields.ts";
import { assetName, checked, count } from "./values.ts";

const flag = optional(orNull(oneOf(true, false)));
const terms = optional(orNull(array(text(), 0, 100)));

/** What a contract says; what it does not say is null here, and does not hold. */
const conditions = object({
  deductible: optional(orNull(amount)),
  used: optional(orNull(amount)),
  since: optional(orNull(time)),
  until: optional(orNull(time)),
  insurerAuthorised: flag,
  insurerIndependent: flag,
  initialTermMonths: optional(orNull(count)),
  cancellationNoticeDays: optional(orNull(count)),
  covers: terms,
  excludes: terms,
  customersBenefit: flag,
  onDemand: flag,
  maturity: optional(orNull(time)),
});

/** An insurance policy, a guarantee or a deposit on trust; `limit` is in minor units of `currency`. */
export const cover = object({
  form: oneOf("insurance", "bank-guarantee", "trust-deposit", "escrow"),
  currency: assetName,
  limit: amount,
  conditions,
  evidenceLeaf: digestText,
});

const PURPOSES = ["customer", "guarantee", "compensation"];

const fields = object({
  kind: oneOf(
    "encumbrance",
    "borrowing",
    "volume",
    "financial",
    "posture",
    "activity",
    "custodian",
    "largest-wallet",
    "licence",
    "window",
  ),
  name: text(),
  unit: optional(orNull(assetName)),
  amount: optional(orNull(amount)),
  tier: optional(orNull(text())),
  since: optional(orNull(time)),
  until: optional(orNull(time)),
  evidenceLeaf: digestText,
});

type Fields = Read<typeof fields>;

const NEEDED: Readonly<Record<Fields["kind"], readonly (keyof Fields)[]>> = {
  encumbrance: [],
  borrowing: [],
  volume: ["amount", "since", "until"],
  financial: ["amount", "until"],
  posture: ["until"],
  activity: ["since"],
  custodian: ["amount"],
  "largest-wallet": ["amount"],
  licence: [],
  window: ["amount"],
};

/** What only management can say, and the leaf of the record behind it; `amount` is in base units of `unit`. */
export const declaration = checked(fields, (said, path) => {
  if ((said.unit === null) !== (said.amount === null)) {
    throw refuse(path, "an amount needs a unit, and a unit an amount");
  }
  const missing = NEEDED[said.kind].filter((field) => said[field] === null);
  if (missing.length > 0) throw refuse(path, `a declaration of the kind ${said.kind} needs ${missing.join(" and ")}`);
  const isOfCoins = said.kind === "encumbrance" || said.kind === "borrowing";
  if (isOfCoins && !PURPOSES.includes(said.name)) throw refuse(path, `its name is one of ${PURPOSES.join(", ")}`);
  if (said.since !== null && said.until !== null && said.since > said.until) {
    throw refuse(path, "it ends before it begins");
  }
});

const rational = matching(
  /^(?:0|[1-9][0-9]{0,37})(?:\.[0-9]{1,37})?(?:\/[1-9][0-9]{0,37})?$/,
  "a number like 12, 0.8 or 0.8/10000",
);

/** What one whole unit of `asset` costs in whole units of `currency`, an exact rational that stays the text it is. */
export const price = object({
  asset: assetName,
  currency: assetName,
  price: rational,
  basis: oneOf("spot", "mean-12-months"),
  source: text(),
  time,
});

export type Conditions = Read<typeof conditions>;
export type Cover = Read<typeof cover>;
export type Declaration = Fields;
export type Price = Read<typeof price>;
