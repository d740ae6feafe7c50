"""The liability snapshot of a month: built as the config says, bound by its statement, proven from."""

from __future__ import annotations

import os
import re
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

from attest.attestation.bundle import MAX_BUNDLE_BYTES
from attest.attestation.files import SNAPSHOT_FOLDER, STATEMENT_FILE
from attest.attestation.proving import snapshot_folder
from attest.attestation.statement import parse_statement
from attest.chains.settings import expand
from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.exchange.config import Config
from attest.exchange.surroundings import Surroundings
from attest.files import SECRET_MODE, is_file, read_bounded, reason, write_file
from attest.liabilities.ledger.types import MAX_SHOWN, ControlTotals, Source
from attest.liabilities.snapshot.format import Manifest
from attest.liabilities.snapshot.open import Snapshot, check_files
from attest.liabilities.tree import StatedTree, check_trees

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/+")  # one letter is a drive of Windows
_ROOM: Final = "make room on that disk, or name another for temporary files in TMPDIR"


def ledger_source(config: Config, period: str, around: Surroundings) -> Source:
    """The ledger of `period`. Raises `UnavailableError` when an environment variable is missing, `MalformedError`."""
    location = expand(config.ledger.source.replace("{period}", period), around.environment, "the ledger's source")
    scheme = _SCHEME.match(location)
    if scheme is not None and not location.startswith(("postgresql://", "postgres://")):
        raise MalformedError(
            "ledger/source",
            f"the ledger's source begins with {scheme[0]}, by which no ledger is read",
            hint="a ledger is a file, or postgresql://HOST/DATABASE with a query",
        )
    query = None if config.ledger.query is None else config.ledger.query.replace("{period}", period)
    return Source(location, query, around.folder, config.ledger.show_names, config.ledger.patience)


def build_liabilities(
    config: Config, period: str, snapshot: Path, secret: bytes, around: Surroundings, *, keep: bool = True
) -> Manifest:
    """Build the liability snapshot of `period` in the empty folder `snapshot`; with `keep` false nothing is left there.

    When the ledger has more findings than are shown, all are written beside the config. They name customers only where
    the others do too, because the file may be passed on with what it is about. Raises `AttestError`.
    """
    totals = ControlTotals()
    try:
        from attest.liabilities.snapshot.build import Plan, build_snapshot

        plan = Plan(
            ledger_source(config, period, around),
            config.decimals,
            secret,
            splitting=config.privacy.splitting(config.decimals),
            decoys=config.privacy.decoys,
            sum_rows=config.ledger.sum_rows,
        )
        return build_snapshot(snapshot, plan, totals=totals, keep=keep, progress=partial(around.progress, "rows"))
    except MemoryError:
        raise UnavailableError(
            "ledger/memory",
            "building the trees takes more memory than this machine, or a limit set for it, gives",
            hint="a build takes up to 5 GB, less for fewer than 40 million rows an asset: run it where that is free",
        ) from None
    except OSError as error:
        if error.errno is None:  # no file of ours: the linker's words about a library
            raise UnavailableError(
                "file/library",
                f"a library that builds the trees cannot be loaded: {str(error)[:200]}",
                hint="is memory left? else install attest-por again",
            ) from None
        if keep:  # who makes the folder says what cannot be written
            raise
        raise UnavailableError("file/unwritable", f"cannot write temporary data: {reason(error)}", hint=_ROOM) from None
    except MalformedError as error:
        if len(totals.findings) <= MAX_SHOWN:
            raise
        path = around.folder / f"ledger-findings-{period}.txt"
        write_file(path, "".join(f"{line}\n" for line in totals.findings).encode(), mode=SECRET_MODE, force=True)
        kept = len(totals.findings)
        which = "all" if kept == totals.finding_count else f"the first {kept:,}"
        hint = f"{which} of them are in {path}; nothing else was written: correct the ledger and run again"
        raise MalformedError(error.code, error.message, hint=hint, details=error.details) from None


def check_liabilities(config: Config, period: str, path: Path, around: Surroundings) -> Manifest:
    """Build the snapshot in `path` again, from the ledger and its own secret, and compare every file and total.

    Returns what was built, with the inputs that were read now. Raises `VerificationError` naming what differs,
    `MalformedError` when the statement beside the snapshot is of another period.
    """
    _refuse_other_period(path, period)
    with Snapshot(snapshot_folder(path)) as snapshot:
        stated = snapshot.manifest
        manifest = build_liabilities(config, period, snapshot.folder, snapshot.secret, around, keep=False)
        check_files(snapshot)
    check_trees(stated.trees, manifest.trees)
    if stated.totals != manifest.totals:
        raise VerificationError("snapshot/ledger", "the ledger has other control totals than the snapshot")
    return manifest


def _refuse_other_period(path: Path, period: str) -> None:
    """Refuse a snapshot whose statement is of another month than `period`.

    The trees alone do not show the mistake, because two months may have equal ledger rows.
    """
    beside = (folder / STATEMENT_FILE for folder in (path, path.parent if path.name == SNAPSHOT_FOLDER else path))
    statement = next((file for file in beside if is_file(file)), None)
    if statement is None:
        return
    stated = parse_statement(read_bounded(statement, MAX_BUNDLE_BYTES)).predicate.period
    if stated != period:
        raise MalformedError(
            "snapshot/period",
            f"{statement} is of {stated}, not of {period}",
            hint=f"say --period {stated}, or name the snapshot of {period}",
        )


def rebuild_trees(config: Config, period: str, secret: bytes, around: Surroundings) -> tuple[StatedTree, ...]:
    """The trees that the ledger of `period` and the secret of its snapshot lead to. Raises `AttestError`.

    Nothing of them is on the disk: what does not fit in memory lies in files of TMPDIR that have no names.
    """
    # Not `tempfile.gettempdir`, which leaves a file there when it is killed while it tries whether it can.
    temporary = Path(os.environ.get("TMPDIR") or (tempfile.gettempdir() if os.name == "nt" else "/tmp"))  # noqa: S108
    return build_liabilities(config, period, temporary, secret, around, keep=False).trees
