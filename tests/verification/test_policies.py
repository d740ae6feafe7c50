"""A month's policies: what the demo exchange meets, and that nobody states another verdict than the figures give."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attest.canonical import dumps
from attest.demo import exchange as demo
from attest.errors import MalformedError
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.documents.cover_and_prices import read_contracts, read_prices
from attest.exchange.own_keys import read_signer
from attest.exchange.policies import read_policies
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from attest.verification.anchors import Sources
from attest.verification.policies import policy_file_name
from attest.verification.verified import Verified
from attest.verification.verify import Files
from tests.conftest import NOW, SECRET, Exchange, signed_bundle

OWN = "reserve-without-insurance"


@pytest.fixture(scope="module")
def uninsured(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """The demo exchange, which also evaluates rules of its own by which no insurance counts."""
    folder = tmp_path_factory.mktemp("uninsured") / "x"
    demo.write_exchange(folder)
    config = folder / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace('"jp-reserve-draft"]', f'"jp-reserve-draft", "{demo.POLICY_FILE}"]'), encoding="utf-8"
    )
    with demo.recorded_nodes() as nodes:
        outcome = monthly.run(
            read_config(config), demo.PERIOD, Surroundings(folder, NOW, nodes), MonthInputs(SECRET, lambda: "")
        )
    files = {path.name: path.read_bytes() for path in outcome.publication.iterdir()}
    return Exchange(folder, outcome, read_signer(folder / demo.KEY_FILE, lambda: ""), files)


def results(verified: Verified, policy: str) -> dict[str, Any]:
    (evaluation,) = [item for item in verified.evaluations if item.policy.id == policy]
    return {result.rule.id: result for result in evaluation.results}


def test_the_demo_exchange_meets_the_law_in_force_and_the_draft_with_insurance_for_half(exchange: Exchange) -> None:
    verified = exchange.verify()
    in_force = results(verified, "jp-psa-in-force")
    assert {rule: item.verdict for rule, item in in_force.items()} == {
        **dict.fromkeys(("jp.trust", "jp.cover", "jp.hot", "jp.match", "jp.networth", "jp.audit"), "MET"),
        "stress": "NOT_APPLICABLE",
    }
    reserve = results(verified, "jp-reserve-draft")["jpx.reserve"]
    assert (reserve.verdict, reserve.authority_status) == ("MET", "tool_example")
    assert reserve.figure("insurance credit") == 1_000_000_000
    assert (reserve.deciding.required, int(reserve.deciding.available)) == (2_000_000_000, 2_037_654_312)
    step = verified.step("policy")
    assert (step.status, "not law" in step.detail, verified.adverse) == ("VERIFIED", True, False)


def test_without_insurance_the_reserve_is_short_of_so_many_yen_and_the_month_is_published(uninsured: Exchange) -> None:
    verified = uninsured.verify()
    reserve = results(verified, OWN)["jpx.reserve"]
    assert (reserve.verdict, reserve.deciding.shortfall) == ("NOT_MET", 962_345_688)
    assert (verified.step("policy").status, verified.adverse) == ("NOT MET", True)
    assert "the exchange's own rules" in verified.step("policy").detail
    assert uninsured.outcome.verified.adverse
    assert uninsured.outcome.bundle.exists()


def without(exchange: Exchange, *names: str) -> Files:
    return {name: data for name, data in exchange.files.items() if name not in names}.get


def test_a_rule_set_of_this_release_needs_no_file_and_another_is_not_checked_without(uninsured: Exchange) -> None:
    shipped = [policy_file_name(name) for name in ("jp-psa-in-force", "jp-reserve-draft")]
    assert uninsured.verify(sources=Sources(without(uninsured, *shipped))).step("policy").status == "NOT MET"
    step = uninsured.verify(sources=Sources(without(uninsured, policy_file_name(OWN)))).step("policy")
    assert (step.status, f"the file of {OWN} is not beside the bundle" in step.detail) == ("NOT CHECKED", True)


def policy_of(value: Any, name: str) -> Any:
    return next(item for item in value["predicate"]["policies"] if item["id"] == name)


def result_of(value: Any, rule: str) -> Any:
    return next(item for item in policy_of(value, OWN)["results"] if item["rule"] == rule)


FALSE: dict[str, tuple[Callable[[Any], object], tuple[int, str]]] = {
    "a verdict": (lambda v: result_of(v, "jpx.reserve").update(verdict="MET"), (14, "policy/verdict")),
    "less required": (lambda v: result_of(v, "jpx.reserve").update(required="1"), (14, "policy/verdict")),
    "more there": (lambda v: result_of(v, "jpx.reserve").update(available="2000000000"), (14, "policy/verdict")),
    "a rule left out": (lambda v: policy_of(v, OWN)["results"].pop(), (14, "policy/verdict")),
    "another standing": (lambda v: policy_of(v, OWN).update(authorityStatus="in_force"), (14, "policy/other")),
    "another version": (lambda v: policy_of(v, OWN).update(version="2"), (14, "policy/other")),
    "the hash of other rules": (lambda v: policy_of(v, OWN).update(sha256="00" * 32), (14, "policy/other")),
    "a policy twice": (
        lambda v: v["predicate"]["policies"].append(policy_of(v, OWN)),
        (8, "statement/arithmetic"),
    ),
    "a verdict that is none": (lambda v: result_of(v, "jpx.reserve").update(verdict="FINE"), (5, "document/invalid")),
}


@pytest.mark.parametrize("case", FALSE)
def test_what_the_figures_do_not_give_fails_whoever_signed_it(case: str, uninsured: Exchange) -> None:
    change, expected = FALSE[case]
    assert uninsured.failing_step(uninsured.resigned(change)) == expected


def test_figures_that_were_changed_give_another_verdict(uninsured: Exchange) -> None:
    value = json.loads(uninsured.payload)
    next(item for item in value["predicate"]["prices"] if item["asset"] == "BTC")["price"] = "150123450"
    assert uninsured.failing_step(signed_bundle(dumps(value), uninsured.signer)) == (14, "policy/verdict")


def test_rules_under_the_name_of_a_rule_set_are_not_taken_for_it(uninsured: Exchange) -> None:
    bundle = uninsured.resigned(lambda value: policy_of(value, OWN).update(id="template"))
    step = uninsured.verify(bundle).step("policy")
    assert (step.status, "the file of template is not beside the bundle" in step.detail) == ("NOT CHECKED", True)
    data = uninsured.files[policy_file_name(OWN)]
    files = {**uninsured.files, policy_file_name("template"): data}
    assert uninsured.failing_step(bundle, sources=Sources(files.get)) == (14, "policy/verdict")


def first_cover(value: Any) -> Any:
    return value["predicate"]["cover"][0]


CONTRADICTED: dict[str, tuple[Callable[[Any], object], tuple[int, str]]] = {
    "a higher limit": (lambda v: first_cover(v).update(limit="9000000000"), (11, "policy/cover")),
    "another form": (lambda v: first_cover(v).update(form="bank-guarantee"), (11, "policy/cover")),
    "one contract twice": (
        lambda v: v["predicate"]["cover"].append(first_cover(v)),
        (8, "statement/arithmetic"),
    ),
    "a contract that was also money": (
        lambda v: first_cover(v).update(evidenceLeaf=v["predicate"]["money"][0]["evidenceLeaf"]),
        (8, "statement/arithmetic"),
    ),
    "a price too many": (
        lambda v: v["predicate"]["prices"].append(
            {**v["predicate"]["prices"][0], "asset": "JPY", "currency": "DUSD", "price": "1/151"}
        ),
        (11, "policy/prices"),
    ),
    "a price of tomorrow": (
        lambda v: v["predicate"]["prices"][0].update(time="2026-12-01T00:00:00Z"),
        (8, "statement/arithmetic"),
    ),
    "prices in another order": (lambda v: v["predicate"]["prices"].reverse(), (8, "statement/arithmetic")),
    "an inexact price": (lambda v: v["predicate"]["prices"][0].update(price="1e7"), (5, "document/invalid")),
}


@pytest.mark.parametrize("case", CONTRADICTED)
def test_cover_and_prices_are_those_of_their_documents(case: str, exchange: Exchange) -> None:
    change, expected = CONTRADICTED[case]
    assert exchange.failing_step(exchange.resigned(change)) == expected


def test_a_policy_file_that_was_exchanged_is_not_the_one_that_was_signed_for(uninsured: Exchange) -> None:
    name = policy_file_name(OWN)
    files = {**uninsured.files, name: uninsured.files[name].replace(b"2_000_000_000", b"1_000_000_000")}
    assert uninsured.failing_step(sources=Sources(files.get)) == (9, "subject/digest")


PRICES = {
    "no columns": ("", "row 1: the columns are asset, currency"),
    "other columns": ("asset,price\n", "row 1: the columns are asset, currency"),
    "a field too few": ("{head}\nBTC,JPY,1,spot,x\n", "row 2: 5 fields instead of 6"),
    "a negative price": ("{head}\nBTC,JPY,-1,spot,x,2026-10-31T15:00:00Z\n", "row 2: price"),
    "a float": ("{head}\nBTC,JPY,1.5e7,spot,x,2026-10-31T15:00:00Z\n", "row 2: price"),
    "an unknown basis": ("{head}\nBTC,JPY,1,close,x,2026-10-31T15:00:00Z\n", "row 2: basis"),
    "a time that is none": ("{head}\nBTC,JPY,1,spot,x,yesterday\n", "row 2: time"),
    "one twice": ("{head}\n" + "BTC,JPY,1,spot,x,2026-10-31T15:00:00Z\n" * 2, "row 3: the BTC JPY spot price stands"),
    "an open quote": ('{head}\n"BTC,JPY\n', "is not CSV"),
}


@pytest.mark.parametrize("case", PRICES)
def test_a_price_that_is_none_is_named_by_row_and_field(case: str, exchange: Exchange, tmp_path: Path) -> None:
    text, told = PRICES[case]
    shutil.copytree(exchange.folder / "documents", tmp_path / "documents")
    path = tmp_path / "documents" / "prices-2026-10.csv"
    path.write_text(text.replace("{head}", "asset,currency,price,basis,source,time"), encoding="utf-8")
    with pytest.raises(MalformedError, match=r"prices-2026-10\.csv") as caught:
        read_prices(read_config(exchange.folder / demo.CONFIG_FILE), "2026-10", Surroundings(tmp_path, NOW, {}))
    assert told in str(caught.value)


CONTRACTS = {
    "a negative limit": ('limit = "1500000000"', 'limit = "-1"', "Insurance Co., Ltd. is negative"),
    "an inexact limit": ('limit = "1500000000"', 'limit = "0.5"', "cover of Demo Casualty"),
    "an unknown condition": (
        "insurer_authorised = true",
        "insurer_autorised = true",
        "insurer_autorised: unknown field",
    ),
    "a condition of another kind": ("insurer_authorised = true", 'insurer_authorised = "yes"', "insurerAuthorised"),
    "an inexact deductible": ('deductible = "100000000"', 'deductible = "0.1"', "conditions.deductible"),
}


@pytest.mark.parametrize("case", CONTRACTS)
def test_a_contract_that_says_nothing_clear_is_named(case: str, exchange: Exchange, tmp_path: Path) -> None:
    old, new, told = CONTRACTS[case]
    text = (exchange.folder / demo.CONFIG_FILE).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / demo.CONFIG_FILE).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(MalformedError, match="cover of Demo Casualty") as caught:
        read_contracts(read_config(tmp_path / demo.CONFIG_FILE), "2026-10", exchange.folder, ())
    assert told in str(caught.value)


def test_two_policies_of_one_id_are_refused(exchange: Exchange, tmp_path: Path) -> None:
    config = read_config(exchange.folder / demo.CONFIG_FILE)
    twice = config.policies.model_copy(update={"evaluate": ("jp-reserve-draft", "mine.toml")})
    (tmp_path / "mine.toml").write_bytes(exchange.files[policy_file_name("jp-reserve-draft")])
    with pytest.raises(MalformedError, match="two policies have the id jp-reserve-draft"):
        read_policies(config.model_copy(update={"policies": twice}), tmp_path)
