"""`attest evidence show` and `check`, as someone uses them who has the folders and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attest.canonical import dumps
from attest.demo.exchange import PUBLIC_KEY_FILE
from attest.errors import AttestError
from attest.evidence.record import record_leaf
from attest.evidence.tree import EvidenceTree
from attest.verification.evidence.folder import open_evidence
from tests.cli.conftest import AUDITOR, BITCOIN, PUBLIC, change
from tests.conftest import Exchange


def test_evidence_is_listed_by_record(attest: Any, private: Path, public: Path) -> None:
    hidden = index_of(private, "bitcoin-descriptor")
    ran = attest("evidence", "show", private)
    assert ran.code == 0
    assert ran.out.startswith("NOT CHECKED: no balance was recomputed; 34 of 34 records lead to the root in ")
    assert "2 agreed, 2 needed: own bitcoind, second bitcoind" in ran.out
    assert "trust-2026-10.txt of Demo Trust Bank" in ran.out
    document = attest("evidence", "show", public, "--json").document
    assert (document["status"], document["bound_by"], document["count"]) == ("unchecked", "2026-10.attest.json", 34)
    assert [record["index"] for record in document["records"]] == [index for index in range(34) if index != hidden]


@pytest.mark.parametrize("edition", ["private", "public"])
def test_a_folder_that_was_copied_elsewhere_is_checked(edition: str, attest: Any, private: Path, public: Path) -> None:
    folder, records = (private, 34) if edition == "private" else (public, 33)
    ran = attest("evidence", "check", folder)
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith(f"VERIFIED: {records} of 34 records lead to the root in ")
    assert ran.out.splitlines()[0].endswith(
        "10 of 10 balances recomputed from their evidence; 2 of 2 bank documents named by digest"
    )
    document = attest("evidence", "check", folder, "--json").document
    assert (document["status"], document["records"], document["balances"], document["nodes"]) == (
        "verified",
        records,
        10,
        [],
    )
    assert [f"NOT CHECKED: {item}" for item in document["not_checked"]] == ran.out.splitlines()[1:]
    assert any(BITCOIN in item and "the word of the nodes" in item for item in document["not_checked"])
    # A slot that holds something else, an allowance for example, has proofs too.
    slot = "in the slots that were read: DUSD 0x5FbDB2315678afecb367f032d93F642f64180aa3 slot 0; --node asks one"
    assert any(item.endswith(slot) for item in document["not_checked"])
    # A slot that holds something else, an allowance for example, has proofs too.
    slot = "in the slots that were read: DUSD 0x5FbDB2315678afecb367f032d93F642f64180aa3 slot 0; --node asks one"
    assert any(item.endswith(slot) for item in document["not_checked"])


def test_a_check_needs_no_network(private: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise OSError('there is no network')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "from attest.cli import main\n"
        f"try: main(['evidence', 'check', {str(private)!r}])\n"
        "except SystemExit as done: assert done.code == 0, done.code\n"
        "print(sorted({'web3', 'requests', 'bitcoinlib'} & set(sys.modules)), file=sys.stderr)"
    )
    alone = ["unshare", "--map-root-user", "--net", "--"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        alone = []
    ran = subprocess.run([*alone, sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("VERIFIED: 34 of 34 records")
    assert ran.stderr.strip() == "[]"


@dataclass(frozen=True)
class Place:
    """A value in a record: the record's type, the steps to the value, and the asset or chain that tells it apart."""

    type: str
    steps: tuple[str | int, ...]
    of: str = ""


PLACES = {
    "an Ethereum header": Place("ethereum-header", ("header",)),
    "a Bitcoin header": Place("bitcoin-header", ("header",)),
    "a shared trie node": Place("ethereum-trie-nodes", ("nodes", 0)),
    "an account's trie node": Place("ethereum-balance", ("proof", -1)),
    "a slot's trie node": Place("ethereum-token-balance", ("proof", -1)),
    "an address": Place("ethereum-balance", ("address",)),
    "a contract": Place("ethereum-token-balance", ("contract",)),
    "a storage slot": Place("ethereum-token-balance", ("slot",)),
    "a balance in wei": Place("ethereum-balance", ("amount",)),
    "a token balance": Place("ethereum-token-balance", ("amount",)),
    "a balance in satoshis": Place("bitcoin-utxos", ("amount",)),
    "an output's amount": Place("bitcoin-utxos", ("utxos", 0, "amount")),
    "an output's txid": Place("bitcoin-utxos", ("utxos", 0, "txid")),
    "an output's number": Place("bitcoin-utxos", ("utxos", 0, "vout")),
    "an output's script": Place("bitcoin-utxos", ("utxos", 0, "script")),
    "an output's height": Place("bitcoin-utxos", ("utxos", 0, "height")),
    "a salt": Place("ethereum-balance", ("salt",)),
    "a level": Place("bitcoin-utxos", ("level",)),
    "a wallet's name": Place("bitcoin-utxos", ("wallet",)),
    "a purpose": Place("ethereum-balance", ("purpose",)),
    "a kind of storage": Place("ethereum-balance", ("storage",)),
    "an asset": Place("ethereum-token-balance", ("asset",)),
    "a node that agreed": Place("nodes", ("agreed", 0)),
    "how many nodes are needed": Place("nodes", ("needed",)),
    "a bank's amount": Place("money", ("amount",)),
    "a bank document's digest": Place("money", ("sha256",)),
    "a type": Place("money", ("type",)),
    "a chain": Place("nodes", ("chain",)),
}


def index_of(private: Path, kind: str) -> int:
    lines = (private / AUDITOR).read_bytes().splitlines()
    return next(index for index, line in enumerate(lines) if json.loads(line)["type"] == kind)


@pytest.mark.parametrize("case", PLACES)
def test_a_byte_changed_in_the_auditors_evidence_fails_and_names_the_record(
    case: str, attest: Any, private: Path
) -> None:
    index = index_of(private, PLACES[case].type)
    change(private / AUDITOR, index, PLACES[case].steps)
    ran = attest("evidence", "check", private)
    assert (ran.code, ran.out) == (1, "")
    assert f"evidence.jsonl row {index + 1}: record {index} is not the one that was bound" in ran.err
    as_json = attest("evidence", "show", private, "--json")
    assert (as_json.code, as_json.err, as_json.document["error"]["code"]) == (1, "", "evidence/leaf")


@pytest.mark.parametrize("case", PLACES)
def test_a_byte_changed_in_the_public_evidence_fails_and_names_the_record(
    case: str, attest: Any, private: Path, public: Path
) -> None:
    index = index_of(private, PLACES[case].type)
    row = index - (index > index_of(private, "bitcoin-descriptor"))
    change(public / PUBLIC, row, ("record", *PLACES[case].steps))
    ran = attest("evidence", "check", public, "--json")
    assert (ran.err, ran.document["error"]["message"].startswith(f"{PUBLIC} row {row + 1}: record")) == ("", True)
    unreadable = case in {"a level", "a purpose", "a kind of storage", "a type"}
    assert (ran.code, ran.document["status"]) == ((3, "malformed") if unreadable else (1, "failed"))


@pytest.mark.parametrize("steps", [("index",), ("path", 0), ("path", -1)], ids=str)
def test_a_byte_changed_on_the_way_to_the_root_fails_and_names_the_record(
    steps: tuple[str | int, ...], attest: Any, public: Path
) -> None:
    change(public / PUBLIC, 3, steps)
    ran = attest("evidence", "check", public)
    assert (ran.code, ran.out) == (1, "")
    assert f"{PUBLIC} row 4: record {4 if steps == ('index',) else 3}" in ran.err


@pytest.mark.parametrize("edition", [AUDITOR, PUBLIC])
def test_no_byte_of_evidence_changes_unnoticed_and_its_row_is_told(edition: str, private: Path, public: Path) -> None:
    folder = private if edition == AUDITOR else public
    data = (folder / edition).read_bytes()
    for position in range(0, len(data) - 1, 173):
        row = data.count(b"\n", 0, position) + 1
        for bit in (1, 32):
            (folder / edition).write_bytes(data[:position] + bytes([data[position] ^ bit]) + data[position + 1 :])
            with pytest.raises(AttestError, match=rf"{edition} row {row}\b"):
                open_evidence(folder)


@pytest.mark.parametrize("newline", range(34))
def test_records_that_run_together_are_named(newline: int, private: Path) -> None:
    data = (private / AUDITOR).read_bytes()
    position = [place for place, byte in enumerate(data) if byte == ord("\n")][newline]
    (private / AUDITOR).write_bytes(data[:position] + b" " + data[position + 1 :])
    with pytest.raises(
        AttestError, match=rf"row {newline + 1}: record {newline} is not" if newline < 33 else "line break"
    ):
        open_evidence(private)


@pytest.mark.parametrize(("keep", "told"), [(16, "has 16 records, 34 were bound"), (0, "has 0 records, 34")])
def test_records_that_are_missing_are_told(keep: int, told: str, attest: Any, private: Path) -> None:
    lines = (private / AUDITOR).read_bytes().splitlines(keepends=True)
    (private / AUDITOR).write_bytes(b"".join(lines[:keep]))
    ran = attest("evidence", "check", private)
    assert (ran.code, told in ran.err) == (1, True)


def test_without_the_list_of_leaves_a_changed_record_fails_all_the_same(attest: Any, private: Path) -> None:
    (private / "reserves.json").unlink()
    assert attest("evidence", "check", private).code == 0
    change(private / AUDITOR, 3, ("amount",))
    ran = attest("evidence", "check", private)
    assert (ran.code, "evidence.jsonl does not lead to the evidence root" in ran.err) == (1, True)


def test_a_public_edition_beside_the_auditors_must_hold_too(attest: Any, private: Path, public: Path) -> None:
    shutil.copy(public / PUBLIC, private)
    assert attest("evidence", "check", private).code == 0
    change(private / PUBLIC, 3, ("record", "amount"))
    ran = attest("evidence", "check", private)
    assert (ran.code, f"{PUBLIC} row 4: record 3" in ran.err) == (1, True)


def test_what_is_missing_is_said_to_be_missing(attest: Any, private: Path, public: Path, tmp_path: Path) -> None:
    (private / AUDITOR).unlink()
    (public / "2026-10.attest.json").unlink()
    (tmp_path / "empty").mkdir()
    for folder, code in (
        (private, "evidence/missing"),
        (public, "evidence/unbound"),
        (tmp_path / "empty", "evidence/unbound"),
        (tmp_path / "nowhere", "file/unreadable"),
    ):
        for command in ("check", "show"):
            ran = attest("evidence", command, folder, "--json")
            assert (ran.code, ran.err, ran.document["error"]["code"]) == (4, "", code)
    ran = attest("reserves", "show", public)
    assert (ran.code, "there is no reserves.json" in ran.err, "attest: hint: it is in" in ran.err) == (4, True, True)


@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("a" * 300)])
def test_what_is_no_file_is_not_waited_for(put: Any, attest: Any, public: Path) -> None:
    for name in ("evidence.jsonl", "statement.json", "reserves.json", "x.disclosed.jsonl"):
        put(public / name)
    assert attest("evidence", "check", public).code == 0
    (public / "evidence-public.jsonl").unlink()
    put(public / "evidence-public.jsonl")
    ran = attest("evidence", "check", public)
    assert (ran.code, "neither evidence.jsonl nor evidence-public.jsonl is in" in ran.err) == (4, True)
    put(public / "2026-11.attest.json")
    ran = attest("evidence", "check", public)
    assert (ran.code, "2026-11.attest.json is not a file" in ran.err) == (4, True)


def test_evidence_of_nothing_is_not_verified(attest: Any, public: Path) -> None:
    (public / PUBLIC).write_bytes(b"")
    ran = attest("evidence", "check", public)
    assert (ran.code, "VERIFIED" in ran.out) == (4, False)
    assert ran.out.startswith("NOT CHECKED: 0 of 34 records")
    as_json = attest("evidence", "check", public, "--json")
    assert (as_json.code, as_json.document["status"], as_json.document["balances"]) == (4, "unchecked", 0)


def test_what_is_not_shown_is_said_not_to_be_checked(attest: Any, public: Path) -> None:
    lines = (public / PUBLIC).read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"wallet":"btc-hot"' not in line and b'"type":"money"' not in line]
    (public / PUBLIC).write_bytes(b"".join(kept))
    ran = attest("evidence", "check", public)
    assert ran.code == 0
    assert "9 of 10 balances recomputed" in ran.out
    assert (
        "NOT CHECKED: 1 of 10 balances and 2 documents and declarations, whose records are not available here"
        in ran.out
    )


def other_month(value: Any) -> None:
    value["predicate"]["evidence"]["root"] = "00" * 32


def other_amount(value: Any) -> None:
    value["predicate"]["reserves"][0]["amount"] = "1"


def other_pin(value: Any) -> None:
    value["predicate"]["chains"][0]["height"] += 1


@pytest.mark.parametrize("differ", [other_month, other_amount, other_pin])
def test_documents_that_bind_different_things_are_refused_by_name(
    differ: Callable[[Any], None], attest: Any, exchange: Exchange, private: Path, public: Path
) -> None:
    bundle = exchange.resigned(differ)
    (public / "other.attest.json").write_bytes(bundle)
    ran = attest("evidence", "check", public)
    assert (ran.code, "2026-10.attest.json and other.attest.json do not say the same" in ran.err) == (1, True)
    (private / "x.attest.json").write_bytes(bundle)
    (private / "statement.json").unlink()
    ran = attest("evidence", "check", private)
    assert (ran.code, "x.attest.json and reserves.json do not say the same" in ran.err) == (1, True)


def test_documents_that_say_the_same_bind_together(attest: Any, private: Path, public: Path) -> None:
    shutil.copy(public / "2026-10.attest.json", private)
    assert attest("evidence", "check", private).code == 0


def test_a_statement_that_the_evidence_does_not_show_fails_by_its_line(
    attest: Any, exchange: Exchange, public: Path
) -> None:
    (public / "2026-10.attest.json").write_bytes(exchange.resigned(other_amount))
    ran = attest("evidence", "check", public)
    assert (ran.code, "BTC bip122:0f9188f13cb7b2c71f2a335e3a4fc328 compensation" in ran.err) == (1, True)


def test_a_forged_record_that_leads_to_its_own_root_fails_by_its_record(
    attest: Any, exchange: Exchange, tmp_path: Path
) -> None:
    lines = (exchange.outcome.private / AUDITOR).read_bytes().splitlines()
    index = next(i for i, line in enumerate(lines) if b'"ethereum-balance"' in line)
    record = json.loads(lines[index])
    record["amount"] = "9" + record["amount"]
    lines[index] = dumps(record)
    root = EvidenceTree.build([record_leaf(line) for line in lines]).root

    def rebind(value: Any) -> None:
        value["predicate"]["evidence"]["root"] = root.hex()

    (tmp_path / "x.attest.json").write_bytes(exchange.resigned(rebind))
    (tmp_path / AUDITOR).write_bytes(b"".join(line + b"\n" for line in lines))
    ran = attest("evidence", "check", tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert f"record {index} (ethereum-balance, ETH of wallet {record['wallet']}): the evidence shows" in ran.err


def test_outputs_that_only_a_dump_proves_are_not_recomputed_without_it(
    attest: Any, exchange: Exchange, tmp_path: Path
) -> None:
    records = [json.loads(line) for line in (exchange.outcome.private / AUDITOR).read_bytes().splitlines()]
    for record in records:
        if record["type"] == "bitcoin-utxos":
            record["level"] = "proven"
    found = {"outputs": 9, "hashSerialized": "11" * 32, "muhash": "22" * 32, "confirmedBy": ["second bitcoind"]}
    records.append({"type": "bitcoin-utxo-set", "salt": "00" * 16, "chain": BITCOIN, **found})
    lines = [dumps(record) for record in records]

    def rebind(value: Any) -> None:
        leaves = [record_leaf(line) for line in lines]
        value["predicate"]["evidence"] = {"root": EvidenceTree.build(leaves).root.hex(), "count": len(lines)}
        for line in value["predicate"]["reserves"]:
            line["evidence"] = "proven"

    (tmp_path / "x.attest.json").write_bytes(exchange.resigned(rebind))
    (tmp_path / AUDITOR).write_bytes(b"".join(line + b"\n" for line in lines))
    ran = attest("evidence", "check", tmp_path)
    assert (ran.code, "6 of 10 balances recomputed" in ran.out) == (0, True)
    assert "NOT CHECKED: 4 balances proven in a set of unspent outputs, which --utxo-set hands over" in ran.out
    assert "not available here" not in ran.out
    shown = attest("verify", tmp_path / "x.attest.json", "--key", exchange.folder / PUBLIC_KEY_FILE).out
    assert "proven, not checked   MET (not checked)" in next(
        line for line in shown.splitlines() if line.startswith("BTC")
    )
    (told,) = (line for line in shown.splitlines() if line.startswith("Not checked, "))
    assert told.startswith("Not checked, 408.75000000 of 408.75000000 BTC: ")
    assert " a dump of all unspent outputs at block 144 " in told
    assert told.endswith(f" attest evidence check FOLDER --utxo-set {BITCOIN}=FILE")
