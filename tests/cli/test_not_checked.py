"""What no record shows, every command that shows a figure calls false, or not checked where records are withheld."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.bundle import Bundle
from attest.attestation.statement import PAYLOAD_TYPE
from attest.canonical import dumps
from attest.demo.exchange import PUBLIC_KEY_FILE
from attest.signing.envelope import sign
from tests.cli.conftest import AUDITOR
from tests.conftest import Exchange
from tests.world.ceremony import root, signer

KEY = ("asset", "chain", "purpose", "storage", "evidence", "control")
ROLES = {"root": ("ab", 2), "exchange": ("xy", 2), "auditor": ("u", 1)}


def invented(exchange: Exchange) -> bytes:
    """A statement that holds a million bitcoins more than any record shows, with its policies evaluated over them."""
    value = json.loads(exchange.payload)
    lines = value["predicate"]["reserves"]
    (btc,) = (
        line for line in lines if (line["asset"], line["purpose"], line["storage"]) == ("BTC", "customer", "cold")
    )
    lines.append({**btc, "evidence": "single", "amount": str(10**14), "wallets": 1})
    lines.sort(key=lambda line: [line[key] for key in KEY])
    exchange.evaluate(value)
    return dumps(value)


@pytest.fixture
def forged(exchange: Exchange, public: Path) -> Path:
    """The publication folder with that statement, signed by all who must, but for its auditor."""
    envelope = sign(invented(exchange), PAYLOAD_TYPE, [signer(name) for name in "xy"])
    bundle = Bundle(format="attest/bundle/v1", envelope=envelope, timestamps=(), trust_roots=(), auditor_reports=())
    (public / "2026-10.attest.json").write_bytes(bundle.to_bytes())
    (public / "1.root.json").write_bytes(root(1, ROLES, "ab").to_bytes())
    (public / "own.root.json").write_bytes(
        root(1, {role: ROLES[role] for role in ("root", "exchange")}, "ab").to_bytes()
    )
    (public / "u").write_bytes(signer("u").to_pem(None))
    (public / "findings.toml").write_text(
        'auditor = "A"\nstandard = "S"\n[[procedures]]\nprocedure = "P"\nfinding = "F"\nexception = false\n'
    )
    return public


COMMANDS = {
    "verify": ("verify", "2026-10.attest.json", "--trust-root", "own.root.json"),
    "evidence check": ("evidence", "check", "."),
    "policy evaluate": ("policy", "evaluate", "jp-psa-in-force", "--inputs", "2026-10.attest.json"),
    "policy explain": ("policy", "explain", "jp-psa-in-force", "jp.cover", "--inputs", "2026-10.attest.json"),
    "countersign": ("countersign", "2026-10.attest.json", "--key", "u", "--trust-root", "1.root.json"),
    "auditor-report": (
        "auditor-report", "2026-10.attest.json", "findings.toml", "--key", "u", "--trust-root", "1.root.json",
    ),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_said_or_signed_of_a_line_that_no_record_shows(
    command: str, attest: Any, forged: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(forged)
    (forged / AUDITOR).write_bytes((exchange.outcome.private / AUDITOR).read_bytes())
    before = (forged / "2026-10.attest.json").read_bytes()
    ran = attest(*COMMANDS[command], "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "recheck/line")
    assert "BTC" in ran.document["error"]["message"]
    assert (forged / "2026-10.attest.json").read_bytes() == before


SHOWN = {
    "verify": "MET (not checked)",
    "evidence check": "NOT CHECKED: 1 of 11 balances",
    "policy evaluate": "jp.cover: not checked, 1,000,000.00000000 BTC (records not available here)",
    "policy explain": "Not checked: 1,000,000.00000000 BTC (records not available here).",
    "countersign": "MET (not checked)",
    "auditor-report": "Not checked, 1,000,000.00000000 of 1,000,408.75000000 BTC: not all of the evidence is beside",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_figure_whose_records_are_withheld_is_shown_as_not_checked(
    command: str, attest: Any, forged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(forged)
    ran = attest(*COMMANDS[command])
    assert ran.code == 0, ran.err
    assert SHOWN[command] in ran.out
    if command == "policy evaluate":
        rows = {line.split()[1]: line for line in ran.out.splitlines() if line.startswith("jp.cover  ")}
        assert rows["BTC"].rstrip().endswith("MET (not checked)")
        assert rows["ETH"].rstrip().endswith("MET")


def test_a_history_says_which_ratios_rest_on_what_nobody_showed(attest: Any, forged: Path) -> None:
    ran = attest("history", "check", forged, "--trust-root", forged / "own.root.json")
    assert "248,024.98 %, not checked" in ran.out.replace("248024.98", "248,024.98")
    document = attest("history", "check", forged, "--trust-root", forged / "own.root.json", "--json").document
    coverage = {item["asset"]: item for item in document["months"][0]["coverage"]}
    assert (coverage["BTC"]["met"], coverage["BTC"]["checked"]) == (True, False)
    assert coverage["BTC"]["unchecked"]["amounts"] == [{"asset": "BTC", "why": "unavailable", "amount": str(10**14)}]
    assert (coverage["ETH"]["met"], coverage["ETH"]["checked"]) == (True, True)


def test_programs_see_apart_what_is_met_and_what_was_checked(attest: Any, exchange: Exchange, public: Path) -> None:
    key = exchange.folder / PUBLIC_KEY_FILE
    for gone, checked in ((False, True), (True, False)):
        if gone:
            (public / "evidence-public.jsonl").unlink()
        document = attest("verify", public / "2026-10.attest.json", "--key", key, "--json").document
        assert {(item["met"], item["checked"]) for item in document["coverage"]} == {(True, checked)}
        rules = [rule for policy in document["policies"] for rule in policy["rules"] if rule["verdict"] == "MET"]
        assert {rule["checked"] for rule in rules} == {checked}
        assert {line["checked"] for rule in rules for line in rule["lines"]} == {checked}


@pytest.mark.usefixtures("nodes")
def test_a_custodians_letter_goes_from_the_config_to_every_reader(attest: Any, config: Path) -> None:
    (config.parent / "documents" / "keeper-2026-10.txt").write_text("We hold 12.5 BTC.")
    table = 'asset = "BTC"\npurpose = "customer"\ncustodian = "Keeper Ltd"\namount = "12.5"\n'
    with config.open("a") as file:
        file.write(f'\n[[held]]\n{table}document = "documents/keeper-{{period}}.txt"\n')
    ran = attest("run", config, "--period", "2026-10")
    assert ran.code == 0, ran.err
    folder = config.parent / "publication" / "2026-10"
    shown = attest("verify", folder / "2026-10.attest.json", "--key", config.parent / PUBLIC_KEY_FILE)
    title = "By the word of custodians alone, and counted nowhere:"
    lines = shown.out.split(title)[1].splitlines()
    assert lines[4].split() == ["BTC", "Keeper", "Ltd", "customer", "12.50000000", "named", "by", "digest"]
    assert "1 of 1 documents of custodians named by digest, which count nowhere" in shown.out
    document = attest(
        "verify", folder / "2026-10.attest.json", "--key", config.parent / PUBLIC_KEY_FILE, "--json"
    ).document
    assert [(item["custodian"], item["amount"], item["available"]) for item in document["held"]] == [
        ("Keeper Ltd", "1250000000", True)
    ]
    assert document["coverage"][0]["held"] == {"agreed": "40875000000"}
    private = config.parent / "private" / "2026-10"
    rows = attest("evidence", "show", private).out.splitlines()
    (row,) = (line for line in rows if "declared-balance" in line)
    assert row.split()[2:] == "12.50000000 BTC declared keeper-2026-10.txt of Keeper Ltd, counted nowhere".split()
    own = attest("reserves", "show", private).out
    assert any(line.split()[:4] == ["BTC", "customer", "declared,", "not"] for line in own.splitlines())
    assert attest("evidence", "check", private).code == 0


@pytest.mark.parametrize("command", ["verify", "evidence check", "policy evaluate"])
def test_every_command_refuses_what_a_statement_says_against_itself(
    command: str, attest: Any, forged: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a block far from the snapshot, of which no reason is given."""
    monkeypatch.chdir(forged)
    value = json.loads(exchange.payload)
    value["predicate"]["chains"][0]["time"] = "2026-10-20T00:00:00Z"
    envelope = sign(dumps(value), PAYLOAD_TYPE, [signer(name) for name in "xy"])
    bundle = Bundle(format="attest/bundle/v1", envelope=envelope, timestamps=(), trust_roots=(), auditor_reports=())
    (forged / "2026-10.attest.json").write_bytes(bundle.to_bytes())
    ran = attest(*COMMANDS[command], "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "statement/pin-time")


@pytest.mark.parametrize("field", ["reserves", "money"])
def test_a_reading_that_names_an_asset_of_its_own_is_refused(field: str, attest: Any, private: Path) -> None:
    for name in ("statement.json",):
        (private / name).unlink()
    value = json.loads((private / "reserves.json").read_bytes())
    key = "asset" if field == "reserves" else "currency"
    value[field][0][key] = "XXX"
    (private / "reserves.json").write_bytes(dumps(value))
    ran = attest("evidence", "check", private, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "recheck/asset")
    assert "reserves.json names XXX" in ran.document["error"]["message"]


def test_how_much_of_each_line_is_shown_stands_where_evidence_is_checked(attest: Any, forged: Path) -> None:
    ran = attest("evidence", "check", forged)
    assert "records are not available here; shown is 0.00000000 of 1,000,000.00000000 BTC" in ran.out
    assert "customer cold single in 0 of 1 wallets" in ran.out
