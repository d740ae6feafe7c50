"""Months that are signed on a token, and under a trust root that asks for more than one signature."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.additions import with_signature
from attest.attestation.bundle import parse_bundle
from attest.canonical import dumps
from attest.demo import exchange as demo
from attest.demo.exchange import PERIOD
from attest.errors import AttestError
from attest.exchange.own_keys import missing_signatures
from attest.exchange.stages import MonthInputs
from attest.signing.envelope import Envelope, sign
from attest.signing.keys import PublicKey
from attest.signing.signers import token_key
from attest.signing.trust import TRUST_ROOT_TYPE
from attest.verification.anchors import Anchors
from attest.verification.steps import StepName
from attest.verification.verify import verify
from tests.conftest import NOW, SECRET
from tests.exchange.test_month import INPUTS, copy_documents, replace, run
from tests.world.ceremony import root_value, signer
from tests.world.softhsm import PIN, URI, make_token

ROLES = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("u", 1)}
OLD_KEY = f'exchange = "{demo.KEY_FILE}"'
OF_TOKEN = f'exchange = "{URI}"'


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    with demo.recorded_nodes() as environment:
        yield environment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    demo.write_exchange(tmp_path / "x")
    (tmp_path / "x" / "keys" / "x.pem").write_bytes(signer("x").to_pem(None))
    return tmp_path / "x"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PublicKey]:
    with pytest.MonkeyPatch.context() as changed:
        for name, value in make_token(tmp_path_factory.mktemp("signing") / "token").items():
            changed.setenv(name, value)
        yield token_key(URI, secrets=lambda _: PIN)


def write_root(folder: Path, version: int, roles: Any, key: PublicKey | None = None, **fields: Any) -> Envelope:
    """A root in the folder `trust`; `key` takes the place of the key x."""
    value = root_value(version, roles, **fields)
    if key is not None:
        value["keys"]["x"] = {"scheme": key.scheme, "public": key.to_pem().decode()}
    envelope = sign(dumps(value), TRUST_ROOT_TYPE, [signer(name) for name in "ab"])
    (folder / "trust" / f"{version}.root.json").write_bytes(envelope.to_bytes())
    return envelope


OF_KEYS: tuple[StepName, ...] = ("roots", "signatures", "thresholds")


def configure(folder: Path, *lines: str) -> None:
    replace(folder / "attest.toml", OLD_KEY, "\n".join(lines))


def refused(folder: Path, period: str = PERIOD, now: datetime = NOW, inputs: MonthInputs = INPUTS) -> str:
    """The code with which a run is refused before any node is asked; nothing is written."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(AttestError) as caught:
        run(folder, {}, period, now=now, inputs=inputs)
    assert sorted(folder.rglob("*")) == before
    return caught.value.code


def test_a_token_signs_a_month_that_the_others_sign_later(
    folder: Path, nodes: dict[str, str], token: PublicKey
) -> None:
    first = write_root(folder, 1, {"root": ("ab", 2), "exchange": ("yz", 2)})
    write_root(folder, 2, ROLES, token)
    configure(folder, OF_TOKEN, 'trust_root = "trust/2.root.json"')
    # A PIN is wrong before an hour of reading, not after it.
    assert refused(folder, inputs=MonthInputs(SECRET, lambda _: "0000")) == "signer/failed"

    asked: list[str] = []
    outcome = run(folder, nodes, inputs=MonthInputs(SECRET, lambda name: asked.append(name) or PIN))
    assert set(asked) == {"pin"}
    verified = outcome.verified
    assert [verified.step(name).status for name in OF_KEYS] == ["VERIFIED", "VERIFIED", "NOT CHECKED"]
    assert "exchange 1, 2 needed (trust root 2)" in verified.step("thresholds").detail
    assert missing_signatures(verified.signatories, verified.trust) == {"exchange": 1, "auditor": 1}

    bundle = parse_bundle(outcome.bundle.read_bytes())
    anchors = Anchors.pinned(first)
    for name in "yu":
        with pytest.raises(AttestError) as caught:
            verify(bundle.to_bytes(), anchors, now=NOW)
        assert caught.value.code == "signature/threshold"
        bundle = with_signature(bundle, signer(name), ())
    found = verify(bundle.to_bytes(), anchors, now=NOW)
    assert [found.step(name).status for name in OF_KEYS] == ["VERIFIED"] * 3
    assert missing_signatures(found.signatories, found.trust) == {}


def test_a_month_that_needs_no_more_signatures_has_its_threshold_verified(folder: Path, nodes: dict[str, str]) -> None:
    write_root(folder, 1, {"root": ("ab", 2), "exchange": ("xy", 1)})
    configure(folder, 'exchange = "file:keys/x.pem"', 'trust_root = "trust/1.root.json"')
    verified = run(folder, nodes).verified
    assert (verified.step("thresholds").status, missing_signatures(verified.signatories, verified.trust)) == (
        "VERIFIED",
        {},
    )


def test_a_month_follows_one_that_a_key_signed_which_was_withdrawn_since(folder: Path, nodes: dict[str, str]) -> None:
    write_root(folder, 1, {"root": ("ab", 2), "exchange": ("x", 1)})
    configure(folder, 'exchange = "keys/x.pem"', 'trust_root = "trust/1.root.json"')
    first = run(folder, nodes)
    copy_documents(folder)
    (folder / "keys" / "y.pem").write_bytes(signer("y").to_pem(None))
    times = {"issuedAt": "2026-11-20T00:00:00Z", "expiresAt": "2027-11-20T00:00:00Z"}
    write_root(folder, 2, {"root": ("ab", 2), "exchange": ("y", 1)}, **times)
    replace(
        folder / "attest.toml",
        'native = "BTC"\npin = "period-end"',
        'native = "BTC"\npin = { height = 144 }\nreason = "drill"',
    )
    replace(
        folder / "attest.toml",
        'native = "ETH"\npin = "period-end"',
        'native = "ETH"\npin = { height = 100 }\nreason = "drill"',
    )
    replace(folder / "attest.toml", "keys/x.pem", "keys/y.pem")
    december = datetime(2026, 12, 2, tzinfo=UTC)
    assert refused(folder, "2026-11", december) == "run/role"
    replace(folder / "attest.toml", "trust/1.root.json", "trust/2.root.json")
    second = run(folder, nodes, "2026-11", now=december)
    assert second.verified.statement.predicate.previous == first.verified.digest
    assert second.verified.step("previous").status == "VERIFIED"


def test_a_run_is_refused_before_it_reads_what_its_key_could_not_sign(folder: Path) -> None:
    write_root(folder, 1, ROLES)
    write_root(folder, 2, ROLES)
    newest = 'trust_root = "trust/2.root.json"'
    (folder / "keys" / "other.pub").write_bytes(signer("y").public.to_pem())
    configure(folder, 'exchange = "keys/x.pem"', newest, 'exchange_public = "keys/other.pub"')
    assert refused(folder) == "signer/other-key"
    replace(folder / "attest.toml", 'exchange_public = "keys/other.pub"', "")
    assert refused(folder, now=datetime(2028, 1, 1, tzinfo=UTC)) == "trust/expired"
    replace(folder / "attest.toml", "keys/x.pem", demo.KEY_FILE)
    assert refused(folder) == "run/role"
    replace(folder / "attest.toml", demo.KEY_FILE, "awskms:alias/exchange")
    assert refused(folder) == "signer/public"
    replace(folder / "attest.toml", "awskms:alias/exchange", "keys/x.pem")

    replace(folder / "attest.toml", 'origin = "exchange.example"', 'origin = "another.example"')
    assert refused(folder) == "run/origin"
    replace(folder / "attest.toml", 'origin = "another.example"', 'origin = "exchange.example"')
    (folder / "trust" / "newest.json").write_bytes((folder / "trust" / "2.root.json").read_bytes())
    replace(folder / "attest.toml", "2.root.json", "newest.json")
    assert refused(folder) == "config/trust-root"
    replace(folder / "attest.toml", "newest.json", "2.root.json")
    (folder / "trust" / "1.root.json").unlink()
    assert refused(folder) == "config/trust-root"
    write_root(folder, 1, {**ROLES, "root": ("yz", 1)})
    assert refused(folder) == "trust/threshold"
