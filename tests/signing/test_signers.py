from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.signing.envelope import MAX_SIGNATURES, add_signature, sign, verify_signatures
from attest.signing.keys import PublicKey, Signer
from attest.signing.signers import open_signer, public_key
from tests.world.softhsm import LABEL, PIN, URI, make_token

RFC_7512 = "pkcs11:token=exchange%20token;id=%02"


def pin(name: str) -> str:
    assert name == "pin"
    return PIN


def nobody(name: str) -> str:
    raise AssertionError(f"nobody may be asked for a {name}")


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in make_token(tmp_path_factory.mktemp("softhsm")).items():
            patch.setenv(name, value)
        yield


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("uri", [URI, RFC_7512])
def test_a_key_on_a_token_signs_beside_a_key_in_a_file(uri: str, tmp_path: Path) -> None:
    held = Signer.generate("ed25519")
    (tmp_path / "key").write_bytes(held.to_pem("secret"))
    device = open_signer(uri, public=None, secrets=pin)
    in_file = open_signer(f"file:{tmp_path / 'key'}", public=held.public, secrets=lambda _: "secret")
    envelope = add_signature(sign(b"payload", "type", [device]), in_file)
    count = verify_signatures(envelope, [device.public, held.public])
    assert count.signed == {device.public.fingerprint, held.public.fingerprint}
    assert [len(signature.sig) for signature in envelope.signatures] == [64, 64]
    assert device.public.scheme == "ecdsa-p256-sha256"
    assert public_key(uri, secrets=nobody) == device.public == PublicKey.from_pem(device.public.to_pem(), what="pub")


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("hsm:9?label=exchange+token", "signer/failed"),
        ("hsm:2?label=another", "signer/failed"),
        ("hsm:3?label=exchange+token", "key/scheme"),
        ("hsm:x", "signer/uri"),
        ("hsm:-2", "signer/uri"),
        ("hsm:2?pin=1234", "signer/uri"),
        ("pkcs11:token=exchange%20token;id=%02?pin-value=1234", "signer/uri"),
        ("pkcs11:token=exchange%20token;id=%02;pin-value=1234", "signer/uri"),
        ("pkcs11:id=%02;id=%04", "signer/uri"),
        ("pkcs11:id=%00%09", "signer/failed"),
        ("pkcs11:object=key", "signer/failed"),
        ("gcpkms:projects/p/locations/l", "signer/public"),
        ("no-such-file", "file/unreadable"),
        ("file:no-such-file", "file/unreadable"),
    ],
)
def test_what_cannot_sign_says_why_and_repeats_no_secret(uri: str, code: str) -> None:
    for opened in (lambda: open_signer(uri, public=None, secrets=pin), lambda: public_key(uri, secrets=pin)):
        with pytest.raises(AttestError) as caught:
            opened()
        assert caught.value.code == code
        assert "1234" not in caught.value.message


@pytest.mark.usefixtures("token")
def test_a_wrong_pin_is_said_to_be_the_tokens_refusal() -> None:
    device = open_signer(URI, public=None, secrets=lambda _: "wrong")
    with pytest.raises(UnavailableError, match=r"hsm:2 does not answer as it should: .*[Pp]in") as caught:
        device.sign(b"payload")
    assert caught.value.code == "signer/failed"


@pytest.mark.usefixtures("token")
def test_a_signature_of_another_key_than_named_does_not_leave_the_signer(tmp_path: Path) -> None:
    other = public_key("hsm:4?label=exchange+token", secrets=nobody)
    with pytest.raises(VerificationError) as caught:
        open_signer(URI, public=other, secrets=pin).sign(b"payload")
    assert caught.value.code == "signer/other-key"
    (tmp_path / "key").write_bytes(Signer.generate("ed25519").to_pem(None))
    with pytest.raises(VerificationError):
        open_signer(str(tmp_path / "key"), public=other, secrets=nobody)


def test_without_the_name_of_its_library_a_token_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYKCS11LIB", raising=False)
    with pytest.raises(UnavailableError) as caught:
        open_signer(URI, public=None, secrets=pin)
    assert "libsofthsm2.so" in str(caught.value.hint)


@pytest.mark.parametrize("scheme", ["azurekms", "gcpkms", "hv"])
def test_a_service_that_is_not_installed_says_how_to_install_it(scheme: str) -> None:
    public = Signer.generate("ecdsa-p256-sha256" if scheme != "hv" else "ed25519").public
    uri = {"azurekms": "azurekms://vault.vault.azure.net/keys/k/1", "hv": "hv:k/1"}.get(scheme, f"{scheme}:k")
    with pytest.raises(UnavailableError) as caught:
        open_signer(uri, public=public, secrets=nobody).sign(b"payload")
    assert (caught.value.code, caught.value.hint) == ("signer/library", f"pip install 'attest-por[{scheme}]'")


def test_one_key_signs_an_envelope_once_and_only_so_many_sign() -> None:
    signers = [Signer.generate("ed25519") for _ in range(MAX_SIGNATURES + 1)]
    envelope = sign(b"payload", "type", signers[:1])
    with pytest.raises(VerificationError, match="signed already"):
        add_signature(envelope, signers[0])
    for signer in signers[1:MAX_SIGNATURES]:
        envelope = add_signature(envelope, signer)
    with pytest.raises(VerificationError, match="more may not"):
        add_signature(envelope, signers[-1])


def test_a_fingerprint_as_words_has_all_its_bits_and_a_checksum() -> None:
    import wallycore

    key = Signer.generate("ed25519").public
    assert len(key.words) == 24
    assert bytes(wallycore.bip39_mnemonic_to_bytes(None, " ".join(key.words))).hex() == key.fingerprint
    with pytest.raises(ValueError, match="Invalid"):
        wallycore.bip39_mnemonic_validate(None, " ".join(["zoo"] * 24))


def test_a_private_key_that_openssl_has_no_name_for_is_malformed() -> None:
    der = base64.b64decode("".join(Signer.generate("ed25519").to_pem(None).decode().splitlines()[1:-1]))
    for oid in (b"\x2b\x65\x6e", b"\x2b\x65\x6f", b"\x2b\x65\x71", b"\x2b\x65\x7f"):  # X25519, X448, Ed448, none
        other = base64.encodebytes(der.replace(b"\x2b\x65\x70", oid)).decode()
        pem = f"-----BEGIN PRIVATE KEY-----\n{other}-----END PRIVATE KEY-----\n".encode()
        with pytest.raises(MalformedError) as caught:
            Signer.from_pem(pem, passphrase=lambda: "", what="key")
        assert caught.value.code in {"key/malformed", "key/scheme"}


def test_a_scheme_that_keys_do_not_have_is_told_with_those_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for read in (
        lambda uri: open_signer(uri, public=None, secrets=nobody),
        lambda uri: public_key(uri, secrets=nobody),
    ):
        with pytest.raises(MalformedError, match=r"no file hms:2, and keys have no scheme hms:$") as caught:
            read("hms:2?label=V&pin=1234")
        assert caught.value.hint == "a key is a file or hsm:, pkcs11:, awskms:, azurekms:, gcpkms:, hv:"
        for plain in ("file:key", "key", "C:key", "./a:b"):
            with pytest.raises(UnavailableError, match="cannot read"):
                read(plain)
    held = Signer.generate("ed25519").public
    (tmp_path / "ab:c").write_bytes(held.to_pem())
    assert public_key("ab:c", secrets=nobody).fingerprint == held.fingerprint


def test_a_bad_key_uri_is_malformed_and_not_a_bug() -> None:
    with pytest.raises(MalformedError):
        open_signer("hsm:" + "9" * 5000, public=None, secrets=pin)
    assert LABEL not in os.environ
