"""The signatures for contracts that came back, checked at the pinned blocks of a month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from attest.chains.family import family, signing
from attest.chains.pins import Block
from attest.chains.records import HeaderRecord, Reading, places_of
from attest.control.records import Challenged, ContractControl, ControlProof
from attest.errors import AttestError, UnavailableError, VerificationError
from attest.exchange.config import Config
from attest.exchange.control.evidence import SignedChallenges
from attest.exchange.control.returned import ControlRecord
from attest.exchange.reserves import Reserves
from attest.exchange.surroundings import Surroundings, node_quorum
from attest.verification.control.recheck import authorities_by_place, check_authority, place_of


class _Asking(NamedTuple):
    """Whom to ask about a contract, and at which block of each chain."""

    config: Config
    blocks: Mapping[str, Block]
    around: Surroundings


def settle_contracts(
    config: Config, reserves: Reserves, signed: SignedChallenges, around: Surroundings
) -> SignedChallenges:
    """The signatures as they count at the pinned blocks of `reserves`: the owners of a Safe are those of then.

    A contract that is no known Safe is asked there by the nodes; what it answers is kept and counts for nothing. One
    that cannot be asked any more is told of, and so is a contract at which nothing was read: that one is left out.
    Raises `VerificationError` naming the address when its Safe had other owners or the contract says no.
    """
    authorities = authorities_by_place(reserves.records)
    held = {place for record in reserves.records if isinstance(record, Reading) for place in places_of(record)}
    pins = {pin.chain: pin for pin in reserves.pins}
    headers = [record for record in reserves.records if isinstance(record, HeaderRecord) and record.at_pin]
    asking = _Asking(config, {record.chain: Block(pins[record.chain], record.header) for record in headers}, around)
    kept: list[ControlRecord] = []
    for record in signed.records:
        of_contract = isinstance(record, ContractControl) or (isinstance(record, ControlProof) and record.by_authority)
        if not (isinstance(record, Challenged) and of_contract):
            kept.append(record)
        elif place_of(record.challenge) not in held:
            around.tell(f"left out: a signature of {record.challenge.address}, where no wallet of the config is")
        else:
            with _naming(record):
                if isinstance(record, ControlProof):
                    check_authority(record, authorities)
                    kept.append(record)
                else:
                    kept.append(_asked(record, asking))
    places = frozenset(place_of(record.challenge) for record in kept if isinstance(record, ControlProof))
    return SignedChallenges(kept, replace(signed.shown, signed=places))


def _asked(record: ContractControl, asking: _Asking) -> ContractControl:
    """The record with what the nodes say that the contract said; as it is when they cannot ask it."""
    challenge = record.challenge
    block = asking.blocks[challenge.chain]
    chain = next(chain for chain in asking.config.chains if chain.id == challenge.chain)
    quorum = node_quorum(chain, asking.around)
    found, signs = family(challenge.chain), signing(challenge.chain)
    try:
        quorum.require(found.block_reader(challenge.chain).check_chain)
        kind = quorum.ask(
            lambda node: signs.ask_contract(node, block, challenge, record.signature),
            lambda one, other: f"takes {challenge.address} for a {other}, not a {one}",
        )
    except UnavailableError as error:
        asking.around.tell(
            f"the contract {challenge.address} of wallet {record.wallet} was not asked about its signature at block "
            f"{block.pin.height}, which would count as none: {error.message}"
        )
        return record
    return record.model_copy(update={"kind": kind, "said_by": tuple(node.name for node in quorum.nodes)})


@contextmanager
def _naming(record: ControlProof | ContractControl) -> Iterator[None]:
    """Name the address and the wallet in an error about a signature."""
    try:
        yield
    except AttestError as error:
        raise VerificationError(
            error.code,
            f"the signature of {record.challenge.address} (wallet {record.wallet}) does not hold at the pinned block: "
            f"{error.message}",
            hint="ask for signatures anew (attest control challenge), or take its file out of signatures/ there",
        ) from None
