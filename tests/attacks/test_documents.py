"""Attacks on what rests on documents: lines without one, and one that counts twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attest.attestation.arithmetic import declaration_order
from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.demo.exchange import CONFIG_FILE
from attest.errors import MalformedError
from attest.exchange.config import read_config
from attest.exchange.documents.cover_and_prices import read_documents
from attest.exchange.documents.money import bank_documents
from attest.exchange.surroundings import Surroundings
from attest.policy.inputs import Declaration
from attest.verification.anchors import Sources
from tests.conftest import NOW, Exchange
from tests.world.forger import Forger, leaf_of


@pytest.fixture
def forger(exchange: Exchange) -> Forger:
    return Forger(exchange)


def guarantee(leaf: str) -> dict[str, Any]:
    term = {"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    return {
        "form": "bank-guarantee",
        "currency": "JPY",
        "limit": "1000000000000",
        "conditions": {"customersBenefit": True, **term},
        "evidenceLeaf": leaf,
    }


def posture(predicate: Any) -> None:
    said = {"kind": "posture", "name": "threat-led-test-2", "until": "2027-03-31T00:00:00Z", "evidenceLeaf": "00" * 32}
    lines = [*predicate["declarations"], said]
    lines.sort(key=lambda item: declaration_order(Declaration.from_value(item, what="a declaration")))
    predicate["declarations"] = lines


UNFOUNDED: dict[str, Callable[[Any], object]] = {
    "a guarantee": lambda p: p["cover"].append(guarantee("00" * 32)),
    "a security measure": posture,
    "money": lambda p: p["money"].append(
        {"currency": "JPY", "purpose": "compensation", "amount": "1", "evidenceLeaf": "00" * 32}
    ),
}


@pytest.mark.parametrize("case", UNFOUNDED)
def test_a_line_behind_which_no_document_stands_is_not_passed(case: str, exchange: Exchange) -> None:
    bundle = exchange.resigned(lambda value: UNFOUNDED[case](value["predicate"]))
    step = exchange.verify(bundle).step("evidence")
    assert step.status == "NOT CHECKED"
    assert step.detail.endswith(
        "not available here: 1 of 34 records; shown is nothing of 1 of the documents and declarations"
    )
    # Who has all evidence knows that there is none.
    auditor = exchange.files | {AUDITOR_EVIDENCE: (exchange.outcome.private / AUDITOR_EVIDENCE).read_bytes()}
    assert exchange.failing_step(bundle, sources=Sources(auditor.get)) == (11, "recheck/documents")


def test_prices_from_no_file_are_not_passed(exchange: Exchange) -> None:
    lines = exchange.files[PUBLIC_EVIDENCE].splitlines(keepends=True)
    withheld = b"".join(line for line in lines if b'"type":"prices"' not in line)

    def withhold(value: Any) -> None:
        from hashlib import sha256

        (public,) = (item for item in value["subject"] if item["name"] == PUBLIC_EVIDENCE)
        public["digest"]["sha256"] = sha256(withheld).hexdigest()

    files = exchange.files | {PUBLIC_EVIDENCE: withheld}
    assert (
        exchange.verify(exchange.resigned(withhold), sources=Sources(files.get)).step("evidence").status
        == "NOT CHECKED"
    )


def test_a_second_list_of_prices_is_refused(forger: Forger) -> None:
    forger.records.append({**forger.of_type("prices"), "salt": "00" * 16})
    assert forger.publish() == (11, "policy/prices")


def test_a_contract_does_not_count_in_two_forms(forger: Forger) -> None:
    twin = {**forger.of_type("cover"), "form": "bank-guarantee", "limit": "1000000000000", "salt": "00" * 16}
    forger.records.append(twin)
    assert forger.publish(lambda p: p["cover"].append(guarantee(leaf_of(twin)))) == (11, "policy/cover")


def test_a_deposit_is_not_also_cover(forger: Forger) -> None:
    money = forger.of_type("money")
    cover = {
        **forger.of_type("cover"),
        "form": "bank-guarantee",
        "limit": "1000000000000",
        "sha256": money["sha256"],
        "salt": "00" * 16,
    }
    forger.records.append(cover)
    assert forger.publish(lambda p: p["cover"].append(guarantee(leaf_of(cover)))) == (11, "policy/cover")


def test_customers_money_is_not_also_set_aside_for_compensation(forger: Forger) -> None:
    customers, reserve = (record for record in forger.records if record["type"] == "money")
    reserve["sha256"] = customers["sha256"]
    assert forger.publish() == (11, "recheck/money")


def test_a_document_behind_two_tables_of_the_config_is_refused(exchange: Exchange) -> None:
    config = read_config(exchange.folder / CONFIG_FILE)
    money, (contract,) = config.money, config.cover
    read_documents(config, "2026-10", Surroundings(exchange.folder, NOW, {}))
    for twice in (
        [contract, contract.model_copy(update={"form": "bank-guarantee"})],
        [contract.model_copy(update={"document": money[1].document})],
    ):
        with pytest.raises(MalformedError, match=r"two of \[\[cover\]\], \[\[money\]\] and \[\[held\]\]"):
            read_documents(
                config.model_copy(update={"cover": tuple(twice)}), "2026-10", Surroundings(exchange.folder, NOW, {})
            )
    same = (money[0], money[1].model_copy(update={"document": money[0].document}))
    with pytest.raises(MalformedError, match="stands behind two"):
        bank_documents(config.model_copy(update={"money": same}), "2026-10", exchange.folder)
