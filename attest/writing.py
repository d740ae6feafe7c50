"""Writing a file that an earlier run of the command may have written, as when a script runs again after a crash."""

from __future__ import annotations

from pathlib import Path

from attest.files import ExistsError, is_file, read_bounded, write_file


def write_once(path: Path, data: bytes, *, mode: int, force: bool) -> bool:
    """Write `data` to `path`; returns False when the file is there with exactly these bytes, and leaves it then.

    `mode`: of a new file.
    `force`: whether it is written in any case, in place of any file that is there.
    Raises `UnavailableError` when a file with other bytes is there and not `force`.
    """
    try:
        write_file(path, data, mode=mode, force=force)
    except ExistsError:
        if not is_file(path) or read_bounded(path, len(data)) != data:
            raise
        return False
    return True
