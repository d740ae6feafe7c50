"""People with keys on an anvil, and contracts that they own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_account import Account
from eth_utils.crypto import keccak

from attest.chains.ethereum.messages import eip191_digest
from attest.chains.nodes.rpc import Node
from tests.nodes.contracts import ask, call_data, send
from tests.nodes.safe import NOBODY

CHAIN, CHAIN_ID = "eip155:31337", 31337
ALICE, BOB, CAROL, DAVE, ERIN, MALLORY = (
    Account.from_key(keccak(text=name)) for name in ("Alice", "Bob", "Carol", "Dave", "Erin", "Mallory")
)
CHALLENGE = "attest/v1 proof of control\nentity: exchange.example\n"
DIGEST = eip191_digest(CHALLENGE)
VALID = "1626ba7e" + "00" * 28
# What a FixedAnswer returns, and of how many bytes.
ANSWERS = {
    "yes": (VALID, 32),
    "no": ("00" * 32, 32),
    "other": ("ffffffff" + "00" * 28, 32),
    "legacy": ("20c13b0b" + "00" * 28, 32),
    "on the right": ("00" * 28 + "1626ba7e", 32),
    "not padded": (VALID, 4),
    "longer": (VALID, 64),
    "garbage behind": ("1626ba7e" + "00" * 27 + "01", 32),
    "nothing": (VALID, 0),
}


def own(key: Any, digest: bytes = DIGEST) -> bytes:
    return bytes(key.unsafe_sign_hash(digest).signature)


def delegate(node: Node, key: Any, code: str) -> str:
    """The address of `key` after it delegated its code to that at `code` (EIP-7702), by a real transaction."""
    send(node, key.address, value=10**18)
    authorization = key.sign_authorization({"chainId": CHAIN_ID, "address": code, "nonce": 1})
    fees = {"gas": 100_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
    transaction = {"type": 4, "chainId": CHAIN_ID, "nonce": 0, "to": key.address, "value": 0, "data": "0x", **fees}
    signed = key.sign_transaction(transaction | {"authorizationList": [authorization]})
    node.call("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
    node.call("evm_mine")
    return str(key.address)


def execute(node: Node, safe: str, data: str, keys: Sequence[Any]) -> None:
    """Let a Safe call itself, as its owners signed."""
    call: list[Any] = [safe, 0, bytes.fromhex(data[2:]), 0, 0, 0, 0, NOBODY, NOBODY]
    kinds = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"
    digest = ask(node, safe, f"getTransactionHash({kinds},uint256)", *call, 0)
    signatures = b"".join(own(key, digest) for key in sorted(keys, key=lambda key: int(key.address, 16)))
    send(node, safe, call_data(f"execTransaction({kinds},bytes)", *call, signatures))
