"""Every form in which wallets write a signature becomes the one that is published, and nobody else's becomes one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from btclib.script.witness import Witness
from btclib_wallet.bip322 import Sig
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.messages.message import verify_message
from attest.chains.challenge import Challenge
from attest.chains.ethereum.messages import typed_challenge
from attest.chains.ethereum.proof import checksum_address
from attest.chains.ethereum.safe.challenge import check_safe, combine_owners, safe_challenge, safe_form
from attest.chains.signature_forms import bitcoin_form, evm_forms, is_psbt
from attest.errors import AttestError, MalformedError, VerificationError
from tests.examples import examples
from tests.world.bip137 import bip137
from tests.world.bitcoin_signing import ORDER, Virtual, address_of, p2pkh, p2sh, p2tr, p2wpkh, public
from tests.world.signatures import check_signature, published_signature

BITCOIN = "bip122:000000000019d6689c085ae165831e93"
KEY = Account.from_key("0x" + "11" * 32)
OTHER = Account.from_key("0x" + "22" * 32)


def evm(**fields: Any) -> Challenge:
    fields = {"address": KEY.address, "chain": "eip155:1", "height": 1, "nonce": "-", **fields}
    return Challenge(entity="x.example", period="2026-10", block_hash=bytes(32), **fields)


def of_bitcoin(script: bytes) -> Challenge:
    return evm(chain=BITCOIN, address=address_of(script, BITCOIN))


def signed(number: int, *, typed: bool = False, key: Any = KEY) -> bytes:
    """The signature over a challenge of its own; with many of them, both parities and all lengths of r and s occur."""
    challenge = evm(height=number)
    document = encode_typed_data(full_message=typed_challenge(challenge))
    return bytes(key.sign_message(document if typed else encode_defunct(text=challenge.text)).signature)


def high(signature: bytes) -> bytes:
    """The signature with the other s, as a key service that does not know EIP-2 may write it."""
    s = ORDER - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([55 - signature[64]])


def compact(signature: bytes) -> bytes:
    parity = signature[64] - 27
    return signature[:32] + (int.from_bytes(signature[32:64]) | parity << 255).to_bytes(32)


EVM_FORMS: dict[str, Callable[[bytes], str]] = {
    "as published": lambda s: "0x" + s.hex(),
    "without 0x": bytes.hex,
    "in capitals": lambda s: "0X" + s.hex().upper(),
    "in capitals behind 0x": lambda s: "0x" + s.hex().upper(),
    "v 0 or 1": lambda s: "0x" + (s[:64] + bytes([s[64] - 27])).hex(),
    "v 0 or 1 without 0x": lambda s: (s[:64] + bytes([s[64] - 27])).hex(),
    "v 37 or 38, of a transaction": lambda s: (s[:64] + bytes([s[64] + 10])).hex(),
    "v 35 or 36": lambda s: (s[:64] + bytes([s[64] + 8])).hex(),
    "EIP-2098": lambda s: "0x" + compact(s).hex(),
    "r and s alone": lambda s: s[:64].hex(),
    "the other s": lambda s: "0x" + high(s).hex(),
    "the other s, v 0 or 1": lambda s: "0x" + (high(s)[:64] + bytes([high(s)[64] - 27])).hex(),
    "r and the other s alone": lambda s: "0x" + high(s)[:64].hex(),
}


@pytest.mark.parametrize("form", EVM_FORMS)
def test_every_form_of_an_evm_wallet_is_published_as_one(form: str) -> None:
    for number in range(1, 5):
        typed = number > 2
        signature = signed(number, typed=typed)
        published = published_signature(evm(height=number), EVM_FORMS[form](signature))
        assert published == "0x" + signature.hex()
        assert check_signature(evm(height=number), published) == ("eip712" if typed else "eip191")


def test_who_verifies_takes_the_one_form_alone() -> None:
    for form, write in EVM_FORMS.items():
        for number in (1, 2):
            text = write(signed(number))
            if form.startswith("as published") or text == "0x" + signed(number).hex():
                check_signature(evm(height=number), text)
            elif "capitals behind" not in form:  # hex in a signature has no one case
                with pytest.raises(AttestError):
                    check_signature(evm(height=number), text)


@pytest.mark.parametrize("form", EVM_FORMS)
def test_no_form_makes_a_signature_of_another_key_or_text_hold(form: str) -> None:
    for number, key in ((1, OTHER), (2, KEY)):
        asked = number if key is OTHER else number + 10
        with pytest.raises(AttestError):
            check_signature(
                evm(height=asked), published_signature(evm(height=asked), EVM_FORMS[form](signed(number, key=key)))
            )


@pytest.mark.parametrize("v", [2, 3, 5, 26, 29, 30, 34])
def test_a_v_that_says_nothing_is_told_with_a_hint(v: int) -> None:
    text = "0x" + (signed(1)[:64] + bytes([v])).hex()
    with pytest.raises(MalformedError, match=f"and this one in {v}$") as caught:
        check_signature(evm(), published_signature(evm(), text))
    assert "0 or 1" in str(caught.value.hint)


@examples(30)
@given(st.binary(max_size=70) | st.binary(min_size=64, max_size=65))
def test_any_bytes_have_forms_of_65_bytes_or_none(data: bytes) -> None:
    for form in evm_forms(data):
        assert (len(form), form[64] in {27, 28}) == (65, True)
    with pytest.raises(AttestError):
        check_signature(evm(), published_signature(evm(), data.hex()))


OWNERS = [Account.from_key(bytes([number]) * 32) for number in (1, 2, 3)]
SAFE = evm(address=checksum_address("0x" + "5a" * 20))


def part(owner: Any, challenge: Challenge = SAFE) -> bytes:
    return bytes(owner.sign_message(encode_typed_data(full_message=safe_challenge(challenge))).signature)


def by_eth_sign(owner: Any) -> bytes:
    """As a wallet writes what `eth_sign` of the document's hash gives, which does not know that the Safe adds 4."""
    signable = encode_typed_data(full_message=safe_challenge(SAFE))
    digest = Account.sign_message(signable, owner.key).message_hash
    return bytes(owner.sign_message(encode_defunct(primitive=bytes(digest))).signature)


def approved(owner: Any, v: int = 1, offset: int = 0) -> bytes:
    return bytes.fromhex(owner.address[2:]).rjust(32, b"\0") + offset.to_bytes(32) + bytes([v])


ADDRESSES = tuple(owner.address for owner in OWNERS)
OWNER_FORMS: dict[str, Callable[[Any], bytes]] = {
    "as the Safe takes it": part,
    "v 0 or 1": lambda owner: part(owner)[:64] + bytes([part(owner)[64] - 27]),
    "the other s": lambda owner: high(part(owner)),
    "by eth_sign": by_eth_sign,
    "by eth_sign, v 0 or 1": lambda owner: by_eth_sign(owner)[:64] + bytes([by_eth_sign(owner)[64] - 27]),
    "by eth_sign, v 31 or 32": lambda owner: by_eth_sign(owner)[:64] + bytes([by_eth_sign(owner)[64] + 4]),
}


@pytest.mark.parametrize("form", OWNER_FORMS)
def test_every_form_of_an_owner_of_a_safe_counts(form: str) -> None:
    parts = [safe_form(SAFE, OWNER_FORMS[form](owner), ADDRESSES) for owner in OWNERS]
    whole = combine_owners(SAFE, ["0x" + item.hex() for item in parts])
    check_safe(SAFE, whole, ADDRESSES, 3)
    ordered = sorted(OWNERS, key=lambda owner: int(owner.address, 16))
    joined = b"".join(OWNER_FORMS[form](owner) for owner in ordered)
    assert "0x" + safe_form(SAFE, joined, ADDRESSES).hex() == whole


def test_one_owner_may_give_the_short_form() -> None:
    for owner in OWNERS:
        assert safe_form(SAFE, compact(part(owner)), ADDRESSES) == part(owner)


def test_zero_and_one_of_an_owner_without_a_key_stay_what_they_mean_to_the_safe() -> None:
    one, two, three = sorted(OWNERS, key=lambda owner: int(owner.address, 16))
    tail = (65).to_bytes(32) + bytes(range(65))  # the length and the bytes of what the owner's contract takes
    for whole in (
        approved(one) + part(two),
        part(one) + approved(two),
        approved(one, 0, offset=130) + part(two) + tail,
        approved(one, 0, offset=195) + approved(two) + part(three) + tail,
    ):
        assert safe_form(SAFE, whole, ADDRESSES) == whole
    # A device's part beside them is written anew all the same, and what follows the parts is not touched.
    device = part(two)[:64] + bytes([part(two)[64] - 27])
    whole = approved(one, 0, offset=130) + device + tail
    assert safe_form(SAFE, whole, ADDRESSES) == approved(one, 0, offset=130) + part(two) + tail


def test_what_an_owners_contract_takes_is_not_touched_whatever_it_looks_like() -> None:
    one, two, three = sorted(OWNERS, key=lambda owner: int(owner.address, 16))
    device = part(three)[:64] + bytes([part(three)[64] - 27])
    whole = approved(one, 0, offset=130) + part(two) + device
    assert safe_form(SAFE, whole, ADDRESSES) == whole


def test_a_part_of_a_stranger_stays_as_it_is() -> None:
    for write in OWNER_FORMS.values():
        assert safe_form(SAFE, write(OTHER), ADDRESSES) == write(OTHER)


@examples(30)
@given(st.binary(max_size=300))
def test_any_bytes_for_a_safe_keep_their_length_or_become_one_part(data: bytes) -> None:
    assert len(safe_form(SAFE, data, ADDRESSES)) == len(data)


A = 0x1111
NESTED = p2sh(p2wpkh(public(A)))
SCRIPTS = {
    "p2pkh": p2pkh(public(A)),
    "p2wpkh": p2wpkh(public(A)),
    "p2tr": p2tr(A),
    "p2sh-p2wpkh": NESTED,
}


def wallet_signature(kind: str) -> str:
    """The signature as it is published, of the key of a script over its challenge."""
    script = SCRIPTS[kind]
    challenge = of_bitcoin(script)
    if kind == "p2pkh":
        return bip137(A, challenge.text)
    virtual = Virtual(script, challenge.text, p2wpkh(public(A)) if kind == "p2sh-p2wpkh" else b"")
    if kind == "p2tr":
        return virtual.simple(virtual.schnorr(A))
    stack = [virtual.ecdsa(A), public(A)]
    return virtual.full([p2wpkh(public(A))], *stack) if kind == "p2sh-p2wpkh" else virtual.simple(*stack)


def bare(signature: str) -> str:
    return signature[3:] if signature[:3] in {"smp", "ful", "pof"} else signature


BITCOIN_FORMS: dict[str, Callable[[str], str]] = {
    "as published": str,
    "without padding": lambda s: s.rstrip("="),
    "in hex": lambda s: base64.b64decode(bare(s)).hex(),
    "in hex, capitals": lambda s: base64.b64decode(bare(s)).hex().upper(),
    "without a prefix": bare,
}


@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.parametrize("form", BITCOIN_FORMS)
def test_every_form_of_a_bitcoin_wallet_holds(form: str, kind: str) -> None:
    challenge = of_bitcoin(SCRIPTS[kind])
    signature = wallet_signature(kind)
    published = published_signature(challenge, BITCOIN_FORMS[form](signature))
    assert bare(published) == bare(signature)
    wanted = {"p2pkh": "bip137", "p2sh-p2wpkh": "bip322-full"}.get(kind, "bip322-simple")
    assert check_signature(challenge, published) == wanted


def test_the_other_s_of_bip_137_is_written_as_the_lower_one() -> None:
    challenge = of_bitcoin(SCRIPTS["p2pkh"])
    data = base64.b64decode(wallet_signature("p2pkh"))
    s = ORDER - int.from_bytes(data[33:])
    other = bytes([27 + ((data[0] - 27) ^ 1)]) + data[1:33] + s.to_bytes(32)
    text = base64.b64encode(other).decode()
    with pytest.raises(VerificationError):
        check_signature(challenge, text)
    assert published_signature(challenge, text) == wallet_signature("p2pkh")


@pytest.mark.parametrize("prefix", ["smp", ""])
def test_a_witness_alone_for_a_nested_address_becomes_the_full_signature(prefix: str) -> None:
    """As wallets of before BIP-322's version 2 write it."""
    challenge = of_bitcoin(NESTED)
    virtual = Virtual(NESTED, challenge.text, p2wpkh(public(A)))
    stack = [virtual.ecdsa(A), public(A)]
    witness = Sig(Witness(stack)).b64encode()
    assert witness.startswith("smp")
    published = published_signature(challenge, prefix + witness[3:])
    assert verify_message(BITCOIN, challenge.address, challenge.text, published).kind == "bip322-full"
    other = of_bitcoin(p2sh(p2wpkh(public(0x2222))))
    assert published_signature(other, witness) == witness


def test_a_psbt_is_known_in_base64_and_hex_and_not_taken_for_a_signature() -> None:
    data = b"psbt\xff" + bytes(range(100))
    for text in (base64.b64encode(data).decode(), base64.b64encode(data).decode().rstrip("="), data.hex()):
        assert is_psbt(bitcoin_form(text))
    assert not any(is_psbt(wallet_signature(kind)) for kind in SCRIPTS)


@examples(30)
@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda data: base64.b64encode(data).decode()))
def test_no_text_for_a_bitcoin_address_leads_to_another_error(text: str) -> None:
    for script in SCRIPTS.values():
        challenge = of_bitcoin(script)
        with pytest.raises(AttestError):
            check_signature(challenge, published_signature(challenge, text))
