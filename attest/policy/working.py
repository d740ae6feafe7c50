"""The working paper of one rule: what it reads from the inputs, each figure with its source, and what is missing."""

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
    """What a figure needs and the inputs do not have; one sentence each."""

    def __init__(self, notes: Iterable[str]) -> None:
        super().__init__()
        self.notes = tuple(notes)


def in_force(since: datetime | None, until: datetime | None, at: datetime) -> bool:
    """Whether a contract or measure holds at an instant: from `since` on, through the whole UTC day of `until`.

    An absent `since` is no bound, an absent `until` is not known and holds at no time.
    """
    begun = since is None or since <= at
    return begun and until is not None and at.astimezone(UTC).date() <= until.astimezone(UTC).date()


class Working:
    """Reads the inputs for one rule and keeps every figure that it gives out."""

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
        """The policy's currency."""
        return self.policy.currency

    def whole(self, amount: int) -> Fraction:
        """Whole units of the policy's currency as minor units."""
        return Fraction(amount * 10 ** self.decimals[self.currency])

    def keep(self, name: str, text: str, value: Fraction, *, unit: str | None = None, source: str) -> Fraction:
        """Write a figure down; in minor units of the policy's currency, if nothing else is said."""
        self.figures.append(Figure(name, text, value, unit or self.currency, source))
        return value

    def held(self, purpose: Purpose, storages: Collection[Storage]) -> dict[str, int]:
        """Coins of a purpose in some kinds of storage, per asset in order."""
        found = [coins for coins in self.inputs.coins if coins.purpose == purpose and coins.storage in storages]
        self.sources |= Sources(coins=frozenset((coins.asset, purpose, coins.storage) for coins in found))
        amounts: dict[str, int] = {}
        for coins in found:
            amounts[coins.asset] = amounts.get(coins.asset, 0) + coins.amount
        return dict(sorted(amounts.items()))

    def deposited(self, purpose: Purpose) -> dict[str, int]:
        """Money at banks and trustees, per currency in order."""
        amounts: dict[str, int] = {}
        for deposit in self.inputs.deposits:
            if deposit.purpose == purpose:
                self.sources |= Sources(coins=frozenset({(deposit.currency, purpose, None)}))
                amounts[deposit.currency] = amounts.get(deposit.currency, 0) + deposit.amount
        return dict(sorted(amounts.items()))

    @property
    def currencies(self) -> set[str]:
        """What is money rather than a coin: the policy's currency, that of each deposit, and what prices are in.

        A coin that lies on a chain is none, or else a price in it would take it out of what rules ask of coins.
        """
        money = {deposit.currency for deposit in self.inputs.deposits}
        money |= {price.currency for price in self.inputs.prices}
        # Whatever makes a name money, or a coin, decides what a rule asks for.
        deciding: set[tuple[str, str, str | None]] = {
            (item.asset, item.purpose, item.storage) for item in self.inputs.coins if item.asset in money
        }
        deciding |= {(item.currency, item.purpose, None) for item in self.inputs.deposits}
        self.sources |= Sources(coins=frozenset(deciding), prices=bool(self.inputs.prices))
        return {self.currency} | (money - {coins.asset for coins in self.inputs.coins})

    def declared(
        self, kinds: Collection[DeclarationKind], names: Collection[str] | None = None
    ) -> Iterator[Declaration]:
        """The declarations of some kinds in their order; of these `names` alone, where any are given."""
        for item in self.inputs.declarations:
            if item.kind in kinds and (names is None or item.name in names):
                self.sources |= Sources(leaves=frozenset({item.evidence_leaf}))
                yield item

    def contracts(self, form: CoverForm) -> Iterator[Cover]:
        """The cover of a form, in its order."""
        for item in self.inputs.cover:
            if item.form == form:
                self.sources |= Sources(leaves=frozenset({item.evidence_leaf}))
                yield item

    def deducted(
        self, amounts: Mapping[str, int], purpose: Purpose, kinds: Collection[DeclarationKind]
    ) -> dict[str, int]:
        """Coins less those of the purpose that are declared as pledged or borrowed; never below zero."""
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
        """Customers' coins as they count where they were counted around the pins too: at the lowest."""
        self.sources |= Sources(lowest=frozenset(self.inputs.fewer.keys() & amounts.keys()))
        fewer = {asset: amount for asset, amount in self.inputs.fewer.items() if amount and asset in amounts}
        self.notes += [
            f"{self.shown(Fraction(amount), asset)} do not count: they were not there at a block around the pin"
            for asset, amount in sorted(fewer.items())
        ]
        return {asset: max(0, amount - fewer.get(asset, 0)) for asset, amount in amounts.items()}

    def value(self, what: str, amounts: Mapping[str, int], basis: PriceBasis) -> Fraction:
        """The value of amounts in minor units of the policy's currency. Raises `MissingInput` naming every price."""
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
        """The price of an asset, or what is wrong with it."""
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
        """The newest figure of the accounts of that name, in minor units. Raises `MissingInput`."""
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
        """The highest figure in the table of what the exchange is licensed as. Raises `MissingInput`."""
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
        """A figure as people read it: an amount with its unit, rounded down, or an exact number."""
        if unit not in self.decimals:
            return format_rational(value)
        return f"{format_amount(floor(value), self.decimals[unit])} {unit}"


def leaf_name(leaf: bytes) -> str:
    """A record of the evidence by the first digits of its leaf."""
    return f"evidence {leaf.hex()[:16]}"


def _leaf(item: Declaration) -> str:
    return leaf_name(item.evidence_leaf)
