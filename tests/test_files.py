from __future__ import annotations

import stat
from pathlib import Path

import pytest

from attest.errors import UnavailableError
from attest.files import SECRET_MODE, fill_folder, new_folder, read_bounded, write_file


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


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a" / "2026-10"
    with pytest.raises(ZeroDivisionError), new_folder(target, mode=0o700) as partial:
        fill_folder(partial, {"x": b"1"}, mode=0o600)
        raise ZeroDivisionError
    assert list((tmp_path / "a").iterdir()) == []
    with new_folder(target, mode=0o700) as partial:
        fill_folder(partial, {"x": b"1"}, mode=0o600)
        assert not target.exists()
    assert (mode(target), mode(target / "x"), (target / "x").read_bytes()) == (0o700, 0o600, b"1")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["2026-10"]


def test_an_existing_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="exists"), new_folder(tmp_path, mode=0o700):
        pass


def test_reading_stops_at_the_bound(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 100)
    assert len(read_bounded(tmp_path / "big", 10)) == 11
    with pytest.raises(UnavailableError, match="cannot read"):
        read_bounded(tmp_path, 10)
