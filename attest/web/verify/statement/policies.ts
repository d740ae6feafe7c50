/** What a statement says of rules that were evaluated over it (protocol.md, section 5). */

import { array, digestText, matching, object, oneOf, orNull, type Read, text } from "../ground/fields.ts";

const ruleId = matching(/^[a-z0-9][a-z0-9.-]{0,63}$/, "the id of a policy or rule");
const exact = matching(/^(?:0|[1-9][0-9]{0,999})(?:\/[1-9][0-9]{0,999})?$/, "an exact number");

const ruleResult = object({
  rule: ruleId,
  verdict: oneOf("MET", "NOT_MET", "NOT_APPLICABLE", "INSUFFICIENT_DATA"),
  required: orNull(exact),
  available: orNull(exact),
  unit: orNull(text()),
});

export const policyResults = object({
  id: ruleId,
  version: text(),
  sha256: digestText,
  authorityStatus: oneOf(
    "in_force",
    "self_regulatory",
    "enacted_not_in_force",
    "bill",
    "reported_proposal",
    "tool_example",
  ),
  results: array(ruleResult, 1, 100_000),
});

export type PolicyResults = Read<typeof policyResults>;
