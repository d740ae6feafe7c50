"""One file for a phone: made by `attest prove --pack`, taken by `attest verify`, shown by `attest inspect`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.pack import MAX_PACK_BYTES
from attest.canonical import dumps
from attest.demo.exchange import ACCOUNT
from tests.conftest import Exchange
from tests.world.ceremony import root
from tests.world.qr import read_qr

OTHER_PROOF = "is a proof of another statement"


@pytest.fixture
def packed(attest: Any, exchange: Exchange, tmp_path: Path) -> Path:
    out = tmp_path / "hanako.pack.json"
    assert attest("prove", exchange.outcome.private, "--account", ACCOUNT, "--pack", "-o", out).code == 0
    return out


@pytest.fixture
def verify(attest: Any, exchange: Exchange) -> Callable[..., Any]:
    return lambda path, *options: attest(
        "verify", path, "--key", exchange.folder / "keys" / "exchange.pem.pub", "--json", *options
    )


def edited(packed: Path, change: Callable[[Any], object]) -> Path:
    value = json.loads(packed.read_bytes())
    change(value)
    packed.write_bytes(dumps(value))
    return packed


def test_a_pack_has_the_published_bundle_and_the_proof(packed: Path, exchange: Exchange) -> None:
    assert json.loads(packed.read_bytes()) == {
        "format": "attest/pack/v1",
        "bundle": exchange.bundle.decode(),
        "proof": exchange.proof().decode(),
    }
    assert packed.read_bytes() == dumps(json.loads(packed.read_bytes()))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_a_pack_is_for_its_customer_alone(packed: Path) -> None:
    assert packed.stat().st_mode & 0o777 == 0o600


def test_a_pack_is_verified_in_the_place_of_a_bundle_and_its_proof(
    packed: Path, verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    (tmp_path / "a.attest.json").write_bytes(exchange.bundle)
    (tmp_path / "a.proof.json").write_bytes(exchange.proof())
    apart = verify(tmp_path / "a.attest.json", "--proof", tmp_path / "a.proof.json")
    together = verify(packed)
    assert together.document == apart.document
    assert (together.code, together.document["steps"][10]["status"]) == (0, "VERIFIED")
    assert together.document["steps"][9]["status"] == "NOT CHECKED"
    beside = exchange.outcome.publication / "evidence-public.jsonl"
    shutil.copyfile(beside, tmp_path / beside.name)
    assert verify(packed).document["steps"][11]["status"] == "VERIFIED"


def test_a_proof_besides_that_of_the_pack_is_refused(packed: Path, verify: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.proof.json").write_bytes(b"{}")
    ran = verify(packed, "--proof", tmp_path / "a.proof.json")
    assert (ran.code, "which has its proof in it: leave out --proof" in ran.out) == (2, True)


def test_a_pack_with_a_trust_root_is_refused_at_step_0(packed: Path, verify: Callable[..., Any]) -> None:
    given = root(1, {"root": ("ab", 2), "exchange": ("xyz", 2)}, "ab").to_bytes().decode()
    ran = verify(edited(packed, lambda value: value.update(trustRoot=given)))
    assert (ran.code, ran.document["status"], ran.document["error"]["code"]) == (3, "malformed", "document/invalid")
    assert "the pack: trustRoot: unknown field" in ran.document["error"]["message"]
    assert [(step["number"], step["status"]) for step in ran.document["steps"]] == [(0, "FAILED")]


def test_a_pack_that_is_too_large_is_called_so(packed: Path, verify: Callable[..., Any]) -> None:
    ran = verify(edited(packed, lambda value: value.update(proof=value["proof"] + " " * MAX_PACK_BYTES)))
    assert (ran.code, ran.document["error"]["code"]) == (3, "json/too-large")
    assert ran.document["error"]["message"] == "the pack has more than 4,194,304 bytes"


def test_a_proof_of_another_statement_leaves_step_10_unchecked(
    packed: Path, verify: Callable[..., Any], exchange: Exchange
) -> None:
    other = exchange.resigned(lambda value: value["predicate"]["entity"].update(name="Another KK")).decode()
    ran = verify(edited(packed, lambda value: value.update(bundle=other)))
    assert (ran.code, ran.document["error"]["code"]) == (3, "proof/statement")
    assert f"the proof in {packed} {OTHER_PROOF}" in ran.document["error"]["message"]
    assert len(ran.document["steps"]) == 16
    assert ran.document["steps"][10]["status"] == "NOT CHECKED"


def test_a_proof_that_is_none_leaves_step_10_unchecked(packed: Path, verify: Callable[..., Any]) -> None:
    ran = verify(edited(packed, lambda value: value.update(proof="<html>log in</html>")))
    assert (ran.code, ran.document["steps"][10]["status"]) == (3, "NOT CHECKED")
    assert f"the proof in {packed} is not strict JSON" in ran.document["error"]["message"]


def test_a_bundle_in_a_pack_fails_as_it_would_alone(packed: Path, verify: Callable[..., Any]) -> None:
    ran = verify(edited(packed, lambda value: value.update(bundle="{}")))
    assert (ran.code, ran.document["error"]["code"], ran.document["steps"][0]["status"]) == (
        3, "document/invalid", "FAILED"
    )  # fmt: skip
    assert ran.document["error"]["message"].startswith("the bundle: ")


def test_inspect_shows_both_files_of_a_pack(attest: Any, packed: Path, exchange: Exchange) -> None:
    ran = attest("inspect", packed, "--json")
    assert (ran.code, ran.document["kind"]) == (0, "pack")
    content = ran.document["content"]
    assert content["bundle"]["envelope"]["payload"] == json.loads(exchange.payload)
    assert content["proof"] == json.loads(exchange.proof())
    assert attest("inspect", packed).out.startswith("NOT VERIFIED: ")
    edited(packed, lambda value: value.update(bundle="junk"))
    assert attest("inspect", packed).code == 3


def test_a_pack_in_the_place_of_another_file_is_called_what_it_is(
    attest: Any, packed: Path, exchange: Exchange
) -> None:
    key = exchange.folder / "keys" / "exchange.pem"
    told = f"attest: error: {packed} is a pack of a bundle and a proof, not "
    hint = "attest: hint: attest verify PACK takes it in the place of a bundle, with the proof in it\n"
    proof = attest("verify", exchange.outcome.bundle, "--key", f"{key}.pub", "--proof", packed)
    trusted = attest("verify", exchange.outcome.bundle, "--trust-root", packed)
    signed = attest("sign", packed, "--key", key)
    for ran, wanted in ((proof, "an inclusion proof"), (trusted, "a trust root"), (signed, "a bundle")):
        assert (ran.code, told + wanted in ran.err, hint in ran.err) == (3, True, True), wanted


def test_a_bundle_is_named_or_found_where_run_publishes_it(
    attest: Any, exchange: Exchange, tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "kept" / "2026-10"
    shutil.copytree(exchange.outcome.private, moved)
    make = ("prove", moved, "--account", ACCOUNT, "--pack")
    ran = attest(*make)
    assert (ran.code, f"cannot read {tmp_path / 'publication/2026-10/2026-10.attest.json'}" in ran.err) == (4, True)
    assert "attest: hint: the bundle that was published of this month goes into the pack; say where it is" in ran.err
    assert attest(*make, exchange.outcome.bundle).out.encode().rstrip() == packed.read_bytes()
    shutil.copytree(exchange.outcome.publication, tmp_path / "publication" / "2026-10")
    assert attest(*make).code == 0
    monkeypatch.chdir(moved)
    assert attest("prove", ".", "--account", ACCOUNT, "--pack").code == 0


def test_a_bundle_of_another_statement_or_another_file_is_not_packed(
    attest: Any, exchange: Exchange, tmp_path: Path
) -> None:
    out, other = tmp_path / "x.pack.json", tmp_path / "other.attest.json"
    other.write_bytes(exchange.resigned(lambda value: value["predicate"]["entity"].update(name="Another KK")))
    make = ("prove", exchange.outcome.private, "--account", ACCOUNT, "-o", out, "--pack")
    ran = attest(*make, other)
    assert (ran.code, f"{other} is the bundle of another statement, " in ran.err) == (3, True)
    assert "attest: hint: name the bundle that was published of this very month: --pack BUNDLE" in ran.err
    ran = attest(*make, exchange.outcome.private / "statement.json")
    assert (ran.code, "is a statement without its bundle, not a bundle" in ran.err) == (3, True)
    assert not out.exists()


def test_a_pointer_is_printed_and_drawn(attest: Any, exchange: Exchange, packed: Path, tmp_path: Path) -> None:
    out = tmp_path / "pointer.svg"
    ran = attest("prove", exchange.outcome.private, "--qr", out, "--json")
    assert (ran.code, ran.document["status"], ran.document["qr"]) == (0, "done", str(out))
    assert ran.document["pointer"].startswith("ATTEST1:2026-10:")
    assert read_qr(out.read_text(encoding="utf-8")) == ran.document["pointer"]
    again = attest("prove", exchange.outcome.private, "--qr", out)
    assert (again.code, again.out.splitlines()[0]) == (0, f"pointer   {ran.document['pointer']}")
    assert attest("prove", exchange.outcome.private, "--qr", packed).code == 4
    assert attest("prove", exchange.outcome.private, "--qr", packed, "--force").code == 0


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--all", "--pack"),
        ("--all", "--out", "x", "--pack"),
        ("--qr", "x", "--pack"),
        ("--qr", "x", "--out", "y"),
        ("--qr", "x", "--account", "y"),
        ("--qr", "x", "--all", "--out", "y"),
        ("--account", "x", "--all", "--out", "y"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_for_together_exits_2(options: tuple[str, ...], attest: Any, exchange: Exchange) -> None:
    assert attest("prove", exchange.outcome.private, *options).code == 2
