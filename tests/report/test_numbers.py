"""Figures as people read them: which way each is rounded, and that its exact value is beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from attest.amounts import MAX_AMOUNT, MAX_DECIMALS
from attest.report.numbers import Number, amount, available, count, height, instant, ratio, required, share, units

AMOUNTS: Final = st.integers(0, MAX_AMOUNT)
DECIMALS: Final = st.integers(0, MAX_DECIMALS)
VALUES: Final = st.builds(Fraction, AMOUNTS, st.integers(1, 10**30))
TEXT: Final = re.compile(r"(?:0|[1-9][0-9]{0,2}(?:,[0-9]{3})*)(?:\.[0-9]+)?")
PERCENT: Final = re.compile(r"(?:0|[1-9][0-9]*)\.[0-9]{2} %")


def read(text: str, decimals: int) -> int:
    """The base units that a text says, with all its decimals there."""
    assert TEXT.fullmatch(text), text
    with localcontext(prec=200):
        value = Decimal(text.replace(",", ""))
        assert -value.as_tuple().exponent == decimals  # type: ignore[operator]
        return int(value.scaleb(decimals))


def hundredths(text: str) -> int:
    assert PERCENT.fullmatch(text), text
    return int(text.removesuffix(" %").replace(".", ""))


@given(AMOUNTS, DECIMALS)
def test_an_amount_is_all_of_its_base_units(value: int, decimals: int) -> None:
    found = amount(value, decimals)
    assert read(found.text, decimals) == value == int(found.exact) == units(found)


@given(VALUES, DECIMALS)
def test_a_requirement_is_rounded_up_and_what_there_is_down_by_less_than_a_unit(value: Fraction, decimals: int) -> None:
    asked, there = required(value, decimals), available(value, decimals)
    assert Fraction(asked.exact) == Fraction(there.exact) == value
    assert 0 <= read(asked.text, decimals) - value < 1
    assert 0 <= value - read(there.text, decimals) < 1
    assert (units(asked), units(there)) == (read(asked.text, decimals), read(there.text, decimals))


@given(AMOUNTS, st.integers(1, MAX_AMOUNT))
def test_a_share_is_rounded_down_and_never_capped(part: int, whole: int) -> None:
    found = share(part, whole)
    assert found.number is not None
    assert Fraction(found.number.exact) == Fraction(part, whole)
    assert hundredths(found.number.text) == found.hundredths
    assert 0 <= Fraction(part * 10_000, whole) - found.hundredths < 1


@given(VALUES, VALUES)
def test_parts_of_a_whole_are_shares_of_no_more_than_it(one: Fraction, other: Fraction) -> None:
    whole = one + other
    found = [share(one, whole), share(other, whole)]
    if whole:
        assert sum(Fraction(item.number.exact) for item in found if item.number is not None) == 1
        assert 10_000 - len(found) < sum(item.hundredths for item in found) <= 10_000
    else:
        assert [tuple(item) for item in found] == [(None, 0)] * 2


def test_a_share_of_nothing_is_none() -> None:
    assert tuple(share(0, 0)) == (None, 0)
    assert tuple(share(5, 0)) == (None, 0)
    assert share(0, 5) == (Number("0.00 %", "0"), 0)


def test_what_is_short_by_one_unit_is_never_shown_as_all_of_it() -> None:
    assert share(10**30 - 1, 10**30).number == Number("99.99 %", f"{10**30 - 1}/{10**30}")
    assert share(10**30 + 1, 10**30).number == Number("100.00 %", f"{10**30 + 1}/{10**30}")


@given(VALUES)
def test_a_ratio_is_shown_as_it_is_where_it_is_short_and_in_percent_rounded_as_asked(value: Fraction) -> None:
    above, below = ratio(value, up=True), ratio(value, up=False)
    assert Fraction(above.exact) == Fraction(below.exact) == value
    for found, low, high in ((above, 0, 1), (below, -1, 0)):
        exact, _, rest = found.text.rpartition(" (")
        shown = hundredths(rest.removesuffix(")"))
        assert low - 1 < shown - value * 10_000 < high + 1
        assert (shown >= value * 10_000) if found is above else (shown <= value * 10_000)
        assert exact == (found.exact if len(found.exact) <= 12 else "")


def test_ratios() -> None:
    assert ratio(Fraction(1, 20), up=False) == Number("1/20 (5.00 %)", "1/20")
    assert ratio(Fraction(1, 3), up=True).text == "1/3 (33.34 %)"
    assert ratio(Fraction(1, 3), up=False).text == "1/3 (33.33 %)"
    assert ratio(Fraction(10**12 + 1, 2 * 10**13), up=True) == Number("5.01 %", f"{10**12 + 1}/{2 * 10**13}")


def test_counts_have_commas_and_heights_none() -> None:
    assert count(1_234_567) == Number("1,234,567", "1234567")
    assert height(1_234_567) == Number("1234567", "1234567")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_time_in_japan_is_nine_hours_later_across_midnight_and_year(time: datetime) -> None:
    time = time.replace(microsecond=0)
    found = instant(time)
    utc = datetime.strptime(found.utc, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    japan = datetime.strptime(found.jst, "%Y-%m-%d %H:%M:%S JST").replace(tzinfo=UTC)
    assert (utc, japan - utc) == (time, timedelta(hours=9))
    assert found.iso == time.isoformat().replace("+00:00", "Z")


def test_the_end_of_a_month_in_japan() -> None:
    assert instant(datetime(2026, 12, 31, 15, 0, tzinfo=UTC)) == (
        "2026-12-31T15:00:00Z",
        "2026-12-31 15:00:00 UTC",
        "2027-01-01 00:00:00 JST",
    )
    assert instant(datetime(2026, 12, 31, 14, 59, 59, tzinfo=UTC)).jst == "2026-12-31 23:59:59 JST"
