"""A policy: rules as data, of a closed list of kinds, each with its citation and its standing as law."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from attest.amounts import MAX_DECIMALS
from attest.documents import AssetName, Count, LongText, Settings, Text
from attest.policy.inputs import PriceBasis
from attest.policy.terms import MAX_TERMS, Accepted, AuthorityStatus, Date, Rational, RuleId, Share, SpanOf, Tier
from attest.purposes import Purpose, Storage

Storages = Annotated[tuple[Storage, ...], Field(min_length=1, max_length=3)]
Deduct = Annotated[tuple[Literal["encumbrance", "borrowing"], ...], Field(max_length=2)]
Names = Annotated[tuple[Text, ...], Field(max_length=MAX_TERMS)]
Licences = Annotated[dict[Text, Count], Field(min_length=1, max_length=MAX_TERMS)]
FiscalYears = Annotated[Count, Field(ge=1, le=10)]


class BaseRule(Settings):
    """What every rule says of itself; `authority_status` is the policy's where it is absent.

    A rule is in effect at a snapshot whose day, in UTC, is neither before `effective_from` nor after `effective_to`.
    """

    id: RuleId
    kind: str
    citation: LongText
    note: LongText | None = None
    authority_status: AuthorityStatus | None = None
    effective_from: Date | None = None
    effective_to: Date | None = None


class Coverage(BaseRule):
    """Per asset, customers' coins and money reach `min_ratio` of what is owed; what is in `deduct` does not count."""

    kind: Literal["coverage"]
    min_ratio: Rational
    deduct: Deduct = ()


class WalletRatio(BaseRule):
    """The share of customers' coins that lies in `storage`; a bound is inclusive.

    `measure` value: of the value of all assets together, at prices of `price_basis`. `units`: of each asset by itself.
    `share_of` held: of the coins held for customers. `owed`: of the coins that customers are owed.
    """

    kind: Literal["wallet-ratio"]
    storage: Storages
    measure: Literal["value", "units"]
    share_of: Literal["held", "owed"]
    at_most: Share | None = None
    at_least: Share | None = None
    price_basis: PriceBasis | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("it needs either at_most or at_least")
        if (self.measure == "value") != (self.price_basis is not None):
            raise ValueError("a price_basis goes with measure = value, and only there")
        if self.share_of == "owed" and self.at_most is not None:
            raise ValueError("an at_most is of what is held; owing more must not help")
        return self


class InKindMatch(BaseRule):
    """Per asset, guarantee coins in `own_storage` reach `factor` times the customers' coins in `storage`."""

    kind: Literal["in-kind-match"]
    storage: Storages
    own_storage: Storages
    factor: Rational
    deduct: Deduct = ()


class MoneyInTrust(BaseRule):
    """Per currency, customers' money in trust reaches what they are owed."""

    kind: Literal["money-in-trust"]


class Weights(Settings):
    """What part of the value of customers' coins must be covered, by storage."""

    hot: Rational
    other: Rational
    cold: Rational


class WeightedSumCover(BaseRule):
    """What is accepted reaches the weighted value of customers' coins."""

    kind: Literal["weighted-sum-cover"]
    weights: Weights
    price_basis: PriceBasis
    accepts: Accepted


class PercentWithMinimum(BaseRule):
    """What is accepted reaches `percent` of the value of customers' coins in `storage`, and the licence's minimum."""

    kind: Literal["percent-with-minimum"]
    percent: Rational
    storage: Storages
    price_basis: PriceBasis
    minimum_by_licence: Licences
    accepts: Accepted


class MaxOf(BaseRule):
    """What is accepted reaches the licence's figure in `table`, and `fraction` of `base` less `deductions`."""

    kind: Literal["max-of"]
    table: Licences
    base: Text
    deductions: Names = ()
    fraction: Rational
    accepts: Accepted


class Rates(Settings):
    """Of one bucket's volume: what a year adds to the reserve at most, and where the reserve ends."""

    accrual: Rational
    ceiling: Rational


class VolumeRate(BaseRule):
    """A reserve that grows by a rate of the year's volume up to a rate of the largest of `fiscal_years`, per bucket.

    `opening`, `used` and `closing` name figures of the accounts: the reserve before the year's provision, what was
    taken from it since, and the reserve as it stands. Without them the rule only gives figures to a band.
    """

    kind: Literal["volume-rate-with-ceiling"]
    buckets: Annotated[dict[Text, Rates], Field(min_length=1, max_length=MAX_TERMS)]
    fiscal_years: FiscalYears
    opening: Text | None = None
    used: Text | None = None
    closing: Text | None = None

    @model_validator(mode="after")
    def _has_all_accounts(self) -> Self:
        if len({name is None for name in (self.opening, self.used, self.closing)}) != 1:
            raise ValueError("opening, used and closing go together")
        return self


class Band(BaseRule):
    """What is accepted reaches the `figure` of the rule `of`, times the tier where `tiered`, within floor and cap."""

    kind: Literal["band"]
    of: RuleId
    figure: Literal["accrual", "ceiling", "required"]
    tiered: Literal[True] | None = None
    floor: Count
    cap: Count | None = None
    accepts: Accepted

    @model_validator(mode="after")
    def _is_open(self) -> Self:
        if self.cap is not None and self.cap < self.floor:
            raise ValueError("the cap is below the floor")
        return self


class NetWorthFloor(BaseRule):
    """A figure of the accounts reaches an amount, or the value of the coins of a purpose."""

    kind: Literal["net-worth-floor"]
    accounts: Text
    at_least: Count | None = None
    value_of: Purpose | None = None
    price_basis: PriceBasis | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.at_least is None) == (self.value_of is None):
            raise ValueError("it needs either at_least or value_of")
        if (self.value_of is None) != (self.price_basis is None):
            raise ValueError("a price_basis goes with value_of, and only there")
        return self


class ConcentrationCap(BaseRule):
    """No custodian keeps more than its tier's share of the value of customers' coins, nor does the exchange itself."""

    kind: Literal["concentration-cap"]
    caps: Annotated[dict[Text, Share], Field(min_length=1, max_length=MAX_TERMS)]
    self_custody: Share | None = None
    price_basis: PriceBasis


class Cadence(BaseRule):
    """`activity` was done at least so many times `within` a span before the snapshot, both ends included."""

    kind: Literal["cadence"]
    activity: Text
    at_least: Annotated[Count, Field(ge=1)]
    within: SpanOf


class ReconciliationGap(BaseRule):
    """Per asset, what is held differs from what is owed by `max_gap` of it at most; without it, the gap is shown."""

    kind: Literal["reconciliation-gap"]
    max_gap: Rational | None = None


class StressExposure(BaseRule):
    """What the `largest` wallets keep for customers, beside what is there to compensate them; asks for nothing."""

    kind: Literal["stress-exposure"]
    largest: Annotated[Count, Field(ge=1)]
    price_basis: PriceBasis
    accepts: Accepted


Rule = (
    Coverage
    | WalletRatio
    | InKindMatch
    | MoneyInTrust
    | WeightedSumCover
    | PercentWithMinimum
    | MaxOf
    | VolumeRate
    | Band
    | NetWorthFloor
    | ConcentrationCap
    | Cadence
    | ReconciliationGap
    | StressExposure
)
_FIGURES: Final = {
    "accrual": VolumeRate,
    "ceiling": VolumeRate,
    "required": WeightedSumCover | PercentWithMinimum | MaxOf,
}


class Policy(Settings):
    """Rules of one authority. Amounts in rules are whole units of `currency`.

    `currency_decimals` hold where a statement does not list the currency. The ages are how long before a snapshot
    prices and accounts may be of.
    """

    id: RuleId
    version: Text
    title: Text
    jurisdiction: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    currency: AssetName
    currency_decimals: Annotated[Count, Field(le=MAX_DECIMALS)]
    authority_status: AuthorityStatus
    as_of: Date
    note: LongText | None = None
    spot_max_age: SpanOf
    mean_max_age: SpanOf
    accounts_max_age: SpanOf
    tier: Tier | None = None
    rules: Annotated[
        tuple[Annotated[Rule, Field(discriminator="kind")], ...], Field(min_length=1, max_length=MAX_TERMS)
    ]

    @model_validator(mode="after")
    def _refers_to_itself(self) -> Self:
        seen: dict[str, BaseRule] = {}
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f"rule {rule.id} stands there twice")
            if isinstance(rule, Band) and not isinstance(seen.get(rule.of), _FIGURES[rule.figure]):
                raise ValueError(f"rule {rule.id}: no rule {rule.of} before it gives a figure {rule.figure}")  # noqa: TRY004
            if isinstance(rule, Band) and rule.tiered and self.tier is None:
                raise ValueError(f"rule {rule.id} is tiered, and there is no [tier] table")
            seen[rule.id] = rule
        if self.tier is not None and not any(isinstance(rule, Band) and rule.tiered for rule in self.rules):
            raise ValueError("there is a [tier] table, and no tiered rule")
        return self

    @property
    def sha256(self) -> bytes:
        """What a policy is named by: the SHA-256 of its RFC 8785 form, whatever its spelling in TOML."""
        return sha256(self.to_bytes()).digest()

    def status_of(self, rule: BaseRule) -> AuthorityStatus:
        """A rule's standing as law, its own or the policy's."""
        return rule.authority_status or self.authority_status
