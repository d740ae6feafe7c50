"""The policies of a month: what they are evaluated over, and their verdicts recomputed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from attest.attestation.coverage import coverage
from attest.attestation.document_records import CoverDocument, DeclaredBalance, MoneyDocument, PriceList
from attest.attestation.statement import Predicate
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import Record
from attest.lines import Content, bounded
from attest.policy.evaluate import evaluate
from attest.policy.inputs import Coins, Cover, Deposit, Inputs, Price, check_inputs
from attest.policy.results import Evaluation, PolicyResults, policy_results
from attest.policy.rulesets import MAX_POLICY_BYTES, load_ruleset, parse_policy, ruleset_names


class Recomputed(NamedTuple):
    """The policies of a statement whose verdicts were recomputed, and those whose files are not available.

    `shipped` are the ids of those that are rule sets of this release, whoever published them.
    """

    evaluations: tuple[Evaluation, ...]
    shipped: tuple[str, ...]
    missing: tuple[str, ...]


def policy_file_name(policy_id: str) -> str:
    """The name of the file that holds a policy, beside the bundle."""
    return f"policy-{policy_id}.toml"


def inputs_of(predicate: Predicate) -> Inputs:
    """What a statement gives policies to be evaluated over. Raises `VerificationError` when something counts twice."""
    coins: dict[tuple[str, str, str], int] = {}
    for line in predicate.reserves:
        key = (line.asset, line.purpose, line.storage)
        coins[key] = coins.get(key, 0) + line.amount
    inputs = Inputs(
        snapshot_at=predicate.snapshot_at,
        decimals={item.asset: item.decimals for item in predicate.assets},
        owed={tree.asset: tree.total for tree in predicate.liabilities.trees},
        fewer={item.asset: sum(item.fewer.values()) for item in coverage(predicate) if item.fewer},
        coins=tuple(
            Coins(asset=asset, purpose=purpose, storage=storage, amount=amount)  # type: ignore[arg-type]
            for (asset, purpose, storage), amount in sorted(coins.items())
        ),
        deposits=tuple(
            Deposit(currency=line.currency, purpose=line.purpose, amount=line.amount, evidence_leaf=line.evidence_leaf)
            for line in predicate.money
        ),
        cover=predicate.cover,
        declarations=predicate.declarations,
        prices=predicate.prices,
    )
    try:
        check_inputs(inputs)
    except MalformedError as error:
        raise VerificationError(error.code, error.message) from None
    return inputs


def recompute(predicate: Predicate, files: Callable[[str], Content | None]) -> Recomputed:
    """Evaluate the policies of a statement again, over the statement alone (verification step 14).

    A policy is a rule set of this release when its SHA-256 is that of one; else its file is taken from `files`, those
    beside the bundle. Raises `VerificationError` when a verdict or figure is another, or a file is not the policy.
    """
    inputs = inputs_of(predicate)
    names = ruleset_names()
    evaluations: list[Evaluation] = []
    shipped, missing = [], []
    for stated in predicate.policies:
        policy = load_ruleset(stated.id) if stated.id in names else None
        if policy is not None and policy.sha256 == stated.sha256:
            shipped.append(policy.id)
        elif (content := files(policy_file_name(stated.id))) is not None:
            name = policy_file_name(stated.id)
            policy = parse_policy(bounded(content, name, MAX_POLICY_BYTES), name)
            if policy.sha256 != stated.sha256:
                raise VerificationError(
                    "policy/other", f"{policy_file_name(stated.id)} is not the policy that was signed for"
                )
        else:
            missing.append(stated.id)
            continue
        evaluation = evaluate(policy, inputs)
        _compare(policy_results(evaluation), stated)
        evaluations.append(evaluation)
    return Recomputed(tuple(evaluations), tuple(shipped), tuple(missing))


def recheck_documents(
    records: Mapping[int, Record], cover: Sequence[Cover] | None, prices: Sequence[Price] | None
) -> frozenset[bytes]:
    """The evidence leaves of the lines of `cover` whose contract is disclosed, each of which says what its line says.

    None stands for lines that are not known. Raises `VerificationError` when a contract or list of prices says
    something else than the statement, or belongs to nothing in it, and when a document counts twice: a contract in two
    forms, or one that is money or held coins too.
    """
    lines = {line.evidence_leaf: (line.form, line.currency, line.limit) for line in cover or ()}
    found = set()
    lists = 0
    counted = {record.counts for record in records.values() if isinstance(record, MoneyDocument)}
    for record in records.values():
        if isinstance(record, DeclaredBalance | CoverDocument):
            if record.counts in counted:
                code = "recheck/held" if isinstance(record, DeclaredBalance) else "policy/cover"
                raise VerificationError(code, f"the document {record.document} is counted twice")
            counted.add(record.counts)
        if isinstance(record, CoverDocument) and cover is not None:
            if lines.get(record.leaf) != (record.form, record.currency, record.limit):
                raise VerificationError(
                    "policy/cover", f"the statement says something else than the contract {record.document}"
                )
            found.add(record.leaf)
        elif isinstance(record, PriceList):
            lists += 1
            if lists > 1:
                raise VerificationError("policy/prices", f"{record.document} is a second list of prices")
            if prices is not None and record.count != len(prices):
                raise VerificationError(
                    "policy/prices", f"{record.document} has {record.count} prices, not {len(prices)}"
                )
    return frozenset(found)


def _compare(found: PolicyResults, stated: PolicyResults) -> None:
    if found == stated:
        return
    if (found.version, found.authority_status) != (stated.version, stated.authority_status):
        raise VerificationError("policy/other", f"the policy {stated.id} has another version or standing than stated")
    for ours, theirs in zip(found.results, stated.results, strict=False):
        if ours != theirs:
            raise VerificationError(
                "policy/verdict",
                f"{stated.id}, rule {ours.rule}: the statement gives {_result(theirs)}, its figures {_result(ours)}",
            )
    raise VerificationError("policy/verdict", f"{stated.id}: the statement has other rules than the policy")


def _result(item: Any) -> str:
    figures = f", required {item.required}, available {item.available}" if item.required is not None else ""
    return f"{item.rule} {item.verdict}{figures}"
