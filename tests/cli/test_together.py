"""Several people who change one file at once, each in a process of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attest.attestation.bundle import parse_bundle
from attest.signing.timestamp import parse_authorities, verify_timestamps
from tests.cli.at_once import at_once
from tests.conftest import Exchange
from tests.world.authority import make_authority, serving
from tests.world.ceremony import root, signer
from tests.world.roots import FINDINGS, bundle_of, new, signed_root


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in "abuyz":
        (tmp_path / name).write_bytes(signer(name).to_pem(None))
        (tmp_path / f"{name}.pub").write_bytes(signer(name).public.to_pem())
    return tmp_path


def test_nothing_is_lost_that_several_add_to_a_bundle_at_once(exchange: Exchange, keys: Path) -> None:
    bundle, pinned = bundle_of(exchange, keys, "xy"), signed_root(keys)
    (keys / "findings.toml").write_text(FINDINGS)
    authority = make_authority(keys / "clock")
    (keys / "clock.pem").write_bytes(authority.root)
    auditor = ("--key", "u", "--trust-root", pinned)
    with serving(authority) as url:
        at_once(
            ("sign", bundle, "--key", "z"),
            ("countersign", bundle, *auditor),
            ("auditor-report", bundle, "findings.toml", *auditor),
            ("timestamp", bundle, "--tsa", url, "--tsa-root", "clock.pem"),
        )
    found = parse_bundle(bundle.read_bytes())
    signed = [item.keyid for item in found.envelope.signatures]
    assert sorted(signed) == sorted(signer(name).public.fingerprint for name in "xyzu")
    assert len(found.auditor_reports) == 1
    authorities = parse_authorities(authority.root, what="the clock")
    assert len(verify_timestamps(found.timestamps, (found.envelope, *found.auditor_reports), authorities)) >= 2


@pytest.mark.parametrize("key", ["u", "p"])
def test_two_reports_of_one_second_are_one_and_may_have_their_timestamps(
    key: str, attest: Any, exchange: Exchange, keys: Path
) -> None:
    """Of the same findings by one key; p is an ECDSA key, which signs otherwise each time."""
    (keys / "p").write_bytes(signer("p").to_pem(None))
    roles = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("up", 1)}
    (keys / "1.json").write_bytes(root(1, roles, "ab").to_bytes())
    bundle = bundle_of(exchange, keys, "xyu")
    (keys / "findings.toml").write_text(FINDINGS)
    authority = make_authority(keys / "clock")
    (keys / "clock.pem").write_bytes(authority.root)
    report = ("auditor-report", bundle, "findings.toml", "--key", key, "--trust-root", "1.json")
    stamp = ("timestamp", bundle, "--tsa-root", "clock.pem", "--tsa")
    with serving(authority) as url:
        at_once(report, report, (*stamp, url))
        assert attest(*stamp, url).code == 0
        assert attest(*stamp, url, "--json").document["added"] == 0
    assert len(parse_bundle(bundle.read_bytes()).auditor_reports) == 1
    ran = attest("verify", bundle, "--trust-root", "1.json", "--tsa-root", "clock.pem", "--json")
    assert (ran.code, ran.document["steps"][6]["status"]) == (0, "VERIFIED")


def test_no_signature_is_lost_that_several_put_under_a_trust_root_at_once(attest: Any, keys: Path) -> None:
    assert new(attest, "--root", "a.pub", "--root", "b.pub", "--root-threshold", 2, "--exchange", "y.pub").code == 0
    at_once(*(("trust", "sign", keys / "1.json", "--key", name) for name in "ab"))
    assert attest("trust", "show", "1.json", "--json").document["signed"] == ["a", "b"]
