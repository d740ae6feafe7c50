/** Witness programs spelled in bech32 (BIP-173) and bech32m (BIP-350). */

/** The characters of the digits 0 to 31. */
export const BECH32_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const BECH32 = 1;
const BECH32M = 0x2bc830a3;
const MAX_CHARACTERS = 90;
const CHECKSUM_DIGITS = 6;

export interface Witness {
  readonly version: number;
  readonly program: Uint8Array;
}

/** The witness version and program that `address` spells behind `prefix`; null when it is none. */
export function fromSegwitAddress(address: string, prefix: string): Witness | null {
  if (address.length > MAX_CHARACTERS || !/^[!-~]*$/.test(address)) return null;
  const small = address.toLowerCase();
  if (address !== small && address !== address.toUpperCase()) return null;
  if (small.lastIndexOf("1") !== prefix.length || !small.startsWith(prefix)) return null;
  const digits = [...small.slice(prefix.length + 1)].map((character) => BECH32_ALPHABET.indexOf(character));
  const [version] = digits;
  if (version === undefined || digits.length < 1 + CHECKSUM_DIGITS || digits.includes(-1)) return null;
  if (version > 16 || checksum(prefix, digits) !== (version === 0 ? BECH32 : BECH32M)) return null;
  const program = toBytes(digits.slice(1, -CHECKSUM_DIGITS));
  if (program === null || program.length < 2 || program.length > 40) return null;
  return version === 0 && program.length !== 20 && program.length !== 32 ? null : { version, program };
}

function checksum(prefix: string, digits: readonly number[]): number {
  const codes = [...prefix].map((character) => character.charCodeAt(0));
  let state = 1;
  for (const value of [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...digits]) {
    const top = state >>> 25;
    state = ((state & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((word, bit) => {
      if ((top >> bit) & 1) state ^= word;
    });
  }
  return state;
}

/** Digits of five bits as bytes; null when the bits that are left over are not fewer than five, and zero. */
function toBytes(digits: readonly number[]): Uint8Array | null {
  const bytes: number[] = [];
  let value = 0;
  let bits = 0;
  for (const digit of digits) {
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 255);
    }
  }
  return bits >= 5 || (value & ((1 << bits) - 1)) !== 0 ? null : Uint8Array.from(bytes);
}
