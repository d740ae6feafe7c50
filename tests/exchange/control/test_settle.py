"""At which block a contract is asked about its signature."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import rlp

from attest.chains.challenge import Challenge
from attest.chains.ethereum.proof import decode_header
from attest.chains.ethereum.records import EthereumBalance, EthereumHeader
from attest.chains.settings import NodeSettings
from attest.chains.wallets import Pin
from attest.control.records import ContractControl
from attest.control.shown import NOBODY
from attest.demo.exchange import CONFIG_FILE
from attest.demo.recording import serve
from attest.exchange.config import read_config
from attest.exchange.control.evidence import SignedChallenges
from attest.exchange.control.settle import settle_contracts
from attest.exchange.reserves import Reserves
from attest.exchange.surroundings import Surroundings
from tests.conftest import Exchange

CHAIN = "eip155:31337"
ADDRESS = "0x9022460B384C599738D8558330EbDCdD583d7d02"
PINNED, WINDOWED = 100, 90


def header(height: int) -> bytes:
    fields = [b"", b"", b"", bytes(32), b"", b"", b"", b"", height.to_bytes(1), b"", b"", (10**9 + height).to_bytes(4)]
    return bytes(rlp.encode([*fields, b"", b"", b""]))


def test_a_contract_is_asked_at_the_pin_also_where_a_window_was_read(exchange: Exchange) -> None:
    asked: list[Any] = []

    def answer(method: str, params: list[Any]) -> str:
        if method == "eth_chainId":
            return '"0x7a69"'
        asked.append(params[-1])
        raise LookupError(method)

    block = decode_header(header(PINNED))
    pin = Pin(chain=CHAIN, height=PINNED, block_hash=block.block_hash, time=block.time)
    here = {"salt": bytes(16), "chain": CHAIN}
    reading = EthereumBalance(
        type="ethereum-balance", wallet="w", purpose="customer", storage="cold", asset="ETH", level="proven",
        amount=1, address=ADDRESS, proof=(), **here,
    )  # fmt: skip
    records = [
        EthereumHeader(type="ethereum-header", header=header(PINNED), **here),
        reading,
        EthereumHeader(type="ethereum-header", header=header(WINDOWED), window=WINDOWED, **here),
    ]
    challenge = Challenge(
        entity="exchange.example", period="2026-10", chain=CHAIN, address=ADDRESS, height=PINNED,
        block_hash=block.block_hash, nonce="-",
    )  # fmt: skip
    reserves = Reserves([pin])
    for item in records:
        reserves.evidence.add(item, public=True)
    record = ContractControl(
        type="control-contract", salt=bytes(16), wallet="w", challenge=challenge, signature="0x11", said_by=()
    )
    config = read_config(exchange.folder / CONFIG_FILE)
    with serve(answer) as url:
        chains = tuple(
            chain.model_copy(update={"nodes": (NodeSettings(name="n", url=url),), "agree": None})
            for chain in config.chains
        )
        around = Surroundings(exchange.folder, datetime.now(UTC), {})
        settle_contracts(
            config.model_copy(update={"chains": chains}),
            reserves,
            SignedChallenges([record], NOBODY),
            around,
        )
    assert {item["blockHash"] for item in asked} == {"0x" + block.block_hash.hex()}
