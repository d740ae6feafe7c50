/** The outcome of one numbered step of verification (protocol.md, section 9). */

export type Status = "VERIFIED" | "FAILED" | "NOT CHECKED" | "NOT MET";

/** One sentence in every language that the page speaks. */
export interface Sentence {
  readonly en: string;
  readonly ja: string;
}

export interface Step {
  readonly number: number;
  readonly status: Status;
  /** What was found, and why what is open or not met is so. */
  readonly said: readonly Sentence[];
  /** Whether the step is NOT CHECKED because this verifier knows less than the specification. */
  readonly beyond: boolean;
}

/** What one step finds while it runs. Within a step FAILED beats NOT MET beats NOT CHECKED beats VERIFIED. */
export class Findings {
  readonly said: Sentence[] = [];
  isOpen = false;
  isUnmet = false;
  isBeyond = false;

  /** Say what was found. */
  say(sentence: Sentence): void {
    this.said.push(sentence);
  }

  /** Say what could not be checked, by anybody who has these files. */
  open(sentence: Sentence): void {
    this.said.push(sentence);
    this.isOpen = true;
  }

  /** Say what this verifier cannot check, though `attest verify` can. */
  beyond(sentence: Sentence): void {
    this.open(sentence);
    this.isBeyond = true;
  }

  /** Say what is true, and not as it must be. */
  unmet(sentence: Sentence): void {
    this.said.push(sentence);
    this.isUnmet = true;
  }

  get status(): Status {
    if (this.isUnmet) return "NOT MET";
    return this.isOpen ? "NOT CHECKED" : "VERIFIED";
  }
}
