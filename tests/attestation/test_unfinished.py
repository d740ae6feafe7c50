"""Runs that are stopped at any point after their statement was made: what they may have signed is what is published."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest.attestation import finishing, monthly, unfinished
from attest.attestation.config import read_config
from attest.attestation.finishing import Issuer
from attest.attestation.payloads import PayloadRecord
from attest.attestation.unfinished import Unfinished
from attest.demo import exchange as demo
from attest.errors import UnavailableError
from tests.conftest import NOW

PERIOD = "2026-10"
LATER = NOW + timedelta(minutes=1)
RECORD = "keys/exchange.example.payloads.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo exchange with its yen alone, so that nothing is asked of a chain."""
    path = tmp_path / "x"
    demo.write_exchange(path)
    config = path / demo.CONFIG_FILE
    kept = ("[entity]", "[scope]", "[ledger]", "[keys]", "[publication]", "[[money]]")
    blocks = re.split(r"(?m)^(?=\[)", config.read_text(encoding="utf-8"))
    text = "".join(block for block in blocks if block.startswith(kept) or ('"JPY"' in block and "[[assets]]" in block))
    config.write_text(text.replace('record = "private/payloads.jsonl"\n', ""), encoding="utf-8")
    ledger = path / "ledger.csv"
    first, *rows = ledger.read_text(encoding="utf-8").splitlines()
    ledger.write_text("\n".join([first, *(row for row in rows if ",JPY," in row)]) + "\n", encoding="utf-8")
    for name in ("trust", "reserve-deposit"):
        shutil.copy(path / f"documents/{name}-2026-10.txt", path / f"documents/{name}-2026-09.txt")
    return path


def run(folder: Path, period: str = PERIOD, now: datetime = NOW, **options: Any) -> monthly.Outcome:
    return monthly.run(
        read_config(folder / demo.CONFIG_FILE),
        folder,
        period,
        now=now,
        secret=os.urandom(32),
        passphrase=lambda _: "",
        **options,
    )


def killed(folder: Path, patch: Callable[[pytest.MonkeyPatch], None], period: str = PERIOD) -> None:
    """A run in a process of its own that `patch` has end at some point, as SIGKILL would."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patcher:
                patch(patcher)
                run(folder, period)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def after(owner: Any, name: str, times: int = 1) -> Callable[[pytest.MonkeyPatch], None]:
    """A patch that ends the process as soon as `owner.name` has returned for the so many-th time."""
    done = getattr(owner, name)
    count = 0

    def die(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        result = done(*arguments, **options)
        count += 1
        if count == times:
            os._exit(9)
        return result

    return lambda patcher: patcher.setattr(owner, name, die)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


POINTS = {
    "the payload was kept": after(Unfinished, "keep"),
    "the payload was written down": after(PayloadRecord, "add"),
    "the payload was signed": after(finishing, "sign", 2),  # first with a key made for it
    "the bundle was written": after(finishing, "write_file"),
    "both names were written down": after(Unfinished, "intend"),
    "the journal was removed": after(Issuer, "_remove"),
    "the private folder has its name": after(unfinished, "_rename"),
    "both folders have their names": after(unfinished, "_rename", 2),
}


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
    killed(folder, after(monthly, "build_liabilities"))
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
    assert "run again to go on with that one" in told[-1]
    recorded = (folder / RECORD).read_bytes()
    outcome = run(folder)
    assert outcome.verified.digest.hex() in recorded.decode()
    assert (folder / RECORD).read_bytes() == recorded


def test_nothing_is_written_down_that_would_not_verify(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monthly, "AUDITOR_EVIDENCE", "elsewhere.jsonl")
    monkeypatch.setattr(monthly, "public_edition", lambda *_: b"not evidence\n")
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
    with pytest.raises(UnavailableError, match="is there"):
        run(folder, "2026-11", now=datetime(2026, 12, 2, tzinfo=UTC), new_record=True)


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
    assert f"attest run --period {PERIOD}, process {os.getpid()} on " in error.message
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
