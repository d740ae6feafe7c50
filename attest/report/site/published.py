"""The months of a publication folder as a site hands them on: the files that statements name, and no others.

An auditor's edition of the evidence that was left in the folder is neither copied nor read, because readers of the site
must be able to reach its verdicts from the files that they are given.
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
from attest.attestation.files import AUDITOR_EVIDENCE
from attest.errors import AttestError
from attest.files import read_beside
from attest.lines import Content, open_beside
from attest.policy.rulesets import MAX_POLICY_BYTES, parse_policy
from attest.report.history.series import MonthRow, Series
from attest.report.site.folder import Copy, Data
from attest.report.site.paths import SUMS
from attest.report.site.roots import SiteRoot
from attest.report.view.month import MonthView
from attest.verification.findings import Finding, is_of_unread, unread
from attest.verification.policies import policy_file_name

UNAVAILABLE: Final = "unavailable"
LACKING: Final = "site/lacking"
NOT_MET: Final = "history/not-met"
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NO_CHARACTERS: Final = "\ufffe\uffff"  # XML forbids them
_SHOWN: Final = 12  # digits of the digest that tells several bundles of a month apart by name


class Download(NamedTuple):
    """A file that readers can download.

    `name`: in the folder of its month.
    `sha256`: hex.
    `content`: its bytes, or where they are copied from.
    """

    name: str
    sha256: str
    content: Data | Copy


class Said(NamedTuple):
    """A finding as pages show it.

    `code`: for programs.
    `sentence`: in English, printable characters only.
    `adverse`: whether nothing is false, only late or not met.
    """

    code: str
    sentence: str
    adverse: bool


class SiteMonth(NamedTuple):
    """A month of the site.

    `row`: its row in the series.
    `said`: what is wrong with it.
    `lacking`: files of it that are missing or left out, which says nothing against it.
    `bundle`: the bytes of its bundle; empty for a gap.
    `files`: its downloads, the bundle first; none for a gap.
    """

    row: MonthRow
    said: tuple[Said, ...]
    lacking: tuple[Said, ...] = ()
    bundle: bytes = b""
    files: tuple[Download, ...] = ()

    @property
    def period(self) -> str:
        """The month, `2026-10`; its folders have this name."""
        return self.row.period

    @property
    def told(self) -> tuple[Said, ...]:
        """The findings that the index shows as sentences: all but the one that the verdict of a shown month says."""
        of_view = NOT_MET if self.row.view is not None else None
        return tuple(item for item in (*self.said, *self.lacking) if item.code != of_view)


@dataclass(frozen=True, slots=True)
class Site:
    """The content of a site.

    `months`: ascending.
    `findings`: everything that is wrong.
    `roots`: the trust roots, from the pinned one on.
    `assets`: those of any month whose figures are shown, ascending.
    `entity`: the exchange's name.
    `origin`: its origin, a domain name.
    `url`: where the site will lie, with a slash at its end; None when that is not known.
    `pdf`: whether it has reports as PDF.
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
        """The status of the whole site, the worst that applies.

        `failed`: something is false, or a month is missing.
        `unchecked`: a file is missing, or a month could not be read to its end.
        `adverse`: everything verifies, but a month is late or not met.
        `verified`: none of these.
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
    """A file beside a bundle, opened for its verification; None for one that is not there.

    The auditor's edition of the evidence counts as not there, because the site does not hand it on.
    """
    return None if name == AUDITOR_EVIDENCE else open_beside((publication / bundle).parent, name)


def site_months(series: Series, bundles: Mapping[str, bytes], publication: Path) -> tuple[SiteMonth, ...]:
    """The months of a series, ascending, with their downloads.

    `bundles`: the bytes of each bundle, by its name in the publication folder.
    Raises `UnavailableError` when a file beside a bundle cannot be read.
    """
    return tuple(_month(row, series, bundles, publication) for row in series.rows)


def said(findings: Iterable[Finding], names: frozenset[str]) -> tuple[Said, ...]:
    """Findings as pages show them, printable, because the names of files in their sentences may have any bytes.

    `names`: the bundles that could not be read to their end. Findings about months after them follow from that, and so
    have the code `UNAVAILABLE`.
    """
    return tuple(
        Said(UNAVAILABLE if is_of_unread(item, names) else item.code, printable(item.sentence), item.adverse)
        for item in findings
    )


def printable(text: str) -> str:
    """`text` with escapes for characters that XML forbids and for those that would rearrange the text around them."""
    return "".join(ascii(char)[1:-1] if _is_unprintable(char) else char for char in text)


def sums(files: Mapping[str, str]) -> bytes:
    """The content of a `SHA256SUMS`, as `sha256sum -c` reads it.

    `files`: digests in hex, by name.
    """
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
    """The name of a bundle among the downloads.

    `2026-10.attest.json` for the bundle whose figures are shown, or the only one; any other has a part of its digest.
    """
    others = [other for other in series.rows if other.period == row.period]
    if row.view is not None or len(others) == 1:
        return bundle_file_name(row.period)
    return bundle_file_name(f"{row.period}-{sha256(data).hexdigest()[:_SHOWN]}")


def _subjects(view: MonthView, folder: Path) -> tuple[list[Download], list[str]]:
    """The files that a month's statement names, and a sentence for each that is missing or cannot be copied."""
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
    """The policy files of a month that its statement does not name as subjects, and a sentence for each missing one.

    A rule set of this release was evaluated from the release, so that its file may be missing, or hold something else.
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
    """Whether a file holds the policy with that digest, which is taken over the rules, not the bytes of the file."""
    with suppress(AttestError):
        return parse_policy(data, name).sha256.hex() == digest
    return False


def _is_unprintable(char: str) -> bool:
    return char in _NO_CHARACTERS or unicodedata.category(char) in _UNPRINTABLE
