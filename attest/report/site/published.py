"""What a site hands on of the months in a publication folder: what the statements name, and nothing else there.

An auditor's edition of the evidence that was left there is neither copied nor read: readers of the site must come to
what it says by what they are given.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, NamedTuple

from attest.attestation.bundle import BUNDLE_ENDING, bundle_file_name
from attest.attestation.findings import Finding, is_of_unread, unread
from attest.attestation.policies import policy_file_name
from attest.errors import AttestError
from attest.files import read_beside
from attest.lines import Content, open_beside
from attest.policy.rulesets import MAX_POLICY_BYTES, parse_policy
from attest.report.history.series import MonthRow, Series
from attest.report.site.folder import Copy, Data
from attest.report.site.paths import SUMS
from attest.report.site.roots import SiteRoot
from attest.report.view.month import MonthView
from attest.reserves.evidence import AUDITOR_EVIDENCE

UNAVAILABLE: Final = "unavailable"
LACKING: Final = "site/lacking"
NOT_MET: Final = "history/not-met"
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NO_CHARACTERS: Final = "\ufffe\uffff"  # which XML lacks
_SHOWN: Final = 12  # digits of a digest in the name of a bundle that is one of several


class Download(NamedTuple):
    """A file that readers get, by its name in the folder of its month, and its SHA-256 in hex."""

    name: str
    sha256: str
    content: Data | Copy


class Said(NamedTuple):
    """What is wrong, as a page shows it: its code, and an English sentence of printable characters.

    `adverse` says that nothing is false.
    """

    code: str
    sentence: str
    adverse: bool


class SiteMonth(NamedTuple):
    """A month of the site: its row, what is wrong with it, and, unless there is no statement, its bundle and downloads.

    `lacking` is what belongs to the month and is not there, which says nothing against it. The first of `files` is the
    bundle.
    """

    row: MonthRow
    said: tuple[Said, ...]
    lacking: tuple[Said, ...] = ()
    bundle: bytes = b""
    files: tuple[Download, ...] = ()

    @property
    def period(self) -> str:
        """`2026-10`, the name of the folders in which the month lies."""
        return self.row.period

    @property
    def told(self) -> tuple[Said, ...]:
        """What its row says in sentences: all but what the view of a month says in words."""
        of_view = NOT_MET if self.row.view is not None else None
        return tuple(item for item in (*self.said, *self.lacking) if item.code != of_view)


@dataclass(frozen=True, slots=True)
class Site:
    """What a site is made from: the months, ascending, and all that is wrong.

    `entity` and `origin` name the exchange, `assets` are those of any shown month, ascending. `url` is where the site
    will lie, with a slash at its end, as far as it is known. `pdf` says whether reports are drawn as PDF too.
    """

    months: tuple[SiteMonth, ...]
    findings: tuple[Said, ...]
    roots: tuple[SiteRoot, ...]
    assets: tuple[str, ...]
    entity: str
    origin: str
    url: str | None
    pdf: bool

    @property
    def status(self) -> Literal["failed", "unchecked", "adverse", "verified"]:
        """`failed` when anything is false or a month is missing, `unchecked` when the site lacks what it needs.

        `adverse` says that all verifies, and that a month is late or not met.
        """
        if any(not item.adverse and item.code != UNAVAILABLE for item in self.findings):
            return "failed"
        if any(month.lacking for month in self.months) or any(item.code == UNAVAILABLE for item in self.findings):
            return "unchecked"
        return "adverse" if self.findings else "verified"

    @property
    def newest(self) -> SiteMonth | None:
        """The newest month whose figures are shown."""
        return next((month for month in reversed(self.months) if month.row.view is not None), None)


def beside(publication: Path, bundle: str, name: str) -> Content | None:
    """A file beside a bundle for its verification, which must rest on what is handed on."""
    return None if name == AUDITOR_EVIDENCE else open_beside((publication / bundle).parent, name)


def site_months(series: Series, bundles: Mapping[str, bytes], publication: Path) -> tuple[SiteMonth, ...]:
    """The months of a series, ascending, as the site hands them on. Raises `UnavailableError`."""
    return tuple(_month(row, series, bundles, publication) for row in series.rows)


def said(findings: Iterable[Finding], names: frozenset[str]) -> tuple[Said, ...]:
    """Findings as pages show them: names of files, which stand in their sentences, may have any bytes.

    `names` are the bundles that could not be read to their end, which is no fault of the months after them either.
    """
    return tuple(
        Said(UNAVAILABLE if is_of_unread(item, names) else item.code, printable(item.sentence), item.adverse)
        for item in findings
    )


def printable(text: str) -> str:
    """`text` with escapes in place of what no page or feed may hold, and of what would rewrite the text around it."""
    return "".join(ascii(char)[1:-1] if _is_unprintable(char) else char for char in text)


def sums(files: Mapping[str, str]) -> bytes:
    """SHA-256 by the names of files, as `sha256sum -c` reads it."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items())).encode()


def _month(row: MonthRow, series: Series, bundles: Mapping[str, bytes], publication: Path) -> SiteMonth:
    wrong = said(row.findings, unread(series.findings))
    if row.name is None:
        return SiteMonth(row, wrong)
    data = bundles[row.name]
    bundle = Download(_bundle_name(row, series, data), sha256(data).hexdigest(), Data(data))
    if row.view is None:
        return SiteMonth(row, wrong, (), data, (bundle,))
    folder = (publication / row.name).parent
    found, missing = _subjects(row.view, folder)
    policies, other = _policies(row.view, folder)
    lacking = tuple(Said(LACKING, sentence, adverse=False) for sentence in (*missing, *other))
    return SiteMonth(row, wrong, lacking, data, (bundle, *found, *policies))


def _bundle_name(row: MonthRow, series: Series, data: bytes) -> str:
    """`2026-10.attest.json`, which one bundle of a month has: the one that is shown, or the only one."""
    others = [other for other in series.rows if other.period == row.period]
    if row.view is not None or len(others) == 1:
        return bundle_file_name(row.period)
    return bundle_file_name(f"{row.period}-{sha256(data).hexdigest()[:_SHOWN]}")


def _subjects(view: MonthView, folder: Path) -> tuple[list[Download], list[str]]:
    """The subject files of a month, and a sentence for each that is not there."""
    found, lacking = [], []
    taken = {SUMS.casefold()}
    for item in view.files:
        name = item.name.casefold()  # some disks do not tell capitals from small letters
        if name in taken or name.endswith(BUNDLE_ENDING):
            lacking.append(
                f"{item.name} of {view.period} has a name that the site gives to another file, and is not copied"
            )
        elif item.there:
            taken.add(name)
            found.append(Download(item.name, item.sha256, Copy(folder / item.name, item.sha256)))
        else:
            lacking.append(f"{item.name} is not beside the bundle of {view.period}")
    return found, lacking


def _policies(view: MonthView, folder: Path) -> tuple[list[Download], list[str]]:
    """The policies of a month whose files are not among its subjects, and sentences.

    One that came with this release was evaluated from there: its file may be missing, or be another one.
    """
    named = {item.name for item in view.files}
    lacking = [
        f"the file of {name} is not beside the bundle of {view.period}"
        for name in view.missing_policies
        if policy_file_name(name) not in named
    ]
    found = []
    for policy in view.policies:
        name = policy_file_name(policy.id)
        if name in named:
            continue
        data = read_beside(folder, name, MAX_POLICY_BYTES)
        if data is not None and _is_policy(data, name, policy.sha256):
            found.append(Download(name, sha256(data).hexdigest(), Data(data)))
        elif data is not None:
            lacking.append(f"{name} beside the bundle of {view.period} is not the policy that was signed for")
    return found, lacking


def _is_policy(data: bytes, name: str, digest: str) -> bool:
    """Whether a file holds the policy of this digest, which is that of its rules and not of the file."""
    with suppress(AttestError):
        return parse_policy(data, name).sha256.hex() == digest
    return False


def _is_unprintable(char: str) -> bool:
    return char in _NO_CHARACTERS or unicodedata.category(char) in _UNPRINTABLE
