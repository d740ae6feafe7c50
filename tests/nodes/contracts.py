"""Contracts on a fresh node: deployed, paid and asked by the accounts that are rich there."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from attest.chains.nodes.rpc import Node

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
GAS = 10_000_000
# As many as fit into a transaction of so much gas.
PAYMENTS = 150


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


def pay(node: Node, token: str | None, amounts: Mapping[str, int]) -> None:
    """Give each address its amount of a token or, for None, of ether, in few transactions; 0 is not sent."""
    owed = iter([(address, amount) for address, amount in amounts.items() if amount])
    while some := list(itertools.islice(owed, PAYMENTS)):
        value = 0 if token else sum(amount for _, amount in some)
        if token:
            sender = node.call("eth_accounts")[0]
            nonce = int(node.call("eth_getTransactionCount", sender, "latest"), 16)
            payer = keccak(rlp.encode([bytes.fromhex(sender[2:]), nonce + 1]))[-20:]
            send(node, token, call_data("transfer(address,uint256)", payer, sum(amount for _, amount in some)))
        send(node, None, "0x" + _paying(token, some).hex(), value)


def _paying(token: str | None, payments: list[tuple[str, int]]) -> bytes:
    """Code of a contract that pays while it is made, and fails when a payment does."""
    # jump(over), failed: revert(0, 0), over:
    code = "6007565b5f5ffd5b"
    for address, amount in payments:
        to, size, value = address[2:], 0, amount
        if token:
            data = bytes.fromhex(call_data("transfer(address,uint256)", address, amount)[2:])
            to, size, value = token[2:], len(data), 0
            for start in range(0, size, 32):
                code += f"7f{data[start : start + 32].ljust(32, bytes(1)).hex()}60{start:02x}52"  # mstore
        # if not call(all gas, to, value, 0, size, 0, 0) then failed
        code += f"5f5f60{size:02x}5f7f{value:064x}73{to}5af115600357"
    return bytes.fromhex(code + "00")


def ask(node: Node, to: str, signature: str, *arguments: Any) -> bytes:
    """What a view function returns at the latest block."""
    answer = node.call("eth_call", {"to": to, "data": call_data(signature, *arguments)}, "latest")
    return bytes.fromhex(answer[2:])
