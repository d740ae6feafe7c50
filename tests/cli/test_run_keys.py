from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from attest.demo import exchange as demo
from tests.world.ceremony import root, signer


def test_run_signs_with_the_configured_key_and_says_who_has_yet_to_sign(
    attest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "x"
    demo.write_exchange(folder)
    (folder / "keys" / "x.pem").write_bytes(signer("x").to_pem("secret"))
    roles = {"root": ("ab", 2), "exchange": ("xyz", 3), "auditor": ("u", 1)}
    (folder / "1.root.json").write_bytes(root(1, roles, "ab", expiresAt="2090-01-01T00:00:00Z").to_bytes())
    config = (folder / "attest.toml").read_text(encoding="utf-8")
    keys = 'exchange = "file:keys/x.pem"\ntrust_root = "1.root.json"'
    (folder / "attest.toml").write_text(config.replace(f'exchange = "{demo.KEY_FILE}"', keys), encoding="utf-8")
    arguments = ("run", folder / "attest.toml", "--period", "2026-10")
    assert attest(*arguments).code == 4  # nobody to ask for the passphrase
    with demo.recorded_nodes() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for as_json in ((), ("--json",)):
            reader, writer = os.pipe()
            os.write(writer, b"secret\n")
            os.close(writer)
            ran = attest(*arguments, "--passphrase-fd", reader, *as_json)
            os.close(reader)
            assert ran.code == 0, ran.err
            if as_json:
                assert ran.document["missing"] == {"exchange": 2, "auditor": 1}
            else:
                assert "missing    2 more of the exchange's keys must sign: attest sign" in ran.out
                assert "missing    1 of the auditor's keys must sign: attest countersign" in ran.out
                for name in ("publication", "private"):
                    (folder / name).rename(folder / f"{name}-first")
