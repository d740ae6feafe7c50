/** The Bitcoin and Litecoin networks by CAIP-2 id, and what their addresses begin with (their chainparams.cpp). */

import { malformed } from "../ground/errors.ts";

export interface Network {
  readonly name: string;
  /** How bech32 addresses begin. */
  readonly prefix: string;
  /** The version byte of base58 addresses that stand for the hash of a key, and those of hashes of scripts. */
  readonly p2pkh: number;
  readonly p2sh: readonly number[];
  /** What extended public keys in descriptors begin with. */
  readonly xpub: Uint8Array;
}

const XPUB = Uint8Array.of(0x04, 0x88, 0xb2, 0x1e);
const TPUB = Uint8Array.of(0x04, 0x35, 0x87, 0xcf);

export const BITCOIN = "bip122:000000000019d6689c085ae165831e93";

function bitcoinTest(name: string, prefix = "tb"): Network {
  return { name, prefix, p2pkh: 111, p2sh: [196], xpub: TPUB };
}

function litecoinTest(name: string, prefix: string): Network {
  return { name, prefix, p2pkh: 111, p2sh: [58, 196], xpub: TPUB };
}

const NETWORKS = new Map<string, Network>([
  [BITCOIN, { name: "Bitcoin", prefix: "bc", p2pkh: 0, p2sh: [5], xpub: XPUB }],
  ["bip122:000000000933ea01ad0ee984209779ba", bitcoinTest("Bitcoin testnet3")],
  ["bip122:00000000da84f2bafbbc53dee25a72ae", bitcoinTest("Bitcoin testnet4")],
  ["bip122:00000008819873e925422c1ff0f99f7c", bitcoinTest("Bitcoin signet")],
  ["bip122:0f9188f13cb7b2c71f2a335e3a4fc328", bitcoinTest("Bitcoin regtest", "bcrt")],
  [
    "bip122:12a765e31ffd4059bada1e25190f6e98",
    { name: "Litecoin", prefix: "ltc", p2pkh: 48, p2sh: [50, 5], xpub: XPUB },
  ],
  ["bip122:4966625a4b2851d9fdee139e56211a0d", litecoinTest("Litecoin testnet", "tltc")],
  ["bip122:530827f38f93b43ed12af0b3ad25a288", litecoinTest("Litecoin regtest", "rltc")],
]);

/** The network of a chain. Throws a `malformed` error for one that is not known. */
export function network(chain: string): Network {
  const found = NETWORKS.get(chain);
  if (found === undefined) {
    throw malformed("bitcoin/chain", `${chain} is not a known Bitcoin or Litecoin network`);
  }
  return found;
}
