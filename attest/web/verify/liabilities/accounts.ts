/** What an account is: the identifier that a customer knows, in the one spelling that is hashed (protocol.md, 1). */

import { tagged, utf8 } from "../ground/bytes.ts";
import { malformed } from "../ground/errors.ts";

const MAX_ACCOUNT_BYTES = 256;
/**
 * NFC makes no text shorter than a fourth of its bytes, so what is longer than this cannot come down to 256. To bring
 * a long run of accents into order takes the square of its length, which nobody shall wait for.
 */
const MAX_GIVEN_BYTES = 16 * MAX_ACCOUNT_BYTES;
const EDGE = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]$/;
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

/** The account in NFC; throws when it cannot identify a customer. */
export function normaliseAccount(account: string): string {
  const refuse = (why: string) => malformed("account/malformed", `the account ${why}`);
  if (/\p{Surrogate}/u.test(account)) throw refuse("has a lone surrogate, so it is no text");
  if (utf8(account).length > MAX_GIVEN_BYTES) throw refuse(`is longer than ${MAX_ACCOUNT_BYTES} bytes of UTF-8`);
  const normal = account.normalize("NFC");
  const { length } = utf8(normal);
  if (length < 1 || length > MAX_ACCOUNT_BYTES) throw refuse(`has ${length} bytes of UTF-8, not 1 to 256`);
  if (EDGE.test(normal.charAt(0)) || EDGE.test(normal.charAt(normal.length - 1))) {
    throw refuse("begins or ends with white space or a byte order mark");
  }
  if (CONTROL.test(normal)) throw refuse("has a control character");
  return normal;
}

/** What stands for an account in the leaves of trees. */
export function accountDigest(account: string): Uint8Array {
  return tagged("attest/v1/account", utf8(normaliseAccount(account)));
}
