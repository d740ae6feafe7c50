from __future__ import annotations

from typing import Any

import pytest

from attest.chains.bitcoin.scripts import scripts
from attest.chains.wallets import Wallet
from attest.errors import MalformedError
from attest.reserves.register import register
from tests.world.register import ETHEREUM, FIRST, HOLDER, POLYGON, bitcoin, ethereum

TESTNET3 = "bip122:000000000933ea01ad0ee984209779ba"
SIGNET = "bip122:00000008819873e925422c1ff0f99f7c"
LITECOIN = "bip122:12a765e31ffd4059bada1e25190f6e98"
# The account of SLIP-132's test vectors, in two spellings.
ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
XPUB = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V"


def ranged(name: str, key: str, first: int, last: int, **fields: Any) -> Wallet:
    return bitcoin(name, descriptor=f"wpkh({key}/0/*)", range=(first, last), **fields)


TWINS = {
    "two ranges": (ranged("a", ZPUB, 0, 9), ranged("b", ZPUB, 9, 12)),
    "two spellings of a key": (ranged("a", ZPUB, 0, 9), ranged("b", XPUB, 9, 12)),
    "with and without origin": (
        ranged("a", XPUB, 0, 9),
        bitcoin("b", descriptor=f"wpkh([73c5da0a/84h/0h/0h]{XPUB}/0/5)"),
    ),
    "a descriptor and an address": (ranged("a", ZPUB, 0, 9), bitcoin("b", address=FIRST)),
    "two spellings of an address": (bitcoin("a", address=FIRST), bitcoin("b", address=FIRST.upper())),
    "two P2SH versions of Litecoin": (
        bitcoin("a", chain=LITECOIN, address="M7zVKQKmtV5Rc7erVGVVC3khZbXxsS5HEX"),
        bitcoin("b", chain=LITECOIN, address="31nM1WuowNDzocNxPPW9NQWJEtwWpjfcLj"),
    ),
    "an address in two cases": (ethereum("a", "ETH"), ethereum("b", "ETH", address=HOLDER.lower())),
    "one asset of many": (ethereum("a", "DAI", "ETH"), ethereum("b", "USDC", "ETH")),
    "one asset, two purposes": (ethereum("a", "ETH"), ethereum("b", "ETH", purpose="compensation")),
    "coins of its own at an address": (ethereum("a", "ETH"), ethereum("b", "ETH", purpose="own")),
    "coins of its own in a range": (ranged("a", ZPUB, 0, 9), ranged("b", XPUB, 9, 12, purpose="own")),
}


@pytest.mark.parametrize("case", TWINS)
def test_two_wallets_that_count_the_same_coins_are_refused_by_name(case: str) -> None:
    one, other = TWINS[case]
    between = ranged("between", ZPUB, 100, 101)
    for wallets in ([one, between, other], [other, between, one]):
        with pytest.raises(MalformedError, match=f"wallets {wallets[0].id} and {wallets[2].id} share") as caught:
            register(wallets)
        assert caught.value.code == "config/double-count"


@pytest.mark.parametrize("fields", [{"purpose": "compensation"}, {"purpose": "own"}, {"storage": "cold"}])
def test_an_address_holds_for_one_purpose_in_one_kind_of_storage(fields: dict[str, str]) -> None:
    wallets = [ethereum("a", "ETH"), ethereum("b", "DAI"), ethereum("c", "USDC", address=HOLDER.lower(), **fields)]
    with pytest.raises(MalformedError, match="wallets a and c are one address") as caught:
        register(wallets)
    assert caught.value.code == "config/two-purposes"


def test_what_differs_in_chain_address_asset_or_script_is_no_double_count() -> None:
    tb1 = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"
    wallets = [
        ranged("btc", XPUB, 0, 9),
        ranged("more", XPUB, 10, 19),
        bitcoin("legacy", descriptor=f"pkh({XPUB}/0/*)", range=(0, 9)),
        ranged("ltc", XPUB, 0, 9, chain=LITECOIN),
        bitcoin("test", chain=TESTNET3, address=tb1),
        bitcoin("sig", chain=SIGNET, address=tb1, purpose="compensation"),
        ethereum("eth", "ETH"),
        ethereum("tokens", "DAI", "USDC", address=HOLDER.lower()),
        ethereum("polygon", "ETH", chain=POLYGON, purpose="compensation"),
        ethereum("else", "ETH", address="0x" + "11" * 20, storage="cold"),
    ]
    found = register(wallets)
    assert found.places == {wallet.id: scripts(wallet) for wallet in wallets[:6]} | {
        "eth": (HOLDER,),
        "tokens": (HOLDER,),
        "polygon": (HOLDER,),
        "else": ("0x" + "11" * 20,),
    }


@pytest.mark.parametrize(
    "wallet",
    [
        bitcoin("wrong", address="bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyz"),
        ethereum("wrong", "ETH", address=HOLDER.replace("B", "b")),
        bitcoin("wrong", chain=ETHEREUM, descriptor=f"wpkh({XPUB})"),
    ],
    ids=["bitcoin", "ethereum", "a descriptor on an EVM chain"],
)
def test_a_wallet_that_stands_nowhere_is_refused_by_name(wallet: Wallet) -> None:
    with pytest.raises(MalformedError, match="wallet wrong: "):
        register([ethereum("eth", "ETH"), wallet])
