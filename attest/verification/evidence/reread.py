"""Evidence compared with what a node says today of the same block (verification step 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attest.chains.family import BlockReader, family, signing
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Block, PinLostError
from attest.chains.records import Reading
from attest.chains.wallets import Pin
from attest.control.records import ChallengeBlock, ContractControl
from attest.errors import VerificationError
from attest.verification.control.recheck import block_of


def reread(node: Node, pin: Pin, readings: Mapping[int, Reading], progress: Callable[[int], None]) -> int:
    """The number of `readings` that `node` confirms, at `pin` or at the block of the window that each is of.

    `readings`: those of one chain, by the index of their record.

    The block must be on the node's chain. A Bitcoin reading without outputs is not counted, because it names no script
    that a node could be asked for. Raises `VerificationError` naming the record and the node, `UnavailableError` when
    the node does not answer, because it keeps no state of that block for example.
    """
    found = family(pin.chain)
    reader = found.block_reader(pin.chain)
    reader.check_chain(node)
    _confirm(node, reader, pin, "the recorded one")
    return found.reread(node, pin, readings, progress)


def reread_blocks(node: Node, blocks: Iterable[ChallengeBlock]) -> None:
    """See that the blocks which challenges name are on `node`'s chain. Raises `AttestError` when one is not."""
    for block in blocks:
        header = block_of(block)
        pin = Pin(chain=block.chain, height=block.height, block_hash=header.block_hash, time=header.time)
        _confirm(node, family(block.chain).block_reader(block.chain), pin, "that which challenges name")


def reread_contracts(node: Node, block: Block, answers: Mapping[int, ContractControl]) -> int:
    """How many contracts take their signatures at `block`, by the word of `node`, whatever was recorded of it.

    Raises `VerificationError` naming the record whose signature a contract does not take, `UnavailableError`.
    """
    for index, record in answers.items():
        challenge = record.challenge
        try:
            kind = signing(challenge.chain).ask_contract(node, block, challenge, record.signature)
        except VerificationError as error:
            raise VerificationError(error.code, f"record {index}: {error.message}") from None
        if record.said_by and kind != record.kind:
            raise VerificationError(
                "reread/differs",
                f"record {index}: node {node.name} shows a {kind} at {challenge.address}, "
                f"the record says a {record.kind}",
            )
    return len(answers)


def _confirm(node: Node, reader: BlockReader, pin: Pin, which: str) -> None:
    try:
        reader.confirm(node, pin)
    except PinLostError:
        raise VerificationError(
            "reread/pin",
            f"node {node.name} has another block than {which} at height {pin.height} of {pin.chain}",
            hint="the block was replaced, or the node is wrong: ask another one",
        ) from None
