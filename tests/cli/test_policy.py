"""`attest policy`, as a compliance officer uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attest.policy.rulesets import load_ruleset, ruleset_names, ruleset_source
from tests.policy.build import (
    coins,
    cover,
    declared,
    deposit,
    figures,
    financial,
    prices,
    volumes,
)


def write(folder: Path, *, compensation: str = "1200000000", hot: str = "5") -> Path:
    """A small exchange: 100 bitcoin and some yen, a reserve that insurance stands in for in part."""
    inputs = figures(
        owed={"BTC": "99", "JPY": "1000000"},
        held=[
            *coins("customer", "cold", BTC="95"),
            *coins("customer", "hot", BTC=hot),
            *coins("guarantee", "cold", BTC="5"),
        ],
        deposits=[deposit("JPY", "1000000"), deposit("JPY", compensation, "compensation")],
        covers=[cover("insurance", "JPY", "900000000", deductible=100_000_000)],
        said=[
            *volumes("JPY", "crypto-spot", "6000000000000", "5000000000000", "4000000000000"),
            *financial("JPY", net_assets="500000000"),
            *(declared("posture", name, until="2027-03-31T00:00:00Z") for name in POSTURE),
            declared("activity", "segregation-audit", since="2026-05-29T00:00:00Z"),
            declared("largest-wallet", "btc-cold", "BTC", "60"),
        ],
        at=prices("JPY", BTC="15000000"),
    )
    path = folder / "figures.json"
    path.write_bytes(inputs.to_bytes())
    return path


POSTURE = "quorum-keys independent-security-report no-unresolved-incident penetration-test threat-led-test".split()
POSTURE.append("withdrawal-whitelist-and-delay")


def test_rule_sets_are_listed_with_their_standing(attest: Any) -> None:
    ran = attest("policy", "list")
    assert (ran.code, [line.split()[0] for line in ran.out.splitlines()[2:]]) == (0, list(ruleset_names()))
    assert "NOT LAW" in ran.out
    document = attest("policy", "list", "--json").document
    assert document["policies"][4]["sha256"] == load_ruleset("jp-psa-in-force").sha256.hex()


def test_a_rule_set_is_shown_in_sentences_and_as_its_file(attest: Any, tmp_path: Path) -> None:
    ran = attest("policy", "show", "jp-psa-in-force")
    assert ran.code == 0
    assert "jp.networth: net-worth-floor (not law: a rule that the industry gave itself)" in ran.out
    assert (
        "Of the value of all coins, at the spot price, held for customers, at most 1/20 is in hot or other" in ran.out
    )
    toml = attest("policy", "show", "template", "--toml").out
    assert toml.encode() == ruleset_source("template")
    (tmp_path / "own.toml").write_text(toml)
    own = attest("policy", "show", tmp_path / "own.toml", "--json").document
    assert own["sha256"] == load_ruleset("template").sha256.hex()


@pytest.mark.parametrize("name", ruleset_names())
def test_every_rule_can_be_shown_and_explained(name: str, attest: Any, tmp_path: Path) -> None:
    assert attest("policy", "show", name).code == 0
    path = write(tmp_path)
    for rule in load_ruleset(name).rules:
        ran = attest("policy", "explain", name, rule.id, "--inputs", path)
        assert ran.code == 0
        assert rule.citation in ran.out


def test_policies_are_evaluated_side_by_side(attest: Any, tmp_path: Path) -> None:
    ran = attest("policy", "evaluate", "jp-psa-in-force", "jp-reserve-draft", "--inputs", write(tmp_path))
    assert (ran.code, ran.err) == (0, "")
    rows = {line.split()[0]: line for line in ran.out.splitlines() if line.startswith(("jp.", "jpx."))}
    assert rows["jp.hot"].split("  ")[-1].strip() == "MET"
    assert rows["jpx.reserve"].split()[-7:] == "MET not law: an example of attest".split()
    document = attest(
        "policy", "evaluate", "jp-psa-in-force", "jp-reserve-draft", "--inputs", write(tmp_path), "--json"
    ).document
    assert document["status"] == "done"
    in_force, draft = document["policies"]
    assert {item["verdict"] for item in in_force["results"]} == {"MET", "NOT_APPLICABLE"}
    assert draft["results"][1] == {
        "rule": "jpx.reserve",
        "verdict": "MET",
        "required": "2000000000",
        "available": "2000000000",
        "unit": "JPY",
    }


def test_rules_under_the_name_of_a_rule_set_are_not_taken_for_it(attest: Any, tmp_path: Path) -> None:
    own, inputs = tmp_path / "own.toml", write(tmp_path)
    told = "Not a rule set of this release of attest"
    for text, is_own in ((ruleset_source("jp-psa-in-force").decode(), False), (None, True)):
        own.write_text(text or own.read_text().replace('min_ratio = "1"', 'min_ratio = "1/2"'))
        ran = attest("policy", "evaluate", own, "--inputs", inputs)
        assert (ran.code, told in ran.out) == (0, is_own)
        (found,) = attest("policy", "evaluate", own, "--inputs", inputs, "--json").document["policies"]
        assert (found["id"], found["ruleSet"]) == ("jp-psa-in-force", not is_own)


def test_a_rule_that_is_not_met_is_adverse_with_its_shortfall(attest: Any, tmp_path: Path) -> None:
    path = write(tmp_path, compensation="1199999999")
    ran = attest("policy", "evaluate", "jp-psa-in-force", "jp-reserve-draft", "--inputs", path)
    assert ran.code == 5
    assert "1,999,999,999 JPY" in ran.out
    assert "1 JPY   NOT MET" in ran.out
    assert attest("policy", "evaluate", "jp-psa-in-force", "--inputs", path).code == 0
    # What is asked is why it is not met, and that is answered.
    assert attest("policy", "explain", "jp-reserve-draft", "jpx.reserve", "--inputs", path).code == 0
    hot = attest("policy", "evaluate", "jp-psa-in-force", "--inputs", write(tmp_path, hot="5.00000001"), "--json")
    assert (hot.code, hot.document["status"]) == (5, "adverse")


def test_an_explanation_has_every_figure_on_the_way(attest: Any, tmp_path: Path) -> None:
    out = attest("policy", "explain", "jp-reserve-draft", "jpx.reserve", "--inputs", write(tmp_path)).out
    for told in (
        "Verdict: MET, not law: an example of attest",
        "times the tier multiplier; then no less than 2,000,000,000 and no more than 40,000,000,000 JPY.",
        "insurance for at most 1/2 of the requirement, less deductible and use, if its insurer is authorised",
        "the ceiling of rule jpx.base: 480,000,000 JPY (rule jpx.base)",
        "points for quorum-keys: 20 points (declared, evidence ",
        "tier multiplier, 1 kept between 9/10 and 3/2 (tool_example): 1 (100.00 %)",
        "the floor, below which nothing brings it: 2,000,000,000 JPY (the rule)",
        "money set aside for compensation: 1,200,000,000 JPY",
        "limit 900,000,000 JPY, less deductible 100,000,000 JPY, less used 0 JPY: 800,000,000 JPY",
        "insurance, as far as it counts: 800,000,000 JPY",
        "to be met by other means than cover: 1,200,000,000 JPY",
        "The comparison (the requirement rounded up, what there is rounded down):",
        "required 2,000,000,000 JPY, there is 2,000,000,000 JPY: MET",
        "no points without evidence: cold-ratio-above-minimum, wallet-provider-notified",
    ):
        assert told in out, told
    base = attest("policy", "explain", "jp-reserve-draft", "jpx.base", "--inputs", write(tmp_path), "--json").document
    assert base["verdict"] == "NOT_APPLICABLE"
    hot = attest("policy", "explain", "jp-psa-in-force", "jp.hot", "--inputs", write(tmp_path)).out
    assert (
        "customers' coins in hot or other storage, 5.00000000 BTC at 15000000 JPY each: 75,000,000 JPY "
        "(spot price of 2026-10-31T15:00:00Z, an index)" in hot
    )
    assert "required 1/20" not in hot
    assert "allowed 1/20 (5.00 %), there is 1/20 (5.00 %): MET" in hot


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["show", "jp"], 3, "there is no rule set 'jp'"),
        (["show", "./nowhere.toml"], 4, "cannot read nowhere.toml"),
        (["evaluate", "jp-psa-in-force"], 2, "--inputs"),
        (["explain", "jp-psa-in-force", "jp.none", "--inputs", "{inputs}"], 3, "jp-psa-in-force has no rule 'jp.none'"),
        (["evaluate", "{own}", "--inputs", "{inputs}"], 3, "line 2: rule 0: kind: unknown 'magic'"),
        (["evaluate", "jp-psa-in-force", "--inputs", "{own}"], 3, "own.toml is not strict JSON"),
    ],
)
def test_what_cannot_be_evaluated_is_told(
    arguments: list[str], code: int, told: str, attest: Any, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text('[[rules]]\nkind = "magic"\n')
    places = {"inputs": str(write(tmp_path)), "own": str(tmp_path / "own.toml")}
    ran = attest("policy", *(text.format(**places) for text in arguments))
    assert (ran.code, ran.out) == (code, "")
    assert told in ran.err
