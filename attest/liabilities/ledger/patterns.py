"""The files that a pattern matches, as the module `glob` has them, which leaves out what it cannot read.

A folder that is left out would make a ledger smaller.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from attest.files import names_in


def matching(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """What is below `folder` and matches the `parts` of a pattern, of which `**` is any number of folders.

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
    """What matches `rest` in `folder` and in all folders below it; `around` are those that it lies in."""
    here = os.path.realpath(folder)
    if here in around:  # by a ring of links
        return
    if rest:
        yield from matching(folder, rest)
    for path in _shown(folder, hidden=False):
        if not rest:
            yield path
        if path.is_dir():
            yield from _below(path, rest, (*around, here))


def _shown(folder: Path, *, hidden: bool) -> Iterator[Path]:
    names = names_in(folder, "") if folder.is_dir() else []
    return (folder / name for name in names if hidden or not name.startswith("."))
