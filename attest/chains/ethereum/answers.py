"""What an EVM node answers, in the form that it must have: anything else is an error that names the node.

An answer of another form is no answer (`UnavailableError`): it may be that of a newer fork or of another kind of chain.
Only what contradicts itself or the pinned block is false (`VerificationError`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, Final

from attest.chains.ethereum.proof import RECENT_NODES, UNKNOWN_RLP, Header, decode_header, keccak
from attest.chains.nodes.answer_sizes import Call
from attest.chains.nodes.rpc import CallRevertedError, Node
from attest.documents import parse_hex
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError

_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,63})", re.ASCII)
# In the order of the header's RLP; what a fork appended later is absent from older blocks. The hash tells
# whether this list was right, so that of a fork which adds a field is found to be of an unknown form, never misread.
_HEADER: Final = (
    "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number gasLimit "
    "gasUsed timestamp extraData mixHash nonce baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas "
    "parentBeaconBlockRoot requestsHash"
).split()
_INTEGERS: Final = frozenset(
    ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed", "excessBlobGas")
)
# What else a block has in JSON, by the execution-apis and the clients: none of it is in the header.
_BESIDE_HEADER: Final = frozenset(
    "hash size totalDifficulty transactions uncles withdrawals sealFields author signature".split()
)
_HASHES_ONLY: Final = False  # the second parameter of eth_getBlockBy…: no whole transactions
WORD_BYTES: Final = 32
_ADDRESS_DIGITS: Final = 40
_MAX_PATH: Final = 65  # trie nodes: a branch for each of the 64 digits of a key's hash, and a leaf
_SHOWN_NAMES: Final = 5
_SHOWN_CHARS: Final = 40
_ERC20: Final = [
    {"type": "function", "name": name, "inputs": inputs, "outputs": [{"type": output}], "stateMutability": "view"}
    for name, inputs, output in (
        ("balanceOf", [{"name": "account", "type": "address"}], "uint256"),
        ("decimals", [], "uint8"),
    )
]


def header_of(node: Node, which: str | int | bytes) -> tuple[bytes, Header]:
    """The RLP of a block's header and what it says, by tag, height or hash. Raises `UnavailableError`."""
    import rlp  # type: ignore[import-untyped]

    if isinstance(which, bytes):
        block = node.call("eth_getBlockByHash", "0x" + which.hex(), _HASHES_ONLY)
    else:
        block = node.call("eth_getBlockByNumber", hex(which) if isinstance(which, int) else which, _HASHES_ONLY)
    if not isinstance(block, dict):
        raise unfit(node, "block", "answered with a block that is not an object")
    fields = [
        quantity(node, block[name]) if name in _INTEGERS else bytes_of(node, block[name])
        for name in _HEADER
        if block.get(name) is not None
    ]
    encoded = rlp.encode(fields)
    if keccak(encoded) != bytes_of(node, block.get("hash")):
        raise _unknown_header(node, block)
    try:
        header = decode_header(encoded)
    except VerificationError as error:
        raise unfit(node, "header", f"answered with a block that this release cannot read: {error.message}") from None
    if isinstance(which, int) and header.number != which:
        raise unfit(node, "block", f"answered with block {header.number} instead of {which}")
    if isinstance(which, bytes) and header.block_hash != which:
        raise unfit(node, "block", f"answered with block {header.block_hash.hex()} instead of {which.hex()}")
    return encoded, header


def _unknown_header(node: Node, block: dict[str, Any]) -> UnavailableError:
    """The error of a block whose hash is not that of the fields of a header that are known."""
    unknown = sorted(str(name)[:_SHOWN_CHARS] for name in block.keys() - _BESIDE_HEADER - {*_HEADER})[:_SHOWN_NAMES]
    fields = f", and has the fields {', '.join(unknown)} beside those" if unknown else ""
    return UnavailableError(
        "ethereum/header-form",
        f"node {node.name} answered with a block whose header has a form that this release does not know: its hash is "
        f"not that of the {len(_HEADER)} fields that are known{fields}",
        hint="a fork that adds fields to headers takes a newer release of attest; "
        "if this chain has had none, ask another node",
    )


def decimals_of(node: Node, contract: str, at: dict[str, Any]) -> int | None:
    """What the token says; None when it has no such function, which is optional (EIP-20)."""
    try:
        answer = node.call("eth_call", {"to": contract, "data": _data("decimals")}, at)
    except CallRevertedError:
        return None
    # A contract that takes calls of every name answers one that it does not have with nothing.
    return word(node, answer) if bytes_of(node, answer) else None


def amounts(node: Node, contract: str | None, addresses: Sequence[str], at: dict[str, Any]) -> tuple[int, ...]:
    """What `node` says lies at each address, in wei or in base units of the token at `contract`.

    `at` is the block as EIP-1898 has it. Raises `UnavailableError`.
    """
    if contract is None:
        answers = node.batch([("eth_getBalance", [address, at]) for address in addresses])
        return tuple(quantity(node, answer) for answer in answers)
    return tuple(word(node, answer) for answer in node.batch(balance_calls(contract, addresses, at)))


def balance_calls(contract: str, addresses: Sequence[str], at: dict[str, Any]) -> list[Call]:
    """What a node is asked for the balance of each address in the token at `contract`."""
    return [("eth_call", [{"to": contract, "data": _balance_of(address)}, at]) for address in addresses]


def proof_of(node: Node, answer: Any, slots: int) -> tuple[tuple[bytes, ...], list[tuple[bytes, ...]]]:
    """The account proof and the proofs of so many `slots` of an eth_getProof result.

    Raises `VerificationError` for other proofs than were asked for, `UnavailableError` for another form.
    """
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
        raise unfit(node, "proof", "answered with something that is not an eth_getProof result") from None


def quantity(node: Node, value: object) -> int:
    """A number as JSON-RPC writes it, 0x and no leading zeros. Raises `UnavailableError`."""
    if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
        raise unfit(node, "quantity", f"answered {str(value)[:40]!r} where a 0x quantity belongs")
    return int(value, 16)


def word(node: Node, value: object) -> int:
    """A uint256 as a contract's function returns it."""
    data = bytes_of(node, value)
    if len(data) != WORD_BYTES:
        raise unfit(node, "word", f"answered {len(data)} bytes where a contract's 32 belong")
    return int.from_bytes(data)


def bytes_of(node: Node, value: object) -> bytes:
    """Bytes as JSON-RPC writes them, 0x and pairs of digits. Raises `UnavailableError`."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise unfit(node, "bytes", f"answered {str(value)[:40]!r} where 0x bytes belong")
    try:
        return _parsed(value[2:].lower())
    except MalformedError as error:
        raise unfit(node, "bytes", f"answered with bytes of another form: {error.message}") from None


@lru_cache(maxsize=RECENT_NODES)
def _parsed(digits: str) -> bytes:
    # Most proofs share most of their trie nodes: each is to be one object in memory, not one for every proof.
    return parse_hex(digits)


def unfit(node: Node, code: str, text: str) -> UnavailableError:
    """The error of an answer of another form than it must have, or about something else: it is no answer."""
    return UnavailableError(
        f"ethereum/{code}",
        f"node {node.name} {text}",
        hint="nothing was taken from this answer: ask another node, or look what answers at this one's address",
    )


def lie(node: Node, code: str, text: str) -> VerificationError:
    """The error of a node that contradicts itself or its chain."""
    return VerificationError(f"ethereum/{code}", f"node {node.name} {text}")


@contextmanager
def proving(node: Node, asset: str, address: str) -> Iterator[None]:
    """Name the node and the place in an error about a proof."""
    try:
        yield
    except (AttestError, ValueError) as error:
        if isinstance(error, AttestError) and error.code == UNKNOWN_RLP:
            what = f"proves {asset} at {address} in a form that this release does not know: {error}"
            raise unfit(node, "proof-form", what) from None
        raise lie(node, "proof", f"gave no valid proof of {asset} at {address}: {error}") from None


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
