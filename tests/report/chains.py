"""The records of the chains of an invented exchange: blocks, balances, windows, and what keys signed for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Final

import rlp
from eth_account import Account
from eth_account.messages import encode_defunct
from trie import HexaryTrie
from trie.constants import BLANK_NODE_HASH

from attest.attestation.statement import AssetToken, StatedAsset
from attest.chains.bitcoin.header import header_hash, header_time
from attest.chains.bitcoin.records import BitcoinHeader, BitcoinUtxos, Utxo
from attest.chains.challenge import Challenge
from attest.chains.ethereum.proof import Token, balance_slot, checksum_address, decode_header, keccak
from attest.chains.ethereum.records import EthereumBalance, EthereumHeader, EthereumTokenAnswer, EthereumTokenBalance
from attest.chains.ethereum.trie_nodes import share_nodes
from attest.chains.records import NodeAgreement, Window
from attest.chains.wallets import Pin
from attest.control.records import ChallengeBlock, ControlProof, CustodyConfirmation
from attest.control.shown import Shown
from attest.evidence.record import Record
from attest.reserves.window import draw
from attest.verification.control.recheck import confirmed_by, place_of
from tests.report.plan import Coin, Month, Words
from tests.web.mutated import signer
from tests.world.control import CHAIN as BITCOIN
from tests.world.control import NONCE, confirmation, script, signed
from tests.world.tries import account, proof

ETHEREUM: Final = "eip155:1"
_SALT: Final = bytes(16)
_STRANGERS: Final = 12
_MINUTE: Final = timedelta(minutes=1)
_ASKED: Final = timedelta(days=3)  # so long before the snapshot were the blocks that challenges name
# Wallets by purpose, storage and thousandths of what customers hold; the keys of a Bitcoin wallet are numbers.
_BITCOIN: Final = (
    ("btc-cold", "customer", "cold", 600, (0, 1)),
    ("btc-vault", "customer", "cold", 370, (10,)),
    ("btc-hot", "customer", "hot", 30, (20, 21)),
    ("btc-guarantee", "guarantee", "cold", 32, (30,)),
    ("btc-compensation", "compensation", "cold", 65, (40,)),
)
_ETHEREUM: Final = (
    ("eth-cold", "customer", "cold", 970),
    ("eth-hot", "customer", "hot", 30),
    ("eth-guarantee", "guarantee", "cold", 32),
)


def chain_records(month: Month, words: Words) -> list[Record]:
    """All records of the month that are of chains, each with the salt of zeros."""
    bitcoin = list(_of_bitcoin(month, words))
    ethereum = list(_of_ethereum(month, words))
    return [*bitcoin, *ethereum, *(_control(month, words) if month.asked else ())]


def pins(records: Sequence[Record]) -> list[Pin]:
    """The pinned blocks, whose headers are among `records`."""
    found = []
    for record in records:
        if isinstance(record, BitcoinHeader) and record.window is None:
            time = header_time(record.header)
            found.append(Pin(chain=BITCOIN, height=_height(time), block_hash=header_hash(record.header), time=time))
        elif isinstance(record, EthereumHeader):
            header = decode_header(record.header)
            found.append(Pin(chain=ETHEREUM, height=header.number, block_hash=header.block_hash, time=header.time))
    return found


def shown(records: Sequence[Record]) -> Shown:
    """What signatures and custodians among `records` show."""
    return Shown(
        frozenset(place_of(record.challenge) for record in records if isinstance(record, ControlProof)),
        {
            place: record.confirmation.custodian
            for record in records
            if isinstance(record, CustodyConfirmation)
            for place in confirmed_by(record)
        },
    )


def stated_asset(coin: Coin) -> StatedAsset:
    """The asset as a statement has it, a token with its contract."""
    if coin.kind not in {"proven", "answered"}:
        return StatedAsset(asset=coin.asset, decimals=coin.decimals)
    token = AssetToken(chain=ETHEREUM, contract=_contract(coin))
    return StatedAsset(asset=coin.asset, decimals=coin.decimals, tokens=(token,))


def _of_bitcoin(month: Month, words: Words) -> Iterator[Record]:
    time = month.snapshot_at - 7 * _MINUTE
    height = _height(time)
    yield BitcoinHeader(type="bitcoin-header", salt=_SALT, chain=BITCOIN, header=_header("pin", time))
    yield _agreement(BITCOIN, words)
    (coin,) = (coin for coin in month.coins if coin.kind == "bitcoin")
    readings = [_reading(month, coin, words, *wallet) for wallet in _BITCOIN]
    yield from readings
    if not month.window:
        return
    heights = draw(bytes.fromhex(NONCE), BITCOIN, height, before=20, after=2, draws=2)
    yield Window(type="window", salt=_SALT, chain=BITCOIN, nonce=NONCE, before=20, after=2, heights=heights)
    for number, at in enumerate(heights):
        header = _header(f"window {number}", time + (at - height) * 10 * _MINUTE)
        yield BitcoinHeader(type="bitcoin-header", salt=_SALT, chain=BITCOIN, window=at, header=header)
        yield _agreement(BITCOIN, words, window=at)
        for reading in readings:
            if reading.purpose == "customer":
                utxos = reading.utxos[: -1 if reading.storage == "hot" and number == 0 else None]
                there = {"window": at, "utxos": utxos, "amount": sum(utxo.amount for utxo in utxos)}
                yield BitcoinUtxos.from_value(reading.model_copy(update=there).to_value(), what="a reading")


def _reading(
    month: Month, coin: Coin, words: Words, wallet: str, purpose: str, storage: str, share: int, keys: tuple[int, ...]
) -> BitcoinUtxos:
    amount = month.held_of(coin) * share // 1000
    parts = [amount // len(keys)] * len(keys)
    parts[0] += amount - sum(parts)
    utxos = tuple(
        Utxo(
            txid=sha256(f"{month.period} {wallet} {key}".encode()).digest(),
            vout=0,
            script=script(key),
            amount=part,
            height=1000 + key,
        )
        for key, part in zip(keys, parts, strict=True)
    )
    fields: dict[str, Any] = {"purpose": purpose, "storage": storage, "wallet": wallet}
    if wallet == "btc-vault":
        fields["custodian"] = words.vault
    return BitcoinUtxos(
        type="bitcoin-utxos",
        salt=_SALT,
        chain=BITCOIN,
        asset=coin.asset,
        level="agreed",
        amount=amount,
        utxos=utxos,
        **fields,
    )


def _of_ethereum(month: Month, words: Words) -> Iterator[Record]:
    coins = {coin.asset: coin for coin in month.coins if coin.kind in {"ether", "proven", "answered"}}
    state = HexaryTrie({})
    storages = {}
    for name in (f"stranger {number}" for number in range(_STRANGERS)):
        state[keccak(keccak(name.encode())[:20])] = account(10**18, BLANK_NODE_HASH)
    for coin in coins.values():
        if coin.kind == "ether":
            for wallet, _, _, share in _ETHEREUM:
                key = keccak(bytes.fromhex(_address(wallet)[2:]))
                state[key] = account(month.held_of(coin) * share // 1000, BLANK_NODE_HASH)
        elif coin.kind == "proven":
            storages[coin.asset] = storage = HexaryTrie({})
            for wallet, _, _, share in _ETHEREUM:
                storage[_slot(coin, wallet)] = bytes(rlp.encode(month.held_of(coin) * share // 1000))
            state[keccak(bytes.fromhex(_contract(coin)[2:]))] = account(0, storage.root_hash)
    readings: list[Record] = []
    for coin in coins.values():
        for wallet, purpose, storage_kind, share in _ETHEREUM:
            fields: dict[str, Any] = {
                "salt": _SALT,
                "chain": ETHEREUM,
                "wallet": wallet,
                "purpose": purpose,
                "storage": storage_kind,
                "asset": coin.asset,
                "amount": month.held_of(coin) * share // 1000,
                "address": _address(wallet),
            }
            readings.append(_ether_or_token(coin, fields, state, storages.get(coin.asset)))
    time = month.snapshot_at - _MINUTE
    yield EthereumHeader(type="ethereum-header", salt=_SALT, chain=ETHEREUM, header=_block(time, state.root_hash))
    yield _agreement(ETHEREUM, words)
    own, public, _ = share_nodes(readings, frozenset())
    yield from public
    yield from own


def _ether_or_token(coin: Coin, fields: dict[str, Any], state: HexaryTrie, storage: HexaryTrie | None) -> Record:
    if coin.kind == "ether":
        own = proof(state, keccak(bytes.fromhex(fields["address"][2:])))
        return EthereumBalance(type="ethereum-balance", level="proven", proof=own, **fields)
    if storage is None:
        return EthereumTokenAnswer(type="ethereum-token-answer", level="agreed", contract=_contract(coin), **fields)
    nodes = (
        *proof(state, keccak(bytes.fromhex(_contract(coin)[2:]))),
        *proof(storage, _slot(coin, fields["wallet"])),
    )
    return EthereumTokenBalance(
        type="ethereum-token-balance",
        level="proven",
        contract=_contract(coin),
        slot=bytes(32),
        layout="solidity",
        proof=tuple(dict.fromkeys(nodes)),
        **fields,
    )


def _control(month: Month, words: Words) -> Iterator[Record]:
    """What came back from the keys that were asked, all of them but those of wallets that are silent."""
    time = month.snapshot_at - _ASKED
    header, block = _header("asked", time), _block(time, keccak(b"asked"))
    said: dict[str, Any] = {"period": month.period, "nonce": NONCE}
    at_bitcoin = {**said, "height": _height(time), "block_hash": header_hash(header)}
    at_ethereum = {**said, "height": decode_header(block).number, "block_hash": keccak(block)}
    for chain, height, data in (
        (BITCOIN, at_bitcoin["height"], header),
        (ETHEREUM, at_ethereum["height"], block),
    ):
        yield ChallengeBlock(type="control-block", salt=_SALT, chain=chain, height=height, header=data, max_age=31)
    for wallet, _, _, _, keys in _BITCOIN:
        if wallet == "btc-vault":
            yield confirmation(*keys, name=words.vault, signer=signer("v"), **at_bitcoin)
        elif wallet not in month.silent:
            for key in keys:
                yield signed(key, wallet, **at_bitcoin)
    for wallet, *_ in _ETHEREUM:
        if wallet not in month.silent:
            asked = Challenge(entity="exchange.example", chain=ETHEREUM, address=_address(wallet), **at_ethereum)
            signature = _key(wallet).sign_message(encode_defunct(text=asked.text)).signature
            yield ControlProof(
                type="control",
                salt=_SALT,
                wallet=wallet,
                challenge=asked,
                method="eip191",
                signature="0x" + bytes(signature).hex(),
            )


def _agreement(chain: str, words: Words, **window: int) -> NodeAgreement:
    return NodeAgreement(type="nodes", salt=_SALT, chain=chain, needed=2, agreed=words.nodes, dropped=(), **window)


def _height(time: datetime) -> int:
    return int(time.timestamp()) // 600 - 2_100_000


def _header(name: str, time: datetime) -> bytes:
    digest = sha256(f"{name} {time}".encode()).digest()
    return (digest * 3)[:68] + int(time.timestamp()).to_bytes(4, "little") + bytes(8)


def _block(time: datetime, state_root: bytes) -> bytes:
    seconds = int(time.timestamp())
    fields: list[Any] = [bytes(32), b"", b"", state_root, b"", b"", b"", b"", seconds // 12 - 120_000_000, b"", b""]
    return bytes(rlp.encode([*fields, seconds, b"", b"", b""]))


@cache
def _key(wallet: str) -> Any:
    return Account.from_key(keccak(wallet.encode()))


def _address(wallet: str) -> str:
    return str(_key(wallet).address)


def _contract(coin: Coin) -> str:
    return checksum_address("0x" + keccak(coin.asset.encode())[:20].hex())


def _slot(coin: Coin, wallet: str) -> bytes:
    return keccak(balance_slot(Token(_contract(coin), 0), _address(wallet)))
