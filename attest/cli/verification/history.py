"""`attest history`: the months of an exchange, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import click

from attest.cli.options.anchors import (
    AnchorOptions,
    gathered,
    later_options,
    required_root,
    trust_root_option,
    with_options,
)
from attest.cli.options.kinds import BUNDLE, OtherFileError, explained
from attest.cli.result import Result, json_option
from attest.errors import EXIT_ADVERSE, EXIT_CODES, MalformedError, UnavailableError, VerificationError

if TYPE_CHECKING:
    from attest.lines import Content
    from attest.report.history.series import Series
    from attest.verification.findings import Finding, Month
    from attest.verification.history import History


VERDICTS: Final = {
    "failed": "FAILED",
    "unchecked": "NOT CHECKED",
    "adverse": "VERIFIED, but NOT MET",
    "verified": "VERIFIED",
}


@click.group()
def history() -> None:
    """See whether the months of an exchange follow one another."""


@history.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--chart", is_flag=True,
    help="Draw the coverage of each asset over the months, as plain text. Months against which something was found "
    "have no figure in it.",
)  # fmt: skip
@with_options(trust_root_option, *later_options)
@json_option
@gathered("anchors", AnchorOptions)
def check(folder: Path, *, chart: bool, anchors: AnchorOptions, as_json: bool) -> Result:  # noqa: ARG001
    """Verify every *.attest.json in DIR and its folders, and how they follow one another.

    Found are: a month that is missing, replaced or told twice, a chain that is broken, keys that did not count at their
    time, months that came late or are dated ahead, and what is not met. Shown month by month are coverage, and which
    steps of `attest verify` could not be run.
    """
    from attest.report.history.plot import plot, plot_document

    required_root(anchors.trust_root)
    found, series = _checked(folder, anchors, with_series=chart)
    status, code = _outcome(found)
    verdict = VERDICTS[status] + (" (see below)" if status == "adverse" else "")
    lines = _lines(found.findings)
    text = "\n".join([f"{verdict}: {_counted(found)} in {folder}", "", _table(found), *([""] if lines else []), *lines])
    document = {"command": "history check", "status": status, **_document(found)}
    if series is not None:
        document["chart"] = plot_document(series)
        text += f"\n\n{plot(series)}"
    if anchors.at is not None:
        document["at"] = anchors.at
    return Result(document, text + anchors.as_of(), code)


@history.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@with_options(trust_root_option)
@click.option(
    "-o", "--out", required=True, metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, which ends in .csv or .parquet.",
)  # fmt: skip
@click.option(
    "--table", type=click.Choice(["assets", "reserves"]), default="assets", show_default=True,
    help="A row for each month and asset; or for each month and each rule that asks for a reserve.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace an existing file.")
@with_options(*later_options)
@json_option
@gathered("anchors", AnchorOptions)
def export(folder: Path, *, out: Path, table: str, force: bool, anchors: AnchorOptions, as_json: bool) -> Result:  # noqa: ARG001
    """Write the figures of all months in DIR as a table for analysts, after checking them as `history check` does.

    Amounts are whole numbers of base units. A month that is missing, did not verify or is in doubt has rows that say so
    and no figures; the file is written all the same, and the exit code says what was found.
    """
    from attest.files import PUBLIC_MODE
    from attest.report.history.table_files import FORMATS
    from attest.report.history.tables import assets_table, reserves_table
    from attest.writing import write_once

    if out.suffix not in FORMATS:
        raise click.UsageError(f"{out} ends in neither .csv nor .parquet")
    required_root(anchors.trust_root)
    found, series = _checked(folder, anchors, with_series=True)
    made = {"assets": assets_table, "reserves": reserves_table}[table](series)
    added = write_once(out, FORMATS[out.suffix](made), mode=PUBLIC_MODE, force=force)
    status, code = _outcome(found)
    said = f"{len(made.rows):,} row{'s' * (len(made.rows) != 1)} of {len(made.columns)} columns"
    lines = [
        f"{VERDICTS[status]}: {_counted(found)} in {folder}",
        f"table      {out}, {said}" if added else f"the table is there already: nothing was written  {out}",
        *_lines(found.findings),
    ]
    document = {
        "command": "history export",
        "status": status,
        "table": table,
        "file": str(out),
        "added": int(added),
        "rows": len(made.rows),
        "months": [{"period": row.period, "state": row.state, "file": row.name} for row in series.rows],
        "findings": [_finding_document(finding) for finding in found.findings],
    }
    if anchors.at is not None:
        document["at"] = anchors.at
    return Result(document, "\n".join(lines) + anchors.as_of(), code)


@overload
def _checked(folder: Path, anchors: AnchorOptions, *, with_series: Literal[True]) -> tuple[History, Series]: ...
@overload
def _checked(folder: Path, anchors: AnchorOptions, *, with_series: bool) -> tuple[History, Series | None]: ...
def _checked(folder: Path, anchors: AnchorOptions, *, with_series: bool) -> tuple[History, Series | None]:
    """The history in a folder, and its months as rows of the calendar."""
    from attest.lines import open_beside
    from attest.report.history.series import read_series
    from attest.verification.history import check_history

    bundles, now = bundles_in(folder), anchors.now()
    trusted = anchors.anchors()

    def files(name: str, file: str) -> Content | None:
        return open_beside((folder / name).parent, file)

    if with_series:
        return read_series(bundles, trusted, now=now, files=files)
    return check_history(bundles, trusted, now=now, files=files), None


def _outcome(found: History) -> tuple[str, int]:
    """The status and the exit code.

    Where all that is wrong comes of bundles that could not be read to their end here, nobody is accused.
    """
    from attest.verification.findings import is_of_unread, unread

    against = [finding for finding in found.findings if not finding.adverse]
    names = unread(found.findings)
    if not against:
        return ("adverse", EXIT_ADVERSE) if found.findings else ("verified", 0)
    if all(is_of_unread(finding, names) for finding in against):
        return UnavailableError.status, EXIT_CODES[UnavailableError]
    return VerificationError.status, EXIT_CODES[VerificationError]


def _lines(findings: Sequence[Finding]) -> list[str]:
    """What was found, a line each, and what to do about it."""
    lines = [f"{_word(finding)}  {finding.sentence}" for finding in findings]
    lines = [line.replace("\n", "\\n") for line in lines]  # a file's name may have several lines
    hints = dict.fromkeys(finding.hint for finding in findings if finding.hint is not None)
    return lines + [f"hint: {hint}" for hint in hints]


def _word(finding: Finding) -> str:
    return "NOT MET" if finding.adverse else "NOT CHECKED" if finding.unavailable else "FAILED"


def bundles_in(folder: Path) -> dict[str, bytes]:
    """Every bundle in `folder`, by its name there; whoever filled the folder may have put anything there."""
    from attest.attestation.bundle import BUNDLE_ENDING, MAX_BUNDLE_BYTES
    from attest.files import is_folder, names_in, read_listed
    from attest.verification.history import MAX_HISTORY_BYTES, MAX_MONTHS

    if not is_folder(folder):
        raise UnavailableError("file/unreadable", f"there is no folder {folder}")
    names = names_in(folder, BUNDLE_ENDING)
    inner = [name for name in names_in(folder, "") if is_folder(folder / name)]
    names += [f"{name}/{found}" for name in inner for found in names_in(folder / name, BUNDLE_ENDING)]
    if len(names) > MAX_MONTHS:
        raise UnavailableError("history/too-many", f"{folder} has {len(names):,} bundles; the limit is {MAX_MONTHS:,}")
    bundles: dict[str, bytes] = {}
    left = MAX_HISTORY_BYTES
    for name in names:
        bundles[Path(name).as_posix()] = data = read_listed(folder, name, MAX_BUNDLE_BYTES)
        left -= len(data)
        if left < 0:
            raise UnavailableError(
                "history/too-large", f"the bundles in {folder} have more than {MAX_HISTORY_BYTES:,} bytes together"
            )
    _require_bundles(folder, bundles)
    return bundles


def _require_bundles(folder: Path, files: dict[str, bytes]) -> None:
    """Raise `MalformedError` when a file is none: without it a month would seem to be missing that is not."""
    from attest.attestation.bundle import parse_bundle

    found: list[OtherFileError] = []
    for name, data in sorted(files.items()):
        try:
            parse_bundle(data)
        except MalformedError as error:
            if isinstance(other := explained(error, (folder / name, BUNDLE)), OtherFileError):
                found.append(other)
    if found:
        raise MalformedError(
            found[0].code,
            f"{found[0].message}; the history was not checked, and nothing was found wrong",
            hint=found[0].hint or "move it away, or save it under another ending than .attest.json",
            details=tuple(error.message for error in found[1:]),
        )


def _counted(found: History) -> str:
    failed = sum(finding.code == "history/month" for finding in found.findings)
    counted = "1 month" if len(found.months) == 1 else f"{len(found.months)} months"
    return counted + (f", besides {failed} that did not verify," if failed else "")


def _table(found: History) -> str:
    from attest.amounts import ratio_percent
    from attest.cli.render.segregation import spans
    from attest.cli.render.tables import new_table, render
    from attest.documents import format_time

    assets = sorted({item.asset for month in found.months for item in month.verified.coverage})
    table = new_table(
        ">sequence",
        "month",
        "issued",
        "timestamped",
        ">root",
        *(f">{asset}" for asset in assets),
        "~steps not checked",
        "~statement",
    )
    for month in found.months:
        ratios = {
            item.asset: (ratio_percent(item.counted, item.owed) or "nothing owed")
            + (", not checked" if month.verified.unchecked.of_coverage(item.asset) else "")
            for item in month.verified.coverage
        }
        signatories = month.verified.signatories
        table.add_row(
            str(month.sequence),
            month.period,
            format_time(month.verified.statement.predicate.issued_at),
            format_time(max(signatories.times.values())) if signatories.times else "",
            "" if signatories.root is None else str(signatories.root.version),
            *(ratios.get(asset, "") for asset in assets),
            spans(_not_checked(month)),
            month.verified.digest.hex(),
        )
    return render(table)


def _not_checked(month: Month) -> list[int]:
    """The numbers of the steps that could not be run, or not to their end, but for those that history checks itself.

    That is step 7, which needs the bundle of the month before; nobody proves an inclusion to a history either.
    """
    return [
        step.number
        for step in month.verified.steps
        if step.status == "NOT CHECKED" and step.name not in {"previous", "inclusion"}
    ]


def _document(found: History) -> dict[str, Any]:
    from attest.cli.render.coverage import coverage_document
    from attest.cli.render.signatories import signatories_document
    from attest.documents import format_time

    return {
        "months": [
            {
                "file": month.name,
                "period": month.period,
                "sequence": month.sequence,
                "statement": month.verified.digest.hex(),
                "issuedAt": format_time(month.verified.statement.predicate.issued_at),
                "notChecked": _not_checked(month),
                "signatories": signatories_document(month.verified),
                "coverage": coverage_document(month.verified),
            }
            for month in found.months
        ],
        "findings": [_finding_document(finding) for finding in found.findings],
    }


def _finding_document(finding: Finding) -> dict[str, Any]:
    return (
        {"code": finding.code, "message": finding.sentence, "adverse": finding.adverse}
        | ({} if finding.hint is None else {"hint": finding.hint})
        | ({"months": list(finding.periods)} if finding.periods else {})
    )
