"""What the errors of real clients and providers mean, by code and words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from attest.chains.nodes.refusals import Kind, refusal

# From the sources, documentation and issue trackers of those whose name stands there: code, message, data.
SAID: dict[str, tuple[Kind, int, str, Any]] = {
    "geth reverts": ("reverted", 3, "execution reverted", "0x"),
    "geth reverts with a reason": ("reverted", 3, "execution reverted: frozen", "0x08c379a0"),
    "older geth reverts": ("reverted", -32000, "execution reverted", None),
    "geth meets an opcode that is none": ("reverted", -32000, "invalid opcode: INVALID", None),
    "geth meets a jump to nowhere": ("reverted", -32000, "invalid jump destination", None),
    "geth's stack is empty": ("reverted", -32000, "stack underflow (0 <=> 1)", None),
    "Nethermind reverts": ("reverted", -32015, "VM execution error.", "revert"),
    "Nethermind reverts with data": ("reverted", -32015, "VM execution error.", "Reverted 0x7a933234"),
    "newer Nethermind reverts": ("reverted", 3, "execution reverted: revert", "0x"),
    "Nethermind as of 2025 reverts": ("reverted", -32000, "execution reverted", "0xf4f28e99"),
    "Parity reverts": ("reverted", -32015, "VM execution error.", "Reverted 0x"),
    "Parity asserts": ("reverted", -32015, "VM execution error.", "Bad instruction fe"),
    "Parity jumps": ("reverted", -32015, "VM execution error.", "Bad jump destination"),
    "a proxy of Parity reverts": ("reverted", -32015, "VM execution error.", None),
    "Besu reverts": ("reverted", -32000, "Execution reverted", "0x08c379a0"),
    "newer Besu reverts": ("reverted", 3, "Execution reverted (frozen)", "0x08c379a0"),
    "Erigon reverts": ("reverted", 3, "execution reverted", "0x"),
    "reth reverts": ("reverted", 3, "execution reverted: revert: frozen", "0x08c379a0"),
    "anvil reverts": ("reverted", 3, "execution reverted", "0x"),
    "Hardhat reverts": (
        "reverted",
        -32603,
        "Error: VM Exception while processing transaction: reverted with reason string 'frozen'",
        None,
    ),
    "Hardhat reverts without words": ("reverted", -32603, "Error: Transaction reverted without a reason string", None),
    "Ganache reverts": ("reverted", -32000, "VM Exception while processing transaction: revert", None),
    "Moonbeam reverts": ("reverted", -32603, "VM Exception while processing transaction: revert frozen", None),
    "Klaytn reverts": ("reverted", -32000, "evm: execution reverted", None),
    "Hedera reverts": ("reverted", 3, "execution reverted: CONTRACT_REVERT_EXECUTED", "0x"),
    "Hedera reverts by name": ("reverted", -32008, "CONTRACT_REVERT_EXECUTED", None),
    "Rootstock reverts": ("reverted", -32015, "VM execution error: transaction reverted", None),
    "Tron reverts": ("reverted", -32000, "REVERT opcode executed", None),
    "a gateway passes a revert on": ("reverted", -32603, "upstream error: eth_call: execution reverted: frozen", None),
    "a gateway has reverted nothing": ("busy", -32005, "rate limited: reverting to the free tier", None),
    "a contract speaks of limits": ("reverted", 3, "execution reverted: rate limit exceeded", "0x08c379a0"),
    "a contract speaks of batches": ("reverted", 3, "execution reverted: batch too large", "0x08c379a0"),
    "a contract speaks of headers": ("reverted", -32000, "execution reverted: header not found", None),
    "a contract speaks of state": ("reverted", 3, "execution reverted: missing trie node", "0x08c379a0"),
    "Nethermind refuses the sender": ("refused", -32015, "VM execution error.", "insufficient funds for gas"),
    "code 3 of another server": ("refused", 3, "rpc error: code = InvalidArgument", None),
    "Parity runs out of gas": ("out-of-gas", -32015, "VM execution error.", "Out of gas"),
    "geth runs out of gas": ("out-of-gas", -32000, "out of gas", None),
    "geth's allowance": ("out-of-gas", -32000, "gas required exceeds allowance (50000000)", None),
    "Infura's rate": ("busy", -32005, "project ID request rate exceeded", None),
    "Infura's day": ("busy", -32005, "daily request count exceeded, request rate limited", None),
    "the code of EIP-1474": ("busy", -32005, "limit exceeded", None),
    "Alchemy's capacity": (
        "busy",
        429,
        "Your app has exceeded its compute units per second capacity. If you have retries enabled, ignore this.",
        None,
    ),
    "Alchemy's month": ("busy", 429, "Monthly capacity limit exceeded. Visit …/dashboard to upgrade your plan", None),
    "QuickNode's rate": ("busy", -32007, "15/second request limit reached - reduce calls per second or upgrade", None),
    "QuickNode's credits": ("busy", -32012, "credits limited to 6000/sec", None),
    "Alchemy of an address": ("busy", -32016, "over rate limit", None),
    "Ankr": ("busy", -33000, "rate limit", None),
    "Chainstack": ("busy", -32097, "You've exceeded the RPS limit available on the current plan", None),
    "a gateway": ("busy", -32090, "Too many requests, reason: call rate limit exhausted, retry in 10s", None),
    "Too Many Requests": ("busy", -32000, "429 Too Many Requests", None),
    "a batch's rate": ("busy", -32005, "batch rate limit exceeded", None),
    "an empty pool": ("busy", -32603, "no available upstream servers", None),
    "geth's time": ("timeout", -32002, "request timed out", None),
    "Erigon's time": ("timeout", -32000, "execution aborted (timeout = 5s)", None),
    "Besu's time": ("timeout", -32603, "Timeout expired", None),
    "geth lags by height": ("behind", -32000, "header not found", None),
    "geth lags by hash": ("behind", -32000, "header for hash not found", None),
    "geth has another chain yet": ("behind", -32000, "hash is not currently canonical", None),
    "geth has not come so far": ("behind", -32602, "block range extends beyond current head block", None),
    "geth is asked too early": ("behind", -32602, "block number is in the future, latest is 7", None),
    "geth has no final block": ("behind", -39001, "Unknown block", None),
    "geth names it": ("behind", -32000, "finalized block not found", None),
    "reth lags": ("behind", -32001, "block not found: hash 0x1111", None),
    "Nethermind lags": ("behind", -32001, "0x1111 could not be found", None),
    "Besu lags": ("behind", -32000, "Block not found", None),
    "Erigon lags": ("behind", -32000, "block 1111 not found", None),
    "an unknown block": ("behind", -32000, "unknown block", None),
    "EIP-1474 lags": ("behind", -32001, "Resource not found", None),
    "Avalanche lags": ("behind", -32000, "cannot query unfinalized data", None),
    "anvil lags": ("behind", -32602, "BlockOutOfRangeError: block height is 8 but requested was 9", None),
    "a node syncs": ("behind", -32000, "node is not synced yet", None),
    "geth has pruned": (
        "no-state",
        -32000,
        "missing trie node 1f (path ) state 0x1f is not available, not found",
        None,
    ),
    "geth must compute": ("no-state", -32000, "required historical state unavailable (reexec=128)", None),
    "geth by path": ("no-state", -32000, "historical state 1f is not available", None),
    "Nethermind has pruned": ("no-state", -32002, "No state available for block 1 (0x1f)", None),
    "Besu has pruned": ("no-state", -32000, "World state unavailable", None),
    "reth has pruned": ("no-state", -32000, "state at block #1 is pruned", None),
    "reth proves the last blocks": ("no-state", -32602, "distance to target block exceeds maximum proof window", None),
    "Erigon has pruned": ("no-state", -32000, "old data not available due to pruning", None),
    "Erigon proves the last block": ("no-state", -32000, "proofs are available only for the 'latest' block", None),
    "Parity has pruned": (
        "no-state",
        -32000,
        "This request is not supported because your node is running with state pruning. Run with --pruning=archive.",
        None,
    ),
    "the code of pruned history": ("no-state", 4444, "Pruned history unavailable", None),
    "no such method": ("refused", -32601, "the method eth_createAccessList does not exist/is not available", None),
    "no method of such a name": (
        "refused",
        -32601,
        "the method eth_getBlockByHash does not exist/is not available",
        None,
    ),
    "a method of archives": ("refused", -32601, "Method eth_getHeaderByNumber not found", None),
    "a method that a plan leaves out": ("refused", -32004, "method eth_getProof not supported: archive plan", None),
    "too many parameters": ("refused", -32602, "too many arguments, want at most 2", None),
    "too many logs": ("refused", -32005, "query returned more than 10000 results", None),
    "too wide a range": ("refused", -32602, "eth_getLogs is limited to a 10,000 block range", None),
    "too long a search": ("refused", -32000, "Query timeout exceeded. Consider reducing your block range.", None),
    "too large a batch": ("too-large", -32005, "Number of requests exceeds max batch size", None),
    "nothing known": ("refused", -32603, "internal error", None),
    "no login": ("refused", -32600, "Must be authenticated!", None),
}


@pytest.mark.parametrize("case", SAID)
def test_an_error_of_a_call_means_what_its_client_means_by_it(case: str) -> None:
    kind, code, message, data = SAID[case]
    assert refusal("eth_call", {"code": code, "message": message, **({"data": data} if data else {})}).kind == kind


@pytest.mark.parametrize("case", [case for case in SAID if SAID[case][0] in {"behind", "no-state", "reverted"}])
def test_only_evm_nodes_speak_of_blocks_states_and_contracts_so(case: str) -> None:
    """Bitcoin Core says "Block not found" of a block that is on no chain, and that is its answer."""
    _, code, message, _ = SAID[case]
    assert refusal("getblockheader", {"code": code, "message": message}).kind in {"refused", "busy"}


@pytest.mark.parametrize("error", ["no", 7, [], {}, None, {"code": "-32000"}, {"message": 5, "data": {"rate": 1}}])
def test_an_error_of_any_form_is_a_refusal(error: Any) -> None:
    assert refusal("eth_call", error) == ("refused", 0.0)


@pytest.mark.parametrize(
    ("rate", "wait"),
    [
        ({"backoff_seconds": 30}, 30),
        ({"backoff_seconds": Decimal("1.5"), "allowed_rps": 1}, 1.5),
        ({"backoff_seconds": 0}, 0),
        ({"backoff_seconds": -5}, 0),
        ({"backoff_seconds": 10**400}, 10**9),
        ({"backoff_seconds": True}, 0),
        ({"backoff_seconds": "30"}, 0),
        ({"backoff_seconds": None}, 0),
        ({}, 0),
        ([], 0),
        (None, 0),
    ],
)
def test_a_provider_is_left_alone_for_as_long_as_its_error_asks(rate: Any, wait: float) -> None:
    error = {"code": -32005, "message": "daily request count exceeded, request rate limited", "data": {"rate": rate}}
    assert refusal("eth_call", error) == ("busy", wait)
