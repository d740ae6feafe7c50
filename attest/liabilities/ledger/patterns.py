"""The files that a pattern matches, as the module `glob` would match them, but for folders that cannot be read.

`glob` leaves them out; here they are errors, because a ledger without them would be smaller.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from attest.files import names_in


def matching(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """The files and folders below `folder` that match a pattern.

    `parts`: the pattern, split at slashes; `**` stands for any number of folders.
    Raises `UnavailableError` when a folder cannot be read.
    """
    if not parts:
        yield folder
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _below(folder, rest, ())
    elif glob.has_magic(first):
        for path in _shown(folder, hidden=first.startswith(".")):
            if fnmatchcase(path.name, first) and (not rest or path.is_dir()):
                yield from matching(path, rest)
    elif os.path.lexists(folder / first):
        yield from matching(folder / first, rest)


def _below(folder: Path, rest: Sequence[str], around: tuple[str, ...]) -> Iterator[Path]:
    """The matches of `rest` in `folder` and all folders below it.

    `rest`: the parts of the pattern behind `**`.
    `around`: the real paths of the folders that `folder` lies in.
    """
    here = os.path.realpath(folder)
    if here in around:  # a link leads back up
        return
    if rest:
        yield from matching(folder, rest)
    for path in _shown(folder, hidden=False):
        if not rest:
            yield path
        if path.is_dir():
            yield from _below(path, rest, (*around, here))


def _shown(folder: Path, *, hidden: bool) -> Iterator[Path]:
    """The paths in `folder`, those of hidden names only if `hidden`."""
    names = names_in(folder, "") if folder.is_dir() else []
    return (folder / name for name in names if hidden or not name.startswith("."))
