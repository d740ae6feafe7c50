"""The paths of a site's files, relative to its folder."""

from __future__ import annotations

from typing import Final

VERIFIER: Final = "verify.html"
FEED: Final = "feed.xml"
INDEX: Final = "index.json"
SUMS: Final = "SHA256SUMS"


def page_path(lang: str, period: str) -> str:
    """The page of a month, which all its statements share."""
    return f"{lang}/{period}/index.html"


def pdf_path(lang: str, period: str) -> str:
    """The report of a month as PDF."""
    return f"{lang}/{period}/report.{lang}.pdf"


def asset_path(lang: str, asset: str) -> str:
    """The page of an asset over all months."""
    return f"{lang}/assets/{asset}.html"
