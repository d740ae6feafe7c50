"""All cases of all parts of tests/faults: python -m tests.release [--parts kills,errors] [--jobs 2] [--state FILE]

Each case that has ended is a line in the state file, with its figures. Stopped at any time, the same command goes on
with the cases that are not there yet; those of another state of the source are run again. Figures by part and command
come at the end, and exit code 1 when there is any fault. Nothing is asked of a network beyond loopback.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import queue
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.worker import ROOT, Worker, cases_of

PARTS = ("kills", "errors", "pairs", "bundles", "chaos", "hostile_documents", "hostile_ledgers", "pages")
_SHOWN = 20
_INTERRUPTED = 130


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="modules of tests/faults, with commas")
    parser.add_argument("--seed", type=int, default=1, help="what random times and choices are drawn with")
    parser.add_argument("--jobs", type=int, default=2, help="how many cases at a time")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "release.jsonl", help="what has been done")
    options = parser.parse_args()
    source = source_digest()
    options.state.parent.mkdir(parents=True, exist_ok=True)
    done = [item for item in read(options.state) if (item["source"], item["seed"]) == (source, options.seed)]
    known = {(item["part"], item["case"]) for item in done}
    waiting: queue.Queue[tuple[str, str]] = queue.Queue()
    wanted = set()
    for part in _present(options.parts.split(",")):
        for name in cases_of(importlib.import_module(f"tests.faults.{part}"), seed=options.seed):
            wanted.add((part, name))
            if (part, name) not in known:
                waiting.put((part, name))
    if not wanted:
        return 2
    print(f"{len(wanted)} cases, {waiting.qsize()} of them to do", flush=True)
    began = time.monotonic()
    stopped = False
    with options.state.open("a", encoding="utf-8") as file, suppress(KeyboardInterrupt):
        stopped = True
        for result in _results(waiting, options.jobs, options.seed):
            item = {"source": source, "seed": options.seed, **result}
            file.write(json.dumps(item, ensure_ascii=False) + "\n")
            file.flush()
            done.append(item)
            _tell(item, len(done), len(wanted))
        stopped = False
    code = report([item for item in done if (item["part"], item["case"]) in wanted], time.monotonic() - began)
    return _INTERRUPTED if stopped else code


def source_digest() -> str:
    """What tells one state of the package and of these tests from another."""
    digest = hashlib.sha256()
    page = ROOT / "attest/web/verify"
    parts = [path for path in page.iterdir() if path.is_dir() and path.name != "node_modules"]
    folders = [ROOT / "tests/faults", ROOT / "tests/web", page, *parts]
    found = {path for folder in folders for path in folder.iterdir() if path.suffix in {".py", ".ts", ".mjs"}}
    for path in sorted({*(ROOT / "attest").rglob("*.py"), *found}):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _present(parts: list[str]) -> Iterator[str]:
    for part in parts:
        if (ROOT / "tests/faults" / f"{part}.py").exists():
            yield part
        else:
            print(f"there is no part {part}", flush=True)


def read(state: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of the state file; one may have been cut short."""
    if not state.exists():
        return
    data = state.read_text(encoding="utf-8")
    whole = data[: data.rfind("\n") + 1]
    if whole != data:
        state.write_text(whole, encoding="utf-8")
    yield from map(json.loads, whole.splitlines())


def _results(waiting: queue.Queue[tuple[str, str]], jobs: int, seed: int) -> Iterator[dict[str, Any]]:
    """What comes of each case, by `jobs` workers."""
    results: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def work() -> None:
        try:
            while not waiting.empty():
                with Worker() as worker:
                    _work(worker)
        except queue.Empty:
            pass
        finally:
            results.put(None)

    def _work(worker: Worker) -> None:
        while True:
            part, name = waiting.get_nowait()
            try:
                results.put(worker.run(part, name, seed=seed))
            except RuntimeError as error:
                results.put({"part": part, "case": name, "figures": {}, "faults": [str(error)], "seconds": 0})
                return

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(jobs, waiting.qsize()))]
    for thread in threads:
        thread.start()
    ended = 0
    while ended < len(threads):
        result = results.get()
        if result is None:
            ended += 1
        else:
            yield result


def _tell(item: dict[str, Any], done: int, of: int) -> None:
    figures = ", ".join(f"{value} {name}" for name, value in item["figures"].items() if isinstance(value, int))
    faults = f", {len(item['faults'])} FAULTS" if item["faults"] else ""
    print(f"{done} of {of}  {item['part']}  {item['case']}: {figures}{faults}, {item['seconds']} s", flush=True)


def report(done: list[dict[str, Any]], seconds: float) -> int:
    """Print the figures; the exit code."""
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in done:
        command = str(item["figures"].get("command") or item["case"].partition(":")[0])
        row = sums[item["part"], command]
        row.update({name: value for name, value in item["figures"].items() if isinstance(value, int | float)})
        row.update({"faults": len(item["faults"]), "seconds": item["seconds"]})
    for part in dict.fromkeys(part for part, _ in sums):
        print(f"\n{part}")
        total: Counter[str] = Counter()
        rows = {command: row for (of, command), row in sums.items() if of == part}
        for row in rows.values():
            total.update(row)
        for command, row in {**rows, "in all": total}.items():
            print(f"  {command:<40} " + ", ".join(f"{value:,.0f} {name}" for name, value in row.items()))
    faults = [(item["part"], fault) for item in done for fault in item["faults"]]
    for part, fault in faults[:_SHOWN]:
        print(f"\nFAULT in {part}: {fault}")
    more = f", {len(faults) - _SHOWN} more in the state file" if len(faults) > _SHOWN else ""
    print(f"\n{len(done)} cases, {len(faults)} faults{more}; {seconds:,.0f} s of wall time in this run")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
