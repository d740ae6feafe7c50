"""The working paper of one rule: it reads the inputs and writes down every figure, its source and what is missing.

Amounts are integers in base units. Values are exact fractions of the minor unit of the policy's currency; nothing is
rounded here, because only a comparison knows in which direction to round.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from typing import Final

from attest.amounts import format_amount
from attest.documents import format_time
from attest.errors import MalformedError
from attest.policy.inputs import Cover, CoverForm, Declaration, DeclarationKind, Inputs, Price, PriceBasis
from attest.policy.model import Policy
from attest.policy.results import Figure, Result, Sources
from attest.policy.terms import Span, format_rational
from attest.purposes import Purpose, Storage

ALL_STORAGES: Final[tuple[Storage, ...]] = ("cold", "hot", "other")
BASIS_NAMES: Final[dict[PriceBasis, str]] = {"spot": "spot price", "mean-12-months": "mean price over 12 months"}
_MAX_DENOMINATOR_BITS: Final = 1024


class MissingInput(Exception):  # noqa: N818 (it never leaves the evaluation, which turns it into a verdict)
    """Inputs that a figure needs and that are missing or too old.

    `notes`: one sentence for each.
    """

    def __init__(self, notes: Iterable[str]) -> None:
        super().__init__()
        self.notes = tuple(notes)


def in_force(since: datetime | None, until: datetime | None, at: datetime) -> bool:
    """Whether a contract or measure is in force at an instant: from `since` through the whole UTC day of `until`.

    An absent `since` is no bound. An absent `until` means that the end is not known, and then it is never in force.
    """
    begun = since is None or since <= at
    return begun and until is not None and at.astimezone(UTC).date() <= until.astimezone(UTC).date()


class Working:
    """The working paper: its methods read the inputs for one rule and write down what they read.

    `policy`: the policy of the rule.
    `inputs`: the figures of the statement.
    `decimals`: for each asset and currency, the digits behind the point of a whole unit.
    `earlier`: the results of the rules before this one, by id.
    `figures`: the figures written down, in order.
    `notes`: sentences on what was not counted or is missing.
    `sources`: the inputs that were read.
    """

    def __init__(
        self, policy: Policy, inputs: Inputs, decimals: Mapping[str, int], earlier: Mapping[str, Result]
    ) -> None:
        self.policy = policy
        self.inputs = inputs
        self.decimals = decimals
        self.earlier = earlier
        self.figures: list[Figure] = []
        self.notes: list[str] = []
        self.sources = Sources()

    @property
    def currency(self) -> str:
        """The policy's currency, the unit of values."""
        return self.policy.currency

    def whole(self, amount: int) -> Fraction:
        """An amount of whole units of the policy's currency, in minor units."""
        return Fraction(amount * 10 ** self.decimals[self.currency])

    def keep(self, name: str, text: str, value: Fraction, *, unit: str | None = None, source: str) -> Fraction:
        """Write a figure down and return its `value`. Without `unit`, it is in minor units of the policy's currency."""
        self.figures.append(Figure(name, text, value, unit or self.currency, source))
        return value

    def held(self, purpose: Purpose, storages: Collection[Storage]) -> dict[str, int]:
        """Coins of a purpose in some kinds of storage: base units per asset, ordered by asset."""
        found = [coins for coins in self.inputs.coins if coins.purpose == purpose and coins.storage in storages]
        self.sources |= Sources(coins=frozenset((coins.asset, purpose, coins.storage) for coins in found))
        amounts: dict[str, int] = {}
        for coins in found:
            amounts[coins.asset] = amounts.get(coins.asset, 0) + coins.amount
        return dict(sorted(amounts.items()))

    def deposited(self, purpose: Purpose) -> dict[str, int]:
        """Money of a purpose at banks and trustees: minor units per currency, ordered by currency."""
        amounts: dict[str, int] = {}
        for deposit in self.inputs.deposits:
            if deposit.purpose == purpose:
                self.sources |= Sources(coins=frozenset({(deposit.currency, purpose, None)}))
                amounts[deposit.currency] = amounts.get(deposit.currency, 0) + deposit.amount
        return dict(sorted(amounts.items()))

    @property
    def currencies(self) -> set[str]:
        """The names that are money, not coins: the policy's currency, that of each deposit, and those of prices.

        What is held as a coin on a chain is no money although a price is in it, because it would otherwise escape what
        rules ask of coins.
        """
        money = {deposit.currency for deposit in self.inputs.deposits}
        money |= {price.currency for price in self.inputs.prices}
        # What makes a name money or a coin decides what a rule asks for, so the verdict rests on it.
        deciding: set[tuple[str, str, str | None]] = {
            (item.asset, item.purpose, item.storage) for item in self.inputs.coins if item.asset in money
        }
        deciding |= {(item.currency, item.purpose, None) for item in self.inputs.deposits}
        self.sources |= Sources(coins=frozenset(deciding), prices=bool(self.inputs.prices))
        return {self.currency} | (money - {coins.asset for coins in self.inputs.coins})

    def declared(
        self, kinds: Collection[DeclarationKind], names: Collection[str] | None = None
    ) -> Iterator[Declaration]:
        """The declarations of some kinds, in their order. With `names`, those of these names alone."""
        for item in self.inputs.declarations:
            if item.kind in kinds and (names is None or item.name in names):
                self.sources |= Sources(leaves=frozenset({item.evidence_leaf}))
                yield item

    def contracts(self, form: CoverForm) -> Iterator[Cover]:
        """The contracts of one form of cover, in their order."""
        for item in self.inputs.cover:
            if item.form == form:
                self.sources |= Sources(leaves=frozenset({item.evidence_leaf}))
                yield item

    def deducted(
        self, amounts: Mapping[str, int], purpose: Purpose, kinds: Collection[DeclarationKind]
    ) -> dict[str, int]:
        """Amounts per asset, less those declared as pledged or borrowed; never below zero.

        `amounts`: coins of `purpose`, in base units.
        `kinds`: the kinds of declaration that are taken off.
        """
        left = dict(amounts)
        for item in self.declared(kinds, [purpose]):
            if item.unit in left and item.amount is not None:
                left[item.unit] = max(0, left[item.unit] - item.amount)
                self.notes.append(
                    f"{self.shown(Fraction(item.amount), item.unit)} of the {purpose} coins do not count: "
                    f"{'they are pledged' if item.kind == 'encumbrance' else 'they are borrowed'} ({_leaf(item)})"
                )
        return left

    def lowest(self, amounts: Mapping[str, int]) -> dict[str, int]:
        """Amounts per asset, reduced to the lowest count where wallets were also read around the pin."""
        self.sources |= Sources(lowest=frozenset(self.inputs.fewer.keys() & amounts.keys()))
        fewer = {asset: amount for asset, amount in self.inputs.fewer.items() if amount and asset in amounts}
        self.notes += [
            f"{self.shown(Fraction(amount), asset)} do not count: they were not there at a block around the pin"
            for asset, amount in sorted(fewer.items())
        ]
        return {asset: max(0, amount - fewer.get(asset, 0)) for asset, amount in amounts.items()}

    def value(self, what: str, amounts: Mapping[str, int], basis: PriceBasis) -> Fraction:
        """The value of amounts per asset, exact, in minor units of the policy's currency.

        `what`: what the amounts are, for readers.
        Raises `MissingInput` naming every price that is missing or too old, and `MalformedError` when the denominators
        of the prices together exceed 1024 bits.
        """
        total = Fraction(0)
        missing: list[str] = []
        for asset, amount in sorted(amounts.items()):
            if amount == 0:
                continue
            if asset == self.currency:
                total += self.keep(f"{what} {asset}", what, Fraction(amount), source="the statement")
                continue
            price = self._price(asset, basis)
            if isinstance(price, str):
                missing.append(price)
                continue
            worth = price.value * Fraction(amount * 10 ** self.decimals[self.currency], 10 ** self.decimals[asset])
            counted = format_amount(amount, self.decimals[asset])
            shown = f"{what}, {counted} {asset} at {price.price} {self.currency} each"
            source = f"{BASIS_NAMES[basis]} of {format_time(price.time)}, {price.source}"
            total += self.keep(f"{what} {asset}", shown, worth, source=source)
            if total.denominator.bit_length() > _MAX_DENOMINATOR_BITS:
                raise MalformedError("policy/prices", "the prices have too many different denominators")
        if missing:
            raise MissingInput(missing)
        return self.keep(what, f"{what}, together", total, source="the sum of the figures above")

    def _price(self, asset: str, basis: PriceBasis) -> Price | str:
        """The price of an asset in the policy's currency, or the sentence that says why there is none."""
        named = f"{BASIS_NAMES[basis]} of {asset} in {self.currency}"
        at = self.inputs.snapshot_at
        wanted = (asset, self.currency, basis)
        price = next((item for item in self.inputs.prices if (item.asset, item.currency, item.basis) == wanted), None)
        age = self.policy.spot_max_age if basis == "spot" else self.policy.mean_max_age
        if not self.sources.prices:
            self.sources |= Sources(prices=True)
        if price is None:
            return f"there is no {named}"
        if not Span(age).before(at) <= price.time <= at:
            return f"the {named} is of {format_time(price.time)}, not within {age} before the snapshot"
        if asset not in self.decimals:
            return f"the statement does not list {asset}, so its base unit is not known"
        return price

    def accounts(self, name: str) -> Fraction:
        """The newest figure of that name in the accounts, in minor units of the policy's currency.

        Raises `MissingInput` when none is declared, or the newest is too old or in another currency.
        """
        at = self.inputs.snapshot_at
        known = [item for item in self.declared(["financial"], [name]) if item.until is not None and item.until <= at]
        newest = max(known, key=lambda item: item.until or at, default=None)
        if newest is None or newest.amount is None or newest.until is None:
            raise MissingInput([f"no figure {name} of the accounts is declared"])
        oldest = Span(self.policy.accounts_max_age).before(at)
        if newest.until < oldest:
            old = f"the figure {name} is of the accounts of {format_time(newest.until)}"
            raise MissingInput([f"{old}, not within {self.policy.accounts_max_age} before the snapshot"])
        if newest.unit != self.currency:
            raise MissingInput([f"the figure {name} of the accounts is in {newest.unit}, not in {self.currency}"])
        source = f"declared, accounts of {format_time(newest.until)}, {_leaf(newest)}"
        return self.keep(name, f"{name} of the accounts", Fraction(newest.amount), source=source)

    def licensed(self, table: Mapping[str, int]) -> Fraction:
        """The largest figure in `table` among the licences that the exchange declares, in minor units.

        `table`: whole units of the policy's currency, by the name of the licence.
        Raises `MissingInput` when no licence in the table is declared as held at the snapshot.
        """
        at = self.inputs.snapshot_at
        held = {
            item.name: item
            for item in self.declared(["licence"], table)
            if (item.since is None or item.since <= at) and (item.until is None or in_force(None, item.until, at))
        }
        if not held:
            raise MissingInput([f"no licence is declared; the rule knows {', '.join(table)}"])
        name = max(sorted(held), key=lambda item: table[item])
        text = f"the figure for the licence {name}"
        return self.keep("minimum", text, self.whole(table[name]), source=f"the rule; licence: {_leaf(held[name])}")

    def shown(self, value: Fraction, unit: str) -> str:
        """The text of a figure: an amount with its unit, rounded down; an exact number where `unit` has no decimals."""
        if unit not in self.decimals:
            return format_rational(value)
        return f"{format_amount(floor(value), self.decimals[unit])} {unit}"


def leaf_name(leaf: bytes) -> str:
    """The name of an evidence record for readers: the first 16 hex digits of its leaf."""
    return f"evidence {leaf.hex()[:16]}"


def _leaf(item: Declaration) -> str:
    return leaf_name(item.evidence_leaf)
