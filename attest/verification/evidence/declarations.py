"""What management declares, and what the readings say of concentration: the statement's declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attest.attestation.concentration import HIDDEN, concentration, declared_fields, declared_name
from attest.attestation.document_records import DeclarationRecord
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.policy.inputs import Declaration

_COMPUTED: Final = frozenset(("custodian", "largest-wallet", "window"))  # of the readings, not said by management


def recheck_declarations(
    records: Mapping[int, Record], stated: Sequence[Declaration], whole: frozenset[str]
) -> tuple[int, int]:
    """How many of the `stated` declarations have a disclosed form, and how many were recomputed from readings.

    `whole` are the assets of which every reading of customers' coins is disclosed. Raises `VerificationError` when a
    record says something else than its declaration, belongs to none, or is not what the readings add up to.
    """
    by_leaf = {record.leaf: record for record in records.values() if isinstance(record, DeclarationRecord)}
    computed = {declared_fields(record): record for record in concentration(records.values(), frozenset())}
    largest = {record.unit: record.amount for record in computed.values() if record.kind == "largest-wallet"}
    forms = recomputed = 0
    for line in stated:
        record = by_leaf.pop(line.evidence_leaf, None)
        if record is not None and declared_fields(record) != declared_fields(line):
            raise VerificationError("declaration/record", f"the record of {declared_name(line)} says something else")
        if line.kind not in _COMPUTED:
            if record is not None and None in {record.signatory, record.document, record.sha256}:
                raise VerificationError(
                    "declaration/form",
                    f"the record of {declared_name(line)} names no signed form and who signed it",
                )
            forms += record is not None
            continue
        if line.unit not in whole or line.kind == "window":
            continue
        recomputed += 1
        # Of which tier a custodian is, the readings do not say: that is management's word.
        said = line.model_copy(update={"tier": None}) if line.kind == "custodian" else line
        hidden = (line.kind, line.name) == ("largest-wallet", HIDDEN)
        holds = largest.get(line.unit) == line.amount if hidden else declared_fields(said) in computed
        if not holds:
            raise VerificationError(
                "declaration/figure", f"the readings add up to something else than {declared_name(line)}"
            )
    if by_leaf:
        raise VerificationError("declaration/record", "the record of a declaration belongs to none in the statement")
    expected = sum(record.unit in whole for record in computed.values())
    if recomputed != expected:
        raise VerificationError(
            "declaration/figure", f"the statement has {recomputed} figures of concentration, the readings {expected}"
        )
    return forms, recomputed
