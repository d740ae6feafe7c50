"""What rules are written with: exact rates, dates, spans of time, what covers a requirement, and tiers."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import Field, PlainSerializer, StringConstraints, model_validator

from attest.documents import AssetName, Count, LongText, Settings, Text, from_wire
from attest.errors import MalformedError
from attest.policy.inputs import CoverForm, PriceBasis, parse_rational

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4}) (minute|hour|day|month)s?", re.ASCII)
MAX_TERMS: Final = 100

AuthorityStatus = Literal[
    "in_force", "self_regulatory", "enacted_not_in_force", "bill", "reported_proposal", "tool_example"
]


def format_rational(value: Fraction) -> str:
    """An exact number as `12` or `59/70`, in lowest terms."""
    return str(value)


def parse_date(text: str) -> date:
    """A day like 2026-10-31, and no other spelling. Raises `MalformedError`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise MalformedError("date/malformed", f"{text[:40]!r} is not a day like 2026-10-31")
    return day


class Span:
    """A length of time as rules say it: `5 minutes`, `24 hours`, `35 days`, `12 months`."""

    __slots__ = ("count", "text", "unit")

    def __init__(self, text: str) -> None:
        """Raises `MalformedError` for what is no span."""
        match = _SPAN.fullmatch(text)
        if match is None:
            raise MalformedError("span/malformed", f"{text[:40]!r} is not a span like 5 minutes, 35 days or 12 months")
        self.count, self.unit, self.text = int(match[1]), match[2], text

    def before(self, time: datetime) -> datetime:
        """The instant this long before `time`; the earliest one there is, when that is too long ago."""
        try:
            return self._from(time, -1)
        except (OverflowError, ValueError):
            return datetime.min.replace(tzinfo=UTC)

    def after(self, time: datetime) -> datetime:
        """The instant this long after `time`; the last one there is, when that is too far away."""
        try:
            return self._from(time, 1)
        except (OverflowError, ValueError):
            return datetime.max.replace(tzinfo=UTC)

    def _from(self, time: datetime, sign: int) -> datetime:
        """A month leads to the same day of another one, or to its last where that is shorter."""
        if self.unit != "month":
            return time + sign * timedelta(**{f"{self.unit}s": self.count})
        index = time.year * 12 + time.month - 1 + sign * self.count
        year, month = index // 12, index % 12 + 1
        return time.replace(year=year, month=month, day=min(time.day, monthrange(year, month)[1]))


Rational = Annotated[Fraction, from_wire(parse_rational), PlainSerializer(format_rational, return_type=str)]
Share = Annotated[Rational, Field(le=1)]
Date = Annotated[date, from_wire(parse_date), PlainSerializer(date.isoformat, return_type=str)]
SpanOf = Annotated[str, StringConstraints(pattern=rf"^{_SPAN.pattern}$")]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]


class CoinsAccepted(Settings):
    """The exchange's own coins in compensation wallets count, at a price of `price_basis`, less `haircut`.

    `haircut` is the part of the value that does not count. With `assets`, only those count.
    """

    price_basis: PriceBasis
    haircut: Share = Fraction(0)
    assets: Annotated[tuple[AssetName, ...], Field(min_length=1)] | None = None


class ContractAccepted(Settings):
    """Cover of one form counts: its limit less deductible and use, less `haircut`, when all that is asked for holds.

    `haircut` is the part that does not count; `max_share` is how much of the requirement all cover of this form
    together may stand for. What is absent is not asked for.
    """

    form: CoverForm
    haircut: Share = Fraction(0)
    max_share: Share | None = None
    insurer_authorised: Literal[True] | None = None
    insurer_independent: Literal[True] | None = None
    initial_term_months: Count | None = None
    cancellation_notice_days: Count | None = None
    covers: Annotated[tuple[Text, ...], Field(max_length=MAX_TERMS)] = ()
    customers_benefit: Literal[True] | None = None
    maturity_within: SpanOf | None = None


class Accepted(Settings):
    """What may stand for a requirement: each part only where the rule names it.

    `deposits` is fiat money for compensation, `accounts` names figures of the accounts, such as CET1 capital.
    """

    coins: CoinsAccepted | None = None
    deposits: Literal[True] | None = None
    accounts: Annotated[tuple[Text, ...], Field(max_length=MAX_TERMS)] = ()
    contracts: Annotated[tuple[ContractAccepted, ...], Field(max_length=4)] = ()

    @model_validator(mode="after")
    def _each_form_once(self) -> Self:
        if len({contract.form for contract in self.contracts}) != len(self.contracts):
            raise ValueError("a form of cover stands there twice")
        return self


class Step(Settings):
    """From this figure on, inclusive, the multiplier applies."""

    at_least: Count
    multiplier: Rational


Steps = Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_TERMS)]


class SizeTier(Settings):
    """By the value of what customers are owed, in whole units of the policy's currency."""

    price_basis: PriceBasis
    steps: Steps


class VolumeTier(Settings):
    """By the largest year, of the last `fiscal_years`, of the volume in all `buckets` together, in whole units."""

    buckets: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_TERMS)]
    fiscal_years: Annotated[Count, Field(ge=1, le=10)]
    steps: Steps


class PostureTier(Settings):
    """By the points of the security measures that are in place with evidence; what is not declared counts nothing."""

    points: Annotated[dict[Text, Count], Field(min_length=1, max_length=MAX_TERMS)]
    steps: Steps


class Tier(Settings):
    """Multipliers by size, volume and posture; their product is kept between `lowest` and `highest`."""

    authority_status: AuthorityStatus
    citation: LongText
    size: SizeTier | None = None
    volume: VolumeTier | None = None
    posture: PostureTier | None = None
    lowest: Rational
    highest: Rational

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError("tier: lowest is above highest")
        if not (self.size or self.volume or self.posture):
            raise ValueError("tier: it needs a size, volume or posture table")
        for name, tier, sign in (("size", self.size, 1), ("volume", self.volume, 1), ("posture", self.posture, -1)):
            steps = tier.steps if tier is not None else ()
            if steps and steps[0].at_least != 0:
                raise ValueError(f"tier: the first step of {name} is not at_least = 0")
            for lower, upper in pairwise(steps):
                if lower.at_least >= upper.at_least or sign * lower.multiplier > sign * upper.multiplier:
                    falls = "rises" if sign < 0 else "falls"
                    raise ValueError(f"tier: the steps of {name} do not ascend, or a multiplier {falls}")
        return self
