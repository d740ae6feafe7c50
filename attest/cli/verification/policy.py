"""`attest policy`: what the law asks to be held in reserve, and whether it is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.result import Result, json_option
from attest.errors import EXIT_ADVERSE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attest.policy.model import Policy
    from attest.policy.results import Evaluation
    from attest.verification.figures import Figures
    from attest.verification.unchecked import Unchecked

_INPUTS = click.option(
    "--inputs",
    "inputs_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A bundle or statement.json, whose signatures are for attest verify, or figures of one's own as JSON.",
)


_SIGNATURES = "Not checked: the signatures of the statement, which attest verify checks."


@click.group()
def policy() -> None:
    """Show reserve rules, evaluate them over a statement's figures, and explain each verdict.

    A POLICY is the name of a rule set that comes with attest, or a file such as ./own.toml.
    """


@policy.command("list")
@json_option
def list_policies(*, as_json: bool) -> Result:  # noqa: ARG001
    """List the rule sets that come with attest."""
    from attest.cli.render.policy import policies_document, policies_table
    from attest.policy.rulesets import load_ruleset, ruleset_names

    policies = [load_ruleset(name) for name in ruleset_names()]
    return Result(
        {"command": "policy list", "status": "done", "policies": policies_document(policies)},
        policies_table(policies),
    )


@policy.command()
@click.argument("name", metavar="POLICY")
@click.option("--toml", is_flag=True, help="Print the rule set's file, to start one's own from.")
@json_option
def show(name: str, *, toml: bool, as_json: bool) -> Result:  # noqa: ARG001
    """Show the rules of a POLICY: what each asks for, where it is written, and whether it is law."""
    from attest.cli.render.policy import policy_text

    chosen = _read(name)
    document = {
        "command": "policy show",
        "status": "done",
        "sha256": chosen.sha256.hex(),
        "policy": chosen.to_value(),
    }
    return Result(document, _source(name).decode().rstrip("\n") if toml else policy_text(chosen))


@policy.command()
@click.argument("names", nargs=-1, required=True, metavar="POLICY…")
@_INPUTS
@json_option
def evaluate(names: tuple[str, ...], *, inputs_file: Path, as_json: bool) -> Result:  # noqa: ARG001
    """Evaluate each POLICY over the same figures. Exits 5 when a rule is not met."""
    from attest.policy.evaluate import evaluate as evaluate_policy

    figures = _figures(inputs_file)
    return evaluated([evaluate_policy(chosen, figures.inputs) for chosen in map(_read, names)], figures.unchecked)


@policy.command()
@click.argument("name", metavar="POLICY")
@click.argument("rule")
@_INPUTS
@json_option
def explain(name: str, rule: str, *, inputs_file: Path, as_json: bool) -> Result:  # noqa: ARG001
    """Say in sentences how the verdict on one RULE of a POLICY came about."""
    from attest.policy.evaluate import evaluate as evaluate_policy

    figures = _figures(inputs_file)
    return explained(evaluate_policy(_read(name), figures.inputs), rule, figures.unchecked)


def evaluated(evaluations: Sequence[Evaluation], unchecked: Unchecked | None = None) -> Result:
    """The verdicts of policies side by side; `unchecked` is what no record shows of a statement's figures."""
    from attest.cli.render.policy import evaluation_document, evaluations_text

    not_met = any(item.not_met for item in evaluations)
    return Result(
        {
            "command": "policy evaluate",
            "status": "adverse" if not_met else "done",
            "policies": [evaluation_document(item, unchecked) for item in evaluations],
        },
        evaluations_text(evaluations, unchecked) + ("" if unchecked is None else f"\n\n{_SIGNATURES}"),
        EXIT_ADVERSE if not_met else 0,
    )


def explained(evaluation: Evaluation, rule: str, unchecked: Unchecked | None = None) -> Result:
    """One verdict in sentences; `unchecked` is what no record shows of a statement's figures."""
    from attest.cli.render.coverage import rest_text
    from attest.cli.render.policy import result_document
    from attest.policy.explain import explain as explain_rule

    result = evaluation.result(rule)
    rest = None if unchecked is None or result is None else unchecked.of_verdict(result.sources)
    text = explain_rule(evaluation, rule, rest_text(rest, evaluation.decimals) if rest else "")
    return Result(
        {
            "command": "policy explain",
            "status": "done",
            "policy": evaluation.policy.id,
            "explanation": text.splitlines(),
            **(result_document(result, unchecked) if result is not None else {}),
        },
        text,
    )


def _read(name: str) -> Policy:
    from attest.policy.rulesets import parse_policy

    return parse_policy(_source(name), Path(name).name if _is_file(name) else f"{name}.toml")


def _source(name: str) -> bytes:
    from attest.files import read_bounded
    from attest.policy.rulesets import MAX_POLICY_BYTES, ruleset_source

    return read_bounded(Path(name), MAX_POLICY_BYTES) if _is_file(name) else ruleset_source(name)


def _is_file(name: str) -> bool:
    """A rule set is named without dot or slash, so that no file beside one is taken for it."""
    return name.endswith(".toml") or "/" in name or "\\" in name


def _figures(path: Path) -> Figures:
    from attest.verification.figures import read_figures

    return read_figures(path)
