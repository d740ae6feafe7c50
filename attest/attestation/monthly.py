"""The monthly job: from the ledger and the chains to a publication folder and a private one."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from attest import __version__
from attest.amounts import parse_decimal
from attest.attestation.bundle import MAX_BUNDLE_BYTES, Bundle, parse_bundle
from attest.attestation.config import Chain, Config, Money, expand
from attest.attestation.envelope import sign, verify_signatures
from attest.attestation.keys import MAX_KEY_BYTES, PublicKey, Signer
from attest.attestation.statement import (
    PAYLOAD_TYPE,
    PERIOD_PATTERN,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    EvidenceRoot,
    Liabilities,
    Predicate,
    Sha256,
    Statement,
    Subject,
    Tool,
    parse_statement,
    statement_digest,
)
from attest.attestation.verify import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE, Verified, verify
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.files import PUBLIC_MODE, SECRET_MODE, fill_folder, new_folders, read_bounded, refuse_existing
from attest.liabilities.ledger import Source
from attest.liabilities.proof import InclusionProof, prove
from attest.liabilities.snapshot import MANIFEST_FILE, Manifest, Snapshot, check_files
from attest.liabilities.tree import SCHEME
from attest.reserves.evidence import (
    BitcoinDescriptor,
    EvidenceTree,
    MoneyDocument,
    Reading,
    Record,
    auditor_edition,
    new_salt,
    public_edition,
)
from attest.reserves.wallets import MoneyLine, Pin, ReserveLine, Wallet

STATEMENT_FILE: Final = "statement.json"
SNAPSHOT_FOLDER: Final = "liabilities"
MAX_DOCUMENT_BYTES: Final = 256 * 1024 * 1024
_FOLDER_MODE: Final = 0o755
_PRIVATE_FOLDER_MODE: Final = 0o700


class Outcome(NamedTuple):
    """What a run wrote, and what anyone will find when verifying it."""

    bundle: Path
    publication: Path
    private: Path
    verified: Verified


class _Gathered(NamedTuple):
    pins: list[Pin]
    records: list[Record]
    money: list[MoneyLine]
    private: set[int]


def run(
    config: Config,
    folder: Path,
    period: str,
    *,
    now: datetime,
    secret: bytes,
    passphrase: Callable[[], str],
    environment: Mapping[str, str] = os.environ,
    tell: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Attest one `period` (`2026-10`) of the exchange whose config lies in `folder`.

    `now` is the time of issue, `secret` the snapshot's 32 random bytes. What is published is verified first;
    on any error nothing is left behind. Raises `AttestError`.
    """
    now = now.replace(microsecond=0)
    snapshot_at = config.ledger.period_end(period)
    if now < snapshot_at:
        raise MalformedError("run/period", f"{period} has not ended yet in {config.ledger.time_zone}")
    publication = folder / config.publication.folder
    private = folder / config.publication.private_folder
    _keep_apart(publication, private, folder / config.keys.exchange)
    refuse_existing(publication / period, private / period)
    signer = read_signer(folder / config.keys.exchange, passphrase)
    sequence, previous = _previous(publication, period, signer.public)

    gathered = _gather(config, folder, period, environment, tell)
    with new_folders((private / period, _PRIVATE_FOLDER_MODE), (publication / period, _FOLDER_MODE)) as partials:
        private_partial, public_partial = partials
        tell("reading the ledger and building the trees")
        (private_partial / SNAPSHOT_FOLDER).mkdir(mode=_PRIVATE_FOLDER_MODE)
        manifest = build_liabilities(
            config, folder, period, private_partial / SNAPSHOT_FOLDER, secret, environment, progress
        )
        evidence = EvidenceTree.build([record.leaf for record in gathered.records])
        public = public_edition(gathered.records, evidence, gathered.private)
        predicate = Predicate(
            entity=config.entity,
            period=period,
            sequence=sequence,
            previous=previous,
            snapshot_at=snapshot_at,
            issued_at=now,
            expires_at=now + timedelta(days=config.publication.valid_days),
            scope=config.scope,
            assets=tuple(sorted(config.assets, key=lambda item: item.asset)),
            chains=tuple(sorted(gathered.pins, key=lambda pin: pin.chain)),
            liabilities=Liabilities(scheme=SCHEME, trees=manifest.trees),
            reserves=_reserve_lines(gathered.records),
            money=tuple(gathered.money),
            cover=(),
            declarations=(),
            prices=(),
            policies=(),
            evidence=EvidenceRoot(root=evidence.root, count=evidence.count),
            tool=Tool(name="attest-por", version=__version__),
        )
        statement = Statement(
            type=STATEMENT_TYPE,
            subject=(Subject(name=PUBLIC_EVIDENCE, digest=Sha256(sha256=sha256(public).digest())),),
            predicate_type=PREDICATE_TYPE,
            predicate=predicate,
        )
        tell("signing and verifying")
        payload = statement.to_bytes()
        bundle = Bundle(
            format="attest/bundle/v1",
            envelope=sign(payload, PAYLOAD_TYPE, [signer]),
            timestamps=(),
            trust_roots=(),
            auditor_reports=(),
        ).to_bytes()
        published = {f"{period}.attest.json": bundle, PUBLIC_EVIDENCE: public}
        kept = {STATEMENT_FILE: payload, AUDITOR_EVIDENCE: auditor_edition(gathered.records)}
        verified = verify(bundle, exchange_keys=[signer.public], threshold=1, now=now, files=(published | kept).get)
        fill_folder(private_partial, kept, mode=SECRET_MODE)
        fill_folder(public_partial, published, mode=PUBLIC_MODE)
    return Outcome(publication / period / next(iter(published)), publication / period, private / period, verified)


def ledger_source(config: Config, folder: Path, period: str, environment: Mapping[str, str]) -> Source:
    """The ledger of `period`. Raises `UnavailableError` when an environment variable is missing."""
    location = expand(config.ledger.source.replace("{period}", period), environment, "the ledger's source")
    query = None if config.ledger.query is None else config.ledger.query.replace("{period}", period)
    return Source(location, query, folder)


def build_liabilities(
    config: Config,
    folder: Path,
    period: str,
    snapshot: Path,
    secret: bytes,
    environment: Mapping[str, str],
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Build the liability snapshot of `period` in the empty folder `snapshot`. Raises `AttestError`."""
    from attest.liabilities.build import build_snapshot

    return build_snapshot(
        snapshot,
        ledger_source(config, folder, period, environment),
        config.decimals,
        secret,
        splitting=config.privacy.splitting(config.decimals),
        decoys=config.privacy.decoys,
        sum_rows=config.ledger.sum_rows,
        progress=progress,
    )


def check_liabilities(
    config: Config,
    folder: Path,
    period: str,
    path: Path,
    environment: Mapping[str, str],
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Build the snapshot in `path` again, from the ledger and its own secret, and compare every file and total.

    Raises `VerificationError` naming what differs.
    """
    with open_snapshot(path) as snapshot, tempfile.TemporaryDirectory(dir=path, prefix=".check-") as again:
        stated = snapshot.manifest
        manifest = build_liabilities(config, folder, period, Path(again), snapshot.secret, environment, progress)
        check_files(snapshot)
    for tree, other in zip(stated.trees, manifest.trees, strict=False):
        if tree != other:
            raise VerificationError(
                "snapshot/ledger",
                f"the ledger leads to another tree of {other.asset}: total {other.total}, not {tree.total}",
                hint="was the ledger changed after the snapshot was built?",
            )
    if (stated.trees, stated.totals) != (manifest.trees, manifest.totals):
        raise VerificationError("snapshot/ledger", "the ledger has other control totals than the snapshot")
    return stated


def _keep_apart(publication: Path, private: Path, key: Path) -> None:
    """Refuse folders that would publish what is private."""
    published, kept = publication.resolve(), private.resolve()
    if (
        published == kept
        or published in kept.parents
        or kept in published.parents
        or published in key.resolve().parents
    ):
        raise MalformedError(
            "config/folders",
            "publication.folder, publication.private_folder and the key must not lie one inside the other",
            hint="all that is in the publication folder is for everyone",
        )


def parse_period(text: str) -> str:
    """A month like `2026-10`. Raises `MalformedError`."""
    if re.fullmatch(PERIOD_PATTERN, text, re.ASCII) is None:
        raise MalformedError("run/period", f"{text[:40]!r} is not a month like 2026-10")
    return text


def read_signer(path: Path, passphrase: Callable[[], str]) -> Signer:
    """The private key in `path`. Raises `UnavailableError`, `MalformedError`."""
    if not os.path.lexists(path):
        raise UnavailableError("key/missing", f"there is no key {path}", hint=f"make one: attest key new {path}")
    return Signer.from_pem(read_bounded(path, MAX_KEY_BYTES), passphrase=passphrase, what=str(path))


def open_snapshot(path: Path) -> Snapshot:
    """The snapshot in `path`, which is its own folder or the private folder of a month."""
    return Snapshot(path if (path / MANIFEST_FILE).exists() else path / SNAPSHOT_FOLDER)


def bound_statement(path: Path, snapshot: Snapshot) -> bytes:
    """The digest of the statement that was signed over `snapshot`, in the private folder `path` of a month.

    Raises `UnavailableError` when there is none, `VerificationError` when it states other trees.
    """
    payload = read_bounded(path / STATEMENT_FILE, MAX_BUNDLE_BYTES)
    if parse_statement(payload).predicate.liabilities.trees != snapshot.manifest.trees:
        raise VerificationError("snapshot/root", f"the snapshot in {path} does not hold the trees of its statement")
    return statement_digest(payload)


def prove_everyone(path: Path, out: Path, progress: Callable[[int], None] = lambda _: None) -> int:
    """Write the inclusion proofs of all accounts into the folder `out`; how many were written now.

    Raises `UnavailableError` when `out` holds proofs of another statement.
    """
    from attest.liabilities.prove_all import prove_all

    with open_snapshot(path) as snapshot:
        return prove_all(snapshot, bound_statement(path, snapshot), out, progress)


def prove_account(path: Path, account: str) -> InclusionProof:
    """The inclusion proof of one account, from the private folder of its month.

    Raises `MalformedError` when the account is owed nothing, `VerificationError` when the snapshot is not the
    one that was signed.
    """
    with open_snapshot(path) as snapshot:
        return prove(bound_statement(path, snapshot), account, snapshot.trees.values())


def _previous(publication: Path, period: str, key: PublicKey) -> tuple[int, bytes | None]:
    """The sequence number of this statement and the digest of the one before it."""
    try:
        names = [path.name for path in publication.iterdir()]
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise UnavailableError("file/unreadable", f"cannot read {publication}: {error.strerror}") from None
    periods = sorted(name for name in names if re.fullmatch(PERIOD_PATTERN, name, re.ASCII))
    if not periods:
        return 0, None
    if periods[-1] >= period:
        raise MalformedError(
            "run/order", f"{periods[-1]} is already published in {publication}; months are published in order"
        )
    path = publication / periods[-1] / f"{periods[-1]}.attest.json"
    envelope = parse_bundle(read_bounded(path, MAX_BUNDLE_BYTES)).envelope
    if not verify_signatures(envelope, [key]).signed:
        raise VerificationError("run/previous", f"{path} is not signed by this exchange's key")
    return parse_statement(envelope.payload).predicate.sequence + 1, statement_digest(envelope.payload)


def _gather(
    config: Config, folder: Path, period: str, environment: Mapping[str, str], tell: Callable[[str], None]
) -> _Gathered:
    pins: list[Pin] = []
    records: list[Record] = []
    for chain in config.chains:
        wallets = [wallet for wallet in config.wallets if wallet.chain == chain.id]
        if wallets:
            tell(f"reading {len(wallets)} wallets of {chain.id} from node {chain.nodes[0].name}")
            pin, read = read_chain(chain, wallets, config.decimals, environment)
            pins.append(pin)
            records += read
    hidden = {wallet.id for wallet in config.wallets if not wallet.public}
    private = {
        index
        for index, record in enumerate(records)
        if isinstance(record, BitcoinDescriptor) or (isinstance(record, Reading) and record.wallet in hidden)
    }
    lines = []
    for money in config.money:
        document = _money_document(money, folder, period, config.decimals[money.currency])
        lines.append(
            MoneyLine(
                currency=money.currency, purpose=money.purpose, amount=document.amount, evidence_leaf=document.leaf
            )
        )
        if any(isinstance(other, MoneyDocument) and _same_document(other, document) for other in records):
            raise MalformedError("config/money", f"the document {document.document} stands behind two [[money]] tables")
        if not money.public:
            private.add(len(records))
        records.append(document)
    if not records:
        raise MalformedError(
            "config/reserves", "the config names neither a wallet nor money, so nothing can be attested"
        )
    return _Gathered(pins, records, lines, private)


def read_chain(
    chain: Chain, wallets: Sequence[Wallet], decimals: Mapping[str, int], environment: Mapping[str, str]
) -> tuple[Pin, list[Record]]:
    """Read the `wallets` of one chain from its node. Raises `AttestError`; see the two readers."""
    from attest.reserves.rpc import Node

    node = Node(chain.nodes[0].name, chain.nodes[0].expanded_url(environment))
    if chain.is_bitcoin:
        from attest.reserves.bitcoin import BitcoinReader

        return BitcoinReader(node, chain.id, chain.native).read(wallets)
    from attest.reserves.ethereum import EthereumReader
    from attest.reserves.ethereum_proof import Token, checksum_address

    tokens = {item.asset: Token(checksum_address(item.contract), item.balance_slot) for item in chain.tokens}
    return EthereumReader(node, chain.id, chain.native, tokens, decimals).read(wallets, chain.pin)


def _same_document(one: MoneyDocument, other: MoneyDocument) -> bool:
    return (one.sha256, one.currency, one.purpose) == (other.sha256, other.currency, other.purpose)


def _money_document(money: Money, folder: Path, period: str, decimals: int) -> MoneyDocument:
    path = folder / money.document.replace("{period}", period)
    data = read_bounded(path, MAX_DOCUMENT_BYTES)
    try:
        amount = parse_decimal(money.amount, decimals)
    except AttestError as error:
        raise MalformedError("config/money", f"money at {money.institution}: {error.message}") from None
    if amount < 0:
        raise MalformedError("config/money", f"money at {money.institution} is negative")
    return MoneyDocument(
        type="money",
        salt=new_salt(),
        currency=money.currency,
        purpose=money.purpose,
        amount=amount,
        institution=money.institution,
        document=path.name,
        sha256=sha256(data).digest(),
    )


def _reserve_lines(records: Sequence[Record]) -> tuple[ReserveLine, ...]:
    groups: dict[tuple[str, ...], list[Reading]] = {}
    for record in records:
        if isinstance(record, Reading):
            groups.setdefault(record.line, []).append(record)
    lines = [
        ReserveLine(
            asset=readings[0].asset,
            chain=readings[0].chain,
            purpose=readings[0].purpose,
            storage=readings[0].storage,
            evidence=readings[0].level,
            control="none",
            amount=sum(reading.amount for reading in readings),
            wallets=len(readings),
        )
        for readings in groups.values()
    ]
    return tuple(sorted(lines, key=lambda line: line.key))
