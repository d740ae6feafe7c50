"""Figures as people read them, each with its exact value: every rounding of a report is done here, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Final, NamedTuple

from attest.amounts import format_amount, ratio_percent
from attest.documents import format_time
from attest.policy.terms import format_rational

HUNDREDTHS: Final = 10_000  # hundredths of a percent in the whole
_JST: Final = timedelta(hours=9)
_READABLE: Final = 12  # characters of a ratio


class Number(NamedTuple):
    """A figure: the text that readers see, and its exact value, an integer of base units or a fraction like `2/3`."""

    text: str
    exact: str


class Share(NamedTuple):
    """A part of a whole in percent, rounded down; `hundredths` of a percent are what a chart draws.

    `number` has no exact value, and is None, where the whole is nothing.
    """

    number: Number | None
    hundredths: int


class Instant(NamedTuple):
    """A time in UTC and, for Japanese readers, in Japan, both named; `iso` is as documents write it."""

    iso: str
    utc: str
    jst: str


def amount(value: int, decimals: int) -> Number:
    """Base units as a decimal number: 150000000 with 8 `decimals` is `1.50000000`."""
    return Number(format_amount(value, decimals), str(value))


def count(value: int) -> Number:
    """How many there are of something."""
    return Number(f"{value:,}", str(value))


def height(value: int) -> Number:
    """The height of a block, as explorers take it."""
    return Number(str(value), str(value))


def required(value: Fraction, decimals: int) -> Number:
    """What is asked for, in base units, rounded up."""
    return Number(format_amount(ceil(value), decimals), format_rational(value))


def available(value: Fraction, decimals: int) -> Number:
    """What is available, in base units, rounded down."""
    return Number(format_amount(floor(value), decimals), format_rational(value))


def units(number: Number) -> int:
    """The base units that an amount's text shows, so that one which is a fraction is rounded once."""
    return int(number.text.replace(",", "").replace(".", ""))


def share(part: int | Fraction, whole: int | Fraction) -> Share:
    """`part` of `whole` in percent with two decimals, rounded down."""
    if whole == 0:
        return Share(None, 0)
    exact = Fraction(part, whole)
    text = ratio_percent(exact.numerator, exact.denominator)
    return Share(Number(text or "", format_rational(exact)), exact.numerator * HUNDREDTHS // exact.denominator)


def ratio(value: Fraction, *, up: bool) -> Number:
    """A ratio as it is, and in percent with two decimals, rounded `up` or down; a long one in percent alone."""
    hundredths = ceil(value * HUNDREDTHS) if up else floor(value * HUNDREDTHS)
    text, exact = percent(hundredths), format_rational(value)
    return Number(f"{exact} ({text})" if len(exact) <= _READABLE else text, exact)


def percent(hundredths: int) -> str:
    """Hundredths of a percent as text: 10439 is `104.39 %`."""
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def instant(time: datetime) -> Instant:
    """A time of a statement."""
    return Instant(format_time(time), f"{time:%Y-%m-%d %H:%M:%S} UTC", f"{time + _JST:%Y-%m-%d %H:%M:%S} JST")
