"""The terms of rules: exact rates, days, spans of time, what counts towards a requirement, and tiers."""

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
    """The text of an exact number in lowest terms: `12` or `59/70`."""
    return str(value)


def parse_date(text: str) -> date:
    """The day of a text like 2026-10-31. Raises `MalformedError` for any other spelling and for no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise MalformedError("date/malformed", f"{text[:40]!r} is not a day like 2026-10-31")
    return day


class Span:
    """A length of time as rules write it: `5 minutes`, `24 hours`, `35 days`, `12 months`.

    `count`: 1 to 99999.
    `unit`: `minute`, `hour`, `day` or `month`.
    `text`: the length as it was written.
    """

    __slots__ = ("count", "text", "unit")

    def __init__(self, text: str) -> None:
        """Raises `MalformedError` for a text that is no length of time."""
        match = _SPAN.fullmatch(text)
        if match is None:
            raise MalformedError("span/malformed", f"{text[:40]!r} is not a span like 5 minutes, 35 days or 12 months")
        self.count, self.unit, self.text = int(match[1]), match[2], text

    def before(self, time: datetime) -> datetime:
        """The instant this long before `time`; `datetime.min` where the calendar does not reach so far back."""
        try:
            return self._from(time, -1)
        except (OverflowError, ValueError):
            return datetime.min.replace(tzinfo=UTC)

    def after(self, time: datetime) -> datetime:
        """The instant this long after `time`; `datetime.max` where the calendar does not reach so far ahead."""
        try:
            return self._from(time, 1)
        except (OverflowError, ValueError):
            return datetime.max.replace(tzinfo=UTC)

    def _from(self, time: datetime, sign: int) -> datetime:
        """`time` moved by the span; `sign` is 1 for later, -1 for earlier.

        Months keep the number of the day, or take the last day of the month where that is shorter: one month after
        31 January is 28 or 29 February.
        """
        if self.unit != "month":
            return time + sign * timedelta(**{f"{self.unit}s": self.count})
        index = time.year * 12 + time.month - 1 + sign * self.count
        year, month = index // 12, index % 12 + 1
        return time.replace(year=year, month=month, day=min(time.day, monthrange(year, month)[1]))


# An exact number that is not negative, written as `parse_rational` says.
Rational = Annotated[Fraction, from_wire(parse_rational), PlainSerializer(format_rational, return_type=str)]
Share = Annotated[Rational, Field(le=1)]
Date = Annotated[date, from_wire(parse_date), PlainSerializer(date.isoformat, return_type=str)]
SpanOf = Annotated[str, StringConstraints(pattern=rf"^{_SPAN.pattern}$")]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]


class CoinsAccepted(Settings):
    """Own coins in compensation wallets, as far as they count towards a requirement.

    `price_basis`: the kind of price at which they count.
    `haircut`: the part of their value that does not count, 0 to 1.
    `assets`: the assets that count; all where absent.
    """

    price_basis: PriceBasis
    haircut: Share = Fraction(0)
    assets: Annotated[tuple[AssetName, ...], Field(min_length=1)] | None = None


class ContractAccepted(Settings):
    """Cover of one form, as far as it counts: its limit less deductible and use, if every condition below holds.

    `form`: the form of cover, such as insurance.
    `haircut`: the part of the rest of the limit that does not count, 0 to 1.
    `max_share`: the largest part of the requirement that all cover of this form together stands for.
    `insurer_authorised`: whether the insurer must be authorised.
    `insurer_independent`: whether the insurer must be independent of the exchange.
    `initial_term_months`: the least initial term.
    `cancellation_notice_days`: the shortest notice of cancellation.
    `covers`: the perils that the contract must cover and not exclude.
    `customers_benefit`: whether the contract must be for the customers.
    `maturity_within`: the span after the snapshot within which the money must be there, unless it is there on demand.

    An absent field sets no condition and no bound.
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
    """What counts towards a requirement: each of four sources only where the rule names it.

    `coins`: own coins in compensation wallets.
    `deposits`: whether money set aside for compensation counts.
    `accounts`: the names of figures of the accounts that count, such as CET1 capital.
    `contracts`: insurance, guarantees and deposits on trust; each form of cover once.
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
    """One step of a tier: the multiplier that applies from a figure on, up to the next step.

    `at_least`: the figure, inclusive; its unit is that of the tier.
    `multiplier`: the factor of a requirement.
    """

    at_least: Count
    multiplier: Rational


Steps = Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_TERMS)]


class SizeTier(Settings):
    """A tier by size: the value of what customers are owed.

    `price_basis`: the kind of price of what they are owed.
    `steps`: from 0 on, ascending, in whole units of the policy's currency; no multiplier is below the one before it.
    """

    price_basis: PriceBasis
    steps: Steps


class VolumeTier(Settings):
    """A tier by trading volume: the largest year.

    `buckets`: the kinds of trade whose volumes of a year are added up.
    `fiscal_years`: the number of last years among which the largest is looked for.
    `steps`: from 0 on, ascending, in whole units of the policy's currency; no multiplier is below the one before it.
    """

    buckets: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_TERMS)]
    fiscal_years: Annotated[Count, Field(ge=1, le=10)]
    steps: Steps


class PostureTier(Settings):
    """A tier by security: the points of the measures that are in place at the snapshot, with evidence.

    `points`: for each measure, by the name that declarations use, its points; one that is not declared gives none.
    `steps`: from 0 on, ascending, in points; no multiplier is above the one before it.
    """

    points: Annotated[dict[Text, Count], Field(min_length=1, max_length=MAX_TERMS)]
    steps: Steps


class Tier(Settings):
    """Multipliers of a policy's tiered bands: the product of those by size, volume and security.

    `authority_status`: the tier's own standing as law.
    `citation`: where the tier stands written.
    `size`, `volume`, `posture`: the tables; at least one of them, and an absent one is a factor of 1.
    `lowest`, `highest`: the bounds within which the product is kept.
    """

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
