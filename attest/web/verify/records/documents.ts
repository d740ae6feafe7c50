/** Records of documents, each named by its digest: of money, cover, prices, and of what is declared. */

import { amount, digestText, object, oneOf, optional, orNull, type Read, text, time } from "../ground/fields.ts";
import { assetName, chainId, count, moneyPurpose, purpose } from "../statement/values.ts";
import { salt } from "./values.ts";

export const money = object({
  type: oneOf("money"),
  salt,
  currency: assetName,
  purpose: moneyPurpose,
  amount,
  institution: text(),
  document: text(),
  sha256: digestText,
});
export const declaredBalance = object({
  type: oneOf("declared-balance"),
  salt,
  asset: assetName,
  chain: orNull(chainId),
  purpose,
  custodian: text(),
  amount,
  document: text(),
  sha256: digestText,
});
export const cover = object({
  type: oneOf("cover"),
  salt,
  form: text(),
  currency: assetName,
  limit: amount,
  institution: text(),
  document: text(),
  sha256: digestText,
});
export const prices = object({ type: oneOf("prices"), salt, document: text(), sha256: digestText, count });
export const declaration = object({
  type: oneOf("declaration"),
  salt,
  kind: text(),
  name: text(),
  unit: optional(orNull(assetName)),
  amount: optional(orNull(amount)),
  tier: optional(orNull(text())),
  since: optional(orNull(time)),
  until: optional(orNull(time)),
  signatory: optional(orNull(text())),
  document: optional(orNull(text())),
  sha256: optional(orNull(digestText)),
});

export type Money = Read<typeof money>;
export type DeclaredBalance = Read<typeof declaredBalance>;
export type DeclarationRecord = Read<typeof declaration>;
