"""The Safe that other tests use is a real one: it has its owners, receives coins, and its owners sign for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from attest.chains.ethereum.proof import checksum_address
from attest.chains.nodes.rpc import Node
from attest.errors import UnavailableError
from tests.nodes.contracts import FIXTURES, ask, call_data, deploy, send
from tests.nodes.safe import deploy_safe
from tests.nodes.sandbox import sandbox

OWNERS = [Account.from_key(keccak(text=name)) for name in ("Alice", "Bob", "Carol")]
ADDRESSES = [owner.address for owner in OWNERS]
VALID = bytes.fromhex("1626ba7e")  # EIP-1271


@pytest.fixture(scope="module")
def node(kind: str) -> Iterator[Node]:
    with sandbox(kind, genesis_time=1_760_000_000) as node:
        yield node


@pytest.fixture(scope="module")
def safe(node: Node) -> str:
    return deploy_safe(node, ADDRESSES, 2)


def test_owners_and_threshold_are_those_it_was_given(node: Node, safe: str) -> None:
    (owners,) = decode(["address[]"], ask(node, safe, "getOwners()"))
    assert [checksum_address(owner) for owner in owners] == ADDRESSES
    assert int.from_bytes(ask(node, safe, "getThreshold()")) == 2
    (version,) = decode(["string"], ask(node, safe, "VERSION()"))
    assert version == "1.4.1"


def test_it_receives_ether_and_a_token(node: Node, safe: str) -> None:
    send(node, safe, value=7 * 10**18)
    assert int(node.call("eth_getBalance", safe, "latest"), 16) == 7 * 10**18
    token = deploy(node, FIXTURES / "demo" / "DemoDollar.json", 10**12)
    send(node, token, call_data("transfer(address,uint256)", safe, 5_000_000))
    assert int.from_bytes(ask(node, token, "balanceOf(address)", safe)) == 5_000_000


def test_two_owners_sign_for_it_and_one_does_not(node: Node, safe: str) -> None:
    message = keccak(text="controlled by the exchange")
    typed = encode_typed_data(
        {"chainId": int(node.call("eth_chainId"), 16), "verifyingContract": safe},
        {"SafeMessage": [{"name": "message", "type": "bytes"}]},
        {"message": message},
    )
    by_address = sorted(OWNERS[:2], key=lambda owner: owner.address.lower())
    signatures = [owner.sign_message(typed).signature for owner in by_address]
    question = "isValidSignature(bytes32,bytes)"
    assert ask(node, safe, question, message, b"".join(signatures))[:4] == VALID
    with pytest.raises(UnavailableError, match="GS020"):
        ask(node, safe, question, message, signatures[0])
