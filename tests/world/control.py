"""Challenges, signatures and confirmations as records of evidence."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import wallycore
from btclib.b58 import prv_key_data_from_wif
from btclib_wallet import bip322

from attest.chains.bitcoin.header import header_hash
from attest.chains.bitcoin.records import BitcoinUtxos, Utxo
from attest.chains.bitcoin.scripts import address_of
from attest.chains.challenge import Challenge, Confirmation
from attest.control.custody import PAYLOAD_TYPE
from attest.control.records import ChallengeBlock, ControlProof, ControlSample, CustodyConfirmation
from attest.control.sample import Sample, drawn_scripts
from attest.evidence.tree import EvidenceTree
from attest.signing.envelope import sign
from attest.signing.keys import Signer
from tests.world.bitcoin_signing import p2wpkh, public

CHAIN = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
DRAWN = b"\x5a" * 16
NONCE = DRAWN.hex()
VAULT, OTHER = "Vault Trust", "Other Trust"
KEY, STRANGER = Signer.generate("ed25519"), Signer.generate("ecdsa-p256-sha256")
AMOUNTS = (500, 300, 100, 60, 40)
HEADER = bytes(68) + struct.pack("<I", 1_793_400_000) + bytes(8)  # 30 October 2026


def script(number: int) -> bytes:
    return p2wpkh(public(number + 1))


def challenge(number: int, **fields: Any) -> Challenge:
    return Challenge(
        **{
            "entity": "exchange.example",
            "period": "2026-10",
            "chain": CHAIN,
            "address": address_of(CHAIN, script(number)),
            "height": 140,
            "block_hash": header_hash(HEADER),
            "nonce": NONCE,
            **fields,
        }
    )


@cache
def proof(number: int) -> ControlProof:
    return signed(number, "vault")


def signed(number: int, wallet: str, **fields: Any) -> ControlProof:
    asked = challenge(number, **fields)
    wif = wallycore.wif_from_bytes((number + 1).to_bytes(32), 0xEF, wallycore.WALLY_WIF_FLAG_COMPRESSED)
    signature = bip322.sign(asked.text.encode(), prv_key_data_from_wif(wif), asked.address).b64encode()
    return ControlProof(
        type="control", salt=bytes(16), wallet=wallet, challenge=asked, method="bip322-simple", signature=signature
    )


def confirmation(
    *numbers: int, name: str = VAULT, signer: Signer = KEY, payload_type: str = PAYLOAD_TYPE, **fields: Any
) -> CustodyConfirmation:
    confirmed = Confirmation(
        format="attest/custody-confirmation/v1",
        custodian=name,
        challenges=tuple(challenge(number, **fields) for number in numbers),
    )
    envelope = sign(confirmed.to_bytes(), payload_type, [signer])
    return CustodyConfirmation(
        type="custody-confirmation",
        salt=bytes(16),
        public_key=signer.public.to_der(),
        confirmation=confirmed,
        sig=envelope.signatures[0].sig,
    )


def reading(custodian: str | None = VAULT, amounts: tuple[int, ...] = AMOUNTS) -> BitcoinUtxos:
    named = {} if custodian is None else {"custodian": custodian}
    utxos = tuple(
        Utxo(txid=bytes([number]) * 32, vout=0, script=script(number), amount=amount, height=1)
        for number, amount in enumerate(amounts)
    )
    return BitcoinUtxos(
        type="bitcoin-utxos", salt=bytes(16), chain=CHAIN, wallet="vault", purpose="customer", storage="cold",
        asset="BTC", level="single", amount=sum(amounts), utxos=utxos, **named,
    )  # fmt: skip


def sample(draws: int, *read: Any, nonce: bytes = DRAWN) -> ControlSample:
    root = EvidenceTree.build([record.leaf for record in read]).root
    drawn = Sample(draws=draws, nonce=nonce, reading_root=root, reading_count=len(read))
    return ControlSample(type="control-sample", salt=bytes(16), sample=drawn)


BLOCK = ChallengeBlock(type="control-block", salt=bytes(16), chain=CHAIN, height=140, header=HEADER, max_age=31)
EVERY = range(len(AMOUNTS))


def drawn(read: BitcoinUtxos, record: ControlSample) -> list[int]:
    amounts = {utxo.script: utxo.amount for utxo in read.utxos}
    scripts = drawn_scripts(amounts, read.wallet, record.sample)
    return [number for number in EVERY if script(number) in scripts]
