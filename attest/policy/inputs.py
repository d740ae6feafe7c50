"""What a policy is evaluated over: a statement's figures, and the documents behind them (protocol.md, section 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, StringConstraints

from attest.documents import Amount, AssetName, Count, Digest, Document, Text, Time
from attest.errors import MalformedError

_RATIONAL: Final = r"(0|[1-9][0-9]{0,37})(\.[0-9]{1,37})?(/[1-9][0-9]{0,37})?"

CoverForm = Literal["insurance", "bank-guarantee", "trust-deposit", "escrow"]
PriceBasis = Literal["spot", "mean-12-months"]
DeclarationKind = Literal[
    "encumbrance",  # coins that are pledged or charged: `unit` is the asset, `name` the purpose they serve
    "borrowing",  # coins that are borrowed: likewise
    "volume",  # trading in one fiscal year, from `since` until `until`: `name` is the bucket of a rule
    "financial",  # a figure of the accounts, such as net-assets
    "posture",  # a security measure that is in place, until `until`
    "activity",  # something that was done, such as a segregation audit, at `since`
    "custodian",  # what the custodian `name` keeps of the customers' coins
    "window",  # the least that customers' wallets held of the asset `unit` on the chain `name`, around and at its pin
    "largest-wallet",  # what the wallet `name`, the largest one of an asset, keeps of the customers' coins
]


def parse_rational(text: str) -> Fraction:
    """An exact number that is not negative: `12`, `0.8`, `59/70` or `0.8/10000`. Raises `MalformedError`."""
    if re.fullmatch(_RATIONAL, text, re.ASCII) is None:
        raise MalformedError("rational/malformed", f"{text[:80]!r} is not a number like 12, 0.8 or 0.8/10000")
    top, _, bottom = text.partition("/")
    return Fraction(top) / int(bottom or 1)


class Conditions(Document):
    """What a contract of insurance or guarantee says; what is absent is not known, and never fulfils a condition.

    `deductible` and `used` are what the limit does not pay for, in minor units.
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
    maturity: Time | None = None


class Cover(Document):
    """An insurance policy, a guarantee or a deposit on trust; `limit` is in minor units of `currency`."""

    form: CoverForm
    currency: AssetName
    limit: Amount
    conditions: Conditions
    evidence_leaf: Digest


class Declaration(Document):
    """What only management can say, and the leaf of the record behind it.

    `amount` is in base units of `unit`, an asset or currency. Which fields a kind needs, `DeclarationKind` says.
    """

    kind: DeclarationKind
    name: Text
    unit: AssetName | None = None
    amount: Amount | None = None
    since: Time | None = None
    until: Time | None = None
    evidence_leaf: Digest


class Price(Document):
    """What one whole unit of `asset` costs in whole units of `currency`, as an exact rational."""

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


class Coins(NamedTuple):
    """Coins on chains that share a purpose and a kind of storage, in base units."""

    asset: str
    purpose: Literal["customer", "guarantee", "compensation"]
    storage: Literal["cold", "hot", "other"]
    amount: int


class Deposit(NamedTuple):
    """Fiat money at a bank or trustee, in minor units."""

    currency: str
    purpose: Literal["customer", "compensation"]
    amount: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """The figures of one statement. `owed` is what customers are owed, per asset and currency, in base units."""

    snapshot_at: datetime
    decimals: Mapping[str, int]
    owed: Mapping[str, int]
    coins: tuple[Coins, ...]
    deposits: tuple[Deposit, ...]
    cover: tuple[Cover, ...]
    declarations: tuple[Declaration, ...]
    prices: tuple[Price, ...]
