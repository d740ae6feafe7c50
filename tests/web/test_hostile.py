"""Hostile input in node: nothing but the page's own errors, and none that takes long."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.web.given import Given, corpus
from tests.web.mutated import Maker, bundle, pem
from tests.web.page import PageInNode
from tests.web.trying import try_anyhow

GOOD = Given.of_case(*corpus()["v1: one key"])
COUNT = 1000


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
