"""What a verification found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attest.amounts import format_amount
from attest.cli.render.control import control_document, control_table
from attest.cli.render.coverage import coverage_document, coverage_table, held_document, held_table, windows_document
from attest.cli.render.policy import evaluation_document, evaluations_text
from attest.cli.render.tables import new_table, render
from attest.documents import format_time
from attest.liabilities.snapshot.format import Manifest
from attest.signing.keys import PublicKey
from attest.verification.segregation import WalletRow
from attest.verification.steps import TITLES, Step
from attest.verification.verified import Verified

MAX_SHOWN: Final = 10
_CONTROLS: Final = {
    "none": "nothing",
    "custodian": "a custodian's confirmation",
    "signature": "signatures of its keys",
    "empty": "nothing, and it is empty",
    "own": "nothing: the exchange's own, not counted",
}


def segregation_table(verified: Verified) -> str:
    """Whether the customers' coins are kept apart and cold, with the records behind each verdict."""
    table = new_table("asset", "~segregation", "verdict", "~detail", "~records")
    for check in verified.checks:
        table.add_row(check.asset, check.what, check.verdict, check.detail, spans(check.records))
    return render(table)


def segregation_document(verified: Verified) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "check": check.what,
            **({"asset": check.asset} if check.asset else {}),
            "verdict": check.verdict,
            "detail": check.detail,
            "records": list(check.records),
        }
        for check in verified.checks
    ]


def wallets_table(verified: Verified) -> str:
    """What shows control of the customers', guarantee and compensation wallets: how many of each, and which."""
    rows: dict[str, list[WalletRow]] = {}
    for row in verified.wallets:
        rows.setdefault(row.control, []).append(row)
    table = new_table("~control shown by", ">wallets", "~of them")
    for control, label in _CONTROLS.items():
        if found := rows.get(control):
            drawn = (
                control in {"signature", "custodian"}
                and verified.controlled is not None
                and verified.controlled.sample is not None
            )
            unknown = control == "custodian" and verified.controlled is not None and verified.controlled.strangers
            names = ", ".join(row.wallet for row in found[:MAX_SHOWN])
            more = f" and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
            said = f"{label}{', of some by sample' if drawn else ''}{', not checked' if unknown else ''}"
            table.add_row(said, f"{len(found):,}", names + more)
    hidden = sum(line.wallets for line in verified.statement.predicate.reserves) - sum(
        len(row.records) for row in verified.wallets if row.control != "own"
    )
    if hidden:
        table.add_row("not available here", f"{hidden:,} balances", "no record here shows them")
    return render(table)


def wallets_document(verified: Verified) -> list[dict[str, Any]]:
    """The same for programs: one row a wallet."""
    return [{**row._asdict(), "records": list(row.records)} for row in verified.wallets]


def spans(numbers: Sequence[int]) -> str:
    """Ascending numbers, runs of them joined: `3-7, 9`; at most some ten runs."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:MAX_SHOWN]]
    return ", ".join([*shown, "…"] if len(runs) > MAX_SHOWN else shown)


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
    """The same for programs."""
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


def rules_text(verified: Verified) -> str:
    """A line for each policy: how many of its rules are met."""
    sentences = verified.step("policy").sentences if verified.evaluations else ()
    return "".join(f"rules      {sentence}\n" for sentence in sentences)


def not_met_text(verified: Verified) -> str:
    """A line for each step that is not met; nothing when there is none."""
    return "".join(f"NOT MET  {step.title}: {step.detail}\n" for step in verified.steps if step.status == "NOT MET")


def step_document(step: Step) -> dict[str, Any]:
    """One numbered step."""
    return {"number": step.number, "title": step.title, "status": step.status, "detail": step.detail}


def verified_document(verified: Verified) -> dict[str, Any]:
    """All that a verification found; `subject` and `predicate` stand as they were signed."""
    predicate = verified.statement.predicate
    document: dict[str, Any] = {
        "statement": verified.digest.hex(),
        "entity": predicate.entity.to_value(),
        "period": predicate.period,
        "signatories": signatories_document(verified),
        "steps": [step_document(step) for step in verified.steps],
        "chains": pins_document(verified),
        "coverage": coverage_document(verified),
        "windows": windows_document(verified),
        "held": held_document(verified),
        "segregation": segregation_document(verified),
        "control": control_document(verified),
        "unknownCustodians": [] if verified.controlled is None else list(verified.controlled.strangers),
        "wallets": wallets_document(verified),
        "policies": [evaluation_document(item, verified.unchecked) for item in verified.evaluations],
        "subject": [item.to_value() for item in verified.statement.subject],
        "predicate": predicate.to_value(),
    }
    if verified.holdings:
        document["holdings"] = [{"asset": asset, "amount": str(amount)} for asset, amount in verified.holdings]
    return document


def signatories_text(verified: Verified, key: PublicKey | None) -> str:
    """Who signed, by whose word that counts, and what auditors reported: a line each."""
    found = verified.signatories
    if key is not None:
        return f"  signed by the key {key.fingerprint}"
    if found.root is None or verified.trust is None:
        raise ValueError("without a key it was a trust root that said whose signatures count")
    pinned = verified.trust.roots[0]
    lines = [f"trust root {pinned.version}, pinned: {pinned.fingerprint}"]
    for role, counted in found.counted.items():
        names = ", ".join(sorted(found.root.name_of(fingerprint) for fingerprint in counted))
        lines.append(f"signed by the {role}: {names}")
    for report in found.reports:
        predicate = report.report.predicate
        lines.append(
            f"{predicate.auditor} reports by {predicate.standard}: {len(predicate.procedures)} findings, "
            f"{report.exceptions} of them exceptions (attest inspect shows them)"
        )
    return "\n".join(f"  {line}" for line in lines)


def signatories_document(verified: Verified) -> dict[str, Any]:
    """The same for programs; without a trust root there is none."""
    found = verified.signatories
    document: dict[str, Any] = {
        "timestamps": {fingerprint: format_time(time) for fingerprint, time in sorted(found.times.items())}
    }
    if found.root is not None and verified.trust is not None:
        document["trustRoots"] = [
            {"version": root.version, "fingerprint": root.fingerprint} for root in verified.trust.roots
        ]
        document["inForce"] = found.root.version
        document["thresholds"] = {role: holders.threshold for role, holders in found.root.roles.items()}
        document["signed"] = {role: sorted(counted) for role, counted in found.counted.items()}
        document["auditorReports"] = [report.report.predicate.to_value() for report in found.reports]
    return document


def verified_text(verified: Verified, key: PublicKey | None) -> str:
    """The verdict, what it rests on, and what it does not.

    `key` is the one that was trusted without a root.
    """
    predicate = verified.statement.predicate
    left = sum(step.status == "NOT CHECKED" for step in verified.steps)
    verdict = f"VERIFIED, {left} of {len(TITLES)} steps NOT CHECKED" if left else "VERIFIED"
    if verified.adverse:
        verdict += ", but NOT MET (see below)"
    parts = [
        f"{verdict}: {predicate.entity.name} ({predicate.entity.origin}) for {predicate.period}",
        (
            f"  balances at {format_time(predicate.snapshot_at)}, statement {verified.digest.hex()}\n"
            f"{signatories_text(verified, key)}"
        ),
        steps_table(verified.steps),
        f"{pins_table(verified)}\n{_who_asked(verified)}",
        coverage_table(verified),
        *([held_table(verified)] if predicate.held else []),
        segregation_table(verified),
        wallets_table(verified),
        *([] if verified.controlled is None else [f"Of the customers' coins on chains:\n\n{control_table(verified)}"]),
        *([evaluations_text(verified.evaluations, verified.unchecked)] if verified.evaluations else []),
    ]
    if verified.holdings:
        decimals = {asset.asset: asset.decimals for asset in predicate.assets}
        table = new_table("asset", ">owed to you, and in the total above")
        for asset, amount in verified.holdings:
            table.add_row(asset, format_amount(amount, decimals[asset]))
        parts.append(render(table))
    return "\n\n".join(parts)


def _who_asked(verified: Verified) -> str:
    chains = [pin.chain for pin in verified.statement.predicate.chains]
    left = [chain for chain in chains if chain not in verified.answered]
    if verified.answered and not left:
        return "Your nodes have these blocks on their chains."
    one = f"the block of {' and that of '.join(left)} is on its chain"
    blocks = "these blocks are on their chains" if left == chains else one
    return f"Nobody checked here that {blocks}: ask another source, or a node (--node)."


def failed_text(steps: Sequence[Step]) -> str:
    """The steps up to the last that was run, whose verdict is that of all; those after it were not run."""
    verdict = steps[-1].status
    why = "an earlier step failed" if verdict == "FAILED" else "an earlier step was not checked"
    rest = [Step(name, "NOT CHECKED", (why,)) for name in [*TITLES][len(steps) :]]
    return f"{verdict}\n\n{steps_table([*steps, *rest])}\n"


def steps_table(steps: Iterable[Step]) -> str:
    """One row a step."""
    table = new_table(">step", "verdict", "~what", "~detail")
    for step in steps:
        table.add_row(str(step.number), step.status, step.title, step.detail)
    return render(table)


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
    """The same for programs."""
    value = manifest.to_value()
    return {name: value[name] for name in ("inputs", "totals", "trees")}
