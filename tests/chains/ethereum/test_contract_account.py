"""What goes to the signers of a contract says whose signatures are needed, and over which hash."""

from __future__ import annotations

import json

from attest.chains.challenge import Challenge
from attest.chains.ethereum.contract_account import account_of, files
from attest.chains.ethereum.contracts import Contract
from attest.chains.ethereum.messages import eip191_digest, eip712_digest
from attest.chains.ethereum.proof import checksum_address, keccak
from attest.chains.ethereum.safe.challenge import safe_challenge
from attest.chains.ethereum.safe.storage import Safe

OWNERS = tuple(checksum_address("0x" + digit * 40) for digit in "123")
CHALLENGE = Challenge(
    entity="exchange.example",
    period="2026-10",
    chain="eip155:1",
    address=checksum_address("0x" + "5a" * 20),
    height=23_000_000,
    block_hash=bytes(32),
    nonce="-",
)


def test_the_owners_of_a_safe_are_told_who_and_how_many_sign_what() -> None:
    account = account_of(Contract(Safe("1.4.1", OWNERS[0], OWNERS[0], OWNERS, 2)))
    found = files(account, "cold-0001", CHALLENGE)
    assert json.loads(found["cold-0001.typed.json"]) == safe_challenge(CHALLENGE)
    text = found["cold-0001.signers.md"].decode()
    assert text.startswith(f"# cold-0001: 2 of 3 owners sign for the Safe {CHALLENGE.address}\n")
    assert [line for line in text.split("\n") if line.startswith("- 0x")] == [f"- {owner}" for owner in OWNERS]
    shown = dict(line[2:].rsplit(maxsplit=1) for line in text.split("\n") if line.startswith(("- m", "- d", "- h")))
    domain, body = (bytes.fromhex(shown[name][2:]) for name in ("domain hash", "message hash"))
    assert keccak(b"\x19\x01" + domain + body) == eip712_digest(safe_challenge(CHALLENGE))
    assert shown["hash to sign"] == f"0x{eip712_digest(safe_challenge(CHALLENGE)).hex()}"
    assert shown["message"] == f"0x{eip191_digest(CHALLENGE.text).hex()}"


def test_for_another_contract_it_says_that_its_word_proves_nothing() -> None:
    (text,) = files(account_of(Contract()), "cold-0001", CHALLENGE).values()
    assert f"0x{eip191_digest(CHALLENGE.text).hex()}" in text.decode()
    assert "counts as no proof of control" in text.decode()
