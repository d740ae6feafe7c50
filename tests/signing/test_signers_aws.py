"""Keys at AWS: asked through boto3 over HTTP, of a service on loopback that speaks as AWS does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from attest.attestation.additions import with_signature
from attest.attestation.bundle import parse_bundle
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.signing.keys import PublicKey, Signer
from attest.signing.signers import open_signer, public_key
from attest.verification.anchors import Anchors
from tests.conftest import Exchange
from tests.world.forks import Forks
from tests.world.kms import ALIAS, REGION, SECRET, answering, credentials, key_service
from tests.world.people import Person

BUNDLE = "2026-10.attest.json"
URI = f"awskms:{ALIAS}"
ELSEWHERE = Signer.generate("ecdsa-p256-sha256").public


def nobody(name: str) -> str:
    raise AssertionError(f"nobody may be asked for a {name}")


@dataclass
class Service:
    client: Any
    environment: dict[str, str]

    def make(self, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY") -> tuple[str, bytes]:
        """The ARN of a new key, and its public key."""
        arn = self.client.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        return arn, b"" if usage != "SIGN_VERIFY" else self.client.get_public_key(KeyId=arn)["PublicKey"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("kms")
    with key_service(folder) as url, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        environment = credentials(folder, url)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        yield Service(boto3.Session().client("kms"), environment)


@pytest.fixture(scope="module")
def held(service: Service) -> tuple[str, PublicKey]:
    """The ARN of the key that the alias names, and its public key."""
    arn, der = service.make()
    service.client.create_alias(AliasName=ALIAS, TargetKeyId=arn)
    return arn, PublicKey.from_der(der, what="the key")


def refusal(uri: str = URI, public: PublicKey = ELSEWHERE) -> AttestError:
    with pytest.raises(AttestError) as caught:
        open_signer(uri, public=public, secrets=nobody).sign(b"payload")
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.usefixtures("service")
def test_a_key_at_aws_signs_a_statement_by_each_of_its_names(held: tuple[str, PublicKey], exchange: Exchange) -> None:
    arn, public = held
    for name in (arn, arn.rpartition("/")[2], ALIAS, arn.rpartition("key/")[0] + ALIAS):
        bundle = with_signature(
            parse_bundle(exchange.bundle), open_signer(f"awskms:{name}", public=public, secrets=nobody), ()
        )
        assert [len(signature.sig) for signature in bundle.envelope.signatures] == [64, 64]
        keys = [exchange.signer.public, public]
        exchange.verify(bundle.to_bytes(), anchors=Anchors.keys(keys, threshold=2))
        assert public_key(f"awskms:{name}", secrets=nobody) == public


def test_a_signature_of_another_key_at_aws_does_not_leave_the_signer(
    service: Service, held: tuple[str, PublicKey]
) -> None:
    public = held[1]
    for uri, named in ((URI, ELSEWHERE), (f"awskms:{service.make()[0]}", public)):
        error = refusal(uri, named)
        assert isinstance(error, VerificationError)
        assert error.code == "signer/other-key"
    # A key on another curve signs by the same algorithm.
    assert refusal(f"awskms:{service.make('ECC_SECG_P256K1')[0]}", public).code == "signer/other-key"


def test_a_key_that_is_disabled_deleted_or_unknown_is_named_with_what_is_wrong(
    service: Service, held: tuple[str, PublicKey]
) -> None:
    disabled, deleted = service.make()[0], service.make()[0]
    service.client.disable_key(KeyId=disabled)
    service.client.schedule_key_deletion(KeyId=deleted, PendingWindowInDays=7)
    for name, said in (
        (disabled, "is disabled"),
        (deleted, "is pending deletion"),
        ("alias/nobody", "NotFoundException"),
        (held[0].replace(REGION, "eu-west-1"), "NotFoundException"),
    ):
        error = refusal(f"awskms:{name}")
        assert (type(error), error.code) == (UnavailableError, "signer/failed")
        assert error.message.startswith(f"awskms:{name} does not answer as it should: ")
        assert said in error.message


@pytest.mark.parametrize(
    ("spec", "usage", "said", "code"),
    [
        ("RSA_2048", "SIGN_VERIFY", "incompatible with key spec RSA_2048", "key/scheme"),
        ("ECC_NIST_P384", "SIGN_VERIFY", "incompatible with key spec ECC_NIST_P384", "key/scheme"),
        ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "incompatible with key spec ECC_NIST_EDWARDS25519", "signer/failed"),
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "only valid for asymmetric", "signer/failed"),
    ],
)
def test_a_key_of_another_kind_is_refused(service: Service, spec: str, usage: str, said: str, code: str) -> None:
    uri = f"awskms:{service.make(spec, usage)[0]}"
    assert said in refusal(uri).message
    with pytest.raises(AttestError) as caught:
        public_key(uri, secrets=nobody)
    assert caught.value.code == code


@pytest.mark.usefixtures("service")
def test_an_ed25519_key_is_refused_before_the_service_is_asked() -> None:
    error = refusal("awskms:alias/nobody", Signer.generate("ed25519").public)
    assert (error.code, error.message) == (
        "key/scheme",
        "a key at awskms: is an ECDSA P-256 key, and this one is ed25519",
    )


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("name", ["", "/x", "//alias/x", "alias/x?secret=1234", "alias/x;secret=1234", "x#secret=1234"])
def test_what_is_no_name_of_a_key_is_not_sent_and_its_parameters_are_not_repeated(name: str) -> None:
    uri = f"awskms:{name}"
    for ask in (lambda: open_signer(uri, public=ELSEWHERE, secrets=nobody), lambda: public_key(uri, secrets=nobody)):
        with pytest.raises(MalformedError) as caught:
            ask()
        assert caught.value.code == "signer/uri"
        assert "1234" not in caught.value.message


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        (
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            "Unable to locate credentials",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        ),
        ({"AWS_SECRET_ACCESS_KEY": None}, "missing: AWS_SECRET_ACCESS_KEY", None),
        ({"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, "security token included in the request is invalid", None),
        ({"AWS_PROFILE": "nobody"}, "profile (nobody) could not be found", None),
        (
            {"AWS_DEFAULT_REGION": None},
            "You must specify a region",
            "set AWS_DEFAULT_REGION, such as eu-central-1",
        ),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "NotFoundException", None),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "Could not connect to the endpoint URL", None),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "Invalid endpoint: nonsense", None),
    ],
)
def test_an_environment_that_reaches_no_key_is_told_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None], said: str, hint: str | None
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers whom the environment named
    for name, value in changes.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name)
    error = refusal()
    assert (type(error), error.code, error.hint) == (UnavailableError, "signer/failed", hint)
    assert said in error.message
    with pytest.raises(UnavailableError, match="awskms:alias/exchange does not answer as it should"):
        public_key(URI, secrets=nobody)


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "no 'Signature'"),
        (200, b"{}", "no 'Signature'"),
        (200, b"[]", "'list' object"),
        (200, b'{"Signature": null, "PublicKey": null}', "no 'Signature'"),
        (200, b'{"Signature": 5, "PublicKey": 5}', "not 'int'"),
        (200, b'{"Signature": "!", "PublicKey": "!", "SigningAlgorithms": ["ECDSA_SHA_256"]}', "error parsing asn1"),
        (200, b'{"Signature": "MAYCAQ==", "PublicKey": "", "SigningAlgorithms": {}}', "error parsing asn1"),
        (400, b'{"__type": "X", "message": "%s"}' % (rb"y\n" * 5000), "(X) when calling the Sign operation: y y y"),
        (403, b"<html>", "(403) when calling"),
        (500, b"", "Internal Server Error"),
    ],
)
def test_whatever_a_service_answers_is_our_error(
    status: int, body: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status, body) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        error = refusal()
        assert (type(error), error.code) == (UnavailableError, "signer/failed")
        assert said in error.message
        assert len(error.message) < 1100
        with pytest.raises(UnavailableError) as caught:
            public_key(URI, secrets=nobody)
        assert caught.value.code == "signer/failed"


def test_a_bundle_is_signed_at_aws_from_the_command_line(
    service: Service, held: tuple[str, PublicKey], exchange: Exchange, forks: Forks, tmp_path: Path
) -> None:
    (tmp_path / BUNDLE).write_bytes(exchange.bundle)
    vault = Person(tmp_path, forks, service.environment)
    shown = vault.attest("key", "show", URI, "--out", "kms.pub")
    assert (shown["scheme"], shown["fingerprint"]) == ("ecdsa-p256-sha256", held[1].fingerprint)
    assert vault.attest("sign", BUNDLE, "--key", URI, "--public", "kms.pub")["signatures"] == 2
    keys = [exchange.signer.public, held[1]]
    exchange.verify((tmp_path / BUNDLE).read_bytes(), anchors=Anchors.keys(keys, threshold=2))


def test_the_command_line_says_once_what_went_wrong(
    service: Service, held: tuple[str, PublicKey], exchange: Exchange, tmp_path: Path
) -> None:
    (tmp_path / BUNDLE).write_bytes(exchange.bundle)
    (tmp_path / "kms.pub").write_bytes(held[1].to_pem())
    arguments = ["sign", BUNDLE, "--key", "awskms:alias/nobody", "--public", "kms.pub"]
    ran = subprocess.run(
        [sys.executable, "-m", "attest", *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), **service.environment},
        capture_output=True,
        check=False,
    )
    said = ran.stderr.decode()
    assert said.count("\n") == 1, said
    assert said.startswith("attest: error: awskms:alias/nobody does not answer as it should: ")
    assert (ran.returncode, ran.stdout) == (4, b"")
    assert (tmp_path / BUNDLE).read_bytes() == exchange.bundle


def test_without_boto3_a_key_at_aws_says_how_to_install_it() -> None:
    program = "import sys; sys.modules['boto3'] = None; from attest.cli import main; main(sys.argv[1:])"
    ran = subprocess.run(
        [sys.executable, "-c", program, "key", "show", URI, "--json"], capture_output=True, check=False
    )
    error = json.loads(ran.stdout)["error"]
    assert (error["code"], error["hint"]) == ("signer/library", "pip install 'attest-por[awskms]'")
