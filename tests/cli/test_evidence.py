"""`attest reserves` and `attest evidence`, as someone uses them who has the folders and nothing else."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from attest.attestation import monthly
from attest.attestation.config import read_config
from attest.attestation.evidence import open_evidence
from attest.attestation.reserves import Surroundings, write_reserves
from attest.canonical import dumps
from attest.demo import exchange as demo
from attest.demo.recording import serve
from attest.errors import AttestError
from attest.reserves.evidence import EvidenceTree
from attest.reserves.records import record_leaf
from tests.cli.conftest import supple_node
from tests.conftest import NOW, SECRET, Exchange
from tests.reserves.conftest import Change, lying_url

BITCOIN, ETHEREUM = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:31337"
PUBLIC, AUDITOR = "evidence-public.jsonl", "evidence.jsonl"
COLD, HOT = "0x9022460B384C599738D8558330EbDCdD583d7d02", "0xbE7d4c1aBc7B1075C3e3A041035E8f4e384a0012"


@pytest.fixture
def private(exchange: Exchange, tmp_path: Path) -> Path:
    shutil.copytree(exchange.outcome.private, tmp_path / "private", ignore=shutil.ignore_patterns("liabilities"))
    return tmp_path / "private"


@pytest.fixture
def public(exchange: Exchange, tmp_path: Path) -> Path:
    shutil.copytree(exchange.outcome.publication, tmp_path / "public")
    return tmp_path / "public"


@dataclass(frozen=True)
class Secretive:
    """The demo exchange with some wallets and the bank document hidden."""

    private: Path
    publication: Path


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    with demo.recorded_nodes() as environment:
        yield environment


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
        folder,
        demo.PERIOD,
        now=NOW,
        secret=SECRET,
        passphrase=lambda: "",
        environment=urls,
    )
    return Secretive(outcome.private, outcome.publication)


@pytest.fixture
def nodes(urls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, url in urls.items():
        monkeypatch.setenv(name, url)
    return urls


@pytest.fixture
def config(tmp_path: Path) -> Path:
    demo.write_exchange(tmp_path / "x")
    return tmp_path / "x" / demo.CONFIG_FILE


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.usefixtures("nodes")
def test_reserves_are_read_shown_and_checked_by_themselves(attest: Any, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "read"
    ran = attest("reserves", "read", config, "--period", "2026-10", "-o", out)
    assert ran.code == 0
    (line,) = [line.split() for line in ran.out.splitlines() if "customer       cold      agreed" in line]
    assert line == ["BTC", BITCOIN, "customer", "cold", "agreed", "1", "396.25000000"]
    assert "is read at block 100 febbd6e1" in ran.err
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == dict.fromkeys(
        (AUDITOR, PUBLIC, "reserves.json"), 0o600
    )
    shown = attest("reserves", "show", out)
    assert (shown.code, shown.out.startswith("NOT CHECKED: ")) == (0, True)
    assert shown.out.count("eth-hot") == 2
    checked = attest("evidence", "check", out)
    assert (checked.code, "16 of 16 records lead to the root in reserves.json" in checked.out) == (0, True)
    assert "NOT CHECKED: who says so: reserves.json is unsigned" in checked.out
    document = attest("reserves", "show", out, "--json").document
    assert document == {
        "command": "reserves show",
        "status": "unchecked",
        **{k: document[k] for k in ("period", "chains", "reserves", "money", "unlisted", "evidence")},
    }
    assert {line["amount"] for line in document["reserves"] if line["asset"] == "DUSD"} == {
        "11650000123457",
        "250000000001",
        "300000500000",
    }
    again = attest("reserves", "read", config, "--period", "2026-10", "-o", out, "--json")
    assert (again.code, again.err, again.document["error"]["code"]) == (4, "", "file/exists")


@pytest.mark.usefixtures("nodes")
def test_a_reading_that_failed_goes_on_when_it_is_started_again(
    attest: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "read"
    arguments = ("reserves", "read", config, "--period", "2026-10", "-o", out)
    with monkeypatch.context() as patch, serve(lambda *_: "0") as useless:
        for name in demo.ETHEREUM_VARIABLES:
            patch.setenv(name, f"{useless}/{name}")
        failed = attest(*arguments, "--json")
    assert (failed.code, failed.err, failed.document["status"]) == (1, "", "failed")
    assert [path.name for path in tmp_path.iterdir() if path.name != "x"] == ["read.reading"]
    ran = attest(*arguments)
    assert (ran.code, "going on with an unfinished reading at block 144" in ran.err) == (0, True)
    assert not (tmp_path / "read.reading").exists()
    assert "10 of 10 balances" in attest("evidence", "check", out).out


@pytest.mark.usefixtures("supple_nodes")
def test_what_lies_at_a_wallet_that_does_not_list_it_is_shown_as_not_counted(
    attest: Any, config: Path, tmp_path: Path
) -> None:
    text = config.read_text(encoding="utf-8")
    start = text.index('id = "eth-guarantee"')
    config.write_text(text[:start] + text[start:].replace('["ETH", "DUSD"]', '["ETH"]'), encoding="utf-8")
    ran = attest("reserves", "read", config, "--period", "2026-10", "-o", tmp_path / "read")
    assert ran.code == 0
    assert "not counted: 300,000.500000 DUSD at wallet eth-guarantee, which does not list it" in ran.err
    shown = attest("reserves", "show", tmp_path / "read")
    assert "not counted: wallet" in shown.out
    assert attest("reserves", "show", tmp_path / "read", "--json").document["unlisted"] == [
        {"wallet": "eth-guarantee", "asset": "DUSD", "amount": "300000500000"}
    ]


@pytest.mark.usefixtures("supple_nodes")
def test_coins_of_its_own_are_not_read_and_a_custodian_is_in_the_record(
    attest: Any, config: Path, tmp_path: Path
) -> None:
    text = config.read_text(encoding="utf-8")
    start, custody = text.index('id = "eth-guarantee"'), text.index('id = "eth-cold"')
    text = text[:start] + text[start:].replace('purpose = "guarantee"', 'purpose = "own"', 1)
    text = text[:custody] + 'custodian = "Vault Trust 株式会社"\n' + text[custody:]
    config.write_text(text, encoding="utf-8")
    out = tmp_path / "read"
    assert attest("reserves", "read", config, "--period", "2026-10", "-o", out).code == 0
    records = [json.loads(line) for line in (out / AUDITOR).read_text(encoding="utf-8").splitlines()]
    assert {record["wallet"] for record in records if "wallet" in record} == {
        "btc-cold",
        "btc-hot",
        "btc-guarantee",
        "btc-compensation",
        "eth-cold",
        "eth-hot",
    }
    assert {record["wallet"]: record["custodian"] for record in records if "custodian" in record} == {
        "eth-cold": "Vault Trust 株式会社"
    }
    assert b"eth-guarantee" not in b"".join(path.read_bytes() for path in out.iterdir())
    assert "8 of 8 balances" in attest("evidence", "check", out).out


OWN_COINS = {
    "the same coins": ('address = "{cold}"', "config/double-count"),
    "the same coins in lower case": ('address = "{lower}"', "config/double-count"),
    "another asset at one address": ('address = "{cold}"', "config/two-purposes"),
}


@pytest.mark.parametrize("case", OWN_COINS)
def test_coins_of_its_own_do_not_count_a_second_time(case: str, attest: Any, config: Path, tmp_path: Path) -> None:
    place, code = OWN_COINS[case]
    assets = "ETH" if code == "config/double-count" else "DUSD"
    text = config.read_text(encoding="utf-8")
    if assets == "DUSD":
        text = text.replace('assets = ["ETH", "DUSD"]', 'assets = ["ETH"]')
    own = place.format(cold=COLD, lower=COLD.lower())
    config.write_text(
        f'{text}\n[[wallets]]\nid = "mine"\nchain = "{ETHEREUM}"\n{own}\nassets = ["{assets}"]\n'
        'purpose = "own"\nstorage = "cold"\n',
        encoding="utf-8",
    )
    ran = attest("reserves", "read", config, "--period", "2026-10", "-o", tmp_path / "read", "--json")
    assert (ran.code, ran.err, ran.document["error"]["code"]) == (3, "", code)
    assert "eth-cold and mine" in ran.document["error"]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_evidence_is_listed_by_record(attest: Any, private: Path, public: Path) -> None:
    ran = attest("evidence", "show", private)
    assert ran.code == 0
    assert ran.out.startswith("NOT CHECKED: no balance was recomputed; 17 of 17 records lead to the root in ")
    assert "2 agreed, 2 needed: own bitcoind, second bitcoind" in ran.out
    assert "trust-2026-10.txt of Demo Trust Bank" in ran.out
    document = attest("evidence", "show", public, "--json").document
    assert (document["status"], document["bound_by"], document["count"]) == ("unchecked", "2026-10.attest.json", 17)
    assert [record["index"] for record in document["records"]] == [index for index in range(17) if index != 7]


@pytest.mark.parametrize("edition", ["private", "public"])
def test_a_folder_that_was_copied_elsewhere_is_checked(edition: str, attest: Any, private: Path, public: Path) -> None:
    folder, records = (private, 17) if edition == "private" else (public, 16)
    ran = attest("evidence", "check", folder)
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith(f"VERIFIED: {records} of 17 records lead to the root in ")
    assert ran.out.splitlines()[0].endswith(
        "10 of 10 balances recomputed from their evidence; 1 of 1 bank documents named by digest"
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


def test_a_check_needs_no_network(private: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise OSError('there is no network')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "from attest.cli import main\n"
        f"try: main(['evidence', 'check', {str(private)!r}])\n"
        "except SystemExit as done: assert done.code == 0, done.code\n"
        "print(sorted({'web3', 'requests', 'bitcoinlib', 'wallycore'} & set(sys.modules)), file=sys.stderr)"
    )
    alone = ["unshare", "--map-root-user", "--net", "--"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        alone = []
    ran = subprocess.run([*alone, sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("VERIFIED: 17 of 17 records")
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


def nudged(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, int):
        return value + 1
    for digits in ("0123456789", "0123456789abcdef"):
        if set(value.removeprefix("0x").lower()) <= set(digits):
            return value[:-1] + digits[(digits.index(value[-1].lower()) + 1) % len(digits)]
    return value[:-1] + chr(ord(value[-1]) ^ 1)


def change(path: Path, row: int, steps: tuple[str | int, ...]) -> None:
    """Change the value at `steps` in a row of a file, which stays in canonical form."""
    lines = path.read_bytes().splitlines(keepends=True)
    value = target = json.loads(lines[row])
    for step in steps[:-1]:
        target = target[step]
    target[steps[-1]] = nudged(target[steps[-1]])
    lines[row] = dumps(value) + b"\n"
    path.write_bytes(b"".join(lines))


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
    row = index - (index > 7)  # record 7 is the descriptor
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


@pytest.mark.parametrize("newline", range(17))
def test_records_that_run_together_are_named(newline: int, private: Path) -> None:
    data = (private / AUDITOR).read_bytes()
    position = [place for place, byte in enumerate(data) if byte == ord("\n")][newline]
    (private / AUDITOR).write_bytes(data[:position] + b" " + data[position + 1 :])
    with pytest.raises(
        AttestError, match=rf"row {newline + 1}: record {newline} is not" if newline < 16 else "line break"
    ):
        open_evidence(private)


@pytest.mark.parametrize(("keep", "told"), [(16, "has 16 records, 17 were bound"), (0, "has 0 records, 17")])
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


def test_evidence_of_nothing_is_not_verified(attest: Any, public: Path) -> None:
    (public / PUBLIC).write_bytes(b"")
    ran = attest("evidence", "check", public)
    assert (ran.code, "VERIFIED" in ran.out) == (4, False)
    assert ran.out.startswith("NOT CHECKED: 0 of 17 records")
    as_json = attest("evidence", "check", public, "--json")
    assert (as_json.code, as_json.document["status"], as_json.document["balances"]) == (4, "unchecked", 0)


def test_what_is_not_shown_is_said_not_to_be_checked(attest: Any, public: Path) -> None:
    lines = (public / PUBLIC).read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"wallet":"btc-hot"' not in line and b'"type":"money"' not in line]
    (public / PUBLIC).write_bytes(b"".join(kept))
    ran = attest("evidence", "check", public)
    assert ran.code == 0
    assert "9 of 10 balances recomputed" in ran.out
    assert "NOT CHECKED: 1 of 10 balances and 1 of 1 bank documents, whose records are not at hand" in ran.out


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
    assert "not at hand" not in ran.out


@pytest.fixture
def reader(secretive: Secretive, tmp_path: Path) -> Path:
    """A reader's folder: what was published, and nothing of the exchange."""
    shutil.copytree(secretive.publication, tmp_path / "reader")
    return tmp_path / "reader"


def balances(attest: Any, folder: Path) -> tuple[int, int]:
    document = attest("evidence", "check", folder, "--json").document
    return document["balances"], document["records"]


def test_a_disclosed_wallet_counts_for_its_reader_and_shows_nothing_of_others(
    attest: Any, secretive: Secretive, reader: Path
) -> None:
    assert balances(attest, reader) == (5, 10)
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
    assert balances(attest, reader) == (10, 16)
    ran = attest("evidence", "disclose", secretive.private, "btc-cold", "-o", btc, "--descriptor", "--force", "--json")
    assert (ran.code, ran.err, ran.document["records"]) == (0, "", 4)
    assert b"tpub" in btc.read_bytes()
    assert balances(attest, reader) == (10, 17)


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
    assert (ran.code, "only 16 of 17 records are here" in ran.err, "the private folder" in ran.err) == (4, True, True)


def test_nodes_are_asked_again(attest: Any, public: Path, nodes: dict[str, str]) -> None:
    ethereum = f"{ETHEREUM}=${{{demo.ETHEREUM_VARIABLES[0]}}}"
    one = attest("evidence", "check", public, "--node", ethereum)
    assert one.code == 0
    assert f"VERIFIED: node for {ETHEREUM} says the same of 6 balances of {ETHEREUM}" in one.out
    # What was not asked is not passed off as asked.
    assert (
        f"NOT CHECKED: the word of the nodes for what is agreed or single on {BITCOIN}; --node asks another" in one.out
    )
    assert f"NOT CHECKED: whether the pinned blocks are on their chains: {BITCOIN}\n" in one.out
    with supple_node("bitcoin") as url:
        both = attest("evidence", "check", public, "--node", f"{BITCOIN}={url}", "--node", ethereum, "--json")
    assert (both.code, both.err) == (0, "")
    assert both.document["nodes"] == [
        {"chain": BITCOIN, "node": f"for {BITCOIN}", "balances": 4},
        {"chain": ETHEREUM, "node": f"for {ETHEREUM}", "balances": 6},
    ]
    assert both.document["not_checked"] == ["the signatures, which attest verify checks"]
    assert nodes[demo.ETHEREUM_VARIABLES[0]] not in one.out + one.err


def plus_one(_: Any, result: str) -> str:
    return hex(int(result, 16) + 1)


def spent(unspents: Any) -> None:
    unspents.pop()


def smaller(unspents: Any) -> None:
    unspents[0]["amount"] -= Decimal("0.00000001")


def more(unspents: Any) -> None:
    unspents.append({**unspents[0], "vout": 7})


LIES: dict[str, tuple[Change | None, Callable[[Any], None] | None, str]] = {
    "a balance": (
        plus_one,
        None,
        f"record 10: node for {ETHEREUM} says 5900123456789012345680 for ETH of wallet eth-cold",
    ),
    "an output that was spent": (None, spent, f"node for {BITCOIN} lists other outputs of the script "),
    "an output's amount": (None, smaller, f"node for {BITCOIN} lists other outputs of the script "),
    "an output too many": (None, more, f"node for {BITCOIN} lists other outputs of the script "),
}


@pytest.mark.parametrize("case", LIES)
def test_a_node_that_says_something_else_is_told_with_the_record(case: str, attest: Any, public: Path) -> None:
    balance, scan, told = LIES[case]
    if balance is not None:
        with lying_url("ethereum", eth_getBalance=balance) as url:
            ran = attest("evidence", "check", public, "--node", f"{ETHEREUM}={url}")
    else:
        assert scan is not None
        with supple_node("bitcoin", scan) as url:
            ran = attest("evidence", "check", public, "--node", f"{BITCOIN}={url}")
    assert (ran.code, ran.out, told in ran.err) == (1, "", True)
    assert ran.err.startswith("attest: error: record ")


def test_a_node_on_whose_chain_the_block_was_replaced_is_told(attest: Any, public: Path) -> None:
    def replaced(params: Any, answer: str) -> str:
        return answer if params == [0] else "22" * 32

    with lying_url("bitcoin", getblockhash=replaced) as url:
        ran = attest("evidence", "check", public, "--node", f"{BITCOIN}={url}")
    assert ran.code == 1
    assert f"node for {BITCOIN} has another block than the pinned one at height 144" in ran.err
    assert "run again" not in ran.err  # it is not the reader who could


def test_a_node_of_another_chain_is_told_though_it_has_the_block(attest: Any, public: Path) -> None:
    with lying_url("ethereum", eth_chainId=lambda *_: "0x1") as url:
        ran = attest("evidence", "check", public, "--node", f"{ETHEREUM}={url}")
    assert (ran.code, f"node for {ETHEREUM} is on chain 1, not on 31337" in ran.err) == (1, True)


@pytest.mark.usefixtures("supple_nodes")
def test_a_wallet_without_outputs_names_nothing_to_ask_a_bitcoin_node_for(
    attest: Any, config: Path, tmp_path: Path
) -> None:
    replace(config, 'address = "bcrt1qscrclmhmmchke3xps453jyhhqq2n2wgz6rejc6"', f'address = "{UNUSED}"')
    assert attest("reserves", "read", config, "--period", "2026-10", "-o", tmp_path / "read").code == 0
    node = f"{BITCOIN}=${{{demo.BITCOIN_VARIABLES[0]}}}"
    ran = attest("evidence", "check", tmp_path / "read", "--node", node)
    assert (ran.code, "10 of 10 balances recomputed" in ran.out) == (0, True)
    assert f"node for {BITCOIN} says the same of 3 balances" in ran.out


UNUSED = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
SPELLINGS = {
    "no url": ([f"--node={ETHEREUM}"], 2, "takes CHAIN="),
    "an empty url": ([f"--node={ETHEREUM}="], 2, "takes CHAIN="),
    "no chain": (["--node==https://node.example"], 2, "takes CHAIN="),
    "a chain twice": ([f"--node={ETHEREUM}=https://a.example", f"--node={ETHEREUM}=https://b.example"], 2, "twice"),
    "no pinned chain": (["--node=eip155:1=https://a.example"], 3, "'eip155:1' is not a pinned chain"),
    "no scheme": ([f"--node={ETHEREUM}=127.0.0.1:8545"], 3, "not http(s)"),
    "a file": ([f"--node={ETHEREUM}=file:///etc/passwd"], 3, "not http(s)"),
    "plain http elsewhere": ([f"--node={ETHEREUM}=http://user:pw@node.example"], 3, "plain http"),
    "a variable that is not set": ([f"--node={ETHEREUM}=${{NO_SUCH_NODE}}"], 4, "NO_SUCH_NODE is not set"),
    "a dump of an EVM chain": ([f"--utxo-set={ETHEREUM}=x"], 3, "not a known Bitcoin"),
    "a dump that is not there": ([f"--utxo-set={BITCOIN}=x"], 4, "cannot read x"),
    "a dump without a name": ([f"--utxo-set={BITCOIN}"], 2, "takes CHAIN="),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_a_node_or_dump_that_cannot_be_meant_is_told(
    case: str, attest: Any, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, code, told = SPELLINGS[case]
    ran = attest("evidence", "check", public, *arguments)
    assert (ran.code, told in ran.err, "VERIFIED" in ran.out) == (code, True, False)
    assert "pw@" not in ran.err
    as_json = attest("evidence", "check", public, *arguments, "--json")
    assert (as_json.code, as_json.err, told in as_json.document["error"]["message"]) == (code, "", True)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, urls: dict[str, str]) -> Path:
    """What `attest reserves read` wrote for an exchange with a hidden wallet, beside that exchange."""
    folder = tmp_path_factory.mktemp("read")
    demo.write_exchange(folder / "x")
    config = folder / "x" / demo.CONFIG_FILE
    replace(config, 'id = "eth-cold"', 'id = "eth-cold"\npublic = false')
    write_reserves(read_config(config), "2026-10", folder / "read", Surroundings(config.parent, NOW, urls))
    return folder


def edit_reserves(edit: Callable[[Any], object]) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        value = json.loads((folder / "read" / "reserves.json").read_bytes())
        edit(value)
        (folder / "read" / "reserves.json").write_bytes(dumps(value))

    return tamper


TAMPERED: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "a balance": (lambda f: change(f / "read" / AUDITOR, 4, ("amount",)), 1, "record 4 is not the one that was bound"),
    "a public record": (lambda f: change(f / "read" / PUBLIC, 2, ("record", "salt")), 1, f"{PUBLIC} row 3: record"),
    "a pin": (edit_reserves(lambda v: v["chains"][0].update(height=143)), 1, "replaced the pinned block 143"),
    "another pin": (edit_reserves(lambda v: v["chains"][1].update(height=99)), 1, "not that of the pinned block"),
    "a line": (edit_reserves(lambda v: v["reserves"][0].update(amount="1")), 1, "the statement says 1 in 1 wallets"),
    "a leaf": (edit_reserves(lambda v: v["leaves"].reverse()), 1, "do not lead to its evidence root"),
    "the private records": (edit_reserves(lambda v: v.update(private=[])), 1, "would publish record"),
    "a hidden wallet's record": (edit_reserves(lambda v: v["private"].pop()), 1, "would publish record"),
    "another register": (edit_reserves(lambda v: v.update(registerDigest="00" * 32)), 3, "read for another period"),
    "no leaves": (edit_reserves(lambda v: v.update(leaves=[])), 1, "do not lead to its evidence root"),
    "an unknown field": (edit_reserves(lambda v: v.update(note="")), 3, "note: unknown field"),
    "no evidence": (lambda f: (f / "read" / AUDITOR).unlink(), 4, "only 13 of 16 records"),
    "no folder": (lambda f: shutil.rmtree(f / "read"), 4, "cannot read"),
    "another folder": (lambda f: (f / "read" / "reserves.json").unlink(), 4, "there is no reserves.json"),
    "a wallet that moved": (
        lambda f: replace(f / "x" / "attest.toml", 'storage = "hot"', 'storage = "other"'),
        3,
        "read for another period",
    ),
    "a wallet that is not hidden any more": (
        lambda f: replace(f / "x" / "attest.toml", "public = false\n", ""),
        3,
        "read for another period",
    ),
    "other decimals of a token": (
        lambda f: replace(f / "x" / "attest.toml", "decimals = 6", "decimals = 5"),
        3,
        "read for another period",
    ),
}


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("case", TAMPERED)
def test_a_run_does_not_attest_reserves_that_were_tampered_with(
    case: str, attest: Any, read: Path, tmp_path: Path
) -> None:
    tamper, code, told = TAMPERED[case]
    folder = tmp_path / "folder"
    shutil.copytree(read, folder)
    tamper(folder)
    before = sorted(folder.rglob("*"))
    ran = attest("run", folder / "x" / "attest.toml", "--period", "2026-10", "--reserves", folder / "read")
    assert (ran.code, told in ran.err, ran.out) == (code, True, ""), ran.err
    assert "run again" not in ran.err  # it would attest the same again
    assert sorted(folder.rglob("*")) == before


@pytest.mark.usefixtures("nodes")
def test_a_run_attests_reserves_that_were_read_before_and_hides_what_was_hidden(
    attest: Any, read: Path, tmp_path: Path
) -> None:
    shutil.copytree(read, tmp_path / "folder")
    x = tmp_path / "folder" / "x"
    ran = attest("run", x / "attest.toml", "--period", "2026-10", "--reserves", tmp_path / "folder" / "read")
    assert (ran.code, "reading 4 wallets" in ran.err) == (0, False)
    published = (x / "publication" / "2026-10" / PUBLIC).read_bytes()
    assert (b"eth-cold" in published, COLD.lower().encode() in published.lower(), b"tpub" in published) == (False,) * 3
    assert attest("evidence", "check", x / "private" / "2026-10").code == 0
    assert balances(attest, x / "publication" / "2026-10")[0] == 8
