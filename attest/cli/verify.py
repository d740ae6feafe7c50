"""`attest verify`: everything that can be checked about a bundle, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from attest.cli.anchors import Anchors, later_options, trust_root_option, with_options
from attest.cli.evidence import by_chain
from attest.cli.result import Result, error_document, error_text, json_option, progress
from attest.errors import EXIT_ADVERSE, AttestError, exit_code

if TYPE_CHECKING:
    from attest.attestation.keys import PublicKey
    from attest.attestation.statement import Predicate
    from attest.attestation.verify import Ask, Rebuild
    from attest.liabilities.tree import StatedTree


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, dir_okay=False))
@with_options(trust_root_option)
@click.option(
    "--key", "key_path", metavar="PUB", type=click.Path(path_type=Path, dir_okay=False),
    help="Instead of a trust root: one public key of the exchange, from a place you trust.",
)  # fmt: skip
@with_options(*later_options)
@click.option("--proof", type=click.Path(path_type=Path, dir_okay=False), help="An inclusion proof to verify too.")
@click.option(
    "--previous", metavar="BUNDLE", type=click.Path(path_type=Path, dir_okay=False),
    help="The bundle of the month before, to see that this one follows it. Its own signatures are not looked at: "
    "that is for `attest history check`.",
)  # fmt: skip
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="CHAIN=URL",
    help="Ask a node of yours too; ${NAME} in the URL stands for an environment variable. Repeatable.",
)
@click.option(
    "--ledger", metavar="CONFIG", type=click.Path(path_type=Path, dir_okay=False),
    help="For auditors: build every tree again from the ledger that CONFIG names, and compare. Needs --secret, and "
    "room for the snapshot among temporary files.",
)  # fmt: skip
@click.option("--secret", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="The file `secret` of the month's snapshot, from which the salts of its leaves follow.")  # fmt: skip
@click.option("--nonce", metavar="HEX", help="What the auditor drew: a challenge that names another is refused.")
@click.option("--window-nonce", metavar="HEX", help="Likewise, of the blocks around the pins that were read.")
@click.option(
    "--custodian",
    "custodian_keys",
    multiple=True,
    metavar="NAME=PUB",
    help="A custodian's public key, from a place you trust; its confirmations count. Repeatable.",
)
@json_option
def verify(
    bundle: Path,
    *,
    trust_root: Path | None,
    key_path: Path | None,
    next_roots: tuple[Path, ...],
    tsa_roots: tuple[Path, ...],
    at: str | None,
    proof: Path | None,
    previous: Path | None,
    nodes: tuple[str, ...],
    ledger: Path | None,
    secret: Path | None,
    nonce: str | None,
    window_nonce: str | None,
    custodian_keys: tuple[str, ...],
    as_json: bool,
) -> Result:
    """Verify BUNDLE: signatures, arithmetic, evidence beside it, rules, an inclusion proof.

    Offline, but for --node and a ledger in a database.

    Whose signatures count is said by the trust root that you pinned, and by those that it lets in; with a bare key
    nothing says whether that key is still the exchange's, and step 1 is not checked.
    """
    from attest.attestation.bundle import MAX_BUNDLE_BYTES
    from attest.attestation.keys import MAX_KEY_BYTES, PublicKey
    from attest.attestation.verify import Step
    from attest.cli.render import failed_text, step_document, verified_document, verified_text
    from attest.files import read_bounded
    from attest.reserves.challenge import parse_nonce

    if (trust_root is None) == (key_path is None):
        raise click.UsageError("say whom you trust: either --trust-root FILE or --key PUB")
    if next_roots and trust_root is None:
        raise click.UsageError("--next-root follows a --trust-root; nothing leads to it from a --key")
    data = read_bounded(bundle, MAX_BUNDLE_BYTES)
    key = None
    if key_path is not None:
        key = PublicKey.from_pem(read_bounded(key_path, MAX_KEY_BYTES), what=str(key_path))
    anchors = Anchors(trust_root, next_roots, tsa_roots, at, key)
    known: dict[str, Any] = {
        "previous": None if previous is None else read_bounded(previous, MAX_BUNDLE_BYTES),
        "ask": _asking(by_chain("--node", nodes)),
        "rebuild": _rebuilding(ledger, secret, as_json=as_json),
        "nonce": None if nonce is None else parse_nonce(nonce),
        "window_nonce": None if window_nonce is None else parse_nonce(window_nonce),
        "custodians": _custodians(custodian_keys),
    }
    steps: list[Step] = []
    try:
        verified = anchors.verify(bundle, data, proof=proof, tell=steps.append, **known)
    except AttestError as error:
        return Result(
            {
                "command": "verify",
                "status": error.status,
                "steps": [step_document(step) for step in steps],
                "error": error_document(error),
            },
            failed_text(steps) if steps else "",
            exit_code(error),
            error_text(error),
        )
    document = {
        "command": "verify",
        "status": "adverse" if verified.adverse else "verified",
        **verified_document(verified),
    }
    if at is not None:
        document["at"] = at
    return Result(document, verified_text(verified, key) + anchors.as_of(), EXIT_ADVERSE if verified.adverse else 0)


def _asking(nodes: dict[str, str]) -> Ask | None:
    """What asks `nodes`, a URL a chain; nothing without any."""
    if not nodes:
        return None
    import os

    from attest.attestation.evidence import EvidenceFolder, ask_nodes, basis_of

    def ask(predicate: Predicate, records: Mapping[int, Any]) -> list[tuple[str, str, int]]:
        folder = EvidenceFolder(basis_of(predicate, "the statement"), dict(records))
        return ask_nodes(folder, nodes, os.environ, lambda _: None).balances

    return ask


def _rebuilding(ledger: Path | None, secret: Path | None, *, as_json: bool) -> Rebuild | None:
    """What builds the trees again from the ledger that a config names; nothing without one."""
    if ledger is None and secret is None:
        return None
    if ledger is None or secret is None:
        raise click.UsageError("--ledger CONFIG and --secret FILE go together")
    import os

    from attest.attestation.config import read_config
    from attest.attestation.snapshot import rebuild_trees
    from attest.liabilities.snapshot import read_secret

    settings, seed = read_config(ledger), read_secret(secret)

    def rebuild(period: str) -> tuple[StatedTree, ...]:
        with progress(as_json=as_json) as advance:
            return rebuild_trees(settings, ledger.parent, period, seed, os.environ, partial(advance, "rows"))

    return rebuild


def _custodians(items: Iterable[str]) -> dict[str, PublicKey]:
    """The keys of `--custodian`, by name."""
    from attest.attestation.keys import MAX_KEY_BYTES, PublicKey
    from attest.files import read_bounded

    keys: dict[str, PublicKey] = {}
    for item in items:
        name, _, path = item.rpartition("=")
        if not name or not path:
            raise click.UsageError("--custodian takes NAME=PUB, the name in the evidence and a file")
        if name in keys:
            raise click.UsageError(f"--custodian names {name} twice")
        keys[name] = PublicKey.from_pem(read_bounded(Path(path), MAX_KEY_BYTES), what=path)
    return keys
