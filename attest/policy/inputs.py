"""The inputs of a policy: the figures of one statement and of the documents behind them (protocol.md, section 5).

Amounts are integers: base units of an asset, minor units of a currency. The models say what each field is;
`check_inputs` checks what concerns several of them at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from attest.amounts import MAX_AMOUNT, MAX_DECIMALS
from attest.documents import Amount, AssetName, Count, Digest, Document, Text, Time, format_time
from attest.errors import MalformedError
from attest.purposes import Purpose, Storage

MAX_INPUTS_BYTES: Final = 16 * 1024 * 1024
_RATIONAL: Final = r"(0|[1-9][0-9]{0,37})(\.[0-9]{1,37})?(/[1-9][0-9]{0,37})?"
_Many: Final = Field(max_length=10_000, fail_fast=True)

CoverForm = Literal["insurance", "bank-guarantee", "trust-deposit", "escrow"]
PriceBasis = Literal["spot", "mean-12-months"]
DeclarationKind = Literal[
    "encumbrance",  # coins of the purpose `name` that are pledged or charged; none at all without an amount
    "borrowing",  # coins of the purpose `name` that were borrowed; none at all without an amount
    "volume",  # trading in one fiscal year, from `since` until `until`: `name` is the bucket of a rule
    "financial",  # a figure of the accounts of `until`, such as net-assets
    "posture",  # a security measure that is in place, until `until`
    "activity",  # something that was done, such as a segregation audit, at `since`
    "custodian",  # what the custodian `name` of `tier` keeps of the customers' coins
    "largest-wallet",  # what the wallet `name`, the largest one of an asset, keeps of the customers' coins
    "licence",  # what the exchange is licensed as: `name` is what the table of a rule calls it
    "window",  # the least that customers' wallets held of the asset `unit` on the chain `name`, around and at its pin
]
_NEEDED: Final = {
    "encumbrance": (),
    "borrowing": (),
    "volume": ("amount", "since", "until"),
    "financial": ("amount", "until"),
    "posture": ("until",),
    "activity": ("since",),
    "custodian": ("amount",),
    "largest-wallet": ("amount",),
    "licence": (),
    "window": ("amount",),
}


def parse_rational(text: str) -> Fraction:
    """The exact number that a text like `12`, `0.8`, `59/70` or `0.8/10000` writes; never negative.

    Raises `MalformedError` for any other spelling and for more than 38 digits of a part.
    """
    if re.fullmatch(_RATIONAL, text, re.ASCII) is None:
        raise MalformedError("rational/malformed", f"{text[:80]!r} is not a number like 12, 0.8 or 0.8/10000")
    top, _, bottom = text.partition("/")
    return Fraction(top) / int(bottom or 1)


class Conditions(Document):
    """The terms of a contract of insurance or guarantee. An absent field is not known, and fulfils no condition.

    `deductible`: the part of a loss that the contract does not pay, in minor units.
    `used`: the part of the limit that was paid out already, in minor units.
    `since`, `until`: the term of the contract.
    `insurer_authorised`: whether the insurer is authorised.
    `insurer_independent`: whether the insurer is independent of the exchange.
    `initial_term_months`: the term that was first agreed.
    `cancellation_notice_days`: the shortest notice of cancellation.
    `covers`, `excludes`: the perils that the contract names.
    `customers_benefit`: whether the contract is for the customers.
    `on_demand`: whether the money is there whenever it is asked for.
    `maturity`: when the money is there otherwise.
    """

    deductible: Amount | None = None
    used: Amount | None = None
    since: Time | None = None
    until: Time | None = None
    insurer_authorised: bool | None = None
    insurer_independent: bool | None = None
    initial_term_months: Count | None = None
    cancellation_notice_days: Count | None = None
    covers: Annotated[tuple[Text, ...], Field(max_length=100)] | None = None
    excludes: Annotated[tuple[Text, ...], Field(max_length=100)] | None = None
    customers_benefit: bool | None = None
    on_demand: bool | None = None
    maturity: Time | None = None


class Cover(Document):
    """An insurance policy, a guarantee or a deposit on trust.

    `form`: which of these.
    `currency`: of all amounts.
    `limit`: the most that it pays, in minor units.
    `conditions`: its terms.
    `evidence_leaf`: the leaf of the record of its document, 32 bytes.
    """

    form: CoverForm
    currency: AssetName
    limit: Amount
    conditions: Conditions
    evidence_leaf: Digest


class Declaration(Document):
    """A fact that only management can state.

    `kind`: which fact; `DeclarationKind` lists them and the fields that each needs.
    `name`: what it is about, such as a bucket, a custodian or a measure.
    `unit`: the asset or currency of `amount`.
    `amount`: in base units.
    `tier`: that of a custodian.
    `since`, `until`: the time for which it holds.
    `evidence_leaf`: the leaf of the record behind it, 32 bytes.
    """

    kind: DeclarationKind
    name: Text
    unit: AssetName | None = None
    amount: Amount | None = None
    tier: Text | None = None
    since: Time | None = None
    until: Time | None = None
    evidence_leaf: Digest

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Self:
        if (self.unit is None) != (self.amount is None):
            raise ValueError("an amount needs a unit, and a unit an amount")
        missing = [field for field in _NEEDED[self.kind] if getattr(self, field) is None]
        if missing:
            raise ValueError(f"a declaration of the kind {self.kind} needs {' and '.join(missing)}")
        if self.kind in {"encumbrance", "borrowing"} and self.name not in get_args(Purpose):
            raise ValueError(f"the name of an {self.kind} is a purpose of coins: {', '.join(get_args(Purpose))}")
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError("it ends before it begins")
        return self


class Price(Document):
    """The price of an asset.

    `asset`: one whole unit of it is priced.
    `currency`: whole units of it are the price.
    `price`: an exact number like `12`, `0.8` or `59/70`.
    `basis`: a price at one instant, or a mean over twelve months.
    `source`: who publishes it.
    `time`: the instant; of a mean, the end of the twelve months.
    """

    asset: AssetName
    currency: AssetName
    price: Annotated[str, StringConstraints(pattern=f"^{_RATIONAL}$")]
    basis: PriceBasis
    source: Text
    time: Time

    @property
    def value(self) -> Fraction:
        """The price as a number."""
        return parse_rational(self.price)


class Coins(Document):
    """The coins of one asset that share a purpose and a kind of storage, over all chains.

    `asset`: its name.
    `purpose`: what they are held for.
    `storage`: where their keys are kept.
    `amount`: in base units.
    """

    asset: AssetName
    purpose: Purpose
    storage: Storage
    amount: Amount


class Deposit(Document):
    """Money at a bank or trustee.

    `currency`: its name.
    `purpose`: what it is held for.
    `amount`: in minor units.
    `evidence_leaf`: the leaf of the record of its document, 32 bytes.
    """

    currency: AssetName
    purpose: Literal["customer", "compensation"]
    amount: Amount
    evidence_leaf: Digest


class Inputs(Document):
    """The figures of one statement, over which policies are evaluated.

    `snapshot_at`: the instant to which they belong.
    `decimals`: for each asset and currency of the statement; a base unit is 10^-decimals.
    `owed`: what customers are owed, in base units, by asset and currency.
    `coins`: held on chains.
    `fewer`: by asset, how far customers' coins dropped below their pinned amount within the windows of chains, at the
    lowest block of each, in base units.
    `deposits`: money held.
    `cover`: contracts of insurance and guarantee.
    `declarations`: what only management can state.
    `prices`: of assets, in currencies.
    """

    snapshot_at: Time
    decimals: dict[AssetName, Annotated[Count, Field(le=MAX_DECIMALS)]]
    owed: dict[AssetName, Amount]
    coins: Annotated[tuple[Coins, ...], _Many]
    fewer: dict[AssetName, Amount] = Field(default_factory=dict)
    deposits: Annotated[tuple[Deposit, ...], _Many]
    cover: Annotated[tuple[Cover, ...], _Many]
    declarations: Annotated[tuple[Declaration, ...], _Many]
    prices: Annotated[tuple[Price, ...], _Many]


def check_inputs(inputs: Inputs) -> None:
    """Check what no single model can: that nothing counts twice, and that every amount has a unit and fits 128 bits.

    Raises `MalformedError` when
    - two prices have the asset, currency and kind in common,
    - two deposits or contracts of cover rest on one evidence leaf, because one document would count twice,
    - two declarations have their `identity` in common,
    - an asset that is owed or held has no decimals,
    - an amount is negative or above `MAX_AMOUNT`.
    """
    _once("price", ((price.asset, price.currency, price.basis) for price in inputs.prices))
    leaves = [*(item.evidence_leaf for item in inputs.deposits), *(item.evidence_leaf for item in inputs.cover)]
    for leaf, count in Counter(leaves).items():
        if count > 1:
            raise _refused(f"one document, evidence leaf {leaf.hex()}, stands behind two lines of money or cover")
    _once("declaration", map(identity, inputs.declarations))
    for asset in {*inputs.owed, *(coins.asset for coins in inputs.coins)}:
        if asset not in inputs.decimals:
            raise _refused(f"{asset} has no decimals")
    amounts = [
        *inputs.owed.values(),
        *(coins.amount for coins in inputs.coins),
        *inputs.fewer.values(),
        *(deposit.amount for deposit in inputs.deposits),
        *(cover.limit for cover in inputs.cover),
        *(item.amount for item in inputs.declarations if item.amount is not None),
    ]
    if not all(0 <= amount <= MAX_AMOUNT for amount in amounts):
        raise _refused("an amount is negative or does not fit in 128 bits")


def identity(item: Declaration) -> tuple[Hashable, ...]:
    """The key of a declaration: the fields in which no two declarations agree.

    Two figures of the accounts for one day, or two volumes of one year, would leave open which one counts; two amounts
    of one custodian and asset would count twice.
    """
    match item.kind:
        case "financial":
            return (item.kind, item.name, item.until)
        case "volume":
            return (item.kind, item.name, item.since, item.until)
        case "custodian" | "largest-wallet":
            return (item.kind, item.name, item.unit)
        case _:
            return (item.kind, item.name, item.unit, item.since, item.until, item.evidence_leaf)


def _once(what: str, keys: Iterable[tuple[Hashable, ...]]) -> None:
    for key, count in Counter(keys).items():
        if count > 1:
            raise _refused(f"the {what} {_shown(key)} stands there twice")


def _shown(key: tuple[Hashable, ...]) -> str:
    parts = (format_time(part) if isinstance(part, datetime) else part for part in key if part is not None)
    return " ".join(part.hex() if isinstance(part, bytes) else str(part) for part in parts)


def _refused(message: str) -> MalformedError:
    return MalformedError("policy/inputs", f"a policy cannot be evaluated: {message}")
