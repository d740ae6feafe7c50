"""How much CPU a first verification of the demo's month takes in the customer's page, in headless Chromium.

    python -m tests.bench.page [--runs 5]

Every run has a browser of its own, which has compiled nothing yet. Counted is the CPU time of the page's process, by
Chromium's own account: opening the page, and then from choosing three files until the result stands there. The wall
time of the latter has what the browser does besides. `later` is the same month once more in the same page.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from attest.documents import parse_time
from tests.web.browser import Browser
from tests.web.page import PAGE
from tests.web.states import STATES, UNPACKED, write_states

RESULT = "document.querySelector('#result #steps') !== null"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_states(folder)
        runs = [run(folder) for _ in range(options.runs)]
    print(f"{PAGE.stat().st_size:,} bytes; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for number, what in enumerate(("open, CPU", "first, CPU", "first, wall", "later, CPU")):
        found = sorted(one[number] for one in runs)
        print(f"{what:<12} median {median(found):.2f} s, from {found[0]:.2f} to {found[-1]:.2f} s")


def run(folder: Path) -> tuple[float, float, float, float]:
    """CPU seconds of opening and of the first verification, the wall time of this, CPU seconds of another one."""
    files = [folder / file for file in STATES["verified"].files]
    with Browser("chromium") as browser:
        empty = browser.do("cpu")
        browser.open(folder / "verify.html", at=int(parse_time(STATES["verified"].at).timestamp()))
        browser.wait(UNPACKED)
        opened = browser.do("cpu")
        began = time.monotonic()
        browser.choose(*files)
        browser.wait(RESULT)
        wall = time.monotonic() - began
        first = browser.do("cpu")
        browser.do("click", selector="#files-given summary")
        browser.do("click", selector="#clear")
        browser.wait(f"!({RESULT})")
        again = browser.do("cpu")
        browser.choose(*files)
        browser.wait(RESULT)
        return opened - empty, first - opened, wall, browser.do("cpu") - again


if __name__ == "__main__":
    main()
