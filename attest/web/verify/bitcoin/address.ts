/** The script that an address stands for: P2PKH, P2SH, and the witness programs that are in use. */

import { malformed } from "../ground/errors.ts";
import { fromBase58Check } from "./base58.ts";
import { fromSegwitAddress } from "./bech32.ts";
import { type Network, network } from "./networks.ts";
import { p2pkh, p2sh, witnessScript } from "./script.ts";

const HASH_BYTES = 20;
const TAPROOT_BYTES = 32;

/**
 * The scriptPubKey of an address. Throws a `malformed` error for one that is none, is of another network, or pays to a
 * witness program without rules yet, from which anyone can spend.
 */
export function addressScript(chain: string, address: string): Uint8Array {
  const of = network(chain);
  const script = address.toLowerCase().startsWith(`${of.prefix}1`) ? segwit(address, of) : base58(address, of);
  if (script === null) {
    throw malformed("bitcoin/address", `${address.slice(0, 16)}… is not an address of ${of.name}`);
  }
  return script;
}

function segwit(address: string, of: Network): Uint8Array | null {
  const witness = fromSegwitAddress(address, of.prefix);
  if (witness === null) return null;
  const { version, program } = witness;
  if (version === 0) return witnessScript(0, program);
  return version === 1 && program.length === TAPROOT_BYTES ? witnessScript(1, program) : null;
}

function base58(address: string, of: Network): Uint8Array | null {
  const payload = fromBase58Check(address);
  if (payload === null || payload.length !== 1 + HASH_BYTES) return null;
  const version = payload[0] ?? 0;
  const hash = payload.slice(1);
  if (version === of.p2pkh) return p2pkh(hash);
  return of.p2sh.includes(version) ? p2sh(hash) : null;
}
