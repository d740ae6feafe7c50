"""Which addresses of a chain are contracts at a block, and which of these are Safes by proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from attest.chains.ethereum.answers import at_block, bytes_of
from attest.chains.ethereum.contract_answers import is_delegation, prove_safes
from attest.chains.ethereum.proof import keccak
from attest.chains.ethereum.records import EthereumSafe
from attest.chains.ethereum.safe.storage import PROXIES, Safe
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Block
from attest.evidence.record import new_salt

_CHUNK: Final = 500  # codes that are in memory at once, of at most 24 KiB (EIP-170)
_PLAIN: Final = b""


class Contract(NamedTuple):
    """A contract; `safe` where it is a known Safe, which the trie nodes in `proof` show (`proven_safe`)."""

    safe: Safe | None = None
    proof: tuple[bytes, ...] = ()


def contracts(quorum: Quorum, block: Block, addresses: Sequence[str]) -> dict[str, Contract]:
    """The contracts among `addresses` at `block`, by address.

    Addresses that delegate by EIP-7702 are left out, because their key still signs for them. The nodes must agree on
    where there is code; which of it is a Safe follows from the block. Raises `AttestError`.
    """

    def difference(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> str:
        index = next(index for index, pair in enumerate(zip(one, other, strict=True)) if len(set(pair)) > 1)
        return f"has other code at {part[index]}"

    found: dict[str, Contract] = {}
    for start in range(0, len(addresses), _CHUNK):
        part = addresses[start : start + _CHUNK]
        hashes = quorum.ask(lambda node: _code_hashes(node, block, part), difference)  # noqa: B023 (called at once)
        codes = {address: code for address, code in zip(part, hashes, strict=True) if code != _PLAIN}
        proxies = [address for address, code in codes.items() if code.hex() in PROXIES]
        safes = quorum.first(lambda node: prove_safes(node, block, proxies)) if proxies else {}  # noqa: B023
        for address in codes:
            proven = safes.get(address)
            found[address] = Contract() if proven is None else Contract(*proven)
    return found


def safe_records(quorum: Quorum, block: Block, owners: Mapping[str, str]) -> list[EthereumSafe]:
    """The Safes among the addresses of `owners`, which has the wallet of each, as evidence. Raises `AttestError`."""
    return [
        EthereumSafe(
            type="ethereum-safe",
            salt=new_salt(),
            chain=block.pin.chain,
            wallet=owners[address],
            address=address,
            owners=safe.owners,
            threshold=safe.threshold,
            version=safe.version,
            proof=proof,
        )
        for address, (safe, proof) in contracts(quorum, block, list(owners)).items()
        if safe is not None
    ]


def _code_hashes(node: Node, block: Block, addresses: Sequence[str]) -> tuple[bytes, ...]:
    """The Keccak-256 of the code of each contract; nothing for an address that a key controls."""
    at = at_block(block.pin.block_hash)
    codes = [bytes_of(node, answer) for answer in node.batch([("eth_getCode", [address, at]) for address in addresses])]
    return tuple(keccak(code) if code and not is_delegation(code) else _PLAIN for code in codes)
