"""Key files that ask for too much work are refused before any is done, and files that others may read are told."""

from __future__ import annotations

import base64
import logging
import subprocess
from pathlib import Path

import pytest

from attest.errors import MalformedError
from attest.signing.keys import Signer
from attest.signing.private_keys import MAX_ITERATIONS, MAX_SCRYPT, refuse_costly, tell_readers
from tests.faults.hostile_documents import derived, pbes2, tlv

PBKDF2, SCRYPT, PKCS12 = "2a864886f70d01050c", "2b06010401da47040b", "2a864886f70d010c0103"


def pem(algorithm: bytes) -> bytes:
    body = base64.encodebytes(tlv(0x30, algorithm, tlv(4, bytes(64))))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + body + b"-----END ENCRYPTED PRIVATE KEY-----\n"


COSTLY = {
    "PBKDF2": pbes2(derived(PBKDF2, MAX_ITERATIONS + 1)),
    "PBKDF2 of 2^31": pbes2(derived(PBKDF2, 2**31 - 1)),
    "PBKDF2 of 400 bits": pbes2(derived(PBKDF2, 2**400)),
    "PBKDF2 with a key length": pbes2(derived(PBKDF2, 2**31 - 1, 32)),
    "no iterations": pbes2(derived(PBKDF2, 0)),
    "scrypt memory": pbes2(derived(SCRYPT, 2 * MAX_SCRYPT // 8, 8, 1)),
    "scrypt time": pbes2(derived(SCRYPT, 2, 1, MAX_SCRYPT)),
    "scrypt of 400 bits": pbes2(derived(SCRYPT, 2**400, 8, 1)),
    "PKCS #12": derived(PKCS12, 2**31 - 1),
}


@pytest.mark.parametrize("algorithm", COSTLY.values(), ids=COSTLY)
def test_a_key_that_asks_for_too_much_work_is_refused_before_its_passphrase_is_asked(algorithm: bytes) -> None:
    with pytest.raises(MalformedError, match=r"it cannot be opened: .*; the limit is [0-9,]+") as caught:
        Signer.from_pem(pem(algorithm), passphrase=lambda: pytest.fail("asked"), what="it")
    assert caught.value.code == "key/costly"


@pytest.mark.parametrize(
    "algorithm",
    [
        pbes2(derived(PBKDF2, MAX_ITERATIONS)),
        pbes2(derived(PBKDF2, 1, 2**400)),
        pbes2(derived(SCRYPT, MAX_SCRYPT // 8, 8, 1)),
        derived(PKCS12, 2048),
    ],
)
def test_what_people_and_programs_ask_for_is_within_the_limits(algorithm: bytes) -> None:
    refuse_costly(pem(algorithm), "it")


@pytest.mark.parametrize(
    "der", [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\x00\x00", bytes(40), tlv(0x30, tlv(0x30), tlv(4))]
)
def test_a_key_whose_cost_cannot_be_read_is_no_key(der: bytes) -> None:
    body = base64.b64encode(der)
    data = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + body + b"\n-----END ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(MalformedError, match="is not a PEM private key"):
        Signer.from_pem(data, passphrase=lambda: pytest.fail("asked"), what="it")


@pytest.mark.parametrize(
    "options", [["-v2prf", "hmacWithSHA512", "-iter", "3000"], ["-scrypt"], ["-v1", "PBE-SHA1-3DES"], ["-v2", "aes256"]]
)
def test_what_openssl_encrypts_is_opened(options: list[str], tmp_path: Path) -> None:
    plain, path = tmp_path / "plain.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", plain], check=True)
    encrypt = ["openssl", "pkcs8", "-topk8", "-in", plain, "-out", path, "-passout", "pass:aaaa", *options]
    subprocess.run(encrypt, check=True)
    Signer.from_pem(path.read_bytes(), passphrase=lambda: "aaaa", what="it")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o606, 0o620, 0o601, 0o777])
def test_a_plain_key_that_others_may_use_is_told(mode: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.pem"
    path.write_bytes(Signer.generate("ed25519").to_pem(None))
    path.chmod(mode)
    tell_readers(path, path.read_bytes())
    assert f"{path} is not encrypted, and others on this machine may use its file (mode {mode:04o})" in caplog.text


def test_a_key_of_one_s_own_and_an_encrypted_one_are_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "attest")
    signer = Signer.generate("ed25519")
    for name, data, mode in (("a", signer.to_pem(None), 0o600), ("b", signer.to_pem("aaaa"), 0o644)):
        path = tmp_path / name
        path.write_bytes(data)
        path.chmod(mode)
        tell_readers(path, data)
    tell_readers(tmp_path / "c", signer.public.to_pem())
    assert not caplog.records
