/** Networks whose coins are what their assets are called. What lies elsewhere is said, for anybody can make a network. */

import { BITCOIN } from "../bitcoin/networks.ts";
import type { Statement } from "../statement/statement.ts";

const LITECOIN = "bip122:12a765e31ffd4059bada1e25190f6e98";

/** By EIP-155: Ethereum, OP, BNB Smart Chain, Polygon, Base, Arbitrum One and Avalanche. */
const EVM = ["1", "10", "56", "137", "8453", "42161", "43114"].map((id) => `eip155:${id}`);

const MAIN: ReadonlySet<string> = new Set([BITCOIN, LITECOIN, ...EVM]);

/** Where coins of customers lie that is none of these, of one asset or of all. */
export function unknownNetworks({ predicate }: Statement, asset: string | null = null): readonly string[] {
  const lines = predicate.reserves.filter((line) => line.purpose === "customer" && (asset ?? line.asset) === line.asset);
  return [...new Set(lines.map(({ chain }) => chain))].filter((chain) => !MAIN.has(chain));
}
