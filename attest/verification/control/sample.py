"""The sample among the evidence: drawn by the auditor's nonce, of the reading that the statement counts."""

from __future__ import annotations

from collections.abc import Mapping

from attest.chains.records import Reading
from attest.control.records import ControlSample
from attest.control.sample import Sample
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.evidence.tree import EvidenceTree


def sample_of(records: Mapping[int, Record], nonce: bytes | None) -> Sample | None:
    """The sample among `records`, if there is one; `nonce` is what the auditor drew, where that is known.

    Raises `VerificationError` for a sample of another nonce or reading, for two, and for a balance that is not of the
    reading: what is read when the nonce is known can be chosen to fit it.
    """
    found = [(index, record.sample) for index, record in records.items() if isinstance(record, ControlSample)]
    if not found:
        return None
    index, sample = found[0]
    if len(found) > 1:
        raise VerificationError("control/twice", f"record {found[1][0]} (control-sample): record {index} has one too")
    if nonce is not None and nonce != sample.nonce:
        raise VerificationError(
            "control/nonce",
            f"record {index} (control-sample): it was drawn by {sample.nonce.hex()}, the auditor drew {nonce.hex()}",
        )
    is_drawn_from(records, sample)
    for number, record in records.items():
        if isinstance(record, Reading) and number >= sample.reading_count:
            raise VerificationError(
                "control/sample",
                f"record {number}: {record.asset} of wallet {record.wallet} is not of the reading that the sample was "
                "drawn from",
            )
    return sample


def is_drawn_from(records: Mapping[int, Record], sample: Sample) -> bool:
    """Whether the whole reading that `sample` was drawn from is available. Raises `VerificationError` for another."""
    first = [records.get(index) for index in range(min(sample.reading_count, len(records)))]
    leaves = [record.leaf for record in first if record is not None]
    if len(leaves) != sample.reading_count:
        return False
    if EvidenceTree.build(leaves).root != sample.reading_root:
        raise VerificationError(
            "control/sample",
            f"the sample was drawn from the reading {sample.reading_root.hex()}, and this is another",
            hint="attest the reading that the challenges were made from: attest run --reserves",
        )
    return True
