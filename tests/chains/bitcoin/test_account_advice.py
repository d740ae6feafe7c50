"""Descriptors that leave out where an account's coins are, told of before their zero is believed."""

from __future__ import annotations

import pytest
import wallycore

from attest.chains.bitcoin.account_advice import account_advice
from attest.reserves.register import register
from tests.world.descriptors import PUBLIC, ZPUB
from tests.world.register import FIRST, bitcoin, ethereum


def key(path: str) -> str:
    master = wallycore.bip32_key_from_seed(bytes(32), wallycore.BIP32_VER_MAIN_PRIVATE, 0)
    found = wallycore.bip32_key_from_parent_path_str(master, path, 0, wallycore.BIP32_FLAG_KEY_PRIVATE)
    return str(wallycore.bip32_key_to_base58(found, wallycore.BIP32_FLAG_KEY_PUBLIC))


MASTER = key("84h")
ACCOUNT, BRANCH, ADDRESS, MULTISIG = key("84h/0h/0h"), key("84h/0h/0h/0"), key("84h/0h/0h/0/5"), key("48h/0h/0h/2h")


def told(*wallets: object) -> list[str]:
    listed = list(wallets)
    return list(account_advice(listed, register(listed).places))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "descriptor",
    [
        f"wpkh({ACCOUNT})",
        f"wpkh([d34db33f/84h/0h/0h]{ACCOUNT})",
        f"wpkh({ZPUB})",
        f"pkh({ACCOUNT})",
        f"tr({ACCOUNT})",
        f"sh(wpkh({ACCOUNT}))",
        f"wpkh({MASTER})",
        f"wpkh({BRANCH})",
        f"wpkh({ADDRESS})",
        f"wpkh({ACCOUNT}/0)",
        f"wpkh({ACCOUNT}/1)",
        f"wsh(sortedmulti(1,{MULTISIG},{ACCOUNT}))",
        f"wsh(sortedmulti(1,{ACCOUNT}/0/5,{MULTISIG}))",
    ],
)
def test_an_account_that_names_one_script_is_told_with_what_is_meant(descriptor: str) -> None:
    (line,) = told(bitcoin("vault", descriptor=descriptor))
    assert line.startswith("wallet vault reads one script alone: ")
    assert ("/0/*" in line, "/1/*" in line, "range" in line) == (True, True, True)


@pytest.mark.parametrize(
    "descriptor",
    [
        f"wpkh({ACCOUNT}/0/5)",
        f"wpkh({ACCOUNT}/1/0)",
        f"wpkh({BRANCH}/5)",
        f"wsh(sortedmulti(1,{MULTISIG}/0/5,{ACCOUNT}/0/5))",
        f"wpkh([d34db33f/84h/0h/0h/0/5]{PUBLIC})",
        f"wpkh({PUBLIC})",
    ],
)
def test_one_address_of_an_account_is_what_it_says(descriptor: str) -> None:
    assert told(bitcoin("vault", descriptor=descriptor)) == []


def ranged(name: str, descriptor: str, first: int = 0, last: int = 9) -> object:
    return bitcoin(name, descriptor=descriptor, range=(first, last))


def test_an_account_whose_change_no_wallet_reads_is_told() -> None:
    receiving, change = ranged("in", f"wpkh({ACCOUNT}/0/*)"), ranged("change", f"wpkh({ACCOUNT}/1/*)")
    (line,) = told(receiving)
    assert line.startswith("no wallet reads the change (/1/*) of the accounts whose addresses (/0/*) are read as in: ")
    assert told(receiving, change) == []
    assert told(change) == []
    two = f"wsh(sortedmulti(1,{ACCOUNT}/{{0}}/*,{MULTISIG}/{{0}}/*))"
    (line,) = told(receiving, change, ranged("pair", two.format(0)))
    assert "are read as pair: " in line
    assert told(receiving, change, ranged("pair", two.format(0)), ranged("rest", two.format(1))) == []


def test_the_change_is_known_in_whatever_spelling_and_wallet() -> None:
    receiving = ranged("in", f"wpkh({ACCOUNT}/0/*)", 50, 60)
    spelled = ranged("change", f"wpkh([d34db33f/84h/0h/0h/1]{key('84h/0h/0h/1')}/*)")
    assert told(receiving, spelled) == []


def test_wallets_without_such_accounts_are_not_spoken_of() -> None:
    nothing = [bitcoin("a", address=FIRST), ethereum("e", "ETH"), ranged("own", f"wpkh({BRANCH}/*)")]
    assert told(*nothing) == []
    many = [ranged(f"w{number}", f"wpkh({key(f'84h/0h/{number}h')}/0/*)") for number in range(8)]
    (line,) = told(*many)
    assert "are read as w0, w1, w2, w3, w4 and 3 more: " in line
