"""One process for all cases of a file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.worker import Worker


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    with Worker() as started:
        yield started
