"""How an attestation is verified: the steps of protocol.md, section 9, in their order.

Nothing about how to check comes from what is being checked: keys, threshold, time and files are the caller's.
A step that cannot be run is reported as not checked, never as verified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from attest.attestation.arithmetic import check_arithmetic
from attest.attestation.bundle import Bundle, parse_bundle
from attest.attestation.coverage import coverage
from attest.attestation.statement import (
    PAYLOAD_TYPE,
    Predicate,
    Statement,
    parse_statement,
    predicate_type,
    statement_digest,
)
from attest.documents import format_time
from attest.errors import UnavailableError, VerificationError
from attest.evidence.record import Record
from attest.liabilities.proof import MAX_PROOF_BYTES, Holding, InclusionProof, verify_inclusion
from attest.liabilities.tree import check_trees
from attest.policy.explain import STANDINGS, VERDICT_WORDS, verdict_name
from attest.policy.results import Evaluation
from attest.signing.envelope import Envelope
from attest.verification.anchors import NO_PROOF, Anchors, Ask, Files, Known, Rebuild, Sources
from attest.verification.control.recheck import Controlled
from attest.verification.control.step import check_control
from attest.verification.evidence.recheck import Rechecked
from attest.verification.evidence.step import (
    Beside,
    EvidenceStep,
    basis_of,
    check_against_records,
    read_beside_bundle,
)
from attest.verification.evidence.windows import at_pin
from attest.verification.follows import check_previous
from attest.verification.policies import recompute
from attest.verification.segregation import WalletRow, controls_of, segregation_checks, wallet_rows
from attest.verification.signatories import check_signatories, count_signatures, follow_roots, reach_thresholds
from attest.verification.steps import Report, Step, StepOutcome
from attest.verification.unchecked import Unchecked
from attest.verification.verified import Verified


def verify(
    bundle: bytes,
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
    report = Report(tell)
    parsed, proof = report.run("form", _parse, bundle, known.proof)
    anchors = report.run("roots", follow_roots, parsed, anchors, now)
    count = report.run("signatures", count_signatures, parsed, anchors)
    report.run("thresholds", reach_thresholds, count, anchors, now)
    report.run("type", _check_type, parsed.envelope)
    statement = report.run("statement", _parse_statement, parsed.envelope)
    predicate, digest = statement.predicate, statement_digest(parsed.envelope.payload)
    signatories = report.run("timestamps", check_signatories, parsed, predicate, count, anchors, now)
    report.run("previous", check_previous, predicate, known.previous)
    report.run("arithmetic", _check_arithmetic, statement)
    records, missing = report.run("files", _check_files, statement, sources.files)
    holdings = report.run("inclusion", _check_inclusion, predicate, digest, proof, sources.rebuild)
    evidence = report.run("evidence", _recheck_evidence, predicate, records, known.window_nonce)
    answered = report.run("nodes", _ask_nodes, predicate, records, sources.ask)
    controlled, wallets = report.run("control", _check_control, predicate, records, anchors, known)
    evaluations = report.run("policy", _recompute_policies, predicate, sources.files, evidence.unchecked)
    report.run("freshness", _check_freshness, predicate, now)
    return Verified(
        at=now,
        statement=statement,
        digest=digest,
        trust=anchors.trust,
        signatories=signatories,
        coverage=coverage(predicate),
        checks=segregation_checks(
            predicate, at_pin(records), evidence.rechecked.lines, complete=len(records) == predicate.evidence.count
        ),
        wallets=wallets,
        evaluations=evaluations,
        records=records,
        missing=missing,
        rechecked=evidence.rechecked,
        unchecked=evidence.unchecked,
        answered=answered,
        controlled=controlled,
        holdings=holdings,
        steps=tuple(report.steps),
    )


class _Parsed(NamedTuple):
    """A bundle, and an inclusion proof or the sentence that says why there is none."""

    bundle: Bundle
    proof: InclusionProof | str


def _parse(bundle: bytes, proof: bytes | str) -> StepOutcome[_Parsed]:
    """Step 0: what was given is of the size and form that it must be."""
    parsed = parse_bundle(bundle)
    if not isinstance(proof, str):
        proof_parsed = InclusionProof.from_json(proof, what="the inclusion proof", max_bytes=MAX_PROOF_BYTES)
        found = _Parsed(parsed, proof_parsed)
    else:
        found = _Parsed(parsed, proof)
    return StepOutcome(found, (f"bundle of {len(bundle):,} bytes",))


def _check_type(envelope: Envelope) -> StepOutcome[None]:
    """Step 4: what was signed is a statement, of a version that is known here."""
    if envelope.payload_type != PAYLOAD_TYPE:
        raise VerificationError("statement/type", f"the payload type is not {PAYLOAD_TYPE}")
    return StepOutcome(None, (predicate_type(envelope.payload),))


def _parse_statement(envelope: Envelope) -> StepOutcome[Statement]:
    """Step 5: the statement has the form of its version, and nothing else."""
    statement = parse_statement(envelope.payload)
    return StepOutcome(statement, (f"statement {statement_digest(envelope.payload).hex()}",))


def _check_arithmetic(statement: Statement) -> StepOutcome[None]:
    """Step 8: the figures of the statement agree. Pins far from the end of its period are verified, and not met."""
    predicate = statement.predicate
    far = check_arithmetic(statement)
    counted = f"{len(predicate.assets)} assets, {len(predicate.reserves)} lines of reserves"
    return StepOutcome(None, (counted, *far), unmet=bool(far))


def _check_files(statement: Statement, files: Files) -> StepOutcome[Beside]:
    """Step 9: the files beside the bundle are those that were signed for, and their records lead to the root."""
    beside = read_beside_bundle(statement, files)
    said = f"{len(beside.records)} of {statement.predicate.evidence.count} records of evidence lead to the root"
    left = () if beside.records else (said,)
    gone = (f"not beside the bundle: {', '.join(beside.missing)}",) if beside.missing else ()
    return StepOutcome(beside, (said, *gone), open=(*left, *gone))


def _check_inclusion(
    predicate: Predicate, digest: bytes, proof: InclusionProof | str, rebuild: Rebuild | None
) -> StepOutcome[tuple[Holding, ...]]:
    """Step 10: of one account by its proof, of all by building the trees again. Finds what the proof shows."""
    trees = predicate.liabilities.trees
    holdings: tuple[Holding, ...] = ()
    said, left = [], []
    if isinstance(proof, str) and (rebuild is None or proof != NO_PROOF):
        said, left = [proof], [proof]
    if rebuild is not None:
        try:
            built = rebuild(predicate.period)
        except UnavailableError as error:
            said.append(error.message)
            left.append(error.message)
        else:
            check_trees(trees, built)
            said.append(f"the ledger leads to the trees of all {len(trees)} assets")
    if not isinstance(proof, str):
        holdings = verify_inclusion(proof, statement=digest, trees={tree.asset: tree for tree in trees})
        said.append(f"account {proof.account} is in the totals of {len(holdings)} assets")
    return StepOutcome(holdings, tuple(said), open=tuple(left))


def _recheck_evidence(
    predicate: Predicate, records: Mapping[int, Record], window_nonce: bytes | None
) -> StepOutcome[EvidenceStep]:
    """Step 11: every figure of the statement is held against the records that are available."""
    found = check_against_records(records, basis_of(predicate, "the statement"))
    said = (*found.said, *_windows(predicate, found.rechecked, window_nonce))
    return StepOutcome(found, (*said, *found.open), open=found.open)


def _windows(predicate: Predicate, rechecked: Rechecked, nonce: bytes | None) -> Iterator[str]:
    """Step 11: which blocks around the pins were read. Raises `VerificationError` when another nonce drew them."""
    if nonce is not None and not any(item.kind == "window" for item in predicate.declarations):
        raise VerificationError(
            "recheck/window", f"the auditor drew the nonce {nonce.hex()}, and the statement has no window"
        )
    for chain, window in rechecked.windows.items():
        if nonce is not None and nonce != window.nonce:
            raise VerificationError(
                "recheck/window",
                f"the window of {chain} was drawn by the nonce {window.nonce.hex()}, the auditor drew {nonce.hex()}",
            )
        drawn = ", ".join(str(block.height) for block in window.blocks)
        yield (
            f"{chain} also read at {drawn}, which the nonce {window.nonce.hex()} draws "
            f"out of {window.before} blocks before and {window.after} after"
        )


def _ask_nodes(predicate: Predicate, records: Mapping[int, Record], ask: Ask | None) -> StepOutcome[frozenset[str]]:
    """Step 12: nodes say what the records say; a chain is not checked that no node was asked about, or answered for.

    Finds the chains that were checked.
    """
    if ask is None:
        return _not_asked("no node was asked")
    try:
        asked = ask(predicate, records)
    except UnavailableError as error:
        return _not_asked(error.message)
    said = [f"the node {name} has the pinned block, and says the same of {count} balances" for _, name, count in asked]
    answered = frozenset(chain for chain, _, _ in asked)
    unasked = [pin.chain for pin in predicate.chains if pin.chain not in answered]
    left = (f"no node was asked about {', '.join(unasked)}",) if unasked else ()
    return StepOutcome(answered, (*said, *left), open=left)


def _not_asked(why: str) -> StepOutcome[frozenset[str]]:
    return StepOutcome(frozenset(), (why,), open=(why,))


class _Control(NamedTuple):
    """What shows control, and what that says of each wallet whose records are available."""

    controlled: Controlled | None
    wallets: tuple[WalletRow, ...]


def _check_control(
    predicate: Predicate, records: Mapping[int, Record], anchors: Anchors, known: Known
) -> StepOutcome[_Control]:
    """Step 13: keys signed what the statement says they did. With some wallets unproven it is verified, and not met."""
    shown = check_control(
        predicate, records, nonce=known.nonce, custodians=known.custodians, exchange_keys=anchors.own_keys
    )
    pinned = at_pin(records)
    found = _Control(shown.found, wallet_rows(pinned, controls_of(pinned, shown.found)))
    return StepOutcome(found, shown.sentences, shown.open, shown.unmet)


def _recompute_policies(
    predicate: Predicate, files: Files, unchecked: Unchecked
) -> StepOutcome[tuple[Evaluation, ...]]:
    """Step 14: the verdicts of policies follow from the statement; those that rest on `unchecked` figures say so.

    A policy that is not met was verified, and is not met.
    """
    found = recompute(predicate, files)
    said, left = [], []
    if not (found.evaluations or found.missing):
        left.append("the statement evaluates no policy")
    for evaluation in found.evaluations:
        policy = evaluation.policy
        count = Counter(
            verdict_name(result.verdict, checked=not unchecked.of_verdict(result.sources))
            for result in evaluation.results
        )
        verdicts = ", ".join(f"{count[name]} {name}" for name in VERDICT_WORDS if count[name])
        own = "" if policy.id in found.shipped else ", the exchange's own rules"
        said.append(f"{policy.id} ({STANDINGS[policy.authority_status]}{own}): {verdicts}")
    left += [f"the file of {name} is not beside the bundle" for name in found.missing]
    unmet = any(evaluation.not_met for evaluation in found.evaluations)
    return StepOutcome(found.evaluations, (*said, *left), open=tuple(left), unmet=unmet)


def said_of_term(predicate: Predicate) -> str:
    """What step 15 says of a statement that is in force."""
    return f"issued {format_time(predicate.issued_at)}, expires {format_time(predicate.expires_at)}"


def _check_freshness(predicate: Predicate, now: datetime) -> StepOutcome[None]:
    """Step 15: the statement is in force at the time of verification."""
    if predicate.issued_at <= now < predicate.expires_at:
        return StepOutcome(None, (said_of_term(predicate),))
    when = "expired" if now >= predicate.expires_at else "is not yet issued"
    return StepOutcome(None, (f"at {format_time(now)} the statement {when}",), unmet=True)
