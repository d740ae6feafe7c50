"""What a site of many months costs: python -m tests.bench.site [--months 60] [--assets 40] [--pdf]

Sound months of an invented exchange are made, and their site twice, each in a process of its own; and that of a fifth
of the months, so that one sees whether a month costs more where there are more of them. Seconds are of CPU. They say
something of the machine; the ratios, which are of one run, say something of attest.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.report.months import Made, write_months


class Cost(NamedTuple):
    """CPU seconds, and how many MiB of memory at the most."""

    seconds: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--assets", type=int, default=40)
    parser.add_argument("--pdf", action="store_true", help="with reports as PDF")
    options = parser.parse_args()
    few = max(1, options.months // 5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many = write_months(folder / "many", count=options.months, assets=options.assets, sound=True)
        first, size = made(many, folder / "site", with_pdf=options.pdf)
        second, _ = made(many, folder / "site", with_pdf=options.pdf)
        fewer = write_months(folder / "few", count=few, assets=options.assets, sound=True)
        short, _ = made(fewer, folder / "short", with_pdf=options.pdf)
    print(f"{options.months} months of {options.assets} assets; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"first run   {first.seconds:.1f} s, {first.memory:.0f} MiB; an index of {size:,} bytes")
    print(f"second run  {second.seconds:.1f} s, {second.seconds / first.seconds:.2f} of the first")
    a_month, of_few = first.seconds / options.months, short.seconds / few
    print(f"a month     {a_month:.2f} s, {a_month / of_few:.2f} of what it is where there are {few}")


def made(months: Made, site: Path, *, with_pdf: bool) -> tuple[Cost, int]:
    """What it costs to make the site in the folder `site`, and how large the larger index is, in bytes."""
    command = [sys.executable, "-m", "attest", "site", str(months.publication), "--trust-root", str(months.trust_root)]
    command += ["-o", str(site), "--at", f"{months.at:%Y-%m-%dT%H:%M:%SZ}", *([] if with_pdf else ["--no-pdf"])]
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 (a device)
        process = os.posix_spawn(
            sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1)]
        )
        _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"attest site ended with {os.waitstatus_to_exitcode(status)}")
    unit = 1024 if sys.platform == "darwin" else 1
    largest = max((site / lang / "index.html").stat().st_size for lang in ("ja", "en"))
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / unit / 1024), largest


if __name__ == "__main__":
    main()
