"""What a verification or a build that is killed leaves on the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CANARY = b"canary-customer"
ROWS = 400_000
# The real command, with so little memory for what it adds up and sorts that it writes from the beginning.
COMMAND = """
import sys
from attest.liabilities.ledger import sums
from attest.liabilities.snapshot import build
build.build_snapshot.__kwdefaults__["budget"] = 1 << 20
sums._MEMORY = 1 << 20
from attest.cli import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo exchange with a published month, whose ledger is then another, and large."""
    folder = tmp_path_factory.mktemp("killed") / "x"
    subprocess.run([sys.executable, "-m", "attest", "demo", "--out", folder], check=True, capture_output=True)
    rows = "".join(f"{CANARY.decode()}-{number % 300_000},BTC,1\n" for number in range(ROWS))
    (folder / "ledger.csv").write_text(f"account,asset,balance\n{rows}", encoding="utf-8")
    config = folder / "attest.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('"ledger.csv"', '"ledger.csv"\nsum_rows = true'), encoding="utf-8")
    return folder


def spilled(pid: int) -> bytes:
    """What a process has in files that have no name."""
    found = b""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if "(deleted)" in str(link.readlink()):
                found += link.read_bytes()
        except OSError:
            continue
    return found


def killed(month: Path, temporary: Path, command: list[str | Path], wait: float) -> Iterator[tuple[Path, bytes]]:
    """Kill `command` `wait` seconds after it has written names; all files in its folder of temporary ones."""
    environment = {**os.environ, "TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *command], cwd=month, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while CANARY not in spilled(process.pid):
            assert process.poll() is None, "it ended before it had written a name"
            time.sleep(0.02)
        time.sleep(wait)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    for path in sorted(temporary.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("wait", [0.0, 0.2, 0.6])
def test_a_killed_verification_leaves_neither_names_nor_the_secret(month: Path, tmp_path: Path, wait: float) -> None:
    secret = month / "private" / "2026-10" / "liabilities" / "secret"
    hexadecimal = secret.read_bytes().strip()
    bundle = month / "publication" / "2026-10" / "2026-10.attest.json"
    command: list[str | Path] = ["verify", bundle, "--key", month / "keys" / "exchange.pem.pub"]
    command += ["--ledger", month / "attest.toml", "--secret", secret]
    for path, data in killed(month, tmp_path, command, wait):
        assert CANARY not in data, path
        assert hexadecimal not in data, path
        assert bytes.fromhex(hexadecimal.decode()) not in data, path


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_check_leaves_neither_names_nor_a_second_secret(month: Path, tmp_path: Path) -> None:
    folder = month / "private" / "2026-10"
    before = sorted(path for path in folder.rglob("*"))
    command: list[str | Path] = ["liabilities", "check", folder, month / "attest.toml", "--period", "2026-10"]
    assert [path for path, data in killed(month, tmp_path, command, 0.1) if CANARY in data] == []
    assert sorted(path for path in folder.rglob("*")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_build_leaves_no_names_among_temporary_files(month: Path, tmp_path: Path) -> None:
    command: list[str | Path] = ["liabilities", "build", month / "attest.toml", "--period", "2026-10"]
    command += ["-o", tmp_path.parent / "snapshot-of-a-kill"]
    assert [path for path, data in killed(month, tmp_path, command, 0.1) if CANARY in data] == []
    for left in tmp_path.parent.glob(".snapshot-of-a-kill*"):
        assert not [path for path in left.iterdir() if "spilled" in path.name]
