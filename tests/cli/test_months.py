"""`attest run` publishes every month in its order, but for those that are said to be left out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from attest.demo import exchange as demo
from tests.cli.conftest import replace
from tests.conftest import Exchange


@pytest.fixture
def published(exchange: Exchange, config: Path) -> Path:
    """The config of an exchange that published October, of a key of its own; its nodes are asked for nothing here."""
    shutil.copytree(exchange.outcome.publication, config.parent / "publication" / demo.PERIOD)
    shutil.copy(exchange.folder / demo.KEY_FILE, config.parent / demo.KEY_FILE)
    # January to April of 2000 have ended whatever the clock says.
    (config.parent / "publication" / demo.PERIOD).rename(config.parent / "publication" / "2000-01")
    replace(config, 'source = "ledger.csv"', 'source = "no-ledger.csv"')
    return config


def test_a_month_that_would_leave_others_out_is_refused_before_anything_is_read(attest: Any, published: Path) -> None:
    ran = attest("run", published, "--period", "2000-03")
    assert ran.code == 3
    assert "2000-02 has no statement in" in ran.err
    assert "attest run CONFIG --period 2000-02; or say --leave-out 2000-02" in ran.err
    ran = attest("run", published, "--period", "2000-09")
    assert "2000-02, 2000-03, 2000-04 and 4 more have no statement in" in ran.err
    assert "--leave-out 2000-02 --leave-out 2000-03 --leave-out 2000-04 …" in ran.err
    ran = attest("run", published, "--period", "2000-04", "--leave-out", "2000-02")
    assert (ran.code, "2000-03 has no statement in" in ran.err) == (3, True)


@pytest.mark.parametrize(
    ("period", "options"),
    [
        ("2000-02", ()),
        ("2000-03", ("--leave-out", "2000-02")),
        ("2000-04", ("--leave-out", "2000-03", "--leave-out", "2000-02")),
    ],
)
def test_the_next_month_and_one_after_months_that_are_left_out_are_not(
    period: str, options: tuple[str, ...], attest: Any, published: Path
) -> None:
    ran = attest("run", published, "--period", period, *options)
    assert (ran.code, "no-ledger.csv" in ran.err) == (4, True)  # what is looked at next


def test_the_first_month_ever_leaves_none_out(attest: Any, published: Path) -> None:
    shutil.rmtree(published.parent / "publication")
    assert "no-ledger.csv" in attest("run", published, "--period", "2026-10").err


@pytest.mark.parametrize("name", ["2000-01", "2000-04", "2000-05", "1999-12", "2000-13", "x"])
def test_only_a_month_between_can_be_left_out(name: str, attest: Any, published: Path) -> None:
    ran = attest("run", published, "--period", "2000-04", "--leave-out", name)
    assert (ran.code, "those between are 2000-02, 2000-03" in ran.err) == (2, True)
    shutil.rmtree(published.parent / "publication")
    ran = attest("run", published, "--period", "2000-04", "--leave-out", name)
    assert (ran.code, "there is none between" in ran.err) == (2, True)


def test_a_month_that_was_published_is_said_to_be_equivocation_when_made_anew(attest: Any, published: Path) -> None:
    for folder in ("publication", "private"):
        (published.parent / folder / "2000-01").mkdir(parents=True, exist_ok=True)
        ran = attest("run", published, "--period", "2000-01")
        assert (ran.code, f"{folder}/2000-01 exists" in ran.err) == (4, True)
        assert "a second statement of one month would be equivocation" in ran.err
        shutil.rmtree(published.parent / folder / "2000-01")
