"""What else may befall a month between its making and its names: errors, other disks, moved folders, other keys."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest.demo import exchange as demo
from attest.errors import AttestError, UnavailableError, VerificationError
from attest.exchange.publishing import finishing, unfinished
from attest.exchange.publishing.finishing import Issuer, Outcome
from attest.exchange.publishing.payloads import PayloadRecord
from attest.exchange.publishing.unfinished import Unfinished
from attest.files import unfinished_name
from tests.exchange.test_own_keys import write_root
from tests.world.ceremony import signer
from tests.world.yen_exchange import LATER, PERIOD, POINTS, RECORD, after, killed, run, write_yen_exchange

NEXT = datetime(2026, 12, 2, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_yen_exchange(tmp_path / "x")


def failing(owner: Any, name: str, error: BaseException, times: int = 1) -> Callable[[pytest.MonkeyPatch], None]:
    """A patch that has the so many-th call of `owner.name` raise `error` instead."""
    done = getattr(owner, name)
    count = 0

    def fail(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == times:
            raise error
        return done(*arguments, **options)

    return lambda patcher: patcher.setattr(owner, name, fail)


FULL = OSError(errno.ENOSPC, "No space left on device")
ERRORS = {
    "the token was unplugged": failing(finishing, "sign", UnavailableError("signer/failed", "gone"), 2),
    "the bundle cannot be written": failing(finishing, "write_file", UnavailableError("file/unwritable", "full")),
    "the intent cannot be written": failing(Unfinished, "intend", UnavailableError("file/unwritable", "full")),
    "interrupted after signing": failing(Unfinished, "intend", KeyboardInterrupt()),
    "no space for the first name": failing(unfinished, "_rename", FULL),
    "no space for the second name": failing(unfinished, "_rename", FULL, 2),
    "interrupted between the two names": failing(unfinished, "_rename", KeyboardInterrupt(), 2),
}


@pytest.mark.parametrize("what", ERRORS)
def test_after_an_error_the_next_run_publishes_the_statement_that_was_written_down(what: str, folder: Path) -> None:
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patcher:
        ERRORS[what](patcher)
        with pytest.raises((AttestError, KeyboardInterrupt)):
            run(folder, tell=told.append)
    assert told[-1].endswith("the next run goes on with that one")
    outcome = run(folder)
    assert outcome.verified.digest.hex().encode() in (folder / RECORD).read_bytes()
    assert len((folder / RECORD).read_bytes().splitlines()) == 1
    assert [path.name for path in (folder / "private").iterdir()] == [PERIOD]
    assert run(folder, "2026-11", now=NEXT).verified.statement.predicate.sequence == 1


def test_a_line_that_may_be_on_the_disk_is_one_that_was_written_down(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patcher:
        failing(PayloadRecord, "_read", KeyboardInterrupt(), 3)(patcher)  # after the line was synced
        with pytest.raises(KeyboardInterrupt):
            run(folder)
    run(folder)
    assert len((folder / RECORD).read_bytes().splitlines()) == 1


@pytest.fixture
def elsewhere(folder: Path) -> Any:
    """The publication folder lies on another disk."""
    disk = Path("/dev/shm") / f"attest-test-{os.getpid()}"  # noqa: S108 (another disk, where Linux has one)
    disk.mkdir()
    (folder / "publication").symlink_to(disk)
    yield disk
    shutil.rmtree(disk)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("killed_at", [None, "copying", "copied", "removed"])
def test_a_month_on_another_disk_is_copied_and_goes_on_after_a_kill(killed_at: str | None, folder: Path) -> None:
    points = {
        "copying": after(unfinished, "fill_folder", 3),
        "copied": after(unfinished, "_rename", 2),
        "removed": after(unfinished.shutil, "rmtree", 1),
    }
    if killed_at is not None:
        killed(folder, points[killed_at])
    run(folder)
    assert os.listdir(folder / "publication") == [PERIOD]  # noqa: PTH208
    assert [path.name for path in (folder / "private").iterdir()] == [PERIOD]


@pytest.mark.parametrize("point", ["both names were written down", "the private folder has its name"])
def test_a_month_gets_its_names_where_the_exchange_lies_by_now(point: str, folder: Path) -> None:
    killed(folder, POINTS[point])
    moved = folder.with_name("moved")
    folder.rename(moved)
    run(moved)
    assert not folder.exists()
    assert sorted(path.name for path in (moved / "publication").iterdir()) == [PERIOD]


def test_a_private_folder_that_is_not_where_the_config_says_is_asked_for(folder: Path) -> None:
    killed(folder, POINTS["the private folder has its name"])
    (folder / "private" / PERIOD).rename(folder / "taken-away")
    with pytest.raises(UnavailableError) as caught:
        run(folder)
    assert (caught.value.code, "taken-away" in caught.value.message) == ("run/moved", False)
    (folder / "taken-away").rename(folder / "private" / PERIOD)
    run(folder)


def rooted(folder: Path) -> None:
    for key in "xy":
        (folder / "keys" / f"{key}.pem").write_bytes(signer(key).to_pem(None))
    write_root(folder, 1, {"root": ("ab", 2), "exchange": ("x", 1)})
    config = folder / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    keys = 'exchange = "keys/x.pem"\ntrust_root = "trust/1.root.json"'
    config.write_text(text.replace(f'exchange = "{demo.KEY_FILE}"', keys), encoding="utf-8")


def rotate(folder: Path) -> None:
    times = {"issuedAt": "2026-11-20T00:00:00Z", "expiresAt": "2027-11-20T00:00:00Z"}
    write_root(folder, 2, {"root": ("ab", 2), "exchange": ("y", 1)}, **times)
    change(folder, ("keys/x.pem", "keys/y.pem"), ("trust/1.root", "trust/2.root"))


def change(folder: Path, *pairs: tuple[str, str]) -> None:
    config = folder / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    for old, new in pairs:
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")


def test_a_payload_that_nobody_signed_does_not_outlive_the_key_that_was_to_sign_it(folder: Path) -> None:
    rooted(folder)
    killed(folder, POINTS["the payload was kept"])
    rotate(folder)
    told: list[str] = []
    outcome = run(folder, now=datetime(2026, 11, 25, tzinfo=UTC), tell=told.append)
    assert any("nobody signed, is removed: your signature would not count" in line for line in told)
    assert outcome.verified.statement.predicate.issued_at == datetime(2026, 11, 25, tzinfo=UTC)


def test_a_payload_that_may_have_been_signed_waits_for_the_key_of_then(folder: Path) -> None:
    rooted(folder)
    killed(folder, POINTS["the payload was written down"])
    rotate(folder)
    with pytest.raises(
        VerificationError, match="which may have been signed, cannot be published as things are"
    ) as caught:
        run(folder, now=datetime(2026, 11, 25, tzinfo=UTC))
    assert "the key and trust root in the config" in str(caught.value.hint)
    change(folder, ("keys/y.pem", "keys/x.pem"), ("trust/2.root", "trust/1.root"))
    run(folder, now=datetime(2026, 11, 25, tzinfo=UTC))
    assert (folder / "publication" / PERIOD).exists()


def test_files_that_were_damaged_since_are_found_before_anything_is_signed(folder: Path) -> None:
    killed(folder, POINTS["the payload was kept"])
    (evidence,) = (folder / "private").rglob("evidence-public.jsonl")
    evidence.write_bytes(evidence.read_bytes() + b"\n")
    told: list[str] = []
    run(folder, tell=told.append)
    assert any("is removed: evidence-public.jsonl is not the file" in line for line in told)
    assert len((folder / RECORD).read_bytes().splitlines()) == 1


def test_what_is_left_of_a_month_that_was_published_otherwise_stops_nobody(folder: Path) -> None:
    killed(folder, POINTS["the payload was kept"])
    left = unfinished_name(folder / "private" / PERIOD)
    shutil.move(left, folder / "backup")
    run(folder)
    shutil.move(folder / "backup", left)
    run(folder, "2026-11", now=NEXT)
    assert not left.exists()


def test_a_disk_that_cannot_be_read_for_a_moment_costs_no_month(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(folder, POINTS["the payload was written down"])
    lstat = Path.lstat

    def fails(path: Path) -> os.stat_result:
        if path.name == "statement.json":
            raise OSError(errno.EIO, "Input/output error")
        return lstat(path)

    with monkeypatch.context() as patcher:
        patcher.setattr(Path, "lstat", fails)
        with pytest.raises(UnavailableError, match="Input/output error"):
            run(folder)
    assert run(folder).verified.digest.hex().encode() in (folder / RECORD).read_bytes()


def test_a_statement_of_another_origin_is_not_finished_for_this_one(folder: Path) -> None:
    killed(folder, POINTS["the payload was written down"])
    change(folder, ('"exchange.example"', '"other.example"'))
    run(folder)
    record = (folder / "keys" / "other.example.payloads.jsonl").read_bytes()
    assert b'"exchange.example"' not in record


def test_a_line_whose_line_break_was_lost_still_counts(folder: Path) -> None:
    run(folder)
    (folder / RECORD).write_bytes((folder / RECORD).read_bytes().rstrip(b"\n"))
    for name in ("private", "publication"):
        (folder / name).rename(folder / f"{name}-away")
    with pytest.raises(UnavailableError) as caught:
        run(folder)
    assert caught.value.code == "record/second"
    for name in ("private", "publication"):
        (folder / f"{name}-away").rename(folder / name)
    run(folder, "2026-11", now=NEXT)
    assert len((folder / RECORD).read_bytes().splitlines()) == 2


@pytest.mark.parametrize("record", [b"", "older"])
def test_a_record_that_lacks_what_is_published_is_not_gone_on_with(record: bytes | str, folder: Path) -> None:
    run(folder, "2026-09")
    older = (folder / RECORD).read_bytes()
    if record == "older":
        run(folder, now=LATER)
    (folder / RECORD).write_bytes(older if record == "older" else b"")
    following = "2026-11" if record == "older" else PERIOD
    with pytest.raises(UnavailableError) as caught:
        run(folder, following, now=NEXT)
    assert caught.value.code == "record/stale"
    run(folder, following, now=NEXT, new_record=True)
    assert len((folder / RECORD).read_bytes().splitlines()) == (3 if record == "older" else 2)


def test_an_edited_record_is_told_as_one(folder: Path) -> None:
    run(folder, "2026-09")
    (folder / RECORD).write_bytes(b"\n" + (folder / RECORD).read_bytes())
    with pytest.raises(AttestError, match="row 1") as caught:
        run(folder, now=LATER)
    assert (caught.value.code, "keep copies" in str(caught.value.hint)) == ("record/malformed", True)


def test_on_a_disk_without_locks_two_runs_at_once_sign_one_statement(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins while the first is reading, and has ended when that goes on."""
    run(folder, "2026-09")

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    told: list[str] = []
    inner: list[Outcome] = []

    def second(text: str) -> None:
        told.append(text)
        if text.startswith("verifying what is to be signed"):
            inner.append(run(folder, now=LATER))

    with pytest.raises(UnavailableError):
        run(folder, now=LATER, tell=second)
    assert "has no locks" in told[0]
    lines = (folder / RECORD).read_bytes().splitlines()
    assert inner[0].verified.digest.hex().encode() in lines[1]
    assert len(lines) == 2
    bundles = [path for path in folder.rglob("*.attest.json") if PERIOD in path.name]
    assert bundles == [inner[0].bundle]


def test_a_record_in_the_publication_folder_is_refused(folder: Path) -> None:
    change(folder, ("[keys]\n", '[keys]\nrecord = "publication/payloads.jsonl"\n'))
    with pytest.raises(AttestError, match="its record must not lie"):
        run(folder)


def test_a_file_of_an_unfinished_months_name_is_no_month(folder: Path) -> None:
    (folder / "private").mkdir()
    left = unfinished_name(folder / "private" / "2026-08")
    left.write_bytes(b"x")
    run(folder)
    assert sha256(left.read_bytes()).digest() == sha256(b"x").digest()


def test_the_journal_is_removed_before_the_names_are_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    removed, named = Issuer._remove, Unfinished.give_names
    monkeypatch.setattr(Issuer, "_remove", lambda *a: (order.append("journal"), removed(*a)))
    monkeypatch.setattr(Unfinished, "give_names", lambda *a: (order.append("names"), named(*a)))
    run(folder)
    assert order == ["journal", "names"]
