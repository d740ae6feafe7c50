"""Tables as text: a line for each row in a pipe, and what fits on a terminal."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from attest.cli.render.tables import Table, new_table, render
from tests.conftest import Exchange

_DIGEST: Final = "0123456789abcdef" * 4
_TEXT: Final = st.text(alphabet="ab1, :é秘密\u200b\n", max_size=90)


def _on_terminal(shown: Table, width: int) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
        patch.setenv("COLUMNS", str(width))
        return render(shown).splitlines()


def _steps() -> Table:
    shown = new_table(">step", "verdict", "~what", "~detail")
    shown.add_row("9", "NOT CHECKED", "digests of subject files", "not beside the bundle: " + "a name, " * 20)
    shown.add_row("10", "VERIFIED", "evidence root", _DIGEST)
    return shown


def test_a_table_is_folded_into_a_terminal_with_its_columns_below_each_other() -> None:
    lines = _on_terminal(_steps(), 80)
    assert max(map(cell_len, lines)) == 80
    assert lines[2].startswith("   9  NOT CHECKED  digests of subject files  not beside the bundle:")
    at = lines[0].index("detail")
    assert all(line[at - 2 : at] == "  " and line[at] != " " for line in lines if line[0] != "─")
    last = next(number for number, line in enumerate(lines) if line.startswith("  10  VERIFIED"))
    assert "".join(line[at:] for line in lines[last:]) == _DIGEST


def test_a_table_that_fits_its_terminal_is_that_of_a_pipe() -> None:
    shown = _steps()
    piped = render(shown).splitlines()
    width = max(map(cell_len, piped))
    assert _on_terminal(shown, width) == piped
    assert _on_terminal(shown, width - 1) != piped


def test_a_terminal_too_narrow_for_verdicts_and_amounts_gets_the_table_of_a_pipe() -> None:
    shown = new_table("asset", ">amount", "~detail", "verdict")
    shown.add_row("ETH", "5,971.249999999999999737", "as the nodes say", "NOT MET")
    assert len(_on_terminal(shown, 54)) == 4
    assert _on_terminal(shown, 53) == render(shown).splitlines()


def test_words_are_broken_only_where_the_table_does_not_fit_otherwise() -> None:
    shown = new_table("verdict", "~detail")
    shown.add_row("MET", "150.987654321098765433 outside cold storage")
    assert _on_terminal(shown, 31)[2] == "MET      150.987654321098765433"
    assert _on_terminal(shown, 30)[2:4] == ["MET      150.98765432109876543", "         3 outside cold"]
    shown = new_table("~what", "~detail")
    shown.add_row("matched by guarantee coins", "150.987654321098765433 outside")
    assert _on_terminal(shown, 40)[2:] == ["matched by        150.987654321098765433", "guarantee coins   outside"]


def test_headings_of_several_words_make_room_for_what_stands_below_them() -> None:
    shown = new_table("asset", ">keys signed for")
    shown.add_row("BTC", "100.00 %")
    assert _on_terminal(shown, 15) == [
        "           keys",
        "         signed",
        "asset       for",
        "─" * 15,
        "BTC    100.00 %",
    ]


def test_names_are_not_taken_for_markup_or_signs() -> None:
    shown = new_table("wallet", "~verdict")
    shown.add_row("cold:key:[bold]", "MET")
    assert render(shown).splitlines()[2] == "cold:key:[bold]   MET"


def test_a_name_with_invisible_signs_leaves_the_columns_where_they_are() -> None:
    shown = new_table("wallet", "verdict")
    shown.add_row("a\u200b\nb", "MET")
    assert render(shown).splitlines() == ["wallet      verdict", "─" * 19, "a\\u200b b   MET"]


@given(st.lists(st.tuples(_TEXT, _TEXT, _TEXT), max_size=4), st.integers(1, 120))
def test_no_width_takes_a_character_or_breaks_a_short_cell(rows: list[tuple[str, str, str]], width: int) -> None:
    shown = new_table("~name", ">amount", "~detail")
    for row in rows:
        shown.add_row(*row)
    piped, lines = render(shown).splitlines(), _on_terminal(shown, width)
    assert max(map(cell_len, lines)) <= width or lines == piped
    assert _characters(lines) == _characters(piped)
    assert all(any(row[1].strip() in line for line in lines) for row in shown.rows)


def _characters(lines: list[str]) -> Counter[str]:
    return Counter("".join(lines).replace("─", "").replace(" ", ""))


def test_what_verify_prints_fits_the_terminal_that_it_runs_on(exchange: Exchange) -> None:
    main, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    command = ["verify", str(exchange.outcome.bundle), "--key", str(exchange.folder / "keys" / "exchange.pem.pub")]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [sys.executable, "-m", "attest", *command],
        stdout=terminal,
        cwd=Path(__file__).parents[2],
        env=environment,
    ) as process:
        os.close(terminal)
        shown = _read(main)
    assert process.returncode == 0
    steps = shown.split("\r\n\r\n")[2].split("\r\n")
    assert steps[0].startswith("step")
    assert max(map(cell_len, steps)) == 100


def _read(terminal: int) -> str:
    """All that was written to a terminal; Linux says that nobody will write any more by an error."""
    parts = []
    with os.fdopen(terminal, "rb", buffering=0) as file:
        try:
            while part := file.read(65536):
                parts.append(part)
        except OSError:
            pass
    return b"".join(parts).decode()
