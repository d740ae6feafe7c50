"""A Safe 1.4.1 on a test node, from the contracts that its makers publish on npm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from attest.chains.nodes.rpc import Node
from tests.nodes.conftest import TOOLS
from tests.nodes.contracts import call_data, deploy, send

ARTIFACTS = TOOLS.parent / "anvil/node_modules/@safe-global/safe-contracts/build/artifacts/contracts"
NOBODY = "0x" + "00" * 20


def deploy_safe(node: Node, owners: Sequence[str], threshold: int) -> str:
    """The address of a new Safe of `owners`, of whom `threshold` must sign, with the usual fallback handler."""
    if not ARTIFACTS.is_dir() and "CI" not in os.environ:
        pytest.skip("the contracts of the Safe were not found: run tests/install-nodes")
    singleton = deploy(node, artifact("Safe"))
    factory = deploy(node, artifact("proxies/SafeProxyFactory"))
    handler = deploy(node, artifact("handler/CompatibilityFallbackHandler"))
    setup = call_data(
        "setup(address[],uint256,address,bytes,address,address,uint256,address)",
        *(owners, threshold, NOBODY, b"", handler, NOBODY, 0, NOBODY),
    )
    create = call_data("createProxyWithNonce(address,bytes,uint256)", singleton, bytes.fromhex(setup[2:]), 0)
    created = "0x" + keccak(text="ProxyCreation(address,address)").hex()
    (event,) = [log for log in send(node, factory, create)["logs"] if log["topics"][0] == created]
    return "0x" + str(event["topics"][1])[-40:]


def artifact(contract: str) -> Path:
    source = ARTIFACTS / f"{contract}.sol"
    return source / f"{source.stem}.json"
