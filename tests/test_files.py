from __future__ import annotations

import fcntl
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attest import files, locks
from attest.errors import UnavailableError
from attest.files import SECRET_MODE, alone_in, change_file, read_bounded, unfinished_name, write_file


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
        monkeypatch.setattr(locks, "sys", SimpleNamespace(platform="win32"))
        monkeypatch.setitem(sys.modules, "fcntl", None)
    else:
        monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / "file").write_bytes(b"1")
    change_file(tmp_path / "file", lambda data: data + b"2", max_bytes=9)
    assert (tmp_path / "file").read_bytes() == b"12"


def test_reading_stops_at_the_bound(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100)
    assert len(read_bounded(tmp_path / "big", 10)) == 11
    with pytest.raises(UnavailableError, match="cannot read"):
        read_bounded(tmp_path, 10)


def test_a_folder_that_another_program_holds_is_told_of_and_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"before")
    monkeypatch.setattr("attest.locks.PATIENCE", 0.05)
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


def test_a_file_that_is_as_it_should_be_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_file(path, b"same")
    before = path.stat()
    assert change_file(path, lambda data: data, max_bytes=100) == b"same"
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("left", ["part", "another name of the file"])
def test_what_a_killed_process_left_is_gone_after_the_next_write(left: str, tmp_path: Path, *, force: bool) -> None:
    path = tmp_path / "file"
    if left == "part":
        unfinished_name(path).write_bytes(b"ha")
        write_file(path, b"whole", force=force)
    else:  # killed after the file got its name, and before the other one was taken away
        path.write_bytes(b"first")
        os.link(path, unfinished_name(path))
        if force:
            write_file(path, b"whole", force=True)
        else:
            with pytest.raises(UnavailableError, match="exists"):
                write_file(path, b"whole")
    assert {item.name: item.read_bytes() for item in tmp_path.iterdir()} == {
        "file": b"first" if left != "part" and not force else b"whole"
    }


def test_a_file_that_another_program_is_writing_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.locks.PATIENCE", 0.05)
    with unfinished_name(tmp_path / "file").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError) as caught:
            write_file(tmp_path / "file", b"mine")
        other.write(b"theirs")
    assert caught.value.code == "file/locked"
    assert unfinished_name(tmp_path / "file").read_bytes() == b"theirs"
    write_file(tmp_path / "file", b"mine")
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_an_unfinished_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    unfinished_name(tmp_path / "file").symlink_to("precious")
    with pytest.raises(UnavailableError, match="cannot write"):
        write_file(tmp_path / "file", b"mine")
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_of_two_in_one_folder_the_second_is_told_what_the_first_does(tmp_path: Path) -> None:
    what = "proofs are being written"
    with alone_in(tmp_path, what), pytest.raises(UnavailableError, match=what), alone_in(tmp_path, what):
        pass
    with alone_in(tmp_path, what):
        pass
