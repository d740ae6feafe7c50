"""Where a token contract keeps its balances, found by asking a node.

ERC-20 (EIP-20) says how to ask for a balance, not where it is stored, and a proof (EIP-1186) is of storage.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, get_args

from attest.chains.ethereum.answers import unfit
from attest.chains.ethereum.proof import Layout, Token, balance_slot, checksum_address
from attest.chains.nodes.answer_sizes import Call
from attest.chains.nodes.rpc import CallEndedError, Node, NodeRefusedError
from attest.errors import UnavailableError

_SLOTS: Final = 64
_DEEP_SLOTS: Final = 10_000  # that are looked for among the keys of an access list: half a second of hashing
# ERC-7201 of "openzeppelin.storage.ERC20"; the balances are the first member of OpenZeppelin 5's ERC20Upgradeable.
_OPENZEPPELIN_5: Final = 0x52C63247E1F47DB19D5CE0460030C497F067CA4CEBF71BA98EEADABE20BACE00
_BALANCE_OF: Final = "0x70a08231"
_RETURN_SLOT_0: Final = "0x60005460005260206000f3"  # sload(0), mstore(0, it), return 32 bytes of memory
_SMALL: Final = 42
_NOT_OPTIMISED: Final = False
# Some tokens, UNI and COMP among them, keep a balance in 96 bits of an otherwise empty word.
LOW_BITS: Final = 96
_WORD: Final = re.compile(r"0x[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
# A node refuses what it does not offer by an error of the call, a provider before it also by the HTTP status.


class Found(NamedTuple):
    """The place of a token's balances, or None and the reason why this node could not name one."""

    token: Token | None
    reason: str = ""


def find_token(node: Node, contract: str, holder: str, block: Mapping[str, Any]) -> Found:
    """The storage slot of the balance mapping of the token at `contract`, as far as `node` helps to find it.

    `holder` is an address to try it with, best one that owns some of the token. `block` is the block by hash
    (EIP-1898), `{"blockHash": "0x…", "requireCanonical": True}`, where everything is asked.

    Candidates are the slots up to 63 in either layout and that of OpenZeppelin 5, and those below 10,000 which the
    access list of balanceOf names (`eth_createAccessList`, EIP-2930); what the list leaves out is tried too. The one is
    taken whose word has the balance in its low bits, and that makes balanceOf say whatever other number is put into it
    by a state override of `eth_call`. No slot holds balances that are computed, lie in another contract or have less
    than 96 bits of a word; above those, a word may have bits of other meaning.

    The answer is a hint, not evidence: a node that lies can hide the slot or name a wrong one. Every reading must
    compare balanceOf with the value that is proven at the slot.

    Raises `UnavailableError` when the node does not answer, answers in another form, or offers no state overrides, so
    that nothing can be confirmed; `MalformedError` for no address.
    """
    search = _Search(node, checksum_address(contract), checksum_address(holder), dict(block))
    usual = search.usual()
    read, reason = search.read_keys()
    # What the access list names comes first, since that is asked for quickly, and then whatever it does not name.
    named = search.among(read, usual)
    for tokens in (named, [token for token in usual if token not in named]):
        if (token := search.best(tokens)) is not None:
            return Found(token)
    if not read:
        # Nethermind and Erigon leave the called contract out, unless a third parameter says not to optimise the list.
        read, more = search.read_keys(_NOT_OPTIMISED)
        reason = more if read else reason
    token = search.best(search.deep(read))
    return Found(token, "" if token else reason)


@dataclass(frozen=True, slots=True)
class _Search:
    node: Node
    contract: str
    holder: str
    block: dict[str, Any]

    def usual(self) -> list[Token]:
        """The usual places."""
        found = [Token(self.contract, slot, layout) for layout in get_args(Layout) for slot in range(_SLOTS)]
        return [*found, Token(self.contract, _OPENZEPPELIN_5)]

    def deep(self, keys: set[bytes]) -> list[Token]:
        """Places among the `keys` behind so many variables that only an access list tells of them."""
        places = _deep_places(self.holder) if keys else {}
        return [Token(self.contract, *places[key]) for key in sorted(keys & places.keys())]

    def among(self, keys: set[bytes], tokens: Iterable[Token]) -> list[Token]:
        """Those of `tokens` whose place is one of the `keys`."""
        return [token for token in tokens if balance_slot(token, self.holder) in keys] if keys else []

    def read_keys(self, *more: object) -> tuple[set[bytes], str]:
        """What balanceOf reads from the contract's own storage, and a reason for the case that no slot is confirmed."""
        try:
            answer = self.node.call("eth_createAccessList", self._balance_of(), self.block, *more)
        except UnavailableError as error:
            # Not every node has the method, and geth refuses it where the zero address cannot pay for gas.
            return set(), f"it is in no usual slot, and {error.message}"
        keys, name = self._storage_keys(answer), self.node.name
        if keys is None:
            return set(), f"it is in no usual slot, and node {name} gave an access list of a form that is not known"
        if own := keys.get(self.contract.lower()):
            return own, f"no storage slot that balanceOf reads decides alone what it says, as far as node {name} shows"
        if any(keys.values()):
            return set(), f"it is in no usual slot, and balanceOf reads other contracts' storage, says node {name}"
        return set(), f"it is in no usual slot, and the access list of node {name} leaves the contract out"

    def best(self, tokens: Sequence[Token]) -> Token | None:
        """The one of `tokens` that is confirmed to hold the balances."""
        holding = self.holding(tokens) if tokens else []
        if not holding:
            return None
        self.require_overrides()
        confirmed = self.confirmed(holding)
        # Several only when they are added up and all but one are empty: none of them is the balance.
        return confirmed[0] if len(confirmed) == 1 else None

    def holding(self, tokens: Sequence[Token]) -> list[Token]:
        """Those in whose slot lies what balanceOf says, alone or below bits of other meaning."""
        places: list[Call] = [("eth_getStorageAt", [self.contract, self._place(token), self.block]) for token in tokens]
        answers = self.node.batch([("eth_call", [self._balance_of(), self.block]), *places])
        balance, *stored = (int.from_bytes(self._word(answer)) for answer in answers)
        return [token for token, word in zip(tokens, stored, strict=True) if _has(word, balance)]

    def require_overrides(self) -> None:
        """Raise `UnavailableError` unless the node calls code of ours on storage of ours in the contract's place."""
        value = _large()
        replaced = {"code": _RETURN_SLOT_0, "stateDiff": {_hex(bytes(32)): _hex(value)}}
        try:
            offered = self._word(self.node.call("eth_call", *self._override(replaced))) == value
        except (NodeRefusedError, CallEndedError):
            offered = False
        if not offered:
            raise UnavailableError(
                "ethereum/no-override",
                f"node {self.node.name} offers no state overrides of eth_call; "
                f"without them the storage slot of the balances of {self.contract} cannot be confirmed",
                hint="set balance_slot (and balance_layout) of this contract in the config, or name another node",
            )

    def confirmed(self, tokens: Sequence[Token]) -> list[Token]:
        """Those whose slot decides what balanceOf says. Only after `require_overrides`."""
        values = (_SMALL.to_bytes(32), _large())
        calls: list[Call] = [
            ("eth_call", self._override({"stateDiff": {self._place(token): _hex(value)}}))
            for token in tokens
            for value in values
        ]
        try:
            said = [self._word(answer) for answer in self.node.batch(calls)]
        except CallEndedError:
            # The node knows overrides, so it was the contract; which candidate's value it did not bear is unknown.
            if len(tokens) == 1:
                return []
            middle = len(tokens) // 2
            return [*self.confirmed(tokens[:middle]), *self.confirmed(tokens[middle:])]
        return [token for token, *pair in zip(tokens, said[::2], said[1::2], strict=True) if tuple(pair) == values]

    def _balance_of(self) -> dict[str, str]:
        return {"to": self.contract, "data": _BALANCE_OF + self.holder[2:].lower().rjust(64, "0")}

    def _override(self, account: dict[str, Any]) -> list[Any]:
        return [self._balance_of(), self.block, {self.contract: account}]

    def _place(self, token: Token) -> str:
        return _hex(balance_slot(token, self.holder))

    def _storage_keys(self, answer: object) -> dict[str, set[bytes]] | None:
        """The keys in an access list by contract, in lower case; None for a list of another form."""
        entries = answer.get("accessList") if isinstance(answer, dict) else None
        if not isinstance(entries, list):
            return None
        keys: dict[str, set[bytes]] = {}
        for entry in entries:
            # Releases of geth write null for no keys, which the implementation behind a proxy has.
            given = (entry.get("storageKeys") or []) if isinstance(entry, dict) else None
            if not isinstance(given, list) or not isinstance(entry.get("address"), str):
                return None
            try:
                words = {self._word(key) for key in given}
            except UnavailableError:
                return None
            keys.setdefault(entry["address"].lower(), set()).update(words)
        return keys

    def _word(self, value: object) -> bytes:
        if not isinstance(value, str) or _WORD.fullmatch(value) is None:
            raise unfit(self.node, "word", f"answered {str(value)[:80]!r} where 32 bytes belong")
        return bytes.fromhex(value[2:])


@lru_cache(maxsize=16)
def _deep_places(holder: str) -> dict[bytes, tuple[int, Layout]]:
    """Slot and layout by the place of the balance of `holder`, which is the same in all contracts."""
    return {
        balance_slot(Token("", slot, layout), holder): (slot, layout)
        for layout in get_args(Layout)
        for slot in range(_SLOTS, _DEEP_SLOTS)
    }


def _has(word: int, balance: int) -> bool:
    """Whether a word is the balance, or has it in its low bits below others."""
    return balance in {word, word % (1 << LOW_BITS)}


def _large() -> bytes:
    """A random number whose highest and lowest bits are set, so that a token that cuts either off always shows."""
    return (1 << (LOW_BITS - 1) | secrets.randbits(LOW_BITS - 1) | 1).to_bytes(32)


def _hex(word: bytes) -> str:
    return "0x" + word.hex()
