"""The five stages of a month, each a function of values: ready, read, build, state, publish.

1. `ready`: what the month needs besides its chains is there.
2. `read`: every chain is read at one block, or was read into a folder before; what its keys signed is added.
3. `build`: the ledger becomes trees, the records become evidence.
4. `state`: a statement says all of it, and is verified as anyone will verify it.
5. `publish`: the statement is written down, signed, and its folders get their names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

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
from attest.chains.pins import PinLostError
from attest.errors import AttestError, VerificationError
from attest.evidence.tree import EvidenceTree
from attest.exchange.config import Config
from attest.exchange.control.evidence import SignedChallenges, add_control, read_control
from attest.exchange.control.settle import settle_contracts
from attest.exchange.documents.cover_and_prices import Documents, read_documents
from attest.exchange.ledger import build_liabilities
from attest.exchange.months import Before
from attest.exchange.policies import PolicyFile, read_policies, verdicts
from attest.exchange.publishing.finishing import Issuer, Outcome
from attest.exchange.publishing.unfinished import Unfinished, new_unfinished
from attest.exchange.reading import confirm_pins, read_reserves
from attest.exchange.reserves import Reserves
from attest.exchange.reserves_folder import load_reserves, reserves_file
from attest.exchange.stated import chains_read, stated_assets
from attest.exchange.surroundings import Surroundings
from attest.liabilities.tree import SCHEME, StatedTree
from attest.signing.signers import Secrets
from attest.verification.segregation import require_every_wallet
from attest.verification.verified import Verified

_PRIVATE_FOLDER_MODE: Final = 0o700


@dataclass(frozen=True, slots=True)
class MonthInputs:
    """What a month is attested with, besides its config.

    `secret`: the snapshot's 32 random bytes.
    `passphrase`: gets the `passphrase` or `pin` of the key.
    `read`: a folder of `write_reserves`; without one the chains are read now.
    `control`: folders of signed challenges.
    `nonce`: what the auditor drew, which draws the blocks of windows.
    `left_out`: the months before this one that will never have a statement.
    `new_record`: whether the record of payloads, which was lost, is written anew from what is published.
    """

    secret: bytes
    passphrase: Secrets
    read: Path | None = None
    control: Sequence[Path] = ()
    nonce: bytes | None = None
    left_out: Collection[str] = ()
    new_record: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A month whose documents are there, and in whose way nothing stands.

    `config`, `period`, `inputs`: what is asked to be attested.
    `issuer`: who signs it, and the record of what was signed.
    `before`: the statement that it follows.
    `policies`: the policies that it is evaluated by, each with its file.
    `documents`: what stands behind its declarations, cover and prices.
    `signed`: the challenges that came back signed; None where no folder of them was named.
    `journal`: where what is read is kept until the month is published.
    """

    config: Config
    period: str
    issuer: Issuer
    inputs: MonthInputs
    before: Before
    policies: tuple[PolicyFile, ...]
    documents: Documents
    signed: SignedChallenges | None
    journal: Path

    @property
    def around(self) -> Surroundings:
        """What the work depends on besides config and period."""
        return self.issuer.around

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """On an error, say that what was read is kept; a journal of a block that was lost is removed."""
        try:
            yield
        except PinLostError:
            self.journal.unlink(missing_ok=True)
            raise
        except AttestError:
            if self.journal.exists():
                self.around.tell(
                    f"the balances that were read are kept in {self.journal}; run again to go on at the same blocks"
                )
            raise


class Built(NamedTuple):
    """What the ledger and the records became.

    `trees`: one of each asset, over the ledger.
    `evidence`: the tree over the records of the reserves.
    `published`: the files beside the bundle, by name.
    `kept`: the files for the auditor alone, by name.
    """

    trees: tuple[StatedTree, ...]
    evidence: EvidenceTree
    published: Mapping[str, bytes]
    kept: Mapping[str, bytes]


class Stated(NamedTuple):
    """The bytes of the statement that is to be signed, and what anyone will find who verifies them."""

    payload: bytes
    checked: Verified


def ready(config: Config, period: str, issuer: Issuer, inputs: MonthInputs, journal: Path) -> Ready:
    """The month `period`, when all that it needs besides its chains and ledger is there. Raises `AttestError`."""
    around = issuer.around
    before = issuer.before(period)
    issuer.record.refuse_second(before.sequence + 1, period)
    signed = read_control(config, period, inputs.control, around) if inputs.control else None
    policies = tuple(read_policies(config, around.folder))
    documents = read_documents(config, period, around)
    return Ready(config, period, issuer, inputs, before, policies, documents, signed, journal)


def read(month: Ready) -> Reserves:
    """The reserves of `month`: its chains, read now or into `inputs.read` before, its control and its documents.

    Raises `AttestError`; what was read until then is kept in the journal, from which the next run goes on.
    """
    config, period, around, inputs = month.config, month.period, month.around, month.inputs
    if inputs.read is None:
        reserves = read_reserves(config, period, month.journal, around, inputs.nonce)
    else:
        reserves = load_reserves(config, period, inputs.read, around, inputs.nonce)
    if month.signed is not None:
        with month.keeping():
            add_control(reserves, settle_contracts(config, reserves, month.signed, around))
    month.documents.add_to(reserves, config)
    return reserves


def build(month: Ready, reserves: Reserves, folder: Path) -> Built:
    """The trees over the ledger, whose snapshot is written below `folder`, and the evidence over `reserves`.

    Raises `AttestError`.
    """
    month.around.tell("reading the ledger and building the trees")
    snapshot = folder / SNAPSHOT_FOLDER
    snapshot.mkdir(mode=_PRIVATE_FOLDER_MODE)
    manifest = build_liabilities(month.config, month.period, snapshot, month.inputs.secret, month.around)
    evidence = EvidenceTree.build([record.leaf for record in reserves.records])
    public = public_edition(reserves.records, evidence, reserves.evidence.private)
    return Built(
        manifest.trees,
        evidence,
        {PUBLIC_EVIDENCE: public, **{item.name: item.data for item in month.policies}},
        {
            AUDITOR_EVIDENCE: auditor_edition(reserves.records),
            RESERVES_FILE: reserves_file(month.config, month.period, reserves, evidence).to_bytes(),
        },
    )


def state(month: Ready, reserves: Reserves, built: Built) -> Stated:
    """The statement over `reserves` and `built`, when the pinned blocks still stand and anyone could verify it.

    Raises `PinLostError`, `AttestError`.
    """
    payload = statement(predicate(month, reserves, built), built.published, month.policies).to_bytes()
    _confirm_pins(month, reserves)
    month.around.tell("verifying what is to be signed")
    files = {**built.published, **built.kept}
    checked = month.issuer.check(payload, files.get, month.before)
    require_every_wallet(month.config.wallets, dict(enumerate(reserves.records)), checked.wallets)
    return Stated(payload, checked)


def publish(month: Ready, unfinished: Unfinished, built: Built, stated: Stated) -> Outcome:
    """The month under its names: its files are on the disk before its statement is signed. Raises `AttestError`."""
    unfinished.keep(built.kept, built.published, stated.payload)
    return month.issuer.finish(unfinished, month.journal, stated.checked)


def attest(month: Ready) -> Outcome:
    """A month that is ready, through the stages that are left. Raises `AttestError`."""
    reserves = read(month)
    names, issuer = month.issuer.names, month.issuer
    with (
        month.keeping(),
        new_unfinished(names.private, month.period, issuer.stays, month.around.tell) as unfinished,
    ):
        built = build(month, reserves, unfinished.private)
        return publish(month, unfinished, built, state(month, reserves, built))


def predicate(month: Ready, reserves: Reserves, built: Built) -> Predicate:
    """What the statement says, but for the verdicts of its policies, which are evaluated over it."""
    config, around = month.config, month.around
    said = Predicate(
        entity=config.entity,
        period=month.period,
        sequence=month.before.sequence + 1,
        previous=month.before.digest,
        snapshot_at=config.ledger.period_end(month.period),
        issued_at=around.now,
        expires_at=around.now + timedelta(days=config.publication.valid_days),
        scope=config.scope,
        assets=stated_assets(config, reserves.pins),
        chains=chains_read(config, month.period, reserves.pins),
        liabilities=Liabilities(scheme=SCHEME, trees=built.trees),
        reserves=reserves.lines,
        money=tuple(reserves.money),
        cover=month.documents.contracts.lines,
        declarations=reserves.declarations,
        prices=month.documents.prices.prices,
        policies=(),
        evidence=EvidenceRoot(root=built.evidence.root, count=built.evidence.count),
        tool=Tool(name="attest-por", version=__version__),
    )
    return said.model_copy(update={"held": tuple(reserves.held)}) if reserves.held else said


def statement(predicate: Predicate, published: Mapping[str, bytes], policies: Sequence[PolicyFile]) -> Statement:
    """The statement over `predicate`, to which the verdicts of `policies` are added, and the files beside it."""
    return Statement(
        type=STATEMENT_TYPE,
        subject=tuple(
            Subject(name=name, digest=Sha256(sha256=sha256(data).digest())) for name, data in sorted(published.items())
        ),
        predicate_type=PREDICATE_TYPE,
        predicate=predicate.model_copy(update={"policies": verdicts(policies, predicate)}),
    )


def _confirm_pins(month: Ready, reserves: Reserves) -> None:
    month.around.tell("seeing that the pinned blocks are still on their chains")
    try:
        confirm_pins(month.config, reserves.blocks, month.around)
    except PinLostError as error:
        if month.inputs.read is None:
            raise
        raise VerificationError(error.code, error.message, hint="read the chains anew: attest reserves read") from None
