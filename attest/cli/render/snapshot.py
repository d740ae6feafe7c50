"""A liability snapshot as commands print it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attest.amounts import format_amount
from attest.cli.render.tables import new_table, render
from attest.liabilities.snapshot.format import Manifest


def snapshot_text(manifest: Manifest, decimals: Mapping[str, int] | None) -> str:
    """What a snapshot holds; amounts in base units where the decimals are not known."""
    owed = ">owed, in base units" if decimals is None else ">owed"
    table = new_table("asset", ">ledger rows", ">accounts", ">leaves", owed, ">negative", "~root")
    for tree, totals in zip(manifest.trees, manifest.totals, strict=True):
        places = 0 if decimals is None else decimals[tree.asset]
        table.add_row(
            tree.asset,
            f"{totals.rows:,}",
            f"{totals.positive:,}",
            f"{tree.size:,}",
            format_amount(tree.total, places),
            f"{totals.negative:,}",
            tree.root.hex(),
        )
    read = []
    for source in manifest.inputs:
        digest = "" if source.sha256 is None else f"  SHA-256 {source.sha256.hex()}"
        when = "" if source.snapshot_time is None else f"  as of {source.snapshot_time}"
        read.append(f"read from {source.name}{digest}{when}")
    return "\n".join([render(table), "", *read])


def snapshot_document(manifest: Manifest) -> dict[str, Any]:
    """The manifest of a snapshot as JSON: trees, totals and inputs, amounts as strings of base units."""
    value = manifest.to_value()
    return {name: value[name] for name in ("inputs", "totals", "trees")}
