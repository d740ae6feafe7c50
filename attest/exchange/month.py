"""The monthly job: from the ledger and the chains to a publication folder and a private one."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from attest import __version__
from attest.attestation.editions import auditor_edition, public_edition
from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE, SNAPSHOT_FOLDER
from attest.attestation.reserves_file import RESERVES_FILE
from attest.attestation.statement import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    EvidenceRoot,
    Liabilities,
    Predicate,
    Sha256,
    Statement,
    Subject,
    Tool,
)
from attest.chains.challenge import NO_NONCE
from attest.chains.pins import PinLostError
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.evidence.tree import EvidenceTree
from attest.exchange.config import Config
from attest.exchange.control.evidence import add_control, read_control
from attest.exchange.control.settle import settle_contracts
from attest.exchange.documents.cover_and_prices import read_documents
from attest.exchange.ledger import build_liabilities
from attest.exchange.months import require_next
from attest.exchange.own_keys import custodian_keys, open_own
from attest.exchange.policies import PolicyFile, read_policies, verdicts
from attest.exchange.publishing.finishing import Issuer, Outcome
from attest.exchange.publishing.payloads import alone_with_record, record_path
from attest.exchange.publishing.unfinished import Names, left_with_payload, new_unfinished, remove_unfit
from attest.exchange.reading import JOURNAL, confirm_pins, read_reserves
from attest.exchange.ready import require_at_hand
from attest.exchange.reserves import Reserves
from attest.exchange.reserves_folder import load_reserves, reserves_file
from attest.exchange.stated import chains_read, stated_assets
from attest.exchange.surroundings import Surroundings
from attest.files import alone_in, read_bounded, real_path
from attest.liabilities.tree import SCHEME
from attest.signing.keys import MAX_KEY_BYTES, Signer
from attest.signing.signers import Secrets, key_file
from attest.verification.segregation import require_every_wallet

_PRIVATE_FOLDER_MODE: Final = 0o700


@dataclass(frozen=True, slots=True)
class MonthInputs:
    """What a month is attested with, besides its config.

    secret: the snapshot's 32 random bytes.
    passphrase: gets the `passphrase` or `pin` of the key.
    read: a folder of `write_reserves`; without one the chains are read now.
    control: folders of signed challenges.
    nonce: what the auditor drew, in hex, which draws the blocks of windows.
    left_out: the months before this one that will never have a statement.
    new_record: whether the record of payloads, which was lost, is written anew from what is published.
    """

    secret: bytes
    passphrase: Secrets
    read: Path | None = None
    control: Sequence[Path] = ()
    nonce: str = NO_NONCE
    left_out: Collection[str] = ()
    new_record: bool = False


def run(config: Config, period: str, around: Surroundings, inputs: MonthInputs) -> Outcome:
    """Attest one `period` (`2026-10`) of the exchange; `around.now` is the time of issue.

    A month that a stopped run left with its payload is published with that payload first, whatever config and options
    say now. Nothing else is left behind on an error but the balances that were read, from which the next run goes on
    at the same blocks. What is signed was verified before. Raises `AttestError`.
    """
    around = replace(around, now=around.now.replace(microsecond=0))
    config.ledger.ended(period, around.now)
    folder, tell = around.folder, around.tell
    names = Names(folder / config.publication.private_folder, folder / config.publication.folder)
    _keep_apart(names, key_file(config.keys.exchange, folder), record_path(config, folder))
    with alone_with_record(config, f"attest run --period {period}", around) as record:
        unfinished = left_with_payload(names.private, tell)
        # Before the key, which may ask for a passphrase, and the chains, which may take an hour.
        if not unfinished:
            _require_possible(config, period, names, inputs.left_out, around)
        own = open_own(config, around, inputs.passphrase)
        custodians = custodian_keys(config.custodians, folder)
        issuer = Issuer(own, record, names, config.entity.origin, custodians, around)
        issuer.settle_record(new=inputs.new_record)
        for left in unfinished:
            if (why := issuer.unfit(left)) is not None:
                remove_unfit(left, why, tell)
                continue
            tell(f"going on with the statement of {left.period} that a stopped run left in {left.path}")
            with alone_in(left.path, f"another program publishes {left.period}"):
                outcome = issuer.finish(left, _journal(names, left.period))
            if left.period == period:
                return outcome
        if unfinished:
            _require_possible(config, period, names, inputs.left_out, around)
        return _attest(config, period, issuer, inputs)


def _require_possible(
    config: Config, period: str, names: Names, left_out: Collection[str], around: Surroundings
) -> None:
    """See that the month follows what was published, and that what it needs besides its chains is there."""
    require_next(names.publication, names.private, period, left_out)
    require_at_hand(config, period, around)


def _attest(config: Config, period: str, issuer: Issuer, inputs: MonthInputs) -> Outcome:
    """Read the chains and the ledger, and publish what they show."""
    around = issuer.around
    before = issuer.before(period)
    issuer.record.refuse_second(before.sequence + 1, period)
    signed = read_control(config, period, inputs.control, around) if inputs.control else None
    policies = read_policies(config, around.folder)
    documents = read_documents(config, period, around)
    journal = _journal(issuer.names, period)
    reserves = _reserves(config, period, journal, around, inputs)
    if signed is not None:
        with _keeping(journal, around.tell):
            add_control(reserves, settle_contracts(config, reserves, signed, around))
    documents.add_to(reserves, config)
    with (
        _keeping(journal, around.tell),
        new_unfinished(issuer.names.private, period, issuer.stays, around.tell) as unfinished,
    ):
        around.tell("reading the ledger and building the trees")
        snapshot = unfinished.private / SNAPSHOT_FOLDER
        snapshot.mkdir(mode=_PRIVATE_FOLDER_MODE)
        manifest = build_liabilities(config, period, snapshot, inputs.secret, around)
        evidence = EvidenceTree.build([record.leaf for record in reserves.records])
        public = public_edition(reserves.records, evidence, reserves.evidence.private)
        predicate = Predicate(
            entity=config.entity,
            period=period,
            sequence=before.sequence + 1,
            previous=before.digest,
            snapshot_at=config.ledger.period_end(period),
            issued_at=around.now,
            expires_at=around.now + timedelta(days=config.publication.valid_days),
            scope=config.scope,
            assets=stated_assets(config, reserves.pins),
            chains=chains_read(config, period, reserves.pins),
            liabilities=Liabilities(scheme=SCHEME, trees=manifest.trees),
            reserves=reserves.lines,
            money=tuple(reserves.money),
            **({"held": tuple(reserves.held)} if reserves.held else {}),
            cover=documents.contracts.lines,
            declarations=reserves.declarations,
            prices=documents.prices.prices,
            policies=(),
            evidence=EvidenceRoot(root=evidence.root, count=evidence.count),
            tool=Tool(name="attest-por", version=__version__),
        )
        published = {PUBLIC_EVIDENCE: public, **{item.name: item.data for item in policies}}
        payload = _statement(predicate, published, policies).to_bytes()
        kept = {
            AUDITOR_EVIDENCE: auditor_edition(reserves.records),
            RESERVES_FILE: reserves_file(config, period, reserves, evidence).to_bytes(),
        }
        _confirm_pins(config, reserves, inputs, around)
        around.tell("verifying what is to be signed")
        checked = issuer.check(payload, (published | kept).get, before)
        require_every_wallet(config.wallets, dict(enumerate(reserves.records)), checked.wallets)
        unfinished.keep(kept, published, payload)
        return issuer.finish(unfinished, journal, checked)


def _reserves(config: Config, period: str, journal: Path, around: Surroundings, inputs: MonthInputs) -> Reserves:
    """The chains as they were read into a folder, or as they are read now."""
    if inputs.read is None:
        return read_reserves(config, period, journal, around, inputs.nonce)
    return load_reserves(config, period, inputs.read, around, inputs.nonce)


def _statement(predicate: Predicate, published: Mapping[str, bytes], policies: Sequence[PolicyFile]) -> Statement:
    """The statement over `predicate`, to which the verdicts of `policies` are added, and the files beside it."""
    return Statement(
        type=STATEMENT_TYPE,
        subject=tuple(
            Subject(name=name, digest=Sha256(sha256=sha256(data).digest())) for name, data in sorted(published.items())
        ),
        predicate_type=PREDICATE_TYPE,
        predicate=predicate.model_copy(update={"policies": verdicts(policies, predicate)}),
    )


def _confirm_pins(config: Config, reserves: Reserves, inputs: MonthInputs, around: Surroundings) -> None:
    around.tell("seeing that the pinned blocks are still on their chains")
    try:
        confirm_pins(config, reserves.blocks, around)
    except PinLostError as error:
        if inputs.read is None:
            raise
        raise VerificationError(error.code, error.message, hint="read the chains anew: attest reserves read") from None


def _journal(names: Names, period: str) -> Path:
    return names.private / f"{period}{JOURNAL}"


@contextmanager
def _keeping(journal: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """On an error, say that what was read is kept; a journal of a block that was lost is not."""
    try:
        yield
    except PinLostError:
        journal.unlink(missing_ok=True)
        raise
    except AttestError:
        if journal.exists():
            tell(f"the balances that were read are kept in {journal}; run again to go on at the same blocks")
        raise


def _keep_apart(names: Names, key: Path | None, record: Path) -> None:
    """Refuse folders that would publish what is private."""
    published, kept = real_path(names.publication), real_path(names.private)
    apart = [path for path in (key, record) if path is not None]
    if (
        published == kept
        or published in kept.parents
        or kept in published.parents
        or any(published in real_path(path).parents for path in apart)
    ):
        raise MalformedError(
            "config/folders",
            "publication.folder, publication.private_folder, the key and its record must not lie one inside the other",
            hint="all that is in the publication folder is for everyone",
        )


def read_signer(path: Path, passphrase: Callable[[], str]) -> Signer:
    """The private key in `path`. Raises `UnavailableError`, `MalformedError`."""
    if not os.path.lexists(path):
        raise UnavailableError("key/missing", f"there is no key {path}", hint=f"make one: attest key new {path}")
    return Signer.from_pem(read_bounded(path, MAX_KEY_BYTES), passphrase=passphrase, what=str(path))
