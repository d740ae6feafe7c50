"""The file `index.json` of a site: what its pages show, for programs. The newest month comes first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from attest.report.site.paths import VERIFIER, page_path, pdf_path
from attest.report.site.published import Said, Site, SiteMonth
from attest.report.view.held import CoverageRow
from attest.report.words import LANGUAGES

FORMAT: Final = "attest/site/v1"


def index_document(site: Site, *, verifier: str) -> dict[str, Any]:
    """The content of `index.json`.

    `verifier`: SHA-256 of the page in which customers verify, hex.
    """
    return {
        "format": FORMAT,
        "entity": site.entity,
        "origin": site.origin,
        "verifier": {"path": VERIFIER, "sha256": verifier},
        "trustRoots": [
            {"version": item.root.version, "fingerprint": item.root.fingerprint, "path": item.path}
            for item in site.roots
        ],
        "findings": [finding_document(item) for item in site.findings],
        "months": [month_document(month, pdf=site.pdf) for month in reversed(site.months)],
    }


def month_document(month: SiteMonth, *, pdf: bool) -> dict[str, Any]:
    """The entry of one month; without figures where its row has none. Paths are relative to the site's folder."""
    view = month.row.view
    document: dict[str, Any] = {"period": month.period, "status": month.row.state}
    if view is not None:
        document |= {
            "sequence": view.sequence,
            "statement": view.digest,
            "issuedAt": view.issued_at.iso,
            "coverage": [_coverage(row) for row in view.coverage],
        }
    if month.files:
        document["pages"] = {lang: page_path(lang, month.period) for lang in LANGUAGES}
    if view is not None and pdf:
        document["reports"] = {lang: pdf_path(lang, month.period) for lang in LANGUAGES}
    files = {f"{month.period}/{item.name}": item.sha256 for item in month.files}
    return document | {
        "files": [{"path": path, "sha256": digest} for path, digest in files.items()],
        "findings": [finding_document(item) for item in (*month.said, *month.lacking)],
    }


def index_bytes(document: Mapping[str, Any]) -> bytes:
    """The bytes of `index.json`: UTF-8, indented."""
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _coverage(row: CoverageRow) -> dict[str, Any]:
    """The coverage of one asset: amounts in base units; `percent` rounded down, null where nothing is owed."""
    counted = row.held if row.counted is None else row.counted
    return {
        "asset": row.asset,
        "decimals": row.decimals,
        "owed": row.owed.exact,
        "held": row.held.exact,
        "counted": counted.exact,
        "percent": None if row.coverage.number is None else row.coverage.number.text,
        "met": row.met,
        "checked": row.rest is None,
    }


def finding_document(item: Said) -> dict[str, Any]:
    """One finding: its code, its sentence, and whether it is adverse without anything being false."""
    return {"code": item.code, "message": item.sentence, "adverse": item.adverse}
