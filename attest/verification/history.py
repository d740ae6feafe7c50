"""The history of one exchange: all its bundles, each verified, and whether they follow one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final

from attest.attestation.bundle import BUNDLE_ENDING, parse_bundle
from attest.attestation.statement import parse_statement
from attest.errors import AttestError, UnavailableError
from attest.lines import Content
from attest.periods import is_period
from attest.signing.envelope import Envelope
from attest.verification.anchors import Anchors, Sources
from attest.verification.findings import Claimed, Finding, Month
from attest.verification.following import following
from attest.verification.verified import Verified
from attest.verification.verify import verify

MAX_MONTHS: Final = 1200
MAX_HISTORY_BYTES: Final = 64 * 1024 * 1024  # of all its bundles, whose statements stay in memory to be compared


@dataclass(frozen=True, slots=True)
class History:
    """The months in the order of their sequence, and all that is wrong; only without findings is it intact."""

    months: tuple[Month, ...]
    findings: tuple[Finding, ...]


def check_history(
    bundles: Mapping[str, bytes],
    anchors: Anchors,
    *,
    now: datetime,
    files: Callable[[str, str], Content | None],
    see: Callable[[str, Verified], None] = lambda *_: None,
) -> History:
    """Verify every bundle by itself, then how they follow one another.

    `bundles` are bytes by name; `files` returns what was published beside the bundle of a name. The trust roots that
    any bundle carries are used for all, so that a key counts only for its time whatever a single bundle withholds.
    `see` is shown each month that verified by the name of its bundle, whole, before it is known how it follows the
    others. What is wrong is returned, never raised.
    """
    findings: list[Finding] = []
    anchors = replace(anchors, later_roots=_roots(bundles, anchors, findings))
    months: list[Month] = []
    unverified: list[Claimed] = []
    for name, data in sorted(bundles.items()):
        try:
            verified = verify(data, anchors, now=now, sources=Sources(partial(files, name)))
        except AttestError as error:
            claimed = _claimed(name, data)
            unverified += claimed
            findings.append(_unverified(name, error, claimed))
        else:
            see(name, verified)
            # What is said wallet by wallet may be large, and nothing in a history asks for it.
            months.append(Month(name, replace(verified, records={}, wallets=(), controlled=None)))
    months.sort(key=lambda month: (month.sequence, month.period, month.name))
    if not bundles:
        findings.append(Finding("history/empty", "there is no bundle"))
    findings += following(months, unverified, now)
    return History(tuple(months), tuple(findings))


def _roots(bundles: Mapping[str, bytes], anchors: Anchors, findings: list[Finding]) -> tuple[Envelope, ...]:
    """All trust roots that follow the pinned one of `anchors`, whichever bundle carries them.

    When they do not make one chain, those of a bundle that does not follow the others by itself are left out, and told.
    """
    carried: dict[str, tuple[Envelope, ...]] = {}
    for name, data in sorted(bundles.items()):
        with suppress(AttestError):  # said where the bundle is verified
            carried[name] = parse_bundle(data).trust_roots
    found = list(dict.fromkeys([*anchors.later_roots, *chain.from_iterable(carried.values())]))
    with suppress(AttestError):
        anchors.following(found)
        return tuple(found)
    found = list(anchors.later_roots)
    for name, roots in carried.items():
        try:
            anchors.following((*found, *roots))
        except AttestError as error:
            findings.append(
                Finding(
                    "history/roots",
                    f"{name} carries trust roots that do not follow: {error.message}",
                    names=(name,),
                    periods=_periods(name, _claimed(name, bundles[name])),
                )
            )
        else:
            found += [root for root in roots if root not in found]
    return tuple(found)


def _claimed(name: str, data: bytes) -> list[Claimed]:
    with suppress(AttestError):  # said where the bundle was verified
        predicate = parse_statement(parse_bundle(data).envelope.payload).predicate
        return [Claimed(name, predicate.sequence, predicate.period)]
    return []


def _periods(name: str, claimed: Sequence[Claimed]) -> tuple[str, ...]:
    """The month that a bundle which did not verify says it is of, or else that its name says."""
    if claimed:
        return (claimed[0].period,)
    said = name.rpartition("/")[2].removesuffix(BUNDLE_ENDING)
    return (said,) if is_period(said) else ()


def _unverified(name: str, error: AttestError, claimed: Sequence[Claimed]) -> Finding:
    return Finding(
        "history/month",
        f"{name}: {error.message}",
        hint=error.hint,
        names=(name,),
        periods=_periods(name, claimed),
        unavailable=isinstance(error, UnavailableError),
    )
