from __future__ import annotations

from typing import Any

import pytest

from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.signing.envelope import (
    Envelope,
    EnvelopeSignature,
    add_signature,
    pre_auth_encoding,
    sign,
    verify_signatures,
)
from attest.signing.keys import PublicKey, Signer

TYPE = "application/vnd.in-toto+json"


@pytest.fixture(scope="module", params=["ed25519", "ecdsa-p256-sha256"])
def signer(request: pytest.FixtureRequest) -> Signer:
    return Signer.generate(request.param)


def nobody() -> str:
    raise AssertionError("nobody may be asked")


def test_pre_auth_encoding_is_that_of_dsse_v1_and_counts_bytes() -> None:
    # The example of the DSSE specification, then a type with a two-byte character.
    assert pre_auth_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pre_auth_encoding("é", b"x") == b"DSSEv1 2 \xc3\xa9 1 x"


def test_what_was_signed_verifies_under_that_key_alone(signer: Signer) -> None:
    envelope = sign(b"payload", TYPE, [signer])
    assert len(envelope.signatures[0].sig) == 64
    assert verify_signatures(envelope, [signer.public]).signed == {signer.public.fingerprint}
    other = Signer.generate("ed25519").public
    assert verify_signatures(envelope, [other]) == (frozenset(), 1)


def changed(envelope: Envelope, **fields: Any) -> Envelope:
    return envelope.model_copy(update=fields)


def resigned(envelope: Envelope, **fields: Any) -> Envelope:
    return changed(envelope, signatures=(envelope.signatures[0].model_copy(update=fields),))


def test_each_changed_byte_of_payload_type_or_signature_fails(signer: Signer) -> None:
    envelope = sign(b"payload", TYPE, [signer])
    signature = envelope.signatures[0].sig
    forged = [changed(envelope, payload_type=TYPE + "x")]
    forged += [changed(envelope, payload=b"p" * i + b"x" + b"payload"[i + 1 :]) for i in range(1, 7)]
    forged += [
        resigned(envelope, sig=signature[:i] + bytes([signature[i] ^ 1]) + signature[i + 1 :])
        for i in range(len(signature))
    ]
    forged += [resigned(envelope, sig=sig) for sig in (b"\0" * 64, signature[:-1], signature + b"\0", b"\x01")]
    for envelope in forged:
        with pytest.raises(VerificationError):
            verify_signatures(envelope, [signer.public])


def test_one_key_counts_once() -> None:
    signer = Signer.generate("ecdsa-p256-sha256")
    twice = sign(b"payload", TYPE, [signer, signer])
    with pytest.raises(VerificationError, match=f"key {signer.public.fingerprint[:16]}… signed twice"):
        verify_signatures(twice, [signer.public])


def test_a_bad_signature_of_a_known_key_spoils_the_envelope_even_beside_a_good_one() -> None:
    good, bad = Signer.generate("ed25519"), Signer.generate("ed25519")
    envelope = sign(b"payload", TYPE, [good])
    forged = EnvelopeSignature(keyid=bad.public.fingerprint, sig=envelope.signatures[0].sig)
    with pytest.raises(VerificationError):
        verify_signatures(changed(envelope, signatures=(*envelope.signatures, forged)), [good.public, bad.public])


def test_sixteen_may_sign_and_each_of_them_once() -> None:
    signers = [Signer.generate("ed25519") for _ in range(17)]
    envelope = sign(b"payload", TYPE, signers[:1])
    for signer in signers[1:16]:
        with pytest.raises(VerificationError) as caught:
            add_signature(envelope, signers[0])
        assert caught.value.code == "signature/twice"
        assert caught.value.message == f"key {signers[0].public.fingerprint[:16]}… signed already"
        envelope = add_signature(envelope, signer)
    public = [signer.public for signer in signers]
    assert verify_signatures(envelope, public) == ({key.fingerprint for key in public[:16]}, 0)
    assert verify_signatures(envelope, public[3:]) == ({key.fingerprint for key in public[3:16]}, 3)
    with pytest.raises(VerificationError) as caught:
        add_signature(envelope, signers[16])
    assert caught.value.code == "signature/too-many"
    value = envelope.to_value()
    Envelope.from_value(value, what="the envelope")
    value["signatures"].append(value["signatures"][0])
    with pytest.raises(MalformedError):
        Envelope.from_value(value, what="the envelope")


@pytest.mark.parametrize(
    ("field", "most", "more"),
    [("keyid", "a" * 128, "a" * 129), ("sig", "AAAA" * 341 + "AA==", "AAAA" * 341 + "AAA=")],
)
def test_the_parts_of_a_signature_are_bounded(field: str, most: str, more: str) -> None:
    value = sign(b"payload", TYPE, [Signer.generate("ed25519")]).to_value()
    value["signatures"][0][field] = most
    Envelope.from_value(value, what="the envelope")
    value["signatures"][0][field] = more
    with pytest.raises(MalformedError):
        Envelope.from_value(value, what="the envelope")
    value["signatures"][0] |= {"keyid": "", "sig": "AA=="}
    Envelope.from_value(value, what="the envelope")
    value["signatures"][0]["sig"] = ""
    for signatures in (value["signatures"], []):
        with pytest.raises(MalformedError):
            Envelope.from_value({**value, "signatures": signatures}, what="the envelope")


def test_a_der_encoded_ecdsa_signature_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    signer = Signer.generate("ecdsa-p256-sha256")
    envelope = sign(b"payload", TYPE, [signer])
    raw = envelope.signatures[0].sig
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    with pytest.raises(VerificationError, match="64 bytes"):
        verify_signatures(resigned(envelope, sig=der), [signer.public])


@pytest.mark.parametrize("passphrase", [None, "correct horse", "パスフレーズ"])
def test_a_key_survives_its_file(signer: Signer, passphrase: str | None) -> None:
    pem = signer.to_pem(passphrase)
    again = Signer.from_pem(pem, passphrase=nobody if passphrase is None else lambda: passphrase, what="key")
    assert again.public == signer.public
    assert PublicKey.from_pem(signer.public.to_pem(), what="pub") == signer.public
    verify_signatures(sign(b"x", TYPE, [again]), [signer.public])


def test_a_wrong_passphrase_is_said_to_be_wrong(signer: Signer) -> None:
    with pytest.raises(UnavailableError, match="passphrase does not open"):
        Signer.from_pem(signer.to_pem("right"), passphrase=lambda: "wrong", what="key")


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"\xff" * 100])
def test_what_is_no_key_is_refused(pem: bytes) -> None:
    for parse in (
        lambda: PublicKey.from_pem(pem, what="it"),
        lambda: Signer.from_pem(pem, passphrase=nobody, what="it"),
    ):
        with pytest.raises(AttestError, match="it is not a PEM"):
            parse()


def test_other_kinds_of_keys_are_refused() -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    for private in (ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 2048)):
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        with pytest.raises(MalformedError, match="neither an Ed25519 nor an ECDSA P-256 key"):
            PublicKey.from_pem(public, what="it")
