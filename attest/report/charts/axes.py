"""Vertical axes of line charts: the values that they reach, and their marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from attest.amounts import format_amount
from attest.report.numbers import HUNDREDTHS

_LINES_END: Final = 20_000  # hundredths of a percent; lines above it run along the upper edge
_STEPS: Final = (10, 20, 50, 100, 200, 500, 1000, 2000, 2500, 5000)  # hundredths of a percent between two marks
_MOST_MARKS: Final = 6


class Axis(NamedTuple):
    """A vertical axis.

    `low`, `high`: the values at its ends.
    `ticks`: its marks, each with value and text.
    `mark`: the value below which a point is drawn as a bad one; None for no value.
    """

    low: int
    high: int
    ticks: tuple[tuple[int, str], ...]
    mark: int | None


def percent_axis(values: Iterable[int | None]) -> Axis:
    """The axis of percentages, in hundredths of a percent: around 100 %, its mark, and no higher than 200 %."""
    found = [value for value in values if value is not None]
    low, high = min([*found, HUNDREDTHS - 100]), min(max([*found, HUNDREDTHS + 100]), _LINES_END)
    step = next((step for step in _STEPS if (high - low) // step < _MOST_MARKS - 1), _STEPS[-1])
    low, high = low // step * step, -(-high // step) * step
    return Axis(low, high, tuple((value, _percent(value)) for value in range(low, high + 1, step)), HUNDREDTHS)


def share_axis() -> Axis:
    """The axis of shares, in hundredths of a percent: from 0 to 100 %."""
    return Axis(
        0, HUNDREDTHS, tuple((value, _percent(value)) for value in range(0, HUNDREDTHS + 1, HUNDREDTHS // 4)), None
    )


def amount_axis(values: Iterable[int | None], decimals: int) -> Axis:
    """The axis of amounts, in base units: from 0 to the largest value, rounded up to a mark."""
    high = max([value for value in values if value is not None] + [1])
    step = _round_step(-(-high // (_MOST_MARKS - 2)))
    high = -(-high // step) * step
    return Axis(0, high, tuple((value, _short(value, decimals)) for value in range(0, high + 1, step)), None)


def _percent(hundredths: int) -> str:
    whole, rest = divmod(hundredths, 100)
    return f"{whole:,}.{rest:02} %" if rest else f"{whole:,} %"


def _short(value: int, decimals: int) -> str:
    """An amount without the zeros at its end."""
    text = format_amount(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _round_step(at_least: int) -> int:
    """The smallest number of the row 1, 2, 5, 10, 20, 50, ... that is not below `at_least`."""
    power = int("1" + "0" * (len(str(at_least)) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= at_least)
