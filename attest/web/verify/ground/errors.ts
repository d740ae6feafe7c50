/** The errors that leave the verifier. Each has a stable code for programs and one sentence for people, in English. */

export type Outcome = "failed" | "malformed" | "unchecked";

export class AttestError extends Error {
  constructor(
    readonly outcome: Outcome,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Something was checked and is false. */
export function failed(code: string, message: string): AttestError {
  return new AttestError("failed", code, message);
}

/** A document is not what it claims to be: wrong syntax, field, type or range. */
export function malformed(code: string, message: string): AttestError {
  return new AttestError("malformed", code, message);
}

/** Something could not be checked, which says nothing of whether it is true. */
export function unavailable(code: string, message: string): AttestError {
  return new AttestError("unchecked", code, message);
}
