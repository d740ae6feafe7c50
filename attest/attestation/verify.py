"""How an attestation is verified: the steps of protocol.md, section 9, in their order and with their numbers.

Nothing about how to check comes from what is being checked: keys, threshold, time and files are the caller's.
A step that cannot be run is reported as not checked, never as verified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from attest.attestation.anchors import NO_PROOF, Anchors, Ask, Files, Known, Rebuild, Sources
from attest.attestation.bundle import parse_bundle
from attest.attestation.control_step import ControlStep, check_control
from attest.attestation.evidence_step import (
    Beside,
    EvidenceStep,
    basis_of,
    check_against_records,
    read_beside_bundle,
)
from attest.attestation.policies import Recomputed, recompute
from attest.attestation.previous import check_follows, said_to_follow
from attest.attestation.segregation import Check, WalletRow, segregation_checks, wallet_rows
from attest.attestation.signatories import Signatories, check_signatures, describe, find_signatories
from attest.attestation.statement import (
    PAYLOAD_TYPE,
    Coverage,
    HeldLevel,
    Predicate,
    Statement,
    check_arithmetic,
    coverage,
    parse_statement,
    predicate_type,
    statement_digest,
)
from attest.attestation.trust import Trust
from attest.attestation.unchecked import Unchecked
from attest.documents import format_time
from attest.errors import AttestError, UnavailableError, VerificationError
from attest.liabilities.proof import MAX_PROOF_BYTES, Holding, InclusionProof, verify_inclusion
from attest.liabilities.tree import check_trees
from attest.policy.explain import STANDINGS, VERDICT_WORDS, verdict_name
from attest.policy.results import Evaluation
from attest.reserves.control_recheck import Controlled
from attest.reserves.recheck import Rechecked
from attest.reserves.records import Reading
from attest.reserves.wallets import Control
from attest.reserves.window_recheck import at_pin

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
    """A statement whose signatures hold, what follows from it, and every step that was run.

    `at` is the time of verification. `missing` names the subject files that were not beside the bundle, and `records`
    has the evidence that was, by index. `unchecked` is what step 11 left unchecked. `checks` are those of segregation;
    `wallets` tell who controls each wallet whose records are available; `controlled` is None when the evidence holds no
    proof of control.
    """

    at: datetime
    statement: Statement
    digest: bytes
    trust: Trust | None
    signatories: Signatories
    coverage: tuple[Coverage, ...]
    checks: tuple[Check, ...]
    wallets: tuple[WalletRow, ...]
    evaluations: tuple[Evaluation, ...]
    records: Mapping[int, Any]
    missing: tuple[str, ...]
    rechecked: Rechecked
    unchecked: Unchecked
    controlled: Controlled | None
    holdings: tuple[Holding, ...]
    steps: tuple[Step, ...]

    def is_rechecked(self, item: Coverage, level: HeldLevel) -> bool:
        """Whether all that `item` holds at `level` was recomputed from evidence; a declared figure never is."""
        lines = [
            line.key[:-1]
            for line in self.statement.predicate.reserves
            if (line.asset, line.purpose, line.evidence) == (item.asset, "customer", level)
        ]
        shown = self.rechecked.shown
        return bool(lines) and all(line in shown and shown[line].rechecked for line in lines)

    @property
    def adverse(self) -> bool:
        """Whether the truth that was verified is a bad one: a coverage or the freshness is not met."""
        return any(step.status == "NOT MET" for step in self.steps) or not all(item.met for item in self.coverage)


def with_signatures(checked: Verified, signed: Verified) -> Verified:
    """All that `checked` says of a statement, but whose signatures count, which `signed` says of the same statement."""
    of_signatures = {1, 2, 3, 6}
    steps = (signed.steps[step.number] if step.number in of_signatures else step for step in checked.steps)
    return replace(checked, at=signed.at, trust=signed.trust, signatories=signed.signatories, steps=tuple(steps))


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
        """Run one step: an error makes it FAILED, one of the machine or an unfinished detail NOT CHECKED."""
        detail = _Detail()
        try:
            yield detail
        except AttestError as error:
            self.add(number, "NOT CHECKED" if isinstance(error, UnavailableError) else "FAILED", error.message)
            raise
        status: Status = "NOT MET" if detail.unmet else "NOT CHECKED" if detail.unfinished else "VERIFIED"
        self.add(number, status, "; ".join(detail))


def verify(  # noqa: PLR0915 (one list of steps, to be read from top to bottom)
    bundle_bytes: bytes,
    anchors: Anchors,
    *,
    now: datetime,
    sources: Sources = Sources(),
    known: Known = Known(),
    tell: Callable[[Step], None] = lambda _: None,
) -> Verified:
    """Verify a bundle at the time `now`, and an inclusion proof where one is known.

    `anchors` say whose signatures count, `sources` what can be read and asked, `known` what nobody else can tell;
    `tell` hears of each step as it ends. Raises `VerificationError` for what is false and `MalformedError` for what
    cannot be read, after telling the step that failed.
    """
    report = _Report(tell)

    with report.step(0) as detail:
        bundle = parse_bundle(bundle_bytes)
        proof: InclusionProof | str
        if isinstance(known.proof, str):
            proof = known.proof
        else:
            proof = InclusionProof.from_json(known.proof, what="the inclusion proof", max_bytes=MAX_PROOF_BYTES)
        detail.append(f"bundle of {len(bundle_bytes):,} bytes")

    anchors, count = check_signatures(report.step, bundle, anchors, now)

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
        signatories = find_signatories(bundle, predicate, count, anchors, now)
        describe(signatories, bundle, count, detail, authorities=anchors.authorities, now=now)

    with report.step(7) as detail:
        if (predicate.sequence == 0) != (predicate.previous is None):
            raise VerificationError("statement/sequence", "only the statement with sequence 0 has no previous one")
        if known.previous is not None:
            detail.append(said_to_follow(predicate, check_follows(predicate, known.previous)))
        elif predicate.previous is None:
            detail.append("the first statement of its chain")
        else:
            detail.open(f"statement {predicate.sequence} follows {predicate.previous.hex()}, which was not given")

    with report.step(8) as detail:
        far = check_arithmetic(statement)
        detail.extend((f"{len(predicate.assets)} assets, {len(predicate.reserves)} lines of reserves", *far))
        detail.unmet = bool(far)

    records, missing = _check_files(report, statement, sources.files)

    holdings = _check_inclusion(report, predicate, digest, proof, sources.rebuild)
    evidence = _recheck_evidence(report, predicate, records, known.window_nonce)

    with report.step(12) as detail:
        _ask_nodes(detail, predicate, records, sources.ask)
    with report.step(13) as detail:
        controlled = _told_control(
            detail,
            check_control(
                predicate,
                records,
                nonce=known.nonce,
                custodians=known.custodians,
                exchange_keys=anchors.own_keys,
            ),
        )
        pinned = at_pin(records)
        wallets = wallet_rows(pinned, _controls(pinned, controlled))
    with report.step(14) as detail:
        evaluations = _told_policies(detail, recompute(predicate, sources.files), evidence.unchecked)

    if predicate.issued_at <= now < predicate.expires_at:
        report.add(
            15, "VERIFIED", f"issued {format_time(predicate.issued_at)}, expires {format_time(predicate.expires_at)}"
        )
    else:
        when = "expired" if now >= predicate.expires_at else "is not yet issued"
        report.add(15, "NOT MET", f"at {format_time(now)} the statement {when}")

    return Verified(
        now,
        statement,
        digest,
        anchors.trust,
        signatories,
        coverage(predicate),
        segregation_checks(
            predicate, pinned, evidence.rechecked.lines, complete=len(records) == predicate.evidence.count
        ),
        wallets,
        evaluations,
        records,
        missing,
        evidence.rechecked,
        evidence.unchecked,
        controlled,
        holdings,
        tuple(report.steps),
    )


def _check_files(report: _Report, statement: Statement, files: Files) -> Beside:
    """Step 9. Returns the records by index, those of the auditor's edition where it is available, and what is not."""
    count = statement.predicate.evidence.count
    with report.step(9) as detail:
        records, missing = read_beside_bundle(statement, files)
        said = f"{len(records)} of {count} records of evidence lead to the root"
        if records:
            detail.append(said)
        else:
            detail.open(said)
        if missing:
            detail.open(f"not beside the bundle: {', '.join(missing)}")
    return Beside(records, missing)


def _check_inclusion(
    report: _Report, predicate: Predicate, digest: bytes, proof: InclusionProof | str, rebuild: Rebuild | None
) -> tuple[Holding, ...]:
    """Step 10: of one account by its proof, of all by building the trees again. Returns what the proof shows.

    Where `proof` is a sentence, that says why there is none.
    """
    trees = predicate.liabilities.trees
    holdings: tuple[Holding, ...] = ()
    with report.step(10) as detail:
        if isinstance(proof, str) and (rebuild is None or proof != NO_PROOF):
            detail.open(proof)
        if rebuild is not None:
            try:
                built = rebuild(predicate.period)
            except UnavailableError as error:
                detail.open(error.message)
            else:
                check_trees(trees, built)
                detail.append(f"the ledger leads to the trees of all {len(trees)} assets")
        if not isinstance(proof, str):
            holdings = verify_inclusion(proof, statement=digest, trees={tree.asset: tree for tree in trees})
            detail.append(f"account {proof.account} is in the totals of {len(holdings)} assets")
    return holdings


def _recheck_evidence(
    report: _Report, predicate: Predicate, records: dict[int, Any], window_nonce: str | None
) -> EvidenceStep:
    with report.step(11) as detail:
        found = check_against_records(records, basis_of(predicate, "the statement"))
        detail.extend((*found.said, *_windows(predicate, found.rechecked, window_nonce)))
        for sentence in found.open:
            detail.open(sentence)
    return found


def _windows(predicate: Predicate, rechecked: Rechecked, nonce: str | None) -> Iterator[str]:
    """Step 11: which blocks around the pins were read. Raises `VerificationError` when another nonce drew them."""
    if nonce is not None and not any(item.kind == "window" for item in predicate.declarations):
        raise VerificationError(
            "recheck/window", f"the auditor drew the nonce {nonce}, and the statement has no window"
        )
    for chain, window in rechecked.windows.items():
        if nonce not in {None, window.nonce}:
            raise VerificationError(
                "recheck/window",
                f"the window of {chain} was drawn by the nonce {window.nonce}, the auditor drew {nonce}",
            )
        drawn = ", ".join(str(block.height) for block in window.blocks)
        yield (
            f"{chain} also read at {drawn}, which the nonce {window.nonce} draws "
            f"out of {window.before} blocks before and {window.after} after"
        )


def _told_policies(detail: _Detail, found: Recomputed, unchecked: Unchecked) -> tuple[Evaluation, ...]:
    """Step 14. A policy that is not met was verified, and is not met; what rests on `unchecked` figures says so."""
    if not (found.evaluations or found.missing):
        detail.open("the statement evaluates no policy")
    for evaluation in found.evaluations:
        policy = evaluation.policy
        count = Counter(
            verdict_name(result.verdict, checked=not unchecked.of_verdict(result.sources))
            for result in evaluation.results
        )
        said = ", ".join(f"{count[name]} {name}" for name in VERDICT_WORDS if count[name])
        own = "" if policy.id in found.shipped else ", the exchange's own rules"
        detail.append(f"{policy.id} ({STANDINGS[policy.authority_status]}{own}): {said}")
    for name in found.missing:
        detail.open(f"the file of {name} is not beside the bundle")
    detail.unmet = any(evaluation.not_met for evaluation in found.evaluations)
    return found.evaluations


def _ask_nodes(detail: _Detail, predicate: Predicate, records: dict[int, Any], ask: Ask | None) -> None:
    """Step 12. What is on a chain that no node was asked about, or answered for, is not checked."""
    if ask is None:
        detail.open("no node was asked")
        return
    try:
        asked = ask(predicate, records)
    except UnavailableError as error:
        detail.open(error.message)
        return
    for _, name, count in asked:
        detail.append(f"the node {name} has the pinned block, and says the same of {count} balances")
    answered = {chain for chain, _, _ in asked}
    if left := [pin.chain for pin in predicate.chains if pin.chain not in answered]:
        detail.open(f"no node was asked about {', '.join(left)}")


def _told_control(detail: _Detail, found: ControlStep | None) -> Controlled | None:
    """Step 13. A statement with proofs for some of its wallets and not for all is verified, and not met."""
    if found is None:
        detail.open("the evidence holds no proof of control")
        return None
    detail += found.said
    for sentence in found.open:
        detail.open(sentence)
    detail.unmet = found.unmet
    return found.controlled


def _controls(records: Mapping[int, Any], found: Controlled | None) -> Mapping[int, Control]:
    """The control of each balance at hand, by the index of its record."""
    if found is not None:
        return found.controls
    return {index: "none" for index, record in records.items() if isinstance(record, Reading)}
