"""The command is killed around and within its file operations; the whole is `python -m tests.release --parts kills`."""

from __future__ import annotations

import pytest

from tests.faults import kills
from tests.faults.worker import Worker, cases_of


@pytest.mark.parametrize("case", cases_of(kills, short=True))
def test_whatever_is_killed_goes_on_by_itself_and_nothing_half_is_ever_under_a_final_name(
    case: str, worker: Worker
) -> None:
    faults = worker.run("kills", case, short=True)["faults"]
    assert not faults, "\n".join(faults)
