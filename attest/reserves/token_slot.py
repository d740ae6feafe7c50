"""Where a token contract keeps its balances, found by asking a node.

ERC-20 (EIP-20) says how to ask for a balance, not where it is stored, and a proof (EIP-1186) is of storage.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

from attest.errors import UnavailableError, VerificationError
from attest.reserves.ethereum_proof import Layout, Token, balance_slot, checksum_address
from attest.reserves.rpc import Call, Node

_SLOTS: Final = 64
# ERC-7201 of "openzeppelin.storage.ERC20"; the balances are the first member of OpenZeppelin 5's ERC20Upgradeable.
_OPENZEPPELIN_5: Final = 0x52C63247E1F47DB19D5CE0460030C497F067CA4CEBF71BA98EEADABE20BACE00
_BALANCE_OF: Final = "0x70a08231"
_RETURN_SLOT_0: Final = "0x60005460005260206000f3"  # sload(0), mstore(0, it), return 32 bytes of memory
_SMALL: Final = 42
# Some tokens, UNI and COMP among them, keep a balance in 96 bits of an otherwise empty word.
_LARGE_BITS: Final = 96
_WORD: Final = re.compile(r"0x[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
# A node refuses what it does not offer by an error of the call, a provider before it also by the HTTP status.
_REFUSALS: Final = frozenset({"node/refused", "node/http"})


def find_token(node: Node, contract: str, holder: str, block: Mapping[str, Any]) -> Token | None:
    """The storage slot of the balance mapping of the token at `contract`; None when there is no such slot.

    `holder` is an address to try it with, best one that owns some of the token. `block` is the block by hash
    (EIP-1898), `{"blockHash": "0x…", "requireCanonical": True}`, where everything is asked.

    Candidates are the slots up to 63 in either layout and that of OpenZeppelin 5, and of these only what
    balanceOf reads from the contract's own storage (`eth_createAccessList`, EIP-2930). The one is taken that
    holds the balance, and that makes balanceOf say whatever other number is put into it by a state override
    of `eth_call`. No slot holds balances that are computed, lie in another contract or have less than 96 bits
    of a word; above those, a word may have flags that are off.

    The answer is a hint, not evidence: a node that lies can hide the slot or name a wrong one. Every reading
    must compare balanceOf with the value that is proven at the slot.

    Raises `UnavailableError` when the node does not answer, or offers no state overrides, so that nothing can
    be confirmed; `VerificationError` when an answer has the wrong form; `MalformedError` for no address.
    """
    search = _Search(node, checksum_address(contract), checksum_address(holder), dict(block))
    holding = search.holding(search.candidates())
    if not holding:
        return None
    search.require_overrides()
    confirmed = search.confirmed(holding)
    # Several only when they are added up and all but one are empty: none of them is the balance.
    return confirmed[0] if len(confirmed) == 1 else None


@dataclass(frozen=True, slots=True)
class _Search:
    node: Node
    contract: str
    holder: str
    block: dict[str, Any]

    def candidates(self) -> list[Token]:
        """The usual places; where the node lists what balanceOf reads, only those among them."""
        usual = [Token(self.contract, slot, layout) for layout in get_args(Layout) for slot in range(_SLOTS)]
        usual.append(Token(self.contract, _OPENZEPPELIN_5))
        try:
            answer = self.node.call("eth_createAccessList", self._balance_of(), self.block)
        except UnavailableError as error:
            # Not every node has the method, and geth refuses it where the zero address cannot pay for gas.
            if error.code not in _REFUSALS:
                raise
            return usual
        read = self._storage_keys(answer)
        return [token for token in usual if balance_slot(token, self.holder) in read]

    def holding(self, tokens: Sequence[Token]) -> list[Token]:
        """Those in whose slot lies what balanceOf says."""
        if not tokens:
            return []
        places: list[Call] = [("eth_getStorageAt", [self.contract, self._place(token), self.block]) for token in tokens]
        answers = self.node.batch([("eth_call", [self._balance_of(), self.block]), *places])
        balance, *stored = map(self._word, answers)
        return [token for token, value in zip(tokens, stored, strict=True) if value == balance]

    def require_overrides(self) -> None:
        """Raise `UnavailableError` unless the node calls code of ours on storage of ours in the contract's place."""
        value = _large()
        replaced = {"code": _RETURN_SLOT_0, "stateDiff": {_hex(bytes(32)): _hex(value)}}
        try:
            offered = self._word(self.node.call("eth_call", *self._override(replaced))) == value
        except UnavailableError as error:
            if error.code not in _REFUSALS:
                raise
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
        except UnavailableError as error:
            if error.code != "node/refused":
                raise
            # The node knows overrides, so the contract reverted; which candidate's value it did not bear is unknown.
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

    def _storage_keys(self, answer: object) -> set[bytes]:
        """The keys of the contract's own storage in an access list."""
        entries = answer.get("accessList") if isinstance(answer, dict) else None
        if not isinstance(entries, list):
            raise self._lie("access-list", "answered with something that is not an access list")
        own: set[bytes] = set()
        for entry in entries:
            match entry:
                case {"address": str(address), "storageKeys": list(keys)}:
                    words = {self._word(key) for key in keys}
                    own |= words if address.lower() == self.contract.lower() else set()
                case _:
                    raise self._lie("access-list", "answered with an access list of the wrong form")
        return own

    def _word(self, value: object) -> bytes:
        if not isinstance(value, str) or _WORD.fullmatch(value) is None:
            raise self._lie("word", f"answered {str(value)[:80]!r} where 32 bytes belong")
        return bytes.fromhex(value[2:])

    def _lie(self, code: str, text: str) -> VerificationError:
        return VerificationError(f"ethereum/{code}", f"node {self.node.name} {text}")


def _large() -> bytes:
    """A random number whose highest and lowest bits are set, so that a token that cuts either off always shows."""
    return (1 << (_LARGE_BITS - 1) | secrets.randbits(_LARGE_BITS - 1) | 1).to_bytes(32)


def _hex(word: bytes) -> str:
    return "0x" + word.hex()
