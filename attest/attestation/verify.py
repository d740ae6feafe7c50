"""How an attestation is verified: the steps of protocol.md, section 9, in their order and with their numbers.

Nothing about how to check comes from what is being checked: keys, threshold, time and files are the caller's.
A step that cannot be run is reported as not checked, never as verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from attest.attestation.bundle import parse_bundle
from attest.attestation.envelope import Envelope
from attest.attestation.keys import PublicKey
from attest.attestation.signatories import Signatories, check_signatures, describe, find_signatories
from attest.attestation.statement import (
    PAYLOAD_TYPE,
    Coverage,
    Predicate,
    Statement,
    check_arithmetic,
    coverage,
    parse_statement,
    predicate_type,
    statement_digest,
)
from attest.attestation.timestamp import Authorities
from attest.attestation.trust import RoleName, Trust
from attest.documents import format_time
from attest.errors import AttestError, VerificationError
from attest.liabilities.proof import MAX_PROOF_BYTES, Holding, InclusionProof, verify_inclusion
from attest.reserves.challenge import NO_NONCE
from attest.reserves.control_recheck import Terms, recheck_control
from attest.reserves.evidence import read_auditor_edition, read_public_edition
from attest.reserves.recheck import Rechecked, recheck
from attest.reserves.records import ControlProof
from attest.reserves.wallets import Level

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
AUDITOR_EVIDENCE: Final = "evidence.jsonl"
PUBLIC_EVIDENCE: Final = "evidence-public.jsonl"

TITLES: Final = (
    "size limits and strict JSON",
    "trust root chain",
    "envelope signatures",
    "thresholds per role",
    "payload and predicate type",
    "strict parse of the statement",
    "timestamps",
    "sequence and previous statement",
    "arithmetic inside the statement",
    "digests of subject files, evidence root",
    "inclusion proof",
    "evidence rechecked offline",
    "balances re-read from nodes",
    "control proofs",
    "policy recomputed",
    "freshness",
)

Status = Literal["VERIFIED", "FAILED", "NOT CHECKED", "NOT MET"]
Files = Callable[[str], bytes | None]


class Step(NamedTuple):
    """The outcome of one numbered step, with one sentence."""

    number: int
    status: Status
    detail: str

    @property
    def title(self) -> str:
        """What the step checks."""
        return TITLES[self.number]


@dataclass(frozen=True, slots=True)
class Verified:
    """A statement whose signatures hold, what follows from it, and every step that was run."""

    statement: Statement
    digest: bytes
    trust: Trust | None
    signatories: Signatories
    coverage: tuple[Coverage, ...]
    rechecked: Rechecked
    holdings: tuple[Holding, ...]
    steps: tuple[Step, ...]

    def is_rechecked(self, item: Coverage, level: Level) -> bool:
        """Whether all that `item` holds at `level` was recomputed from evidence; a declared figure never is."""
        lines = [
            line.key[:-1]
            for line in self.statement.predicate.reserves
            if (line.asset, line.purpose, line.evidence) == (item.asset, "customer", level)
        ]
        return bool(lines) and self.rechecked.lines.issuperset(lines)

    @property
    def adverse(self) -> bool:
        """Whether the truth that was verified is a bad one: a coverage or the freshness is not met."""
        return any(step.status == "NOT MET" for step in self.steps) or not all(item.met for item in self.coverage)


class _Detail(list[str]):
    """The sentences of one step; `open` adds one that says why the step could not be run to its end."""

    unfinished = False
    unmet = False

    def open(self, sentence: str) -> None:
        self.append(sentence)
        self.unfinished = True


class _Report:
    """Collects the steps and tells them to the caller as they end."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        self.steps: list[Step] = []
        self._tell = tell

    def add(self, number: int, status: Status, detail: str) -> None:
        step = Step(number, status, detail)
        self.steps.append(step)
        self._tell(step)

    @contextmanager
    def step(self, number: int) -> Iterator[_Detail]:
        """Run one step: an error makes it FAILED, an unfinished detail NOT CHECKED."""
        detail = _Detail()
        try:
            yield detail
        except AttestError as error:
            self.add(number, "FAILED", error.message)
            raise
        status: Status = "NOT MET" if detail.unmet else "NOT CHECKED" if detail.unfinished else "VERIFIED"
        self.add(number, status, "; ".join(detail))


def verify(  # noqa: PLR0915 (one list of steps, to be read from top to bottom)
    bundle_bytes: bytes,
    *,
    exchange_keys: Sequence[PublicKey] = (),
    threshold: int = 1,
    trust: Trust | None = None,
    later_roots: Sequence[Envelope] = (),
    roles: Sequence[RoleName] = ("exchange", "auditor"),
    authorities: Authorities = (),
    now: datetime,
    files: Files,
    proof_bytes: bytes | None = None,
    tell: Callable[[Step], None] = lambda _: None,
) -> Verified:
    """Verify a bundle, and an inclusion proof where one is given.

    Whose signatures count is said by the pinned `trust`, from which the bundle's trust roots and `later_roots` lead on,
    for each of `roles`; or, without one, by `exchange_keys` and `threshold`. `authorities` are those whose timestamps
    count. `files` returns the bytes of a file that was published beside the bundle, or None; `tell` hears of each step
    as it ends. Raises `VerificationError` for what is false and `MalformedError` for what cannot be read, after telling
    the step that failed.
    """
    if (trust is None) != bool(exchange_keys) or "exchange" not in roles:
        raise ValueError("either a trust root or keys with a threshold say whose signatures count, also the exchange's")
    if trust is None and not 1 <= threshold <= len({key.fingerprint for key in exchange_keys}):
        raise ValueError("a threshold of signatures needs at least as many distinct keys")
    report = _Report(tell)

    with report.step(0) as detail:
        bundle = parse_bundle(bundle_bytes)
        proof = None
        if proof_bytes is not None:
            proof = InclusionProof.from_json(proof_bytes, what="the inclusion proof", max_bytes=MAX_PROOF_BYTES)
        detail.append(f"bundle of {len(bundle_bytes):,} bytes")

    trust, count = check_signatures(
        report.step,
        bundle,
        trust=trust,
        later_roots=later_roots,
        exchange_keys=exchange_keys,
        threshold=threshold,
        roles=roles,
        now=now,
    )

    with report.step(4) as detail:
        if bundle.envelope.payload_type != PAYLOAD_TYPE:
            raise VerificationError("statement/type", f"the payload type is not {PAYLOAD_TYPE}")
        detail.append(predicate_type(bundle.envelope.payload))

    with report.step(5) as detail:
        statement = parse_statement(bundle.envelope.payload)
        predicate = statement.predicate
        digest = statement_digest(bundle.envelope.payload)
        detail.append(f"statement {digest.hex()}")

    with report.step(6) as detail:
        signatories = find_signatories(bundle, predicate, count, trust=trust, roles=roles, authorities=authorities)
        describe(signatories, bundle, detail, authorities=authorities)

    with report.step(7) as detail:
        if (predicate.sequence == 0) != (predicate.previous is None):
            raise VerificationError("statement/sequence", "only the statement with sequence 0 has no previous one")
        if predicate.previous is None:
            detail.append("the first statement of its chain")
        else:
            detail.open(f"statement {predicate.sequence} follows {predicate.previous.hex()}, which was not given")

    with report.step(8) as detail:
        check_arithmetic(predicate)
        detail.append(f"{len(predicate.assets)} assets, {len(predicate.reserves)} lines of reserves")

    records = _check_files(report, statement, files)

    holdings: tuple[Holding, ...] = ()
    with report.step(10) as detail:
        if proof is None:
            detail.open("no inclusion proof was given")
        else:
            trees = {tree.asset: tree for tree in predicate.liabilities.trees}
            holdings = verify_inclusion(proof, statement=digest, trees=trees)
            detail.append(f"account {proof.account} is in the totals of {len(holdings)} assets")

    rechecked = _recheck_evidence(report, predicate, records)

    with report.step(12) as detail:
        detail.open("no node was asked")
    _recheck_control(report, predicate, records)
    with report.step(14) as detail:
        detail.open("the statement evaluates no policy")

    if predicate.issued_at <= now < predicate.expires_at:
        report.add(
            15, "VERIFIED", f"issued {format_time(predicate.issued_at)}, expires {format_time(predicate.expires_at)}"
        )
    else:
        when = "expired" if now >= predicate.expires_at else "is not yet issued"
        report.add(15, "NOT MET", f"at {format_time(now)} the statement {when}")

    return Verified(
        statement, digest, trust, signatories, coverage(predicate), rechecked, holdings, tuple(report.steps)
    )


def _check_files(report: _Report, statement: Statement, files: Files) -> dict[int, Any]:
    """Step 9. Returns the records by index, those of the auditor's edition where it is at hand."""
    evidence = statement.predicate.evidence
    records: dict[int, Any] = {}
    missing = []
    with report.step(9) as detail:
        for subject in statement.subject:
            data = files(subject.name)
            if data is None:
                missing.append(subject.name)
                continue
            if sha256(data).digest() != subject.digest.sha256:
                raise VerificationError("subject/digest", f"{subject.name} is not the file that was signed for")
            if subject.name == PUBLIC_EVIDENCE:
                records = read_public_edition(data, root=evidence.root, count=evidence.count)
        if (data := files(AUDITOR_EVIDENCE)) is not None:
            records = read_auditor_edition(data, root=evidence.root, count=evidence.count)
        said = f"{len(records)} of {evidence.count} records of evidence lead to the root"
        if records:
            detail.append(said)
        else:
            detail.open(said)
        if missing:
            detail.open(f"not beside the bundle: {', '.join(missing)}")
    return records


def _recheck_evidence(report: _Report, predicate: Predicate, records: dict[int, Any]) -> Rechecked:
    with report.step(11) as detail:
        result = recheck(
            records,
            decimals={item.asset: item.decimals for item in predicate.assets},
            pins=predicate.chains,
            reserves=predicate.reserves,
            money=predicate.money,
        )
        detail.append(f"{result.readings} of {result.readings_stated} balances recomputed from their evidence")
        detail.append(f"{result.documents} of {result.documents_stated} bank documents named by digest")
        if not result.complete:
            detail.open("the evidence of the others is not at hand")
    return result


def _recheck_control(report: _Report, predicate: Predicate, records: dict[int, Any]) -> None:
    """Step 13. A statement with signatures for some of its wallets and not for all is verified, and not met."""
    with report.step(13) as detail:
        claimed = [line for line in predicate.reserves if line.control == "signature"]
        if not claimed and not any(isinstance(record, ControlProof) for record in records.values()):
            detail.open("the evidence holds no proof of control")
            return
        terms = Terms(predicate.entity.origin, predicate.period, predicate.snapshot_at, predicate.issued_at)
        found = recheck_control(records, terms, predicate.reserves)
        held = [line for line in predicate.reserves if line.amount]
        covered = sum(line.wallets for line in held if line.control == "signature")
        detail.append(
            f"{found.signed} addresses signed a challenge not older than {found.max_age} days before the snapshot; "
            f"{covered} of {sum(line.wallets for line in held)} balances lie wholly at addresses that signed"
        )
        if found.nonces:
            detail.append(f"nonces: {', '.join('none' if nonce == NO_NONCE else nonce for nonce in found.nonces)}")
        if any(line.key not in found.lines for line in claimed):
            detail.open("the signatures of the others are not at hand")
        detail.unmet = any(line.control == "none" for line in held)
