"""The figures of a series as tables in long form: a row for each month and asset, or for each month and rule.

Nothing is filled in: where a month has no statement, did not verify, is in doubt or lacks the asset, the figures of the
row are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from attest.errors import UnavailableError
from attest.report.history.series import MonthRow, Series
from attest.report.numbers import Number, units
from attest.report.view.held import CoverageRow, Part, Shares
from attest.report.view.month import MonthView
from attest.report.view.rules import ReserveView

MAX_ROWS: Final = 1_000_000

Kind = Literal["text", "amount", "count", "flag", "time", "percent"]
Cell = str | int | bool | datetime | None
Cells = Mapping[str, Cell]


class Column(NamedTuple):
    """A column of a table.

    `name`: for programs.
    `kind`: what its cells are, beside None for no figure: `text` a str, `amount` an int of base units, `count` an int,
    `percent` an int of hundredths of a percent, `flag` a bool, `time` a datetime.
    `unit`: what its cells say, for people.
    """

    name: str
    kind: Kind
    unit: str = ""


class Table(NamedTuple):
    """A table.

    `columns`: those of every row.
    `rows`: ascending by month, each with a cell for each column.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


_MONTH: Final = (
    Column("period", "text", "month, like 2026-10"),
    Column("state", "text", "verified, not-met, gap, failed or not-checked"),
    Column("file", "text", "name of the bundle in the folder"),
    Column("sequence", "count", "number of the statement, from 0"),
    Column("statement", "text", "SHA-256 of the statement, hex"),
    Column("snapshot_at", "time", "UTC"),
    Column("issued_at", "time", "UTC"),
    Column("findings", "text", "codes of what was found of this month, separated by spaces"),
)
_OF_NOW: Final = {"history/overdue", "history/future"}  # findings that follow from the reader's clock, not the month
_LEVELS: Final = ("proven", "agreed", "single", "declared")
_STORAGE: Final = ("cold", "hot", "other", "trust")
_CONTROL: Final = ("signed", "confirmed", "sampled", "nothing", "unavailable")
_BASE: Final = "base units of the asset"

ASSETS: Final = (
    *_MONTH,
    Column("asset", "text", "name of the asset"),
    Column("stated", "flag", "whether the month's statement has the asset"),
    Column("decimals", "count", "10^-decimals is the base unit"),
    Column("owed", "amount", _BASE),
    Column("held", "amount", _BASE),
    Column("counted", "amount", _BASE),
    Column("denied", "amount", _BASE),
    Column("coverage_percent", "percent", "percent, rounded down to two decimals"),
    Column("met", "flag", "whether what is counted reaches what is owed"),
    Column("checked", "flag", "whether all that coverage rests on was checked"),
    *(Column(f"level_{kind}", "amount", _BASE) for kind in _LEVELS),
    *(Column(f"storage_{kind}", "amount", _BASE) for kind in _STORAGE),
    *(Column(f"control_{kind}", "amount", _BASE) for kind in _CONTROL),
)

_PARTS: Final = ("coins", "deposits", "insurance", "bank-guarantee", "trust-deposit", "escrow")
_ACCOUNTS: Final = "accounts"
_MINOR: Final = "base units of the currency"

RESERVES: Final = (
    *_MONTH,
    Column("policy", "text", "id of the policy"),
    Column("policy_version", "text", "version of the policy"),
    Column("rule", "text", "id of the rule"),
    Column("stated", "flag", "whether both figures of the rule are known for the month"),
    Column("standing", "text", "standing of the rule"),
    Column("currency", "text", "name of the currency"),
    Column("decimals", "count", "10^-decimals is the base unit of the currency"),
    Column("required", "amount", f"{_MINOR}, rounded up"),
    Column("available", "amount", f"{_MINOR}, rounded down"),
    Column("covered_percent", "percent", "percent, rounded down to two decimals"),
    *(Column(f"part_{kind.replace('-', '_')}", "amount", f"{_MINOR}, rounded down") for kind in (*_PARTS, _ACCOUNTS)),
    Column("verdict", "text", "MET, NOT_MET, NOT_APPLICABLE or INSUFFICIENT_DATA"),
    Column("checked", "flag", "whether all that the verdict rests on was checked"),
)


def assets_table(series: Series) -> Table:
    """The table `ASSETS`: a row for each month and each asset of the series.

    Raises `UnavailableError` for more than `MAX_ROWS` rows.
    """
    return _table(series, ASSETS, [{"asset": asset} for asset in series.assets], _assets)


def reserves_table(series: Series) -> Table:
    """The table `RESERVES`: a row for each month and each rule of which any month knows both figures.

    Raises `UnavailableError` for more than `MAX_ROWS` rows.
    """
    views = [row.view for row in series.rows if row.view is not None]
    keys = sorted({(item.policy, item.rule) for view in views for item in view.reserves})
    return _table(series, RESERVES, [{"policy": policy, "rule": rule} for policy, rule in keys], _reserves)


def _table(
    series: Series,
    columns: tuple[Column, ...],
    keys: Sequence[Cells],
    stated: Callable[[MonthView], Iterator[Cells]],
) -> Table:
    """The table with a row for each month and each key; one row a month where there is no key.

    `keys`: the cells that tell the rows of a month apart.
    `stated`: the rows that a month has figures for.
    """
    keys = keys or [{}]
    if (count := len(series.rows) * len(keys)) > MAX_ROWS:
        raise UnavailableError("history/too-many", f"the table would have {count:,} rows; the limit is {MAX_ROWS:,}")
    rows = []
    for row in series.rows:
        month = _month(row)
        found = {} if row.view is None else {_key(cells, keys[0]): cells for cells in stated(row.view)}
        for key in keys:
            cells = found.get(_key(key, key))
            absent = {} if row.view is None else {"stated": False}
            rows.append({**month, **key, **(absent if cells is None else {**cells, "stated": True})})
    return Table(columns, tuple(tuple(cells.get(column.name) for column in columns) for cells in rows))


def _key(cells: Cells, names: Cells) -> tuple[Cell, ...]:
    return tuple(cells[name] for name in names)


def _month(row: MonthRow) -> dict[str, Cell]:
    said: dict[str, Cell] = {
        "period": row.period,
        "state": row.state,
        "file": row.name,
        "findings": " ".join(sorted({finding.code for finding in row.findings} - _OF_NOW)),
    }
    if row.view is None:
        return said
    return said | {
        "sequence": row.view.sequence,
        "statement": row.view.digest,
        "snapshot_at": datetime.fromisoformat(row.view.snapshot_at.iso),
        "issued_at": datetime.fromisoformat(row.view.issued_at.iso),
    }


def _assets(view: MonthView) -> Iterator[Cells]:
    storage = {shares.asset: shares for shares in view.storage}
    control = {shares.asset: shares for shares in view.control}
    for item in view.coverage:
        held: dict[str, Cell] = {f"level_{kind}": 0 for kind in _LEVELS}
        held |= {f"level_{level.level}": _exact(level.number) for level in item.levels}
        yield {
            "asset": item.asset,
            "decimals": item.decimals,
            "owed": _exact(item.owed),
            "held": _exact(item.held),
            "counted": _exact(item.held if item.counted is None else item.counted),
            "denied": 0 if item.denied is None else _exact(item.denied),
            "coverage_percent": _percent(item),
            "met": item.met,
            "checked": item.rest is None,
            **held,
            **_shares("storage", _STORAGE, storage.get(item.asset)),
            **_shares("control", _CONTROL, control.get(item.asset)),
        }


def _reserves(view: MonthView) -> Iterator[Cells]:
    versions = {policy.id: policy.version for policy in view.policies}
    for item in view.reserves:
        yield {
            "policy": item.policy,
            "policy_version": versions.get(item.policy),
            "rule": item.rule,
            "standing": item.standing,
            "currency": item.currency,
            "decimals": item.decimals,
            "required": units(item.required),
            "available": units(item.available),
            "covered_percent": _percent(item),
            **_parts(item.parts),
            "verdict": item.verdict,
            "checked": item.rest is None,
        }


def _percent(item: CoverageRow | ReserveView) -> int | None:
    found = item.coverage if isinstance(item, CoverageRow) else item.covered
    return None if found.number is None else found.hundredths


def _shares(what: str, kinds: Sequence[str], shares: Shares | None) -> dict[str, Cell]:
    """The parts of an asset's total, one for each kind; 0 for a kind without one, and for all where nothing is held."""
    parts = {} if shares is None else {part.kind: _exact(part.number) for part in shares.parts}
    return {f"{what}_{kind}": parts.get(kind, 0) for kind in kinds}


def _parts(parts: Sequence[Part]) -> dict[str, Cell]:
    """The parts that count towards a rule, by kind; None where the rule does not accept a kind."""
    found: dict[str, Cell] = {}
    for kind in (*_PARTS, _ACCOUNTS):
        counted = [units(part.number) for part in parts if (part.kind if part.kind in _PARTS else _ACCOUNTS) == kind]
        found[f"part_{kind.replace('-', '_')}"] = sum(counted) if counted else None
    return found


def _exact(number: Number) -> int:
    return int(number.exact)
