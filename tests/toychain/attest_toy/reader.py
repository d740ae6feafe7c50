"""The balances of a toy chain, asked of its nodes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from attest_toy.records import ToyBalance, ToyHeader

from attest.chains.family import HeaderFacts, Kept
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Before, Block, Confirmations, PinRule, lost
from attest.chains.records import Reading, reading_fields
from attest.chains.wallets import Pin, Unlisted, Wallet
from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.evidence.record import Record, new_salt


def facts_of(header: bytes) -> HeaderFacts:
    """What a header says: JSON with its height and its time in Unix seconds. Raises `VerificationError`."""
    try:
        value = json.loads(header)
        time = datetime.fromtimestamp(int(value["time"]), UTC)
        return HeaderFacts(sha256(header).digest(), time, int(value["height"]))
    except (ValueError, LookupError, TypeError, OverflowError, OSError):
        raise VerificationError("toy/header", "these bytes are no header of a toy chain") from None


@dataclass(frozen=True, slots=True)
class ToyReader:
    """Reads one chain; `asset` is its coin, `addresses` has the address of each wallet by id."""

    chain: str
    asset: str
    addresses: Mapping[str, str]

    def check_chain(self, node: Node) -> None:
        """Raises `VerificationError` when `node` is on another chain."""
        if (said := node.call("toy_chain")) != self.chain:
            raise VerificationError("toy/chain", f"node {node.name} is on {str(said)[:60]!r}, not on {self.chain}")

    def choose(self, node: Node, rule: PinRule, now: datetime) -> Block:  # noqa: ARG002
        """The block that `rule` means on `node`'s chain."""
        tip = self._tip(node)
        match rule:
            case int():
                return self._block(node, rule)
            case Confirmations(depth):
                return self._block(node, tip - depth + 1)
            case str():
                return self._block(node, tip)
        for height in range(tip, -1, -1):
            block = self._block(node, height)
            if block.pin.time < rule.instant if isinstance(rule, Before) else block.pin.block_hash == rule:
                return block
        raise UnavailableError("toy/pin", f"node {node.name} has no such block")

    def settled(self, node: Node, rule: PinRule) -> int:  # noqa: ARG002
        """The tip, because no block of a toy chain is ever replaced."""
        return self._tip(node)

    def confirm(self, node: Node, pin: Pin) -> bytes:
        """The header of `pin`."""
        block = self._block(node, pin.height)
        if block.pin != pin:
            raise lost(node.name, pin)
        return block.header

    def header_record(self, block: Block) -> ToyHeader:
        """The header as evidence."""
        return ToyHeader(type="toy-header", salt=new_salt(), chain=self.chain, header=block.header)

    def read(
        self,
        quorum: Quorum,
        block: Block,
        wallets: Sequence[Wallet],
        kept: Kept,
        progress: Callable[[int], None],
    ) -> list[Record]:
        """A reading for each wallet, on which the nodes agree."""
        found = kept.records(self.chain)
        if found is None:
            addresses = [self.addresses[wallet.id] for wallet in wallets]
            amounts = quorum.ask(lambda node: balances(node, block.pin, addresses), lambda *_: "says other balances")
            level: Literal["agreed", "single"] = "agreed" if quorum.several else "single"
            readings = [
                ToyBalance(
                    type="toy-balance",
                    salt=new_salt(),
                    **reading_fields(wallet),
                    asset=self.asset,
                    level=level,
                    amount=amount,
                    address=self.addresses[wallet.id],
                )
                for wallet, amount in zip(wallets, amounts, strict=True)
            ]
            found = kept.keep(self.chain, readings, quorum.record(), quorum.failed)
        progress(len(found))
        return list(found)

    def beside(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet], kept: Kept) -> Sequence[Record]:  # noqa: ARG002
        """Nothing."""
        return ()

    def unlisted(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet]) -> Sequence[Unlisted]:  # noqa: ARG002
        """Nothing: an account holds one asset."""
        return ()

    def check_kept(self, node: Node, block: Block, wallets: Sequence[Wallet], records: Sequence[Record]) -> None:  # noqa: ARG002
        """Every balance anew."""
        readings = {index: record for index, record in enumerate(records) if isinstance(record, Reading)}
        check_balances(node, block.pin, readings)

    def _tip(self, node: Node) -> int:
        return _number(node, node.call("toy_tip"))

    def _block(self, node: Node, height: int) -> Block:
        try:
            header = bytes.fromhex(str(node.call("toy_header", height)))
        except ValueError:
            raise UnavailableError("toy/answer", f"node {node.name}: this is no header") from None
        facts = facts_of(header)
        pin = Pin(chain=self.chain, height=height, block_hash=facts.block_hash, time=facts.time)
        if facts.height != height:
            raise VerificationError("toy/header", f"node {node.name} has another block than {height} there")
        return Block(pin, header)


def balances(node: Node, pin: Pin, addresses: Sequence[str]) -> tuple[int, ...]:
    """What `node` says lies at each address at `pin`."""
    return tuple(
        _number(node, said)
        for said in node.batch([("toy_balance", [pin.block_hash.hex(), address]) for address in addresses])
    )


def check_balances(node: Node, pin: Pin, readings: Mapping[int, Reading]) -> None:
    """Raises `VerificationError` naming the record of which `node` says another amount."""
    found = {index: reading for index, reading in readings.items() if isinstance(reading, ToyBalance)}
    said = balances(node, pin, [reading.address for reading in found.values()])
    for (index, reading), amount in zip(found.items(), said, strict=True):
        if amount != reading.amount:
            raise VerificationError("toy/differs", f"record {index}: node {node.name} says {amount}")


def spelled(address: str) -> str:
    """The one spelling of an address. Raises `MalformedError`."""
    if re.fullmatch(r"toy[0-9a-z]{8}", address.lower(), re.ASCII) is None:
        raise MalformedError("toy/address", f"{address[:40]!r} is no address of a toy chain, toy and eight characters")
    return address.lower()


def _number(node: Node, said: object) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or said < 0:
        raise UnavailableError("toy/answer", f"node {node.name}: this is no number")
    return said
