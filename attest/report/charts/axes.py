"""Vertical axes of pictures of lines: which values they reach, and their marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from attest.amounts import format_amount
from attest.report.numbers import HUNDREDTHS

_LINES_END: Final = 20_000  # lines above this run along the upper edge
_STEPS: Final = (10, 20, 50, 100, 200, 500, 1000, 2000, 2500, 5000)  # between two marks of an axis of percents
_MOST_MARKS: Final = 6


class Axis(NamedTuple):
    """A vertical axis from `low` to `high`, with its marks by value and text; below `mark` a point is a bad one."""

    low: int
    high: int
    ticks: tuple[tuple[int, str], ...]
    mark: int | None


def percent_axis(values: Iterable[int | None]) -> Axis:
    """The axis of hundredths of a percent around 100 %, no higher than 200 %."""
    found = [value for value in values if value is not None]
    low, high = min([*found, HUNDREDTHS - 100]), min(max([*found, HUNDREDTHS + 100]), _LINES_END)
    step = next((step for step in _STEPS if (high - low) // step < _MOST_MARKS - 1), _STEPS[-1])
    low, high = low // step * step, -(-high // step) * step
    return Axis(low, high, tuple((value, _percent(value)) for value in range(low, high + 1, step)), HUNDREDTHS)


def share_axis() -> Axis:
    """The axis from nothing to the whole, in hundredths of a percent."""
    return Axis(
        0, HUNDREDTHS, tuple((value, _percent(value)) for value in range(0, HUNDREDTHS + 1, HUNDREDTHS // 4)), None
    )


def amount_axis(values: Iterable[int | None], decimals: int) -> Axis:
    """The axis of base units from 0 to the largest value."""
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
    """The next number like 1, 2, 5, 10, 20 and so on."""
    power = int("1" + "0" * (len(str(at_least)) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= at_least)
