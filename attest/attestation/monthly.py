"""The monthly job: from the ledger and the chains to a publication folder and a private one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from attest import __version__
from attest.attestation.at_hand import require_at_hand
from attest.attestation.bundle import Bundle
from attest.attestation.config import Config
from attest.attestation.control_contracts import settle_contracts
from attest.attestation.control_signatures import add_control, read_control
from attest.attestation.custody import custodian_keys
from attest.attestation.documents import read_documents
from attest.attestation.envelope import sign
from attest.attestation.evidence import RESERVES_FILE
from attest.attestation.keys import MAX_KEY_BYTES, Signer
from attest.attestation.months import previous, require_next
from attest.attestation.policies import read_policies, verdicts
from attest.attestation.reserves import (
    JOURNAL,
    Surroundings,
    confirm_pins,
    load_reserves,
    read_reserves,
    reserves_file,
)
from attest.attestation.segregation import require_every_wallet
from attest.attestation.signers import Secrets, key_file
from attest.attestation.signing import open_own
from attest.attestation.snapshot import SNAPSHOT_FOLDER, STATEMENT_FILE, build_liabilities
from attest.attestation.stated import chains_read, stated_assets
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
)
from attest.attestation.verify import Verified, verify
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.files import PUBLIC_MODE, SECRET_MODE, fill_folder, new_folders, read_bounded, real_path
from attest.liabilities.tree import SCHEME
from attest.reserves.challenge import NO_NONCE
from attest.reserves.evidence import (
    AUDITOR_EVIDENCE,
    PUBLIC_EVIDENCE,
    EvidenceTree,
    auditor_edition,
    public_edition,
)
from attest.reserves.pins import PinLostError

_FOLDER_MODE: Final = 0o755
_PRIVATE_FOLDER_MODE: Final = 0o700


class Outcome(NamedTuple):
    """What a run wrote, and what anyone will find when verifying it."""

    bundle: Path
    publication: Path
    private: Path
    verified: Verified


def run(
    config: Config,
    folder: Path,
    period: str,
    *,
    now: datetime,
    secret: bytes,
    passphrase: Secrets,
    read: Path | None = None,
    control: Sequence[Path] = (),
    nonce: str = NO_NONCE,
    left_out: Collection[str] = (),
    environment: Mapping[str, str] = os.environ,
    tell: Callable[[str], None] = lambda _: None,
    progress: Callable[[str, int], None] = lambda *_: None,
) -> Outcome:
    """Attest one `period` (`2026-10`) of the exchange whose config lies in `folder`.

    `now` is the time of issue, `secret` the snapshot's 32 random bytes; `passphrase` gets the `passphrase` or `pin` of
    the key; `read` is a folder of `write_reserves`, without which the chains are read now, and `control` those of
    signed challenges; `nonce`, an auditor's, draws the blocks of windows; the months `left_out` before this one will
    never have a statement; `progress` hears how many `balances`, then `rows`, have been read. What is published is
    verified first. On any error nothing is left behind but the balances that were read, from which the next run goes
    on at the same blocks. Raises `AttestError`.
    """
    now = now.replace(microsecond=0)
    snapshot_at = config.ledger.ended(period, now)
    publication, private = folder / config.publication.folder, folder / config.publication.private_folder
    _keep_apart(publication, private, key_file(config.keys.exchange, folder))
    # Before the chains, which may take an hour.
    require_next(publication, private, period, left_out)
    require_at_hand(config, folder, period, environment)
    own = open_own(config, folder, now, passphrase)
    before = previous(publication, period, own.keys, config.entity.origin)
    custodians = custodian_keys(config.custodians, folder)
    signed = read_control(config, period, control, now, tell) if control else None
    policies = read_policies(config, folder)
    documents = read_documents(config, period, folder, now)
    around = Surroundings(folder, now, environment, tell, partial(progress, "balances"))
    journal = private / f"{period}{JOURNAL}"
    if read is None:
        reserves = read_reserves(config, period, journal, around, nonce)
    else:
        reserves = load_reserves(config, period, read, around, nonce)
    if signed is not None:
        with _keeping(journal, tell):
            add_control(reserves, settle_contracts(config, reserves, signed, around))
    documents.add_to(reserves, config)
    with (
        _keeping(journal, tell),
        new_folders((private / period, _PRIVATE_FOLDER_MODE), (publication / period, _FOLDER_MODE)) as partials,
    ):
        private_partial, public_partial = partials
        tell("reading the ledger and building the trees")
        (private_partial / SNAPSHOT_FOLDER).mkdir(mode=_PRIVATE_FOLDER_MODE)
        manifest = build_liabilities(
            config, folder, period, private_partial / SNAPSHOT_FOLDER, secret, environment, partial(progress, "rows")
        )
        evidence = EvidenceTree.build([record.leaf for record in reserves.records])
        public = public_edition(reserves.records, evidence, reserves.private)
        predicate = Predicate(
            entity=config.entity,
            period=period,
            sequence=before.sequence + 1,
            previous=before.digest,
            snapshot_at=snapshot_at,
            issued_at=now,
            expires_at=now + timedelta(days=config.publication.valid_days),
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
        beside = {PUBLIC_EVIDENCE: public, **{item.name: item.data for item in policies}}
        statement = Statement(
            type=STATEMENT_TYPE,
            subject=tuple(
                Subject(name=name, digest=Sha256(sha256=sha256(data).digest())) for name, data in sorted(beside.items())
            ),
            predicate_type=PREDICATE_TYPE,
            predicate=predicate.model_copy(update={"policies": verdicts(policies, predicate)}),
        )
        tell("seeing that the pinned blocks are still on their chains")
        try:
            confirm_pins(config, reserves.blocks, around)
        except PinLostError as error:
            if read is None:
                raise
            raise VerificationError(
                error.code, error.message, hint="read the chains anew: attest reserves read"
            ) from None
        tell("signing and verifying")
        payload = statement.to_bytes()
        bundle = Bundle(
            format="attest/bundle/v1",
            envelope=sign(payload, PAYLOAD_TYPE, [own.signer]),
            timestamps=(),
            trust_roots=own.roots[1:],
            auditor_reports=(),
        ).to_bytes()
        published = {f"{period}.attest.json": bundle, **beside}
        kept = {
            STATEMENT_FILE: payload,
            AUDITOR_EVIDENCE: auditor_edition(reserves.records),
            RESERVES_FILE: reserves_file(config, period, reserves, evidence).to_bytes(),
        }
        verified = verify(
            bundle,
            now=now,
            files=(published | kept).get,
            previous=before.bundle,
            custodians=custodians,
            **own.anchors,
        )
        require_every_wallet(config.wallets, dict(enumerate(reserves.records)), verified.wallets)
        fill_folder(private_partial, kept, mode=SECRET_MODE)
        fill_folder(public_partial, published, mode=PUBLIC_MODE)
    journal.unlink(missing_ok=True)
    return Outcome(publication / period / next(iter(published)), publication / period, private / period, verified)


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


def _keep_apart(publication: Path, private: Path, key: Path | None) -> None:
    """Refuse folders that would publish what is private."""
    published, kept = real_path(publication), real_path(private)
    if (
        published == kept
        or published in kept.parents
        or kept in published.parents
        or (key is not None and published in real_path(key).parents)
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
