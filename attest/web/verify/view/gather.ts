/** Which of the files that someone gave are used, and for what. Values in, values out. */

import type { PublicKey } from "../signing/keys.ts";
import type { Trust } from "../signing/trust.ts";
import { type Anchors, type Given, verify } from "../verify.ts";
import type { BundleLabel, Recognised } from "./recognise.ts";

/** A file as it was given. */
export interface Item {
  readonly id: number;
  /** The name it had, which is only shown. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly what: Recognised;
}

export type Use =
  | "bundle"
  | "earlier"
  | "otherBundle"
  | "proof"
  | "otherProof"
  | "root"
  | "laterRoot"
  | "otherRoot"
  | "key"
  | "otherKey"
  | "subject"
  | "evidence"
  | "unknown"
  | "waiting";

export type Remark =
  | { readonly kind: "unknown" | "notNamed" | "privateKey" | "unsigned" | "sentAnchor"; readonly name: string }
  | { readonly kind: "damaged"; readonly name: string; readonly why: string }
  | { readonly kind: "twoBundles" | "twoProofs"; readonly name: string }
  | { readonly kind: "otherRoot"; readonly origin: string }
  | { readonly kind: "otherStatement" | "keyIgnored" };

/** Whom the reader trusts, and how the page came to know it. */
export type Anchor =
  | { readonly kind: "root"; readonly trust: Trust; readonly from: "page" | "hand" }
  | { readonly kind: "keys"; readonly keys: readonly PublicKey[] }
  | { readonly kind: "nobody" };

export type ProofState = "none" | "given" | "other statement" | "damaged";

export interface Gathered {
  /** Null while there is no bundle. */
  readonly given: Given | null;
  readonly anchor: Anchor;
  readonly proof: ProofState;
  /** Whether another bundle has a statement where there should be one, and signatures on it count as well. */
  readonly isForked: boolean;
  readonly uses: ReadonlyMap<number, Use>;
  readonly remarks: readonly Remark[];
}

interface Of<K extends Recognised["kind"]> extends Item {
  readonly what: Extract<Recognised, { kind: K }>;
}

function ofKind<K extends Recognised["kind"]>(items: readonly Item[], kind: K): Of<K>[] {
  return items.filter((item): item is Of<K> => item.what.kind === kind);
}

/**
 * Of several bundles the one given last is verified, and so of proofs, unless only an earlier one fits. `embedded` is
 * the trust root that the page came with, `chosen` the item that the reader pins instead.
 */
export function gather(
  items: readonly Item[],
  embedded: Trust | null,
  chosen: number | null,
  now: number,
): Gathered {
  const uses = new Map<number, Use>();
  const remarks: Remark[] = [];
  const bundle = chooseBundle(ofKind(items, "bundle"), uses, remarks);
  const anchoring = chooseAnchor(items, embedded, chosen, uses, remarks);
  const label = bundle?.what.label ?? null;
  const proof = chooseProof(items, label, uses, remarks);
  const files = chooseFiles(items, bundle !== null, label, uses, remarks);
  for (const item of items) noteDamaged(item, uses, remarks);
  const bundles = ofKind(items, "bundle");
  const previous = label === null ? null : earlierBundle(bundles, label);
  const given: Given | null =
    bundle === null
      ? null
      : {
          bundle: bundle.bytes,
          anchors: anchorsOf(anchoring.anchor),
          laterRoots: anchoring.laterRoots,
          proof: proof.bytes,
          previous: previous?.bytes ?? null,
          files,
          now,
          known: { nonce: null, windowNonce: null, custodians: new Map() },
        };
  const rivals = label === null ? [] : bundles.filter((one) => isRival(label, one.what.label));
  const isForked = given !== null && rivals.some((one) => isSigned(one.bytes, given));
  return { given, anchor: anchoring.anchor, proof: proof.state, isForked, uses, remarks };
}

/** Anybody can write a second statement: it says something of the exchange only when those who must have signed it. */
function isSigned(bundle: Uint8Array, given: Given): boolean {
  const { signatories } = verify({ ...given, bundle, proof: null, previous: null, files: new Map() });
  return signatories !== null && signatories.undecided.length === 0 && signatories.evaded === null;
}

/** Without anybody to trust no key is looked for, and whoever shows the result says so. */
function anchorsOf(anchor: Anchor): Anchors {
  switch (anchor.kind) {
    case "root":
      return { kind: "trust root", trust: anchor.trust };
    case "keys":
      return { kind: "keys", keys: anchor.keys, threshold: anchor.keys.length };
    case "nobody":
      return { kind: "keys", keys: [], threshold: 0 };
  }
}

function chooseBundle(bundles: readonly Of<"bundle">[], uses: Map<number, Use>, remarks: Remark[]): Of<"bundle"> | null {
  const last = bundles.at(-1);
  if (last === undefined) return null;
  // The month before may be given last: then the one that follows it is meant.
  const digest = last.what.label?.digest;
  const following = bundles.filter((one) => digest !== undefined && one.what.label?.previous === digest);
  const chosen = following.at(-1) ?? last;
  const label = chosen.what.label;
  const earlier = label === null ? null : earlierBundle(bundles, label);
  const others = bundles.filter((one) => one !== chosen && one !== earlier);
  for (const one of others) uses.set(one.id, "otherBundle");
  if (earlier !== null) uses.set(earlier.id, "earlier");
  uses.set(chosen.id, "bundle");
  if (others.length > 0) remarks.push({ kind: "twoBundles", name: chosen.name });
  return chosen;
}

function earlierBundle(bundles: readonly Of<"bundle">[], label: BundleLabel): Of<"bundle"> | null {
  return bundles.filter((one) => label.previous !== null && one.what.label?.digest === label.previous).at(-1) ?? null;
}

function isRival(one: BundleLabel, other: BundleLabel | null): boolean {
  return (
    other !== null &&
    one.origin === other.origin &&
    one.digest !== other.digest &&
    (one.period === other.period || one.sequence === other.sequence)
  );
}

interface Anchoring {
  readonly anchor: Anchor;
  readonly laterRoots: readonly Uint8Array[];
}

function chooseAnchor(
  items: readonly Item[],
  embedded: Trust | null,
  chosen: number | null,
  uses: Map<number, Use>,
  remarks: Remark[],
): Anchoring {
  const roots = ofKind(items, "root");
  const pick = roots.find((one) => one.id === chosen) ?? (embedded === null ? firstOfLastOrigin(roots) : null);
  const pinned = pick?.what.trust ?? embedded;
  const keys = ofKind(items, "key");
  if (pinned === null) {
    for (const one of keys) uses.set(one.id, "key");
    const distinct = [...new Map(keys.map((one) => [one.what.key.fingerprint, one.what.key])).values()];
    return { anchor: distinct.length === 0 ? { kind: "nobody" } : { kind: "keys", keys: distinct }, laterRoots: [] };
  }
  for (const one of keys) uses.set(one.id, "otherKey");
  if (keys.length > 0) remarks.push({ kind: "keyIgnored" });
  const laterRoots: Uint8Array[] = [];
  for (const one of roots) {
    const { document, version, fingerprint } = one.what.trust.pinned;
    if (one === pick || fingerprint === pinned.pinned.fingerprint) {
      uses.set(one.id, "root");
    } else if (document.origin === pinned.pinned.document.origin && version > pinned.pinned.version) {
      uses.set(one.id, "laterRoot");
      laterRoots.push(one.bytes);
    } else {
      uses.set(one.id, "otherRoot");
      remarks.push({ kind: "otherRoot", origin: document.origin });
    }
  }
  return { anchor: { kind: "root", trust: pinned, from: pick === null ? "page" : "hand" }, laterRoots };
}

/** Of the roots of the exchange that was named last, the first version: the others may follow from it. */
function firstOfLastOrigin(roots: readonly Of<"root">[]): Of<"root"> | null {
  const origin = roots.at(-1)?.what.trust.pinned.document.origin;
  return roots
    .filter((one) => one.what.trust.pinned.document.origin === origin)
    .reduce<Of<"root"> | null>(
      (first, one) => (first === null || one.what.trust.pinned.version < first.what.trust.pinned.version ? one : first),
      null,
    );
}

interface ChosenProof {
  readonly state: ProofState;
  readonly bytes: Uint8Array | null;
}

/** A proof of another statement says nothing about this one, so it is not handed to verification. */
function chooseProof(
  items: readonly Item[],
  label: BundleLabel | null,
  uses: Map<number, Use>,
  remarks: Remark[],
): ChosenProof {
  const proofs = ofKind(items, "proof");
  const isDamaged = items.some((item) => item.what.kind === "damaged" && item.what.what === "proof");
  const fitting = label === null ? proofs : proofs.filter((one) => one.what.statement === label.digest);
  const chosen = fitting.at(-1) ?? proofs.at(-1);
  if (chosen === undefined) return { state: isDamaged ? "damaged" : "none", bytes: null };
  for (const one of proofs) uses.set(one.id, one === chosen ? "proof" : "otherProof");
  if (fitting.length > 1) remarks.push({ kind: "twoProofs", name: chosen.name });
  if (fitting.length > 0) return { state: "given", bytes: chosen.bytes };
  remarks.push({ kind: "otherStatement" });
  return { state: "other statement", bytes: null };
}

/** The name under which verification takes all records of evidence; no statement names that file. */
const WHOLE_EVIDENCE = "evidence.jsonl";

function chooseFiles(
  items: readonly Item[],
  hasBundle: boolean,
  label: BundleLabel | null,
  uses: Map<number, Use>,
  remarks: Remark[],
): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const item of items) {
    if (item.what.kind !== "evidence" && item.what.kind !== "other") continue;
    const names = label?.subjects.get(item.what.digest) ?? [];
    if (item.what.kind === "evidence" && names.length === 0) {
      uses.set(item.id, "evidence");
      files.set(WHOLE_EVIDENCE, item.bytes);
    } else {
      for (const name of names) files.set(name, item.bytes);
      uses.set(item.id, names.length > 0 ? "subject" : hasBundle ? "unknown" : "waiting");
      if (names.length === 0 && hasBundle) {
        remarks.push({ kind: label === null ? "unknown" : "notNamed", name: item.name });
      }
    }
  }
  return files;
}

function noteDamaged(item: Item, uses: Map<number, Use>, remarks: Remark[]): void {
  const { what, name } = item;
  if (uses.has(item.id)) return;
  uses.set(item.id, "unknown");
  if (what.kind === "damaged") remarks.push({ kind: "damaged", name, why: what.why });
  if (what.kind === "private key") remarks.push({ kind: "privateKey", name });
  if (what.kind === "sent anchor") remarks.push({ kind: "sentAnchor", name });
  if (what.kind === "unsigned statement") remarks.push({ kind: "unsigned", name });
}
