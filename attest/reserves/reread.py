"""Evidence compared with what a node says today of the same block (verification step 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from attest.chains.bitcoin.records import BitcoinUtxos, Utxo
from attest.chains.ethereum.records import AddressReading
from attest.errors import VerificationError
from attest.reserves.control import signature_bytes
from attest.reserves.control_contract import ask_contract
from attest.reserves.control_ethereum import eip191_digest
from attest.reserves.control_recheck import block_of
from attest.reserves.ethereum_node import amounts, at_block
from attest.reserves.pins import Block, PinLostError
from attest.reserves.reading import ChainReader, block_reader
from attest.reserves.records import ChallengeBlock, ContractControl, Reading
from attest.reserves.rpc import Node
from attest.reserves.unspent import unspent_at
from attest.reserves.wallets import Pin

_CHUNK: Final = 500


def reread(node: Node, pin: Pin, readings: Mapping[int, Reading], progress: Callable[[int], None]) -> int:
    """How many of the `readings` of a chain, by index, `node` says the same of at `pin`, or a block of its window.

    The block must be on the node's chain. A Bitcoin reading without outputs names no script that a node could
    be asked for. Raises `VerificationError` naming the record and the node,
    `UnavailableError` when the node does not answer, such as one that keeps no state of that block.
    """
    reader = block_reader(pin.chain)
    reader.check_chain(node)
    _confirm(node, reader, pin, "the recorded one")
    if pin.chain.startswith("bip122:"):
        outputs = {index: item for index, item in readings.items() if isinstance(item, BitcoinUtxos) and item.utxos}
        _reread_bitcoin(node, pin, outputs)
        progress(len(outputs))
        return len(outputs)
    _reread_ethereum(
        node, pin, {index: item for index, item in readings.items() if isinstance(item, AddressReading)}, progress
    )
    return len(readings)


def reread_blocks(node: Node, blocks: Iterable[ChallengeBlock]) -> None:
    """See that the blocks which challenges name are on `node`'s chain. Raises `AttestError` when one is not."""
    for block in blocks:
        block_hash, time = block_of(block)
        pin = Pin(chain=block.chain, height=block.height, block_hash=block_hash, time=time)
        _confirm(node, block_reader(block.chain), pin, "that which challenges name")


def reread_contracts(node: Node, block: Block, answers: Mapping[int, ContractControl]) -> int:
    """How many contracts take their signatures at `block`, by the word of `node`, whatever was recorded of it.

    Raises `VerificationError` naming the record whose signature a contract does not take, `UnavailableError`.
    """
    for index, record in answers.items():
        digest, signature = eip191_digest(record.challenge.text), signature_bytes(record.signature)
        try:
            answer = ask_contract(node, block, record.challenge.address, digest, signature)
        except VerificationError as error:
            raise VerificationError(error.code, f"record {index}: {error.message}") from None
        if record.said_by and answer.kind != record.kind:
            raise VerificationError(
                "reread/differs",
                f"record {index}: node {node.name} shows a {answer.kind} at {record.challenge.address}, "
                f"the record says a {record.kind}",
            )
    return len(answers)


def _confirm(node: Node, reader: ChainReader, pin: Pin, which: str) -> None:
    try:
        reader.confirm(node, pin)
    except PinLostError:
        raise VerificationError(
            "reread/pin",
            f"node {node.name} has another block than {which} at height {pin.height} of {pin.chain}",
            hint="the block was replaced, or the node is wrong: ask another one",
        ) from None


def _reread_ethereum(
    node: Node, pin: Pin, readings: Mapping[int, AddressReading], progress: Callable[[int], None]
) -> None:
    by_contract: dict[str | None, list[int]] = {}
    for index, reading in readings.items():
        by_contract.setdefault(reading.token, []).append(index)
    done = 0
    for contract, indices in by_contract.items():
        for start in range(0, len(indices), _CHUNK):
            part = indices[start : start + _CHUNK]
            addresses = [readings[index].address for index in part]
            said = amounts(node, contract, addresses, at_block(pin.block_hash))
            for index, amount in zip(part, said, strict=True):
                if amount != readings[index].amount:
                    raise _differs(node, index, readings[index], f"says {amount}")
            done += len(part)
            progress(done)


def _reread_bitcoin(node: Node, pin: Pin, readings: Mapping[int, BitcoinUtxos]) -> None:
    scripts = {utxo.script for reading in readings.values() for utxo in reading.utxos}
    if not scripts:
        return
    said: dict[bytes, set[Utxo]] = {script: set() for script in scripts}
    for utxo in unspent_at(node, pin, sorted(scripts)):
        said[utxo.script].add(utxo)
    for index, reading in readings.items():
        shown: dict[bytes, set[Utxo]] = {}
        for utxo in reading.utxos:
            shown.setdefault(utxo.script, set()).add(utxo)
        for script, utxos in shown.items():
            if utxos != said[script]:
                raise _differs(node, index, reading, f"lists other outputs of the script {script.hex()}")


def _differs(node: Node, index: int, reading: Reading, what: str) -> VerificationError:
    return VerificationError(
        "reread/differs",
        f"record {index}: node {node.name} {what} for {reading.asset} of wallet {reading.wallet}, "
        f"the record says {reading.amount}",
    )
