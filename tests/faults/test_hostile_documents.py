"""Hostile documents at small sizes, in forks; the whole is `python -m tests.release --parts hostile_documents`."""

from __future__ import annotations

import pytest

from tests.faults import hostile_documents
from tests.faults.worker import Worker, cases_of


@pytest.mark.parametrize("case", cases_of(hostile_documents, short=True))
def test_a_hostile_document_is_refused_by_name_and_takes_little_memory(case: str, worker: Worker) -> None:
    faults = worker.run("hostile_documents", case, short=True)["faults"]
    assert not faults, "\n".join(faults)
