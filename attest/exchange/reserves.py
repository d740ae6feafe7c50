"""The reserves of a month: pins, evidence, and the lines that they add up to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from attest.attestation.arithmetic import declaration_order
from attest.attestation.concentration import declaration_lines
from attest.attestation.document_records import DeclarationRecord, MoneyDocument
from attest.attestation.editions import Evidence
from attest.chains.records import Authority, Descriptor, Reading
from attest.chains.wallets import Pin, Unlisted, Unproven
from attest.control.shown import NOBODY, Shown
from attest.evidence.record import Record
from attest.exchange.config import Config
from attest.exchange.documents.money import money_line
from attest.exchange.settings import CoverContract, DeclarationForm, HeldCoins, Money
from attest.exchange.stated import reserve_lines
from attest.policy.inputs import Declaration
from attest.reserves.lines import HeldLine, MoneyLine, ReserveLine
from attest.reserves.records import OwnWallet
from attest.reserves.window import window_pins
from attest.verification.evidence.lowest_counts import window_declarations


@dataclass(slots=True)
class Reserves:
    """What was read and what documents say: the pinned blocks, all records, the lines of money and of held coins.

    `unlisted` says what lies at the wallets in assets that they do not list, and does not count; `unproven` why tokens,
    or what single wallets have of them, are not proven; `shown` tells whose keys signed or were confirmed; `nonce` drew
    the blocks of windows.
    """

    pins: list[Pin] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    money: list[MoneyLine] = field(default_factory=list)
    held: list[HeldLine] = field(default_factory=list)
    unlisted: list[Unlisted] = field(default_factory=list)
    unproven: list[Unproven] = field(default_factory=list)
    shown: Shown = NOBODY
    nonce: bytes | None = None

    @property
    def records(self) -> list[Record]:
        """All records, by their indices."""
        return self.evidence.records

    @property
    def blocks(self) -> list[Pin]:
        """The pinned blocks and those of windows."""
        return [*self.pins, *window_pins(self.records)]

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """What management declares, the figures of concentration, and the lowest counts in the windows."""
        lines = [*declaration_lines(self.records), *window_declarations(self.records, self.pins)]
        return tuple(sorted(lines, key=declaration_order))

    @property
    def lines(self) -> tuple[ReserveLine, ...]:
        """The statement's lines that the readings add up to."""
        return reserve_lines(self.records, self.shown)


def add_declarations(config: Config, forms: Sequence[DeclarationRecord], reserves: Reserves) -> None:
    """Add the signed `forms` of the config to the evidence."""
    add_documents(reserves, zip(forms, config.declarations, strict=True))


def add_documents(
    reserves: Reserves, documents: Iterable[tuple[Record, Money | HeldCoins | CoverContract | DeclarationForm]]
) -> None:
    """Add records of documents, each with the table of the config that names it, to the evidence."""
    for record, table in documents:
        reserves.evidence.add(record, public=table.public)


def add_money(documents: Sequence[MoneyDocument], config: Config, reserves: Reserves) -> None:
    """Add the `documents` of banks to the evidence, and their lines to the money."""
    reserves.money += [money_line(document) for document in documents]
    add_documents(reserves, zip(documents, config.money, strict=True))


def hidden_wallets(config: Config) -> frozenset[str]:
    """The ids of the wallets whose records stay with the auditor."""
    return frozenset(wallet.id for wallet in config.wallets if not wallet.public)


def may_be_public(record: Record, hidden: Collection[str]) -> bool:
    """Whether anyone may see a record of a chain, for what it says; the wallets `hidden` are the auditor's alone."""
    if isinstance(record, Descriptor | OwnWallet):
        return False
    return not (isinstance(record, Reading | Authority) and record.wallet in hidden)
