"""Passphrases and PINs come from the terminal, a file descriptor or the environment, never from an argument."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Final

import click

from attest.errors import UnavailableError

VARIABLE: Final = "ATTEST_PASSPHRASE"
_MAX_BYTES: Final = 4096

passphrase_fd_option = click.option(
    "--passphrase-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Read the passphrase or PIN from this file descriptor, not from the terminal or {VARIABLE}.",
)


def passphrase() -> str:
    """The passphrase of an existing key. Raises `UnavailableError` when there is nobody to ask."""
    return secrets_from(None)("passphrase")


def new_passphrase(fd: int | None = None) -> str:
    """A passphrase for a new key, asked for twice."""
    return _given(fd) or _ask("passphrase", confirm=True)


def secrets_from(fd: int | None) -> Callable[[str], str]:
    """A function that gets the secret of a name, `passphrase` or `pin`, and asks for it once."""
    return cache(lambda name: _given(fd) or _ask(name, confirm=False))


def _given(fd: int | None) -> str | None:
    return os.environ.get(VARIABLE) if fd is None else _read(fd)


def _read(fd: int) -> str:
    try:
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(_MAX_BYTES)
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        raise UnavailableError("key/passphrase", f"cannot read file descriptor {fd}: {error}") from None
    if not text:
        raise UnavailableError("key/passphrase", f"there is nothing to read at file descriptor {fd}")
    return text


def _ask(name: str, *, confirm: bool) -> str:
    if not sys.stdin.isatty():
        raise UnavailableError(
            "key/passphrase",
            f"the key needs a {name} and there is no terminal to ask",
            hint=f"set {VARIABLE}, or say --passphrase-fd N",
        )
    label = name.upper() if name == "pin" else name.capitalize()
    try:
        return str(click.prompt(label, hide_input=True, confirmation_prompt=confirm, err=True))
    except click.Abort:
        # Not an error of the driver that asked for it.
        raise KeyboardInterrupt from None
