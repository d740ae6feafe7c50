"""Tables as text."""

from __future__ import annotations

import io
from typing import Final

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table

_CELL_WIDTH: Final = 2_000
_RULE_WIDTH: Final = 320
# More than any table has: where one cell is too long for it, rich shortens those of other columns, verdicts among them.
_WIDTH: Final = 10**9


def new_table(*columns: str) -> Table:
    """A table with these columns; those that begin with > stand to the right. An endless cell is cut."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        table.add_column(column.removeprefix(">"), justify=justify, no_wrap=True, max_width=_CELL_WIDTH)
    return table


def render(table: Table) -> str:
    """The table's lines; the rule below its head is no longer than it takes."""
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, markup=False, highlight=False)
    console.print(table)
    head, rule, *rows = (line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]
    return "\n".join([head, rule[:_RULE_WIDTH], *rows])
