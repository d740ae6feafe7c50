"""The invented months, made once for all tests of reports."""

from __future__ import annotations

import pytest

from attest.report.history.series import Series, read_series
from attest.signing.trust import parse_root_file
from attest.verification.anchors import Anchors
from attest.verification.history import History
from tests.report.months import Made, write_months


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A year with a gap and odd months; nobody writes into its folders."""
    return write_months(tmp_path_factory.mktemp("year") / "year")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """One month with markup in every text."""
    return write_months(tmp_path_factory.mktemp("hostile") / "hostile", count=1, is_hostile=True)


@pytest.fixture(scope="session")
def read(year: Made) -> tuple[History, Series]:
    """The history of the year, and its months as rows."""

    def files(name: str, beside: str) -> bytes | None:
        path = (year.publication / name).parent / beside
        return path.read_bytes() if path.exists() else None

    bundles = {
        path.relative_to(year.publication).as_posix(): path.read_bytes()
        for path in year.publication.glob("*/*.attest.json")
    }
    anchors = Anchors.pinned(parse_root_file(year.trust_root.read_bytes()))
    return read_series(bundles, anchors, now=year.at, files=files)
