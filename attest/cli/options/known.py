"""What the one who verifies alone knows, as options: nodes, the ledger, nonces that were drawn, custodians' keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.options.kinds import BUNDLE, explained
from attest.cli.result import progress, show_names_option, surroundings
from attest.cli.verification.evidence import by_chain

if TYPE_CHECKING:
    from attest.attestation.statement import Predicate
    from attest.evidence.record import Record
    from attest.liabilities.tree import StatedTree
    from attest.signing.keys import PublicKey
    from attest.verification.anchors import Ask, AskedNode, Known, Rebuild

_FILE = click.Path(path_type=Path, dir_okay=False)

known_options = [
    click.option("--previous", metavar="BUNDLE", type=_FILE,
                 help="The bundle of the month before, to see that this one follows it. Its own signatures are not "
                 "looked at: that is for `attest history check`."),
    click.option("--node", "nodes", metavar="CHAIN=URL", multiple=True,
                 help="Ask a node of yours too; ${NAME} in the URL stands for an environment variable. Repeatable."),
    click.option("--ledger", metavar="CONFIG", type=_FILE,
                 help="For auditors: build every tree again from the ledger that CONFIG names, and compare. Needs "
                 "--secret, and room for large ledgers among temporary files, where neither stays."),
    click.option("--secret", metavar="FILE", type=_FILE,
                 help="The file `secret` of the month's snapshot, from which the salts of its leaves follow."),
    show_names_option,
    click.option("--nonce", metavar="HEX", help="What the auditor drew: a challenge that names another is refused."),
    click.option("--window-nonce", metavar="HEX", help="Likewise, of the blocks around the pins that were read."),
    click.option("--custodian", "custodians", metavar="NAME=PUB", multiple=True,
                 help="A custodian's public key, from a place you trust; its confirmations count. Repeatable."),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownOptions:
    """The values of the options."""

    previous: Path | None
    nodes: tuple[str, ...]
    ledger: Path | None
    secret: Path | None
    show_names: bool
    nonce: str | None
    window_nonce: str | None
    custodians: tuple[str, ...]

    def known(self) -> Known:
        """What nobody else can tell; the files that were named are read. Raises `AttestError`."""
        from attest.chains.challenge import parse_nonce
        from attest.verification.anchors import Known

        return Known(
            previous=None if self.previous is None else _bundle(self.previous),
            nonce=parse_nonce(self.nonce),
            window_nonce=parse_nonce(self.window_nonce),
            custodians=_custodians(self.custodians),
        )

    def ask(self) -> Ask | None:
        """What asks the nodes that were named; None where none was."""
        nodes = by_chain("--node", self.nodes)
        return asking(nodes) if nodes else None

    def rebuild(self, *, as_json: bool) -> Rebuild | None:
        """What builds the trees again from the ledger that was named; None where none was."""
        return _rebuilding(self.ledger, self.secret, show_names=self.show_names, as_json=as_json)


def _bundle(path: Path) -> bytes:
    """The bytes of a bundle, which may be false, and not another kind of file. Raises `AttestError`."""
    from attest.attestation.bundle import MAX_BUNDLE_BYTES, parse_bundle
    from attest.errors import MalformedError
    from attest.files import read_bounded

    data = read_bounded(path, MAX_BUNDLE_BYTES)
    try:
        parse_bundle(data, what=str(path))
    except MalformedError as error:
        raise explained(error, (path, BUNDLE)) from None
    return data


def asking(nodes: Mapping[str, str]) -> Ask:
    """What asks `nodes`, a URL a chain, for the balances in records. Raises `AttestError` when it is called."""

    def ask(predicate: Predicate, records: Mapping[int, Record]) -> list[AskedNode]:
        import os

        from attest.verification.evidence.check import ask_nodes
        from attest.verification.evidence.folder import EvidenceFolder
        from attest.verification.evidence.step import basis_of

        folder = EvidenceFolder(basis_of(predicate, "the statement"), dict(records))
        return ask_nodes(folder, nodes, os.environ, lambda _: None).balances

    return ask


def _rebuilding(ledger: Path | None, secret: Path | None, *, show_names: bool, as_json: bool) -> Rebuild | None:
    """What builds the trees again from the ledger that a config names; nothing without one."""
    if ledger is None and secret is None:
        return None
    if ledger is None or secret is None:
        raise click.UsageError("--ledger CONFIG and --secret FILE go together")
    from attest.exchange.config import read_config
    from attest.exchange.ledger import rebuild_trees
    from attest.liabilities.snapshot.open import read_secret

    settings, seed = read_config(ledger), read_secret(secret)
    if show_names:
        settings = settings.showing_names()

    def rebuild(period: str) -> tuple[StatedTree, ...]:
        with progress(as_json=as_json) as advance:
            return rebuild_trees(settings, period, seed, surroundings(ledger, advance, as_json=as_json))

    return rebuild


def _custodians(items: Iterable[str]) -> dict[str, PublicKey]:
    """The keys of `--custodian`, by name."""
    from attest.files import read_bounded
    from attest.signing.keys import MAX_KEY_BYTES, PublicKey

    keys: dict[str, PublicKey] = {}
    for item in items:
        name, _, path = item.rpartition("=")
        if not name or not path:
            raise click.UsageError("--custodian takes NAME=PUB, the name in the evidence and a file")
        if name in keys:
            raise click.UsageError(f"--custodian names {name} twice")
        keys[name] = PublicKey.from_pem(read_bounded(Path(path), MAX_KEY_BYTES), what=path)
    return keys
