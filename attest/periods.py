"""Periods: the month that a statement is of, like `2026-10`, the months between two, and the instants when one ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Final

from pydantic import StringConstraints

from attest.errors import MalformedError

PERIOD_PATTERN: Final = r"^2[0-9]{3}-(?:0[1-9]|1[0-2])$"
Period = Annotated[str, StringConstraints(pattern=PERIOD_PATTERN)]
# A period ends in the time zone UTC+14 first, and in UTC-12 last; zones differ by quarters of an hour.
_FIRST_END: Final = timedelta(hours=-14)
_LAST_END: Final = timedelta(hours=12)
_QUARTER: Final = timedelta(minutes=15)


def is_period(text: str) -> bool:
    """Whether `text` is a month like `2026-10`."""
    return re.fullmatch(PERIOD_PATTERN, text, re.ASCII) is not None


def parse_period(text: str) -> str:
    """The period that `text` names. Raises `MalformedError` for anything but a month like `2026-10`."""
    if not is_period(text):
        raise MalformedError("run/period", f"{text[:40]!r} is not a month like 2026-10")
    return text


def period_end(period: str, zone: tzinfo) -> datetime:
    """The first instant after `period` in the time `zone`, in UTC."""
    year, month = int(period[:4]), int(period[5:])
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone).astimezone(UTC)


def ends_somewhere(period: str, instant: datetime) -> bool:
    """Whether `period` ends at `instant` in a zone from UTC-12 to UTC+14, in steps of 15 minutes."""
    distance = instant - period_end(period, UTC)
    return _FIRST_END <= distance <= _LAST_END and distance % _QUARTER == timedelta(0)


def months_between(before: str, after: str) -> list[str]:
    """The months after `before` and before `after`, ascending; all are periods."""
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(_index(before) + 1, _index(after))]


def _index(period: str) -> int:
    """The number of months from the year 0 to `period`."""
    return int(period[:4]) * 12 + int(period[5:]) - 1
