"""Writing a file that the same command may have written before, as a script does that is run again after a crash."""

from __future__ import annotations

from pathlib import Path

from attest.errors import UnavailableError
from attest.files import is_file, read_bounded, write_file


def write_once(path: Path, data: bytes, *, mode: int, force: bool) -> bool:
    """Write `data` to `path` and say whether that was needed: a file with these very bytes is left as it is.

    With `force` it is always written. Raises `UnavailableError` when another file is there and not `force`.
    """
    try:
        write_file(path, data, mode=mode, force=force)
    except UnavailableError as error:
        if error.code != "file/exists" or not is_file(path) or read_bounded(path, len(data)) != data:
            raise
        return False
    return True
