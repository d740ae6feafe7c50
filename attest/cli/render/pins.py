"""The pinned blocks as commands print them."""

from __future__ import annotations

from typing import Any

from attest.cli.render.tables import new_table, render
from attest.documents import format_time
from attest.verification.verified import Verified


def pins_table(verified: Verified) -> str:
    """The blocks that every balance was read at, how many nodes agreed, and what was counted there.

    That is the asset as which the chain's own coin counts, and where the balances of tokens were found.
    """
    table = new_table("~chain", ">height", "~block", "time", ">nodes", "coin", "~tokens")
    for pin in verified.statement.predicate.chains:
        tokens = (
            f"{asset} {source}"
            for (asset, chain), sources in sorted(verified.rechecked.tokens.items())
            if chain == pin.chain
            for source in sorted(sources, key=str)
        )
        table.add_row(
            pin.chain,
            str(pin.height),
            pin.block_hash.hex(),
            format_time(pin.time),
            str(verified.rechecked.nodes.get(pin.chain, "")),
            verified.rechecked.coins.get(pin.chain, ""),
            ", ".join(tokens),
        )
    return render(table)


def pins_document(verified: Verified) -> list[dict[str, Any]]:
    """The pinned blocks as JSON: one object a chain."""
    return [
        pin.to_value()
        | {
            "nodes": verified.rechecked.nodes.get(pin.chain),
            "coin": verified.rechecked.coins.get(pin.chain),
            "tokens": {
                asset: sorted(map(str, sources))
                for (asset, chain), sources in verified.rechecked.tokens.items()
                if chain == pin.chain
            },
        }
        for pin in verified.statement.predicate.chains
    ]
