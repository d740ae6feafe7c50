"""`attest timestamp`: the word of a timestamp authority that a bundle's signatures existed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.options.anchors import read_authorities
from attest.cli.result import Result, json_option
from attest.cli.signing.bundle_file import Checks, change_bundle

if TYPE_CHECKING:
    from attest.attestation.bundle import Bundle

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("bundle", type=_FILE)
@click.option("--tsa", required=True, metavar="URL", envvar="ATTEST_TSA", show_envvar=True,
              help="The timestamp authority to ask. A URL with a password belongs into the environment: others on this "
              "machine see the command line.")  # fmt: skip
@click.option("--tsa-root", "tsa_roots", metavar="PEM", required=True, type=_FILE, multiple=True,
              help="Its root certificate, and intermediate ones that it does not send. Repeatable, also for other "
              "authorities whose timestamps the bundle has.")  # fmt: skip
@json_option
def timestamp(bundle: Path, *, tsa: str, tsa_roots: tuple[Path, ...], as_json: bool) -> Result:  # noqa: ARG001
    """Have an outside clock say when each signature in BUNDLE was there (RFC 3161).

    The authority learns the digest of each signature, nothing else. Signatures that have a timestamp are left alone.
    """
    from datetime import UTC, datetime

    from attest.attestation.additions import with_timestamps
    from attest.signing.authority import ask

    authorities = read_authorities(tsa_roots)
    added = 0

    def with_clock(before: Bundle) -> Bundle:
        nonlocal added
        changed, added = with_timestamps(before, lambda body: ask(tsa, body), authorities)
        return changed

    change_bundle(bundle, with_clock, Checks(None, authorities, datetime.now(UTC)))
    document = {"command": "timestamp", "status": "done", "bundle": str(bundle), "added": added}
    none = f"every signature in {bundle} has a timestamp already: nothing was written"
    return Result(document, f"{added} timestamps put into {bundle}" if added else none)
