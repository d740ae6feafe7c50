"""Lines of a statement that say how much of them a token denies to move."""

from __future__ import annotations

from typing import Any

import pytest

from attest.cli.render.verified import coverage_document, coverage_table
from attest.verification.anchors import Sources
from tests.conftest import Exchange


def saying(denied: str) -> Any:
    """A statement whose first line of customers' DUSD says so."""

    def change(value: Any) -> None:
        lines = value["predicate"]["reserves"]
        line = next(line for line in lines if (line["asset"], line["purpose"]) == ("DUSD", "customer"))
        line["denied"] = denied

    return change


@pytest.mark.parametrize("denied", ["1", "250000000001"])
def test_a_line_that_says_of_denied_coins_what_no_record_shows_fails(denied: str, exchange: Exchange) -> None:
    assert exchange.failing_step(exchange.resigned(saying(denied))) == (11, "recheck/denied")


def test_a_line_that_denies_more_than_it_has_fails(exchange: Exchange) -> None:
    step, _ = exchange.failing_step(exchange.resigned(saying("1" + "0" * 30)))
    assert step == 8


@pytest.mark.parametrize("denied", ["0", "-1", "01"])
def test_a_line_that_denies_nothing_does_not_say_so(denied: str, exchange: Exchange) -> None:
    step, _ = exchange.failing_step(exchange.resigned(saying(denied)))
    assert step == 5


def test_denied_coins_count_and_are_shown_where_the_records_are_withheld(exchange: Exchange) -> None:
    verified = exchange.verify(exchange.resigned(saying("1000001")), sources=Sources())
    plain = exchange.verify(sources=Sources())
    assert "DUSD: by the statement, 1.000001 of what is held cannot move, since the token denies" in coverage_table(
        verified
    )
    assert "cannot move" not in coverage_table(plain)
    by_asset = {item["asset"]: item for item in coverage_document(verified)}
    assert {asset: item.get("denied") for asset, item in by_asset.items() if "denied" in item} == {"DUSD": "1000001"}
    assert {asset: item["held"] for asset, item in by_asset.items()} == {
        item["asset"]: item["held"] for item in coverage_document(plain)
    }
