/**
 * Chains of trust roots (protocol.md, section 7).
 *
 * The first root is pinned by whoever verifies. Every later one is accepted only when enough keys of the one before it
 * and enough of its own signed it, as in The Update Framework (section 5.3 of its specification).
 */

import { AttestError, failed } from "../ground/errors.ts";
import { formatTime } from "../ground/fields.ts";
import { type Envelope, verifySignatures } from "./envelope.ts";
import type { PublicKey } from "./keys.ts";
import { type Holders, parseRoot, parseRootFile, type RoleName, type Root } from "./root.ts";

const MAX_ROOTS = 64;

/** A root and one envelope around it; there may be others, which are copies. */
interface Copy {
  readonly envelope: Envelope;
  readonly root: Root;
}

/** A chain of trust roots: the pinned one, then each that the one before it let in. */
export class Trust {
  private constructor(
    readonly pinned: Root,
    private readonly later: readonly Root[],
  ) {}

  /** Start from a root that the caller trusts; `file` is its envelope. */
  static pin(file: Uint8Array): Trust {
    const envelope = parseRootFile(file);
    const root = parseRoot(envelope);
    checkSigned(envelope, root, root);
    return new Trust(root, []);
  }

  /** Never empty, in the order of their versions and of their times of issue. */
  get roots(): readonly Root[] {
    return [this.pinned, ...this.later];
  }

  get last(): Root {
    return this.later.at(-1) ?? this.pinned;
  }

  /**
   * The chain with those of `envelopes` that come after it, in any order and each as often as one likes.
   *
   * Versions before the pinned one are of no use and are left out; another root under a version that is in the chain
   * fails. Of a root that is there several times, one copy that enough keys signed will do.
   */
  followedBy(envelopes: Iterable<Envelope>): Trust {
    const known = new Map(this.roots.map((root) => [root.version, root.fingerprint]));
    const byVersion = new Map<number, Copy[]>();
    for (const envelope of envelopes) {
      const root = parseRoot(envelope);
      if ((known.get(root.version) ?? root.fingerprint) !== root.fingerprint) {
        throw failed("trust/fork", `there are two different trust roots ${root.version}`);
      }
      known.set(root.version, root.fingerprint);
      const copies = byVersion.get(root.version) ?? [];
      copies.push({ envelope, root });
      byVersion.set(root.version, copies);
    }
    let chain: Trust = this;
    for (const [version, copies] of [...byVersion].sort(([one], [other]) => one - other)) {
      if (version > chain.last.version) chain = chain.thenOneOf(copies);
    }
    return chain;
  }

  /** The root in force at the time of verification. */
  current(now: number): Root {
    const root = this.issuedBy(now);
    if (root === null) {
      throw failed("trust/not-yet", `trust root ${this.pinned.version} is not yet issued at ${formatTime(now)}`);
    }
    if (now >= root.document.expiresAt) {
      throw failed("trust/expired", `trust root ${root.version} expired at ${formatTime(root.document.expiresAt)}`);
    }
    return root;
  }

  /** The root in force when something was issued. */
  at(time: number): Root {
    const root = this.issuedBy(time);
    if (root === null) {
      throw failed(
        "trust/before",
        `issued at ${formatTime(time)}, before trust root ${this.pinned.version}: its keys are not known`,
      );
    }
    if (time >= root.document.expiresAt) {
      throw failed("trust/gap", `issued at ${formatTime(time)}, when trust root ${root.version} had expired`);
    }
    return root;
  }

  /** The keys that have, or once had, one of `roles`. */
  keysOf(...roles: readonly RoleName[]): readonly PublicKey[] {
    const found = new Map<string, PublicKey>();
    for (const root of this.roots) {
      for (const role of roles) {
        for (const [fingerprint, key] of root.roles.get(role)?.keys ?? []) found.set(fingerprint, key);
      }
    }
    return [...found.values()];
  }

  private issuedBy(time: number): Root | null {
    return this.roots.findLast((root) => root.document.issuedAt <= time) ?? null;
  }

  /** The chain with the first of `copies`, all of one root, that may follow; the error is that of the very first. */
  private thenOneOf(copies: readonly Copy[]): Trust {
    let first: AttestError | null = null;
    for (const copy of copies) {
      try {
        return this.then(copy);
      } catch (error) {
        if (!(error instanceof AttestError)) throw error;
        first ??= error;
      }
    }
    throw first ?? failed("trust/version", "there is no trust root");
  }

  /** The chain with one root more, which must be the very next. An expired root may let in the next one. */
  private then({ envelope, root }: Copy): Trust {
    this.checkNext(root);
    checkSigned(envelope, root, this.last);
    checkSigned(envelope, root, root);
    return new Trust(this.pinned, [...this.later, root]);
  }

  private checkNext(root: Root): void {
    const { last } = this;
    if (root.version !== last.version + 1) {
      throw failed(
        "trust/version",
        `trust root ${root.version} does not follow ${last.version}; every version is needed`,
      );
    }
    if (root.document.origin !== last.document.origin) {
      throw failed("trust/origin", `trust root ${root.version} is of another exchange`);
    }
    if (root.document.issuedAt <= last.document.issuedAt) {
      throw failed("trust/time", `trust root ${root.version} was not issued after trust root ${last.version}`);
    }
    if (this.roots.length >= MAX_ROOTS) {
      throw failed("trust/too-many", `more than ${MAX_ROOTS} trust roots follow one another`);
    }
  }
}

/** Whether enough distinct keys of a role are among `fingerprints`. */
export function isMet(holders: Holders, fingerprints: ReadonlySet<string>): boolean {
  return signedOf(holders, fingerprints) >= holders.threshold;
}

/** How many distinct keys of a role are among `fingerprints`. */
export function signedOf(holders: Holders, fingerprints: ReadonlySet<string>): number {
  return [...holders.keys.keys()].filter((fingerprint) => fingerprints.has(fingerprint)).length;
}

function checkSigned(envelope: Envelope, root: Root, by: Root): void {
  const holders = by.roles.get("root");
  if (holders === undefined) throw failed("trust/threshold", `trust root ${by.version} has no root keys`);
  const { signed } = verifySignatures(envelope, holders.keys.values());
  if (!isMet(holders, signed)) {
    throw failed(
      "trust/threshold",
      `trust root ${root.version} is signed by ${signed.size} of the root keys of version ${by.version}; ` +
        `${holders.threshold} must`,
    );
  }
}
