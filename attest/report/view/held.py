"""What is held of each asset, as plain values: coverage, its evidence, and the parts of a whole."""

from __future__ import annotations

from typing import Literal, NamedTuple

from attest.attestation.statement import HeldLevel
from attest.report.numbers import Number, Share

Storage = Literal["cold", "hot", "other", "trust"]
ControlShown = Literal["signed", "confirmed", "sampled", "nothing", "unavailable"]


class Part(NamedTuple):
    """One part of a whole, by the key of its kind."""

    kind: str
    number: Number
    share: Share


class Level(NamedTuple):
    """What is held at one level of evidence; `rechecked` says that all of it was recomputed here."""

    level: HeldLevel
    number: Number
    share: Share
    rechecked: bool


class Rest(NamedTuple):
    """What a verdict rests on that was not checked: amounts by asset and reason, and how many documents.

    `lowest` are the assets whose lowest count around the pins was not recomputed.
    """

    amounts: tuple[tuple[str, Literal["unavailable", "dump"], Number], ...]
    documents: int
    lowest: tuple[str, ...]


class CoverageRow(NamedTuple):
    """One asset: owed and held, and coverage as the statement's figures give it, never capped.

    `counted` is there where a chain has a window and fewer coins count than are held; `denied` are tokens that their
    contract does not let move.
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
    """One asset's total, divided into parts that add up to it."""

    asset: str
    total: Number
    parts: tuple[Part, ...]
