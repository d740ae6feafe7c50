"""Coverage of what customers are owed, and how much of it was checked, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attest.amounts import format_amount, ratio_percent
from attest.attestation.coverage import Coverage, HeldLevel
from attest.cli.render.tables import new_table, render
from attest.policy.explain import verdict_name
from attest.policy.inputs import Declaration
from attest.verification.evidence.lowest_counts import lowest_found
from attest.verification.unchecked import REASONS, Rest
from attest.verification.verified import Verified


def coverage_table(verified: Verified) -> str:
    """Per asset: owed, held, coverage rounded down, and the level of evidence of what is held.

    Where a chain has a window, coverage is that of the lowest counts, which then have a table of their own.
    """
    lowest = (">lowest in the window",) if any(item.fewer for item in verified.coverage) else ()
    table = new_table("asset", ">owed to customers", ">held for them", *lowest, ">coverage", "~evidence", "verdict")
    for item in verified.coverage:
        table.add_row(
            item.asset,
            format_amount(item.owed, item.decimals),
            format_amount(item.held_total, item.decimals),
            *(format_amount(item.counted, item.decimals) if item.fewer else "" for _ in lowest),
            ratio_percent(item.counted, item.owed) or "nothing owed",
            ", ".join(_level(verified, item, level) for level in item.held) or "none",
            coverage_verdict(verified, item),
        )
    under = [*_denied_lines(verified), *unchecked_lines(verified)]
    return "\n\n".join(["\n".join([render(table), *under]), *(windows_text(verified) for _ in lowest)])


def _denied_lines(verified: Verified) -> Iterator[str]:
    for item in verified.coverage:
        if item.denied:
            yield (
                f"{item.asset}: by the statement, {format_amount(item.denied, item.decimals)} of what is held "
                "cannot move, since the token denies its holders transfers"
            )


def coverage_verdict(verified: Verified, item: Coverage) -> str:
    """Whether what counts reaches what is owed, and whether all that counts was checked."""
    return verdict_name("MET" if item.met else "NOT_MET", checked=not verified.unchecked.of_coverage(item.asset))


def unchecked_lines(verified: Verified) -> Iterator[str]:
    """How much of what is held was not checked, and how to check it: a line for each chain that takes a dump."""
    decimals = {item.asset: item.decimals for item in verified.coverage}
    total = {item.asset: item.held_total for item in verified.coverage}
    lines = [line for line in verified.unchecked.lines if line.purpose == "customer"]

    def said(amounts: Mapping[str, int]) -> str:
        return ", ".join(
            f"{format_amount(amount, decimals[asset])} of {format_amount(total[asset], decimals[asset])} {asset}"
            for asset, amount in sorted(amounts.items())
        )

    for pin in verified.statement.predicate.chains:
        waiting: dict[str, int] = {}
        for line in lines:
            if (line.chain, line.why) == (pin.chain, "dump"):
                waiting[line.asset] = waiting.get(line.asset, 0) + line.amount
        if waiting:
            yield (
                f"Not checked, {said(waiting)}: this takes a dump of all unspent outputs at block {pin.height} of "
                f"a node of yours (dumptxoutset), and attest evidence check FOLDER --utxo-set {pin.chain}=FILE"
            )
    hidden: dict[str, int] = {}
    for line in lines:
        if line.why == "unavailable":
            hidden[line.asset] = hidden.get(line.asset, 0) + line.amount
    if hidden:
        yield (
            f"Not checked, {said(hidden)}: not all of the evidence is beside the bundle, and no record here shows it; "
            "who has all records, as an auditor, can tell whether one does."
        )


def rest_text(rest: Rest, decimals: Mapping[str, int]) -> str:
    """What a verdict rests on that was not checked, in words that follow "not checked"."""
    parts = [
        f"{format_amount(amount, decimals[asset])} {asset} ({REASONS[why]})" for asset, why, amount in rest.amounts
    ]
    if rest.documents:
        parts.append(f"{rest.documents} documents and declarations ({REASONS['unavailable']})")
    if rest.lowest:
        parts.append(f"the lowest count of {', '.join(rest.lowest)} around the pins")
    return ", ".join(parts)


def rest_document(rest: Rest) -> dict[str, Any]:
    """What a verdict rests on that was not checked, for programs: amounts in base units."""
    return {
        "amounts": [{"asset": asset, "why": why, "amount": str(amount)} for asset, why, amount in rest.amounts],
        "documents": rest.documents,
        "lowest": list(rest.lowest),
    }


def held_table(verified: Verified) -> str:
    """What only custodians and banks say that they hold: it counts in no coverage and for no rule."""
    decimals = {item.asset: item.decimals for item in verified.statement.predicate.assets}
    table = new_table("asset", "~custodian", "purpose", "~chain", ">it says it holds", "~document")
    for line in verified.statement.predicate.held:
        there = line.evidence_leaf not in verified.unchecked.leaves
        table.add_row(
            line.asset,
            line.custodian,
            line.purpose,
            line.chain or "",
            format_amount(line.amount, decimals[line.asset]),
            "named by digest" if there else "not available here",
        )
    return f"By the word of custodians alone, and counted nowhere:\n\n{render(table)}"


def held_document(verified: Verified) -> list[dict[str, Any]]:
    """What only custodians and banks say, for programs; `available` is whether the record of its document is."""
    return [
        {**line.to_value(), "available": line.evidence_leaf not in verified.unchecked.leaves}
        for line in verified.statement.predicate.held
    ]


def windows_text(verified: Verified) -> str:
    """A line for each lowest count: where it was found, or that it was not recomputed."""
    decimals = {item.asset: item.decimals for item in verified.statement.predicate.assets}
    lines = []
    for item in _windows(verified):
        found = lowest_found(item, verified.rechecked)
        asset = str(item.unit)
        where = (
            "not recomputed: not all its wallets and descriptors are available"
            if found is None
            else f"at block {found.height} ({', '.join(found.levels)})"
        )
        lines.append(
            f"lowest in the window: {format_amount(item.amount or 0, decimals[asset])} {asset} on {item.name}, {where}"
        )
    return "\n".join(lines)


def windows_document(verified: Verified) -> list[dict[str, Any]]:
    """The lowest counts for programs, in base units; `height` is null where one was not recomputed.

    How the blocks were drawn is there when the record of it is available.
    """
    document = []
    for item in _windows(verified):
        found = lowest_found(item, verified.rechecked)
        window = verified.rechecked.windows.get(item.name)
        document.append(
            {
                "chain": item.name,
                "asset": item.unit,
                "lowest": str(item.amount),
                "height": None if found is None else found.height,
                "levels": [] if found is None else list(found.levels),
                **(
                    {}
                    if window is None
                    else {
                        "nonce": window.nonce.hex(),
                        "before": window.before,
                        "after": window.after,
                        "blocks": [block.to_value() for block in window.blocks],
                    }
                ),
            }
        )
    return document


def _windows(verified: Verified) -> list[Declaration]:
    return [item for item in verified.statement.predicate.declarations if item.kind == "window"]


def coverage_document(verified: Verified) -> list[dict[str, Any]]:
    """Coverage for programs: amounts in base units; `rechecked` lists the levels recomputed from evidence.

    `counted` is what coverage is judged by where a chain has a window; `denied` what of `held` cannot move,
    since its token denies the holders transfers; `checked` is whether step 11 checked all of it.
    """
    return [
        {
            "asset": item.asset,
            "decimals": item.decimals,
            "owed": str(item.owed),
            "held": {level: str(amount) for level, amount in item.held.items()},
            "rechecked": [level for level in item.held if verified.is_rechecked(item, level)],
            **({"counted": str(item.counted)} if item.fewer else {}),
            **({"denied": str(item.denied)} if item.denied else {}),
            "coverage": ratio_percent(item.counted, item.owed),
            "met": item.met,
            "checked": not (rest := verified.unchecked.of_coverage(item.asset)),
            **({"unchecked": rest_document(rest)} if rest else {}),
        }
        for item in verified.coverage
    ]


def _level(verified: Verified, item: Coverage, level: HeldLevel) -> str:
    share = ratio_percent(item.held[level], item.held_total)
    text = level if len(item.held) == 1 or share is None else f"{level} {share}"
    return text if level == "declared" or verified.is_rechecked(item, level) else f"{text}, not checked"
