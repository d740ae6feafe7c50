/** Whose signatures of a role count for something that was issued at a time (protocol.md, section 7). */

import { AttestError, failed } from "../ground/errors.ts";
import type { RoleName, Root } from "./root.ts";
import type { Trust } from "./trust.ts";

/** What decides about a role: the time that is claimed, and the threshold where it is not that of the roots. */
export interface Asked {
  readonly role: RoleName;
  readonly issuedAt: number;
  readonly threshold?: number;
}

/** Fingerprints whose signatures count; or that only a clock can tell whether enough do. */
export type Standing = ReadonlySet<string> | "unknown";

/**
 * Which keys count among `signed`, those whose signatures hold; they reach the threshold.
 *
 * A claimed time proves nothing: whoever stole a key can write any. So the thresholds of the root in force then must be
 * reached, and those of every later root too, by keys that still have the role. A timestamp from before a root was
 * issued spares a signature that root; but whether a timestamp of one of the keys `stamped` is to be believed is not
 * known here. Where enough signatures would count if all of them were, it is not known whether they do.
 */
export function standing(
  trust: Trust,
  asked: Asked,
  signed: ReadonlySet<string>,
  stamped: ReadonlySet<string>,
): Standing {
  try {
    return count(trust, asked, signed, new Set());
  } catch (error) {
    if (!(error instanceof AttestError) || error.code !== "signature/withdrawn") throw error;
    if (!stands(trust, asked, signed, stamped)) throw error;
    return "unknown";
  }
}

/** Whether enough signatures count where those of the keys `early` are proven to be older than every later root. */
export function stands(trust: Trust, asked: Asked, signed: ReadonlySet<string>, early: ReadonlySet<string>): boolean {
  try {
    count(trust, asked, signed, early);
    return true;
  } catch (error) {
    if (error instanceof AttestError) return false;
    throw error;
  }
}

/** The keys that count where those of `early` are proven to have signed before any later root was issued. */
function count(
  trust: Trust,
  { role, issuedAt, threshold }: Asked,
  signed: ReadonlySet<string>,
  early: ReadonlySet<string>,
): ReadonlySet<string> {
  const since = trust.at(issuedAt);
  const roots = trust.roots.slice(trust.roots.indexOf(since));
  let counted = keep(signed, since.roles.get(role)?.keys);
  let needed = threshold ?? 1; // where a root lowers the threshold, or no longer has the role, as many as before
  for (const [i, root] of roots.entries()) {
    const holders = root.roles.get(role);
    if (threshold === undefined && holders !== undefined) needed = Math.max(needed, holders.threshold);
    if (counted.size < needed) throw tooFew(role, counted.size, needed, root, since);
    const following = roots[i + 1];
    if (following === undefined) break;
    const proven = keep(counted, early);
    if (proven.size >= needed) return proven;
    counted = new Set([...proven, ...keep(counted, following.roles.get(role)?.keys)]);
  }
  return counted;
}

function keep(
  fingerprints: ReadonlySet<string>,
  among: { has(fingerprint: string): boolean } | undefined,
): ReadonlySet<string> {
  return new Set([...fingerprints].filter((fingerprint) => among?.has(fingerprint) === true));
}

function tooFew(role: RoleName, counted: number, needed: number, root: Root, since: Root): AttestError {
  if (root === since) {
    return failed(
      "signature/threshold",
      `${counted} keys of the ${role} signed that trust root ${root.version} names; ${needed} must`,
    );
  }
  return failed(
    "signature/withdrawn",
    `trust root ${root.version} withdrew keys of the ${role} or asks for more: ${counted} signatures still count; ` +
      `${needed} must`,
  );
}
