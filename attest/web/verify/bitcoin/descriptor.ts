/**
 * The scripts of simple output descriptors (BIP-380 to BIP-383): one key under pkh(), wpkh() or sh(wpkh()), or several
 * under wsh(multi()) and wsh(sortedmulti()), each an xpub with fixed steps and a last `*`. Nothing is said of others.
 */

import { compare, concat, sha256, toHex } from "../ground/bytes.ts";
import { BECH32_ALPHABET } from "./bech32.ts";
import { childOf, type ExtendedKey, parseExtendedKey } from "./bip32.ts";
import { hash160 } from "./hashes.ts";
import { network } from "./networks.ts";
import { p2pkh, p2sh, push, witnessScript } from "./script.ts";

const MAX_STEPS = 4;
const STEP = "(?:0|[1-9][0-9]{0,8})";
const ORIGIN = `\\[[0-9a-f]{8}(?:/${STEP}[h']?){0,10}\\]`;
const KEY = new RegExp(`^(?:${ORIGIN})?([1-9A-HJ-NP-Za-km-z]{111})((?:/${STEP}){0,${MAX_STEPS}})/\\*$`);
const SINGLE = /^(pkh|wpkh|sh\(wpkh)\(([^(),]+)\)+$/;
const MULTI = /^wsh\((multi|sortedmulti)\(([1-9][0-9]?),([^()]+)\)\)$/;
const MAX_KEYS = 15;
const MAX_INDEX = 2 ** 31 - 1;

/** A descriptor whose scripts can be derived. */
export interface Simple {
  /** The script at an index, as hex; null where an index has none. */
  readonly scripts: (index: number) => string | null;
  /** How many keys are derived for one script. */
  readonly keys: number;
  /** How many keys were derived at the most to come to the steps with a `*`. */
  readonly parents: number;
}

/** The scripts of a descriptor on a chain; null when it is none of the simple ones. */
export function simpleDescriptor(text: string, chain: string): Simple | null {
  const [body = "", checksum, ...more] = text.split("#");
  if (more.length > 0 || (checksum !== undefined && checksum !== checksumOf(body))) return null;
  const single = SINGLE.exec(body);
  if (single !== null) {
    const [, kind = "", key = ""] = single;
    const closing = kind === "sh(wpkh" ? "))" : ")";
    const found = `${kind}(${key}${closing}` === body ? spelledKey(key, chain) : null;
    const parent = found === null ? null : parentOf(found);
    if (parent === null) return null;
    return { scripts: (index) => singleScript(kind, parent, index), keys: 1, parents: MAX_STEPS };
  }
  const [, kind = "", needed = "", list = ""] = MULTI.exec(body) ?? [];
  const spelled = list.split(",");
  if (kind === "" || spelled.length > MAX_KEYS || Number(needed) > spelled.length) return null;
  // Every key is read before any is derived, which takes far longer.
  const found = spelled.map((key) => spelledKey(key, chain)).filter((key) => key !== null);
  const parents = found.length < spelled.length ? [] : found.map(parentOf).filter((parent) => parent !== null);
  if (parents.length < spelled.length) return null;
  return {
    scripts: (index) => multiScript(kind === "sortedmulti", Number(needed), parents, index),
    keys: parents.length,
    parents: parents.length * MAX_STEPS,
  };
}

/** A key as it is spelled, and the steps from it to those whose children the `*` stands for. */
interface SpelledKey {
  readonly key: ExtendedKey;
  readonly steps: readonly number[];
}

function spelledKey(text: string, chain: string): SpelledKey | null {
  const [, spelled = "", path = ""] = KEY.exec(text) ?? [];
  const key = spelled === "" ? null : parseExtendedKey(spelled, network(chain).xpub);
  return key === null ? null : { key, steps: path.split("/").slice(1).map(Number) };
}

function parentOf({ key, steps }: SpelledKey): ExtendedKey | null {
  return steps.reduce<ExtendedKey | null>((parent, step) => (parent === null ? null : childOf(parent, step)), key);
}

function singleScript(kind: string, parent: ExtendedKey, index: number): string | null {
  const child = index > MAX_INDEX ? null : childOf(parent, index);
  if (child === null) return null;
  const hash = hash160(child.key);
  if (kind === "pkh") return toHex(p2pkh(hash));
  const witness = witnessScript(0, hash);
  return toHex(kind === "wpkh" ? witness : p2sh(hash160(witness)));
}

function multiScript(isSorted: boolean, needed: number, parents: readonly ExtendedKey[], index: number): string | null {
  const keys = parents.flatMap((parent) => childOf(parent, index)?.key ?? []);
  if (index > MAX_INDEX || keys.length !== parents.length) return null;
  if (isSorted) keys.sort(compare);
  // OP_k <key> … OP_n OP_CHECKMULTISIG
  const script = concat(Uint8Array.of(0x50 + needed), ...keys.map(push), Uint8Array.of(0x50 + keys.length, 0xae));
  return toHex(witnessScript(0, sha256(script)));
}

const CHARACTERS = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

/** The checksum of a descriptor's text before the # (BIP-380); null where a character may not stand in one. */
function checksumOf(text: string): string | null {
  const places = [...text].map((character) => CHARACTERS.indexOf(character));
  if (places.includes(-1)) return null;
  const symbols: number[] = [];
  for (let i = 0; i < places.length; i += 3) {
    const three = places.slice(i, i + 3);
    const groups = three.reduce((sum, place) => sum * 3 + Math.floor(place / 32), 0);
    symbols.push(...three.map((place) => place % 32), groups);
  }
  let state = 1n;
  for (const symbol of [...symbols, 0, 0, 0, 0, 0, 0, 0, 0]) {
    const top = state >> 35n;
    state = ((state & 0x7ffffffffn) << 5n) ^ BigInt(symbol);
    GENERATOR.forEach((word, bit) => {
      if ((top >> BigInt(bit)) & 1n) state ^= word;
    });
  }
  state ^= 1n;
  const digits = [7n, 6n, 5n, 4n, 3n, 2n, 1n, 0n].map((place) => Number((state >> (5n * place)) & 31n));
  return digits.map((digit) => BECH32_ALPHABET.charAt(digit)).join("");
}
