"""Which keys and signatures count: the vectors of others, and keys and signatures that no library makes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import SSlibKey

from attest.canonical import dumps
from attest.errors import MalformedError, VerificationError
from attest.signing.keys import PublicKey, Signer
from attest.signing.trust import Root
from fixtures.vectors.make_ed25519 import made
from tests.conftest import FIXTURES
from tests.examples import examples
from tests.world.ceremony import root
from tests.world.edwards import is_key, is_signature

EDGES = json.loads((FIXTURES / "vectors" / "ed25519.json").read_text(encoding="utf-8"))
HALF_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2


def ed25519_der(raw: bytes) -> bytes:
    return bytes.fromhex("302a300506032b6570032100") + raw


def pem(der: bytes) -> bytes:
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n".encode()


def verifies(der: bytes, signature: str, message: str) -> bool:
    """Whether key and signature are both taken."""
    try:
        PublicKey.from_pem(pem(der), what="it").verify(bytes.fromhex(signature), bytes.fromhex(message))
    except (MalformedError, VerificationError):
        return False
    return True


def wycheproof(name: str) -> list[Any]:
    groups = json.loads((FIXTURES / "vectors" / "wycheproof" / name).read_text(encoding="utf-8"))["testGroups"]
    return [(bytes.fromhex(group["publicKeyDer"]), test) for group in groups for test in group["tests"]]


@pytest.mark.parametrize(
    ("name", "count"), [("ed25519_test.json", 151), ("ecdsa_secp256r1_sha256_p1363_test.json", 262)]
)
def test_the_vectors_of_wycheproof_come_out_as_they_say(name: str, count: int) -> None:
    tests = wycheproof(name)
    assert len(tests) == count
    wrong = [
        test["tcId"] for der, test in tests if verifies(der, test["sig"], test["msg"]) != (test["result"] == "valid")
    ]
    assert wrong == []


@pytest.mark.parametrize("case", EDGES["keys"], ids=lambda case: case["name"])
def test_an_ed25519_key_is_a_canonical_point_of_prime_order(case: Any) -> None:
    raw = bytes.fromhex(case["publicKey"])
    for read in (lambda: PublicKey.from_pem(pem(ed25519_der(raw)), what="it"), lambda: _from_der(raw)):
        if case["accepted"]:
            assert read().to_der() == ed25519_der(raw)
        else:
            with pytest.raises(MalformedError) as caught:
                read()
            assert caught.value.code == "key/weak"


def _from_der(raw: bytes) -> PublicKey:
    return PublicKey.from_der(ed25519_der(raw), what="it")


@pytest.mark.parametrize("case", EDGES["signatures"], ids=lambda case: case["name"])
def test_an_ed25519_signature_has_a_reduced_s_and_the_very_bytes_of_r(case: Any) -> None:
    assert verifies(ed25519_der(bytes.fromhex(case["publicKey"])), case["signature"], case["message"]) == case["valid"]


def test_the_edge_cases_follow_from_the_formulas() -> None:
    assert made() == EDGES


def test_what_is_refused_of_a_key_is_what_the_library_would_take() -> None:
    # Each of the four kinds would pass without the check of the key, which is what the check is for.
    taken = set()
    for case in EDGES["signatures"]:
        key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["publicKey"]))
        try:
            key.verify(bytes.fromhex(case["signature"]), bytes.fromhex(case["message"]))
        except InvalidSignature:
            assert not case["valid"]
        else:
            taken |= set() if case["valid"] else {case["name"]}
    assert taken >= {"paper 0", "paper 1", "paper 2", "paper 3", "paper 11"}
    assert taken >= {f"a key plus {number} times a point of order 8, which signed" for number in range(1, 8)}


@examples(50)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=100))
def test_every_key_made_as_rfc_8032_says_passes_and_so_does_its_signature(seed: bytes, message: bytes) -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    raw = private.public_key().public_bytes_raw()
    assert verifies(ed25519_der(raw), private.sign(message).hex(), message.hex())


@examples(50)
@given(raw=st.binary(min_size=32, max_size=32))
def test_any_bytes_are_a_key_exactly_when_the_formulas_say_so(raw: bytes) -> None:
    try:
        _from_der(raw)
    except MalformedError:
        assert not is_key(raw)
    else:
        assert is_key(raw)


@examples(50)
@given(
    seed=st.binary(min_size=32, max_size=32),
    message=st.binary(max_size=40),
    flip=st.integers(0, 511),
)
def test_a_signature_counts_exactly_when_the_formulas_say_so(seed: bytes, message: bytes, flip: int) -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    raw = private.public_key().public_bytes_raw()
    signature = bytearray(private.sign(message))
    signature[flip // 8] ^= 1 << flip % 8
    expected = is_signature(bytes(signature), raw, message)
    assert verifies(ed25519_der(raw), signature.hex(), message.hex()) == expected


def test_a_large_s_is_refused_also_where_a_library_would_reduce_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SSlibKey, "verify_signature", lambda *_: None)
    for case in EDGES["signatures"]:
        if case["name"] in {"a signature", "S + L", "S = L", "S of all bits"}:
            accepted = verifies(ed25519_der(bytes.fromhex(case["publicKey"])), case["signature"], case["message"])
            assert accepted == case["valid"]


@pytest.mark.parametrize("seen", ["as it was made", "with the other s"])
def test_both_halves_of_the_s_of_an_ecdsa_signature_are_taken(seen: str) -> None:
    signer = Signer.generate("ecdsa-p256-sha256")
    signature = signer.sign(b"x")
    s = int.from_bytes(signature[32:])
    other = signature[:32] + (2 * HALF_OF_P256 + 1 - s).to_bytes(32)
    signer.public.verify(signature if seen == "as it was made" else other, b"x")


@pytest.mark.parametrize("bad", ["r = 0", "s = 0", "r = n", "s = n", "r + n", "s + n"])
def test_r_and_s_of_an_ecdsa_signature_are_from_1_to_n_less_1(bad: str) -> None:
    order = 2 * HALF_OF_P256 + 1
    signer = Signer.generate("ecdsa-p256-sha256")
    r, s = (int.from_bytes(half) for half in (signer.sign(b"x")[:32], signer.sign(b"x")[32:]))
    name, _, value = bad.partition(" = ")
    values = {"0": 0, "n": order, "": None}
    if value:
        r, s = (values[value], s) if name == "r" else (r, values[value])
    else:
        r, s = (r + order, s) if bad.startswith("r") else (r, s + order)
    try:
        signature = r.to_bytes(32) + s.to_bytes(32)
    except OverflowError:
        signature = b"\xff" * 32 + s.to_bytes(32) if bad.startswith("r") else r.to_bytes(32) + b"\xff" * 32
    with pytest.raises(VerificationError) as caught:
        signer.public.verify(signature, b"x")
    assert caught.value.code == "signature/invalid"


def test_a_weak_key_is_refused_in_a_trust_root() -> None:
    bad = next(case for case in EDGES["keys"] if case["name"] == "a key plus 4 times a point of order 8")
    der = ed25519_der(bytes.fromhex(bad["publicKey"]))
    value = json.loads(root(1, {"root": ("a", 1), "exchange": ("x", 1)}, "a").payload)
    value["keys"][next(iter(value["roles"]["exchange"]["keyids"]))]["public"] = pem(der).decode()
    with pytest.raises(MalformedError, match="component of small order") as caught:
        Root.parse(dumps(value))
    assert caught.value.code == "key/weak"


def test_a_p256_key_is_a_point_of_its_curve() -> None:
    good = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = good.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for bad in (der[:-1] + bytes([der[-1] ^ 1]), der[:-64] + bytes(64), der[:-64] + b"\xff" * 64):
        with pytest.raises(MalformedError):
            PublicKey.from_pem(pem(bad), what="it")
        with pytest.raises(MalformedError):
            PublicKey.from_der(bad, what="it")
