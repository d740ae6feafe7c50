"""Pictures of sites for the documentation: python -m tests.report.screenshots [--folder FOLDER]

They are of the demo's month, and of the charts over an invented year. With --site every page of a site is taken
instead, on a phone and on a desk, and every page of its reports, to be looked at one by one. Needs a Japanese font (on
Debian: apt-get install fonts-noto-cjk), Chromium, and poppler-utils for PDF.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from attest.demo.exchange import PERIOD, TRUST_ROOT_FILE
from attest.documents import format_time
from tests.conftest import make_exchange
from tests.report.months import write_months
from tests.web.browser import Browser
from tests.web.page import ROOT

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
DAY = "2026-11-03T00:00:00Z"
DOTS = 60  # of a picture of a PDF, an inch: A4 is then 496 wide


class Shot(NamedTuple):
    """A picture by its name: of a page, how large, and of all of it or of what is seen, from its top or `below`."""

    name: str
    page: str
    size: dict[str, int]
    whole: bool = False
    dark: bool = False
    below: str | None = None


SHOTS = (
    Shot("site-index-en", "en/index.html", DESK),
    Shot("site-index-ja", "ja/index.html", PHONE),
    Shot("site-month-ja", f"ja/{PERIOD}/index.html", PHONE, dark=True),
)
HISTORY = (Shot("site-history-en", "en/index.html", DESK, below="history"),)
REPORTS = {"report-en": f"en/{PERIOD}/report.en.pdf"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images", help="where the pictures go")
    parser.add_argument("--site", type=Path, help="a site of which every page is taken")
    options = parser.parse_args()
    if shutil.which("fc-list") and not subprocess.run(["fc-list", ":lang=ja"], capture_output=True, check=True).stdout:
        sys.stderr.write("no Japanese font here (on Debian: apt-get install fonts-noto-cjk)\n")
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.site is not None:
        take(options.site, every_page(options.site), options.folder)
        for pdf in sorted(options.site.rglob("*.pdf")):
            picture(pdf, options.folder / _name(pdf.relative_to(options.site)), dots=100)
        return 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        site = demo_site(folder)
        take(site, SHOTS, options.folder)
        take(year_site(folder), HISTORY, options.folder)
        for name, pdf in REPORTS.items():
            picture(site / pdf, options.folder / name, dots=DOTS, first_alone=True)
    return 0


def demo_site(folder: Path) -> Path:
    """The site of the demo's month, made in `folder` as if it were the day after."""
    exchange = make_exchange(folder / "demo")
    return _site(exchange.outcome.publication.parent, exchange.folder / TRUST_ROOT_FILE, DAY, folder / "site")


def year_site(folder: Path) -> Path:
    """The site of an invented year, made in `folder`."""
    made = write_months(folder / "year")
    return _site(made.publication, made.trust_root, format_time(made.at), folder / "year-site", "--no-pdf")


def _site(publication: Path, trust_root: Path, at: str, to: Path, *more: str) -> Path:
    command = [sys.executable, "-m", "attest", "site", str(publication), "--trust-root", str(trust_root)]
    ran = subprocess.run([*command, "-o", str(to), "--at", at, *more], check=False, stdout=subprocess.DEVNULL)
    if not (to / "index.html").exists():  # a month that is missing is an error too, and the site says so
        raise SystemExit(f"attest site ended with {ran.returncode}")
    return to


def every_page(site: Path) -> Iterator[Shot]:
    """Every page but the one in which customers verify, which is no page of a site alone."""
    for number, page in enumerate(sorted(site.rglob("*.html"))):
        path = page.relative_to(site)
        if path.name != "verify.html":
            for size in (PHONE, DESK):
                yield Shot(f"{_name(path)}-{size['width']}", str(path), size, whole=True, dark=bool(number % 2))


def take(site: Path, shots: Iterator[Shot] | tuple[Shot, ...], folder: Path) -> None:
    """Take the pictures into `folder`."""
    with Browser("chromium") as browser:
        for shot in shots:
            browser.open(site / shot.page, dark=shot.dark, **shot.size)
            if shot.below is not None:
                browser.evaluate(f"document.getElementById('{shot.below}').scrollIntoView()")
            browser.do("screenshot", path=str(folder / f"{shot.name}.png"), whole=shot.whole)


def picture(pdf: Path, to: Path, *, dots: int, first_alone: bool = False) -> None:
    """The pages of a PDF as pictures that begin with the name `to`, or its first page as `to`.png."""
    command = ["pdftoppm", "-png", "-r", str(dots)]
    subprocess.run([*command, *(["-singlefile"] if first_alone else []), str(pdf), str(to)], check=True)


def _name(path: Path) -> str:
    return "-".join(path.with_suffix("").parts)


if __name__ == "__main__":
    sys.exit(main())
