"""Passphrases come from the terminal or the environment, never from an argument or the config."""

from __future__ import annotations

import os
import sys

import click

from attest.errors import UnavailableError

VARIABLE = "ATTEST_PASSPHRASE"


def passphrase() -> str:
    """The passphrase of an existing key. Raises `UnavailableError` when there is nobody to ask."""
    return _given() or _ask(confirm=False)


def new_passphrase() -> str:
    """A passphrase for a new key, asked for twice."""
    return _given() or _ask(confirm=True)


def _given() -> str | None:
    return os.environ.get(VARIABLE)


def _ask(*, confirm: bool) -> str:
    if not sys.stdin.isatty():
        raise UnavailableError(
            "key/passphrase", "the key needs a passphrase and there is no terminal to ask", hint=f"set {VARIABLE}"
        )
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
