"""The Bitcoin and Litecoin networks, and what their addresses, keys and files begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from attest.errors import MalformedError


class KeyKind(NamedTuple):
    """A spelling of extended public keys: how it begins, and the only functions it stands in, if it says (SLIP-132)."""

    name: str
    inside: tuple[str, ...] = ()


class Network(NamedTuple):
    """One network, as src/kernel/chainparams.cpp of Bitcoin Core or src/chainparams.cpp of Litecoin Core has it.

    `prefix` begins bech32 addresses; `p2pkh` and `p2sh` are the version bytes of base58 addresses, and `xpub` the
    four of extended keys in descriptors; `keys` has every spelling of extended keys by its version bytes; `magic`
    is the message start, which also stands in files like those of `dumptxoutset`; `test` coins have no value.
    """

    name: str
    prefix: str
    p2pkh: int
    p2sh: tuple[int, ...]
    xpub: bytes
    keys: Mapping[bytes, KeyKind]
    magic: bytes
    test: bool


DECIMALS: Final = 8  # of every chain of this kind
_XPUB: Final = bytes.fromhex("0488b21e")
_TPUB: Final = bytes.fromhex("043587cf")
_NESTED: Final = ("sh(wpkh(",)
_NATIVE: Final = ("wpkh(",)
_NESTED_MULTI: Final = ("sh(wsh(multi(", "sh(wsh(sortedmulti(")
_NATIVE_MULTI: Final = ("wsh(multi(", "wsh(sortedmulti(")
# SLIP-132. An xpub or tpub may stand anywhere: wallets export it for every kind of address, and so with Ltub and ttub.
_KEYS: Final = {
    _XPUB: KeyKind("xpub"),
    bytes.fromhex("049d7cb2"): KeyKind("ypub", _NESTED),
    bytes.fromhex("04b24746"): KeyKind("zpub", _NATIVE),
    bytes.fromhex("0295b43f"): KeyKind("Ypub", _NESTED_MULTI),
    bytes.fromhex("02aa7ed3"): KeyKind("Zpub", _NATIVE_MULTI),
}
_TEST_KEYS: Final = {
    _TPUB: KeyKind("tpub"),
    bytes.fromhex("044a5262"): KeyKind("upub", _NESTED),
    bytes.fromhex("045f1cf6"): KeyKind("vpub", _NATIVE),
    bytes.fromhex("024289ef"): KeyKind("Upub", _NESTED_MULTI),
    bytes.fromhex("02575483"): KeyKind("Vpub", _NATIVE_MULTI),
}
_LITECOIN_KEYS: Final = _KEYS | {
    bytes.fromhex("019da462"): KeyKind("Ltub"),
    bytes.fromhex("01b26ef6"): KeyKind("Mtub", _NESTED),
}
_LITECOIN_TEST_KEYS: Final = _TEST_KEYS | {bytes.fromhex("0436f6e1"): KeyKind("ttub")}


def _bitcoin_test(name: str, magic: str, prefix: str = "tb") -> Network:
    return Network(name, prefix, 111, (196,), _TPUB, _TEST_KEYS, bytes.fromhex(magic), test=True)


def _litecoin_test(name: str, magic: str, prefix: str) -> Network:
    return Network(name, prefix, 111, (58, 196), _TPUB, _LITECOIN_TEST_KEYS, bytes.fromhex(magic), test=True)


# By CAIP-2 chain id: the first 32 digits of the genesis block's hash. Litecoin Core writes the first of its two
# P2SH versions and reads both.
_NETWORKS: Final = {
    "bip122:000000000019d6689c085ae165831e93": Network(
        "Bitcoin", "bc", 0, (5,), _XPUB, _KEYS, bytes.fromhex("f9beb4d9"), test=False
    ),
    "bip122:000000000933ea01ad0ee984209779ba": _bitcoin_test("Bitcoin testnet3", "0b110907"),
    "bip122:00000000da84f2bafbbc53dee25a72ae": _bitcoin_test("Bitcoin testnet4", "1c163f28"),
    "bip122:00000008819873e925422c1ff0f99f7c": _bitcoin_test("Bitcoin signet", "0a03cf40"),
    "bip122:0f9188f13cb7b2c71f2a335e3a4fc328": _bitcoin_test("Bitcoin regtest", "fabfb5da", "bcrt"),
    "bip122:12a765e31ffd4059bada1e25190f6e98": Network(
        "Litecoin", "ltc", 48, (50, 5), _XPUB, _LITECOIN_KEYS, bytes.fromhex("fbc0b6db"), test=False
    ),
    "bip122:4966625a4b2851d9fdee139e56211a0d": _litecoin_test("Litecoin testnet", "fdd2c8f1", "tltc"),
    "bip122:530827f38f93b43ed12af0b3ad25a288": _litecoin_test("Litecoin regtest", "fabfb5da", "rltc"),
}


def network(chain: str) -> Network:
    """The network of a CAIP-2 chain id (namespace bip122). Raises `MalformedError` for one that is not known."""
    if (found := _NETWORKS.get(chain)) is None:
        raise MalformedError(
            "bitcoin/chain",
            f"{chain} is not a known Bitcoin or Litecoin network",
            hint="the id is bip122: and the first 32 digits of the genesis block's hash (CAIP-2)",
        )
    return found
