/** ECDSA signatures in DER, in the one encoding that Bitcoin takes (BIP-66). */

import { concat } from "../ground/bytes.ts";

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const WORD = 32;

/** r and s of a DER signature, of 32 bytes each; null when it is none, or encodes them in another way. */
export function derToCompact(der: Uint8Array): Uint8Array | null {
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) return null;
  const r = integer(der, 2);
  if (r === null) return null;
  const s = integer(der, 4 + r.length);
  if (s === null || 6 + r.length + s.length !== der.length) return null;
  const [one, other] = [word(r), word(s)];
  return one === null || other === null ? null : concat(one, other);
}

/** The bytes of the integer at `at`: as few as there can be, and not negative. */
function integer(der: Uint8Array, at: number): Uint8Array | null {
  const length = der[at + 1] ?? 0;
  const bytes = der.slice(at + 2, at + 2 + length);
  const [first, second] = bytes;
  if (der[at] !== INTEGER || bytes.length !== length || first === undefined || first >= 0x80) return null;
  return first === 0 && second !== undefined && second < 0x80 ? null : bytes;
}

function word(integer: Uint8Array): Uint8Array | null {
  const bytes = integer[0] === 0 ? integer.slice(1) : integer;
  return bytes.length > WORD ? null : concat(new Uint8Array(WORD - bytes.length), bytes);
}
