"""Figures as people read them, each with its exact value.

Every rounding of a report is done here: what is available is rounded down, what is required up.
"""

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
    """A figure.

    `text`: what readers see, such as `1.50000000`.
    `exact`: the value that is not rounded: an integer of base units, or a fraction like `2/3`.
    """

    text: str
    exact: str


class Share(NamedTuple):
    """A part of a whole in percent, rounded down.

    `number`: the percentage as text, with the exact fraction; None when the whole is 0.
    `hundredths`: hundredths of a percent, for charts: 10000 is the whole.
    """

    number: Number | None
    hundredths: int


class Instant(NamedTuple):
    """A time in three spellings.

    `iso`: as documents write it, `2026-10-31T15:00:00.000Z`.
    `utc`: for readers, ending in UTC.
    `jst`: for readers in Japan, nine hours ahead, ending in JST.
    """

    iso: str
    utc: str
    jst: str


def amount(value: int, decimals: int) -> Number:
    """Base units as a decimal number: 150000000 with 8 `decimals` is `1.50000000`."""
    return Number(format_amount(value, decimals), str(value))


def count(value: int) -> Number:
    """A number of things, with commas between thousands."""
    return Number(f"{value:,}", str(value))


def height(value: int) -> Number:
    """The height of a block, without commas, because that is how block explorers take it."""
    return Number(str(value), str(value))


def required(value: Fraction, decimals: int) -> Number:
    """A requirement of base units as a decimal number, rounded up to a base unit."""
    return Number(format_amount(ceil(value), decimals), format_rational(value))


def available(value: Fraction, decimals: int) -> Number:
    """An available amount of base units as a decimal number, rounded down to a base unit."""
    return Number(format_amount(floor(value), decimals), format_rational(value))


def units(number: Number) -> int:
    """The base units of the text of an amount: a fraction is taken as it was rounded for readers, not rounded again."""
    return int(number.text.replace(",", "").replace(".", ""))


def share(part: int | Fraction, whole: int | Fraction) -> Share:
    """`part` of `whole` in percent with two decimals, rounded down."""
    if whole == 0:
        return Share(None, 0)
    exact = Fraction(part, whole)
    text = ratio_percent(exact.numerator, exact.denominator)
    return Share(Number(text or "", format_rational(exact)), exact.numerator * HUNDREDTHS // exact.denominator)


def ratio(value: Fraction, *, up: bool) -> Number:
    """A ratio as a fraction with its percentage, which is rounded `up` or down to two decimals.

    Where the fraction has more than 12 characters, the percentage alone.
    """
    hundredths = ceil(value * HUNDREDTHS) if up else floor(value * HUNDREDTHS)
    text, exact = percent(hundredths), format_rational(value)
    return Number(f"{exact} ({text})" if len(exact) <= _READABLE else text, exact)


def percent(hundredths: int) -> str:
    """Hundredths of a percent as text: 10439 is `104.39 %`."""
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def instant(time: datetime) -> Instant:
    """A time in the three spellings of `Instant`."""
    return Instant(format_time(time), f"{time:%Y-%m-%d %H:%M:%S} UTC", f"{time + _JST:%Y-%m-%d %H:%M:%S} JST")
