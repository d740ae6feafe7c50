"""Bitcoin and its kin: the unspent outputs of a register's scripts at one pinned block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from attest.chains.bitcoin.answers import contradiction, hash_at, header_of, height_in, integer, shaped, tip_height
from attest.chains.bitcoin.header import header_hash, header_time
from attest.chains.bitcoin.records import BitcoinDescriptor, BitcoinHeader, BitcoinUtxos, BitcoinUtxoSet, Utxo
from attest.chains.bitcoin.reread import check_outputs
from attest.chains.bitcoin.unspent import difference, unspent_at
from attest.chains.bitcoin.utxo_set.prove import prove_unspent
from attest.chains.family import Kept
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import (
    BITCOIN_DEPTH,
    Before,
    Block,
    Confirmations,
    PinRule,
    first_height,
    height_at_depth,
    lost,
    not_reached,
    refuse_stale,
)
from attest.chains.records import HeaderRecord, reading_fields
from attest.chains.wallets import Pin, Unlisted, Wallet
from attest.documents import format_time
from attest.evidence.record import Record, new_salt

_MEDIAN_BLOCKS: Final = 11  # BIP-113


@dataclass(frozen=True, slots=True)
class BitcoinReader:
    """Reads one chain of Bitcoin's kind; `asset` is its coin, `scripts` has the scriptPubKeys of each wallet by id.

    Into the folder `utxo_sets` a node may write its set of unspent outputs, to have it proven.
    """

    chain: str
    asset: str
    scripts: Mapping[str, Sequence[bytes]]
    utxo_sets: Path | None = None

    def check_chain(self, node: Node) -> None:
        """Raises `VerificationError` when `node` is on another chain."""
        genesis = str(node.call("getblockhash", 0))
        if not genesis.startswith(self.chain.removeprefix("bip122:")):
            raise contradiction(node, "chain", f"is on the chain of genesis block {genesis[:64]}, not on {self.chain}")

    def choose(self, node: Node, rule: PinRule, now: datetime) -> Block:
        """The block that `rule` means on `node`'s chain, by the clock `now`. Raises `AttestError`.

        Bitcoin has no finality: `finalized` is refused by the config.
        """
        match rule:
            case int():
                height = rule
            case bytes():
                height = height_in(node, node.call("getblockheader", rule.hex()), "height")
                if hash_at(node, height) != rule.hex():
                    raise lost(node.name, Pin(chain=self.chain, height=height, block_hash=rule, time=now))
            case Before(instant):
                height = _last_before(node, instant)
            case _:
                tip = tip_height(node)
                refuse_stale(node.name, header_time(header_of(node, hash_at(node, tip))), now)
                height = height_at_depth(node.name, tip, rule.depth if isinstance(rule, Confirmations) else 1)
        header = header_of(node, hash_at(node, height))
        pin = Pin(chain=self.chain, height=height, block_hash=header_hash(header), time=header_time(header))
        return Block(pin, header)

    def settled(self, node: Node, rule: PinRule) -> int:
        """The height up to which `node`'s blocks are settled: as deep as `rule` asks for, or with six confirmations."""
        depth = rule.depth if isinstance(rule, Confirmations) else 1 if rule == "latest" else BITCOIN_DEPTH
        return tip_height(node) - depth + 1

    def confirm(self, node: Node, pin: Pin) -> bytes:
        """The header of `pin`, which is on `node`'s chain. Raises `PinLostError` when it is not, `AttestError`."""
        if hash_at(node, pin.height) != pin.block_hash.hex():
            raise lost(node.name, pin)
        return header_of(node, pin.block_hash.hex())

    def header_record(self, block: Block) -> HeaderRecord:
        """The pinned block's header as evidence."""
        return BitcoinHeader(type="bitcoin-header", salt=new_salt(), chain=self.chain, header=block.header)

    def read(
        self,
        quorum: Quorum,
        block: Block,
        wallets: Sequence[Wallet],
        kept: Kept,
        progress: Callable[[int], None],
    ) -> list[Record]:
        """The unspent outputs of every wallet at `block`: a reading each, and the record of the set that proves them.

        The nodes must agree on every output. Raises `UnavailableError` when they do not answer,
        `VerificationError` when answers contradict each other or the chain.
        """
        found = kept.records(self.chain)
        if found is None:
            found = kept.keep(self.chain, self._readings(quorum, block.pin, wallets), quorum.record(), quorum.failed)
        progress(len(found))
        return list(found)

    def beside(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet], kept: Kept) -> list[Record]:  # noqa: ARG002
        """The descriptors of the wallets that have one."""
        return [_descriptor(wallet) for wallet in wallets if wallet.descriptor is not None]

    def check_kept(self, node: Node, block: Block, wallets: Sequence[Wallet], records: Sequence[Record]) -> None:  # noqa: ARG002
        """All outputs of the wallets, so that one more than was kept is found too. Raises `AttestError`."""
        check_outputs(node, block.pin, records, self.scripts)

    def unlisted(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet]) -> list[Unlisted]:  # noqa: ARG002
        """Nothing: a Bitcoin script holds one asset."""
        return []

    def _readings(self, quorum: Quorum, pin: Pin, wallets: Sequence[Wallet]) -> list[BitcoinUtxoSet | BitcoinUtxos]:
        owners = {script: wallet.id for wallet in wallets for script in self.scripts[wallet.id]}
        unspent = quorum.ask(lambda node: unspent_at(node, pin, sorted(owners), tell=quorum.tell), difference)
        level: Literal["proven", "agreed", "single"] = "agreed" if quorum.several else "single"
        utxo_set = None
        if self.utxo_sets is not None:
            utxo_set = prove_unspent(quorum, pin, unspent, frozenset(owners), self.utxo_sets)
        found: dict[str, list[Utxo]] = {wallet.id: [] for wallet in wallets}
        for utxo in unspent:
            found[owners[utxo.script]].append(utxo)
        readings: list[BitcoinUtxoSet | BitcoinUtxos] = [
            BitcoinUtxos(
                type="bitcoin-utxos",
                salt=new_salt(),
                **reading_fields(wallet),
                asset=self.asset,
                level=level if utxo_set is None else "proven",
                amount=sum(utxo.amount for utxo in found[wallet.id]),
                utxos=tuple(found[wallet.id]),
            )
            for wallet in wallets
        ]
        return readings if utxo_set is None else [utxo_set, *readings]


def _last_before(node: Node, instant: datetime) -> int:
    """The height of the last block with a header time before `instant`.

    Header times may go back; their median over eleven blocks does not (BIP-113), and no block that follows a median
    of at least `instant` has an earlier time. So the block is among the last eleven up to there.
    """
    tip = tip_height(node)
    reached = int(instant.timestamp())
    if (median := _median_time(node, tip)) < reached:
        raise not_reached(node.name, instant, median)
    settled = first_height(0, tip, lambda height: _median_time(node, height) >= reached)
    for height in range(settled, max(settled - _MEDIAN_BLOCKS, -1), -1):
        if header_time(header_of(node, hash_at(node, height))) < instant:
            return height
    raise contradiction(node, "block", f"has a chain that begins after {format_time(instant)}")


def _median_time(node: Node, height: int) -> int:
    answer = node.call("getblockheader", hash_at(node, height))
    with shaped(node, "a header"):
        return integer(node, answer["mediantime"])


def _descriptor(wallet: Wallet) -> BitcoinDescriptor:
    fields: dict[str, Any] = {"wallet": wallet.id, "descriptor": wallet.descriptor}
    if wallet.range is not None:
        fields["range"] = wallet.range
    return BitcoinDescriptor(type="bitcoin-descriptor", salt=new_salt(), **fields)
