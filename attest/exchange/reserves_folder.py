"""Reserves in a folder: read there first, attested later."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from attest.attestation.document_records import (
    CoverDocument,
    DeclarationRecord,
    DeclaredBalance,
    MoneyDocument,
    PriceList,
)
from attest.attestation.editions import auditor_edition, public_edition
from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.attestation.reserves_file import RESERVES_FILE, ReservesFile, read_reserves_file
from attest.attestation.statement import EvidenceRoot
from attest.chains.records import Window
from attest.control.records import ChallengeBlock, Challenged, ControlSample, CustodyConfirmation
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import Record
from attest.evidence.tree import EvidenceTree
from attest.exchange.config import Config
from attest.exchange.documents.money import bank_documents
from attest.exchange.reading import JOURNAL, read_reserves
from attest.exchange.register_digest import register_digest
from attest.exchange.reserves import Reserves, add_money, hidden_wallets, may_be_public
from attest.exchange.stated import chains_read, refuse_far, stated_assets
from attest.exchange.surroundings import Surroundings, refuse_published
from attest.files import SECRET_MODE, fill_folder, is_file, reason
from attest.folders import new_folder
from attest.verification.evidence.folder import open_evidence

_FOLDER_MODE: Final = 0o700


def write_reserves(
    config: Config, period: str, out: Path, around: Surroundings, nonce: bytes | None = None
) -> ReservesFile:
    """Read the chains for `period` into the new folder `out`: both editions of the evidence, and `reserves.json`.

    The documents of banks, which come later, are left to the run that attests the month.
    A reading that fails leaves a journal beside `out`, from which the next one goes on. Raises `AttestError`, also
    while the period lasts: blocks of then are not its end, and the run would attest them as such.
    """
    config.ledger.ended(period, around.now)
    refuse_published(config, out, around)
    if all(wallet.purpose == "own" for wallet in config.wallets):
        raise MalformedError(
            "config/reserves",
            "the config names no wallet that counts, so there is nothing to read from chains",
            hint="attest run reads documents of money by itself",
        )
    journal = out.with_name(f"{out.name}{JOURNAL}")
    if is_file(out / RESERVES_FILE) and read_reserves_file(out).register_digest == register_digest(
        config, period, nonce
    ):
        _remove_served(journal, around)  # a run was killed before it could
    # From the start, so that two do not write into one journal.
    with new_folder(out, _FOLDER_MODE, around.tell) as unfinished:
        unpaid = config.model_copy(update={"money": ()})
        reserves = read_reserves(unpaid, period, journal, around, nonce, to_attest=False)
        tree = EvidenceTree.build([record.leaf for record in reserves.records])
        own = reserves_file(config, period, reserves, tree)
        files = {
            AUDITOR_EVIDENCE: auditor_edition(reserves.records),
            PUBLIC_EVIDENCE: public_edition(reserves.records, tree, reserves.evidence.private),
            RESERVES_FILE: own.to_bytes(),
        }
        fill_folder(unfinished, files, mode=SECRET_MODE)
    _remove_served(journal, around)
    return own


def _remove_served(journal: Path, around: Surroundings) -> None:
    try:
        journal.unlink(missing_ok=True)
    except OSError as error:
        around.tell(f"cannot remove {journal}, which has served: {reason(error)}")


def load_reserves(
    config: Config, period: str, read: Path, around: Surroundings, nonce: bytes | None = None
) -> Reserves:
    """The chains as `write_reserves` read them into the folder `read`, and the bank documents as they are now.

    Raises `MalformedError` when the folder was read for another period or register, or when a `nonce` is given and
    another one drew its windows; `VerificationError` when its evidence does not show what it says.
    """
    own = read_reserves_file(read)
    folder = open_evidence(read)
    drawn = next((record.nonce_bytes for record in folder.records.values() if isinstance(record, Window)), None)
    if nonce is not None and nonce != drawn:
        by = "it has no window" if drawn is None else f"its window was drawn by {drawn.hex()}"
        raise MalformedError(
            "reserves/nonce",
            f"{read} has nothing that the nonce {nonce.hex()} drew: {by}",
            hint="leave --nonce out: the reading says what drew its window, and a folder of --control what its "
            "challenges have",
        )
    if own.register_digest != register_digest(config, period, drawn):
        other = f"for {own.period}, not for {period}"
        raise MalformedError(
            "reserves/other",
            f"{read} was read {other if own.period != period else 'for other chains and wallets than the config has'}",
            hint="read the chains anew: attest reserves read",
        )
    refuse_far(config, period, own.pins)
    folder.check({})
    # The private folder of a month has documents and signatures too; they come after the chains.
    later = (
        MoneyDocument
        | DeclaredBalance
        | ChallengeBlock
        | Challenged
        | CustodyConfirmation
        | ControlSample
        | CoverDocument
        | PriceList
    )
    chains: list[Record] = [
        record
        for record in folder.whole()
        if not (isinstance(record, later) or (isinstance(record, DeclarationRecord) and record.document is not None))
    ]
    reserves = Reserves(
        pins=list(own.pins), unlisted=list(own.unlisted), unproven=list(own.unproven or ()), nonce=drawn
    )
    hidden, private = hidden_wallets(config), frozenset(own.private)
    for index, record in enumerate(chains):
        if index not in private and not may_be_public(record, hidden):
            raise VerificationError(
                "reserves/private", f"{RESERVES_FILE} would publish record {index}, which is private"
            )
        reserves.evidence.add(record, public=index not in private)
    add_money(bank_documents(config, period, around.folder), config, reserves)
    return reserves


def reserves_file(config: Config, period: str, reserves: Reserves, tree: EvidenceTree) -> ReservesFile:
    """What `reserves.json` says of `reserves`, whose records lie in `tree`."""
    # What is not there stays absent from the document.
    more: dict[str, Any] = {"held": tuple(reserves.held), "unproven": tuple(reserves.unproven)}
    return ReservesFile(
        format="attest/reserves/v1",
        period=period,
        register_digest=register_digest(config, period, reserves.nonce),
        assets=stated_assets(config, reserves.pins),
        chains=chains_read(config, period, reserves.pins),
        reserves=reserves.lines,
        money=tuple(reserves.money),
        declarations=reserves.declarations,
        unlisted=tuple(reserves.unlisted),
        evidence=EvidenceRoot(root=tree.root, count=tree.count),
        leaves=tree.leaves,
        private=tuple(sorted(reserves.evidence.private)),
        **{name: there for name, there in more.items() if there},
    )
