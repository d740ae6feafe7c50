"""What the machine lacks, and names in other encodings, are told as that: never as a bug, never as a fault of data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from attest.demo import exchange as demo
from tests.conftest import Exchange


@pytest.mark.parametrize("kind", ["python", "numpy", "arrow"])
def test_memory_that_runs_out_is_told_in_a_sentence(
    kind: str, attest: Any, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    import pyarrow as pa

    def exhaust(*_: object, **__: object) -> object:
        if kind == "numpy":
            return np.empty(1 << 60, np.uint8)
        if kind == "arrow":
            raise pa.lib.ArrowMemoryError("malloc of size 20000000000 failed")
        raise MemoryError

    monkeypatch.setattr("attest.verification.verify.verify", exhaust)
    command = ("verify", exchange.outcome.bundle, "--key", exchange.folder / demo.PUBLIC_KEY_FILE)
    ran = attest(*command)
    assert ran.code == 4
    assert "there is not enough memory for this, and nothing was found wrong" in ran.err
    document = attest(*command, "--json").document
    assert (document["status"], document["error"]["code"]) == ("unchecked", "memory/exhausted")


def test_a_key_that_others_may_use_is_told_once_by_the_command_that_signs(
    attest: Any, exchange: Exchange, tmp_path: Path
) -> None:
    shutil.copytree(exchange.outcome.publication, tmp_path / "month")
    (bundle,) = (tmp_path / "month").glob("*.attest.json")
    assert attest("key", "new", tmp_path / "other.pem", "--no-passphrase").code == 0
    (tmp_path / "other.pem").chmod(0o640)
    ran = attest("sign", bundle, "--key", tmp_path / "other.pem", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [text.partition(" (mode")[0] for text in ran.document["warnings"]] == [
        f"the private key {tmp_path / 'other.pem'} is not encrypted, and others on this machine may use its file"
    ]
    assert attest("sign", bundle, "--key", tmp_path / "other.pem").err.count("may use its file (mode 0640)") == 1


@pytest.mark.parametrize(
    ("as_json", "name"),
    [(False, b"\xff"), (True, b"\xff"), (True, b"\xe9t\xe9"), (False, b"a\xf0\x9f"), (True, b"\x93\xfa\x96{")],
)
def test_proofs_lie_in_a_folder_of_any_name(name: bytes, as_json: bool, exchange: Exchange, tmp_path: Path) -> None:  # noqa: FBT001
    folder = os.fsencode(tmp_path) + b"/" + name
    shutil.copytree(os.fsencode(exchange.outcome.private), folder)
    command = [sys.executable, "-m", "attest", "prove", folder, "--all", "-o", folder + b"-all"]
    ran = subprocess.run([*command, "--json"] if as_json else command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    ran.stdout.decode("utf-8")
    assert any(name.endswith(b".zst") for name in os.listdir(folder + b"-all"))  # noqa: PTH208


def test_a_library_that_takes_no_such_name_is_told_as_that(attest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attest.policy.rulesets.ruleset_names", "caf\udce9/ledger.parquet".encode)
    ran = attest("policy", "list", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (4, "file/encoding")
    assert "caf\udce9/ledger.parquet is not named in UTF-8" in ran.document["error"]["message"]
    monkeypatch.setattr("attest.policy.rulesets.ruleset_names", "\ud800".encode)
    assert attest("policy", "list").code == 70
