"""A month that is read at blocks far from its end, through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import replace

BITCOIN_PIN, ETHEREUM_PIN = 'native = "BTC"\npin = ', 'native = "ETH"\npin = '
SEPTEMBER = "2026-09"


@pytest.fixture
def config(config: Path) -> Path:
    """An exchange that attests September at blocks of the end of October, which are those that its nodes know."""
    replace(config, BITCOIN_PIN + '"period-end"', BITCOIN_PIN + "{ height = 144 }")
    replace(config, ETHEREUM_PIN + '"period-end"', ETHEREUM_PIN + "{ height = 100 }")
    for path in list((config.parent / "documents").iterdir()):
        shutil.copy(path, path.with_name(path.name.replace("2026-10", SEPTEMBER)))
    return config


def give(config: Path, reason: str) -> None:
    for native in ("BTC", "ETH"):
        replace(config, f'native = "{native}"\n', f'native = "{native}"\nreason = "{reason}"\n')


@pytest.mark.usefixtures("nodes")
def test_a_month_is_not_attested_at_a_far_block_without_a_reason(attest: Any, config: Path) -> None:
    """It is refused before any balance is read."""
    before = sorted(config.parent.rglob("*"))
    ran = attest("run", config, "--period", SEPTEMBER)
    assert ran.code == 3
    assert "block 100 of eip155:31337 is of 2026-10-31T14:59:59Z" in ran.err
    assert "which is more than 24 hours" in ran.err
    assert 'reason = "…"' in ran.err
    assert "is read at block" not in ran.err
    assert sorted(config.parent.rglob("*")) == before


@pytest.mark.usefixtures("nodes")
def test_a_far_block_is_read_without_a_reason_and_told(attest: Any, config: Path, tmp_path: Path) -> None:
    """Who reads may only want to see what lies there, as in a drill; it is not signed so."""
    read = tmp_path / "read"
    ran = attest("reserves", "read", config, "--period", SEPTEMBER, "-o", read)
    assert ran.code == 0, ran.err
    assert "which is more than 24 hours: no month can be attested at it without a reason" in ran.err
    assert all("reason" not in pin for pin in json.loads((read / "reserves.json").read_bytes())["chains"])
    assert attest("reserves", "show", read).code == 0
    assert attest("evidence", "check", read).code == 0
    refused = attest("run", config, "--period", SEPTEMBER, "--reserves", read, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (3, "pin/far")
    assert not (config.parent / "publication").exists()


@pytest.mark.usefixtures("nodes")
def test_the_reason_is_told_wherever_the_block_is(attest: Any, config: Path, tmp_path: Path) -> None:
    give(config, "Drill: the nodes know October alone.")
    read = tmp_path / "read"
    assert attest("reserves", "read", config, "--period", SEPTEMBER, "-o", read).code == 0
    stated = json.loads((read / "reserves.json").read_bytes())["chains"]
    assert {pin["reason"] for pin in stated} == {"Drill: the nodes know October alone."}
    shown = attest("reserves", "show", read)
    assert "eip155:31337 is read far from the snapshot: Drill: the nodes know October alone." in shown.out
    # Another reason, or none, is given when the month is signed: it is no part of what was read.
    replace(config, "know October alone.", "were new.")
    ran = attest("run", config, "--period", SEPTEMBER, "--reserves", read)
    assert ran.code == 5, ran.err
    assert "NOT MET  arithmetic inside the statement" in ran.out
    bundle = config.parent / "publication" / SEPTEMBER / f"{SEPTEMBER}.attest.json"
    verified = attest("verify", bundle, "--key", config.parent / "keys" / "exchange.pem.pub", "--json")
    assert verified.code == 5
    step = verified.document["steps"][8]
    assert step["status"] == "NOT MET"
    assert "Drill: the nodes were new." in step["detail"]
    assert [pin["reason"] for pin in verified.document["chains"]] == ["Drill: the nodes were new."] * 2


@pytest.mark.usefixtures("nodes")
def test_what_was_read_for_a_reason_is_not_signed_without_one(attest: Any, config: Path, tmp_path: Path) -> None:
    give(config, "Drill")
    read = tmp_path / "read"
    assert attest("reserves", "read", config, "--period", SEPTEMBER, "-o", read).code == 0
    replace(config, 'reason = "Drill"\n', "")
    ran = attest("run", config, "--period", SEPTEMBER, "--reserves", read)
    assert (ran.code, "which is more than 24 hours" in ran.err, "reading the ledger" in ran.err) == (3, True, False)
    assert not (config.parent / "publication").exists()


@pytest.mark.usefixtures("nodes")
def test_a_reason_that_is_not_needed_is_not_stated(attest: Any, config: Path, tmp_path: Path) -> None:
    give(config, "Drill")
    assert attest("reserves", "read", config, "--period", "2026-10", "-o", tmp_path / "read").code == 0
    assert all("reason" not in pin for pin in json.loads((tmp_path / "read/reserves.json").read_bytes())["chains"])


@pytest.mark.usefixtures("nodes")
def test_a_reading_does_not_go_on_at_a_far_block_whose_reason_is_gone(attest: Any, config: Path) -> None:
    give(config, "Drill")
    ledger = config.parent / "ledger.csv"
    good = ledger.read_bytes()
    ledger.write_text("account,asset,balance\nalice,BTC,x\n", encoding="utf-8")
    assert attest("run", config, "--period", SEPTEMBER).code == 3
    journal = config.parent / "private" / f"{SEPTEMBER}.reading"
    assert journal.exists()
    ledger.write_bytes(good)
    replace(config, 'reason = "Drill"\n', "")
    ran = attest("run", config, "--period", SEPTEMBER)
    assert (ran.code, "which is more than 24 hours" in ran.err, "is read at block" in ran.err) == (3, True, False)
    give(config, "Drill again")
    ran = attest("run", config, "--period", SEPTEMBER)
    assert (ran.code, "going on with an unfinished reading" in ran.err, journal.exists()) == (5, True, False)
