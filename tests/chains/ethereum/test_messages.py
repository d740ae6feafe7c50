"""Signatures over a challenge by the key of an Ethereum address: one spelling of one signature, and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_keys import keys
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.ethereum.messages import (
    eip191_digest,
    eip712_digest,
    recover_signer,
    typed_data,
    verify_eip191,
    verify_eip712,
)
from attest.errors import AttestError, MalformedError, VerificationError
from tests.examples import examples

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1 (SEC 2, 2.4.1)
ALICE, BOB = (Account.from_key(keccak(text=name)) for name in ("Alice", "Bob"))
ZERO = "0x" + "00" * 20
FIELDS: dict[str, Any] = {
    "entity": "exchange.example",
    "period": "2026-10",
    "chain": "eip155:1",
    "address": ALICE.address,
    "height": 23_700_000,
    "block_hash": bytes(range(32)),
    "nonce": "-",
}
OTHER_LINES: dict[str, Any] = {
    "entity": "other.example",
    "period": "2026-09",
    "chain": "eip155:10",
    "address": BOB.address,
    "height": 23_700_001,
    "block_hash": bytes(32),
    "nonce": "00",
}


def text(**changes: Any) -> str:
    """The challenge of protocol.md, section 8."""
    lines = FIELDS | changes
    return (
        "attest/v1 proof of control\n"
        f"entity: {lines['entity']}\nperiod: {lines['period']}\nchain: {lines['chain']}\n"
        f"address: {lines['address']}\nblock: {lines['height']} {lines['block_hash'].hex()}\nnonce: {lines['nonce']}\n"
    )


def document(**changes: Any) -> dict[str, Any]:
    return typed_data(**FIELDS | changes)


SIGNATURE = bytes(ALICE.sign_message(encode_defunct(text=text())).signature)
TYPED_SIGNATURE = bytes(ALICE.sign_message(encode_typed_data(full_message=document())).signature)


def over_text(signature: bytes) -> None:
    verify_eip191(ALICE.address, text(), signature)


def over_document(signature: bytes) -> None:
    verify_eip712(ALICE.address, document(), signature)


def test_the_signature_of_the_address_over_the_challenge_passes() -> None:
    over_text(SIGNATURE)
    verify_eip191(ALICE.address.lower(), text(), SIGNATURE)
    over_document(TYPED_SIGNATURE)


def test_a_signature_of_another_wallet_program_passes() -> None:
    # The example of `web3.eth.accounts.sign` in the documentation of web3.js.
    verify_eip191(
        "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23",
        "Some data",
        bytes.fromhex(
            "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
            "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c"
        ),
    )


def test_the_document_has_the_lines_of_the_challenge_and_hashes_as_the_standard_says() -> None:
    domain = encode(
        ["bytes32", "bytes32", "bytes32", "uint256"],
        [
            keccak(text="EIP712Domain(string name,string version,uint256 chainId)"),
            keccak(text="attest"),
            keccak(text="1"),
            1,
        ],
    )
    message = encode(
        ["bytes32", "bytes32", "bytes32", "bytes32", "address", "uint256", "bytes32", "bytes32"],
        [
            keccak(
                text="ProofOfControl(string entity,string period,string chain,address address,"
                "uint256 blockHeight,bytes32 blockHash,string nonce)"
            ),
            keccak(text="exchange.example"),
            keccak(text="2026-10"),
            keccak(text="eip155:1"),
            ALICE.address,
            23_700_000,
            bytes(range(32)),
            keccak(text="-"),
        ],
    )
    assert eip712_digest(document()) == keccak(b"\x19\x01" + keccak(domain) + keccak(message))
    assert document(chain="eip155:42161")["domain"]["chainId"] == 42161
    assert eip712_digest(json.loads(json.dumps(document()))) == eip712_digest(document())


@pytest.mark.parametrize("line", OTHER_LINES)
def test_a_signature_over_a_challenge_with_another_line_is_refused(line: str) -> None:
    changed = {line: OTHER_LINES[line]}
    with pytest.raises(VerificationError, match=ALICE.address) as caught:
        verify_eip191(ALICE.address, text(**changed), SIGNATURE)
    assert caught.value.code == "control/other-signer"
    with pytest.raises(VerificationError) as caught:
        verify_eip712(ALICE.address, document(**changed), TYPED_SIGNATURE)
    assert caught.value.code == "control/other-signer"


def test_a_signature_of_another_key_or_of_the_other_kind_is_refused() -> None:
    for address, check, signed, signature in (
        (BOB.address, verify_eip191, text(), SIGNATURE),
        (ZERO, verify_eip191, text(), SIGNATURE),
        (ALICE.address, verify_eip191, text(), TYPED_SIGNATURE),
        (BOB.address, verify_eip712, document(), TYPED_SIGNATURE),
        (ZERO, verify_eip712, document(), TYPED_SIGNATURE),
        (ALICE.address, verify_eip712, document(), SIGNATURE),
    ):
        with pytest.raises(VerificationError) as caught:
            check(address, signed, signature)
        assert caught.value.code == "control/other-signer"


def word(signature: bytes, number: int) -> int:
    return int.from_bytes(signature[32 * number : 32 * number + 32])


def made_of(r: int, s: int, v: int) -> bytes:
    return r.to_bytes(32) + s.to_bytes(32) + bytes([v])


def malleated(signature: bytes) -> bytes:
    return made_of(word(signature, 0), ORDER - word(signature, 1), 27 + 28 - signature[64])


def compact(signature: bytes) -> bytes:
    """The 64 bytes of EIP-2098."""
    return made_of(word(signature, 0), word(signature, 1) | (signature[64] - 27) << 255, 0)[:64]


CHANGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "malleated": (malleated, "control/malleable"),
    "malleated with the old v": (lambda one: malleated(one)[:64] + one[64:], "control/malleable"),
    "v from 0": (lambda one: one[:64] + bytes([one[64] - 27]), "control/signature"),
    "v of EIP-155": (lambda one: one[:64] + bytes([one[64] + 10]), "control/signature"),
    "v of a Safe's eth_sign": (lambda one: one[:64] + bytes([one[64] + 4]), "control/signature"),
    "compact": (compact, "control/signature"),
    "empty": (lambda _: b"", "control/signature"),
    "a byte more": (lambda one: one + b"\0", "control/signature"),
    "as text": (lambda one: b"0x" + one.hex().encode(), "control/signature"),
    "zeros": (lambda one: bytes(64) + one[64:], "control/signature"),
    "r is 0": (lambda one: bytes(32) + one[32:], "control/signature"),
    "s is 0": (lambda one: one[:32] + bytes(32) + one[64:], "control/signature"),
    "r is the order": (lambda one: made_of(ORDER, word(one, 1), one[64]), "control/signature"),
    "s is the order": (lambda one: made_of(word(one, 0), ORDER, one[64]), "control/signature"),
    "s above the order": (lambda one: made_of(word(one, 0), 2**256 - 1, one[64]), "control/signature"),
    "the other v": (lambda one: one[:64] + bytes([27 + 28 - one[64]]), "control/other-signer"),
    "r is on no point": (lambda one: made_of(5, word(one, 1), one[64]), "control/no-signer"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_other_spelling_of_a_signature_is_refused(name: str) -> None:
    change, code = CHANGES[name]
    for check, signature in ((over_text, SIGNATURE), (over_document, TYPED_SIGNATURE)):
        with pytest.raises(MalformedError if code == "control/signature" else VerificationError) as caught:
            check(change(signature))
        assert caught.value.code == code


def test_half_the_order_is_the_largest_s() -> None:
    digest = eip191_digest(text())
    with pytest.raises(VerificationError, match="upper half"):
        recover_signer(digest, made_of(word(SIGNATURE, 0), ORDER // 2 + 1, 27))
    assert recover_signer(digest, made_of(word(SIGNATURE, 0), ORDER // 2, 27)).startswith("0x")


def test_nobody_signs_for_the_address_that_the_point_at_infinity_would_have() -> None:
    # With R = kG and s = digest/k the key that fits is the point at infinity, and a program that writes it as
    # zeros recovers the address 0x3f17…, at which coins lie.
    digest = eip191_digest(text())
    point = keys.PrivateKey((7).to_bytes(32)).public_key.to_bytes()
    r, odd = int.from_bytes(point[:32]), point[-1] & 1
    s = int.from_bytes(digest) * pow(7, -1, ORDER) % ORDER
    if s > ORDER // 2:
        s, odd = ORDER - s, 1 - odd
    for address in ("0x" + keccak(bytes(64))[-20:].hex(), ZERO):
        with pytest.raises(VerificationError) as caught:
            verify_eip191(address, text(), made_of(r, s, 27 + odd))
        assert caught.value.code == "control/no-signer"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"chain": "bip122:000000000019d6689c085ae165831e93"}, "control/chain"),
        ({"chain": "eip155:01"}, "control/chain"),
        ({"chain": "eip155:1\n"}, "control/chain"),
        ({"address": "0x12"}, "ethereum/address"),
        ({"address": ALICE.address.swapcase().replace("X", "x")}, "ethereum/address"),
        # eth-account fills a short value of bytes32 with zeros.
        ({"block_hash": bytes(31)}, "control/challenge"),
        ({"block_hash": bytes(33)}, "control/challenge"),
        ({"height": -1}, "control/challenge"),
        ({"height": 2**64}, "control/challenge"),
    ],
)
def test_what_is_no_challenge_has_no_document(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(MalformedError) as caught:
        document(**changes)
    assert caught.value.code == code


def test_what_cannot_be_hashed_is_malformed() -> None:
    lone = "\ud800"
    for check in (
        lambda: verify_eip191(ALICE.address, lone, SIGNATURE),
        lambda: verify_eip712(ALICE.address, document(entity=lone), TYPED_SIGNATURE),
        lambda: verify_eip712(ALICE.address, {}, TYPED_SIGNATURE),
        lambda: verify_eip191("0x12", text(), SIGNATURE),
        lambda: recover_signer(bytes(31), SIGNATURE),
    ):
        with pytest.raises(MalformedError):
            check()


@examples(60)
@given(st.integers(0, 64), st.integers(1, 255))
def test_no_changed_byte_of_a_signature_passes(place: int, change: int) -> None:
    signature = bytearray(SIGNATURE)
    signature[place] ^= change
    with pytest.raises(AttestError):
        over_text(bytes(signature))


@examples(80)
@given(
    st.one_of(st.binary(max_size=140), st.binary(min_size=64, max_size=64).map(lambda one: one + b"\x1b")),
    st.text(st.characters(), max_size=40),
)
def test_nothing_passes_by_chance_and_only_own_errors_leave(signature: bytes, message: str) -> None:
    for check, signed in ((verify_eip191, message), (verify_eip712, document(nonce=message))):
        with pytest.raises(AttestError):
            check(ALICE.address, signed, signature)
