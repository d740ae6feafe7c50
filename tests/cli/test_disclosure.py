"""`attest evidence disclose`: one hidden wallet for one reader."""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attest.demo import exchange as demo
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from tests.cli.conftest import AUDITOR, ETHEREUM, HOT, balances, change
from tests.conftest import NOW, SECRET


@dataclass(frozen=True)
class Secretive:
    """The demo exchange with some wallets and the bank document hidden."""

    private: Path
    publication: Path


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory, urls: dict[str, str]) -> Secretive:
    folder = tmp_path_factory.mktemp("secretive") / "x"
    demo.write_exchange(folder)
    text = (folder / demo.CONFIG_FILE).read_text(encoding="utf-8")
    for name in ("eth-cold", "eth-hot", "btc-cold"):
        text = text.replace(f'id = "{name}"', f'id = "{name}"\npublic = false')
    text = text.replace('institution = "Demo', 'public = false\ninstitution = "Demo')
    (folder / demo.CONFIG_FILE).write_text(text, encoding="utf-8")
    outcome = monthly.run(
        read_config(folder / demo.CONFIG_FILE),
        demo.PERIOD,
        Surroundings(folder, NOW, urls),
        MonthInputs(SECRET, lambda _: ""),
    )
    return Secretive(outcome.private, outcome.publication)


@pytest.fixture
def reader(secretive: Secretive, tmp_path: Path) -> Path:
    """A reader's folder: what was published, and nothing of the exchange."""
    shutil.copytree(secretive.publication, tmp_path / "reader")
    return tmp_path / "reader"


def test_a_disclosed_wallet_counts_for_its_reader_and_shows_nothing_of_others(
    attest: Any, secretive: Secretive, reader: Path
) -> None:
    assert balances(attest, reader) == (5, 25)
    disclosed = reader / "eth-cold.disclosed.jsonl"
    ran = attest("evidence", "disclose", secretive.private, "eth-cold", "-o", disclosed)
    assert (ran.code, str(disclosed) in ran.out, "attest evidence check" in ran.out) == (0, True, True)
    assert stat.S_IMODE(disclosed.stat().st_mode) == 0o600
    assert balances(attest, reader)[0] == 7
    shown = attest("evidence", "show", reader)
    assert (shown.out.count("eth-cold"), "eth-hot" in shown.out, "btc-cold" in shown.out) == (2, False, False)

    data = disclosed.read_bytes()
    records = [json.loads(line)["record"] for line in data.splitlines()]
    assert {record.get("wallet", "eth-cold") for record in records} == {"eth-cold"}
    assert {record.get("chain") for record in records} == {ETHEREUM}
    for word in (b"eth-hot", b"btc", b"tpub", HOT.lower().encode(), HOT.encode(), b"Trust Bank"):
        assert word not in data
    hidden = [json.loads(line) for line in (secretive.private / AUDITOR).read_bytes().splitlines()]
    for record in hidden:
        if record.get("wallet") == "eth-hot":
            assert all(node.encode() not in data for node in record["proof"])

    assert attest("evidence", "disclose", secretive.private, "eth-hot", "-o", reader / "b.disclosed.jsonl").code == 0
    assert balances(attest, reader)[0] == 9
    btc = reader / "c.disclosed.jsonl"
    assert attest("evidence", "disclose", secretive.private, "btc-cold", "-o", btc).code == 0
    assert b"tpub" not in btc.read_bytes()
    assert balances(attest, reader) == (10, 31)
    ran = attest("evidence", "disclose", secretive.private, "btc-cold", "-o", btc, "--descriptor", "--force", "--json")
    assert (ran.code, ran.err, ran.document["records"]) == (0, "", 4)
    assert b"tpub" in btc.read_bytes()
    assert balances(attest, reader) == (10, 32)


def test_what_was_disclosed_is_checked_like_everything(attest: Any, secretive: Secretive, reader: Path) -> None:
    disclosed = reader / "eth-cold.disclosed.jsonl"
    attest("evidence", "disclose", secretive.private, "eth-cold", "-o", disclosed)
    row = next(i for i, line in enumerate(disclosed.read_bytes().splitlines()) if b'"ethereum-balance"' in line)
    change(disclosed, row, ("record", "amount"))
    ran = attest("evidence", "check", reader)
    assert (ran.code, f"eth-cold.disclosed.jsonl row {row + 1}: record" in ran.err) == (1, True)


def test_what_another_exchange_disclosed_is_refused(attest: Any, private: Path, reader: Path) -> None:
    attest("evidence", "disclose", private, "eth-cold", "-o", reader / "x.disclosed.jsonl")
    ran = attest("evidence", "check", reader)
    assert (ran.code, "x.disclosed.jsonl row 1: record" in ran.err) == (1, True)


DISCLOSURES = {
    "an unknown wallet": (["nobody"], 3, "no balance of a wallet 'nobody'"),
    "no wallet's name": (["../eth-cold"], 3, "no balance of a wallet '../eth-cold'"),
    "a wallet without a descriptor": (["eth-cold", "--descriptor"], 3, "wallet eth-cold has no descriptor"),
    "a name that no check finds": (["eth-cold", "-o", "x.jsonl"], 2, "must end in .disclosed.jsonl"),
    "a file that exists": (["btc-hot"], 4, "btc-hot.disclosed.jsonl exists"),
    "a folder that is not there": (["eth-cold", "-o", "no/x.disclosed.jsonl"], 4, "cannot write"),
}


@pytest.mark.parametrize("case", DISCLOSURES)
def test_what_cannot_be_disclosed_is_told(
    case: str, attest: Any, private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, code, told = DISCLOSURES[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "btc-hot.disclosed.jsonl").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    ran = attest("evidence", "disclose", private, *arguments)
    assert (ran.code, told in ran.err, ran.out) == (code, True, "")
    as_json = attest("evidence", "disclose", private, *arguments, "--json")
    assert (as_json.code, as_json.err, told in as_json.document["error"]["message"]) == (code, "", True)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "btc-hot.disclosed.jsonl").read_text() == "mine"


def test_only_who_has_all_records_can_disclose_one(attest: Any, public: Path) -> None:
    ran = attest("evidence", "disclose", public, "eth-cold")
    assert (ran.code, "only 33 of 34 records are here" in ran.err, "the private folder" in ran.err) == (4, True, True)
