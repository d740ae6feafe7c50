"""What ties an Ethereum balance to a block hash, checked without a network.

A header's RLP hashes to the block hash and carries the state root (Yellow Paper 4.4); the state trie's
nodes lead from there to an account, and the storage trie's nodes to a token balance (EIP-1186).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from attest.errors import MalformedError, VerificationError, refuse_machine

MAX_NODE_BYTES: Final = 1024  # a branch has at most 532; the bound keeps RLP from nesting deep
MAX_HEADER_BYTES: Final = 4096
RECENT_NODES: Final = 4096  # so many nodes are remembered, of which proofs of the same trie share most
_RECENT_ADDRESSES: Final = 4096  # as many: each is compared with several others, and of Keccak-256 that asks much
DENY_BIT: Final = 1 << 255  # in a holder's word where a token denies it transfers (FiatTokenV2_2, which is USDC)
_HEADER_FIELDS: Final = 15  # before the optional ones that later forks append
_ROOT_BYTES: Final = 32
_MAX_TIME: Final = 2**36  # seconds; beyond it lie years that no calendar has
_MAX_NUMBER: Final = 2**32  # of blocks: at ten a second those of 13 years, through which one can still look for logs
_STATE_ROOT, _NUMBER, _TIMESTAMP = 3, 8, 11
_BALANCE, _STORAGE_ROOT, _CODE_HASH, _ACCOUNT_FIELDS = 1, 2, 3, 4

UNKNOWN_RLP: Final = "ethereum/rlp"  # the code of the error about what hashes lead to, and is of another form

Nodes = Mapping[bytes, bytes]
"""Trie nodes by their Keccak-256, as `by_hash` makes them."""


Layout = Literal["solidity", "vyper"]
"""How a compiler places the values of a mapping; see `balance_slot`."""


class Token(NamedTuple):
    """An ERC-20 contract; `slot`, 0 <= slot < 2**256, is the storage slot of its balance mapping.

    A slot is small where a compiler counts variables, and a hash where a namespace was chosen (ERC-7201).
    """

    contract: str
    slot: int
    layout: Layout = "solidity"


class Header(NamedTuple):
    """What a block header says: the roots and numbers that its hash binds."""

    block_hash: bytes
    state_root: bytes
    number: int
    time: datetime


def keccak(data: bytes) -> bytes:
    """Keccak-256, 32 bytes."""
    from eth_hash.auto import keccak as function

    return function(data)


def decode_header(header: bytes) -> Header:
    """The header behind its RLP; what forks append to its fields does not matter.

    Raises `VerificationError` for one of another form, whose hash may still be that of a block.
    """
    if len(header) > MAX_HEADER_BYTES:
        raise _unknown_form(f"it has more than {MAX_HEADER_BYTES} bytes")
    try:
        fields = _rlp_list(header, "it")
    except VerificationError as error:
        raise _unknown_form(error.message) from None
    if len(fields) < _HEADER_FIELDS or not all(isinstance(item, bytes) for item in fields):
        raise _unknown_form(f"it is not a list of {_HEADER_FIELDS} or more fields of bytes")
    time, number = int.from_bytes(fields[_TIMESTAMP]), int.from_bytes(fields[_NUMBER])
    if len(fields[_STATE_ROOT]) != _ROOT_BYTES or time >= _MAX_TIME or number >= _MAX_NUMBER:
        raise _unknown_form("its state root, number or time has another length")
    return Header(keccak(header), fields[_STATE_ROOT], number, datetime.fromtimestamp(time, UTC))


def _unknown_form(text: str) -> VerificationError:
    return VerificationError(
        "ethereum/header",
        f"the block header has a form that this release does not know: {text}",
        hint="a newer release of attest may know the form; this says nothing of who wrote it",
    )


def by_hash(nodes: Iterable[bytes]) -> dict[bytes, bytes]:
    """Trie nodes under their Keccak-256, by which their parents name them. Raises `VerificationError`."""
    found = {}
    for node in nodes:
        if len(node) > MAX_NODE_BYTES:
            raise VerificationError("ethereum/proof", f"a trie node has more than {MAX_NODE_BYTES} bytes")
        found[_node_hash(node)] = node
    return found


@lru_cache(maxsize=RECENT_NODES)
def _node_hash(node: bytes) -> bytes:
    return keccak(node)


def proven_balance(state_root: bytes, address: str, nodes: Nodes) -> int:
    """The balance in wei that `nodes` show for `address`; 0 only when they show that there is no account.

    Raises `VerificationError` when the nodes do not lead from `state_root` to the account.
    """
    account = _account(state_root, address, nodes)
    return int.from_bytes(account[_BALANCE]) if account else 0


def proven_storage_root(state_root: bytes, contract: str, nodes: Nodes) -> bytes:
    """The root of a contract's storage trie. Raises `VerificationError`, also when there is no such account."""
    account = _account(state_root, contract, nodes)
    if not account:
        raise VerificationError("ethereum/proof", f"there is no contract at {contract}")
    return account[_STORAGE_ROOT]


def proven_code_hash(state_root: bytes, address: str, nodes: Nodes) -> bytes:
    """The Keccak-256 of the code at `address`: of no bytes where there is no code. Raises `VerificationError`."""
    account = _account(state_root, address, nodes)
    return account[_CODE_HASH] if account else keccak(b"")


def proven_token_balance(storage_root: bytes, token: Token, holder: str, nodes: Nodes) -> int:
    """The word of `token` that `nodes` show for `holder`: its base units, beside them perhaps bits of other meaning.

    Raises `VerificationError`.
    """
    return proven_word(storage_root, balance_slot(token, holder), nodes)


def proven_word(storage_root: bytes, slot: bytes, nodes: Nodes) -> int:
    """What `nodes` show in the storage slot `slot`, of 32 bytes; 0 where nothing is. Raises `VerificationError`."""
    value = _trie_value(storage_root, keccak(slot), nodes)
    if not value:
        return 0
    stored = _rlp(value, "a storage value")
    if not isinstance(stored, bytes):
        raise VerificationError(UNKNOWN_RLP, "a storage value is not bytes")
    return int.from_bytes(stored)


def balance_slot(token: Token, holder: str) -> bytes:
    """The 32-byte storage slot of the balance of `holder`.

    Solidity hashes the key before the mapping's slot (its documentation, "Layout of State Variables in Storage"),
    Vyper the slot before the key (`_get_element_ptr_mapping` in its codegen/core.py).
    """
    key, slot = _address_bytes(holder).rjust(32, b"\0"), token.slot.to_bytes(32)
    return keccak(slot + key if token.layout == "vyper" else key + slot)


@lru_cache(maxsize=_RECENT_ADDRESSES)
def checksum_address(address: str) -> str:
    """The EIP-55 spelling. Raises `MalformedError` for no address, or for mixed case with a wrong checksum."""
    from eth_utils.address import is_checksum_formatted_address, to_checksum_address

    if re.fullmatch(r"0x[0-9a-fA-F]{40}", address, re.ASCII) is None:
        raise MalformedError("ethereum/address", f"{address[:60]!r} is not an Ethereum address")
    spelled: str = to_checksum_address(address)
    if is_checksum_formatted_address(address) and address != spelled:
        raise MalformedError(
            "ethereum/address", f"{address} has a wrong EIP-55 checksum", hint="copy the address again from its source"
        )
    return spelled


def _address_bytes(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))


def _account(state_root: bytes, address: str, nodes: Nodes) -> list[bytes]:
    value = _trie_value(state_root, keccak(_address_bytes(address)), nodes)
    if not value:
        return []
    account = _rlp_list(value, "an account")
    if len(account) != _ACCOUNT_FIELDS or not all(isinstance(item, bytes) for item in account):
        raise VerificationError(UNKNOWN_RLP, "an account does not have four fields")
    return account


def _trie_value(root: bytes, key: bytes, nodes: Nodes) -> bytes:
    from trie import HexaryTrie
    from trie.constants import BLANK_NODE_HASH

    if root == BLANK_NODE_HASH:
        return b""
    try:
        return bytes(HexaryTrie(nodes, root)[key])
    except Exception as error:  # noqa: BLE001 (malformed nodes surface as many types of the trie and rlp libraries)
        refuse_machine(error)
        raise VerificationError(
            "ethereum/proof", f"the trie nodes do not lead from the state root to the value ({type(error).__name__})"
        ) from None


def _rlp(data: bytes, what: str) -> Any:
    import rlp  # type: ignore[import-untyped]

    try:
        return rlp.decode(data)
    except (rlp.exceptions.RLPException, RecursionError) as error:
        raise VerificationError(UNKNOWN_RLP, f"{what} is not RLP ({type(error).__name__})") from None


def _rlp_list(data: bytes, what: str) -> list[bytes]:
    value = _rlp(data, what)
    if not isinstance(value, list):
        raise VerificationError(UNKNOWN_RLP, f"{what} is not an RLP list")
    return value
