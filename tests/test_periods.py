"""Periods: what one is, the months between two, and when one ends where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from attest.errors import MalformedError
from attest.periods import ends_somewhere, months_between, parse_period, period_end


@pytest.mark.parametrize("text", ["2026-10", "2000-01", "2999-12"])
def test_a_month_is_a_period(text: str) -> None:
    assert parse_period(text) == text


@pytest.mark.parametrize("text", ["", "2026-13", "2026-00", "1999-12", "2026-10\n", "\uff12026-10", " 2026-10"])
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(MalformedError, match="is not a month like 2026-10"):
        parse_period(text)


def test_months_between_two_leave_both_out() -> None:
    assert months_between("2026-11", "2027-02") == ["2026-12", "2027-01"]
    assert months_between("2026-11", "2026-12") == []
    assert months_between("2026-11", "2026-11") == []


def test_a_period_ends_when_the_next_month_begins_in_its_zone() -> None:
    assert period_end("2026-12", UTC) == datetime(2027, 1, 1, tzinfo=UTC)
    assert period_end("2026-10", ZoneInfo("Asia/Tokyo")) == datetime(2026, 10, 31, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "ends"), [(-14.25, False), (-14, True), (0, True), (0.25, True), (0.1, False), (12, True), (12.25, False)]
)
def test_a_period_ends_only_in_zones_that_exist(hours: float, ends: object) -> None:
    assert ends_somewhere("2026-10", period_end("2026-10", UTC) + timedelta(hours=hours)) is ends
