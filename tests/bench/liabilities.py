"""How long the liability build takes, beside a plain Python build of the same ledger in the same run.

    python -m tests.bench.liabilities 10000 1000000 --assets 1 3
    python -m tests.bench.liabilities 100000000 --folder /somewhere/large

Ledgers are Parquet: account text, asset text, balance DECIMAL(38,18). The build runs in a process of its own, from
opening the ledger to the synced snapshot; imports are not counted, memory is that process's peak. Up to a million
accounts the best of three builds counts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from attest.liabilities.columns.sha256 import Midstate, hash_rows, warm_up
from tests.naive import Row, Tree

ASSETS = {"BTC": 8, "ETH": 18, "USDC": 6}
SECRET = bytes(range(32))
NAIVE_LIMIT = 1_000_000
_ROWS = 1 << 20

_BUILD = """
import json, resource, sys, time
from pathlib import Path
import attest.liabilities.ledger.bulk, attest.liabilities.ledger.csv, attest.liabilities.ledger.sources
from attest.liabilities.snapshot.build import Plan, build_snapshot
from attest.liabilities.ledger.read import Source
location, folder, decimals = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
started = time.monotonic()
manifest = build_snapshot(folder, Plan(Source(location), decimals, bytes(range(32))))
seconds = time.monotonic() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak": peak, "roots": {t.asset: t.root.hex() for t in manifest.trees}}))
"""

_PROVE = """
import sys, time
from pathlib import Path
from attest.liabilities.proof import prove
from attest.liabilities.snapshot.open import Snapshot
started = time.monotonic()
with Snapshot(Path(sys.argv[1])) as snapshot:
    prove(bytes(32), sys.argv[2], snapshot.trees.values())
print(time.monotonic() - started)
"""


def write_ledger(path: Path, accounts: int, assets: list[str]) -> None:
    """A ledger whose accounts hold every asset: amounts from one base unit up, most of them small."""
    draw = np.random.default_rng(1)
    schema = pa.schema([("account", pa.string()), ("asset", pa.string()), ("balance", pa.decimal128(38, 18))])
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=["asset"]) as writer:
        for asset in assets:
            step = 10 ** (18 - ASSETS[asset])
            for start in range(0, accounts, _ROWS):
                count = min(_ROWS, accounts - start)
                names = pa.array([f"customer-{number:010d}" for number in range(start, start + count)])
                units = (draw.pareto(0.9, count) * 1000 + 1).clip(max=min(1e9, 1e19 / step)).astype(np.uint64)
                words = np.zeros((count, 2), np.uint64)
                words[:, 0] = units * np.uint64(step)
                balances = pa.Array.from_buffers(pa.decimal128(38, 18), count, [None, pa.py_buffer(words)])
                writer.write_table(pa.table([names, pa.array([asset] * count), balances], schema=schema))


def naive_build(path: Path, assets: list[str]) -> tuple[float, dict[str, str]]:
    """Seconds and roots of the build that a Python programmer writes first: a row at a time, hashlib and hmac."""
    started = time.monotonic()
    rows: dict[str, list[Row]] = {asset: [] for asset in assets}
    for batch in pq.ParquetFile(path).iter_batches():
        for account, asset, balance in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            rows[asset].append(Row(account, 0, int(Decimal(balance).scaleb(ASSETS[asset]))))
    roots = {asset: Tree.build(asset, SECRET, rows[asset]).root.hex() for asset in assets}
    return time.monotonic() - started, roots


def measure(accounts: int, assets: list[str], folder: Path) -> str:
    """One line of the table."""
    ledger = folder / "ledger.parquet"
    snapshot = folder / "snapshot"
    write_ledger(ledger, accounts, assets)
    decimals = json.dumps({asset: ASSETS[asset] for asset in assets})
    runs = []
    for _ in range(3 if accounts <= NAIVE_LIMIT else 1):
        shutil.rmtree(snapshot, ignore_errors=True)
        snapshot.mkdir()
        runs.append(json.loads(_python(_BUILD, str(ledger), str(snapshot), decimals)))
    built = min(runs, key=lambda run: run["seconds"])
    proof = min(float(_python(_PROVE, str(snapshot), f"customer-{number:010d}")) for number in (0, accounts // 2))
    ratio = ""
    if accounts <= NAIVE_LIMIT:
        seconds, roots = naive_build(ledger, assets)
        if roots != built["roots"]:
            raise SystemExit("the naive build has another root")
        ratio = f"{seconds / built['seconds']:.1f}"
    shutil.rmtree(snapshot)
    ledger.unlink()
    rate = accounts * len(assets) / built["seconds"]
    return (
        f"| {accounts:,} | {len(assets)} | {built['seconds']:.2f} s | {built['peak'] / 2**20:,.0f} MiB "
        f"| {rate:,.0f} | {ratio} | {proof * 1000:.1f} ms |"
    )


def _python(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def blocks(width: int) -> tuple[float, float]:
    """Nanoseconds per SHA-256 block over rows of `width` bytes on one core: this kernel, and a hashlib loop."""
    rows = np.random.default_rng(1).integers(0, 256, (1 << 18, width), np.uint8)
    midstate = Midstate.tagged("bench")
    per_row = (width + 8) // 64 + 1
    out = np.empty((len(rows), 32), np.uint8)
    fast = _best(lambda: hash_rows(midstate, rows, out), 20) / len(rows) / per_row
    some = [row.tobytes() for row in rows[:20_000]]
    start = hashlib.sha256(midstate.prefix)

    def loop() -> None:
        for row in some:
            message = start.copy()
            message.update(row)
            message.digest()

    return fast * 1e9, _best(loop, 5) / len(some) / per_row * 1e9


def _best(work: Callable[[], object], rounds: int) -> float:
    def once() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return min(once() for _ in range(rounds))


def main(sizes: Iterable[int], assets: Iterable[int], folder: str | None) -> None:
    """Print the tables."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everywhere)})
    warm_up()
    for width in (80, 96):
        fast, slow = blocks(width)
        print(f"SHA-256 over {width}-byte rows, one core: {fast:.1f} ns a block, hashlib {slow:.1f} ns")
    os.sched_setaffinity(0, everywhere)
    print("\n| accounts | assets | build | peak memory | rows a second | times the naive build | one proof |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for count in assets:
        for size in sizes:
            with tempfile.TemporaryDirectory(dir=folder) as work:
                print(measure(size, list(ASSETS)[:count], Path(work)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--assets", nargs="*", type=int, default=[1], choices=[1, 2, 3])
    parser.add_argument("--folder", help="where the ledgers and snapshots go")
    options = parser.parse_args()
    main(options.sizes, options.assets, options.folder)
