from __future__ import annotations

import fcntl
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attest import files
from attest.errors import UnavailableError
from attest.files import SECRET_MODE, change_file, fill_folder, new_folders, read_bounded, write_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_whole_with_its_mode_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_file(tmp_path / "key", b"secret", mode=SECRET_MODE)
    assert (tmp_path / "key").read_bytes() == b"secret"
    assert mode(tmp_path / "key") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")
    with pytest.raises(UnavailableError, match="exists"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    write_file(path, b"new", force=True)
    assert path.read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_others_write_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """Also where the disk has no locks: they only guard the instant between a last look and the new name."""
    path = tmp_path / "file"
    path.write_bytes(b"1")
    seen = []

    def change(data: bytes) -> bytes:
        seen.append(data)
        if len(seen) < 3:
            write_file(path, data + b"%d" % (len(seen) + 1), force=True)
        return data + b"."

    assert change_file(path, change, max_bytes=9) == b"123."
    assert (path.read_bytes(), seen) == (b"123.", [b"1", b"12", b"123"])


def test_a_file_is_replaced_while_nobody_else_may_do_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    locked = []

    def write(*arguments: Any, **options: Any) -> None:
        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            locked.append(True)
        finally:
            os.close(folder)
        write_file(*arguments, **options)

    monkeypatch.setattr(files, "write_file", write)
    for _ in range(2):  # and may again afterwards
        change_file(path, lambda data: data + b"2", max_bytes=9)
    assert (locked, path.read_bytes()) == ([True, True], b"122")


@pytest.mark.parametrize("lack", ["Windows", "a network drive"])
def test_a_file_can_be_changed_where_there_are_no_locks(
    lack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(9, "Bad file descriptor")

    if lack == "Windows":
        monkeypatch.setattr(files, "sys", SimpleNamespace(platform="win32"))
        monkeypatch.setitem(sys.modules, "fcntl", None)
    else:
        monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / "file").write_bytes(b"1")
    change_file(tmp_path / "file", lambda data: data + b"2", max_bytes=9)
    assert (tmp_path / "file").read_bytes() == b"12"


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a" / "2026-10"
    with pytest.raises(ZeroDivisionError), new_folders((target, 0o700)) as (partial,):
        fill_folder(partial, {"x": b"1"}, mode=0o600)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with new_folders((target, 0o700)) as (partial,):
        fill_folder(partial, {"x": b"1"}, mode=0o600)
        assert not target.exists()
    assert (mode(target), mode(target / "x"), (target / "x").read_bytes()) == (0o700, 0o600, b"1")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["2026-10"]


def test_an_existing_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="exists"), new_folders((tmp_path, 0o700)):
        pass


def test_reading_stops_at_the_bound(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100)
    assert len(read_bounded(tmp_path / "big", 10)) == 11
    with pytest.raises(UnavailableError, match="cannot read"):
        read_bounded(tmp_path, 10)


def test_of_two_folders_both_appear_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with new_folders((first, 0o755), (second, 0o700)) as partials:
        for partial in partials:
            fill_folder(partial, {"x": b"1"}, mode=0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]
    rename = Path.rename

    def fails_once(path: Path, target: Path) -> Path:
        if target.name == "fourth":
            raise OSError(28, "No space left on device", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails_once)
    third, fourth = tmp_path / "third", tmp_path / "fourth"
    with pytest.raises(UnavailableError, match="fourth: No space left"), new_folders((third, 0o755), (fourth, 0o700)):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_a_failure_takes_away_no_folder_that_others_use_by_now(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folders((tmp_path / "new" / "mine", 0o700)):
        (tmp_path / "new" / "theirs").write_bytes(b"x")
        raise ZeroDivisionError
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["theirs"]


def test_a_folder_that_another_program_holds_is_told_of_and_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"before")
    monkeypatch.setattr("attest.files._PATIENCE", 0.05)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError) as caught:
            change_file(tmp_path / "file", lambda _: b"after", max_bytes=100)
    finally:
        os.close(descriptor)
    assert (caught.value.code, (tmp_path / "file").read_bytes()) == ("file/locked", b"before")
    assert change_file(tmp_path / "file", lambda _: b"after", max_bytes=100) == b"after"


def test_a_link_that_leads_elsewhere_meanwhile_does_not_keep_a_change_from_its_end(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode())
    link = tmp_path / "link"
    link.symlink_to("one")
    calls: list[bytes] = []

    def change(data: bytes) -> bytes:
        calls.append(data)
        if len(calls) == 1:
            link.unlink()
            link.symlink_to("two")
            (tmp_path / "one").write_bytes(b"other")
        assert len(calls) < 5
        return data + b"!"

    change_file(link, change, max_bytes=100)
    assert [(tmp_path / name).read_bytes() for name in ("one", "two")] == [b"other!", b"two"]
