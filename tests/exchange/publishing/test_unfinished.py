"""Runs that are stopped at any point after their statement was made: what they may have signed is what is published."""

from __future__ import annotations

import os
import re
import shutil
import stat
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from attest.demo import exchange as demo
from attest.errors import UnavailableError
from attest.exchange import stages
from attest.exchange.publishing import finishing
from tests.world.yen_exchange import LATER, PERIOD, POINTS, RECORD, after, files, killed, run, write_yen_exchange


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_yen_exchange(tmp_path / "x")


@pytest.mark.parametrize("point", POINTS)
def test_the_next_run_publishes_the_very_statement_that_a_killed_one_made(point: str, folder: Path) -> None:
    killed(folder, POINTS[point])
    assert not (folder / "publication").exists() or os.listdir(folder / "publication") in ([], [PERIOD])  # noqa: PTH208
    kept = next(path for path in (folder / "private").rglob("statement.json"))
    payload = kept.read_bytes()
    told: list[str] = []
    outcome = run(folder, tell=told.append)
    assert outcome.verified.digest == sha256(payload).digest()
    assert [name for name in told if "that a stopped run left" in name]
    assert sorted(os.listdir(folder)) == sorted({*os.listdir(folder), "private", "publication"})  # noqa: PTH208
    assert os.listdir(folder / "private") == [PERIOD]  # noqa: PTH208
    assert os.listdir(folder / "publication") == [PERIOD]  # noqa: PTH208
    assert not list((folder / "keys").glob("*.lock"))
    assert len((folder / RECORD).read_bytes().splitlines()) == 1
    modes = [stat.S_IMODE((folder / name).stat().st_mode) for name in (f"private/{PERIOD}", RECORD)]
    assert modes == [0o700, 0o600]


@pytest.mark.parametrize("point", ["the payload was written down", "the private folder has its name"])
def test_a_run_of_the_next_month_first_publishes_what_a_killed_one_signed(point: str, folder: Path) -> None:
    killed(folder, POINTS[point], period="2026-09")
    outcome = run(folder, now=LATER)
    assert sorted(path.name for path in (folder / "publication").iterdir()) == ["2026-09", PERIOD]
    assert outcome.verified.statement.predicate.sequence == 1


def test_a_run_that_is_killed_before_its_payload_was_kept_leaves_nothing_to_the_next(folder: Path) -> None:
    killed(folder, after(stages, "build_liabilities"))
    assert len(list((folder / "private").glob(".*.partial"))) == 1
    run(folder, "2026-09")  # another month
    assert os.listdir(folder / "private") == ["2026-09"]  # noqa: PTH208
    assert len((folder / RECORD).read_bytes().splitlines()) == 1


def test_an_error_after_the_payload_was_written_down_says_that_the_next_run_goes_on_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unplugged(*_: object) -> None:
        raise UnavailableError("signer/failed", "the token is gone")

    told: list[str] = []
    with monkeypatch.context() as patcher:
        patcher.setattr(finishing.Issuer, "_verify", unplugged)
        with pytest.raises(UnavailableError, match="token is gone"):
            run(folder, tell=told.append)
    assert "the next run goes on with that one" in told[-1]
    recorded = (folder / RECORD).read_bytes()
    outcome = run(folder)
    assert outcome.verified.digest.hex() in recorded.decode()
    assert (folder / RECORD).read_bytes() == recorded


def test_nothing_is_written_down_that_would_not_verify(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "AUDITOR_EVIDENCE", "elsewhere.jsonl")
    monkeypatch.setattr(stages, "public_edition", lambda *_: b"not evidence\n")
    before = files(folder)
    with pytest.raises(Exception, match="evidence"):
        run(folder)
    assert files(folder) == before


@pytest.mark.parametrize("gone", ["publication and private", "unfinished"])
def test_a_second_statement_of_a_month_is_refused_whatever_was_deleted(gone: str, folder: Path) -> None:
    if gone == "unfinished":
        killed(folder, POINTS["the payload was signed"])
        shutil.rmtree(folder / "private")
    else:
        run(folder)
        for name in ("private", "publication"):
            shutil.rmtree(folder / name)
    with pytest.raises(UnavailableError) as caught:
        run(folder)
    assert caught.value.code == "record/second"
    assert "correct it by the next statement" in str(caught.value.hint)
    with pytest.raises(UnavailableError):  # nor of another month, with its number
        run(folder, "2026-09")
    assert not (folder / "publication").exists()


def test_a_record_that_is_missing_where_months_are_published_is_no_beginning(folder: Path) -> None:
    run(folder, "2026-09")
    (folder / RECORD).unlink()
    with pytest.raises(UnavailableError) as caught:
        run(folder, now=LATER)
    assert caught.value.code == "record/missing"
    assert not (folder / "publication" / PERIOD).exists()
    run(folder, now=LATER, new_record=True)
    lines = (folder / RECORD).read_bytes().splitlines()
    assert [b'"sequence":%d,' % number in line for number, line in enumerate(lines)] == [True, True]
    whole = (folder / RECORD).read_bytes()
    run(folder, "2026-11", now=datetime(2026, 12, 2, tzinfo=UTC), new_record=True)  # nothing was lost
    assert (folder / RECORD).read_bytes().startswith(whole)


def test_a_line_of_the_record_that_was_cut_short_was_never_signed(folder: Path) -> None:
    run(folder, "2026-09")
    whole = (folder / RECORD).read_bytes()
    (folder / RECORD).write_bytes(whole + whole[:40])
    run(folder, now=LATER)
    assert (folder / RECORD).read_bytes().startswith(whole)
    assert len((folder / RECORD).read_bytes().splitlines()) == 2


def test_a_record_elsewhere_is_the_one_that_counts(folder: Path) -> None:
    config = folder / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("[keys]\n", '[keys]\nrecord = "kept/here.jsonl"\n'), encoding="utf-8")
    run(folder)
    assert (folder / "kept/here.jsonl").exists()
    assert not (folder / RECORD).exists()


def test_of_two_runs_at_once_the_second_is_told_who_the_first_is(folder: Path) -> None:
    def second(*_: object) -> None:
        with pytest.raises(UnavailableError) as caught:
            run(folder, "2026-09")
        refused.append(caught.value)

    refused: list[UnavailableError] = []
    run(folder, tell=lambda text: second() if text.startswith("reading the ledger") else None)
    (error,) = refused
    assert error.code == "file/locked"
    assert f"attest run --period {PERIOD} of exchange.example, process {os.getpid()} on " in error.message
    assert os.listdir(folder / "publication") == [PERIOD]  # noqa: PTH208


def test_a_month_is_copied_where_another_disk_begins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def other_disk(path: Path, target: Path) -> Path:
        if path.name == "publication":
            raise OSError(18, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", other_disk)
    outcome = run(folder)
    assert os.listdir(folder / "publication") == [PERIOD]  # noqa: PTH208
    assert outcome.bundle.exists()
    assert stat.S_IMODE(outcome.publication.stat().st_mode) == 0o755


def test_a_journal_that_cannot_be_removed_does_not_undo_a_month(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def stuck(path: Path, *, missing_ok: bool = False) -> None:
        if path.name.endswith(".reading"):
            raise OSError(5, "Input/output error")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stuck)
    told: list[str] = []
    run(folder, tell=told.append)
    assert any("which has served: Input/output error" in line for line in told)


def test_a_key_on_a_token_needs_a_place_for_the_record(folder: Path) -> None:
    config = folder / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r'exchange = ".*"', 'exchange = "pkcs11:token=x"', text), encoding="utf-8")
    with pytest.raises(Exception, match="no folder for the record"):
        run(folder, now=datetime(2026, 11, 2, tzinfo=UTC))
