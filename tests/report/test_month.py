"""The view of a month: every figure computed again from what `attest verify --json` says, for the whole corpus."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from datetime import timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from attest.attestation.coverage import coverage
from attest.cli.render.verified import verified_document
from attest.documents import format_time, parse_time
from attest.report.held import _MAIN_NETWORKS
from attest.report.month import month_view
from attest.report.numbers import Number
from attest.report.view.held import Part, Rest
from attest.report.view.month import MonthView, StepRow
from attest.report.view.paper import AuditorView
from attest.report.view.rules import PolicyView
from attest.signing.trust import parse_root_file
from attest.verification.anchors import Anchors
from attest.verification.history import check_history
from attest.verification.verified import Verified, with_signatures
from tests.world.corpus import verified as verify_case

# Their months are those of other cases: what they are about is the proof, or who signed what how often.
ALIKE: Final = ("account ", "a report ", "a trust root twice,", "the statement among", "timestamps twice")
ROOT: Final = Path(__file__).parent.parent.parent
CORPUS: Final = ROOT / "fixtures" / "corpus"
BUNDLE: Final = b"the bytes of a bundle"


class Case(NamedTuple):
    """A case of the corpus that verifies, and the folder of its files."""

    folder: Path
    case: dict[str, Any]

    def verified(self, **changes: Any) -> Verified:
        return verify_case(self.folder, self.case | changes)


class Drawn(NamedTuple):
    """A month: what was verified, what is said of it as JSON, and its view."""

    verified: Verified
    said: dict[str, Any]
    view: MonthView

    @property
    def predicate(self) -> dict[str, Any]:
        return self.said["predicate"]  # type: ignore[no-any-return]

    @property
    def decimals(self) -> dict[str, int]:
        return {item["asset"]: item["decimals"] for item in self.predicate["assets"]}


def cases() -> dict[str, Case]:
    found = {}
    for index in sorted(CORPUS.glob("*/index.json")):
        for case in json.loads(index.read_text(encoding="utf-8"))["cases"]:
            if case["code"] is None and "bundle" in case and not case["name"].startswith(ALIKE):
                found[f"{index.parent.name} {case['name']}"] = Case(index.parent, case)
    return found


CASES: Final = cases()


@cache
def drawn(name: str) -> Drawn:
    verified = CASES[name].verified()
    said = json.loads(json.dumps(verified_document(verified)))
    return Drawn(verified, said, month_view(verified, BUNDLE, auditor=True))


@pytest.fixture(params=list(CASES))
def month(request: pytest.FixtureRequest) -> Drawn:
    """Each month of the corpus that verifies."""
    return drawn(request.param)


def decimal(amount: int, decimals: int) -> str:
    """An amount as people write it, by another way than the code under test."""
    whole, part = divmod(amount, 10**decimals)
    return f"{whole:,}" + (f".{part:0{decimals}d}" if decimals else "")


def number(amount: str | int, decimals: int) -> Number:
    return Number(decimal(int(amount), decimals), str(amount))


def down(value: str, decimals: int) -> Number:
    exact = Fraction(value)
    return Number(decimal(exact.numerator // exact.denominator, decimals), value)


def up(value: str, decimals: int) -> Number:
    exact = Fraction(value)
    return Number(decimal(-(-exact.numerator // exact.denominator), decimals), value)


def percent(part: int, whole: int) -> str | None:
    return None if whole == 0 else f"{part * 100 // whole}.{part * 10_000 // whole % 100:02d} %"


def test_who_says_what_of_which_month(month: Drawn) -> None:
    view, predicate = month.view, month.predicate
    assert view.bundle_sha256 == "ef6491519350b79da40251c6f1fd39044a87c9894c08f6cc2cce46330f530cfd"
    entity = predicate["entity"]
    assert (view.entity, view.origin, view.lei) == (entity["name"], entity["origin"], entity.get("lei"))
    assert (view.period, view.sequence, view.digest) == (
        predicate["period"],
        predicate["sequence"],
        month.said["statement"],
    )
    assert view.previous == predicate["previous"]
    for name in ("snapshotAt", "issuedAt", "expiresAt"):
        assert getattr(view, f"{name[:-2]}_at").iso == predicate[name]
    assert view.included == tuple(predicate["scope"]["included"])
    assert view.excluded == tuple((item["product"], item["reason"]) for item in predicate["scope"]["excluded"])
    assert view.tool == f"{predicate['tool']['name']} {predicate['tool']['version']}"
    assert [(file.name, file.sha256) for file in view.files] == [
        (item["name"], item["digest"]["sha256"]) for item in month.said["subject"]
    ]


def test_coverage_is_of_what_counts_and_rounded_down(month: Drawn) -> None:
    owed = {tree["asset"]: int(tree["total"]) for tree in month.predicate["liabilities"]["trees"]}
    held, denied = Counter[str](), Counter[str]()
    for line in month.predicate["reserves"]:
        if line["purpose"] == "customer":
            held[line["asset"]] += int(line["amount"])
            denied[line["asset"]] += int(line.get("denied", 0))
    for line in month.predicate["money"]:
        if line["purpose"] == "customer":
            held[line["currency"]] += int(line["amount"])
    assert [row.asset for row in month.view.coverage] == list(month.decimals)
    for row, said in zip(month.view.coverage, month.said["coverage"], strict=True):
        places = month.decimals[row.asset]
        assert (row.decimals, row.owed, row.held) == (
            places,
            number(owed[row.asset], places),
            number(held[row.asset], places),
        )
        counts = int(said.get("counted", held[row.asset]))
        assert row.counted == (number(counts, places) if counts < held[row.asset] else None)
        assert row.denied == (number(denied[row.asset], places) if denied[row.asset] else None)
        text = percent(counts, owed[row.asset])
        assert said["coverage"] == text
        if text is None or row.coverage.number is None:
            assert (text, row.coverage.number) == (None, None)
        else:
            assert row.coverage.number.text == text
            assert Fraction(row.coverage.number.exact) == Fraction(counts, owed[row.asset])
        assert row.met is said["met"] is (counts >= owed[row.asset])
        assert [(level.level, level.number.exact, level.rechecked) for level in row.levels] == [
            (level, value, level in said["rechecked"]) for level, value in said["held"].items()
        ]
        assert sum(int(level.number.exact) for level in row.levels) == held[row.asset]
        assert rest(row.rest) == said.get("unchecked")


def stated(month: Drawn, **changes: Any) -> Drawn:
    """The same month, as if every line of its reserves were changed so."""
    predicate = month.verified.statement.predicate
    lines = tuple(line.model_copy(update=changes) for line in predicate.reserves)
    statement = month.verified.statement.model_copy(
        update={"predicate": predicate.model_copy(update={"reserves": lines})}
    )
    verified = dataclasses.replace(month.verified, statement=statement)
    return month._replace(verified=verified, view=month_view(verified, BUNDLE))


def test_only_customers_coins_are_denied_to_customers() -> None:
    month = drawn("v2 denied coins")
    assert [row.denied.text for row in month.view.coverage if row.denied] == ["5.000000000000000000"]
    others = stated(month, purpose="guarantee").verified.statement.predicate
    assert [item.denied for item in coverage(others) if item.denied] == []


def test_a_window_in_which_nothing_was_fewer_leaves_one_count() -> None:
    month = drawn("v1 one key")
    item = month.verified.coverage[0]._replace(fewer={"eip155:1": 0})
    assert month_view(dataclasses.replace(month.verified, coverage=(item,)), BUNDLE).coverage[0].counted is None


def test_an_asset_of_which_nothing_is_held_has_no_shares() -> None:
    view = stated(drawn("v1 one key"), amount=0).view
    assert [row.asset for row in view.storage] == ["JPY"]
    assert view.control == ()


def rest(found: Rest | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "amounts": [{"asset": asset, "why": why, "amount": value.exact} for asset, why, value in found.amounts],
        "documents": found.documents,
        "lowest": list(found.lowest),
    }


def parts(found: tuple[Part, ...]) -> dict[str, int]:
    return {part.kind: int(part.number.exact) for part in found}


def test_where_customers_assets_are_kept_adds_up_to_what_is_held(month: Drawn) -> None:
    kept: dict[str, Counter[str]] = {}
    for line in month.predicate["reserves"]:
        if line["purpose"] == "customer":
            kept.setdefault(line["asset"], Counter(cold=0, hot=0, other=0))[line["storage"]] += int(line["amount"])
    for line in month.predicate["money"]:
        if line["purpose"] == "customer":
            kept.setdefault(line["currency"], Counter())["trust"] += int(line["amount"])
    assert {row.asset: parts(row.parts) for row in month.view.storage} == {
        asset: dict(found) for asset, found in kept.items() if any(found.values())
    }
    held = {row.asset: row.held for row in month.view.coverage}
    for row in month.view.storage:
        assert row.total == held[row.asset]
        assert sum(parts(row.parts).values()) == int(row.total.exact)
        assert [part.share.number and part.share.number.text for part in row.parts] == [
            percent(value, int(row.total.exact)) for value in parts(row.parts).values()
        ]


def test_what_shows_control_adds_up_to_the_customers_coins(month: Drawn) -> None:
    stated = {item["asset"]: item for item in month.said["control"] if item["customer"] != "0"}
    assert [row.asset for row in month.view.control] == list(stated)
    for row in month.view.control:
        found, said = parts(row.parts), {name: int(value) for name, value in list(stated[row.asset].items())[1:]}
        assert list(found) == ["signed", "confirmed", "sampled", "nothing", "unavailable"]
        assert sum(found.values()) == said["customer"] == int(row.total.exact)
        assert min(found.values()) >= 0
        for kind in ("signed", "confirmed", "sampled"):
            assert found[kind] == said[kind]
        if month.verified.controlled is not None:
            assert found["unavailable"] == said["customer"] - said["held"]
    assert list(month.view.strangers) == month.said["unknownCustodians"]


def test_without_a_proof_of_control_there_is_nothing_and_what_may_have_one_elsewhere_is_not_at_hand() -> None:
    month = drawn("v1 one key")
    assert month.verified.controlled is None
    assert {part.kind for row in month.view.control for part in row.parts if part.number.exact != "0"} == {"nothing"}
    view = stated(month, control="signature").view
    assert {part.kind for row in view.control for part in row.parts if part.number.exact != "0"} == {"unavailable"}


def test_requirements_are_rounded_up_and_what_there_is_down_and_limits_the_other_way(month: Drawn) -> None:
    assert [policy.id for policy in month.view.policies] == [item["id"] for item in month.said["policies"]]
    for policy, said in zip(month.view.policies, month.said["policies"], strict=True):
        assert (policy.standing, policy.shipped) == (said["authorityStatus"], said["ruleSet"])
        assert (policy.title, policy.jurisdiction, policy.as_of) == (said["title"], said["jurisdiction"], said["asOf"])
        assert (policy.version, policy.sha256, policy.note) == (said["version"], said["sha256"], said.get("note"))
        for rule, stated in zip(policy.rules, said["rules"], strict=True):
            assert (rule.id, rule.kind, rule.asks, rule.citation) == (
                stated["rule"],
                stated["kind"],
                stated["asks"],
                stated["citation"],
            )
            assert (rule.standing, rule.verdict) == (stated["authorityStatus"], stated["verdict"])
            assert list(rule.notes) == stated["notes"]
            assert rest(rule.rest) == stated.get("unchecked")
            check_lines(policy, rule.id, stated, said["decimals"])


def check_lines(policy: PolicyView, rule_id: str, stated: Any, decimals: dict[str, int]) -> None:
    (rule,) = [rule for rule in policy.rules if rule.id == rule_id]
    for line, said in zip(rule.lines, stated["lines"], strict=True):
        assert (line.subject, line.unit, line.at_most) == (said["subject"], said["unit"], said["atMost"])
        assert (line.verdict, line.checked) == (said["verdict"], said["checked"])
        exact = (said["required"], said["available"], said["shortfall"])
        sides = (line.required, line.available, line.shortfall)
        assert tuple(None if side is None else side.exact for side in sides) == exact
        if line.unit in decimals and None not in exact:
            places = decimals[line.unit]
            asked, there = (down, up) if line.at_most else (up, down)
            assert sides == (asked(exact[0], places), there(exact[1], places), up(exact[2], places))
    for figure, said in zip(rule.figures, stated["figures"], strict=True):
        assert (figure.name, figure.text, figure.unit) == (said["name"], said["text"], said["unit"])
        assert (figure.source, figure.number.exact) == (said["source"], said["value"])
        if figure.unit in decimals:
            way = up if figure.name in {"required", "exposure"} else down
            assert figure.number == way(said["value"], decimals[figure.unit])


def test_the_reserve_is_split_by_the_figures_of_its_evaluation(month: Drawn) -> None:
    rules = {
        (policy["id"], rule["rule"]): (rule, policy["decimals"])
        for policy in month.said["policies"]
        for rule in policy["rules"]
    }
    for row in month.view.reserves:
        rule, decimals = rules[row.policy, row.rule]
        figures = {item["name"]: item["value"] for item in rule["figures"]}
        places = decimals[row.currency]
        (line,) = rule["lines"]
        assert row.required == number(line["required"], places)
        assert row.required.text == up(figures["required"], places).text
        assert row.available == down(figures["available"], places)
        assert {part.kind: part.number for part in row.parts} == {
            name.removesuffix(" credit"): down(value, places)
            for name, value in figures.items()
            if name.endswith(" credit")
        }
        assert sum(Fraction(part.number.exact) for part in row.parts) == Fraction(row.available.exact)
        assert row.covered.number is not None
        assert row.covered.number.text == percent(int(line["available"]), int(line["required"]))
        assert (row.verdict, rest(row.rest)) == (rule["verdict"], rule.get("unchecked"))
    asked = {
        key
        for key, (rule, _) in rules.items()
        if {"required", "available"} <= {item["name"] for item in rule["figures"]}
    }
    assert {(row.policy, row.rule) for row in month.view.reserves} == asked


def test_the_demo_counts_half_of_its_coins_and_insurance_up_to_its_cap() -> None:
    (row,) = drawn("v1 one key").view.reserves
    assert {part.kind: part.number.exact for part in row.parts} == {
        "coins": "375308625/2",
        "deposits": "850000000",
        "insurance": "1000000000",
        "bank-guarantee": "0",
    }
    assert (row.required.text, row.available.text) == ("2,000,000,000", "2,037,654,312")
    assert sum(int(part.number.text.replace(",", "")) for part in row.parts) == 2_037_654_312


def test_a_rule_whose_figures_are_missing_has_no_reserve_but_a_row() -> None:
    month = drawn("v2 snapshot in UTC+14")
    (rule,) = [
        rule for policy in month.view.policies for rule in policy.rules if policy.id == "jp-reserve-draft"
        if rule.kind == "band"
    ]  # fmt: skip
    assert rule.verdict == "INSUFFICIENT_DATA"
    assert rule.notes
    assert month.view.reserves == ()


def test_pins_lowest_counts_debts_declarations_and_the_word_of_custodians(month: Drawn) -> None:
    view, places = month.view, month.decimals
    assert [
        (pin.chain, pin.height.text, pin.height.exact, pin.block_hash, pin.time.iso, pin.reason or "")
        for pin in view.pins
    ] == [
        (it["chain"], str(it["height"]), str(it["height"]), it["blockHash"], it["time"], it.get("reason", ""))
        for it in month.predicate["chains"]
    ]
    assert [(pin.nodes and int(pin.nodes.exact), pin.coin) for pin in view.pins] == [
        (it["nodes"], it["coin"]) for it in month.said["chains"]
    ]
    assert [list(pin.tokens) for pin in view.pins] == [
        [(asset, contract) for asset, contracts in it["tokens"].items() for contract in contracts]
        for it in month.said["chains"]
    ]
    for low, said in zip(view.lowest, month.said["windows"], strict=True):
        assert (low.chain, low.asset, low.number) == (
            said["chain"],
            said["asset"],
            number(said["lowest"], places[said["asset"]]),
        )
        assert (low.height and int(low.height.exact), list(low.levels)) == (said["height"], said["levels"])
    assert [(row.asset, row.accounts.exact, row.total) for row in view.negatives] == [
        (tree["asset"], str(tree["negativeAccounts"]), number(tree["negativeTotal"], places[tree["asset"]]))
        for tree in month.predicate["liabilities"]["trees"]
        if tree["negativeAccounts"]
    ]
    declared = [item for item in month.predicate["declarations"] if item["kind"] != "window"]
    for row, said in zip(view.declarations, declared, strict=True):
        assert (row.kind, row.name, row.unit, row.tier) == (
            said["kind"],
            said["name"],
            said.get("unit"),
            said.get("tier"),
        )
        assert row.number == (number(said["amount"], places[said["unit"]]) if "unit" in said else None)
        assert [row.since and row.since.iso, row.until and row.until.iso] == [said.get("since"), said.get("until")]
        assert row.leaf == said["evidenceLeaf"]
    for line, said in zip(view.held, month.said["held"], strict=True):
        assert (line.asset, line.custodian, line.purpose, line.chain) == (
            said["asset"],
            said["custodian"],
            said["purpose"],
            said.get("chain"),
        )
        assert (line.number, line.available) == (number(said["amount"], places[line.asset]), said["available"])
    assert [(row.what, row.asset, row.verdict, row.detail) for row in view.checks] == [
        (it["check"], it.get("asset", ""), it["verdict"], it["detail"]) for it in month.said["segregation"]
    ]


def test_who_signed_when_and_by_which_trust_root(month: Drawn) -> None:
    said, view = month.said["signatories"], month.view
    assert [(row.role, row.fingerprint, row.timestamp and row.timestamp.iso) for row in view.signers] == [
        (role, fingerprint, said["timestamps"].get(fingerprint))
        for role, signed in said.get("signed", {}).items()
        for fingerprint in signed
    ]
    assert view.thresholds == {role: said["thresholds"][role] for role in said.get("signed", {})}
    assert [(root.version, root.fingerprint, root.in_force) for root in view.roots] == [
        (root["version"], root["fingerprint"], root["version"] == said["inForce"])
        for root in said.get("trustRoots", ())
    ]
    assert all(len(root.words) == 24 for root in view.roots)
    reports = said.get("auditorReports", [])
    assert [(row.auditor, row.standard, row.issued_at.iso) for row in view.reports] == [
        (it["auditor"], it["standard"], it["issuedAt"]) for it in reports
    ]
    for row, it in zip(view.reports, reports, strict=True):
        assert [finding._asdict() for finding in row.findings] == it["procedures"]
        assert row.exceptions.exact == str(sum(step["exception"] for step in it["procedures"]))
        assert row.signed


def test_the_verdict_is_that_of_coverage_and_of_every_step_but_freshness(month: Drawn) -> None:
    steps = month.said["steps"]
    bad = [step for step in steps[:-1] if step["status"] == "NOT MET"]
    bad += [row for row in month.said["coverage"] if not row["met"]]
    assert month.view.verdict == ("NOT MET" if bad else "VERIFIED")
    assert list(month.view.unchecked_steps) == [it["number"] for it in steps if it["status"] == "NOT CHECKED"]
    assert [step.status for step in month.view.steps[:-1]] == [step["status"] for step in steps[:-1]]
    issued, expires = month.predicate["issuedAt"], month.predicate["expiresAt"]
    assert month.view.steps[-1] == StepRow(15, "freshness", "VERIFIED", f"issued {issued}, expires {expires}")


def test_the_corpus_has_what_these_tests_are_about() -> None:
    """So that none of them is about nothing."""
    views = [drawn(name).view for name in CASES]
    assert {view.verdict for view in views} == {"VERIFIED", "NOT MET"}
    shown = {part.kind for view in views for row in view.control for part in row.parts if part.number.exact != "0"}
    assert shown == {"signed", "confirmed", "nothing"}
    for name in ("lowest", "negatives", "held", "reports", "roots", "signers", "reserves", "strangers"):
        assert any(getattr(view, name) for view in views), name
    assert any(pin.reason for view in views for pin in view.pins)
    assert any(row.denied for view in views for row in view.coverage)
    assert any(row.counted for view in views for row in view.coverage)
    assert any(row.rest for view in views for row in view.coverage)
    assert any(view.auditor is not None and view.auditor.withheld.exact != "0" for view in views)


def test_a_coverage_that_is_not_met_is_enough() -> None:
    month = drawn("v1 one key")
    item = month.verified.coverage[0]
    short = dataclasses.replace(month.verified, coverage=(item._replace(owed=item.held_total + 1),))
    assert month.view.verdict == "VERIFIED"
    assert month_view(short, BUNDLE).verdict == "NOT MET"


def moved(name: str, by: timedelta) -> MonthView:
    """The view of a month that is verified at another time."""
    case = CASES[name]
    return month_view(case.verified(at=format_time(parse_time(case.case["at"]) + by)), BUNDLE, auditor=True)


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("v1 one key", -90),
        ("v1 one key", 900),
        ("v1 trust root rotated, signatures timestamped before", -20),  # before the second root was issued
        ("v2 pin more than 24 hours after, with a reason", 300),
    ],
)
def test_a_month_is_drawn_alike_whenever_it_was_verified(name: str, days: int) -> None:
    assert moved(name, timedelta(days=days)) == drawn(name).view


def test_a_report_that_is_dated_later_is_not_there_until_then() -> None:
    name = "v2 report of a time to come"
    month = drawn(name)
    assert len(month.verified.signatories.to_come) == 1
    assert "does not count" in month.verified.step("timestamps").detail
    assert "does not count" not in month.view.steps[6].detail
    assert month.view.reports == ()
    assert moved(name, timedelta(seconds=-30)) == month.view
    assert len(moved(name, timedelta(days=1)).reports) == 1


def test_a_file_that_is_not_there_and_a_policy_that_nobody_has() -> None:
    case = CASES["v1 policy not met"]
    files = {name: path for name, path in case.case["files"].items() if name != "policy-met.toml"}
    view = month_view(case.verified(files=files), BUNDLE)
    assert {file.name: file.there for file in view.files} == {
        "evidence-public.jsonl": True,
        "policy-met.toml": False,
        "policy-unmet.toml": True,
    }
    assert view.missing_policies == ("met",)
    assert [policy.id for policy in view.policies] == ["unmet"]
    assert all(file.there for file in drawn("v1 policy not met").view.files)


def auditor_of(month: Drawn) -> AuditorView:
    assert month.view.auditor is not None
    return month.view.auditor


def test_the_auditors_edition_ties_every_asset_to_its_lines(month: Drawn) -> None:
    found = auditor_of(month)
    trees = {tree["asset"]: tree for tree in month.predicate["liabilities"]["trees"]}
    stated = Counter[tuple[str, str, str]]()
    for line in month.predicate["reserves"]:
        stated[line["asset"], line["purpose"], line["amount"]] += 1
    for line in month.predicate["money"]:
        stated[line["currency"], line["purpose"], line["amount"]] += 1
    assert Counter((row.asset, it.purpose, it.number.exact) for row in found.ties for it in row.lines) == stated
    for row, covered in zip(found.ties, month.view.coverage, strict=True):
        assert (row.root, row.leaves.exact) == (trees[row.asset]["root"], str(trees[row.asset]["size"]))
        assert (row.owed, row.held) == (covered.owed, covered.held)
        customers = [int(line.number.exact) for line in row.lines if line.purpose == "customer"]
        assert sum(customers) == int(row.held.exact)
        for level in covered.levels:
            lines = [it for it in row.lines if (it.purpose, it.evidence) == ("customer", level.level)]
            assert sum(int(line.number.exact) for line in lines) == int(level.number.exact)
            assert all(line.rechecked for line in lines) is level.rechecked


def test_the_auditors_edition_lists_wallets_and_the_records_at_hand(month: Drawn) -> None:
    found, evidence = auditor_of(month), month.predicate["evidence"]
    assert [{**row._asdict(), "records": list(row.records)} for row in found.wallets] == month.said["wallets"]
    assert len(found.records) + int(found.withheld.exact) == evidence["count"]
    assert found.evidence_root == evidence["root"]
    numbers = [row.number for row in found.records]
    assert numbers == sorted(set(numbers))
    leaves = {row.leaf for row in found.records}
    assert len(leaves) == len(numbers)
    said = [*month.predicate["declarations"], *month.predicate["money"], *month.predicate["cover"]]
    if found.withheld.exact == "0":
        assert leaves >= {item["evidenceLeaf"] for item in said}
    by_number = {row.number: row for row in found.records}
    for wallet in found.wallets:
        assert all(wallet.wallet in by_number[index].of.split() for index in wallet.records)


def test_only_the_auditors_edition_has_what_is_for_auditors() -> None:
    month = drawn("v1 one key")
    public = month_view(month.verified, BUNDLE)
    assert public.auditor is None
    assert dataclasses.replace(month.view, auditor=None) == public


def test_records_are_named_by_wallet_asset_document_or_custodian() -> None:
    named = {row.type: row.of for row in auditor_of(drawn("v1 custodian")).records}
    assert named["custody-confirmation"] == "Vault Trust"
    named = {row.type: row.of for row in auditor_of(drawn("v1 one key")).records}
    assert named["money"].startswith("JPY ")
    assert named["bitcoin-header"] == "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"


def test_a_history_shows_each_month_whole_and_keeps_none_of_its_records() -> None:
    case = CASES["v1 trust root"]
    seen: list[Verified] = []
    found = check_history(
        {"2026-10.attest.json": (case.folder / case.case["bundle"]).read_bytes()},
        Anchors.pinned(parse_root_file((case.folder / case.case["trustRoot"]).read_bytes())),
        now=parse_time(case.case["at"]),
        files=lambda _, name: (
            (case.folder / case.case["files"][name]).read_bytes() if name in case.case["files"] else None
        ),
        see=lambda _, verified: seen.append(verified),
    )
    assert month_view(seen[0], BUNDLE).coverage == drawn("v1 trust root").view.coverage
    assert [bool(seen[0].records), found.months[0].verified.records] == [True, {}]


def test_signatures_that_are_looked_at_later_are_of_that_time() -> None:
    checked = drawn("v1 trust root").verified
    later = dataclasses.replace(checked, at=checked.at + timedelta(days=1))
    assert with_signatures(checked, later).at == later.at


def test_other_networks_are_all_that_the_customers_page_does_not_know_either(month: Drawn) -> None:
    source = (ROOT / "attest" / "web" / "verify" / "view" / "networks.ts").read_text(encoding="utf-8")
    numbers = re.search(r"const EVM = \[(.*?)\]", source)
    assert numbers is not None
    known = {"bip122:000000000019d6689c085ae165831e93", *re.findall(r'"(bip122:[0-9a-f]+)"', source)}
    known |= {f"eip155:{found}" for found in re.findall(r'"([0-9]+)"', numbers[1])}
    chains = {line.chain for line in month.verified.statement.predicate.reserves if line.purpose == "customer"}
    assert set(month.view.other_networks) == chains - known
    assert {"eip155:1", "eip155:137"} <= known == _MAIN_NETWORKS
