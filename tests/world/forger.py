"""Whoever holds the exchange's keys, and publishes what is not so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from attest.canonical import dumps
from attest.evidence.tree import EvidenceTree
from attest.liabilities.tree import EMPTY_ROOT
from attest.merkle import tagged_hash
from attest.verification.anchors import Sources
from attest.verification.verified import Verified
from tests.conftest import Exchange

EVIDENCE, AUDITOR = "evidence-public.jsonl", "evidence.jsonl"


def leaf_of(record: Any) -> str:
    return tagged_hash("attest/v1/evidence", dumps(record)).hex()


class Forger:
    """The exchange itself, which rewrites its evidence, rebuilds the tree and signs anew."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        lines = (exchange.outcome.private / "evidence.jsonl").read_bytes().splitlines()
        self.records = [json.loads(line) for line in lines]
        self._leaves = {id(record): leaf_of(record) for record in self.records}

    def reading(self, wallet: str, asset: str) -> Any:
        return next(r for r in self.records if r.get("wallet") == wallet and r.get("asset") == asset)

    def of_type(self, kind: str) -> Any:
        return next(record for record in self.records if record["type"] == kind)

    def publish(self, change: Callable[[Any], object] = lambda _: None, tamper: Any = None) -> tuple[int, str]:
        """The step that fails after `change` to the statement and `tamper` to the published lines."""
        bundle, files = self._signed(change, tamper)
        return self.exchange.failing_step(bundle, sources=Sources(files.get))

    def audit(self, change: Callable[[Any], object] = lambda _: None) -> tuple[int, str]:
        """The step that fails for who has all records."""
        bundle, files = self._signed(change, None)
        files[AUDITOR] = b"".join(dumps(record) + b"\n" for record in self.records)
        return self.exchange.failing_step(bundle, sources=Sources(files.get))

    def verified(self, change: Callable[[Any], object] = lambda _: None, withheld: Sequence[Any] = ()) -> Verified:
        """What is verified after `change` to the statement, when the records `withheld` are not published."""

        def withhold(lines: list[Any]) -> None:
            lines[:] = [line for line in lines if not any(line["record"] is record for record in withheld)]

        bundle, files = self._signed(change, withhold)
        return self.exchange.verify(bundle, sources=Sources(files.get))

    def _signed(self, change: Callable[[Any], object], tamper: Any) -> tuple[bytes, dict[str, bytes]]:
        data = [dumps(record) for record in self.records]
        tree = EvidenceTree.build([tagged_hash("attest/v1/evidence", record) for record in data])
        lines = [
            {"index": i, "path": [node.hex() for node in tree.path(i)], "record": record}
            for i, record in enumerate(self.records)
            if record["type"] != "bitcoin-descriptor"
        ]
        if tamper is not None:
            tamper(lines)
        public = b"".join(dumps(line) + b"\n" for line in lines)
        leaves = {self._leaves[id(item)]: leaf_of(item) for item in self.records if id(item) in self._leaves}

        def rewrite(value: Any) -> None:
            value["subject"][0]["digest"]["sha256"] = sha256(public).hexdigest()
            value["predicate"]["evidence"] = {"count": len(data), "root": tree.root.hex()}
            for field in ("money", "cover", "declarations"):
                for item in value["predicate"][field]:
                    item["evidenceLeaf"] = leaves.get(item["evidenceLeaf"], item["evidenceLeaf"])
            change(value["predicate"])

        return self.exchange.resigned(rewrite), {EVIDENCE: public}


def line_of(predicate: Any, asset: str, storage: str, purpose: str = "customer") -> Any:
    return next(
        line
        for line in predicate["reserves"]
        if (line["asset"], line["storage"], line["purpose"]) == (asset, storage, purpose)
    )


def fitting_figures(predicate: Any) -> None:
    """Let the largest wallet of each asset be all that customers have of it, so that lines may say something else."""
    totals: dict[str, int] = {}
    for line in predicate["reserves"]:
        if line["purpose"] == "customer":
            totals[line["asset"]] = totals.get(line["asset"], 0) + int(line["amount"])
    largest = {item["unit"]: item for item in predicate["declarations"] if item["kind"] == "largest-wallet"}
    said = [item for item in predicate["declarations"] if item["kind"] != "largest-wallet"]
    for asset, total in totals.items():
        known = largest.get(asset, {"name": "any", "evidenceLeaf": sha256(asset.encode()).hexdigest()})
        if total:
            said.append({**known, "kind": "largest-wallet", "unit": asset, "amount": str(total)})
    order = ("kind", "name", "unit", "since", "until")
    predicate["declarations"] = sorted(said, key=lambda item: [item.get(key, "") for key in order])


def tree_of_nothing(asset: str) -> dict[str, Any]:
    """The tree of an asset of which nobody is owed anything."""
    return {
        "asset": asset,
        "size": 0,
        "root": EMPTY_ROOT.hex(),
        "total": "0",
        "negativeAccounts": 0,
        "negativeTotal": "0",
    }
