from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ETHEREUM
from tests.conftest import Exchange
from tests.verification.test_history import PERIODS, bundle, folder, name, payload, stolen  # noqa: F401 (folder is a fixture)

AT = "2027-01-05T00:00:00Z"


def test_a_history_is_shown_month_by_month(attest: Any, folder: Path) -> None:  # noqa: F811
    arguments = ("history", "check", folder / "months", "--trust-root", folder / "1.root.json", "--at", AT)
    ran = attest(*arguments)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("VERIFIED: 3 months in ")
    rows = [line.split() for line in ran.out.splitlines() if line.lstrip()[:1].isdigit()]
    assert [row[:2] for row in rows] == [["0", "2026-10"], ["1", "2026-11"], ["2", "2026-12"]]
    assert all("101.33" in row for row in rows)
    assert ran.out.rstrip().splitlines()[-1].startswith(f"All of this is as of {AT} (--at), not of now")
    assert "--at" not in attest(*arguments[:-2]).out
    document = attest(*arguments, "--json").document
    assert document["at"] == AT
    assert (document["status"], len(document["months"]), document["findings"]) == ("verified", 3, [])
    assert [month["signatories"]["inForce"] for month in document["months"]] == [1, 2, 2]


def test_a_history_says_which_steps_could_not_be_run_on_a_month(
    attest: Any,
    exchange: Exchange,
    folder: Path,  # noqa: F811
) -> None:
    months = folder / "months"
    for file, data in exchange.files.items():
        if not file.endswith(".attest.json"):
            (months / "2026-10" / file).write_bytes(data)
    arguments = ("history", "check", months, "--trust-root", folder / "1.root.json", "--at", AT)
    rows = [line for line in attest(*arguments).out.splitlines() if line.lstrip()[:1].isdigit()]
    said = ["   6, 12-13   ", "   6, 9, 11-13   ", "   6, 9, 11-13   "]
    assert [text for row, text in zip(rows, said, strict=True) if text in row] == said
    told = [month["notChecked"] for month in attest(*arguments, "--json").document["months"]]
    assert told == [[6, 12, 13], [6, 9, 11, 12, 13], [6, 9, 11, 12, 13]]


def test_the_ratio_of_a_month_with_a_window_is_that_of_the_lowest_count(
    attest: Any,
    exchange: Exchange,
    folder: Path,  # noqa: F811
) -> None:
    declarations = json.loads(exchange.payload)["predicate"]["declarations"]
    leaf = "ab" * 32
    declarations += [
        {"kind": "window", "name": ETHEREUM, "unit": unit, "amount": amount, "evidenceLeaf": leaf}
        for unit, amount in (("DUSD", "0"), ("ETH", "5971249999999999999737"))
    ]
    shutil.rmtree(folder / "months")
    (folder / "months" / PERIODS[0]).mkdir(parents=True)
    (folder / "months" / name(PERIODS[0])).write_bytes(bundle(payload(exchange, 0, None, declarations=declarations)))
    arguments = ("history", "check", folder / "months", "--trust-root", folder / "1.root.json")
    ran = attest(*arguments, "--at", "2026-11-03T00:00:00Z")
    (row,) = (line.split() for line in ran.out.splitlines() if line.lstrip()[:1].isdigit())
    assert [cell for cell in row if "." in cell] == ["101.33", "0.00", "100.00", "100.43"]
    assert "NOT MET  2026-10: the coverage of DUSD is not met" in ran.out


def test_a_broken_history_exits_1_and_an_overdue_one_5(attest: Any, folder: Path) -> None:  # noqa: F811
    trust = ("--trust-root", folder / "1.root.json")
    late = attest("history", "check", folder / "months", *trust, "--at", "2027-06-01T00:00:00Z")
    assert (late.code, "NOT MET  2026-12 is the last month" in late.out) == (5, True)
    shutil.rmtree(folder / "months" / "2026-11")
    broken = attest("history", "check", folder / "months", *trust, "--at", AT)
    assert (broken.code, broken.out.startswith("FAILED: 2 months")) == (1, True)
    assert "FAILED  sequence 1 is missing\nFAILED  1 month has no statement between 2026-10 and 2026-12\n" in broken.out
    assert attest("history", "check", folder / "months").code == 2
    missing = attest("history", "check", folder / "month", *trust)
    assert (missing.code, "there is no folder" in missing.err) == (4, True)


def test_a_month_that_does_not_verify_is_counted_and_its_hint_is_told_once(
    attest: Any,
    exchange: Exchange,
    folder: Path,  # noqa: F811
) -> None:
    for path, data in stolen(exchange).items():
        (folder / "months" / path).write_bytes(data)
    shutil.copy(folder / "months" / name(PERIODS[0]), folder / "months" / "again.attest.json")
    shutil.rmtree(folder / "months" / PERIODS[2])
    arguments = ("history", "check", folder / "months", "--trust-root", folder / "1.root.json", "--at", AT)
    ran = attest(*arguments)
    assert (ran.code, ran.out.startswith("FAILED: 1 month, besides 2 that did not verify, in ")) == (1, True)
    assert ran.out.count("name its authority with --tsa-root") == 1
    assert "\nhint: a timestamp from before the keys were withdrawn" in ran.out
    first, second, unjudged = attest(*arguments, "--json").document["findings"]
    assert "hint" in first
    assert first["hint"] == second["hint"]
    assert (unjudged["code"], "hint" in unjudged) == ("history/unjudged", False)


def test_verify_takes_the_month_before(attest: Any, folder: Path) -> None:  # noqa: F811
    october, november, december = (folder / "months" / month / f"{month}.attest.json" for month in PERIODS)
    arguments = ("verify", december, "--trust-root", folder / "1.root.json", "--at", AT, "--json")
    assert step_7(attest(*arguments, "--previous", november)) == (0, "VERIFIED")
    assert step_7(attest(*arguments, "--previous", october)) == (1, "FAILED")
    assert attest(*arguments, "--previous", folder / "nothing").code == 4


def step_7(ran: Any) -> tuple[int, str]:
    return ran.code, ran.document["steps"][7]["status"]


def test_what_is_no_file_in_the_folder_of_a_stranger_keeps_nobody_waiting(attest: Any, folder: Path) -> None:  # noqa: F811
    months = folder / "months"
    arguments = ("history", "check", months, "--trust-root", folder / "1.root.json", "--at", AT)
    os.mkfifo(months / "2026-10" / "evidence-public.jsonl")
    (months / "2026-11" / "evidence-public.jsonl").symlink_to("a" * 300)
    (months / "elsewhere").symlink_to("a" * 300)
    (months / "around").symlink_to("around")
    before = attest(*arguments)
    assert (before.code, before.out.startswith("VERIFIED: 3 months")) == (0, True)
    december = ("verify", months / PERIODS[2] / f"{PERIODS[2]}.attest.json", "--trust-root", folder / "1.root.json")
    (months / "2026-12" / "evidence-public.jsonl").symlink_to("a" * 300)
    assert "not beside the bundle: evidence-public.jsonl" in attest(*december, "--at", AT).out


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("a" * 300)])
def test_a_bundle_that_is_no_file_is_named(put: Any, attest: Any, folder: Path) -> None:  # noqa: F811
    put(folder / "months" / "2027-01.attest.json")
    ran = attest("history", "check", folder / "months", "--trust-root", folder / "1.root.json", "--at", AT)
    assert (ran.code, "2027-01.attest.json is not a file" in ran.err) == (4, True)
    assert attest("history", "check", folder / ("a" * 300), "--trust-root", folder / "1.root.json").code == 4


def test_the_name_of_a_file_adds_no_line_to_what_was_found(attest: Any, folder: Path) -> None:  # noqa: F811
    months = folder / "months"
    shutil.copy(months / name(PERIODS[0]), months / "a\nVERIFIED: 99 months.attest.json")
    ran = attest("history", "check", months, "--trust-root", folder / "1.root.json", "--at", AT)
    assert "\n\nFAILED  a\\nVERIFIED: 99 months.attest.json is the statement of 2026-10\n" in ran.out


def test_the_name_of_a_file_that_is_no_text_is_told_in_json(attest: Any, folder: Path) -> None:  # noqa: F811
    strange = os.fsdecode(b"\xff") + "\x9b2J\u202e\U000e0001\u96ea.attest.json"
    shutil.copy(folder / "months" / name(PERIODS[0]), folder / "months" / strange)
    ran = attest("history", "check", folder / "months", "--trust-root", folder / "1.root.json", "--at", AT, "--json")
    assert (ran.code, {month["file"] for month in ran.document["months"]} - {name(item) for item in PERIODS}) == (
        1,
        {strange},
    )
    assert "\u96ea" in ran.out
    assert not {"\x9b", "\u202e", "\U000e0001"} & set(ran.out)


def test_a_folder_has_no_more_than_a_hundred_years(
    attest: Any,
    folder: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ("history", "check", folder / "months", "--trust-root", folder / "1.root.json", "--at", AT)
    for most, code in ((3, 0), (2, 4)):
        monkeypatch.setattr("attest.verification.history.MAX_MONTHS", most)
        ran = attest(*arguments)
        assert (ran.code, "has 3 bundles; the limit is 2" in ran.err) == (code, code == 4)
