from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from attest.attestation.keys import Signer
from attest.attestation.segregation import segregation
from attest.attestation.verify import TITLES
from attest.canonical import dumps
from attest.cli.render import segregation_document, segregation_table
from attest.demo.plan import load_plan
from attest.errors import VerificationError
from tests.attacks.test_publication import without_figures
from tests.conftest import NOW, Exchange, signed_bundle


def test_everything_that_can_be_checked_is_verified_and_the_rest_is_said_not_to_be(exchange: Exchange) -> None:
    verified = exchange.verify(proof_bytes=exchange.proof())
    assert [step.number for step in verified.steps] == list(range(len(TITLES)))
    assert {step.number for step in verified.steps if step.status == "NOT CHECKED"} == {1, 6, 12, 13}
    assert {step.number for step in verified.steps if step.status == "VERIFIED"} == {
        0,
        2,
        3,
        4,
        5,
        7,
        8,
        9,
        10,
        11,
        14,
        15,
    }
    assert not verified.adverse
    assert dict(verified.holdings) == {
        "BTC": 125000000,
        "ETH": 10 * 10**18,
        "DUSD": 2_500_500_000,
        "JPY": 300_000,
    }


def test_what_was_not_handed_over_is_not_checked(exchange: Exchange) -> None:
    statuses = {step.number: step.status for step in exchange.verify(files=lambda _: None).steps}
    assert (statuses[9], statuses[10], statuses[11]) == ("NOT CHECKED",) * 3


def test_withheld_records_leave_the_recheck_unfinished(exchange: Exchange) -> None:
    lines = exchange.files["evidence-public.jsonl"].splitlines(keepends=True)
    withheld = b"".join(line for line in lines if b'"wallet":"btc-hot"' not in line)

    def withhold(value: Any) -> None:
        from hashlib import sha256

        value["subject"][0]["digest"]["sha256"] = sha256(withheld).hexdigest()

    verified = exchange.verify(exchange.resigned(withhold), files={"evidence-public.jsonl": withheld}.get)
    (step,) = [step for step in verified.steps if step.number == 11]
    assert step.status == "NOT CHECKED"
    assert "9 of 10 balances" in step.detail


def test_the_auditors_edition_is_used_where_it_is_at_hand(exchange: Exchange) -> None:
    auditor = (exchange.outcome.private / "evidence.jsonl").read_bytes()
    verified = exchange.verify(files=(exchange.files | {"evidence.jsonl": auditor}).get)
    (step,) = [step for step in verified.steps if step.number == 9]
    assert "34 of 34 records" in step.detail


def test_an_expired_statement_is_verified_but_not_met(exchange: Exchange) -> None:
    late = exchange.verify(now=NOW + timedelta(days=46))
    assert late.steps[15].status == "NOT MET"
    assert late.adverse
    assert exchange.verify(now=NOW - timedelta(seconds=1)).steps[15].status == "NOT MET"


def test_a_shortfall_is_verified_and_adverse(exchange: Exchange) -> None:
    def shrink(value: Any) -> None:
        value["predicate"]["money"][0]["amount"] = "1"

    verified = exchange.verify(exchange.resigned(shrink), files=lambda _: None)
    assert verified.adverse
    assert [item.asset for item in verified.coverage if not item.met] == ["JPY"]


def test_a_surplus_in_one_asset_does_not_offset_a_shortfall_in_another(exchange: Exchange) -> None:
    def shift(value: Any) -> None:
        without_figures(value["predicate"])
        for line in value["predicate"]["reserves"]:
            if line["purpose"] == "customer":
                line["amount"] = line["amount"] + "000" if line["asset"] == "BTC" else "1"

    verified = exchange.verify(exchange.resigned(shift), files=lambda _: None)
    assert {item.asset: item.met for item in verified.coverage} == {
        "BTC": True,
        "ETH": False,
        "DUSD": False,
        "JPY": True,
    }


def test_guarantee_and_compensation_coins_do_not_cover_customers(exchange: Exchange) -> None:
    def repurpose(value: Any) -> None:
        without_figures(value["predicate"])
        for line in value["predicate"]["reserves"]:
            if line["asset"] == "BTC" and line["purpose"] == "customer":
                line["amount"] = "1"

    verified = exchange.verify(exchange.resigned(repurpose), files=lambda _: None)
    (btc,) = [item for item in verified.coverage if item.asset == "BTC"]
    assert btc.held_total == 2


def set_path(value: Any, path: str, new: Any) -> None:
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        value = value[part]
    value[last] = new


CONTRADICTIONS = {
    "assets out of order": lambda p: p["assets"].reverse(),
    "an asset twice": lambda p: p["assets"].insert(0, p["assets"][0]),
    "trees out of order": lambda p: p["liabilities"]["trees"].reverse(),
    "a tree twice": lambda p: p["liabilities"]["trees"].insert(0, p["liabilities"]["trees"][0]),
    "a tree without an asset": lambda p: p["assets"].pop(0),
    "reserves out of order": lambda p: p["reserves"].reverse(),
    "a line of reserves twice": lambda p: p["reserves"].insert(0, p["reserves"][0]),
    "reserves on an unknown chain": lambda p: p["chains"].pop(),
    "chains out of order": lambda p: p["chains"].reverse(),
    "a block from the future": lambda p: set_path(p, "chains.0.time", "2027-01-01T00:00:00Z"),
    "issued before the snapshot": lambda p: p.update(issuedAt="2026-10-01T00:00:00Z"),
    "expired when issued": lambda p: p.update(expiresAt=p["issuedAt"]),
    "a tree of no leaves that owes": lambda p: set_path(p, "liabilities.trees.0.size", 0),
    "negative accounts without a sum": lambda p: set_path(p, "liabilities.trees.0.negativeAccounts", 3),
    "one bank document behind two lines": lambda p: p["money"].append(p["money"][0]),
    "reserves beyond 128 bits": lambda p: [line.update(amount=str(2**128 - 1)) for line in p["reserves"]],
    "money in an unknown currency": lambda p: set_path(p, "money.0.currency", "USD"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_statement_that_contradicts_itself_fails_whoever_signed_it(case: str, exchange: Exchange) -> None:
    bundle = exchange.resigned(lambda value: CONTRADICTIONS[case](value["predicate"]))
    assert exchange.failing_step(bundle, files=lambda _: None) == (8, "statement/arithmetic")


@pytest.mark.parametrize(("sequence", "previous"), [(1, None), (0, "ab" * 32)])
def test_only_the_first_statement_has_no_previous_one(sequence: int, previous: Any, exchange: Exchange) -> None:
    bundle = exchange.resigned(lambda value: value["predicate"].update(sequence=sequence, previous=previous))
    assert exchange.failing_step(bundle) == (7, "statement/sequence")


MALFORMED = {
    "an unknown field": lambda s: s["predicate"].update(coverage="101 %"),
    "an unknown field deep down": lambda s: s["predicate"]["reserves"][0].update(note="x"),
    "a field missing": lambda s: s["predicate"].pop("scope"),
    "an amount as a number": lambda s: s["predicate"]["reserves"][0].update(amount=5),
    "a negative amount": lambda s: s["predicate"]["reserves"][0].update(amount="-5"),
    "an over-long amount": lambda s: s["predicate"]["reserves"][0].update(amount="1" * 40),
    "an amount of 2^128": lambda s: s["predicate"]["reserves"][0].update(amount=str(2**128)),
    "a month 13": lambda s: s["predicate"].update(period="2026-13"),
    "an unknown scheme": lambda s: s["predicate"]["liabilities"].update(scheme="merkle-sum-md5/v1"),
    "a policy this version cannot recompute": lambda s: s["predicate"]["policies"].append({"id": "x"}),
    "a subject outside the folder": lambda s: s["subject"][0].update(name="../evidence-public.jsonl"),
    "an upper-case digest": lambda s: s["subject"][0]["digest"].update(
        sha256=s["subject"][0]["digest"]["sha256"].upper().replace("0", "A")
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_statement_is_refused_at_the_strict_parse(case: str, exchange: Exchange) -> None:
    assert exchange.failing_step(exchange.resigned(MALFORMED[case])) == (5, "document/invalid")


def test_other_spellings_of_the_statement_are_refused(exchange: Exchange) -> None:

    pretty = json.dumps(json.loads(exchange.payload), indent=1).encode()
    assert exchange.failing_step(signed_bundle(pretty, exchange.signer)) == (5, "document/not-canonical")


@pytest.mark.parametrize(
    "change",
    [
        {"predicateType": "urn:attest-por:proof-of-reserves:v2"},
        {"predicateType": "urn:attest-por:auditor-report:v1"},
        {"predicateType": None},
        {"_type": "https://in-toto.io/Statement/v0.1"},
    ],
)
def test_another_predicate_is_refused_before_it_is_read(change: dict[str, Any], exchange: Exchange) -> None:
    assert exchange.failing_step(exchange.resigned(lambda value: value.update(change))) == (4, "statement/type")


def test_another_payload_type_is_refused_though_signed(exchange: Exchange) -> None:

    bundle = signed_bundle(exchange.payload, exchange.signer, "application/json")
    assert exchange.failing_step(bundle) == (4, "statement/type")


def test_a_key_that_did_not_sign_is_a_missed_threshold(exchange: Exchange) -> None:
    stranger = Signer.generate("ed25519").public
    assert exchange.failing_step(exchange_keys=[stranger]) == (3, "signature/threshold")


def test_no_keys_or_no_threshold_is_a_mistake_of_the_caller_and_never_a_pass(exchange: Exchange) -> None:
    key = exchange.signer.public
    for keys, threshold in (([], 0), ([], 1), ([key], 0), ([key, key], 2)):
        with pytest.raises(ValueError, match="threshold"):
            exchange.verify(exchange_keys=keys, threshold=threshold)


def test_the_verified_bytes_are_the_ones_returned(exchange: Exchange) -> None:
    verified = exchange.verify()
    assert verified.statement.to_bytes() == exchange.payload
    assert dumps(verified.statement.to_value()) == exchange.payload
    assert isinstance(verified.statement.predicate.issued_at, datetime)


def test_verification_error_is_what_a_failed_step_raises(exchange: Exchange) -> None:
    with pytest.raises(VerificationError):
        exchange.verify(exchange_keys=[Signer.generate("ed25519").public])


def test_where_the_customers_coins_are_kept_is_what_was_funded(exchange: Exchange) -> None:
    plan = load_plan()
    funded: dict[tuple[str, str, str], int] = {}
    for wallet in plan.bitcoin.wallets:
        key = ("BTC", wallet.purpose, wallet.storage)
        funded[key] = funded.get(key, 0) + wallet.amount
    for account in plan.ethereum.wallets:
        for asset, amount in (("ETH", account.eth), ("DUSD", account.dusd)):
            key = (asset, account.purpose, account.storage)
            funded[key] = funded.get(key, 0) + amount
    found = {item.asset: item for item in segregation(exchange.verify().statement.predicate)}
    assert found.keys() == {"BTC", "DUSD", "ETH"}
    for asset, item in found.items():
        assert (item.cold, item.hot, item.other) == (
            funded[asset, "customer", "cold"],
            funded[asset, "customer", "hot"],
            0,
        )
        assert item.guarantee == funded[asset, "guarantee", "cold"]
        assert item.matched


def test_hot_coins_without_as_many_guarantee_coins_are_told(exchange: Exchange) -> None:
    def move(value: Any) -> None:
        for line in value["predicate"]["reserves"]:
            if (line["asset"], line["purpose"]) == ("BTC", "guarantee"):
                line["amount"] = "1249999999"

    verified = exchange.verify(exchange.resigned(move), files=lambda _: None)
    found = {item.asset: item for item in segregation(verified.statement.predicate)}
    assert (found["BTC"].matched, found["ETH"].matched) == (False, True)
    (row,) = [line for line in segregation_table(verified).splitlines() if "BTC" in line and "matched" in line]
    assert "NOT MET" in row
    assert "12.49999999 for 12.50000000 outside cold storage" in row
    verdicts = {item["asset"]: item["verdict"] for item in segregation_document(verified) if "matched" in item["check"]}
    assert verdicts == {"BTC": "NOT MET", "DUSD": "NOT CHECKED", "ETH": "NOT CHECKED"}
