"""Files that name a customer or show a balance are for their reader alone; what is there is not written again."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from attest.demo import exchange as demo
from tests.conftest import Exchange
from tests.world.roots import state

ACCOUNT = b"hanako@example.jp"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_no_file_that_others_may_read_names_a_customer(attest: Any, exchange: Exchange, tmp_path: Path) -> None:
    """What demo, prove, disclose and build write, but for the folder that is published."""
    assert attest("demo", "--out", tmp_path / "demo").code == 0
    private = exchange.outcome.private
    assert attest("prove", private, "--account", demo.ACCOUNT, "-o", tmp_path / "hanako.proof.json").code == 0
    assert attest("prove", private, "--all", "-o", tmp_path / "all").code == 0
    disclosed = tmp_path / "eth-cold.disclosed.jsonl"
    assert attest("evidence", "disclose", private, "eth-cold", "-o", disclosed).code == 0
    built = ("liabilities", "build", tmp_path / "demo" / "attest.toml", "--period", "2026-10", "-o", tmp_path / "built")
    assert attest(*built).code == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    naming = {path for path in files if ACCOUNT in path.read_bytes()}
    names = {path.name for path in naming}
    assert {"ledger.csv", "hanako.proof.json"} <= names
    within = ("private", "built", "all", "documents")
    secret = naming | {disclosed} | {path for path in files if {part.name for part in path.parents} & set(within)}
    assert {path.name: mode(path) for path in secret if mode(path) != 0o600} == {}
    published = tmp_path / "demo" / "publication"
    assert not [path for path in naming if published in path.parents]
    assert {mode(path) for path in published.rglob("*") if path.is_file()} == {0o644}
    assert {mode(tmp_path / "demo" / name) for name in ("attest.toml", "keys/exchange.pem.pub")} == {0o644}


def test_a_proof_that_replaces_one_that_others_could_read_is_for_its_owner_alone(
    attest: Any, exchange: Exchange, tmp_path: Path
) -> None:
    proof = tmp_path / "hanako.proof.json"
    proof.write_bytes(b"{}")
    proof.chmod(0o644)
    prove = ("prove", exchange.outcome.private, "--account", demo.ACCOUNT, "-o", proof)
    assert (attest(*prove).code, proof.read_bytes()) == (4, b"{}")
    assert attest(*prove, "--force").code == 0
    assert mode(proof) == 0o600


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("prove", "{private}", "--account", demo.ACCOUNT, "-o", "{out}"), "the proof is there already"),
        (("evidence", "disclose", "{private}", "eth-cold", "-o", "{out}"), "which were there already"),
    ],
)
def test_what_was_written_already_is_said_and_left(
    command: tuple[str, ...], said: str, attest: Any, exchange: Exchange, tmp_path: Path
) -> None:
    out = tmp_path / "eth-cold.disclosed.jsonl"
    asked = [word.format(private=exchange.outcome.private, out=out) for word in command]
    assert attest(*asked, "--json").document["added"] == 1
    before = state(out)
    again = attest(*asked)
    assert (again.code, said in again.out, "nothing was written" in again.out) == (0, True, True)
    assert attest(*asked, "--json").document["added"] == 0
    assert state(out) == before
    out.write_bytes(out.read_bytes() + b" ")
    assert attest(*asked, "--json").document["error"]["code"] == "file/exists"
    (tmp_path / "eth-cold.disclosed.jsonl").unlink()
    out.mkdir()
    assert attest(*asked).code in {2, 4}
