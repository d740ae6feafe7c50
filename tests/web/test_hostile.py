"""Hostile input in node: nothing but the page's own errors, and none that takes long."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from hashlib import sha256

import pytest

from attest.canonical import dumps
from tests.web.given import Given, corpus
from tests.web.mutated import Maker, bundle, pem, state_evidence
from tests.web.page import PageInNode
from tests.web.trying import try_anyhow

GOOD = Given.of_case(*corpus()["v1: one key"])
COUNT = 300


def test_bytes_changed_anyhow_bring_forth_only_the_pages_own_errors(page: PageInNode, maker: Maker) -> None:
    assert try_anyhow(page, maker, 1, range(COUNT)).faults == []


_MIB = 1024 * 1024
LARGE = {
    "nothing": b"",
    "zeros": bytes(8 * _MIB),
    "brackets": b"[" * (10 * _MIB),
    "braces": b'{"":' * (2 * _MIB),
    "one string": b'"' + b"a" * (10 * _MIB) + b'"',
    "escapes": b'"' + b"\\u0041" * _MIB + b'"',
    "spaces": b" " * (10 * _MIB) + b"{}",
    "one number": b"9" * (10 * _MIB),
    "commas": b"[" + b"0," * (5 * _MIB) + b"0]",
    "fields": b"{" + b",".join(b'"%d":0' % number for number in range(1 << 17)) + b"}",
    "lines": b"\n" * (10 * _MIB),
    "combining marks": json.dumps({"a": "e" + "\u0301" * (3 * _MIB)}, ensure_ascii=False).encode(),
    "base64": b'{"payload":"' + b"A" * (10 * _MIB) + b'"}',
}


@pytest.mark.parametrize("name", LARGE)
def test_ten_megabytes_of_anything_are_refused_soon(name: str, page: PageInNode) -> None:
    data = LARGE[name]
    assert page.judge(replace(GOOD, bundle=data)).steps == ("FAILED",)
    for file in ("evidence-public.jsonl", "evidence.jsonl"):
        outcome = page.judge(replace(GOOD, files={**GOOD.files, file: data}))
        assert (len(outcome.steps), outcome.code is None) in {(10, False), (16, True)}, outcome


@pytest.mark.parametrize("name", ["brackets", "one string", "fields"])
def test_they_are_refused_wherever_they_stand(name: str, page: PageInNode) -> None:
    data = LARGE[name]
    assert page.judge(replace(GOOD, proof=data)).steps == ("FAILED",)
    assert page.judge(replace(GOOD, pack=data)).steps == ("FAILED",)
    assert page.judge(replace(GOOD, keys=[data])).steps == ()
    assert page.judge(replace(GOOD, keys=(), trust_root=data)).steps == ()
    assert len(page.judge(replace(GOOD, previous=data)).steps) == 8


@pytest.mark.parametrize("name", LARGE)
def test_a_signed_statement_that_is_one_of_them_is_refused_soon(name: str, page: PageInNode) -> None:
    outer = json.dumps(bundle(LARGE[name][: 700 * 1024])).encode()
    outcome = page.judge(replace(GOOD, bundle=outer, keys=[pem("x")]))
    assert outcome.code is not None
    assert len(outcome.steps) == 5


KEY = "tpubDEC1g7BQygXnyUw8DoBADUq1zXd1qtW9AVfxJZU1nizgVarwgtVeQqDwBntWNqPtBrp3coxKSqBmrT7snsZJmkAbZAqhXk5fEUEWL8ALUpa"


def test_descriptors_that_lead_nowhere_are_given_up_all_together(page: PageInNode, maker: Maker) -> None:
    base = next(base for base in maker.readable if base.name == "v1: one key")
    statement, records = deepcopy(base.statement), deepcopy(base.records)
    reading = next(record for record in records if record["type"] == "bitcoin-utxos")
    for number in range(50):
        wallet = {"wallet": f"w{number}", "salt": f"{number:032x}"}
        utxo = reading["utxos"][0] | {"txid": f"{number:064x}", "script": f"0014{number:040x}"}
        records.append(reading | wallet | {"utxos": [utxo], "amount": utxo["amount"]})
        descriptor = f"wsh(multi(1,{','.join([f'{KEY}/{key}/*' for key in range(15)])}))"
        records.append({"type": "bitcoin-descriptor", "descriptor": descriptor, "range": [0, 99_999], **wallet})
    lines = [dumps(record) for record in records]
    state_evidence(statement, lines)
    statement["subject"] = [{"name": "evidence-public.jsonl", "digest": {"sha256": sha256(b"").hexdigest()}}]
    files = {"evidence-public.jsonl": b"", "evidence.jsonl": b"".join(line + b"\n" for line in lines)}
    made = Given(bundle=dumps(bundle(dumps(statement))), at=base.given.at, keys=[pem("x")], files=files)
    assert len(page.judge(made).steps) == 12
