"""`attest web`: the page in which customers verify."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attest.cli.options.anchors import naming, read_root
from attest.cli.options.kinds import TRUST_ROOT, explained
from attest.cli.result import Result, json_option, words_text
from attest.errors import MalformedError

if TYPE_CHECKING:
    from attest.signing.trust import Root


@click.group()
def web() -> None:
    """Make the page in which customers verify, and check one that somebody hosts."""


@web.command("build")
@click.option(
    "--trust-root", required=True, metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="The exchange's trust root, which the page pins for its readers.",
)  # fmt: skip
@click.option(
    "-o", "--out", default="verify.html", show_default=True, type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def build(trust_root: Path, *, out: Path, force: bool, as_json: bool) -> Result:  # noqa: ARG001
    """Write the page that came with this attest, with the trust root in its block of data.

    Not a byte of its code changes. Publish the fingerprint of the trust root and the SHA-256 of the page where
    readers trust you.
    """
    from attest.files import PUBLIC_MODE
    from attest.signing.trust import Trust
    from attest.web.page import build_page
    from attest.writing import write_once

    try:
        envelope = read_root(trust_root)
        with naming(trust_root):
            (root,) = Trust.pin(envelope).roots
    except MalformedError as error:
        raise explained(error, (trust_root, TRUST_ROOT)) from None
    page = build_page(envelope)
    added = write_once(out, page, mode=PUBLIC_MODE, force=force)
    said = f"page          {out}" if added else f"the page is there already: nothing was written  {out}"
    done = {"command": "web build", "status": "done", "page": str(out), "added": int(added)}
    found = _found(page, root)
    return Result({**done, **found}, f"{said}\n{_text(found)}")


@web.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def check(file: Path, *, as_json: bool) -> Result:  # noqa: ARG001
    """Say whether FILE, a page that somebody hosts, is the page of this attest, and which trust root it pins.

    Fetch it as it is served, with curl -o FILE URL: a browser that saves a page changes it. Then compare the
    fingerprint with the one that the exchange publishes.
    """
    from attest import __version__
    from attest.files import read_bounded
    from attest.web.page import check_page, max_page_bytes

    page = read_bounded(file, max_page_bytes())
    root = check_page(page, what=str(file))
    found = _found(page, root)
    of = "with this trust root" if root is not None else "without a trust root: whoever opens it is asked for one"
    document = {"command": "web check", "status": "verified", **found}
    return Result(document, f"the page of attest {__version__}, {of}\n\n{_text(found)}")


def _found(page: bytes, root: Root | None) -> dict[str, Any]:
    from datetime import UTC, datetime
    from hashlib import sha256

    from attest.documents import format_time
    from attest.signing.keys import words_of
    from attest.web import page_digest

    document = {"sha256": sha256(page).hexdigest(), "withoutRoot": page_digest(), "trustRoot": None}
    if root is None:
        return document
    return document | {
        "trustRoot": {
            "fingerprint": root.fingerprint,
            "words": list(words_of(root.fingerprint)),
            "origin": root.document.origin,
            "version": root.version,
            "expiresAt": format_time(root.document.expires_at),
            "expired": root.document.expires_at <= datetime.now(UTC),
        }
    }


def _text(found: Mapping[str, Any]) -> str:
    rows = [f"SHA-256       {found['sha256']}", f"without root  {found['withoutRoot']}"]
    if (pinned := found["trustRoot"]) is not None:
        fingerprint = pinned["fingerprint"]
        rows += [
            f"trust root    version {pinned['version']} of {pinned['origin']}",
            f"expires at    {pinned['expiresAt']}{', which is past' if pinned['expired'] else ''}",
            f"fingerprint   {' '.join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))}",
            f"words         {words_text(pinned['words'])}",
        ]
    return "\n".join(rows)
