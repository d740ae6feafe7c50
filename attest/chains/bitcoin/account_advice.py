"""Descriptors that are valid and seldom meant: what is told before their balance, which may be zero, is believed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attest.chains.bitcoin.descriptor import extended_keys
from attest.chains.bitcoin.scripts import descriptor_scripts
from attest.chains.wallets import Wallet
from attest.errors import MalformedError

_ADDRESS_DEPTH: Final = 5  # BIP-44: master, purpose, coin, account, branch, address
_BRANCHES: Final = {"/0", "/1"}
_RECEIVING: Final = re.compile(r"/0/\*")
_NAMED: Final = 5


def account_advice(wallets: Sequence[Wallet], scripts: Mapping[str, tuple[bytes, ...]]) -> Iterator[str]:
    """Sentences about descriptors of accounts that leave out where the account's coins are.

    `scripts` has the scriptPubKeys of every wallet of a bip122 chain, as `Register` has them. A descriptor without a *
    whose extended key is an account's names one script, at which no wallet receives; and an account of which no wallet
    of the register has the branch of change holds more than is counted.
    """
    described = [wallet for wallet in wallets if wallet.descriptor is not None]
    for wallet in described:
        if (key := _account(wallet.descriptor or "")) is not None:
            yield (
                f"wallet {wallet.id} reads one script alone: no * stands behind the key {key} of its descriptor, which "
                "may be an account's. The addresses of an account are at /0/*, its change at /1/*: list a wallet for "
                "each, with a range"
            )
    known = {script for found in scripts.values() for script in found}
    alone = [wallet.id for wallet in described if _lacks_change(wallet, known)]
    if alone:
        more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
        yield (
            f"no wallet reads the change (/1/*) of the accounts whose addresses (/0/*) are read as "
            f"{', '.join(alone[:_NAMED])}{more}: coins there, if there are any, do not count"
        )


def _account(descriptor: str) -> str | None:
    """The beginning of an extended key in a descriptor without a * that has no path to an address, if there is one."""
    if "*" in descriptor:
        return None
    for key, depth, path in extended_keys(descriptor):
        steps = path.count("/")
        if steps == 0 or (path in _BRANCHES and depth + steps < _ADDRESS_DEPTH):
            return f"{key}…{path}"
    return None


def _lacks_change(wallet: Wallet, known: set[bytes]) -> bool:
    descriptor = (wallet.descriptor or "").partition("#")[0]
    change = _RECEIVING.sub("/1/*", descriptor)
    if change == descriptor or change.count("/1/*") != descriptor.count("*"):
        return False
    try:
        return not known.issuperset(descriptor_scripts(change, (0, 0), wallet.chain))
    except MalformedError:
        return False
