"""Whose outputs count in a window: those of the customers' wallet itself, and of nobody else."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from attest.chains.bitcoin.header import header_hash
from attest.chains.bitcoin.records import BitcoinHeader, BitcoinUtxos, Utxo
from attest.chains.bitcoin.scripts import address_of
from attest.chains.challenge import Challenge
from attest.chains.records import Window
from attest.chains.wallets import Pin
from attest.control.records import ControlProof
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.reserves.lines import ReserveLine
from attest.reserves.records import OwnWallet
from attest.reserves.window import Lowest
from attest.verification.evidence.recheck import recheck

CHAIN = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
TIME = 1_793_400_000
HEIGHT = 140
HEADERS = {
    HEIGHT - 1: bytes(68) + struct.pack("<I", TIME - 600) + bytes(8),
    HEIGHT: bytes(68) + struct.pack("<I", TIME) + bytes(8),
}
PIN = Pin(
    chain=CHAIN, height=HEIGHT, block_hash=header_hash(HEADERS[HEIGHT]), time=datetime.fromtimestamp(TIME, tz=UTC)
)
MINE, OTHERS = b"\x00\x14" + b"\x11" * 20, b"\x00\x14" + b"\x22" * 20
BORROWED = 500


def header(height: int) -> BitcoinHeader:
    where = {} if height == HEIGHT else {"window": height}
    return BitcoinHeader(type="bitcoin-header", salt=bytes(16), chain=CHAIN, header=HEADERS[height], **where)


def reading(script: bytes, *, window: bool, wallet: str = "hot", purpose: str = "customer") -> BitcoinUtxos:
    """What lies at one script; each script and time has an output of its own."""
    utxo = Utxo(txid=script[2:3] * 31 + bytes([window]), vout=0, script=script, amount=BORROWED, height=1)
    where = {"window": HEIGHT - 1} if window else {}
    return BitcoinUtxos(
        type="bitcoin-utxos", salt=bytes(16), chain=CHAIN, wallet=wallet, purpose=purpose, storage="hot", asset="BTC",
        level="single", amount=BORROWED, utxos=(utxo,), **where,
    )  # fmt: skip


def signed(script: bytes, wallet: str) -> ControlProof:
    """A proof as step 11 sees it; whether the signature holds, step 13 says."""
    challenge = Challenge(
        entity="exchange.example", period="2026-10", chain=CHAIN, address=address_of(CHAIN, script), height=HEIGHT,
        block_hash=PIN.block_hash, nonce="-",
    )  # fmt: skip
    return ControlProof(
        type="control", salt=bytes(16), wallet=wallet, challenge=challenge, method="bip322-simple", signature="smp"
    )


def lowest(*records: Record) -> Lowest | None:
    """The lowest count of a wallet that holds borrowed coins at the pin, by records that are all at hand."""
    drawn = Window(
        type="window", salt=bytes(16), chain=CHAIN, nonce="5b" * 16, before=1, after=0, heights=(HEIGHT - 1,)
    )
    every = [header(HEIGHT), header(HEIGHT - 1), drawn, reading(MINE, window=False), *records]
    lines: Any = {
        item.purpose: ReserveLine(
            asset="BTC", chain=CHAIN, purpose=item.purpose, storage="hot", evidence="single", control="none",
            amount=BORROWED, wallets=1,
        )
        for item in every
        if isinstance(item, BitcoinUtxos) and item.window is None
    }  # fmt: skip
    found = recheck(dict(enumerate(every)), decimals={"BTC": 8}, pins=[PIN], reserves=list(lines.values()))
    return found.windows[CHAIN].lowest.get("BTC")


def test_an_output_at_the_wallets_own_script_counts_in_a_window() -> None:
    assert lowest(reading(MINE, window=True)) == Lowest(BORROWED, HEIGHT, ("single",))
    assert lowest(reading(OTHERS, window=True), signed(OTHERS, "hot")) == Lowest(BORROWED, HEIGHT, ("single",))


def test_an_output_at_the_signed_address_of_another_wallet_is_not_taken_for_this_ones() -> None:
    assert lowest(reading(OTHERS, window=True), signed(OTHERS, "treasury")) is None


def test_guarantee_coins_do_not_stand_for_customers_coins_in_a_window() -> None:
    guarantee = reading(OTHERS, window=False, wallet="guarantee", purpose="guarantee")
    with pytest.raises(VerificationError, match="for two purposes"):
        lowest(reading(OTHERS, window=True), guarantee, signed(OTHERS, "hot"))


def test_own_coins_do_not_stand_for_customers_coins_in_a_window() -> None:
    own = OwnWallet(type="own-wallet", salt=bytes(16), chain=CHAIN, wallet="treasury", scripts=(OTHERS,))
    with pytest.raises(VerificationError, match="own wallet treasury"):
        lowest(reading(OTHERS, window=True), own, signed(OTHERS, "hot"))
