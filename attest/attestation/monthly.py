"""The monthly job: from the ledger and the chains to a publication folder and a private one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from attest import __version__
from attest.amounts import parse_decimal
from attest.attestation.bundle import MAX_BUNDLE_BYTES, Bundle, parse_bundle
from attest.attestation.config import Chain, Config, Money
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
from attest.files import PUBLIC_MODE, SECRET_MODE, fill_folder, new_folder, read_bounded, refuse_existing
from attest.liabilities.ledger import Liabilities as AssetLiabilities
from attest.liabilities.ledger import read_ledger
from attest.liabilities.proof import InclusionProof, prove
from attest.liabilities.snapshot import ROWS_FILE, SECRET_FILE, encode_rows, read_rows, read_secret
from attest.liabilities.tree import SCHEME, StatedTree, Tree, normalise_account
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
    refuse_existing(publication / period, private / period)
    signer = read_signer(folder / config.keys.exchange, passphrase)
    sequence, previous = _previous(publication, period, signer.public)

    ledger = folder / config.ledger.path.replace("{period}", period)
    tell(f"reading the ledger {ledger.name}")
    liabilities = read_ledger(ledger, config.decimals)
    trees = [Tree.build(item.asset, secret, item.rows) for item in liabilities]
    gathered = _gather(config, folder, period, environment, tell)

    evidence = EvidenceTree.build([record.leaf for record in gathered.records])
    public = public_edition(gathered.records, evidence, gathered.private)
    statement = Statement(
        type=STATEMENT_TYPE,
        subject=(Subject(name=PUBLIC_EVIDENCE, digest=Sha256(sha256=sha256(public).digest())),),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
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
            liabilities=Liabilities(
                scheme=SCHEME, trees=tuple(_stated(*pair) for pair in zip(trees, liabilities, strict=True))
            ),
            reserves=_reserve_lines(gathered.records),
            money=tuple(gathered.money),
            cover=(),
            declarations=(),
            prices=(),
            policies=(),
            evidence=EvidenceRoot(root=evidence.root, count=evidence.count),
            tool=Tool(name="attest-por", version=__version__),
        ),
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
    auditor = auditor_edition(gathered.records)
    published = {f"{period}.attest.json": bundle, PUBLIC_EVIDENCE: public}
    kept = {
        SECRET_FILE: secret.hex().encode() + b"\n",
        ROWS_FILE: b"".join(encode_rows(item.asset, item.rows) for item in liabilities),
        STATEMENT_FILE: payload,
        AUDITOR_EVIDENCE: auditor,
    }
    verified = verify(bundle, exchange_keys=[signer.public], threshold=1, now=now, files=(published | kept).get)
    return _write(publication / period, private / period, published, kept, verified)


def parse_period(text: str) -> str:
    """A month like `2026-10`. Raises `MalformedError`."""
    if re.fullmatch(PERIOD_PATTERN, text, re.ASCII) is None:
        raise MalformedError("run/period", f"{text[:40]!r} is not a month like 2026-10")
    return text


def read_signer(path: Path, passphrase: Callable[[], str]) -> Signer:
    """The private key in `path`. Raises `UnavailableError`, `MalformedError`."""
    if not path.exists():
        raise UnavailableError("key/missing", f"there is no key {path}", hint=f"make one: attest key new {path}")
    return Signer.from_pem(read_bounded(path, MAX_KEY_BYTES), passphrase=passphrase, what=str(path))


def prove_account(snapshot: Path, account: str) -> InclusionProof:
    """The inclusion proof of one account, from the private folder of its month.

    Raises `MalformedError` when the account is unknown, `VerificationError` when the snapshot is not the
    one that was signed.
    """
    account = normalise_account(account)
    payload = read_bounded(snapshot / STATEMENT_FILE, MAX_BUNDLE_BYTES)
    stated = {tree.asset: tree for tree in parse_statement(payload).predicate.liabilities.trees}
    secret = read_secret(snapshot)
    holdings = []
    for asset, rows in sorted(read_rows(snapshot).items()):
        mine = [row for row in rows if row.account == account]
        if not mine:
            continue
        tree = Tree.build(asset, secret, rows)
        if asset not in stated or (tree.root, tree.total) != (stated[asset].root, stated[asset].total):
            raise VerificationError(
                "snapshot/root", f"the snapshot {snapshot} does not lead to the signed root of {asset}"
            )
        holdings.append((tree, mine))
    if not holdings:
        raise MalformedError(
            "prove/account",
            f"account {account!r} has no balance in {snapshot}",
            hint="the account is written as in the ledger; zero and negative balances have no proof",
        )
    return prove(statement_digest(payload), account, holdings)


def _previous(publication: Path, period: str, key: PublicKey) -> tuple[int, bytes | None]:
    """The sequence number of this statement and the digest of the one before it."""
    periods = sorted(path.name for path in publication.glob("[0-9]*-[0-9]*") if path.is_dir())
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


def _stated(tree: Tree, liabilities: AssetLiabilities) -> StatedTree:
    return StatedTree(
        asset=tree.asset,
        size=tree.size,
        root=tree.root,
        total=tree.total,
        negative_accounts=liabilities.negative_accounts,
        negative_total=liabilities.negative_total,
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


def _write(
    publication: Path, private: Path, published: dict[str, bytes], kept: dict[str, bytes], verified: Verified
) -> Outcome:
    # The private folder first: a published statement whose snapshot was lost could never be proven to anyone.
    with new_folder(publication, mode=_FOLDER_MODE) as public_partial:
        fill_folder(public_partial, published, mode=PUBLIC_MODE)
        with new_folder(private, mode=_PRIVATE_FOLDER_MODE) as private_partial:
            fill_folder(private_partial, kept, mode=SECRET_MODE)
    return Outcome(publication / next(iter(published)), publication, private, verified)
