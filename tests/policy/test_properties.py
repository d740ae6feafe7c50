"""What holds of every rule, whatever the figures: more reserve never hurts, more debt never helps, order is nothing."""

from __future__ import annotations

import random
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from attest.policy.evaluate import evaluate
from attest.policy.inputs import Inputs
from attest.policy.results import Evaluation, policy_results
from attest.policy.rulesets import load_ruleset, ruleset_names
from tests.examples import examples
from tests.world.figures import ASSETS, inputs

POLICIES: Final = [load_ruleset(name) for name in ruleset_names()]
# A gap counts in both directions: to hold more than is owed is one too.
ONE_SIDED: Final = {"reconciliation-gap"}

FEW: Final = examples(40)  # each example evaluates every rule set several times


def verdicts(given_inputs: Inputs) -> dict[tuple[str, str], str]:
    return {
        (policy.id, result.rule.id): result.verdict
        for policy in POLICIES
        for result in evaluate(policy, given_inputs).results
        if result.rule.kind not in ONE_SIDED
    }


def no_worse(better: Inputs, worse: Inputs, rules: set[str] | None = None) -> None:
    """No rule that `worse` meets is not met by `better`."""
    before, after = verdicts(worse), verdicts(better)
    for key, verdict in before.items():
        if rules is None or key[1] in rules:
            assert (key, verdict, after[key]) != (key, "MET", "NOT_MET")


def grown(base: Inputs, purpose: str, storage: str, by: int) -> Inputs:
    more = tuple(
        item.model_copy(update={"amount": item.amount + by * 7})
        if (item.purpose, item.storage) == (purpose, storage)
        else item
        for item in base.coins
    )
    return base.model_copy(update={"coins": more})


@FEW
@given(inputs(), st.integers(1, 500))
def test_more_reserve_never_makes_a_met_rule_not_met(base: Inputs, by: int) -> None:
    no_worse(grown(base, "compensation", "cold", by), base)
    # Customers' coins are what some covers are reckoned by, so more of them asks for more cover.
    reserve = {"jp.cover", "jp.hot", "jp.trust", "hk.cold", "kr.same", "kr.cold", "ae.reserve", "eu.segregation"}
    no_worse(grown(base, "customer", "cold", by), base, reserve)
    no_worse(grown(base, "guarantee", "cold", by), base, {"jp.match", "jp.cover", "jp.hot"})
    more = tuple(item.model_copy(update={"amount": item.amount + by * 10**7}) for item in base.deposits)
    no_worse(base.model_copy(update={"deposits": more}), base)
    wider = tuple(item.model_copy(update={"limit": item.limit + by * 10**7}) for item in base.cover)
    no_worse(base.model_copy(update={"cover": wider}), base)


@FEW
@given(inputs(), st.sampled_from((*ASSETS, "JPY")), st.integers(1, 500))
def test_more_liabilities_never_make_a_rule_met(base: Inputs, asset: str, by: int) -> None:
    more = base.model_copy(update={"owed": {**base.owed, asset: base.owed[asset] + by}})
    no_worse(base, more)


@FEW
@given(inputs(), st.data())
def test_splitting_a_wallet_changes_nothing(base: Inputs, data: Any) -> None:
    index = data.draw(st.integers(0, len(base.coins) - 1))
    wallet = base.coins[index]
    part = data.draw(st.integers(0, wallet.amount))
    split = [wallet.model_copy(update={"amount": amount}) for amount in (part, wallet.amount - part)]
    parts = base.model_copy(update={"coins": (*base.coins[:index], *split, *base.coins[index + 1 :])})
    assert wire(parts) == wire(base)


@FEW
@given(inputs(), st.randoms(use_true_random=False))
def test_the_order_of_inputs_changes_nothing(base: Inputs, shuffle: random.Random) -> None:
    changed: dict[str, Any] = {}
    for name in ("coins", "deposits", "cover", "declarations", "prices"):
        items = list(getattr(base, name))
        shuffle.shuffle(items)
        changed[name] = tuple(items)
    for name in ("owed", "decimals"):
        pairs = list(getattr(base, name).items())
        shuffle.shuffle(pairs)
        changed[name] = dict(pairs)
    assert wire(base.model_copy(update=changed)) == wire(base)


@FEW
@given(inputs(), st.integers(1, 10**30))
def test_a_surplus_in_one_asset_never_helps_another(base: Inputs, by: int) -> None:
    richer = base.model_copy(
        update={
            "coins": tuple(
                item.model_copy(update={"amount": item.amount + by})
                if item.asset == "A" and (item.purpose, item.storage) in {("customer", "cold"), ("guarantee", "cold")}
                else item
                for item in base.coins
            )
        }
    )
    for before, after in zip(evaluations(base), evaluations(richer), strict=True):
        for one, other in zip(before.results, after.results, strict=True):
            if one.per_asset:
                assert [line for line in one.lines if line.subject != "A"] == [
                    line for line in other.lines if line.subject != "A"
                ]


def evaluations(base: Inputs) -> list[Evaluation]:
    return [evaluate(policy, base) for policy in POLICIES]


def wire(base: Inputs) -> list[bytes]:
    return [policy_results(evaluation).to_bytes() for evaluation in evaluations(base)]
