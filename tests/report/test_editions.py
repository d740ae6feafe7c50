"""A report for everybody says what everybody can find, whatever lies beside the bundle of the one who draws it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attest.attestation.files import AUDITOR_EVIDENCE
from tests.report.months import Made
from tests.report.sites import ran, said

WITHHELD = "2026-07"  # a wallet, and what its custodian says, are for auditors


def test_a_public_report_is_the_same_with_and_without_what_is_for_auditors(year: Made, tmp_path: Path) -> None:
    folder = tmp_path / WITHHELD
    shutil.copytree(year.publication / WITHHELD, folder)
    bundle = folder / f"{WITHHELD}.attest.json"
    without = ran(year, "report", bundle, "-o", tmp_path / "without.html")
    shutil.copy(year.publication.parent / "private" / WITHHELD / AUDITOR_EVIDENCE, folder)
    beside = ran(year, "report", bundle, "-o", tmp_path / "beside.html")
    auditors = ran(year, "report", bundle, "-o", tmp_path / "auditor.html", "--edition", "auditor")
    assert (tmp_path / "beside.html").read_bytes() == (tmp_path / "without.html").read_bytes()
    assert (tmp_path / "auditor.html").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "beside.html").stat().st_mode & 0o600 == 0o600
    assert beside["steps"] == without["steps"] != auditors["steps"]


def test_whoever_draws_an_expired_month_is_told(year: Made, tmp_path: Path) -> None:
    bundle = year.publication / WITHHELD / f"{WITHHELD}.attest.json"
    late = year._replace(at=year.at + timedelta(days=400))
    assert "freshness  at 2027-12-11T03:10:00Z the statement expired" in said(
        late, "report", bundle, "-o", tmp_path / "a.html"
    )
    fresh = year._replace(at=datetime(2026, 8, 10, tzinfo=UTC))
    assert "freshness" not in said(fresh, "report", bundle, "-o", tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
