"""A campaign over all parsers, guided by coverage: python -m tests.fuzz.run --seconds 60 [--only NAME …]

Needs atheris (pip install atheris), which the tests do not. Every parser has a process of its own for so many seconds;
new inputs are kept in the folder `--keep` from one campaign to the next. What is found is written there too and told
at the end: anything but an error of the package, and what takes more than ten seconds or two gigabytes.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

_LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=131072", "-print_final_stats=1")
_NATIVE = "PanicException"  # of Rust below a library; its class is not an Exception


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each parser")
    parser.add_argument("--only", nargs="*", help="parts of parsers' names")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.one is not None:
        _fuzz(options.one, options.keep, options.seconds)
    names = subprocess.run(
        [sys.executable, "-c", "from tests.fuzz.run import names; names()"], check=True, capture_output=True, text=True
    )
    wanted = [
        name for name in json.loads(names.stdout) if not options.only or any(part in name for part in options.only)
    ]
    for name in wanted:
        command = [sys.executable, "-m", "tests.fuzz.run", "--one", name]
        command += ["--keep", str(options.keep), "--seconds", str(options.seconds)]
        ran = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
        executed = re.findall(r"^(?:stat::number_of_executed_units: |#)(\d+)", ran.stderr, re.MULTILINE)
        findings = sorted({line for line in ran.stdout.splitlines() if line.startswith("FOUND ")})
        stopped = "" if ran.returncode == 0 else f", stopped with {ran.returncode}: {_last(ran.stderr)}"
        print(
            f"{name}: {int(executed[-1]) if executed else 0:,} executions{stopped}", *findings, sep="\n  ", flush=True
        )


def names() -> None:
    """Print the names of all parsers."""
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(list(_table(Path(folder)))))


def _table(folder: Path) -> dict[str, Any]:
    from tests.conftest import make_exchange
    from tests.fuzz.parsers import table

    return table(make_exchange(folder / "exchange"), folder)


def _last(text: str) -> str:
    told = [line for line in text.splitlines() if "ERROR" in line or "SUMMARY" in line]
    return (told or text.splitlines() or ["?"])[-1]


def _fuzz(name: str, keep: Path, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["attest", "btclib", "btclib_wallet", "rlp", "trie", "tomllib", "json"]):
        from attest.errors import AttestError
    folder = Path(tempfile.mkdtemp())
    with atheris.instrument_imports(include=["attest", "btclib", "btclib_wallet", "rlp", "trie"]):
        parser = _table(folder)[name]
    place = keep / re.sub(r"[^A-Za-z0-9]+", "-", name)
    inputs, found = place / "inputs", place / "found"
    for path in (inputs, found):
        path.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(parser.seeds):
        (inputs / f"seed-{number}").write_bytes(seed)

    def change(data: bytes, limit: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.4:
            return bytes(atheris.Mutate(data, limit))
        return parser.mutated(random, (data, *parser.seeds))[:limit]

    arguments = [sys.argv[0], *_LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={found}/", str(inputs)]
    atheris.Setup(arguments, _told(parser.parse, AttestError, found), custom_mutator=change)
    atheris.Fuzz()


def _told(parse: Callable[[bytes], object], own: type[Exception], found: Path) -> Callable[[bytes], None]:
    """Parse, and tell of each kind of foreign error once; the campaign goes on."""
    seen: set[str] = set()

    def run(data: bytes) -> None:
        try:
            parse(data)
        except own:
            return
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != _NATIVE:
                raise
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/attest/" in frame.filename]
            where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
            kind = f"{type(error).__name__} at {where}"
            if kind not in seen:
                seen.add(kind)
                path = found / f"{zlib.crc32(data):08x}"
                path.write_bytes(data)
                print(f"FOUND {kind}: {str(error)[:100]!r} in {path}", flush=True)

    return run


if __name__ == "__main__":
    main()
