/** The pack: a bundle and an inclusion proof as one file, for a phone. Whom to trust never stands in it. */

import { utf8 } from "../ground/bytes.ts";
import { anyString, object, oneOf, readJson } from "../ground/fields.ts";

const MAX_PACK_BYTES = 4 * 1024 * 1024;

const pack = object({ format: oneOf("attest/pack/v1"), bundle: anyString(), proof: anyString() });

/** The bytes of the two files. */
export interface Pack {
  readonly bundle: Uint8Array;
  readonly proof: Uint8Array;
}

export function parsePack(bytes: Uint8Array): Pack {
  const read = readJson(pack, bytes, "the pack", MAX_PACK_BYTES);
  return { bundle: utf8(read.bundle), proof: utf8(read.proof) };
}
