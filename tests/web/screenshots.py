"""Pictures of the page for the documentation: python -m tests.web.screenshots [--folder FOLDER] [--languages ja,en]

Six states, each on a phone, light and dark in turn. Needs a Japanese font (on Debian:
apt-get install fonts-noto-cjk).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.web.browser import Browser
from tests.web.page import ROOT
from tests.web.states import STATES, enter, write_states

PHONE = {"width": 390, "height": 844}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images", help="where the pictures go")
    parser.add_argument("--languages", default="ja,en", help="in which each state is shown, with commas")
    options = parser.parse_args()
    if shutil.which("fc-list") and not subprocess.run(["fc-list", ":lang=ja"], capture_output=True, check=True).stdout:
        sys.stderr.write("no Japanese font here (on Debian: apt-get install fonts-noto-cjk)\n")
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, Browser("chromium") as browser:
        folder = Path(made)
        write_states(folder)
        for number, name in enumerate(STATES):
            for lang in options.languages.split(","):
                enter(browser, folder, name, lang=lang, dark=bool(number % 2), **PHONE)
                browser.evaluate("scrollTo(0, 0)")
                browser.do("screenshot", path=str(options.folder / f"page-{name}-{lang}.png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
