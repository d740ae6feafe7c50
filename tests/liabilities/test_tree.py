from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.amounts import MAX_AMOUNT
from attest.errors import MalformedError, VerificationError
from attest.liabilities.accounts import normalise_account
from attest.liabilities.proof import prove, verify_inclusion
from attest.liabilities.tree import (
    EMPTY_ROOT,
    StatedTree,
    SumNode,
    account_digest,
    asset_key,
    check_trees,
    join,
    leaf,
    leaf_salt,
)
from attest.merkle import tagged_hash
from tests.naive import Row, Tree

STATEMENT = b"\x01" * 32


def test_tagged_hash_vectors(vectors: Any) -> None:
    for vector in vectors["tagged_hash"]:
        assert tagged_hash(vector["tag"], bytes.fromhex(vector["message"])).hex() == vector["hash"]


def test_account_digest_vectors_normalise_to_nfc(vectors: Any) -> None:
    for vector in vectors["account_digest"]:
        assert account_digest(vector["account"]).hex() == vector["digest"]


def test_leaf_vectors(vectors: Any) -> None:
    secret = bytes.fromhex(vectors["secret"])
    for vector in vectors["leaf"]:
        key = asset_key(secret, vector["asset"])
        digest = account_digest(vector["account"])
        salt = leaf_salt(key, digest, vector["part"])
        assert key.hex() == vector["asset_key"]
        assert salt.hex() == vector["salt"]
        assert leaf(salt, digest, int(vector["amount"])).hash.hex() == vector["hash"]


def test_node_vectors(vectors: Any) -> None:
    for vector in vectors["node"]:
        left, right, parent = (
            SumNode(bytes.fromhex(vector[name][0]), int(vector[name][1])) for name in ("left", "right", "parent")
        )
        assert join(left, right) == parent


def test_tree_vectors(vectors: Any) -> None:
    secret = bytes.fromhex(vectors["secret"])
    for vector in vectors["trees"]:
        rows = [Row(account, part, int(amount)) for account, part, amount in vector["rows"]]
        tree = Tree.build(vector["asset"], secret, rows)
        assert (tree.size, tree.root.hex(), str(tree.total)) == (vector["size"], vector["root"], vector["total"])
        for expected in vector["proofs"]:
            (row,) = [row for row in rows if row.account == expected["account"]]
            proof = prove(STATEMENT, row.account, [tree])
            (proven,) = proof.holdings[0].leaves
            assert (proven.index, proven.salt.hex(), str(proven.amount)) == (
                expected["index"],
                expected["salt"],
                expected["amount"],
            )
            assert [[node.hex(), str(amount)] for node, amount in proven.path] == expected["path"]
            verify_inclusion(proof, statement=STATEMENT, trees={tree.asset: tree.stated})


def _is_account(text: str) -> bool:
    try:
        normalise_account(text)
    except MalformedError:
        return False
    return True


accounts = st.text(min_size=1, max_size=40).filter(_is_account)
ledgers = st.dictionaries(accounts.map(normalise_account), st.integers(1, 2**120), min_size=1, max_size=40)


@given(ledger=ledgers, secret=st.binary(min_size=32, max_size=32), seed=st.integers())
def test_any_ledger_in_any_order_has_one_root_and_proofs_for_all(
    ledger: dict[str, int], secret: bytes, seed: int
) -> None:
    rows = [Row(account, 0, amount) for account, amount in ledger.items()]
    tree = Tree.build("BTC", secret, rows)
    shuffled = rows.copy()
    random.Random(seed).shuffle(shuffled)  # noqa: S311
    assert Tree.build("BTC", secret, shuffled).root == tree.root
    assert tree.total == sum(ledger.values())
    assert tree.size == len(ledger)
    for row in rows:
        proof = prove(STATEMENT, row.account, [tree])
        (holding,) = verify_inclusion(proof, statement=STATEMENT, trees={"BTC": tree.stated})
        assert holding == ("BTC", row.amount)


@given(parts=st.lists(st.integers(1, 2**100), min_size=2, max_size=10))
def test_a_split_balance_adds_up(parts: list[int]) -> None:
    rows = [Row("alice", part, amount) for part, amount in enumerate(parts)]
    tree = Tree.build("ETH", bytes(32), [*rows, Row("bob", 0, 7)])
    proof = prove(STATEMENT, "alice", [tree])
    assert verify_inclusion(proof, statement=STATEMENT, trees={"ETH": tree.stated}) == (("ETH", sum(parts)),)


STATED = StatedTree(asset="BTC", size=4, root=bytes(32), total=10, negative_accounts=1, negative_total=2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 5}, "size 5, not 4"),
        ({"root": b"\1" * 32}, f"root {'01' * 32}, not {'00' * 32}"),
        ({"total": 11}, "total 11, not 10"),
        ({"negative_accounts": 0}, "negativeAccounts 0, not 1"),
        ({"negative_total": 3, "size": 3}, "size 3, not 4, negativeTotal 3, not 2"),
    ],
)
def test_a_tree_that_a_ledger_does_not_lead_to_is_named_with_what_differs(changes: Any, said: str) -> None:
    other = STATED.model_copy(update={"asset": "ETH"})
    check_trees([STATED, other], [other, STATED])
    with pytest.raises(VerificationError) as caught:
        check_trees([other, STATED], [other, STATED.model_copy(update=changes)])
    assert caught.value.code == "ledger/tree"
    assert caught.value.message == f"the ledger leads to another tree of BTC: {said}"
    assert "which of them changed" in str(caught.value.hint)


def test_a_ledger_leads_to_all_stated_trees_and_to_no_others() -> None:
    other = STATED.model_copy(update={"asset": "ETH"})
    with pytest.raises(VerificationError, match="leads to no tree of ETH"):
        check_trees([STATED, other], [STATED])
    with pytest.raises(VerificationError, match="also leads to a tree of ETH"):
        check_trees([STATED], [other, STATED])


def test_another_secret_or_asset_gives_another_root() -> None:
    rows = [Row("alice", 0, 1)]
    roots = {Tree.build(asset, secret, rows).root for asset in ("BTC", "ETH") for secret in (bytes(32), b"\1" * 32)}
    assert len(roots) == 4


def test_the_empty_tree_has_the_root_of_the_protocol(vectors: Any) -> None:
    (empty,) = [vector for vector in vectors["tagged_hash"] if vector["tag"] == "attest/v1/empty"]
    tree = Tree.build("BTC", bytes(32), [])
    assert (tree.size, tree.root, tree.total) == (0, EMPTY_ROOT, 0)
    assert EMPTY_ROOT.hex() == empty["hash"]


def test_two_equal_leaves_are_refused() -> None:
    with pytest.raises(MalformedError, match="same leaf"):
        Tree.build("BTC", bytes(32), [Row("alice", 0, 5), Row("alice", 0, 5)])


def test_a_total_beyond_128_bits_is_refused() -> None:
    assert Tree.build("BTC", bytes(32), [Row("alice", 0, MAX_AMOUNT - 1), Row("bob", 0, 1)]).total == MAX_AMOUNT
    with pytest.raises(VerificationError, match="128 bits"):
        Tree.build("BTC", bytes(32), [Row("alice", 0, MAX_AMOUNT), Row("bob", 0, 1)])


@pytest.mark.parametrize("account", ["a", "x" * 256, "界" * 85 + "x", "a b", "a\u200db"])
def test_an_account_may_be_of_256_bytes(account: str) -> None:
    assert normalise_account(account) == account


def test_an_account_is_measured_before_it_could_take_minutes_to_normalise() -> None:
    with pytest.raises(MalformedError, match=r"has 1,?000,?001 bytes"):
        normalise_account("a" + "\u0301\u0316" * 250_000)


@pytest.mark.parametrize("account", ["", " alice", "alice\u3000", "a\nb", "a\x7fb", "x" * 257, "界" * 86, "a\ud800"])
def test_what_cannot_identify_a_customer_is_refused(account: str) -> None:
    with pytest.raises(MalformedError):
        normalise_account(account)
