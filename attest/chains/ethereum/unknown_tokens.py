"""Tokens that were sent to a register's addresses and that the config does not name: they do not count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from attest.chains.ethereum.answers import amounts, at_block, unfit
from attest.chains.ethereum.proof import checksum_address
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import CallEndedError, Node
from attest.chains.wallets import Pin
from attest.errors import AttestError, MalformedError, UnavailableError

_TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # EIP-20, Transfer
_ADDRESSES: Final = 500
_BLOCKS: Final = 10_000
# A contract that ends the call, takes too long for it or returns something else is no token that could count.
_NO_TOKEN: Final = frozenset({"node/timeout", "node/too-long", "ethereum/word"})
# How nodes refuse a search that is too wide: in words that each has of its own, by an answer that is too long, or late.
_TOO_WIDE: Final = frozenset({"node/refused", "node/answer", "node/timeout", "node/too-long"})


class UnknownToken(NamedTuple):
    """An amount, in base units, of the token at `contract` that lies at an address."""

    address: str
    contract: str
    amount: int


def unknown_tokens(
    quorum: Quorum, pin: Pin, since: int, known: frozenset[str], addresses: Sequence[str]
) -> list[UnknownToken]:
    """Balances of tokens that are not `known` contracts, and were sent to the `addresses` in the blocks from `since`.

    One node is asked: nothing here counts for anything.
    """
    found: list[UnknownToken] = []
    for start in range(0, len(addresses), _ADDRESSES):
        part = addresses[start : start + _ADDRESSES]
        sent: set[tuple[str, str]] = set()
        for first in range(since, pin.height + 1, _BLOCKS):
            last = min(first + _BLOCKS - 1, pin.height)
            sent |= quorum.first(lambda node: _sent(node, first, last, part))  # noqa: B023 (called at once)
        pairs = [(contract, address) for contract, address in sorted(sent) if contract not in known]
        found += quorum.first(lambda node: _held(node, pin, pairs))  # noqa: B023
    return found


def _sent(node: Node, first: int, last: int, addresses: Sequence[str]) -> set[tuple[str, str]]:
    """The (contract, receiver) of every transfer to one of `addresses` in a span of blocks."""
    receivers = {"0x" + address[2:].lower().rjust(64, "0"): address for address in addresses}
    found: set[tuple[str, str]] = set()
    for log in _logs(node, first, last, list(receivers)):
        try:
            receiver = receivers[str(log["topics"][2]).lower()]
            contract = checksum_address(str(log["address"]))
        except (KeyError, IndexError, TypeError, MalformedError):
            raise unfit(node, "logs", "answered with logs of another form than those of transfers") from None
        found.add((contract, receiver))
    return found


def _logs(node: Node, first: int, last: int, receivers: list[str]) -> Iterator[dict[str, Any]]:
    """The logs of a span; a node that finds it too large is asked for its halves."""
    query = {"fromBlock": hex(first), "toBlock": hex(last), "topics": [_TRANSFER, None, receivers]}
    try:
        logs = node.call("eth_getLogs", query)
    except UnavailableError as error:
        if error.code not in _TOO_WIDE or first == last:
            raise
        middle = (first + last) // 2
        yield from _logs(node, first, middle, receivers)
        yield from _logs(node, middle + 1, last, receivers)
        return
    if not isinstance(logs, list):
        raise unfit(node, "logs", "answered with something that is not a list of logs")
    yield from logs


def _held(node: Node, pin: Pin, pairs: Sequence[tuple[str, str]]) -> list[UnknownToken]:
    """What the contracts say; one that reverts or returns something else than a number is no token that could count."""
    at = at_block(pin.block_hash)
    by_contract: dict[str, list[str]] = {}
    for contract, address in pairs:
        by_contract.setdefault(contract, []).append(address)
    found = []
    for contract, addresses in by_contract.items():
        try:
            said = amounts(node, contract, addresses, at)
        except AttestError as error:
            if not isinstance(error, CallEndedError) and error.code not in _NO_TOKEN:
                raise
            continue
        found += [
            UnknownToken(address, contract, amount) for address, amount in zip(addresses, said, strict=True) if amount
        ]
    return found
