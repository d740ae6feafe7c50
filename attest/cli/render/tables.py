"""Tables as text."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from rich import box, table
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from attest.cli.result import printable

_CELL_WIDTH: Final = 2_000
_RULE_WIDTH: Final = 320
# More than any table has: where one cell is too long for it, rich shortens those of other columns, verdicts among them.
_WIDTH: Final = 10**9
_GAP, _NARROW_GAP = 3, 2  # between two columns
_WORD: Final = 24  # an amount or a name, which is broken only where the table does not fit otherwise
_LEAST: Final = 12  # text in a narrower column is no longer read


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    justify: Literal["left", "right"]
    folds: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and rows with a text for each of them."""

    columns: Sequence[_Column]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_row(self, *cells: str) -> None:
        """Add a row. An endless cell is cut."""
        self.rows.append(tuple(_cut(printable(cell.replace("\n", " "))) for cell in cells))


def new_table(*columns: str) -> Table:
    """A table with these columns.

    Those that begin with > stand to the right. Those that begin with ~ have free text, names or digests, for which a
    terminal that is too narrow has several lines. No other cell is ever broken.
    """
    return Table(
        [
            _Column(column.lstrip(">~"), "right" if column.startswith(">") else "left", column.startswith("~"))
            for column in columns
        ]
    )


def render(shown: Table) -> str:
    """The table's lines: one for each row, or several on a terminal that is too narrow for that.

    Where it is too narrow even for what is not to be broken, each row is one line too. The rule below the head is no
    longer than it takes.
    """
    widths = _folded(shown, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
    padding = (0, 1) if widths is None else (0, _NARROW_GAP - 1, 0, 0)
    drawn = table.Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=padding)
    for number, column in enumerate(shown.columns):
        width = None if widths is None else widths[number]
        drawn.add_column(
            Text(column.heading), justify=column.justify, no_wrap=width is None, overflow="fold", width=width
        )
    for row in shown.rows:
        drawn.add_row(*map(Text, row))
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    console.print(drawn)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    if widths is None:
        lines[1] = lines[1][:_RULE_WIDTH]
    return "\n".join(lines)


def _folded(shown: Table, width: int) -> list[int] | None:
    """How wide each column is where the table is folded into `width`; None where it need not or cannot be.

    What room there is is shared evenly by those that want more.
    """
    cells = [[row[number] for row in shown.rows] for number in range(len(shown.columns))]
    wanted = [max(map(cell_len, [column.heading, *texts])) for column, texts in zip(shown.columns, cells, strict=True)]
    if sum(wanted) + _GAP * (len(wanted) - 1) <= width:
        return None
    room = width - _NARROW_GAP * (len(wanted) - 1)
    for whole in (_WORD, _LEAST):
        least = [_least(column, texts, whole) for column, texts in zip(shown.columns, cells, strict=True)]
        for most in range(room, 0, -1):
            widths = [min(want, max(need, most)) for want, need in zip(wanted, least, strict=True)]
            if sum(widths) <= room:
                return widths
    return None


def _least(column: _Column, texts: Sequence[str], whole: int) -> int:
    """How narrow a column may be, if free text is not to be broken in words of up to `whole`."""
    heading = max(map(cell_len, column.heading.split()))
    longest = max(map(cell_len, texts), default=0)
    if not column.folds:
        return max(heading, longest)
    words = {cell_len(word) for text in texts for word in text.split()}
    return max(heading, min(longest, _LEAST), *(word for word in words if word <= whole))


def _cut(cell: str) -> str:
    if cell_len(cell) <= _CELL_WIDTH:
        return cell
    text = Text(cell)
    text.truncate(_CELL_WIDTH, overflow="ellipsis")
    return text.plain
