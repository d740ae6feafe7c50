/** Whether one statement follows another (verification step 7). */

import { sha256, toHex } from "../ground/bytes.ts";
import { failed } from "../ground/errors.ts";
import type { Findings } from "../ground/step.ts";
import { parseStatement } from "../statement/statement.ts";
import { parseBundle } from "./bundle.ts";
import { sentences } from "./sentences.ts";

/** What is needed of a statement to say what it follows. */
export interface Following {
  readonly predicate: {
    readonly entity: { readonly origin: string };
    readonly period: string;
    readonly sequence: number;
    readonly previous: string | null;
    readonly issuedAt: number;
  };
}

/** Step 7. The signatures in the bundle `previous` are not looked at: whoever signed `statement` signed its digest. */
export function checkFollows(statement: Following, previous: Uint8Array | null, findings: Findings): void {
  const { predicate } = statement;
  if ((predicate.sequence === 0) !== (predicate.previous === null)) {
    throw failed("statement/sequence", "only the statement with sequence 0 has no previous one");
  }
  if (previous !== null) {
    const earlier = checkPrevious(statement, previous).predicate;
    findings.say(sentences.follows(predicate.sequence, earlier.sequence, earlier.period));
  } else if (predicate.previous === null) {
    findings.say(sentences.first);
  } else {
    findings.open(sentences.previousNotGiven(predicate.sequence));
  }
}

function checkPrevious({ predicate }: Following, previous: Uint8Array): Following {
  const { payload } = parseBundle(previous, "the previous bundle").envelope;
  const digest = toHex(sha256(payload));
  if (digest !== predicate.previous) {
    throw failed(
      "statement/previous",
      `the bundle that was given as the previous one has the statement ${digest}, which this statement does not name`,
    );
  }
  const found = parseStatement(payload);
  const earlier = found.predicate;
  if (earlier.entity.origin !== predicate.entity.origin) {
    throw failed(
      "statement/previous",
      `the statement before is that of ${earlier.entity.origin}, not of ${predicate.entity.origin}`,
    );
  }
  const isInOrder = earlier.period < predicate.period && earlier.issuedAt < predicate.issuedAt;
  if (earlier.sequence + 1 !== predicate.sequence || !isInOrder) {
    throw failed(
      "statement/previous",
      `statement ${predicate.sequence} of ${predicate.period} names as its previous one statement ` +
        `${earlier.sequence} of ${earlier.period}: number, month and time of issue do not follow`,
    );
  }
  return found;
}
