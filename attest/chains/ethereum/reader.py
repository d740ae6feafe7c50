"""Ethereum and other EVM chains: every balance of a register at one pinned block, believed only with its proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from attest.amounts import MAX_AMOUNT
from attest.chains.ethereum.answers import (
    amounts,
    at_block,
    header_of,
    lie,
    proof_of,
    proving,
    quantity,
    unfit,
)
from attest.chains.ethereum.contracts import safe_records
from attest.chains.ethereum.proof import Header, Token, by_hash, decode_header, proven_balance
from attest.chains.ethereum.records import EthereumBalance, EthereumHeader, EthereumSafe, EthereumTokenBalance
from attest.chains.ethereum.reread import check_safes, reread_amounts
from attest.chains.ethereum.tokens import Place, TokenContract, TokenReader
from attest.chains.ethereum.unknown_tokens import unknown_tokens
from attest.chains.family import Kept
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import CallRevertedError, Node
from attest.chains.pins import (
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
from attest.chains.records import HeaderRecord, Reading, reading_fields
from attest.chains.wallets import Pin, Unlisted, Wallet
from attest.documents import format_time
from attest.errors import UnavailableError
from attest.evidence.record import Record, new_salt

_CHUNK: Final = 500  # readings that are agreed on, proven and kept together


@dataclass(frozen=True, slots=True)
class EthereumReader:
    """Reads one chain. `native` is the asset of the chain's coin, `tokens` those of contracts.

    `addresses` has the address of each wallet by id, in its EIP-55 spelling. From the block `tokens_since` on, tokens
    that are not named are looked for.
    """

    chain: str
    native: str
    tokens: Mapping[str, TokenContract]
    decimals: Mapping[str, int]
    addresses: Mapping[str, str]
    tokens_since: int | None = None

    def check_chain(self, node: Node) -> None:
        """Raises `VerificationError` when `node` is on another chain."""
        expected = int(self.chain.removeprefix("eip155:"))
        if (chain_id := quantity(node, node.call("eth_chainId"))) != expected:
            raise lie(node, "chain", f"is on chain {chain_id}, not on {expected}")

    def choose(self, node: Node, rule: PinRule, now: datetime) -> Block:
        """The block that `rule` means on `node`'s chain, by the clock `now`. Raises `AttestError`."""
        match rule:
            case str():
                header = header_of(node, rule)
                refuse_stale(node.name, header[1].time, now, "block" if rule == "latest" else f"{rule} block")
            case int():
                header = header_of(node, rule)
            case bytes():
                header = header_of(node, rule)
                if header_of(node, header[1].number)[1].block_hash != rule:
                    raise lost(node.name, self._block(header).pin)
            case Confirmations(depth):
                _, tip = header_of(node, "latest")
                refuse_stale(node.name, tip.time, now)
                header = header_of(node, height_at_depth(node.name, tip.number, depth))
            case Before(instant):
                _, final = header_of(node, "finalized")
                if final.time < instant:
                    raise not_reached(node.name, instant, int(final.time.timestamp()))
                after = first_height(0, final.number, lambda height: header_of(node, height)[1].time >= instant)
                if after == 0:
                    raise lie(node, "block", f"has a chain that begins after {format_time(instant)}")
                header = header_of(node, after - 1)
        return self._block(header)

    def settled(self, node: Node, rule: PinRule) -> int:
        """The height up to which `node`'s blocks are settled: as deep as `rule` asks for, or finalized."""
        if isinstance(rule, Confirmations):
            return header_of(node, "latest")[1].number - rule.depth + 1
        return header_of(node, "latest" if rule == "latest" else "finalized")[1].number

    def confirm(self, node: Node, pin: Pin) -> bytes:
        """The header of `pin`, which is on `node`'s chain. Raises `PinLostError` when it is not, `AttestError`."""
        encoded, header = header_of(node, pin.height)
        if self._block((encoded, header)).pin != pin:
            raise lost(node.name, pin)
        return encoded

    def header_record(self, block: Block) -> HeaderRecord:
        """The pinned block's header as evidence."""
        return EthereumHeader(type="ethereum-header", salt=new_salt(), chain=self.chain, header=block.header)

    def read(
        self,
        quorum: Quorum,
        block: Block,
        wallets: Sequence[Wallet],
        kept: Kept,
        progress: Callable[[int], None],
    ) -> list[Record]:
        """Every asset of every wallet at `block`, one reading each; `progress` hears how many there are so far.

        The nodes must agree on the figures, and each figure is proven against the block's hash by one of them.
        Only a token that keeps no balance in a slot of its storage is taken at their word.
        Raises `UnavailableError` when the nodes do not answer everything, `VerificationError` for what is false.
        """
        header = decode_header(block.header)
        readings: list[Record] = []
        for asset in (self.native, *self.tokens):
            places = [Place(wallet, self.addresses[wallet.id]) for wallet in wallets if asset in wallet.assets]
            parts = {
                f"{self.chain} {asset} {start}": places[start : start + _CHUNK]
                for start in range(0, len(places), _CHUNK)
            }
            left = [place for key, part in parts.items() if kept.records(key) is None for place in part]
            token = self._open(quorum, asset, header, left, kept) if left and asset in self.tokens else None
            for key, part in parts.items():
                found = kept.records(key)
                if found is None:
                    read = self._native(quorum, header, part) if token is None else token.read(part)
                    if token is not None and token.unproven:
                        kept.keep_unproven(self.chain, token.unproven)
                    found = kept.keep(key, read, quorum.record(), quorum.failed)
                readings += found
                progress(len(readings))
        return readings

    def beside(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet], kept: Kept) -> Sequence[Record]:
        """The Safes among the addresses, by proof; one that is of a public wallet too stands under its name."""
        found = kept.records(key := f"{self.chain} safes")
        if found is None:
            found = kept.keep(key, self._safes(quorum, block, wallets), quorum.record(), quorum.failed)
        return found

    def check_kept(self, node: Node, block: Block, wallets: Sequence[Wallet], records: Sequence[Record]) -> None:
        """The balances, or the Safes where none of `records` is a balance. Raises `AttestError`."""
        readings = [record for record in records if isinstance(record, Reading)]
        if readings:
            reread_amounts(node, block.pin, dict(enumerate(readings)), lambda _: None)
        else:
            alone = Quorum(self.chain, [node], 1, lambda _: None)
            check_safes(node, block.pin, records, self._safes(alone, block, wallets))

    def _safes(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet]) -> list[EthereumSafe]:
        owners = {self.addresses[wallet.id]: wallet.id for wallet in sorted(wallets, key=lambda wallet: wallet.public)}
        return safe_records(quorum, block, owners)

    def unlisted(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet]) -> list[Unlisted]:
        """What lies at the addresses and does not count: assets that no wallet there lists, tokens without a name."""
        owners = {self.addresses[wallet.id]: wallet.id for wallet in wallets}
        listed = {(self.addresses[wallet.id], asset) for wallet in wallets for asset in wallet.assets}
        at = at_block(block.pin.block_hash)
        found = []
        for asset in (self.native, *self.tokens):
            left = [address for address in owners if (address, asset) not in listed]
            try:
                said = quorum.first(lambda node: self._amounts(node, asset, left, at))  # noqa: B023 (called at once)
            except UnavailableError as error:
                told = not isinstance(error, CallRevertedError) and error.code != "ethereum/word"
                if asset not in self.tokens or told:
                    raise  # else the contract does not say what some address has
                header = decode_header(block.header)
                TokenReader(quorum, header, self.chain, asset, self.tokens[asset].contract).require_contract()
                quorum.tell(f"{asset} at wallets that do not list it was not looked for: {error.message}")
                continue
            found += [(address, asset, amount) for address, amount in zip(left, said, strict=True) if amount]
        if self.tokens_since is not None:
            known = frozenset(token.contract for token in self.tokens.values())
            found += unknown_tokens(quorum, block.pin, self.tokens_since, known, list(owners))
        return [Unlisted(wallet=owners[address], asset=asset, amount=str(amount)) for address, asset, amount in found]

    def _open(self, quorum: Quorum, asset: str, header: Header, places: Sequence[Place], kept: Kept) -> TokenReader:
        """The reader of a token, which knows what all of `places` have of it and where that is proven."""
        contract, configured = self.tokens[asset]
        token = TokenReader(quorum, header, self.chain, asset, contract)
        token.check_decimals(self.decimals[asset])
        for start in range(0, len(places), _CHUNK):
            token.ask(places[start : start + _CHUNK])
        earlier = next(
            (
                Token(record.contract, int.from_bytes(record.slot), record.layout)
                for record in kept.pinned(f"{self.chain} {asset} 0") or ()
                if isinstance(record, EthereumTokenBalance)
            ),
            None,
        )
        token.find(places, configured, earlier)
        return token

    def _native(self, quorum: Quorum, header: Header, places: Sequence[Place]) -> Sequence[EthereumBalance]:
        at = at_block(header.block_hash)
        addresses = [place.address for place in places]

        def difference(one: tuple[int, ...], other: tuple[int, ...]) -> str:
            place, a, b = next(item for item in zip(places, one, other, strict=True) if item[1] != item[2])
            return f"says {b} for {self.native} of wallet {place.wallet.id}, not {a}"

        amounts = quorum.ask(lambda node: _countable(node, self._amounts(node, self.native, addresses, at)), difference)
        return quorum.first(lambda node: self._native_proofs(node, header, places, amounts))

    def _amounts(self, node: Node, asset: str, addresses: Sequence[str], at: dict[str, Any]) -> tuple[int, ...]:
        return amounts(node, None if asset == self.native else self.tokens[asset].contract, addresses, at)

    def _native_proofs(
        self, node: Node, header: Header, places: Sequence[Place], amounts: Sequence[int]
    ) -> Sequence[EthereumBalance]:
        at = at_block(header.block_hash)
        answers = node.batch([("eth_getProof", [place.address, [], at]) for place in places])
        readings: list[EthereumBalance] = []
        for place, amount, answer in zip(places, amounts, answers, strict=True):
            proof, _ = proof_of(node, answer, 0)
            with proving(node, self.native, place.address):
                shown = proven_balance(header.state_root, place.address, by_hash(proof))
            _compare(node, self.native, place, amount, shown)
            readings.append(
                EthereumBalance(
                    type="ethereum-balance",
                    salt=new_salt(),
                    **reading_fields(place.wallet),
                    asset=self.native,
                    level="proven",
                    amount=amount,
                    address=place.address,
                    proof=proof,
                )
            )
        return readings

    def _block(self, header: tuple[bytes, Header]) -> Block:
        encoded, decoded = header
        pin = Pin(chain=self.chain, height=decoded.number, block_hash=decoded.block_hash, time=decoded.time)
        return Block(pin, encoded)


def _countable(node: Node, amounts: tuple[int, ...]) -> tuple[int, ...]:
    """The amounts, each of which a statement can hold."""
    if (largest := max(amounts)) > MAX_AMOUNT:
        raise unfit(node, "amount", f"says {largest} for a balance, which does not fit in 128 bits")
    return amounts


def _compare(node: Node, asset: str, place: Place, said: int, shown: int) -> None:
    if said != shown:
        raise lie(node, "balance", f"says {said} for {asset} at {place.address}, but its own proof shows {shown}")
