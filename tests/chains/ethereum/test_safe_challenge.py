"""Enough keys of a Safe's owners sign its challenge, whatever is put together and in whatever order it came."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.challenge import Challenge
from attest.chains.ethereum.proof import checksum_address
from attest.chains.ethereum.safe.challenge import check_safe, combine_owners, safe_challenge
from attest.errors import AttestError
from tests.examples import examples
from tests.world.signatures import check_signature

KEYS = [Account.from_key(bytes([number]) * 32) for number in (1, 2, 3)]
OWNERS = tuple(key.address for key in KEYS)
STRANGER = Account.from_key(bytes([9]) * 32)
CHALLENGE = Challenge(
    entity="exchange.example",
    period="2026-10",
    chain="eip155:1",
    address=checksum_address("0x" + "5a" * 20),
    height=1,
    block_hash=bytes(32),
    nonce="-",
)


def part(key: Any, challenge: Challenge = CHALLENGE) -> str:
    signed = key.sign_message(encode_typed_data(full_message=safe_challenge(challenge)))
    return f"0x{signed.signature.hex().removeprefix('0x')}"


def approved(owner: str) -> str:
    """A part by which an owner says that the hash was approved on the chain."""
    return "0x" + (bytes.fromhex(owner[2:]).rjust(32, b"\0") + bytes(32) + b"\1").hex()


@pytest.mark.parametrize("order", list(permutations(KEYS, 2)) + list(permutations(KEYS)))
def test_parts_in_any_order_are_one_signature(order: tuple[Any, ...]) -> None:
    check_safe(CHALLENGE, combine_owners(CHALLENGE, [part(key) for key in order]), OWNERS, 2)


@examples(60)
@given(st.lists(st.sampled_from([*KEYS, STRANGER]), max_size=4), st.integers(1, 3))
def test_so_many_different_owners_must_sign(keys: list[Any], threshold: int) -> None:
    enough = len(set(keys)) == len(keys) >= threshold and STRANGER not in keys
    try:
        check_safe(CHALLENGE, combine_owners(CHALLENGE, [part(key) for key in keys]), OWNERS, threshold)
    except AttestError:
        assert not enough
    else:
        assert enough


def test_an_owner_without_a_key_does_not_count() -> None:
    """The Safe itself would take it; only the Safe can say."""
    whole = {OWNERS[0]: approved(OWNERS[0]), OWNERS[1]: part(KEYS[1])}
    ordered = [whole[owner] for owner in sorted(whole, key=lambda owner: int(owner, 16))]
    with pytest.raises(AttestError) as caught:
        check_safe(CHALLENGE, "0x" + "".join(item[2:] for item in ordered), OWNERS, 2)
    assert caught.value.code == "control/unchecked"
    with pytest.raises(AttestError):
        combine_owners(CHALLENGE, ordered)


@pytest.mark.parametrize(
    "fields",
    [
        {"entity": "other.example"},
        {"period": "2026-09"},
        {"chain": "eip155:10"},
        {"address": OWNERS[0]},
        {"height": 2},
        {"block_hash": bytes([1]) * 32},
        {"nonce": "5a" * 16},
    ],
)
def test_every_line_of_the_challenge_is_signed(fields: dict[str, Any]) -> None:
    other = CHALLENGE.model_copy(update=fields)
    signature = combine_owners(other, [part(key, other) for key in KEYS[:2]])
    check_safe(other, signature, OWNERS, 2)
    with pytest.raises(AttestError):
        check_safe(CHALLENGE, signature, OWNERS, 2)


def test_what_an_owner_signs_for_a_safe_is_not_for_the_owners_own_address() -> None:
    own = CHALLENGE.model_copy(update={"address": OWNERS[0]})
    with pytest.raises(AttestError):
        check_signature(own, part(KEYS[0], own))


@examples(60)
@given(st.text(max_size=60) | st.binary(max_size=200).map(lambda data: "0x" + data.hex()))
def test_only_own_errors_leave(signature: str) -> None:
    with pytest.raises(AttestError):
        check_safe(CHALLENGE, signature, OWNERS, 1)
    with pytest.raises(AttestError):
        combine_owners(CHALLENGE, [signature])
