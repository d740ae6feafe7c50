"""The page and Python say the same of what was changed and signed again; `tests/release` tries 50,000."""

from __future__ import annotations

from copy import deepcopy
from hashlib import sha256

import pytest

from attest.canonical import dumps
from tests.web.given import Given, differences
from tests.web.mutated import Maker, bundle, pem, public_lines, restate, state_evidence
from tests.web.page import PageInNode
from tests.web.trying import hold_against_python

COUNT = 300


def test_the_page_and_python_say_the_same(page: PageInNode, maker: Maker) -> None:
    tried = hold_against_python(page, maker, 1, range(COUNT))
    assert tried.faults == []
    # Were most of it refused at once, nothing would have been compared.
    assert tried.figures["past step 5"] > COUNT // 3
    assert tried.figures["to the end"] > COUNT // 10
    assert tried.figures["left to others"] < COUNT // 5
    assert tried.figures["of another code"] <= COUNT // 200


@pytest.mark.parametrize("changed", [{}, {"wallet": "eth-hot"}])
def test_a_wallet_that_two_records_describe_in_two_ways_fails_in_both(
    changed: dict[str, str], page: PageInNode, maker: Maker
) -> None:
    base = next(base for base in maker.readable if base.name == "v1: one key")
    records, statement = deepcopy(base.records), deepcopy(base.statement)
    first = next(record for record in records if record.get("wallet") == "eth-guarantee")
    first |= changed
    lines = [dumps(record) for record in records]
    tree = state_evidence(statement, lines)
    statement["predicate"]["policies"] = []
    public = b"".join(dumps(line) + b"\n" for line in public_lines(tree, records))
    restate(statement, lines)
    statement["subject"] = [{"name": "evidence-public.jsonl", "digest": {"sha256": sha256(public).hexdigest()}}]
    made = Given(
        bundle=dumps(bundle(dumps(statement))),
        at=base.given.at,
        keys=[pem("x")],
        files={"evidence-public.jsonl": public},
    )
    outcome = page.judge(made)
    assert (outcome.code is None) is (not changed)
    assert list(differences(outcome, made.in_python())) == []
