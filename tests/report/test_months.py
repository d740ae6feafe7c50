"""The invented months: what is odd about each of them is found, and nothing else is."""

from __future__ import annotations

from pathlib import Path

from attest.signing.trust import parse_root_file
from attest.verification.anchors import Anchors
from attest.verification.history import History, check_history
from tests.report.months import Made, write_months
from tests.report.plan import JAPANESE, MARKUP


def history(made: Made) -> History:
    def files(name: str, beside: str) -> bytes | None:
        path = (made.publication / name).parent / beside
        return path.read_bytes() if path.exists() else None

    return check_history(
        {
            str(path.relative_to(made.publication)): path.read_bytes()
            for path in made.publication.glob("*/*.attest.json")
        },
        Anchors.pinned(parse_root_file(made.trust_root.read_bytes())),
        now=made.at,
        files=files,
    )


def test_a_year_has_a_gap_a_month_below_what_is_owed_and_one_whose_keys_were_silent(year: Made) -> None:
    found = history(year)
    assert [(finding.code, finding.sentence[:30]) for finding in found.findings] == [
        ("history/gap", "1 month has no statement betwe"),
        ("history/not-met", "2026-01: the coverage of DUSD "),
        ("history/not-met", "2026-01: policy recomputed: jp"),
        ("history/not-met", "2026-09: control proofs: 8 add"),
    ]
    assert len(found.months) == 11
    with_old = [m.period for m in found.months if any(item.asset == "OLDC" for item in m.verified.coverage)]
    assert with_old == ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-04"]
    assert len(JAPANESE.entity) == 100
    last = found.months[-1].verified
    assert last.statement.predicate.entity.name == JAPANESE.entity
    assert [report.exceptions for report in last.signatories.reports] == [1]
    assert not last.adverse


def test_the_same_months_have_the_same_bytes(tmp_path: Path) -> None:
    again = write_months(tmp_path / "year", count=2, sound=True)
    other = write_months(tmp_path / "other", count=2, sound=True)
    for folder, twin in ((again.publication, other.publication), (again.trust_root.parent, other.trust_root.parent)):
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        assert names
        assert all((folder / name).read_bytes() == (twin / name).read_bytes() for name in names)


def test_hostile_months_verify_too(hostile: Made) -> None:
    (month,) = history(hostile).months
    assert MARKUP in month.verified.statement.predicate.entity.name
    assert not month.verified.adverse
