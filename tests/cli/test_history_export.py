"""The figures of a history as a file, and drawn in the terminal."""

from __future__ import annotations

import csv
import io
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import tests.test_docs as docs
from attest.errors import UnavailableError
from tests.conftest import Exchange
from tests.verification.test_history import PERIODS, bundle, folder, name, payload  # noqa: F401 (folder is a fixture)

AT = "2027-01-05T00:00:00Z"


def arguments(folder: Path, *more: object) -> tuple[object, ...]:  # noqa: F811
    return (folder / "months", "--trust-root", folder / "1.root.json", "--at", AT, *more)


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def test_a_history_is_exported_and_nothing_is_replaced_unasked(attest: Any, folder: Path) -> None:  # noqa: F811
    out = folder / "months.csv"
    ran = attest("history", "export", *arguments(folder, "-o", out))
    assert (ran.code, ran.out.splitlines()[:2]) == (
        0,
        [f"VERIFIED: 3 months in {folder / 'months'}", f"table      {out}, 12 rows of 31 columns"],
    )
    assert f"All of this is as of {AT} (--at)" in ran.out
    checked = attest("history", "check", *arguments(folder, "--json")).document
    stated = [(month["period"], item) for month in checked["months"] for item in month["coverage"]]
    said = ("period", "asset", "owed", "decimals", "met", "coverage_percent")
    assert [tuple(row[column] for column in said) for row in rows(out)] == [
        (period, item["asset"], item["owed"], str(item["decimals"]), "true", item["coverage"].removesuffix(" %"))
        for period, item in stated
    ]
    again = attest("history", "export", *arguments(folder, "-o", out))
    assert (again.code, "the table is there already: nothing was written" in again.out) == (0, True)
    out.write_text("mine")
    refused = attest("history", "export", *arguments(folder, "-o", out))
    assert (refused.code, out.read_text()) == (4, "mine")
    assert attest("history", "export", *arguments(folder, "-o", out, "--force")).code == 0
    assert len(rows(out)) == 12
    assert {path.name for path in folder.iterdir()} == {"months", "months.csv", "1.root.json"}


def test_a_file_is_csv_or_parquet_by_its_ending(attest: Any, folder: Path) -> None:  # noqa: F811
    for ending in (".xlsx", "", ".CSV"):
        ran = attest("history", "export", *arguments(folder, "-o", folder / f"x{ending}"))
        assert (ran.code, "neither .csv nor .parquet" in ran.err) == (2, True)
    assert attest("history", "export", folder / "months", "-o", folder / "months.csv").code == 2
    out = folder / "reserves.parquet"
    ran = attest("history", "export", *arguments(folder, "-o", out, "--table", "reserves", "--json"))
    assert ran.code == 0, ran.err
    assert (ran.document["table"], ran.document["rows"], ran.document["at"]) == ("reserves", 3, AT)
    table = pq.read_table(out)
    assert table.num_rows == 3
    assert {"required", "available", "part_coins"} < set(table.column_names)


def test_an_export_of_a_broken_history_has_figures_of_the_sound_months_alone(
    attest: Any,
    exchange: Exchange,
    folder: Path,  # noqa: F811
) -> None:
    shutil.rmtree(folder / "months" / PERIODS[1])
    short = payload(exchange, 0, None, entity={"name": "Another", "origin": "exchange.example"})
    (folder / "months" / name("2027-01")).parent.mkdir()
    (folder / "months" / name("2027-01")).write_bytes(bundle(short, "ef"))
    out = folder / "months.csv"
    ran = attest("history", "export", *arguments(folder, "-o", out))
    assert (ran.code, ran.out.startswith("FAILED: 2 months, besides 1 that did not verify, in ")) == (1, True)
    assert "\nFAILED  1 month has no statement between 2026-10 and 2026-12\n" in ran.out
    found = {(row["period"], row["state"], bool(row["owed"])) for row in rows(out)}
    assert found == {
        ("2026-10", "failed", False),  # the stray bundle says that it is of October too
        ("2026-10", "verified", True),
        ("2026-11", "gap", False),
        ("2026-12", "verified", True),
    }
    document = attest("history", "check", *arguments(folder, "--json")).document
    gaps = [finding["months"] for finding in document["findings"] if finding["code"] == "history/gap"]
    assert gaps == [["2026-11"], ["2026-11"]]


def test_what_is_late_exits_5_and_what_cannot_be_read_4(
    attest: Any,
    folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = (*arguments(folder)[:-1], "2027-03-05T00:00:00Z", "-o", folder / "late.csv")
    assert attest("history", "export", *late).code == 5
    assert attest("history", "export", *arguments(folder, "-o", folder / "months.csv")).code == 0
    assert (folder / "late.csv").read_bytes() == (folder / "months.csv").read_bytes()

    def unreadable(beside: Path, _: str) -> None:
        if beside.name == PERIODS[0]:
            raise UnavailableError("file/unreadable", "cannot read it")

    monkeypatch.setattr("attest.lines.open_beside", unreadable)
    ran = attest("history", "export", *arguments(folder, "-o", folder / "part.csv"))
    assert (ran.code, ran.out.startswith("NOT CHECKED: 2 months, besides 1 that did not verify, in ")) == (4, True)
    assert f"\nNOT CHECKED  {name(PERIODS[0])}: cannot read it\n" in ran.out
    assert {(row["period"], row["state"]) for row in rows(folder / "part.csv")} == {
        ("2026-10", "not-checked"),
        ("2026-11", "verified"),
        ("2026-12", "verified"),
    }
    checked = attest("history", "check", *arguments(folder, "--json"))
    assert (checked.code, checked.document["status"]) == (4, "unchecked")
    shutil.rmtree(folder / "months" / PERIODS[1])
    assert attest("history", "check", *arguments(folder)).code == 1


def test_the_name_of_a_bundle_is_no_formula(attest: Any, folder: Path) -> None:  # noqa: F811
    months = folder / "months"
    (months / name(PERIODS[2])).rename(months / (os.fsdecode(b"=1+1\xff\n") + ".attest.json"))
    out = folder / "months.csv"
    assert attest("history", "export", *arguments(folder, "-o", out)).code == 1
    assert {row["file"] for row in rows(out) if row["period"] == PERIODS[2]} == {
        r"\u{3d}1\u{2b}1\u{dcff}\u{a}.attest.json"
    }


def test_a_chart_is_drawn_below_the_months_and_its_figures_are_in_json(attest: Any, folder: Path) -> None:  # noqa: F811
    plain = attest("history", "check", *arguments(folder))
    drawn = attest("history", "check", *arguments(folder, "--chart"))
    table, _, chart = drawn.out.partition("\n\nCoverage of customers' assets by month\n\n")
    assert plain.out.startswith(table)
    assert chart.startswith("BTC  lowest 101.33 % in 2026-10\n")
    assert chart.rstrip().splitlines()[-1].startswith(f"All of this is as of {AT}")
    shutil.rmtree(folder / "months" / PERIODS[1])
    document = attest("history", "check", *arguments(folder, "--chart", "--json")).document
    assert document["chart"][0] == {
        "asset": "BTC",
        "months": [
            {"period": "2026-10", "state": "verified", "coverage": "101.33 %"},
            {"period": "2026-11", "state": "gap", "coverage": None},
            {"period": "2026-12", "state": "verified", "coverage": "101.33 %"},
        ],
    }
    assert "chart" not in attest("history", "check", *arguments(folder, "--json")).document


def test_every_command_of_the_instructions_is_one_of_ours() -> None:
    docs.test_every_command_is_one_of_ours("history-figures.md")
    assert len(list(docs.commands("history-figures.md"))) > 4
