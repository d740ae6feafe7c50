"""One token of an EVM chain at one block: what the nodes agree that its holders have, proven where that can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from attest.amounts import MAX_AMOUNT
from attest.chains.ethereum.answers import (
    WORD_BYTES,
    at_block,
    balance_calls,
    bytes_of,
    decimals_of,
    proof_of,
    proving,
)
from attest.chains.ethereum.proof import (
    DENY_BIT,
    Header,
    Token,
    balance_slot,
    by_hash,
    proven_storage_root,
    proven_token_balance,
)
from attest.chains.ethereum.records import EthereumTokenAnswer, EthereumTokenBalance
from attest.chains.ethereum.token_slot import LOW_BITS, find_token
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import CallRevertedError, Node
from attest.chains.records import reading_fields
from attest.chains.wallets import Unproven, Wallet
from attest.errors import AttestError, MalformedError, UnavailableError
from attest.evidence.record import new_salt

_SLOTS: Final = 100  # storage slots in one eth_getProof
_SAMPLES: Final = 3  # holders with whom each node looks for a slot
_MAX_REASON: Final = 2000


class TokenContract(NamedTuple):
    """An ERC-20 contract of the config; `token` says where it keeps balances, None that this is to be found out."""

    contract: str
    token: Token | None


class Place(NamedTuple):
    """A wallet, and its address in the EIP-55 spelling."""

    wallet: Wallet
    address: str


class _Silent(NamedTuple):
    """A contract that does something else than say what lies at `address`."""

    address: str
    does: str


class _Proven(NamedTuple):
    """The word in a holder's slot, and the trie nodes that show it."""

    word: int
    nodes: tuple[bytes, ...]


@dataclass(slots=True)
class TokenReader:
    """Reads the token `asset`, at `contract`, at the block of `header` on `chain`.

    `amounts` has by address what the nodes agree on. `token` is where balances are proven; while it is None, the nodes'
    word is all there is. `unproven` has the reasons why the token, or what single wallets have of it, is not proven.
    """

    quorum: Quorum
    header: Header
    chain: str
    asset: str
    contract: str
    amounts: dict[str, int] = field(default_factory=dict)
    token: Token | None = None
    unproven: list[Unproven] = field(default_factory=list)

    def check_decimals(self, decimals: int) -> None:
        """Raises `MalformedError` when the contract says that it has others than `decimals`, those of the config."""
        at = at_block(self.header.block_hash)
        said = self.quorum.ask(
            lambda node: decimals_of(node, self.contract, at),
            lambda one, other: f"says that {self.asset} has {other} decimals, not {one}",
        )
        if said is not None and said != decimals:
            raise MalformedError(
                "config/decimals", f"{self.asset} has {decimals} decimals in the config, its contract says {said}"
            )

    def require_contract(self) -> None:
        """Raises `MalformedError` naming the token, the address and the block when there is no contract."""
        at = at_block(self.header.block_hash)
        if not self.quorum.ask(
            lambda node: bool(bytes_of(node, node.call("eth_getCode", self.contract, at))),
            lambda one, _: f"says that there is {'no' if one else 'a'} contract at {self.contract}",
        ):
            raise self._no_token("there is no contract")

    def ask(self, places: Sequence[Place]) -> None:
        """Have the nodes agree on what lies at `places`.

        Raises `MalformedError` when the contract says it of none or not of all of them, `AttestError`.
        """
        names = {place.address: place.wallet.id for place in places}

        def difference(one: tuple[int, ...] | _Silent, other: tuple[int, ...] | _Silent) -> str:
            if isinstance(one, _Silent) or isinstance(other, _Silent):
                silent = other if isinstance(other, _Silent) else one
                return f"differs on whether the contract of {self.asset} says what lies at {silent[0]}"
            place, a, b = next(item for item in zip(places, one, other, strict=True) if item[1] != item[2])
            return f"says {b} for {self.asset} of wallet {place.wallet.id}, not {a}"

        said = self.quorum.ask(lambda node: self._balances(node, list(names)), difference)
        if isinstance(said, _Silent):
            self.require_contract()
            raise self._no_token(
                f"the contract {said.does} when it is asked for the balance of wallet {names[said.address]}"
            )
        self.amounts |= zip(names, said, strict=True)
        if (largest := max(said)) > MAX_AMOUNT:
            raise UnavailableError(
                "ethereum/amount",
                f"{self.asset}: its contract says {largest} for a balance, which does not fit in 128 bits and cannot "
                f"be stated (asked: {self._names})",
                hint="take the asset out of the wallets that have so much of it",
            )

    def find(self, places: Sequence[Place], configured: Token | None, earlier: Token | None) -> None:
        """Find out where the balances are: as `configured`, else as in `earlier` readings, else by the nodes' hints.

        A place is taken when it is proven that what a holder has lies there. Raises `MalformedError` when it is not as
        configured, `UnavailableError` when no node could be asked to the end.
        """
        holders = [place.address for place in places if self.amounts[place.address]][:_SLOTS]
        if configured is not None:
            if not self._fits(configured, holders):
                raise MalformedError(
                    "config/token",
                    f"{self.asset}: the balances of {self.contract} are not where balance_slot says (slot "
                    f"{configured.slot:#x}, {configured.layout}): in block {self.header.number} of {self.chain} "
                    f"nothing that {self._names} say of a balance is proven there",
                    hint="leave balance_slot and balance_layout out: the slot is looked for then",
                )
            self.token = configured
            return
        if earlier is not None and self._fits(earlier, holders):
            self.token = earlier
            return
        reasons: list[str] = []
        failures: list[AttestError] = []
        for token, reason in self._hints(holders[:_SAMPLES] or [places[0].address], failures):
            if token is not None and self._fits(token, holders):
                self.token = token
                return
            reasons.append(reason)
        if not reasons:
            raise failures[0]
        self._say("; ".join(dict.fromkeys([*reasons, *(error.message for error in failures)])))

    def read(self, places: Sequence[Place]) -> list[EthereumTokenBalance | EthereumTokenAnswer]:
        """A reading for each of `places`: proven where the word in its slot is the balance. Raises `AttestError`."""
        token = self.token
        if token is None:
            return [self._answer(place) for place in places]
        proofs = self._words(token, [place.address for place in places])
        return [self._reading(place, token, proof) for place, proof in zip(places, proofs, strict=True)]

    def _reading(self, place: Place, token: Token, proof: _Proven) -> EthereumTokenBalance | EthereumTokenAnswer:
        amount = self.amounts[place.address]
        if proof.word not in {amount, amount + DENY_BIT}:
            self._say(
                f"its word in slot {token.slot:#x} is {proof.word:#x}, of which balanceOf says {amount:#x}, "
                "and what the rest means is not known",
                place.wallet,
            )
            return self._answer(place)
        denied: dict[str, Any] = {"denied": True} if proof.word != amount else {}
        if denied:
            self.quorum.tell(
                f"{self.asset} at wallet {place.wallet.id} cannot move, since the token denies it transfers: "
                "it counts as held, and is told"
            )
        return EthereumTokenBalance(
            type="ethereum-token-balance",
            salt=new_salt(),
            **reading_fields(place.wallet),
            asset=self.asset,
            level="proven",
            amount=amount,
            address=place.address,
            contract=token.contract,
            slot=token.slot.to_bytes(WORD_BYTES),
            layout=token.layout,
            **denied,
            proof=proof.nodes,
        )

    def _answer(self, place: Place) -> EthereumTokenAnswer:
        return EthereumTokenAnswer(
            type="ethereum-token-answer",
            salt=new_salt(),
            **reading_fields(place.wallet),
            asset=self.asset,
            level="agreed" if self.quorum.several else "single",
            amount=self.amounts[place.address],
            address=place.address,
            contract=self.contract,
        )

    def _balances(self, node: Node, addresses: Sequence[str]) -> tuple[int, ...] | _Silent:
        calls = balance_calls(self.contract, addresses, at_block(self.header.block_hash))
        try:
            answers = [bytes_of(node, answer) for answer in node.batch(calls)]
        except CallRevertedError:
            if len(addresses) == 1:
                return _Silent(addresses[0], "reverts")
            middle = len(addresses) // 2
            first = self._balances(node, addresses[:middle])
            # A contract that refused one may have refused all: the first that it refuses is enough to name.
            return first if isinstance(first, _Silent) else self._joined(first, node, addresses[middle:])
        for address, answer in zip(addresses, answers, strict=True):
            if len(answer) != WORD_BYTES:
                return _Silent(address, f"returns {len(answer)} bytes instead of {WORD_BYTES}")
        return tuple(map(int.from_bytes, answers))

    def _joined(self, first: tuple[int, ...], node: Node, addresses: Sequence[str]) -> tuple[int, ...] | _Silent:
        rest = self._balances(node, addresses)
        return rest if isinstance(rest, _Silent) else first + rest

    def _hints(self, samples: Sequence[str], failures: list[AttestError]) -> Iterator[tuple[Token | None, str]]:
        """Where each node says that the balances are, or why not; whatever it says, it stays among the nodes."""
        at = at_block(self.header.block_hash)

        def hint(node: Node, holder: str) -> tuple[Token | None, str]:
            token, reason = find_token(node, self.contract, holder, at)
            return token, reason or f"node {node.name} named a slot in which other numbers lie"

        for holder in samples:
            for answer in self.quorum.in_turn(partial(hint, holder=holder)):
                if isinstance(answer, UnavailableError):
                    failures.append(answer)
                else:
                    yield answer

    def _fits(self, token: Token, holders: Sequence[str]) -> bool:
        """Whether it is proven that what one of `holders` has lies there; any place will do when nobody has any."""
        said = [self.amounts[holder] for holder in holders]
        words = [proof.word for proof in self._words(token, holders)] if holders else []
        return not holders or any(
            amount in {word, word - DENY_BIT, word % (1 << LOW_BITS)} for amount, word in zip(said, words, strict=True)
        )

    def _words(self, token: Token, addresses: Sequence[str]) -> list[_Proven]:
        return self.quorum.first(lambda node: self._proofs(node, token, addresses))

    def _proofs(self, node: Node, token: Token, addresses: Sequence[str]) -> list[_Proven]:
        found: list[_Proven] = []
        for start in range(0, len(addresses), _SLOTS):
            part = addresses[start : start + _SLOTS]
            slots = ["0x" + balance_slot(token, address).hex() for address in part]
            answer = node.call("eth_getProof", token.contract, slots, at_block(self.header.block_hash))
            account, storage = proof_of(node, answer, len(slots))
            with proving(node, self.asset, token.contract):
                root = proven_storage_root(self.header.state_root, token.contract, by_hash(account))
            for address, proof in zip(part, storage, strict=True):
                with proving(node, self.asset, address):
                    word = proven_token_balance(root, token, address, by_hash(proof))
                found.append(_Proven(word, tuple(dict.fromkeys(account + proof))))
        return found

    def _say(self, reason: str, wallet: Wallet | None = None) -> None:
        """Keep and tell why the token, or what one wallet has of it, is not proven."""
        fields: dict[str, Any] = {} if wallet is None else {"wallet": wallet.id}
        short = reason[:_MAX_REASON]
        self.unproven.append(Unproven(chain=self.chain, asset=self.asset, reason=short, **fields))
        where = "" if wallet is None else f" of wallet {wallet.id}"
        level = "agreed" if self.quorum.several else "single"
        self.quorum.tell(f"{self.asset}{where} is {level}, not proven ({self.contract}): {short}")

    def _no_token(self, what: str) -> MalformedError:
        return MalformedError(
            "config/token",
            f"the config names {self.contract} as the token {self.asset}, but in block {self.header.number} of "
            f"{self.chain} {what} (asked: {self._names})",
            hint="take the token's own address from its issuer, on this very chain; a wallet whose balance a token "
            "does not tell cannot list it",
        )

    @property
    def _names(self) -> str:
        return ", ".join(node.name for node in self.quorum.nodes)
