"""What a verification found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attest.amounts import format_amount
from attest.cli.render.control import control_document, control_table
from attest.cli.render.coverage import coverage_document, coverage_table, held_document, held_table, windows_document
from attest.cli.render.pins import pins_document, pins_table
from attest.cli.render.policy import evaluation_document, evaluations_text
from attest.cli.render.segregation import segregation_document, segregation_table, wallets_document, wallets_table
from attest.cli.render.signatories import signatories_document, signatories_text
from attest.cli.render.tables import new_table, render
from attest.documents import format_time
from attest.signing.keys import PublicKey
from attest.verification.steps import TITLES, Step
from attest.verification.verified import Verified


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
