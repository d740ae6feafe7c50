"""Contracts on a fresh anvil: deployed, paid and asked by the accounts whose keys anvil holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from attest.reserves.rpc import Node

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
GAS = 10_000_000


def call_data(signature: str, *arguments: Any) -> str:
    """The call data of `name(type,…)`."""
    types = [name for name in signature[signature.index("(") + 1 : -1].split(",") if name]
    return "0x" + (keccak(text=signature)[:4] + encode(types, arguments)).hex()


def send(node: Node, to: str | None, data: str = "0x", value: int = 0) -> dict[str, Any]:
    """The receipt of a transaction that was mined in a block of its own."""
    transaction = {"from": node.call("eth_accounts")[0], "data": data, "value": hex(value), "gas": hex(GAS)}
    identifier = node.call("eth_sendTransaction", transaction | ({"to": to} if to else {}))
    node.call("evm_mine")
    receipt: dict[str, Any] = node.call("eth_getTransactionReceipt", identifier)
    assert receipt["status"] == "0x1", receipt
    return receipt


def deploy(node: Node, artifact: Path, *arguments: Any) -> str:
    """The address of a new contract; `arguments` are those of its constructor."""
    contract = json.loads(artifact.read_text(encoding="utf-8"))
    constructor = next((entry for entry in contract["abi"] if entry["type"] == "constructor"), {"inputs": []})
    encoded = encode([item["type"] for item in constructor["inputs"]], arguments).hex()
    return str(send(node, None, contract["bytecode"] + encoded)["contractAddress"])


def ask(node: Node, to: str, signature: str, *arguments: Any) -> bytes:
    """What a view function returns at the latest block."""
    answer = node.call("eth_call", {"to": to, "data": call_data(signature, *arguments)}, "latest")
    return bytes.fromhex(answer[2:])
