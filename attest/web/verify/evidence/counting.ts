/** What readings count: no coins twice, and what lies at one place for one purpose (protocol.md, section 4). */

import { failed } from "../ground/errors.ts";
import { evmPlace, type Place, placesOf, scriptPlace } from "../records/places.ts";
import { isOfToken, type Reading } from "../records/readings.ts";
import type { OwnWallet } from "../records/wallets.ts";
import type { StatedAsset } from "../statement/statement.ts";

/** No two of the readings count the same coins. */
export function refuseDoubleCounting(readings: Iterable<Reading>): void {
  const owner = new Map<string, Reading>();
  for (const reading of readings) {
    for (const coins of coinsOf(reading)) {
      const other = owner.get(coins);
      if (other !== undefined) {
        throw failed(
          "recheck/double-count",
          `wallets ${other.wallet} and ${reading.wallet} count the same ${reading.asset}`,
        );
      }
      owner.set(coins, reading);
    }
  }
}

/** What a reading counts, in a spelling that two readings of the same coins share. */
function coinsOf(reading: Reading): readonly string[] {
  switch (reading.type) {
    case "ethereum-balance":
      return [`${reading.chain} ${reading.address.toLowerCase()}`];
    case "ethereum-token-balance":
    case "ethereum-token-answer":
      return [`${reading.chain} ${reading.address.toLowerCase()} ${reading.contract.toLowerCase()}`];
    case "bitcoin-utxos":
      // On whatever chain: no transaction is on two of them.
      return reading.utxos.map((utxo) => `${utxo.txid}:${utxo.vout}`);
  }
}

/** One token contract counts as one asset, and where an asset lists its contracts, as none that it does not list. */
export function refuseTwoAssets(readings: Iterable<Reading>, assets: readonly StatedAsset[]): void {
  const assetOf = new Map<string, string>();
  const listing = new Set<string>();
  for (const { asset, tokens } of assets) {
    if (tokens !== null) listing.add(asset);
    for (const token of tokens ?? []) assetOf.set(contractPlace(token.chain, token.contract), asset);
  }
  for (const reading of readings) {
    if (!isOfToken(reading)) continue;
    const place = contractPlace(reading.chain, reading.contract);
    const known = assetOf.get(place);
    // A contract that is listed is known from the beginning: one that is met here stands in no list.
    if (known === undefined ? listing.has(reading.asset) : known !== reading.asset) {
      const other = known === undefined ? "the statement does not list it" : `as ${known} too`;
      throw failed(
        "recheck/token",
        `the token contract ${reading.contract} on ${reading.chain} counts as ${reading.asset}, and ${other}`,
      );
    }
    assetOf.set(place, reading.asset);
  }
}

function contractPlace(chain: string, contract: string): string {
  return `${chain} ${contract.toLowerCase()}`;
}

/** What lies at one place serves one purpose in one kind of storage: one key moves all of it. */
export function refuseTwoPurposes(readings: Iterable<Reading>): void {
  const tenants = new Map<Place, Reading>();
  for (const reading of readings) {
    for (const place of placesOf(reading)) {
      const other = tenants.get(place);
      if (other === undefined) {
        tenants.set(place, reading);
      } else if (other.purpose !== reading.purpose || other.storage !== reading.storage) {
        throw failed(
          "recheck/two-purposes",
          `wallets ${other.wallet} and ${reading.wallet} hold coins at one place for two purposes`,
        );
      }
    }
  }
}

/** No reading counts what lies in one of the exchange's own wallets. */
export function refuseOwn(readings: Iterable<Reading>, wallets: readonly OwnWallet[]): void {
  const owner = new Map<Place, OwnWallet>();
  for (const wallet of wallets) {
    if (wallet.address !== null) owner.set(evmPlace(wallet.chain, wallet.address), wallet);
    for (const script of wallet.scripts ?? []) owner.set(scriptPlace(wallet.chain, script), wallet);
  }
  if (owner.size === 0) return;
  for (const reading of readings) {
    for (const place of placesOf(reading)) {
      const own = owner.get(place);
      if (own !== undefined) {
        throw failed(
          "recheck/own",
          `wallet ${reading.wallet} counts coins of the exchange's own wallet ${own.wallet}`,
        );
      }
    }
  }
}

/** The own coin of a chain counts as one asset, as which no token there counts. */
export function checkCoins(readings: readonly Reading[]): void {
  const coins = new Map<string, string>();
  for (const reading of readings) {
    if (isOfToken(reading)) continue;
    const other = coins.get(reading.chain) ?? reading.asset;
    if (other !== reading.asset) {
      throw failed("recheck/coin", `the coin of ${reading.chain} counts as ${other} and as ${reading.asset}`);
    }
    coins.set(reading.chain, reading.asset);
  }
  for (const reading of readings) {
    if (isOfToken(reading) && coins.get(reading.chain) === reading.asset) {
      throw failed(
        "recheck/coin",
        `wallet ${reading.wallet} counts a token of ${reading.chain} as its coin, ${reading.asset}`,
      );
    }
  }
}
