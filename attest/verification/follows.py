"""Whether one statement follows another (verification step 7)."""

from __future__ import annotations

from attest.attestation.bundle import parse_bundle
from attest.attestation.statement import Predicate, parse_statement, statement_digest
from attest.errors import VerificationError
from attest.verification.steps import StepOutcome


def in_order(earlier: Predicate, later: Predicate) -> bool:
    """Whether `earlier` is of a month before that of `later`, and was issued before it."""
    return earlier.period < later.period and earlier.issued_at < later.issued_at


def is_next(earlier: Predicate, later: Predicate) -> bool:
    """Whether number, month and time of issue of `later` follow those of `earlier`."""
    return earlier.sequence + 1 == later.sequence and in_order(earlier, later)


def said_to_follow(predicate: Predicate, earlier: Predicate) -> str:
    """What step 7 says of a statement that follows the one before it."""
    return (
        f"statement {predicate.sequence} follows statement {earlier.sequence} of {earlier.period}, whose own "
        "signatures are for `attest history check`"
    )


def check_previous(predicate: Predicate, previous: bytes | None) -> StepOutcome[None]:
    """Step 7: number and link of a statement agree, and it follows the one in the bundle `previous`.

    Raises `MalformedError`, `VerificationError`.
    """
    if (predicate.sequence == 0) != (predicate.previous is None):
        raise VerificationError("statement/sequence", "only the statement with sequence 0 has no previous one")
    if previous is not None:
        return StepOutcome(None, (said_to_follow(predicate, check_follows(predicate, previous)),))
    if predicate.previous is None:
        return StepOutcome(None, ("the first statement of its chain",))
    left = (f"statement {predicate.sequence} follows {predicate.previous.hex()}, which was not given",)
    return StepOutcome(None, left, open=left)


def check_follows(predicate: Predicate, bundle: bytes) -> Predicate:
    """The statement in `bundle`, which `predicate` names as the one before it.

    The signatures in `bundle` are not looked at: whoever signed `predicate` signed this digest. Raises
    `MalformedError`, `VerificationError`.
    """
    payload = parse_bundle(bundle, what="the previous bundle").envelope.payload
    if statement_digest(payload) != predicate.previous:
        raise VerificationError(
            "statement/previous",
            f"the bundle that was given as the previous one has the statement {statement_digest(payload).hex()}, "
            f"which this statement does not name",
        )
    earlier = parse_statement(payload).predicate
    if earlier.entity.origin != predicate.entity.origin:
        raise VerificationError(
            "statement/previous",
            f"the statement before is that of {earlier.entity.origin}, not of {predicate.entity.origin}",
        )
    if not is_next(earlier, predicate):
        raise VerificationError(
            "statement/previous",
            f"statement {predicate.sequence} of {predicate.period} names as its previous one statement "
            f"{earlier.sequence} of {earlier.period}: number, month and time of issue do not follow",
        )
    return earlier
