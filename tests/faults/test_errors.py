"""The file system fails at each operation; the whole is `python -m tests.release --parts errors`."""

from __future__ import annotations

import os

import pytest

from tests.faults import disks, errors
from tests.faults.worker import Worker, cases_of


@pytest.mark.parametrize("case", cases_of(errors, short=True))
def test_an_error_of_the_file_system_is_told_as_one_and_spoils_nothing(case: str, worker: Worker) -> None:
    faults = worker.run("errors", case, short=True)["faults"]
    assert not faults, "\n".join(faults)


def test_disks_are_filled_where_it_counts() -> None:
    assert disks.may_mount() or "CI" not in os.environ
