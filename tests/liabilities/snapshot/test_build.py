"""From a ledger on disk to a snapshot that opens, or to nothing."""

from __future__ import annotations

import csv
import gc
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from attest.demo import exchange as demo
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.exchange import ledger as snapshots
from attest.exchange.config import read_config
from attest.exchange.surroundings import Surroundings
from attest.folders import new_folder
from attest.liabilities.ledger.types import Source
from attest.liabilities.proof import InclusionProof, prove, verify_inclusion
from attest.liabilities.snapshot.build import Plan, build_snapshot
from attest.liabilities.snapshot.format import Manifest
from attest.liabilities.snapshot.open import Snapshot, check_files
from attest.liabilities.snapshot.prove_all import prove_all, shard_name
from attest.liabilities.snapshot.write import AssetBuilder
from attest.liabilities.splitting import Splitting
from tests import naive
from tests.conftest import NOW
from tests.liabilities.conftest import Server

SECRET = bytes(range(32))
DECIMALS = {"BTC": 8, "ETH": 18, "JPY": 0}
STATEMENT = b"\x01" * 32


def write_ledger(path: Path, accounts: int, seed: int = 1) -> dict[str, dict[str, int]]:
    """A CSV ledger whose accounts hold one to three assets; what each owes in base units, by asset."""
    draw = random.Random(seed)  # noqa: S311
    owed: dict[str, dict[str, int]] = {asset: {} for asset in DECIMALS}
    rows = []
    for number in range(accounts):
        for asset in draw.sample(sorted(DECIMALS), draw.randint(1, 3)):
            amount = draw.randrange(1, 10 ** draw.randint(1, 20))
            owed[asset][f"顧客-{number}" if number % 3 else f"user{number}@example.jp"] = amount
            digits = str(amount).rjust(DECIMALS[asset] + 1, "0")
            cut = len(digits) - DECIMALS[asset]
            rows.append((list(owed[asset])[-1], asset, f"{digits[:cut]}.{digits[cut:]}".rstrip(".")))
    rows += [("margin", "JPY", "-5"), ("closed", "BTC", "0")]
    draw.shuffle(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("account", "asset", "balance"))
        writer.writerows(rows)
    return owed


def plan(ledger: Path) -> Plan:
    return Plan(Source(ledger.name, folder=ledger.parent), DECIMALS, SECRET)


def build(planned: Plan, folder: Path) -> Manifest:
    folder.mkdir()
    return build_snapshot(folder, planned)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, int]]]:
    folder = tmp_path_factory.mktemp("built")
    owed = write_ledger(folder / "ledger.csv", 700)
    build(plan(folder / "ledger.csv"), folder / "snapshot")
    return folder / "snapshot", owed


def test_the_snapshot_holds_the_naive_trees_and_the_ledgers_totals(built: tuple[Path, Any]) -> None:
    folder, owed = built
    with Snapshot(folder) as snapshot:
        check_files(snapshot)
        manifest = snapshot.manifest
    for tree, totals in zip(manifest.trees, manifest.totals, strict=True):
        expected = naive.Tree.build(tree.asset, SECRET, [naive.Row(a, 0, n) for a, n in owed[tree.asset].items()])
        assert (tree.size, tree.root, tree.total) == (expected.size, expected.root, expected.total)
        assert (totals.positive, totals.positive_total) == (expected.size, expected.total)
    totals = {item.asset: item for item in manifest.totals}
    assert (totals["JPY"].negative, totals["JPY"].negative_total, totals["BTC"].zero) == (1, 5, 1)
    ledger = (folder.parent / "ledger.csv").read_bytes()
    assert sum(item.rows for item in manifest.totals) == ledger.count(b"\n") - 1
    import hashlib

    (read,) = manifest.inputs
    assert (read.name, read.bytes, read.sha256) == ("ledger.csv", len(ledger), hashlib.sha256(ledger).digest())


def proofs(folder: Path) -> Iterator[bytes]:
    for shard in range(256):
        with pa.CompressedInputStream(pa.OSFile(str(folder / shard_name(shard))), "zstd") as stream:
            yield from stream.read().splitlines()


def test_everyones_proofs_are_those_made_one_by_one(built: tuple[Path, Any], tmp_path: Path) -> None:
    folder, owed = built
    accounts = {account for balances in owed.values() for account in balances}
    with Snapshot(folder) as snapshot:
        told: list[int] = []
        assert prove_all(snapshot, STATEMENT, tmp_path / "proofs", told.append) == len(accounts)
        assert told[-1] == len(accounts)
        trees = {tree.asset: tree for tree in snapshot.manifest.trees}
        lines = list(proofs(tmp_path / "proofs"))
        for line in lines:
            proof = InclusionProof.from_canonical(line, what="proof", max_bytes=10**6)
            accounts.remove(proof.account)
            assert prove(STATEMENT, proof.account, snapshot.trees.values()).to_bytes() == line
            for asset, amount in verify_inclusion(proof, statement=STATEMENT, trees=trees):
                assert owed[asset][proof.account] == amount
    assert not accounts
    assert max(path.name for path in (tmp_path / "proofs").iterdir()) == "statement"


def test_proofs_of_split_balances_with_decoys_come_out_too(tmp_path: Path) -> None:
    owed = write_ledger(tmp_path / "ledger.csv", 50)
    splitting = {"ETH": Splitting(max_part=10**18), "JPY": Splitting(parts=3)}
    manifest = build(
        replace(plan(tmp_path / "ledger.csv"), splitting=splitting, decoys={"BTC": 40, "JPY": 1}), tmp_path / "snapshot"
    )
    assert manifest.trees[0].size == len(owed["BTC"]) + 40
    with Snapshot(tmp_path / "snapshot") as snapshot:
        prove_all(snapshot, STATEMENT, tmp_path / "proofs")
        trees = {tree.asset: tree for tree in snapshot.manifest.trees}
        for line in proofs(tmp_path / "proofs"):
            proof = InclusionProof.from_canonical(line, what="proof", max_bytes=10**7)
            for asset, amount in verify_inclusion(proof, statement=STATEMENT, trees=trees):
                assert owed[asset][proof.account] == amount


def test_an_interrupted_run_of_all_proofs_goes_on_where_it_stopped(built: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = built
    out = tmp_path / "proofs"
    with Snapshot(folder) as snapshot:

        def stop(written: int) -> None:
            if written > 300:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            prove_all(snapshot, STATEMENT, out, stop)
        done = {path.name: path.stat().st_mtime_ns for path in out.glob("proofs-*")}
        assert 0 < len(done) < 256
        assert not (out / ".partial").exists()
        prove_all(snapshot, STATEMENT, out)
        assert {name: (out / name).stat().st_mtime_ns for name in done} == done
        assert len(list(proofs(out))) == 700
        assert prove_all(snapshot, STATEMENT, out) == 0
        with pytest.raises(UnavailableError, match="holds other files than proofs of this statement"):
            prove_all(snapshot, b"\x02" * 32, out)
        with pytest.raises(UnavailableError, match="holds other files"):
            prove_all(snapshot, STATEMENT, folder)


def test_all_proofs_are_written_by_one_process_at_a_time(built: tuple[Path, Any], tmp_path: Path) -> None:
    refused: list[AttestError] = []
    with Snapshot(built[0]) as snapshot:

        def second(_: int) -> None:
            with pytest.raises(UnavailableError, match="another program is writing the proofs") as caught:
                prove_all(snapshot, STATEMENT, tmp_path / "proofs")
            refused.append(caught.value)

        assert prove_all(snapshot, STATEMENT, tmp_path / "proofs", second) == 700
    assert {error.code for error in refused} == {"file/locked"}


@pytest.mark.parametrize("left", [".statement.partial", ".partial/proofs-00.jsonl.zst", ".partial/BTC.levels"])
def test_what_a_killed_process_left_of_its_own_is_no_file_of_a_stranger(
    left: str, built: tuple[Path, Any], tmp_path: Path
) -> None:
    (tmp_path / "proofs" / left).parent.mkdir(parents=True)
    (tmp_path / "proofs" / left).write_bytes(b"cut sho")
    with Snapshot(built[0]) as snapshot:
        assert prove_all(snapshot, STATEMENT, tmp_path / "proofs") == 700
    assert not [path for path in (tmp_path / "proofs").iterdir() if path.name.startswith(".")]


def test_no_proofs_come_from_files_that_are_not_sound(built: tuple[Path, Any], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built[0], folder)
    leaves, index = folder / "BTC.leaves", folder / "BTC.accounts"
    data = leaves.read_bytes()
    leaves.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    with Snapshot(folder) as snapshot, pytest.raises(VerificationError, match="do not lead to the root of BTC"):
        prove_all(snapshot, STATEMENT, tmp_path / "one")
    leaves.write_bytes(data)
    entries = index.read_bytes()
    index.write_bytes(entries[:12] + entries[28:32] + entries[16:28] + entries[12:16] + entries[32:])
    with Snapshot(folder) as snapshot, pytest.raises(VerificationError, match="a leaf of BTC is not what its index"):
        prove_all(snapshot, STATEMENT, tmp_path / "two")
    assert not list(tmp_path.glob("*/proofs-00*"))


def test_a_duplicate_row_is_named_and_nothing_is_kept(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("account,asset,balance\na,BTC,1\nb,BTC,2\na,ETH,1\na,BTC,3\nc,JPY,0\nc,JPY,0\n")
    with pytest.raises(MalformedError) as caught, new_folder(tmp_path / "out", 0o700) as partial:
        build(plan(ledger), partial / "snapshot")
    assert "ledger.csv row 5, field account: its account has BTC already in row 2" in caught.value.message
    assert caught.value.details == ("ledger.csv row 7, field account: its account has JPY already in row 6",)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.csv"]


def test_rows_of_one_account_are_summed_where_the_config_says_so(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.csv"
    ledger.write_text("account,asset,balance\na,BTC,1\nb,BTC,2\na,BTC,3.5\nb,BTC,-2\n")
    manifest = build(replace(plan(ledger), sum_rows=True), tmp_path / "snapshot")
    assert (manifest.trees[0].size, manifest.trees[0].total) == (1, 450_000_000)


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    demo.write_exchange(tmp_path / "x")
    return tmp_path / "x"


def test_check_builds_again_and_finds_what_differs(exchange: Path) -> None:
    config = read_config(exchange / "attest.toml")
    snapshot = exchange / "snapshot"
    snapshot.mkdir()
    snapshots.build_liabilities(config, "2026-10", snapshot, SECRET, Surroundings(exchange, NOW, {}))
    before = sorted(path.name for path in snapshot.iterdir())
    assert (
        snapshots.check_liabilities(config, "2026-10", snapshot, Surroundings(exchange, NOW, {})).trees[0].asset
        == "BTC"
    )
    assert sorted(path.name for path in snapshot.iterdir()) == before
    leaves = snapshot / "ETH.leaves"
    data = leaves.read_bytes()
    leaves.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(VerificationError, match=r"ETH\.leaves is not the file that was built"):
        snapshots.check_liabilities(config, "2026-10", snapshot, Surroundings(exchange, NOW, {}))
    leaves.write_bytes(data)
    ledger = exchange / "ledger.csv"
    text = ledger.read_text(encoding="utf-8")
    ledger.write_text(text.replace("hanako@example.jp,BTC,1.25", "hanako@example.jp,BTC,1.24"), encoding="utf-8")
    with pytest.raises(VerificationError, match="another tree of BTC"):
        snapshots.check_liabilities(config, "2026-10", snapshot, Surroundings(exchange, NOW, {}))
    ledger.write_text(text.replace("closed-account@example.com,BTC,0\n", ""), encoding="utf-8")
    with pytest.raises(VerificationError, match="other control totals"):
        snapshots.check_liabilities(config, "2026-10", snapshot, Surroundings(exchange, NOW, {}))


def test_all_findings_of_a_bad_ledger_are_in_a_file(exchange: Path) -> None:
    ledger = exchange / "ledger.csv"
    rows = ledger.read_text(encoding="utf-8")
    ledger.write_text(rows + "".join(f"new-{number},BTC,x\n" for number in range(30)), encoding="utf-8")
    config = read_config(exchange / "attest.toml")
    snapshot = exchange / "snapshot"
    snapshot.mkdir()
    with pytest.raises(MalformedError) as caught:
        snapshots.build_liabilities(config, "2026-10", snapshot, SECRET, Surroundings(exchange, NOW, {}))
    path = exchange / "ledger-findings-2026-10.txt"
    assert str(path) in (caught.value.hint or "")
    assert len(caught.value.details) == 19
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 30
    assert lines[29].startswith("ledger.csv row 2534, field balance: is not")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_ledger_in_postgresql_is_named_by_the_config(server: Server, exchange: Path) -> None:
    text = (exchange / "attest.toml").read_text(encoding="utf-8")
    source = server.url().replace("postgres:sekret%20word", "${LEDGER_USER}:${LEDGER_PASSWORD}")
    query = "SELECT login AS account, coin AS asset, units AS balance FROM balances WHERE month = '{period}'"
    text = text.replace('source = "ledger.csv"', f'source = "{source}"\nquery = "{query}"')
    (exchange / "attest.toml").write_text(text, encoding="utf-8")
    config = read_config(exchange / "attest.toml")
    server.run(
        "CREATE TABLE balances (login text, coin text, units numeric, month text)",
        "INSERT INTO balances VALUES ('alice', 'BTC', 1.5, '2026-10'), ('alice', 'BTC', 9, '2026-09'), "
        "('bob', 'ETH', 0.000000000000000001, '2026-10')",
    )
    snapshot = exchange / "snapshot"
    snapshot.mkdir()
    environment = {"LEDGER_USER": "postgres", "LEDGER_PASSWORD": "sekret"}
    around = Surroundings(exchange, NOW, environment)
    manifest = snapshots.build_liabilities(config, "2026-10", snapshot, SECRET, around)
    assert {tree.asset: tree.total for tree in manifest.trees} == {"BTC": 150_000_000, "DUSD": 0, "ETH": 1, "JPY": 0}
    (read,) = manifest.inputs
    assert read.query == query.replace("{period}", "2026-10")
    assert read.snapshot_time is not None
    assert b"sekret" not in (snapshot / "manifest.json").read_bytes()
    with pytest.raises(UnavailableError, match="LEDGER_USER is not set"):
        snapshots.build_liabilities(config, "2026-10", exchange, SECRET, Surroundings(exchange, NOW, {}))


def test_a_build_that_fails_midway_closes_its_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE balances (account TEXT, asset TEXT, balance TEXT)")
        rows = ((f"user-{number}", "BTC", "1") for number in range(400_000))
        connection.executemany("INSERT INTO balances VALUES (?, ?, ?)", rows)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AssetBuilder, "add", full)
    source = Source(database.name, "SELECT * FROM balances", tmp_path)
    before = set(threading.enumerate())  # those of other tests may end meanwhile
    with pytest.raises(UnavailableError, match="No space left"), new_folder(tmp_path / "out", 0o700) as partial:
        build_snapshot(partial, Plan(source, DECIMALS, SECRET))
    gc.collect()
    assert set(threading.enumerate()) <= before


KILLED = """
import sys
from pathlib import Path
from attest.folders import new_folder
from attest.liabilities.snapshot.build import Plan, build_snapshot
from attest.liabilities.ledger.read import Source
print("ready", flush=True)
with new_folder(Path(sys.argv[2]), 0o700) as partial:
    plan = Plan(Source(sys.argv[1]), {"BTC": 8, "ETH": 18, "JPY": 0}, bytes(range(32)))
    build_snapshot(partial, plan, budget=100_000)
"""


def test_a_killed_build_never_leaves_a_snapshot_that_opens_with_other_content(tmp_path: Path) -> None:
    write_ledger(tmp_path / "ledger.csv", 20_000)
    complete = build(plan(tmp_path / "ledger.csv"), tmp_path / "complete")
    command = [sys.executable, "-c", KILLED, str(tmp_path / "ledger.csv")]
    with subprocess.Popen([*command, str(tmp_path / "timed")], stdout=subprocess.PIPE) as whole:
        assert whole.stdout is not None
        assert whole.stdout.readline() == b"ready\n"
        started = time.monotonic()
    assert whole.returncode == 0
    seconds = time.monotonic() - started
    draw = random.Random(7)  # noqa: S311
    killed = 0
    for attempt in range(6):
        target = tmp_path / f"out-{attempt}"
        process = subprocess.Popen([*command, str(target)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if target.exists():
            with Snapshot(target) as snapshot:
                assert snapshot.manifest == complete
                check_files(snapshot)
        else:
            killed += 1
        for left in tmp_path.glob(".out-*.partial"):
            try:
                with Snapshot(left) as snapshot:
                    assert snapshot.manifest == complete
                    check_files(snapshot)
            except (MalformedError, UnavailableError):
                pass
            shutil.rmtree(left)
    assert killed


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    write_ledger(tmp_path / "ledger.csv", 5_000)
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk")
    try:
        with pytest.raises(UnavailableError, match="No space left"), new_folder(small / "out", 0o700) as partial:
            build(plan(tmp_path / "ledger.csv"), partial / "snapshot")
        assert list(small.iterdir()) == []
        snapshot = tmp_path / "snapshot"
        build(plan(tmp_path / "ledger.csv"), snapshot)
        with Snapshot(snapshot) as opened, pytest.raises(AttestError, match="No space left"):
            prove_all(opened, STATEMENT, small / "proofs")
        assert not (small / "proofs" / ".partial").exists()
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), UnavailableError),
        (lambda folder: (folder / "BTC.leaves").unlink(), UnavailableError),
        (lambda folder: (folder / "secret").unlink(), UnavailableError),
        (lambda folder: (folder / "manifest.json").write_bytes(b"{}"), MalformedError),
        (lambda folder: os.truncate(folder / "ETH.accounts", 16), MalformedError),
    ],
    ids=["no manifest", "no leaves", "no secret", "empty manifest", "short index"],
)
def test_what_is_no_whole_snapshot_does_not_open(change: Any, error: type, built: Any, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built[0], folder)
    change(folder)
    with pytest.raises(error):
        Snapshot(folder)


def test_the_manifest_is_a_document_of_its_own(built: tuple[Path, Any]) -> None:
    value = json.loads((built[0] / "manifest.json").read_bytes())
    assert value["format"] == "attest/liability-snapshot/v1"
    assert {item["name"] for item in value["files"]} == {
        path.name for path in built[0].iterdir() if path.name not in {"manifest.json", "secret"}
    }
