"""The JSON Schemas that ship with the package say of every document on the wire what the models say."""

from __future__ import annotations

import base64
import json
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import resources
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from attest.attestation.statement import Statement, parse_statement
from attest.canonical import dumps
from attest.errors import AttestError
from attest.liabilities.proof import InclusionProof
from attest.verification.policies import inputs_of
from fixtures.schemas import DOCUMENTS, schema
from tests.conftest import FIXTURES, Exchange
from tests.examples import examples
from tests.fuzz.mutations import mutated
from tests.fuzz.parsers import FINDINGS, Parser, table
from tests.world.control import confirmation, proof

CORPUS = FIXTURES / "corpus" / "v1"


def validator(name: str) -> Draft202012Validator:
    data = resources.files("attest").joinpath("schemas", f"{name}.json").read_bytes()
    return Draft202012Validator(json.loads(data))


def test_the_schemas_are_those_of_the_models() -> None:
    shipped = {path.name for path in resources.files("attest").joinpath("schemas").iterdir()}
    assert shipped == {f"{name}.json" for name in DOCUMENTS}
    for name in DOCUMENTS:
        found = resources.files("attest").joinpath("schemas", f"{name}.json").read_bytes()
        assert found == schema(name), "run python fixtures/schemas.py"
        Draft202012Validator.check_schema(json.loads(found))


def test_no_schema_speaks_of_values_that_are_not_on_the_wire() -> None:
    for name in DOCUMENTS:
        text = schema(name).decode()
        assert '"binary"' not in text, name
        assert "\\p{" not in text, name
    amount = json.loads(schema("inclusion-proof"))["$defs"]["ProvenLeaf"]["properties"]["amount"]
    assert (amount["type"], amount["pattern"]) == ("string", "^(?:0|[1-9][0-9]{0,38})$")


def envelope_documents(value: Any) -> Iterator[tuple[str, Any]]:
    yield "envelope", value
    payload = json.loads(base64.b64decode(value["payload"]))
    names = {
        "urn:attest-por:proof-of-reserves:v1": "statement",
        "urn:attest-por:auditor-report:v1": "auditor-report",
        None: "trust-root",
    }
    yield names[payload.get("predicateType")], payload


def corpus_documents() -> Iterator[tuple[str, Any]]:
    """Every document of the cases that are not refused for their form."""
    cases = json.loads((CORPUS / "index.json").read_text(encoding="utf-8"))["cases"]
    for case in cases:
        if len(case["steps"]) <= 6:
            continue
        bundle = json.loads((CORPUS / case["bundle"]).read_bytes())
        yield "bundle", bundle
        for envelope in (bundle["envelope"], *bundle["trustRoots"], *bundle["auditorReports"]):
            yield from envelope_documents(envelope)
        if "proof" in case:
            yield "inclusion-proof", json.loads((CORPUS / case["proof"]).read_bytes())
        if "trustRoot" in case:
            yield from envelope_documents(json.loads((CORPUS / case["trustRoot"]).read_bytes()))
        for name, path in case.get("files", {}).items() if len(case["steps"]) > 10 else ():
            kind = {"evidence-public.jsonl": "evidence-public-line", "evidence.jsonl": "evidence-record"}.get(name)
            if kind is not None:
                yield from ((kind, json.loads(line)) for line in (CORPUS / path).read_bytes().splitlines())


def test_every_document_of_the_corpus_is_what_its_schema_says() -> None:
    validators = {name: validator(name) for name in DOCUMENTS}
    seen: dict[str, set[bytes]] = {}
    for name, document in corpus_documents():
        known = seen.setdefault(name, set())
        if (spelled := dumps(document)) not in known:
            known.add(spelled)
            validators[name].validate(document)
    assert {name: len(known) > 0 for name, known in seen.items()}.keys() == DOCUMENTS.keys() - {
        "challenges", "custody-confirmation", "findings", "pack", "policy-inputs", "reserves"
    }  # fmt: skip


@pytest.fixture(scope="module")
def parsers(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Parser]:
    return table(exchange, tmp_path_factory.mktemp("parsers"))


def test_documents_that_are_in_no_bundle_are_what_their_schemas_say(
    exchange: Exchange, parsers: dict[str, Parser]
) -> None:
    predicate = parse_statement(exchange.payload).predicate
    documents: dict[str, Any] = {
        "reserves": json.loads((exchange.outcome.private / "reserves.json").read_bytes()),
        "policy-inputs": inputs_of(predicate).to_value(),
        "findings": tomllib.loads(FINDINGS),
        "challenges": json.loads(parsers["challenges.json"].seeds[0]),
        "custody-confirmation": confirmation(1, 2).confirmation.to_value(),
        "pack": json.loads(parsers["pack"].seeds[0]),
    }
    for name, document in documents.items():
        validator(name).validate(document)
    for record in (proof(1), confirmation(1)):
        validator("evidence-record").validate(record.to_value())


FALSE: dict[str, Callable[[Any], object]] = {
    "a number for an amount": lambda v: v["predicate"]["reserves"][0].update(amount=1),
    "an amount with a sign": lambda v: v["predicate"]["reserves"][0].update(amount="+1"),
    "a digest in capitals": lambda v: v["predicate"]["evidence"].update(root="AB" * 32),
    "a digest that is too short": lambda v: v["predicate"]["evidence"].update(root="ab" * 31),
    "a time with fractions": lambda v: v["predicate"].update(issuedAt="2026-11-02T03:10:00.5Z"),
    "a time as a number": lambda v: v["predicate"].update(issuedAt=1_793_588_400),
    "an unknown field": lambda v: v["predicate"].update(verified=True),
    "a field under its name in Python": lambda v: v["predicate"].update(issued_at=v["predicate"].pop("issuedAt")),
    "a name with a line break": lambda v: v["predicate"]["entity"].update(name="A\nB"),
    "a name that changes direction": lambda v: v["predicate"]["entity"].update(name="A\u202eB"),
}


@pytest.mark.parametrize("case", FALSE)
def test_what_a_model_refuses_for_its_form_its_schema_refuses_too(case: str, exchange: Exchange) -> None:
    value = json.loads(exchange.payload)
    FALSE[case](value)
    with pytest.raises(AttestError):
        Statement.from_value(value, what="x")
    assert not validator("statement").is_valid(value)


@settings(examples(150), suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**64))
def test_a_schema_refuses_nothing_that_its_model_takes(exchange: Exchange, seed: int) -> None:
    for name, model, good in (
        ("statement", Statement, exchange.payload),
        ("inclusion-proof", InclusionProof, exchange.proof()),
    ):
        data = mutated(Random(seed), [good])  # noqa: S311
        with suppress(AttestError):
            document = model.from_json(data, what="x", max_bytes=1 << 20)
            validator(name).validate(document.to_value())
