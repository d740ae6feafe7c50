"""Commands at once on the same files; the whole is `python -m tests.release --parts pairs`."""

from __future__ import annotations

import pytest

from tests.faults import pairs
from tests.faults.worker import Worker, cases_of


@pytest.mark.parametrize("case", cases_of(pairs, short=True))
def test_commands_at_once_leave_what_they_leave_one_after_the_other(case: str, worker: Worker) -> None:
    faults = worker.run("pairs", case, short=True)["faults"]
    assert not faults, "\n".join(faults)
