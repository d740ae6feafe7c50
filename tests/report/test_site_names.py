"""A file of a month never stands where another file of the site stands, on any disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from attest.report.history.series import Series
from attest.report.site.published import _subjects
from attest.report.view.month import FileRow
from attest.verification.history import History


def test_names_that_differ_in_capitals_alone_and_those_of_the_site_are_not_copied(
    read: tuple[History, Series], tmp_path: Path
) -> None:
    view = read[1].rows[-1].view
    assert view is not None
    names = ["Ledger.csv", "ledger.CSV", "sha256sums", "SHA256SUMS", f"{view.period}.ATTEST.json", "index.html"]
    names += [f"{view.period}-0123456789ab.attest.json"]
    found, lacking = _subjects(replace(view, files=tuple(FileRow(name, "00", there=True) for name in names)), tmp_path)
    assert [item.name for item in found] == ["Ledger.csv", "index.html"]
    assert [sentence.partition(" ")[0] for sentence in lacking] == [name for name in names[1:] if name != "index.html"]
    absent = (FileRow("ledger.csv", "00", there=False), FileRow("LEDGER.csv", "00", there=True))
    found, lacking = _subjects(replace(view, files=absent), tmp_path)
    assert [item.name for item in found] == ["LEDGER.csv"]
    assert len(lacking) == 1
