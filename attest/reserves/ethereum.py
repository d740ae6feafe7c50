"""Ethereum and other EVM chains: every balance of a register at one pinned block, believed only with its proof."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from attest.amounts import MAX_AMOUNT
from attest.documents import format_time
from attest.errors import AttestError, MalformedError
from attest.reserves.ethereum_contracts import safe_records
from attest.reserves.ethereum_node import amounts, at_block, decimals_of, header_of, lie, proof_of, quantity
from attest.reserves.ethereum_proof import (
    Header,
    Token,
    balance_slot,
    by_hash,
    decode_header,
    proven_balance,
    proven_storage_root,
    proven_token_balance,
)
from attest.reserves.journal import Journal, Shelf
from attest.reserves.pins import (
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
from attest.reserves.quorum import Quorum
from attest.reserves.records import (
    AnyReading,
    EthereumBalance,
    EthereumHeader,
    EthereumSafe,
    EthereumTokenAnswer,
    EthereumTokenBalance,
    Record,
    new_salt,
    reading_fields,
)
from attest.reserves.rpc import Node
from attest.reserves.token_slot import find_token
from attest.reserves.unknown_tokens import unknown_tokens
from attest.reserves.wallets import Pin, Unlisted, Wallet

_CHUNK: Final = 500  # readings that are agreed on, proven and kept together
_SLOT_BYTES: Final = 32
_SLOTS: Final = 100  # storage slots in one eth_getProof


class TokenContract(NamedTuple):
    """An ERC-20 contract of the config; `token` says where it keeps balances, None that this is to be found out."""

    contract: str
    token: Token | None


class _Place(NamedTuple):
    wallet: Wallet
    address: str


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
                refuse_stale(node.name, header[1].time, now)
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

    def header_record(self, block: Block) -> Record:
        """The pinned block's header as evidence."""
        return EthereumHeader(type="ethereum-header", salt=new_salt(), chain=self.chain, header=block.header)

    def read(
        self,
        quorum: Quorum,
        block: Block,
        wallets: Sequence[Wallet],
        journal: Journal | Shelf,
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
            places = [_Place(wallet, self.addresses[wallet.id]) for wallet in wallets if asset in wallet.assets]
            keys = {f"{self.chain} {asset} {start}": start for start in range(0, len(places), _CHUNK)}
            token = None
            if asset in self.tokens and any(journal.records(key) is None for key in keys):
                token = self._token(quorum, asset, header, places[0].address)
            for key, start in keys.items():
                kept = journal.records(key)
                if kept is None:
                    part = places[start : start + _CHUNK]
                    kept = journal.keep(key, self._chunk(quorum, header, asset, token, part), quorum.record())
                readings += kept
                progress(len(readings))
        return readings

    def safes(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet]) -> list[EthereumSafe]:
        """The Safes among the addresses, by proof; one that is of a public wallet too stands under its name."""
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
            said = quorum.first(lambda node: self._amounts(node, asset, left, at))  # noqa: B023 (called at once)
            found += [(address, asset, amount) for address, amount in zip(left, said, strict=True) if amount]
        if self.tokens_since is not None:
            known = frozenset(token.contract for token in self.tokens.values())
            found += unknown_tokens(quorum, block.pin, self.tokens_since, known, list(owners))
        return [Unlisted(wallet=owners[address], asset=asset, amount=str(amount)) for address, asset, amount in found]

    def _token(self, quorum: Quorum, asset: str, header: Header, holder: str) -> Token | None:
        contract, token = self.tokens[asset]
        at = at_block(header.block_hash)
        said = quorum.ask(
            lambda node: decimals_of(node, contract, at),
            lambda one, other: f"says that {asset} has {other} decimals, not {one}",
        )
        if said is not None and said != (configured := self.decimals[asset]):
            raise MalformedError(
                "config/decimals", f"{asset} has {configured} decimals in the config, its contract says {said}"
            )
        return token or quorum.first(lambda node: find_token(node, contract, holder, at))

    def _chunk(
        self, quorum: Quorum, header: Header, asset: str, token: Token | None, places: Sequence[_Place]
    ) -> Sequence[AnyReading]:
        at = at_block(header.block_hash)
        addresses = [place.address for place in places]

        def difference(one: tuple[int, ...], other: tuple[int, ...]) -> str:
            place, a, b = next(item for item in zip(places, one, other, strict=True) if item[1] != item[2])
            return f"says {b} for {asset} of wallet {place.wallet.id}, not {a}"

        amounts = quorum.ask(lambda node: _countable(node, self._amounts(node, asset, addresses, at)), difference)
        if asset == self.native:
            return quorum.first(lambda node: self._native_proofs(node, header, places, amounts))
        if token is not None:
            return quorum.first(lambda node: self._token_proofs(node, header, asset, token, places, amounts))
        return [
            EthereumTokenAnswer(
                type="ethereum-token-answer",
                salt=new_salt(),
                **reading_fields(place.wallet),
                asset=asset,
                level="agreed" if quorum.several else "single",
                amount=amount,
                address=place.address,
                contract=self.tokens[asset].contract,
            )
            for place, amount in zip(places, amounts, strict=True)
        ]

    def _amounts(self, node: Node, asset: str, addresses: Sequence[str], at: dict[str, Any]) -> tuple[int, ...]:
        return amounts(node, None if asset == self.native else self.tokens[asset].contract, addresses, at)

    def _native_proofs(
        self, node: Node, header: Header, places: Sequence[_Place], amounts: Sequence[int]
    ) -> Sequence[AnyReading]:
        at = at_block(header.block_hash)
        answers = node.batch([("eth_getProof", [place.address, [], at]) for place in places])
        readings: list[AnyReading] = []
        for place, amount, answer in zip(places, amounts, answers, strict=True):
            proof, _ = proof_of(node, answer, 0)
            with _proving(node, self.native, place):
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

    def _token_proofs(
        self, node: Node, header: Header, asset: str, token: Token, places: Sequence[_Place], amounts: Sequence[int]
    ) -> Sequence[AnyReading]:
        readings: list[AnyReading] = []
        for start in range(0, len(places), _SLOTS):
            part = places[start : start + _SLOTS]
            slots = ["0x" + balance_slot(token, place.address).hex() for place in part]
            answer = node.call("eth_getProof", token.contract, slots, at_block(header.block_hash))
            account, storage = proof_of(node, answer, len(slots))
            with _proving(node, asset, part[0]):
                root = proven_storage_root(header.state_root, token.contract, by_hash(account))
            for place, amount, proof in zip(part, amounts[start : start + _SLOTS], storage, strict=True):
                with _proving(node, asset, place):
                    shown = proven_token_balance(root, token, place.address, by_hash(proof))
                _compare(node, asset, place, amount, shown)
                readings.append(
                    EthereumTokenBalance(
                        type="ethereum-token-balance",
                        salt=new_salt(),
                        **reading_fields(place.wallet),
                        asset=asset,
                        level="proven",
                        amount=amount,
                        address=place.address,
                        contract=token.contract,
                        slot=token.slot.to_bytes(_SLOT_BYTES),
                        layout=token.layout,
                        proof=tuple(dict.fromkeys(account + proof)),
                    )
                )
        return readings

    def _block(self, header: tuple[bytes, Header]) -> Block:
        encoded, decoded = header
        pin = Pin(chain=self.chain, height=decoded.number, block_hash=decoded.block_hash, time=decoded.time)
        return Block(pin, encoded)


@contextmanager
def _proving(node: Node, asset: str, place: _Place) -> Iterator[None]:
    """Name the node and the place in an error about a proof."""
    try:
        yield
    except (AttestError, ValueError) as error:
        raise lie(node, "proof", f"gave no valid proof of {asset} at {place.address}: {error}") from None


def _countable(node: Node, amounts: tuple[int, ...]) -> tuple[int, ...]:
    """The amounts, each of which a statement can hold: a token may answer with 256 bits."""
    if (largest := max(amounts)) > MAX_AMOUNT:
        raise lie(node, "amount", f"says {largest} for a balance, which does not fit in 128 bits")
    return amounts


def _compare(node: Node, asset: str, place: _Place, said: int, shown: int) -> None:
    if said != shown:
        raise lie(node, "balance", f"says {said} for {asset} at {place.address}, but its own proof shows {shown}")
