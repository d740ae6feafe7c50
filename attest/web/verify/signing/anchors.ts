/** What a verifier trusts before reading anything, and whether enough of it signed (verification steps 1 to 3). */

import { failed } from "../ground/errors.ts";
import type { Findings } from "../ground/step.ts";
import type { Bundle } from "./bundle.ts";
import { type SignatureCount, verifySignatures } from "./envelope.ts";
import type { PublicKey } from "./keys.ts";
import { parseRootFile, type RoleName, type Root, SIGNING_ROLES, signingRoles } from "./root.ts";
import { type CountOfRole, sentences } from "./sentences.ts";
import { isMet, signedOf, type Trust } from "./trust.ts";

/** Whose signatures count: those that a pinned trust root names, or keys of the exchange that the verifier names. */
export type Anchors =
  | { readonly kind: "trust root"; readonly trust: Trust }
  | { readonly kind: "keys"; readonly keys: readonly PublicKey[]; readonly threshold: number };

/** The keys that have, or once had, one of `roles`; keys that the verifier names are the exchange's in every role. */
export function keysOf(anchors: Anchors, ...roles: readonly RoleName[]): readonly PublicKey[] {
  return anchors.kind === "keys" ? anchors.keys : anchors.trust.keysOf(...roles);
}

/** Step 1: the anchors with the chain of trust roots as far as it leads. */
export function followChain(
  anchors: Anchors,
  bundle: Bundle,
  laterRoots: readonly Uint8Array[],
  now: number,
  findings: Findings,
): Anchors {
  if (anchors.kind === "keys") {
    findings.open(sentences.noTrustRoot);
    return anchors;
  }
  const trust = anchors.trust.followedBy([...laterRoots.map(parseRootFile), ...bundle.trustRoots]);
  const current = trust.current(now);
  findings.say(sentences.pinned(trust.pinned.version, trust.pinned.document.origin, trust.pinned.fingerprint));
  if (current !== trust.pinned) findings.say(sentences.leadsTo(current.version, current.fingerprint));
  return { kind: "trust root", trust };
}

/** Step 2: who signed, of the keys that somebody named. */
export function countSignatures(anchors: Anchors, bundle: Bundle, findings: Findings): SignatureCount {
  const count = verifySignatures(bundle.envelope, keysOf(anchors, ...SIGNING_ROLES));
  findings.say(sentences.signed(count.signed.size, count.unknown));
  return count;
}

/** Step 3. Which root was in force is only known once the statement is read: until then those of any will do. */
export function checkThresholds(anchors: Anchors, { signed }: SignatureCount, findings: Findings): void {
  if (anchors.kind === "keys") {
    if (signed.size < anchors.threshold) {
      throw failed("signature/threshold", `${signed.size} of the exchange's keys signed; ${anchors.threshold} must`);
    }
    findings.say(sentences.ofYourKeys(signed.size, anchors.threshold));
    return;
  }
  const { roots, last } = anchors.trust;
  const root = roots.findLast((one) => signingRoles(one).every(({ holders }) => isMet(holders, signed)));
  if (root === undefined) {
    throw failed("signature/threshold", `too few signatures: ${countsOf(last, signed).map(spell).join("; ")}`);
  }
  findings.say(sentences.reached(root.version, countsOf(root, signed)));
}

function countsOf(root: Root, signed: ReadonlySet<string>): readonly CountOfRole[] {
  return signingRoles(root).map(({ role, holders }) => {
    return { role, signed: signedOf(holders, signed), threshold: holders.threshold };
  });
}

function spell({ role, signed, threshold }: CountOfRole): string {
  return `${role} ${signed}, ${threshold} needed`;
}
