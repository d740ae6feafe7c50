"""A policy as data: rules of a closed list of kinds, each with its citation and its standing as law.

A policy is written in TOML (`rulesets` reads it) and evaluated over the figures of a statement (`evaluate`). A rule
holds no code: its kind says which comparison is made, its fields with which rates, bounds and names.

Names in rules, of accounts, licences, buckets and tiers, are those that the exchange's declarations use. Amounts in
rules are whole units of the policy's currency, rates are exact rationals.
"""

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
    """The fields of every rule.

    `id`: unique within the policy; verdicts and bands name the rule by it.
    `kind`: which comparison the rule makes; it selects the class.
    `citation`: where the rule stands written, such as a statute and its article.
    `note`: a remark for readers, without effect on the verdict.
    `authority_status`: the rule's standing as law; the policy's where absent.
    `effective_from`: the first day, in UTC, of snapshots that the rule concerns; no bound where absent.
    `effective_to`: the last of those days; no bound where absent. Outside both the rule is NOT APPLICABLE.
    """

    id: RuleId
    kind: str
    citation: LongText
    note: LongText | None = None
    authority_status: AuthorityStatus | None = None
    effective_from: Date | None = None
    effective_to: Date | None = None


class Coverage(BaseRule):
    """Coverage: per asset and currency, what is held for customers reaches `min_ratio` times what they are owed.

    `min_ratio`: held divided by owed, inclusive.
    `deduct`: the kinds of declaration whose coins do not count as held, because they are pledged or borrowed.
    """

    kind: Literal["coverage"]
    min_ratio: Rational
    deduct: Deduct = ()


class WalletRatio(BaseRule):
    """A bound on the share of customers' coins that lies in some kinds of storage, such as hot wallets.

    `storage`: the kinds of storage whose coins make up the share.
    `measure`: `value` compares the value of all assets together, `units` the amount of each asset by itself.
    `share_of`: the whole: coins `held` for customers in any storage, or coins `owed` to them.
    `at_most`: the upper bound, inclusive.
    `at_least`: the lower bound, inclusive. A rule has exactly one of the two.
    `price_basis`: the kind of price; there with `value`, absent with `units`.
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
    """Guarantee coins: per asset, own coins of equal kind stand for the customers' coins in some kinds of storage.

    `storage`: the kinds of storage whose customers' coins must be matched, such as hot.
    `own_storage`: the kinds of storage where guarantee coins count, such as cold.
    `factor`: guarantee coins for each coin of customers; the requirement is rounded up to a base unit.
    `deduct`: the kinds of declaration whose guarantee coins do not count, because they are pledged or borrowed.
    """

    kind: Literal["in-kind-match"]
    storage: Storages
    own_storage: Storages
    factor: Rational
    deduct: Deduct = ()


class MoneyInTrust(BaseRule):
    """Trust of money: per currency that customers are owed, their money in trust reaches what they are owed."""

    kind: Literal["money-in-trust"]


class Weights(Settings):
    """The part of the value of customers' coins that must be covered, for each kind of storage; 1 is all of it."""

    hot: Rational
    other: Rational
    cold: Rational


class WeightedSumCover(BaseRule):
    """Cover by risk of storage: what is accepted reaches the weighted value of customers' coins.

    `weights`: for each kind of storage, the part of the value that must be covered; the parts are added up.
    `price_basis`: the kind of price of customers' coins.
    `accepts`: what counts towards the requirement.
    """

    kind: Literal["weighted-sum-cover"]
    weights: Weights
    price_basis: PriceBasis
    accepts: Accepted


class PercentWithMinimum(BaseRule):
    """A percentage with a minimum: what is accepted reaches the larger of both.

    `percent`: the part of the value of customers' coins in `storage`, such as 5/100.
    `storage`: the kinds of storage whose coins count.
    `price_basis`: the kind of price of those coins.
    `minimum_by_licence`: for each licence, by its name, the minimum in whole units of the policy's currency.
    `accepts`: what counts towards the requirement.
    """

    kind: Literal["percent-with-minimum"]
    percent: Rational
    storage: Storages
    price_basis: PriceBasis
    minimum_by_licence: Licences
    accepts: Accepted


class MaxOf(BaseRule):
    """The larger of a fixed figure and a part of the accounts, such as a quarter of the overheads, reached by cover.

    `table`: for each licence, by its name, the fixed figure in whole units of the policy's currency.
    `base`: the name of a figure of the accounts, such as fixed overheads.
    `deductions`: the names of figures of the accounts taken off `base`, down to zero; 0 where not declared.
    `fraction`: the part of the base, less deductions, that is required.
    `accepts`: what counts towards the requirement.
    """

    kind: Literal["max-of"]
    table: Licences
    base: Text
    deductions: Names = ()
    fraction: Rational
    accepts: Accepted


class Rates(Settings):
    """The rates of one bucket, each applied to a year's trading volume.

    `accrual`: times the newest year's volume, what that year adds to the reserve at most.
    `ceiling`: times the largest year's volume, the reserve at which nothing more is added.
    """

    accrual: Rational
    ceiling: Rational


class VolumeRate(BaseRule):
    """A reserve that grows by a rate of each year's trading volume up to a ceiling (FIEA order, Art. 175).

    `buckets`: the kinds of trade, by the names under which volumes are declared, each with its rates.
    `fiscal_years`: the number of last years among which each bucket's largest volume is looked for.
    `opening`: the figure of the accounts that is the reserve before the year's provision.
    `used`: the figure of the accounts that was taken from the reserve since then.
    `closing`: the figure of the accounts that is the reserve as it stands.

    The three figures of the accounts go together. Without them the rule asks for nothing: a `Band` uses its accrual or
    ceiling.
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
    """A requirement taken from another rule and kept within a floor and a cap: what is accepted reaches it.

    `of`: the id of a rule before this one.
    `figure`: which figure of that rule: the `accrual` or `ceiling` of a `VolumeRate`, `required` of any other.
    `tiered`: whether the policy's tier multiplies the figure, before floor and cap.
    `floor`: the least requirement, in whole units of the policy's currency.
    `cap`: the largest requirement, in whole units of the policy's currency; no bound where absent.
    `accepts`: what counts towards the requirement.
    """

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
    """Net worth: a figure of the accounts reaches a fixed amount, or the value of the coins of a purpose.

    `accounts`: the name of the figure, such as net assets.
    `at_least`: the fixed amount, in whole units of the policy's currency.
    `value_of`: the purpose of the coins whose value must be reached. A rule has either this or `at_least`.
    `price_basis`: the kind of price of those coins; there with `value_of` only.
    """

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
    """A limit on the share of the value of customers' coins that one custodian keeps, or the exchange itself.

    `caps`: for each tier of custodians, by the name that declarations use, the largest share of one custodian.
    `self_custody`: the largest share that the exchange keeps itself; no limit where absent.
    `price_basis`: the kind of price of the coins.
    """

    kind: Literal["concentration-cap"]
    caps: Annotated[dict[Text, Share], Field(min_length=1, max_length=MAX_TERMS)]
    self_custody: Share | None = None
    price_basis: PriceBasis


class Cadence(BaseRule):
    """An activity that is repeated often enough, such as an audit of segregation.

    `activity`: its name in declarations.
    `at_least`: how many times it was done.
    `within`: the span before the snapshot in which those times count, both ends included.
    """

    kind: Literal["cadence"]
    activity: Text
    at_least: Annotated[Count, Field(ge=1)]
    within: SpanOf


class ReconciliationGap(BaseRule):
    """A limit on the difference between wallets and ledger, per asset and in either direction.

    `max_gap`: the largest difference as a part of what is owed. Where absent, both sides are shown without a verdict.
    """

    kind: Literal["reconciliation-gap"]
    max_gap: Rational | None = None


class StressExposure(BaseRule):
    """The value in the largest wallets beside what would compensate customers for their loss; shown without a verdict.

    `largest`: how many wallets are added up, by value.
    `price_basis`: the kind of price of the coins in them.
    `accepts`: what counts as compensation.
    """

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
    """The rules of one authority.

    `id`: the name of the policy; `policy-<id>.toml` is its file beside a bundle.
    `version`: its author's own mark of a change.
    `title`: for readers.
    `jurisdiction`: two capital letters, as in ISO 3166-1; XX for none.
    `currency`: the currency in which values are added up. Amounts in rules are whole units of it.
    `currency_decimals`: the decimals of its minor unit, for statements that do not list the currency.
    `authority_status`: the standing as law of every rule that states none of its own.
    `as_of`: the day on which somebody last compared the policy with its sources.
    `note`: a remark for readers.
    `spot_max_age`: how long before the snapshot a spot price may be of.
    `mean_max_age`: how long before the snapshot the twelve months of a mean price may have ended.
    `accounts_max_age`: how long before the snapshot the accounts' period or the newest year of volume may have ended.
    `tier`: multipliers of the bands that are tiered.
    `rules`: in the order of evaluation, because a band uses a rule before it.
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
        """The hash by which statements name the policy: SHA-256 (32 bytes) of its RFC 8785 form.

        Comments and spelling of the TOML file do not change it.
        """
        return sha256(self.to_bytes()).digest()

    def status_of(self, rule: BaseRule) -> AuthorityStatus:
        """The standing of a rule as law: its own, or the policy's where it states none."""
        return rule.authority_status or self.authority_status
