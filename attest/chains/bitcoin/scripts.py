"""The scriptPubKeys of a wallet of the register: what a node is asked for, and what its answers must pay to."""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any, Final

from attest.chains.bitcoin.descriptor import not_a_descriptor, plain_descriptor, refuse_key
from attest.chains.bitcoin.descriptor_faults import why_unread
from attest.chains.bitcoin.networks import Network, network
from attest.chains.wallets import Wallet
from attest.errors import MalformedError, UnavailableError, refuse_machine

MAX_RANGE: Final = 100_000
_LAST_INDEX: Final = 2**31 - 1  # BIP-32: above it lie the hardened keys
_BASE58_ADDRESS_BYTES: Final = 21
_TAPROOT: Final = bytes((0x51, 32))  # BIP-341: OP_1, and the length of a key
_SHOWN: Final = 16
_SETTINGS: Final = Path(__file__).with_name("bitcoinlib-settings")


def scripts(wallet: Wallet) -> tuple[bytes, ...]:
    """The scriptPubKeys of a wallet's address, or of its descriptor over its range (BIP-380).

    Addresses are those of BIP-13, BIP-173 and BIP-350 whose kind is in use: P2PKH, P2SH, and witness versions 0
    and 1. Raises `MalformedError` for an address or descriptor that is none, or of another network.
    """
    try:
        if wallet.address is not None:
            return (address_script(wallet.chain, wallet.address),)
        return descriptor_scripts(wallet.descriptor or "", wallet.range or (0, 0), wallet.chain)
    except MalformedError as error:
        raise error.within(f"wallet {wallet.id}") from None


def descriptor_scripts(text: str, indexes: tuple[int, int], chain_id: str) -> tuple[bytes, ...]:
    """The scriptPubKeys of a descriptor from the first to the last of `indexes`. Raises `MalformedError`."""
    import wallycore

    first, last = indexes
    chain = network(chain_id)
    if not 0 <= first <= last < first + MAX_RANGE or last > _LAST_INDEX:
        raise MalformedError("bitcoin/range", f"a range has at most {MAX_RANGE:,} indexes below 2^31")
    plain = plain_descriptor(text, chain)
    # Only the version of keys depends on it, which Litecoin's descriptors share.
    number = wallycore.WALLY_NETWORK_BITCOIN_TESTNET if chain.test else wallycore.WALLY_NETWORK_BITCOIN_MAINNET
    try:
        descriptor = wallycore.descriptor_parse(plain, None, number, 0)
        keys = wallycore.descriptor_get_num_keys(descriptor)
        found = tuple(
            bytes(wallycore.descriptor_to_script(descriptor, 0, 0, 0, 0, index, 0)) for index in range(first, last + 1)
        )
    except (ValueError, TypeError):  # a lone surrogate is a TypeError
        raise why_unread(text.partition("#")[0], chain.name) from None
    if not keys:
        raise not_a_descriptor(chain, ": it holds no key, so anyone could spend from it")
    return found


def address_of(chain: str, script: bytes) -> str:
    """The address that stands for a scriptPubKey. Raises `MalformedError` for a script that has none."""
    import wallycore

    of = network(chain)
    kind = wallycore.scriptpubkey_get_type(script) if script else None
    if kind == wallycore.WALLY_SCRIPT_TYPE_P2PKH:
        return str(wallycore.base58check_from_bytes(bytes([of.p2pkh]) + script[3:23]))
    if kind == wallycore.WALLY_SCRIPT_TYPE_P2SH:
        return str(wallycore.base58check_from_bytes(bytes([of.p2sh[0]]) + script[2:22]))
    if kind in {
        wallycore.WALLY_SCRIPT_TYPE_P2WPKH,
        wallycore.WALLY_SCRIPT_TYPE_P2WSH,
        wallycore.WALLY_SCRIPT_TYPE_P2TR,
    }:
        return str(wallycore.addr_segwit_from_bytes(script, of.prefix, 0))
    raise MalformedError("bitcoin/address", f"the script {script.hex()[:200]} has no address")


def address_script(chain_id: str, address: str) -> bytes:
    """The scriptPubKey of an address. Raises `MalformedError` for an address that is none, or of another network."""
    chain = network(chain_id)
    refuse_key(address, chain)
    if address.lower().startswith(chain.prefix + "1"):
        return _segwit_script(address, chain)
    return _base58_script(address, chain)


def _segwit_script(address: str, chain: Network) -> bytes:
    import wallycore

    bitcoinlib = _bitcoinlib()
    try:
        script = bytes(wallycore.addr_segwit_to_bytes(address, chain.prefix, 0))
        other = bitcoinlib.deserialize_address(address, encoding="bech32")
    except Exception as error:  # noqa: BLE001 (bitcoinlib raises several unrelated types)
        refuse_machine(error)
        raise _not_an_address(address, chain) from None
    if other["raw"] != script:
        raise _read_differently(address)
    if script[0] and not script.startswith(_TAPROOT):
        raise MalformedError(
            "bitcoin/address",
            f"{_shown(address)} pays to a kind of witness program without rules yet, from which anyone can spend",
            hint="a wallet's own addresses have 20 or 32 bytes in version 0, or 32 in version 1 (taproot)",
        )
    return script


def _base58_script(address: str, chain: Network) -> bytes:
    import wallycore

    bitcoinlib = _bitcoinlib()
    try:
        payload = bytes(wallycore.base58check_to_bytes(address))
        other = bitcoinlib.deserialize_address(address, encoding="base58")
    except Exception as error:  # noqa: BLE001 (bitcoinlib raises several unrelated types)
        refuse_machine(error)
        raise _not_an_address(address, chain) from None
    if len(payload) != _BASE58_ADDRESS_BYTES or payload[0] not in {chain.p2pkh, *chain.p2sh}:
        raise _not_an_address(address, chain)
    version, digest = payload[:1], payload[1:]
    kind = "p2pkh" if payload[0] == chain.p2pkh else "p2sh"
    if (other["prefix"], other["public_key_hash_bytes"], other["script_type"]) != (version, digest, kind):
        raise _read_differently(address)
    if kind == "p2pkh":
        return bytes(wallycore.scriptpubkey_p2pkh_from_bytes(digest, 0))
    return bytes(wallycore.scriptpubkey_p2sh_from_bytes(digest, 0))


def _not_an_address(address: str, chain: Network) -> MalformedError:
    return MalformedError(
        "bitcoin/address",
        f"{_shown(address)} is not an address of {chain.name}",
        hint="copy the address again from its source, and check the wallet's chain",
    )


def _shown(address: str) -> str:
    """Enough to find it by, and too little to spend with if it is a mistyped private key."""
    return address if len(address) <= _SHOWN else address[:_SHOWN] + "…"


def _read_differently(address: str) -> MalformedError:
    return MalformedError("bitcoin/address", f"two libraries read {_shown(address)} differently")


@cache
def _bitcoinlib() -> Any:
    """`bitcoinlib.keys`, loaded so that it neither reads nor writes files of the user's.

    It writes its settings, a log and a folder for databases where it finds none; here it finds them all. Raises
    `UnavailableError` when it cannot be loaded, which says nothing of any address.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies
        before = os.environ.get("BCL_DATA_DIR")
        os.environ["BCL_DATA_DIR"] = str(_SETTINGS)
        try:
            from bitcoinlib import keys
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever goes wrong in so much code)
            raise UnavailableError(
                "bitcoin/library",
                f"bitcoinlib, which reads Bitcoin addresses, cannot be loaded: {type(error).__name__}: {error}",
                hint=f"its files and those in {_SETTINGS} must be readable, and the locale one of UTF-8, such as "
                "LC_ALL=C.UTF-8",
            ) from None
        finally:
            if before is None:
                del os.environ["BCL_DATA_DIR"]
            else:
                os.environ["BCL_DATA_DIR"] = before
    return keys
