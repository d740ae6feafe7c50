from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from attest import folders
from attest.errors import UnavailableError
from attest.files import fill_folder, unfinished_name
from attest.folders import new_folder, remove_left


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a" / "2026-10"
    with pytest.raises(ZeroDivisionError), new_folder(target, 0o700) as partial:
        fill_folder(partial, {"x": b"1"}, mode=0o600)
        raise ZeroDivisionError
    assert names(tmp_path) == []
    with new_folder(target, 0o700) as partial:
        fill_folder(partial, {"x": b"1"}, mode=0o600)
        assert not target.exists()
    assert (mode(target), mode(target / "x"), (target / "x").read_bytes()) == (0o700, 0o600, b"1")
    assert names(tmp_path / "a") == ["2026-10"]


def test_an_existing_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="exists"), new_folder(tmp_path, 0o700):
        pass
    with pytest.raises(UnavailableError, match="exists"), new_folder(tmp_path / "late", 0o700):
        (tmp_path / "late").mkdir()
    assert names(tmp_path) == ["late"]


def test_a_folder_that_cannot_get_its_name_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(UnavailableError, match="new: No space left"), new_folder(tmp_path / "made" / "new", 0o700):
        pass
    assert names(tmp_path) == []


def test_a_folder_whose_name_cannot_be_synced_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> None:
        if (path / "new").exists():
            raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(folders, "sync_folder", fails)
    with pytest.raises(UnavailableError, match="Input/output error"), new_folder(tmp_path / "new", 0o700):
        pass
    assert names(tmp_path) == []


def test_a_failure_takes_away_no_folder_that_others_use_by_now(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "new" / "mine", 0o700):
        (tmp_path / "new" / "theirs").write_bytes(b"x")
        raise ZeroDivisionError
    assert names(tmp_path / "new") == ["theirs"]


def test_what_a_killed_process_left_is_no_part_of_the_next_folder(tmp_path: Path) -> None:
    left = unfinished_name(tmp_path / "new")
    (left / "deep").mkdir(parents=True)
    (left / "deep" / "secret").write_bytes(b"secret")
    with new_folder(tmp_path / "new", 0o700) as partial:
        assert names(partial) == []
    assert (names(tmp_path), mode(tmp_path / "new")) == (["new"], 0o700)


def test_a_folder_that_another_process_fills_is_left_to_it(tmp_path: Path) -> None:
    with new_folder(tmp_path / "new", 0o700) as partial:
        (partial / "theirs").write_bytes(b"x")
        with (
            pytest.raises(UnavailableError, match="another program is making") as caught,
            new_folder(tmp_path / "new", 0o700),
        ):
            pass
        remove_left(partial, print)
    assert caught.value.code == "file/locked"
    assert names(tmp_path / "new") == ["theirs"]


def test_a_folder_that_another_process_made_anew_meanwhile_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was locked is gone by then, and the name is that of another folder."""
    left = unfinished_name(tmp_path / "new")
    left.mkdir()
    real = folders.lock

    def lock(descriptor: int) -> bool | None:
        if not (left / "theirs").exists():
            left.rename(tmp_path / "gone")
            left.mkdir()
            (left / "theirs").write_bytes(b"x")
            others.append(os.open(left, os.O_RDONLY))
            fcntl.flock(others[0], fcntl.LOCK_EX)
        return real(descriptor)

    others: list[int] = []
    monkeypatch.setattr(folders, "lock", lock)
    with pytest.raises(UnavailableError, match="is making"), new_folder(tmp_path / "new", 0o700):
        pass
    remove_left(left, print)
    assert names(left) == ["theirs"]
    os.close(others[0])


def test_a_folder_that_another_process_finished_is_not_taken_away(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError), new_folder(tmp_path / "new", 0o700) as partial:
        partial.rename(tmp_path / "new")  # as if another process had
        (tmp_path / "new" / "theirs").write_bytes(b"x")
    assert names(tmp_path / "new") == ["theirs"]


def test_on_a_disk_without_locks_what_is_left_is_named_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    left = unfinished_name(tmp_path / "new")
    left.mkdir()
    told: list[str] = []
    remove_left(left, told.append)
    with new_folder(tmp_path / "new", 0o700, told.append) as partial:
        fill_folder(partial, {"x": b"1"}, mode=0o600)
    assert names(tmp_path) == [left.name, "new"]
    assert all(line.startswith(f"{left} is left of a stopped run") for line in told)
    assert len(told) == 2


def test_a_link_under_the_unfinished_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_bytes(b"x")
    unfinished_name(tmp_path / "new").symlink_to("precious")
    with pytest.raises(UnavailableError, match="cannot write"), new_folder(tmp_path / "new", 0o700):
        pass
    assert names(tmp_path / "precious") == ["file"]


def test_every_folder_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in it, those around it that were made for it, and at last the one that lists it."""
    synced: list[str] = []
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()).removeprefix(str(tmp_path)))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    with new_folder(tmp_path / "a" / "b" / "new", 0o700) as partial:
        (partial / "in").mkdir()
        fill_folder(partial / "in", {"x": b"1"}, mode=0o600)
    assert synced == ["", "/a", "/a/b/.new.partial/in/x", "/a/b/.new.partial/in", "/a/b/.new.partial", "/a/b"]
