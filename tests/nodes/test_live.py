"""The recorded chains are what real nodes say, and the whole job runs on real nodes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from attest.demo import fixture_path

RECORD = Path(__file__).resolve().parents[2] / "fixtures" / "demo" / "record.py"


def test_recording_again_gives_the_committed_recording(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(RECORD), str(tmp_path)], check=True)
    ethereum = fixture_path("demo/ethereum.jsonl").read_text(encoding="utf-8")
    assert (tmp_path / "ethereum.jsonl").read_text(encoding="utf-8") == ethereum

    # Another release of bitcoind may build other blocks; the coins in them are the same.
    def amounts(path: Path) -> list[tuple[str, float]]:
        calls = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        (scan,) = [json.loads(call["result"]) for call in calls if call["method"] == "scantxoutset"]
        return sorted((coin["scriptPubKey"], coin["amount"]) for coin in scan["unspents"])

    assert amounts(tmp_path / "bitcoin.jsonl") == amounts(fixture_path("demo/bitcoin.jsonl"))


def test_demo_live_finds_on_real_nodes_what_the_recording_holds(tmp_path: Path) -> None:
    documents = []
    for name, options in (("live", ["--live"]), ("recorded", [])):
        command = [sys.executable, "-m", "attest", "demo", "--out", str(tmp_path / name), "--json", *options]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        documents.append(json.loads(ran.stdout))
    live, recorded = documents
    assert live["coverage"] == recorded["coverage"]
    assert live["holdings"] == recorded["holdings"]
    assert [(step["number"], step["status"]) for step in live["steps"]] == [
        (step["number"], step["status"]) for step in recorded["steps"]
    ]
