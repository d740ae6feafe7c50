"""What an EVM node answers, in the form that it must have: anything else is an error that names the node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final

from attest.documents import parse_hex
from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.reserves.ethereum_proof import RECENT_NODES, Header, decode_header
from attest.reserves.rpc import Call, Node

_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,63})", re.ASCII)
# In the order of the header's RLP; what a fork appended later is absent from older blocks. The hash tells
# whether this list was right, so a fork that adds a field makes reading fail, never lie.
_HEADER: Final = (
    "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number gasLimit "
    "gasUsed timestamp extraData mixHash nonce baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas "
    "parentBeaconBlockRoot requestsHash"
).split()
_INTEGERS: Final = frozenset(
    ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas")
)
_HASHES_ONLY: Final = False  # the second parameter of eth_getBlockBy…: no whole transactions
_WORD_BYTES: Final = 32
_ADDRESS_DIGITS: Final = 40
_MAX_PATH: Final = 65  # trie nodes: a branch for each of the 64 digits of a key's hash, and a leaf
_ERC20: Final = [
    {"type": "function", "name": name, "inputs": inputs, "outputs": [{"type": output}], "stateMutability": "view"}
    for name, inputs, output in (
        ("balanceOf", [{"name": "account", "type": "address"}], "uint256"),
        ("decimals", [], "uint8"),
    )
]


def header_of(node: Node, which: str | int | bytes) -> tuple[bytes, Header]:
    """The RLP of a block's header and what it says, by tag, height or hash. Raises `VerificationError`."""
    import rlp  # type: ignore[import-untyped]

    if isinstance(which, bytes):
        block = node.call("eth_getBlockByHash", "0x" + which.hex(), _HASHES_ONLY)
    else:
        block = node.call("eth_getBlockByNumber", hex(which) if isinstance(which, int) else which, _HASHES_ONLY)
    if not isinstance(block, dict):
        raise lie(node, "block", "answered with a block that is not an object")
    fields = [
        quantity(node, block[name]) if name in _INTEGERS else bytes_of(node, block[name])
        for name in _HEADER
        if block.get(name) is not None
    ]
    encoded = rlp.encode(fields)
    header = decode_header(encoded)
    if header.block_hash != bytes_of(node, block.get("hash")):
        raise lie(node, "block", "answered with a block whose header does not hash to its hash")
    if isinstance(which, int) and header.number != which:
        raise lie(node, "block", f"answered with block {header.number} instead of {which}")
    if isinstance(which, bytes) and header.block_hash != which:
        raise lie(node, "block", f"answered with block {header.block_hash.hex()} instead of {which.hex()}")
    return encoded, header


def decimals_of(node: Node, contract: str, at: dict[str, Any]) -> int | None:
    """What the token says; None when it has no such function, which is optional (EIP-20)."""
    try:
        return word(node, node.call("eth_call", {"to": contract, "data": _data("decimals")}, at))
    except UnavailableError as error:
        if error.code != "node/refused":
            raise
        return None


def amounts(node: Node, contract: str | None, addresses: Sequence[str], at: dict[str, Any]) -> tuple[int, ...]:
    """What `node` says lies at each address, in wei or in base units of the token at `contract`.

    `at` is the block as EIP-1898 has it. Raises `UnavailableError`, `VerificationError`.
    """
    if contract is None:
        answers = node.batch([("eth_getBalance", [address, at]) for address in addresses])
        return tuple(quantity(node, answer) for answer in answers)
    calls: list[Call] = [("eth_call", [{"to": contract, "data": _balance_of(address)}, at]) for address in addresses]
    return tuple(word(node, answer) for answer in node.batch(calls))


def proof_of(node: Node, answer: Any, slots: int) -> tuple[tuple[bytes, ...], list[tuple[bytes, ...]]]:
    """The account proof and the proofs of so many `slots` of an eth_getProof result. Raises `VerificationError`."""
    try:
        account, storage = answer["accountProof"], [slot["proof"] for slot in answer["storageProof"]]
        if len(storage) != slots:
            raise lie(node, "proof", f"gave {len(storage)} storage proofs for {slots} slots")
        if (longest := max(map(len, (account, *storage)))) > _MAX_PATH:
            raise lie(node, "proof", f"gave a proof of {longest:,} trie nodes, and no path has more than {_MAX_PATH}")
        return tuple(bytes_of(node, item) for item in account), [
            tuple(bytes_of(node, item) for item in proof) for proof in storage
        ]
    except (KeyError, TypeError):
        raise lie(node, "proof", "answered with something that is not an eth_getProof result") from None


def quantity(node: Node, value: object) -> int:
    """A number as JSON-RPC writes it, 0x and no leading zeros. Raises `VerificationError`."""
    if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
        raise lie(node, "quantity", f"answered {str(value)[:40]!r} where a 0x quantity belongs")
    return int(value, 16)


def word(node: Node, value: object) -> int:
    """A uint256 as a contract's function returns it."""
    data = bytes_of(node, value)
    if len(data) != _WORD_BYTES:
        raise lie(node, "word", f"answered {len(data)} bytes where a contract's 32 belong")
    return int.from_bytes(data)


def bytes_of(node: Node, value: object) -> bytes:
    """Bytes as JSON-RPC writes them, 0x and pairs of digits. Raises `VerificationError`."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise lie(node, "bytes", f"answered {str(value)[:40]!r} where 0x bytes belong")
    try:
        return _parsed(value[2:].lower())
    except MalformedError as error:
        raise lie(node, "bytes", error.message) from None


@lru_cache(maxsize=RECENT_NODES)
def _parsed(digits: str) -> bytes:
    # Most proofs share most of their trie nodes: each is to be one object in memory, not one for every proof.
    return parse_hex(digits)


def lie(node: Node, code: str, text: str) -> VerificationError:
    """The error of a node that contradicts itself or its chain."""
    return VerificationError(f"ethereum/{code}", f"node {node.name} {text}")


def at_block(block_hash: bytes) -> dict[str, Any]:
    """The block as EIP-1898 has it: by hash, so that a reorganisation is an error instead of another balance."""
    return {"blockHash": "0x" + block_hash.hex(), "requireCanonical": True}


@cache
def _data(function: str, *arguments: str) -> str:
    """The call data of an ERC-20 function (EIP-20)."""
    from web3 import Web3

    return str(Web3().eth.contract(abi=_ERC20).encode_abi(function, args=list(arguments)))


def _balance_of(address: str) -> str:
    # One encoding serves all addresses: web3 takes longer for it than a node for the answer.
    return _data("balanceOf", "0x" + "0" * _ADDRESS_DIGITS)[:-_ADDRESS_DIGITS] + address[2:].lower()
