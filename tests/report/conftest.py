"""The invented months, made once for all tests of reports."""

from __future__ import annotations

import pytest

from tests.report.months import Made, write_months


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A year with a gap and odd months; nobody writes into its folders."""
    return write_months(tmp_path_factory.mktemp("year") / "year")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One month with markup in every text."""
    return write_months(tmp_path_factory.mktemp("hostile") / "hostile", count=1, is_hostile=True)
