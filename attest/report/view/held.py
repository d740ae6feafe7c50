"""Rows of what is held of each asset: coverage, levels of evidence, and totals divided into parts."""

from __future__ import annotations

from typing import Literal, NamedTuple

from attest.attestation.coverage import HeldLevel
from attest.report.numbers import Number, Share

Storage = Literal["cold", "hot", "other", "trust"]
ControlShown = Literal["signed", "confirmed", "sampled", "nothing", "unavailable"]


class Part(NamedTuple):
    """One part of a whole.

    `kind`: the key of its word, such as `cold` or `signed`.
    `number`: its amount.
    `share`: its part of the whole.
    """

    kind: str
    number: Number
    share: Share


class Level(NamedTuple):
    """The amount of an asset that is held at one level of evidence.

    `level`: `proven`, `agreed`, `single` or `declared`.
    `number`: the amount.
    `share`: its part of what is held.
    `rechecked`: whether all of it was recomputed here from records.
    """

    level: HeldLevel
    number: Number
    share: Share
    rechecked: bool


class Rest(NamedTuple):
    """The inputs of a verdict that were not checked.

    `amounts`: asset, reason and amount. `unavailable`: the records are withheld; `dump`: a dump of all unspent outputs
    of the chain is needed.
    `documents`: the number of documents that are not available.
    `lowest`: the assets whose lowest count around the pins was not recomputed.
    """

    amounts: tuple[tuple[str, Literal["unavailable", "dump"], Number], ...]
    documents: int
    lowest: tuple[str, ...]


class CoverageRow(NamedTuple):
    """One asset: what is owed and what is held.

    `asset`: its name.
    `decimals`: a base unit is 10^-decimals.
    `owed`: to customers.
    `held`: for customers, coins and money.
    `counted`: what of it counts where windows found less around a pin; None when all that is held counts.
    `denied`: what of it is tokens that their contract does not let the holders move; None for none.
    `coverage`: counted divided by owed, by the statement's figures; above 100 % as it is.
    `levels`: what is held by level of evidence.
    `met`: whether what counts reaches what is owed.
    `rest`: the inputs that were not checked; None when all were.
    """

    asset: str
    decimals: int
    owed: Number
    held: Number
    counted: Number | None
    denied: Number | None
    coverage: Share
    levels: tuple[Level, ...]
    met: bool
    rest: Rest | None


class Shares(NamedTuple):
    """One asset's total and the parts that add up to it."""

    asset: str
    total: Number
    parts: tuple[Part, ...]
