"""The demo exchange with its yen alone, so that its months are attested without a chain; and ways to stop it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attest.demo import exchange as demo
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.publishing import finishing, unfinished
from attest.exchange.publishing.finishing import Issuer, Outcome
from attest.exchange.publishing.payloads import PayloadRecord
from attest.exchange.publishing.unfinished import Unfinished
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from tests.conftest import NOW

PERIOD = "2026-10"
LATER = NOW + timedelta(minutes=1)
RECORD = "keys/exchange.example.payloads.jsonl"


def write_yen_exchange(path: Path) -> Path:
    """The exchange in the new folder `path`, with documents of three months."""
    demo.write_exchange(path)
    config = path / demo.CONFIG_FILE
    kept = ("[entity]", "[scope]", "[ledger]", "[keys]", "[publication]", "[[money]]")
    blocks = re.split(r"(?m)^(?=\[)", config.read_text(encoding="utf-8"))
    text = "".join(block for block in blocks if block.startswith(kept) or ('"JPY"' in block and "[[assets]]" in block))
    config.write_text(text.replace('record = "private/payloads.jsonl"\n', ""), encoding="utf-8")
    ledger = path / "ledger.csv"
    first, *rows = ledger.read_text(encoding="utf-8").splitlines()
    ledger.write_text("\n".join([first, *(row for row in rows if ",JPY," in row)]) + "\n", encoding="utf-8")
    for name in ("trust", "reserve-deposit"):
        for month in ("2026-09", "2026-11"):
            shutil.copy(path / f"documents/{name}-2026-10.txt", path / f"documents/{name}-{month}.txt")
    return path


def run(
    folder: Path,
    period: str = PERIOD,
    now: datetime = NOW,
    *,
    tell: Callable[[str], None] = lambda _: None,
    new_record: bool = False,
) -> Outcome:
    return monthly.run(
        read_config(folder / demo.CONFIG_FILE),
        period,
        Surroundings(folder, now, os.environ, tell),
        MonthInputs(os.urandom(32), lambda _: "", new_record=new_record),
    )


def killed(folder: Path, patch: Callable[[pytest.MonkeyPatch], None], period: str = PERIOD) -> None:
    """A run in a process of its own that `patch` has end at some point, as SIGKILL would."""
    child = os.fork()
    if child == 0:
        try:
            with pytest.MonkeyPatch.context() as patcher:
                patch(patcher)
                run(folder, period)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def after(owner: Any, name: str, times: int = 1) -> Callable[[pytest.MonkeyPatch], None]:
    """A patch that ends the process as soon as `owner.name` has returned for the so many-th time."""
    done = getattr(owner, name)
    count = 0

    def die(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        result = done(*arguments, **options)
        count += 1
        if count == times:
            os._exit(9)
        return result

    return lambda patcher: patcher.setattr(owner, name, die)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


POINTS = {
    "the payload was kept": after(Unfinished, "keep"),
    "the payload was written down": after(PayloadRecord, "add"),
    "the payload was signed": after(finishing, "sign", 2),  # first with a key made for it
    "the bundle was written": after(finishing, "write_file"),
    "both names were written down": after(Unfinished, "intend"),
    "the journal was removed": after(Issuer, "_remove"),
    "the private folder has its name": after(unfinished, "_rename"),
    "both folders have their names": after(unfinished, "_rename", 2),
}
