"""Who signed for a Safe is found from the signature alone, and no owner counts twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.contract_account import MAX_OWNERS
from attest.chains.ethereum.messages import eip191_digest, eip712_digest
from attest.chains.ethereum.proof import checksum_address
from attest.chains.ethereum.safe.storage import (
    FIXED_SLOTS,
    PROXIES,
    SINGLETONS,
    Safe,
    Signers,
    find_safe,
    owner_slot,
    safe_signers,
    safe_typed_data,
)
from attest.errors import AttestError, VerificationError
from tests.examples import examples

KEYS = [Account.from_key(keccak(text=name)) for name in ("Alice", "Bob", "Carol")]
KEYS.sort(key=lambda key: int(key.address, 16))
OWNERS = tuple(key.address for key in KEYS)
STRANGER = Account.from_key(keccak(text="Mallory"))
CHAIN, SAFE = "eip155:1", checksum_address("0x" + "5a" * 20)
CHALLENGE = eip191_digest("attest/v1 proof of control\n")
DOCUMENT = safe_typed_data(CHAIN, SAFE, CHALLENGE)
DIGEST = eip712_digest(DOCUMENT)


def part(key: Any, document: dict[str, Any] = DOCUMENT) -> bytes:
    return bytes(key.sign_message(encode_typed_data(full_message=document)).signature)


def eth_sign_part(key: Any) -> bytes:
    """As a wallet signs the digest that has no typed data: with a prefix, and v + 4."""
    signature = bytes(key.sign_message(encode_defunct(primitive=DIGEST)).signature)
    return signature[:64] + bytes([signature[64] + 4])


def approved(owner: str) -> bytes:
    return bytes.fromhex(owner[2:]).rjust(32, b"\0") + bytes(32) + b"\x01"


def by_contract(owner: str, offset: int) -> bytes:
    return bytes.fromhex(owner[2:]).rjust(32, b"\0") + offset.to_bytes(32) + b"\x00"


def signers(*parts: bytes, threshold: int = 2) -> Signers:
    return safe_signers(OWNERS, threshold, DIGEST, b"".join(parts))


A, B, C = map(part, KEYS)
TAIL = (65).to_bytes(32) + bytes(65)


def test_the_owners_sign_what_the_contract_asks_for() -> None:
    domain = keccak(text="EIP712Domain(uint256 chainId,address verifyingContract)")
    domain = keccak(domain + (1).to_bytes(32) + bytes.fromhex(SAFE[2:]).rjust(32, b"\0"))
    # SAFE_MSG_TYPEHASH of CompatibilityFallbackHandler.sol.
    kind = bytes.fromhex("60b3cbf8b4a223d68d641b3b6ddf9a298e7f33710cf3d3a9d1146b5a6150fbca")
    assert keccak(b"\x19\x01" + domain + keccak(kind + keccak(CHALLENGE))) == DIGEST
    assert eip712_digest(json.loads(json.dumps(DOCUMENT))) == DIGEST


@pytest.mark.parametrize(
    ("parts", "recovered", "unchecked"),
    [
        ((A, B), OWNERS[:2], ()),
        ((A, C), (OWNERS[0], OWNERS[2]), ()),
        ((A, B, C), OWNERS, ()),
        ((eth_sign_part(KEYS[0]), B), OWNERS[:2], ()),
        ((approved(OWNERS[0]), B), OWNERS[1:2], OWNERS[:1]),
        ((approved(OWNERS[0]), B, C), OWNERS[1:], OWNERS[:1]),
        ((A, by_contract(OWNERS[1], 130), TAIL), OWNERS[:1], OWNERS[1:2]),
        ((A, by_contract(OWNERS[1], 195), C, TAIL), (OWNERS[0], OWNERS[2]), OWNERS[1:2]),
        ((by_contract(OWNERS[0], 130), by_contract(OWNERS[1], 227), TAIL, TAIL), (), OWNERS[:2]),
    ],
)
def test_enough_owners_are_named(
    parts: Sequence[bytes], recovered: tuple[str, ...], unchecked: tuple[str, ...]
) -> None:
    assert signers(*parts) == Signers(recovered, unchecked)


def malleated(one: bytes) -> bytes:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    return one[:32] + (order - int.from_bytes(one[32:64])).to_bytes(32) + bytes([27 + 28 - one[64]])


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((), "control/too-few-signers"),
        ((A,), "control/too-few-signers"),
        ((approved(OWNERS[0]),), "control/too-few-signers"),
        ((A, A), "control/signer-order"),
        ((A, eth_sign_part(KEYS[0])), "control/signer-order"),
        ((A, approved(OWNERS[0])), "control/signer-order"),
        ((approved(OWNERS[0]), A), "control/signer-order"),
        ((A, B, B), "control/signer-order"),
        ((B, A), "control/signer-order"),
        ((A, malleated(A)), "control/malleable"),
        ((part(STRANGER), A, B), "control/not-an-owner"),
        ((A, B, C, part(STRANGER)), "control/not-an-owner"),
        ((approved(STRANGER.address), A), "control/not-an-owner"),
        ((approved("0x" + "00" * 20), A), "control/not-an-owner"),
        ((approved("0x" + "00" * 19 + "01"), A), "control/not-an-owner"),
        # The contract stops looking when enough have signed.
        ((A, B, approved(OWNERS[2])), "control/unchecked"),
        ((A, B, by_contract(OWNERS[2], 195), TAIL), "control/unchecked"),
        ((part(KEYS[0], safe_typed_data("eip155:10", SAFE, CHALLENGE)), B), "control/not-an-owner"),
        ((part(KEYS[0], safe_typed_data(CHAIN, OWNERS[0], CHALLENGE)), B), "control/not-an-owner"),
        ((part(KEYS[0], safe_typed_data(CHAIN, SAFE, keccak(text="other"))), B), "control/not-an-owner"),
        ((A, B[:64]), "control/signature"),
        ((A, B, b"\0"), "control/signature"),
        ((A, by_contract(OWNERS[1], 65), TAIL), "control/signature"),
        ((A, by_contract(OWNERS[1], 131), TAIL), "control/signature"),
        ((A, by_contract(OWNERS[1], 0), TAIL), "control/signature"),
        ((A, B[:64] + b"\x1d"), "control/signature"),
        ((A, B[:64] + b"\x02"), "control/signature"),
        ((A, B[:64] + b"\xff"), "control/signature"),
    ],
)
def test_what_is_not_enough_different_owners_is_refused(parts: Sequence[bytes], code: str) -> None:
    with pytest.raises(AttestError) as caught:
        signers(*parts)
    assert caught.value.code == code


@examples(60)
@given(st.lists(st.sampled_from([A, B, C, part(STRANGER), approved(OWNERS[1]), b"\0"]), max_size=4), st.integers(1, 3))
def test_owners_are_distinct_and_enough_whatever_is_put_together(parts: list[bytes], threshold: int) -> None:
    try:
        found = signers(*parts, threshold=threshold)
    except AttestError:
        return
    named = found.recovered + found.unchecked
    assert len(set(named)) == len(named) == len(parts) >= threshold
    assert set(named) <= set(OWNERS)


@examples(60)
@given(st.binary(max_size=200))
def test_only_own_errors_leave(signature: bytes) -> None:
    with pytest.raises(AttestError):
        signers(signature)


LIST = {1: OWNERS[0], OWNERS[0]: OWNERS[1], OWNERS[1]: OWNERS[2], OWNERS[2]: 1}
HANDLER, SINGLETON = checksum_address("0x" + "fa" * 20), checksum_address("0x" + "51" * 20)
CODE = {SAFE: max(PROXIES), SINGLETON: min(SINGLETONS)}


def number(address: str | int) -> int:
    return address if isinstance(address, int) else int(address, 16)


def read(
    *,
    count: int = 3,
    threshold: int = 2,
    links: dict[Any, Any] = LIST,
    upper: int = 0,
    code: dict[str, str] = CODE,
) -> Safe | None:
    """What is found in a storage of these words, each address in which has `upper` above its 160 bits."""
    addresses = {owner_slot(number(owner)): number(after) for owner, after in links.items()}
    addresses |= {FIXED_SLOTS[0]: int(SINGLETON, 16), FIXED_SLOTS[3]: int(HANDLER, 16)}
    words = {slot: value + (upper << 160) for slot, value in addresses.items()}
    words |= {FIXED_SLOTS[1]: count, FIXED_SLOTS[2]: threshold}
    return find_safe(lambda address: bytes.fromhex(code[address]), lambda slot: words.get(slot, 0), SAFE)


def test_owners_stand_in_the_order_of_the_list() -> None:
    expected = Safe(SINGLETONS[min(SINGLETONS)], SINGLETON, HANDLER, OWNERS, 2)
    assert read() == expected
    # The EVM cuts an address out of its word, and so does who reads the storage.
    assert read(upper=1) == expected


def test_a_safe_is_known_by_its_code_and_that_of_its_singleton() -> None:
    proxy, singleton = min(PROXIES), min(SINGLETONS)
    assert read(code={SAFE: proxy, SINGLETON: singleton}) is not None
    assert read(code={SAFE: singleton, SINGLETON: singleton}) is None
    assert read(code={SAFE: proxy, SINGLETON: proxy}) is None


def test_a_list_has_at_most_so_many_owners() -> None:
    long = [1, *range(2, MAX_OWNERS + 2), 1]
    safe = read(count=MAX_OWNERS, links=dict(pairwise(long)))
    assert safe is not None
    assert len(safe.owners) == MAX_OWNERS
    long[-1:] = [MAX_OWNERS + 2, 1]
    with pytest.raises(VerificationError, match="corrupt"):
        read(count=MAX_OWNERS + 1, links=dict(pairwise(long)))


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 0},
        {"threshold": 4},
        {"count": 2},
        {"count": 4},
        {"count": 2**256 - 1},
        {"links": {}},
        {"links": {1: 1}},
        {"links": LIST | {OWNERS[2]: OWNERS[0]}},
        {"links": LIST | {OWNERS[1]: 0}},
        {"links": LIST | {OWNERS[1]: 0, 0: 1}},
    ],
)
def test_a_list_of_owners_that_is_none_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(VerificationError, match="corrupt") as caught:
        read(**changes)
    assert caught.value.code == "control/safe"
