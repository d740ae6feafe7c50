"""What a month needs besides its chains, which may take hours to read: seen to be there before they are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from attest.errors import AttestError, UnavailableError
from attest.exchange.config import Config
from attest.exchange.ledger import ledger_source
from attest.exchange.surroundings import Surroundings
from attest.files import is_folder, real_path, reason


def require_at_hand(config: Config, period: str, around: Surroundings) -> None:
    """See that the ledger's files can be opened, a database is not asked, and the month's folders be written to.

    Raises `AttestError` naming the field of the config.
    """
    _require_ledger(config, period, around)
    _require_writable(config, around.folder)


def require_utxo_sets(config: Config, folder: Path) -> None:
    """Raises `UnavailableError` when a folder that a node is to dump its unspent outputs into is not there."""
    read = {wallet.chain for wallet in config.wallets if wallet.purpose != "own"}
    for chain in config.chains:
        if chain.utxo_set is None or chain.id not in read:
            continue
        path = real_path(folder / chain.utxo_set)
        if not is_folder(path):
            raise UnavailableError(
                "config/utxo-set",
                f"chain {chain.id}: utxo_set: there is no folder {path}",
                hint=f"make it, where the node {chain.nodes[0].name} can write to it under the same path",
            )


def _require_ledger(config: Config, period: str, around: Surroundings) -> None:
    from attest.liabilities.ledger.sources import require_files

    source = ledger_source(config, period, around)
    try:
        require_files(source)
    except AttestError as error:
        raise error.within("ledger.source") from None


def _require_writable(config: Config, folder: Path) -> None:
    for field in ("folder", "private_folder"):
        path = real_path(folder / getattr(config.publication, field))
        there = next(parent for parent in (path, *path.parents) if os.path.lexists(parent) or parent == parent.parent)
        try:
            tempfile.TemporaryFile(dir=there).close()  # without a name, so that nothing is left of it
        except OSError as error:
            raise UnavailableError(
                "file/unwritable", f"publication.{field}: cannot write to {there}: {reason(error)}"
            ) from None
