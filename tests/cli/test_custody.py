"""`attest control confirm` and `attest control add` of what it wrote, on challenges made by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attest.canonical import dumps
from attest.control.custody import PAYLOAD_TYPE
from attest.exchange.control.challenges import Challenges, CustodianKey, Item
from attest.signing.envelope import Envelope, sign
from attest.signing.keys import Signer
from tests.cli.test_control import KEYS, item, text_signature

NAME = "Vault Trust 株式会社"
KEY, STRANGER = Signer.generate("ed25519"), Signer.generate("ed25519")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "challenges"
    (made / "signatures").mkdir(parents=True)
    kept = Item(name="cold-0001", wallet="cold", challenge=item("cold").challenge, custodian=NAME)
    challenges = Challenges(
        format="attest/challenges/v1",
        blocks=(),
        items=(item("hot"), kept),
        custodians=(CustodianKey(name=NAME, public_key=KEY.public.to_der()),),
    )
    (made / "challenges.json").write_bytes(challenges.to_bytes())
    return made


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "custodian.pem"
    path.write_bytes(KEY.to_pem(None))
    return path


@pytest.fixture
def confirmed(attest: Any, folder: Path, key: Path, tmp_path: Path) -> Path:
    path = tmp_path / "vault.confirmation.json"
    ran = attest("control", "confirm", folder, "--custodian", NAME, "--key", key, "-o", path)
    assert (ran.code, item("cold").challenge.address in ran.out) == (0, True)
    assert item("hot").challenge.address not in ran.out
    return path


def test_a_confirmation_is_checked_kept_and_what_is_missing_is_named(
    confirmed: Path, attest: Any, folder: Path, tmp_path: Path
) -> None:
    document = attest("control", "add", folder, confirmed, "--json").document
    assert [entry["custodian"] for entry in document["confirmed"]] == [NAME]
    assert ([entry["name"] for entry in document["missing"]], document["status"]) == (["hot-0001"], "incomplete")
    ran = attest("control", "add", folder, text_signature(tmp_path / "hot-0001.sig", "hot"))
    assert f"VERIFIED, confirmed by {NAME}" in ran.out
    assert ran.out.rstrip().endswith("2 of 2 signatures are there, 1 of them a custodian's word")
    assert attest("control", "add", folder, "--json").document["status"] == "verified"


def test_a_signature_of_the_keys_themselves_goes_before_the_word(
    confirmed: Path, attest: Any, folder: Path, tmp_path: Path
) -> None:
    signature = text_signature(tmp_path / "cold-0001.sig", "cold")
    document = attest("control", "add", folder, confirmed, signature, "--json").document
    assert ([entry["name"] for entry in document["returned"]], document["confirmed"]) == (["cold-0001"], [])


def rewritten(
    change: Callable[[Any], object], signer: Signer = KEY, kind: str = PAYLOAD_TYPE
) -> Callable[[Path], None]:
    """The confirmation after a change of its payload, signed again."""

    def rewrite(path: Path) -> None:
        value = json.loads(Envelope.from_json(path.read_bytes(), what="x", max_bytes=9999).payload)
        change(value)
        path.write_bytes(sign(dumps(value), kind, [signer]).to_bytes())

    return rewrite


def unsigned(change: Callable[[Any], object]) -> Callable[[Path], None]:
    """The confirmation after a change of its payload, with the signature that it had."""

    def rewrite(path: Path) -> None:
        envelope = json.loads(path.read_bytes())
        value = json.loads(base64.b64decode(envelope["payload"]))
        change(value)
        envelope["payload"] = base64.b64encode(dumps(value)).decode()
        path.write_bytes(dumps(envelope))

    return rewrite


def asked(**fields: Any) -> Callable[[Any], object]:
    return lambda value: value["challenges"][0].update(fields)


REFUSED: dict[str, tuple[Callable[[Path], object], int]] = {
    "another key's": (rewritten(lambda _: None, STRANGER), 1),
    "another type's": (rewritten(lambda _: None, kind="application/vnd.in-toto+json"), 1),
    "another custodian's": (rewritten(lambda value: value.update(custodian="Other Trust")), 1),
    "last month's": (rewritten(asked(period="2026-09")), 1),
    "another exchange's": (rewritten(asked(entity="other.example")), 1),
    "another chain's": (rewritten(asked(chain="eip155:10")), 1),
    "another nonce's": (rewritten(asked(nonce="ab" * 16)), 1),
    "another block's": (rewritten(asked(height=1)), 1),
    "of an address that was not asked of it": (rewritten(asked(address=item("hot").challenge.address)), 1),
    "a change that nobody signed": (unsigned(asked(period="2026-09")), 1),
    "of nothing": (rewritten(lambda value: value.update(challenges=[])), 3),
    "of another format": (rewritten(lambda value: value.update(format="attest/custody-confirmation/v2")), 3),
    "of a field more": (rewritten(lambda value: value.update(note="x")), 3),
    "no envelope": (lambda path: path.write_text("{}"), 3),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_custodian_was_not_asked_is_refused_by_file(
    case: str, confirmed: Path, attest: Any, folder: Path, tmp_path: Path
) -> None:
    forge, code = REFUSED[case]
    forge(confirmed)
    ran = attest("control", "add", folder, text_signature(tmp_path / "hot-0001.sig", "hot"), confirmed)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("attest: error: vault.confirmation.json: ")
    assert [path.name for path in (folder / "signatures").iterdir()] == ["hot-0001.sig"]


def test_a_kept_confirmation_that_was_changed_is_found_again(confirmed: Path, attest: Any, folder: Path) -> None:
    attest("control", "add", folder, confirmed)
    (kept,) = (folder / "signatures").iterdir()
    unsigned(asked(period="2026-09"))(kept)
    ran = attest("control", "add", folder)
    assert (ran.code, kept.name in ran.err) == (1, True)


def test_only_the_custodian_that_the_exchange_knows_confirms(
    attest: Any, folder: Path, key: Path, tmp_path: Path
) -> None:
    out = tmp_path / "x.confirmation.json"
    ran = attest("control", "confirm", folder, "--custodian", "Other Trust", "--key", key, "-o", out)
    assert (ran.code, NAME in ran.err) == (3, True)
    key.write_bytes(STRANGER.to_pem(None))
    ran = attest("control", "confirm", folder, "--custodian", NAME, "--key", key, "-o", out)
    assert (ran.code, STRANGER.public.fingerprint in ran.err) == (1, True)
    assert not out.exists()


def test_a_passphrase_is_taken_and_no_file_is_replaced_or_misnamed(
    confirmed: Path, attest: Any, folder: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm = ("control", "confirm", folder, "--custodian", NAME, "--key", key)
    key.write_bytes(KEY.to_pem("correct horse"))
    monkeypatch.setenv("ATTEST_PASSPHRASE", "correct horse")
    before = confirmed.read_bytes()
    again = attest(*confirm, "-o", confirmed)  # ECDSA would make another signature each time
    assert (again.code, "the confirmation is there already: nothing was written" in again.out) == (0, True)
    assert attest(*confirm, "-o", confirmed, "--json").document["added"] == 0
    assert confirmed.read_bytes() == before
    for other in (b"notes of mine", before[:-9], before.replace(b'"sig":"', b'"sig":"AA')):
        confirmed.write_bytes(other)
        assert (attest(*confirm, "-o", confirmed).code, confirmed.read_bytes()) == (4, other)
    assert attest(*confirm, "-o", confirmed, "--force", "--json").document["added"] == 1
    assert attest(*confirm, "-o", tmp_path / "vault.json").code == 2


def test_a_custodian_is_shown_its_own_wallets_alone(folder: Path) -> None:
    challenges = Challenges.from_json((folder / "challenges.json").read_bytes(), what="x", max_bytes=9999)
    (part,) = challenges.parts()
    assert [entry.wallet for entry in part.items] == ["cold"]
    assert KEYS.keys() - {"cold"} == {"hot"}
    assert item("hot").challenge.address.encode() not in part.to_bytes()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--custodian", "Vault"], 2),
        (["--custodian", "=x.pub"], 2),
        (["--custodian", "A={key}", "--custodian", "A={key}"], 2),
        (["--custodian", "A=missing.pub"], 4),
        (["--nonce", "xy"], 3),
        (["--nonce", "ab" * 16, "--custodian", "A={key}"], 0),
    ],
)
def test_what_a_verifier_says_of_custodians_and_nonce_is_checked(
    options: list[str], code: int, attest: Any, exchange: Any
) -> None:
    key = exchange.folder / "keys" / "exchange.pem.pub"
    given = [option.format(key=key) for option in options]
    assert attest("verify", exchange.outcome.bundle, "--key", key, *given).code == code


def test_a_folder_that_is_no_reading_is_told_before_a_node_is_asked(attest: Any, config: Path, tmp_path: Path) -> None:
    made = ("control", "challenge", config, "--period", "2026-10", "-o", tmp_path / "c", "--reserves", tmp_path)
    ran = attest(*made)
    assert (ran.code, "reserves.json" in ran.err) == (4, True)
