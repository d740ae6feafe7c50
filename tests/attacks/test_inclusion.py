"""Attacks on what a customer checks, by an exchange that wants to owe less than it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from attest.canonical import dumps
from attest.errors import AttestError, MalformedError, VerificationError
from attest.liabilities.proof import InclusionProof, ProvenAsset, ProvenLeaf, prove, verify_inclusion
from attest.liabilities.tree import (
    StatedTree,
    SumNode,
    account_digest,
    asset_key,
    join,
    leaf,
    leaf_salt,
)
from attest.merkle import tagged_hash
from attest.verification.anchors import Known
from tests.conftest import SECRET, Exchange
from tests.naive import Row, Tree

STATEMENT = b"\x01" * 32


def stated(root: SumNode, size: int) -> dict[str, StatedTree]:
    return {
        "BTC": StatedTree(asset="BTC", size=size, root=root.hash, total=root.sum, negative_accounts=0, negative_total=0)
    }


def proof_of(account: str, amount: int, index: int, path: list[SumNode]) -> InclusionProof:
    salt = leaf_salt(asset_key(SECRET, "BTC"), account_digest(account), 0)
    proven = ProvenLeaf(index=index, salt=salt, amount=amount, path=tuple((node.hash, node.sum) for node in path))
    return InclusionProof(
        format="attest/inclusion-proof/v1",
        statement=STATEMENT,
        account=account,
        holdings=(ProvenAsset(asset="BTC", leaves=(proven,)),),
    )


def leaf_of(account: str, amount: int) -> SumNode:
    digest = account_digest(account)
    return leaf(leaf_salt(asset_key(SECRET, "BTC"), digest, 0), digest, amount)


def total_only(left: SumNode, right: SumNode) -> SumNode:
    """The flawed node of several exchanges: it hashes the sum of the children, not each child's sum."""
    total = left.sum + right.sum
    return SumNode(tagged_hash("attest/v1/node", left.hash + right.hash + total.to_bytes(16)), total)


@pytest.mark.parametrize("node", [join, total_only])
def test_either_sum_forgery(node: Callable[[SumNode, SumNode], SumNode], monkeypatch: pytest.MonkeyPatch) -> None:
    """Maxwell: two customers are owed 100 each, the published total is 100, and each is shown the other as 0."""
    monkeypatch.setattr("attest.liabilities.proof.join", node)
    alice, bob = sorted([leaf_of("alice", 100), leaf_of("bob", 100)])
    names = ["alice", "bob"] if alice == leaf_of("alice", 100) else ["bob", "alice"]
    published = node(alice, bob._replace(sum=0))
    shown_to_first = proof_of(names[0], 100, 0, [bob._replace(sum=0)])
    shown_to_second = proof_of(names[1], 100, 1, [alice._replace(sum=0)])
    verify_inclusion(shown_to_first, statement=STATEMENT, trees=stated(published, 2))
    if node is total_only:
        verify_inclusion(shown_to_second, statement=STATEMENT, trees=stated(published, 2))
    else:
        with pytest.raises(VerificationError, match="does not lead to the root"):
            verify_inclusion(shown_to_second, statement=STATEMENT, trees=stated(published, 2))


def test_a_root_with_a_smaller_total_is_refused() -> None:
    alice, bob = sorted([leaf_of("alice", 100), leaf_of("bob", 60)])
    root = join(alice, bob)
    name = "alice" if alice.sum == 100 else "bob"
    proof = proof_of(name, alice.sum, 0, [bob])
    verify_inclusion(proof, statement=STATEMENT, trees=stated(root, 2))
    for total in (100, 159, 161, 0):
        with pytest.raises(VerificationError, match="root and total"):
            verify_inclusion(proof, statement=STATEMENT, trees=stated(root._replace(sum=total), 2))


def test_one_leaf_cannot_serve_two_customers() -> None:
    """Both are owed 100; the tree holds one leaf of 100 and both are told it is theirs."""
    tree = Tree.build("BTC", SECRET, [Row("alice", 0, 100), Row("carol", 0, 7)])
    alice = leaf_of("alice", 100)
    path = tree.audit_path(tree.index(alice))
    trees = stated(SumNode(tree.root, tree.total), tree.size)
    honest = proof_of("alice", 100, tree.index(alice), path)
    verify_inclusion(honest, statement=STATEMENT, trees=trees)
    for salt in (honest.holdings[0].leaves[0].salt, leaf_salt(asset_key(SECRET, "BTC"), account_digest("bob"), 0)):
        shown = honest.holdings[0].leaves[0].model_copy(update={"salt": salt})
        clash = honest.model_copy(update={"account": "bob", "holdings": (ProvenAsset(asset="BTC", leaves=(shown,)),)})
        with pytest.raises(VerificationError, match="does not lead"):
            verify_inclusion(clash, statement=STATEMENT, trees=trees)


def test_one_leaf_shown_twice_does_not_count_twice() -> None:
    tree = Tree.build("BTC", SECRET, [Row("alice", 0, 100), Row("carol", 0, 7)])
    index = tree.index(leaf_of("alice", 100))
    proof = proof_of("alice", 100, index, tree.audit_path(index))
    trees = stated(SumNode(tree.root, tree.total), tree.size)
    (holding,) = proof.holdings
    for holdings in (
        (holding.model_copy(update={"leaves": holding.leaves * 2}),),
        (holding, holding),
    ):
        with pytest.raises(VerificationError, match="twice"):
            verify_inclusion(proof.model_copy(update={"holdings": holdings}), statement=STATEMENT, trees=trees)


def edit(exchange: Exchange, change: Callable[[Any], object]) -> bytes:
    value = json.loads(exchange.proof())
    change(value)
    return dumps(value)


def leaf_in(value: Any) -> Any:
    return value["holdings"][0]["leaves"][0]


def sums(value: Any, sibling: int, amount: str) -> None:
    leaf_in(value)["path"][sibling][1] = amount


FALSE = {
    "the proof of another statement": lambda v: v.update(statement="00" * 32),
    "the proof of one more statement": lambda v: v.update(statement="ff" * 32),
    "another account": lambda v: v.update(account="margin-call@example.com"),
    "a larger amount": lambda v: leaf_in(v).update(amount=str(int(leaf_in(v)["amount"]) + 1)),
    "a smaller amount": lambda v: leaf_in(v).update(amount="0"),
    "another index": lambda v: leaf_in(v).update(index=leaf_in(v)["index"] ^ 1),
    "an index beyond the tree": lambda v: leaf_in(v).update(index=2**40),
    "another salt": lambda v: leaf_in(v).update(salt="00" * 32),
    "a path one too short": lambda v: leaf_in(v)["path"].pop(),
    "a path one too long": lambda v: leaf_in(v)["path"].append(leaf_in(v)["path"][-1]),
    "no path": lambda v: leaf_in(v).update(path=[]),
    "siblings swapped": lambda v: leaf_in(v)["path"].insert(0, leaf_in(v)["path"].pop(1)),
    "a sibling's hash changed": lambda v: leaf_in(v)["path"].__setitem__(3, ["00" * 32, leaf_in(v)["path"][3][1]]),
    "a sibling's sum changed": lambda v: sums(v, 0, "1"),
    "a sibling's sum moved to the next": lambda v: sums(v, 0, "0"),
    "sums that leave 128 bits": lambda v: sums(v, 0, str(2**128 - 1)),
    "an asset the statement lacks": lambda v: v["holdings"][0].update(asset="DOGE"),
    "another asset's tree": lambda v: v["holdings"][0].update(asset="ETH"),
}

MALFORMED = {
    "a negative sum": lambda v: sums(v, 0, "-1"),
    "an over-long sum": lambda v: sums(v, 0, "9" * 40),
    "a sum of 2^128": lambda v: sums(v, 0, str(2**128)),
    "a sum with a leading zero": lambda v: sums(v, 0, "01"),
    "a sum with a plus": lambda v: sums(v, 0, "+1"),
    "a sum with full-width digits": lambda v: sums(v, 0, "１"),  # noqa: RUF001
    "an empty sum": lambda v: sums(v, 0, ""),
    "a sum as a number": lambda v: leaf_in(v)["path"][0].__setitem__(1, 1),
    "a negative amount": lambda v: leaf_in(v).update(amount="-100"),
    "a negative index": lambda v: leaf_in(v).update(index=-1),
    "an index as text": lambda v: leaf_in(v).update(index="0"),
    "a root of its own": lambda v: v.update(root="00" * 32),
    "a tree size of its own": lambda v: v["holdings"][0].update(size=1),
    "a direction of its own": lambda v: leaf_in(v)["path"][0].append("left"),
    "an algorithm of its own": lambda v: v.update(algorithm="md5"),
    "another format": lambda v: v.update(format="attest/inclusion-proof/v2"),
    "no holdings": lambda v: v.update(holdings=[]),
    "no leaves": lambda v: v["holdings"][0].update(leaves=[]),
    "a path of 65": lambda v: leaf_in(v).update(path=leaf_in(v)["path"][:1] * 65),
    "an account of white space": lambda v: v.update(account=" "),
}


CODES = {
    "the proof of another statement": "proof/statement",
    "the proof of one more statement": "proof/statement",
    "an index beyond the tree": "path/index",
    "a path one too short": "path/length",
    "a path one too long": "path/length",
    "no path": "path/length",
    "sums that leave 128 bits": "tree/overflow",
    "an asset the statement lacks": "proof/asset",
}


@pytest.mark.parametrize("case", FALSE)
def test_a_false_proof_fails_at_step_10(case: str, exchange: Exchange) -> None:
    found = exchange.failing_step(known=Known(proof=edit(exchange, FALSE[case])))
    if case == "another asset's tree":
        assert found in {(10, "path/length"), (10, "proof/root")}
    else:
        assert found == (10, CODES.get(case, "proof/root"))


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_proof_is_refused(case: str, exchange: Exchange) -> None:
    with pytest.raises(MalformedError):
        exchange.verify(known=Known(proof=edit(exchange, MALFORMED[case])))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"index":', b'"index":0,"index":', 1),
        lambda data: data.replace(b'"account":', b'"account":"x","account":', 1),
        lambda data: data[:-1],
        lambda data: data + b"{}",
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b'"index":', b'"index":1e0,"i":', 1),
        lambda data: data.replace(b'"index":', b'"index":NaN,"i":', 1),
        lambda data: b" " * (1024 * 1024 + 1 - len(data)) + data,
        lambda _: b"[" * 10_000_000,
        lambda _: b"",
        lambda _: b"null",
    ],
    ids=["index twice", "account twice", "cut", "more", "BOM", "float", "NaN", "too long", "deep", "empty", "null"],
)
def test_a_proof_that_is_no_strict_json_is_refused(change: Callable[[bytes], bytes], exchange: Exchange) -> None:
    with pytest.raises(MalformedError):
        exchange.verify(known=Known(proof=change(exchange.proof())))


@pytest.mark.parametrize(("part", "most"), [("path", 64), ("leaves", 4096), ("holdings", 1024)])
def test_every_list_in_a_proof_is_bounded(part: str, most: int) -> None:
    value = proof_of("alice", 1, 0, [SumNode(bytes(32), 0)]).to_value()
    (holding,) = value["holdings"]
    parent = {"path": holding["leaves"][0], "leaves": holding, "holdings": value}[part]
    (item,) = parent[part]
    for count, fits in ((0, part == "path"), (1, True), (most, True), (most + 1, False)):
        parent[part] = [item] * count
        with nullcontext() if fits else pytest.raises(MalformedError):
            InclusionProof.from_value(value, what="the proof")


def test_a_proof_has_room_for_a_mebibyte(exchange: Exchange) -> None:
    proof = exchange.proof()
    assert (
        exchange.verify(known=Known(proof=b" " * (1024 * 1024 - len(proof)) + proof)).step("inclusion").status
        == "VERIFIED"
    )


def test_a_refusal_says_which_leaf_or_asset_and_what_to_do(exchange: Exchange) -> None:
    with pytest.raises(VerificationError) as caught:
        exchange.verify(known=Known(proof=edit(exchange, FALSE["the proof of another statement"])))
    assert "of the same month" in str(caught.value.hint)
    with pytest.raises(VerificationError, match="the statement has no tree of DOGE"):
        exchange.verify(known=Known(proof=edit(exchange, FALSE["an asset the statement lacks"])))
    with pytest.raises(MalformedError, match="the inclusion proof"):
        exchange.verify(known=Known(proof=b"{}"))
    tree = Tree.build("BTC", SECRET, [Row("alice", 0, 100)])
    with pytest.raises(MalformedError) as missing:
        prove(STATEMENT, "bob", [tree])
    assert (missing.value.code, missing.value.message) == (
        "prove/account",
        "account 'bob' has no balance in the snapshot",
    )
    assert "zero and negative balances have no proof" in str(missing.value.hint)


def test_each_customers_proof_verifies_and_nobody_elses_account_does(exchange: Exchange) -> None:
    for account in ("holder-of-one-satoshi@example.jp", "holder-of-one-wei@example.jp"):
        proof = exchange.proof(account)
        ((_, amount),) = exchange.verify(known=Known(proof=proof)).holdings
        assert amount == 1
        with pytest.raises(AttestError):
            exchange.verify(known=Known(proof=proof.replace(account.encode(), b"hanako@example.jp")))
