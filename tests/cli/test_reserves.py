"""`attest reserves read` and `show`, and a run on what was read."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from attest.canonical import dumps
from attest.demo import exchange as demo
from attest.demo.recording import serve
from attest.errors import UnavailableError
from attest.exchange.config import read_config
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.surroundings import Surroundings
from tests.cli.conftest import AUDITOR, BITCOIN, COLD, ETHEREUM, PUBLIC, balances, change, replace
from tests.conftest import NOW
from tests.world.recorded import lying_url


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
    assert (checked.code, "19 of 19 records lead to the root in reserves.json" in checked.out) == (0, True)
    assert "NOT CHECKED: who says so: reserves.json is unsigned" in checked.out
    document = attest("reserves", "show", out, "--json").document
    assert document == {
        "command": "reserves show",
        "status": "unchecked",
        **{k: document[k] for k in ("period", "chains", "reserves", "money", "declarations", "unlisted", "evidence")},
    }
    assert {line["amount"] for line in document["reserves"] if line["asset"] == "DUSD"} == {
        "11650000123457",
        "250000000001",
        "300000500000",
    }
    again = attest("reserves", "read", config, "--period", "2026-10", "-o", out, "--json")
    assert (again.code, again.err, again.document["error"]["code"]) == (4, "", "file/exists")


@pytest.mark.usefixtures("nodes")
def test_an_account_that_names_one_script_is_told_of_before_any_node_is_asked(
    attest: Any, config: Path, tmp_path: Path
) -> None:
    whole = re.search(r"descriptor = .*\nrange = .*\n", config.read_text(encoding="utf-8"))
    assert whole is not None
    account = re.sub(r"#[a-z0-9]{8}", "", whole[0]).replace("/0/*", "").replace("range = [0, 9]\n", "")
    replace(config, whole[0], account)
    ran = attest("reserves", "read", config, "--period", "2026-10", "-o", tmp_path / "read")
    said = [line for line in ran.err.splitlines() if "reads one script alone" in line or "wallets of" in line]
    assert "wallet btc-cold reads one script alone" in said[0]
    assert "reading" in said[1]


@pytest.mark.usefixtures("nodes")
def test_a_reading_that_failed_goes_on_when_it_is_started_again(
    attest: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "read"
    arguments = ("reserves", "read", config, "--period", "2026-10", "-o", out)
    with monkeypatch.context() as patch, serve(lambda *_: "0") as useless:
        for name in demo.BITCOIN_VARIABLES:
            patch.setenv(name, f"{useless}/{name}")
        failed = attest(*arguments, "--json")
    assert (failed.code, failed.err, failed.document["status"]) == (1, "", "failed")
    assert [path.name for path in tmp_path.iterdir() if path.name != "x"] == ["read.reading"]
    ran = attest(*arguments)
    assert (ran.code, "going on with an unfinished reading at block 100" in ran.err) == (0, True)
    assert not (tmp_path / "read.reading").exists()
    assert "10 of 10 balances" in attest("evidence", "check", out).out


@pytest.mark.usefixtures("supple_nodes")
def test_a_reading_goes_on_though_the_nodes_have_dropped_the_state_of_the_block(
    attest: Any, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = config.read_text(encoding="utf-8")
    start = text.index('id = "eth-guarantee"')
    config.write_text(text[:start] + text[start:].replace('["ETH", "DUSD"]', '["ETH"]'), encoding="utf-8")
    arguments = ("reserves", "read", config, "--period", "2026-10", "-o", tmp_path / "read")
    with monkeypatch.context() as patch, serve(lambda *_: "0") as useless:
        for name in demo.BITCOIN_VARIABLES:
            patch.setenv(name, f"{useless}/{name}")
        # The state of an EVM chain is gone in minutes, a scan of Bitcoin may take an hour: Bitcoin comes last.
        assert (attest(*arguments).code, (tmp_path / "read.reading").exists()) == (1, True)

    def gone(*_: Any) -> Any:
        raise LookupError("missing trie node")

    with ExitStack() as stack:
        for name in demo.ETHEREUM_VARIABLES:
            gone_there = dict.fromkeys(("eth_call", "eth_getBalance", "eth_getProof"), gone)
            monkeypatch.setenv(name, stack.enter_context(lying_url("ethereum", **gone_there)))
        ran = attest(*arguments)
    assert (ran.code, "300,000.500000 DUSD at wallet eth-guarantee" in ran.err) == (0, True), ran.err
    assert "9 of 9 balances" in attest("evidence", "check", tmp_path / "read").out


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
    assert {record["wallet"] for record in records if "amount" in record and "wallet" in record} == {
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
    assert [(record["type"], record["wallet"]) for record in records if record.get("wallet") == "eth-guarantee"] == [
        ("own-wallet", "eth-guarantee")
    ]
    assert b"eth-guarantee" not in (out / "evidence-public.jsonl").read_bytes()
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
    "another register": (
        edit_reserves(lambda v: v.update(registerDigest="00" * 32)),
        3,
        "read for other chains and wallets",
    ),
    "no leaves": (edit_reserves(lambda v: v.update(leaves=[])), 1, "do not lead to its evidence root"),
    "an unknown field": (edit_reserves(lambda v: v.update(note="")), 3, "note: unknown field"),
    "no evidence": (lambda f: (f / "read" / AUDITOR).unlink(), 4, "only 16 of 19 records"),
    "no folder": (lambda f: shutil.rmtree(f / "read"), 4, "cannot read"),
    "another folder": (lambda f: (f / "read" / "reserves.json").unlink(), 4, "there is no reserves.json"),
    "a wallet that moved": (
        lambda f: replace(f / "x" / "attest.toml", 'storage = "hot"', 'storage = "other"'),
        3,
        "read for other chains and wallets",
    ),
    "a wallet that is not hidden any more": (
        lambda f: replace(f / "x" / "attest.toml", "public = false\n", ""),
        3,
        "read for other chains and wallets",
    ),
    "other decimals of a token": (
        lambda f: replace(f / "x" / "attest.toml", "decimals = 6", "decimals = 5"),
        3,
        "read for other chains and wallets",
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


@pytest.mark.usefixtures("nodes")
def test_a_reading_is_not_written_where_everything_is_for_everyone(attest: Any, config: Path) -> None:
    out = config.parent / "publication" / "read"
    ran = attest("reserves", "read", config, "--period", "2026-10", "-o", out)
    assert (ran.code, "lies in the publication folder" in ran.err) == (3, True)
    assert not out.parent.exists()


def test_what_management_declares_is_not_shown_as_counts_in_a_window(attest: Any, private: Path) -> None:
    ran = attest("reserves", "show", private)
    assert (ran.code, "lowest in the window" in ran.out) == (0, False)
    assert {"encumbrance", "largest-wallet"} <= {
        item["kind"] for item in attest("reserves", "show", private, "--json").document["declarations"]
    }


@pytest.mark.usefixtures("nodes")
def test_two_do_not_read_into_one_folder_at_once(config: Path, tmp_path: Path) -> None:
    settings, refused = read_config(config), []

    def second(_: str) -> None:
        with pytest.raises(UnavailableError, match="another program is making") as caught:
            write_reserves(settings, "2026-10", tmp_path / "read", Surroundings(config.parent, NOW, os.environ))
        refused.append(caught.value.code)

    around = Surroundings(config.parent, NOW, os.environ, second)
    write_reserves(settings, "2026-10", tmp_path / "read", around)
    assert set(refused) == {"file/locked"}
    assert [path.name for path in tmp_path.iterdir() if "read" in path.name] == ["read"]
