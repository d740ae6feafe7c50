"""Whether what stops and fails processes does so where it says."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.operations import Plan, Point
from tests.faults.worker import ROOT

_PROCESS = """
import json, os, shutil, sys, threading
from pathlib import Path
import numpy as np
import pyarrow as pa
from tests.faults.operations import Operations, Plan, Point
root, (name, count), what, number = json.loads(sys.argv[1])
told = os.open(root + ".told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
real = os.write
def tell(line):
    real(told, line.partition("\\t")[0].encode() + b"\\n")
Operations(Path(root), Plan(Point(name, count), what, number), tell).install()
folder = Path(root, "a")
folder.mkdir()
(folder / "text").write_text("0123456789")
with (folder / "binary").open("wb", buffering=0) as file:
    file.write(b"01")
    file.write(b"23")
    os.fsync(file.fileno())
    file.truncate(1)
def elsewhere():
    descriptor = os.open(folder / "0123456789abcdef", os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"x")
    os.close(descriptor)
thread = threading.Thread(target=elsewhere)
thread.start()
thread.join()
(folder / "text").chmod(0o600)
(folder / "text").rename(folder / "renamed")
os.link(folder / "renamed", folder / "linked")
(folder / "linked").replace(folder / "replaced")
pa.OSFile(str(folder / "arrow"), "wb").close()
np.memmap(folder / "map", np.uint8, "w+", shape=(4,))
(folder / "binary").unlink()
shutil.copyfile(folder / "map", folder / "copied")
Path(root + ".outside").write_text("not counted")
shutil.rmtree(folder)
"""
_NEVER = Plan(Point("mkdir nowhere", 1), "before")
_DONE = """\
mkdir a
open a/text
write a/text
open a/binary
write a/binary
write a/binary
fsync a/binary
truncate a/binary
open a/X
write a/X
chmod a/text
rename a/text a/renamed
link a/renamed a/linked
replace a/linked a/replaced
open a/arrow
open a/map
write a/map
unlink a/binary
read a/map
open a/copied
sendfile a/copied
""".splitlines()


def process(root: Path, plan: Plan) -> tuple[int, str, list[str]]:
    """The exit code, standard error and operations of a process that does all sorts of things in `root`."""
    root.mkdir()
    command = [sys.executable, "-c", _PROCESS, json.dumps([str(root), list(plan.point), plan.what, plan.number])]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return ended.returncode, ended.stderr, root.with_name(f"{root.name}.told").read_text().splitlines()


def test_what_is_done_to_files_is_seen(tmp_path: Path) -> None:
    code, _, done = process(tmp_path / "x", _NEVER)
    assert code == 0
    seen = [name for name in done if name in _DONE]
    assert list(dict.fromkeys(seen)) == list(dict.fromkeys(_DONE))
    assert seen.count("write a/binary") == 2
    assert done[-1] == "rmdir a"
    assert not any("outside" in name for name in done)


@pytest.mark.parametrize(
    ("point", "what", "there", "content"),
    [
        (Point("write a/text", 1), "before", "a/text", b""),
        (Point("write a/text", 1), "within", "a/text", b"01234"),
        (Point("write a/text", 1), "after", "a/text", b"0123456789"),
        (Point("write a/binary", 2), "before", "a/binary", b"01"),
        (Point("truncate a/binary", 1), "after", "a/binary", b"0"),
        (Point("write a/X", 1), "after", "a/0123456789abcdef", b"x"),
        (Point("rename a/text a/renamed", 1), "before", "a/text", b"0123456789"),
        (Point("rename a/text a/renamed", 1), "after", "a/renamed", b"0123456789"),
        (Point("replace a/linked a/replaced", 1), "before", "a/linked", b"0123456789"),
        (Point("open a/arrow", 1), "after", "a/arrow", b""),
    ],
)
def test_a_process_is_killed_exactly_there(point: Point, what: str, there: str, content: bytes, tmp_path: Path) -> None:
    code, _, done = process(tmp_path / "x", Plan(point, what))  # type: ignore[arg-type]
    assert code == -9
    assert done[-1] == point.name
    assert (tmp_path / "x" / there).read_bytes() == content


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EMFILE])
def test_an_operation_fails_with_the_error_that_was_asked_for(number: int, tmp_path: Path) -> None:
    point = Point("rename a/text a/renamed", 1)
    code, said, done = process(tmp_path / "x", Plan(point, "error", number))
    assert (code, f"[Errno {number}]" in said, done[-1]) == (1, True, point.name)
    assert (tmp_path / "x/a/text").exists()
