"""The months in a publication folder: the one that a new statement follows, and those that it would leave out."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from attest.attestation.bundle import MAX_BUNDLE_BYTES, bundle_file_name, parse_bundle
from attest.attestation.statement import parse_statement, statement_digest
from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.files import read_bounded, reason
from attest.periods import is_period, months_between
from attest.signing.envelope import verify_signatures
from attest.signing.keys import PublicKey

_SHOWN: Final = 3


class Before(NamedTuple):
    """The statement before a new one; there is none before the first."""

    sequence: int = -1
    digest: bytes | None = None
    bundle: bytes | None = None
    period: str | None = None


def skipped_months(publication: Path, period: str) -> list[str]:
    """The months between the last one that was published and `period`; none before the first.

    Raises `MalformedError` when `period` is not after the last one, `UnavailableError`.
    """
    last = _last(publication, period)
    return [] if last is None else months_between(last, period)


def require_next(publication: Path, private: Path, period: str, left_out: Collection[str]) -> None:
    """See that `period` is in neither folder yet, and that it follows the month that was published last.

    Months between may only be those `left_out`. Raises `UnavailableError`, `MalformedError`.
    """
    _refuse_made(publication, private, period)
    _refuse_skipping(publication, period, left_out)


def previous(publication: Path, period: str, keys: Sequence[PublicKey], origin: str) -> Before:
    """The last statement that was published of a month before `period`, as `published` reads it."""
    month = max((name for name in published_months(publication) if name < period), default=None)
    return Before() if month is None else published(publication, month, keys, origin)


def published(publication: Path, month: str, keys: Sequence[PublicKey], origin: str) -> Before:
    """The statement of a month that was published, of `origin`, which one of `keys` signed. Raises `AttestError`."""
    path = publication / month / bundle_file_name(month)
    data = read_bounded(path, MAX_BUNDLE_BYTES)
    envelope = parse_bundle(data).envelope
    if not verify_signatures(envelope, keys).signed:
        raise VerificationError(
            "run/previous",
            f"{path} is not signed by this exchange's key",
            hint="if the key was changed since, name the newest trust root in the config: [keys] trust_root",
        )
    predicate = parse_statement(envelope.payload).predicate
    if predicate.entity.origin != origin:
        raise VerificationError(
            "run/previous",
            f"{path} is of {predicate.entity.origin}, not of {origin}",
            hint="another origin begins a chain of its own: name another folder in the config, [publication] folder",
        )
    return Before(predicate.sequence, statement_digest(envelope.payload), data, predicate.period)


def published_months(publication: Path) -> list[str]:
    """The months that have a folder, in their order. Raises `UnavailableError`."""
    try:
        names = [path.name for path in publication.iterdir()]
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise UnavailableError(
            "file/unreadable", f"publication.folder: cannot read {publication}: {reason(error)}"
        ) from None
    return sorted(name for name in names if is_period(name))


def _refuse_made(publication: Path, private: Path, period: str) -> None:
    for folder in (publication / period, private / period):
        if os.path.lexists(folder):
            raise UnavailableError(
                "file/exists",
                f"{folder} exists, so {period} was attested, or its folder moved here",
                hint="a second statement of one month would be equivocation; what is wrong in it, the next statement "
                "corrects",
            )


def _refuse_skipping(publication: Path, period: str, left_out: Collection[str]) -> None:
    missing = [month for month in skipped_months(publication, period) if month not in left_out]
    if not missing:
        return
    shown = f"{', '.join(missing[:_SHOWN])}{f' and {len(missing) - _SHOWN:,} more' * (len(missing) > _SHOWN)}"
    has, it = ("has", "it") if len(missing) == 1 else ("have", "them")
    options = " ".join(f"--leave-out {month}" for month in missing[:_SHOWN]) + " …" * (len(missing) > _SHOWN)
    raise MalformedError(
        "run/gap",
        f"{shown} {has} no statement in {publication}, and can have none once {period} is published",
        hint=f"publish {it} first: attest run CONFIG --period {missing[0]}; or say {options}, and readers will find "
        "a month without a statement in the history for good",
    )


def _last(publication: Path, period: str) -> str | None:
    """The last month that was published, which is before `period`. Raises `MalformedError` when it is not."""
    last = max(published_months(publication), default=None)
    if last is not None and last >= period:
        raise MalformedError(
            "run/order", f"{last} is already published in {publication}; months are published in order"
        )
    return last
