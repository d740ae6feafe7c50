"""The fast build equals the naive tree, whatever the size, the order, the spilling and the chunks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.amounts import MAX_AMOUNT
from attest.errors import AttestError, MalformedError, VerificationError
from attest.liabilities.accounts import normalise_account
from attest.liabilities.columns.balances import Accounts, Columns
from attest.liabilities.columns.leaves import LeafMaker
from attest.liabilities.columns.levels import level_above
from attest.liabilities.proof import prove, verify_inclusion
from attest.liabilities.snapshot import write as tree_files
from attest.liabilities.snapshot.open import AssetTree
from attest.liabilities.snapshot.write import AssetBuilder, BuiltTree
from attest.liabilities.splitting import MAX_PARTS, Splitting
from attest.liabilities.tree import StatedTree, account_digest, join
from tests import naive
from tests.examples import examples

SECRET = bytes(range(32))
STATEMENT = b"\x01" * 32
NOBODY = Accounts(np.empty(0, np.uint8), np.zeros(1, np.int64))


def balances(rows: Sequence[tuple[str, int]], asset: str = "BTC") -> Columns:
    names = [normalise_account(account).encode() for account, _ in rows]
    offsets = np.cumsum([0, *map(len, names)], dtype=np.int64)
    amounts = b"".join(amount.to_bytes(16) for _, amount in rows)
    accounts = Accounts(np.frombuffer(b"".join(names), np.uint8), offsets)
    return Columns(asset, accounts, np.frombuffer(amounts, np.uint8).reshape(-1, 16), NOBODY)


def build(
    folder: Path, rows: Sequence[tuple[str, int]], *, batch: int = 100, decoys: int = 0, **options: Any
) -> BuiltTree:
    builder = AssetBuilder("BTC", SECRET, folder, **options)
    for start in range(0, len(rows), batch):
        builder.add(balances(rows[start : start + batch]))
    if decoys:
        builder.add_decoys(decoys)
    built, files = builder.finish()
    assert sorted(file.name for file in files) == sorted(path.name for path in folder.iterdir())
    return built


def prefixes(built: BuiltTree) -> list[bytes]:
    """The prefixes of the accounts that come twice."""
    return [int(key).to_bytes(8) for key in built.repeated().tolist()]


def opened(folder: Path, built: BuiltTree, stack: ExitStack) -> AssetTree:
    stated = StatedTree(
        asset="BTC",
        size=built.size,
        root=built.root,
        total=built.total,
        negative_accounts=0,
        negative_total=0,
    )
    return AssetTree(folder, stated, SECRET, stack)


def customers(count: int, seed: int = 1) -> list[tuple[str, int]]:
    draw = random.Random(seed)  # noqa: S311
    rows = [
        (f"customer-{number}", draw.randrange(1, 2 ** draw.choice([1, 20, 63, 64, 65, 100]))) for number in range(count)
    ]
    draw.shuffle(rows)
    return rows


@cache
def naive_tree(size: int) -> naive.Tree:
    return naive.Tree.build("BTC", SECRET, [naive.Row(account, 0, amount) for account, amount in customers(size)])


@pytest.fixture(params=[18, 9], ids=["one chunk", "many chunks"])
def chunk_level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_files, "_CHUNK_LEVEL", request.param)
    monkeypatch.setattr(tree_files, "_CHUNK", 1 << request.param)


@pytest.mark.usefixtures("chunk_level")
@pytest.mark.parametrize("budget", [1 << 30, 1000], ids=["in memory", "spilled"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2560, 3000])
def test_fast_and_naive_trees_and_all_their_proofs_are_equal(size: int, budget: int, tmp_path: Path) -> None:
    rows = customers(size)
    built = build(tmp_path, rows, budget=budget)
    tree = naive_tree(size)
    assert (built.size, built.root, built.total, built.duplicates) == (tree.size, tree.root, tree.total, [])
    with ExitStack() as stack:
        fast = opened(tmp_path, built, stack)
        for account, _ in rows[:: max(1, size // 50)]:
            assert fast.owned(account) == tree.owned(account)
            (place,) = fast.owned(account)
            assert fast.audit_path(place.leaf_index) == tree.audit_path(place.leaf_index)
            proof = prove(STATEMENT, account, [fast])
            assert proof == prove(STATEMENT, account, [tree])
            verify_inclusion(proof, statement=STATEMENT, trees={"BTC": tree.stated})
        assert fast.owned("nobody") == []


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=20)


@examples(50)
@given(ledger=st.dictionaries(names.map(normalise_account), st.integers(1, 2**120), max_size=30), data=st.data())
def test_any_ledger_in_any_order_and_batching_has_the_naive_root(
    ledger: dict[str, int], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = data.draw(st.permutations(sorted(ledger.items())))
    built = build(tmp_path_factory.mktemp("built"), rows, batch=data.draw(st.integers(1, 31)))
    tree = naive.Tree.build("BTC", SECRET, [naive.Row(account, 0, amount) for account, amount in ledger.items()])
    assert (built.size, built.root, built.total) == (tree.size, tree.root, tree.total)


def test_the_protocols_trees_come_out_of_the_fast_build(vectors: Any, tmp_path: Path) -> None:
    for number, vector in enumerate(vectors["trees"]):
        if any(part for _, part, _ in vector["rows"]):
            continue  # the naive tree reproduces the vector of a split balance, and the splitting test equals it
        folder = tmp_path / str(number)
        folder.mkdir()
        builder = AssetBuilder(vector["asset"], bytes.fromhex(vectors["secret"]), folder)
        builder.add(balances([(account, int(amount)) for account, _, amount in vector["rows"]], vector["asset"]))
        built, _ = builder.finish()
        assert (built.size, built.root.hex(), str(built.total)) == (vector["size"], vector["root"], vector["total"])


@pytest.mark.parametrize(
    "splitting", [Splitting(parts=3), Splitting(max_part=1000), Splitting(max_part=2**64)], ids=str
)
def test_a_split_balance_adds_up_and_its_parts_are_bounded(splitting: Splitting, tmp_path: Path) -> None:
    rows = [("one", 1), ("two", 2), ("five", 5), ("bound", 1000), ("more", 1001), ("many", 123_456), ("huge", 2**70)]
    rows = [row for row in rows if splitting.max_part is None or row[1] // splitting.max_part < MAX_PARTS // 2]
    built = build(tmp_path, rows, splitting=splitting)
    assert built.total == sum(amount for _, amount in rows)
    parts: list[naive.Row] = []
    with ExitStack() as stack:
        tree = opened(tmp_path, built, stack)
        for account, amount in rows:
            owned = tree.owned(account)
            assert [place.part for place in owned] == list(range(len(owned)))
            assert sum(place.amount for place in owned) == amount
            assert all(place.amount > 0 for place in owned)
            if splitting.max_part is not None:
                assert max(place.amount for place in owned) <= splitting.max_part
                assert amount > splitting.max_part or len(owned) == 1
            parts += [naive.Row(account, place.part, place.amount) for place in owned]
            proof = prove(STATEMENT, account, [tree])
            assert verify_inclusion(proof, statement=STATEMENT, trees={"BTC": tree.stated}) == (("BTC", amount),)
    assert naive.Tree.build("BTC", SECRET, parts).root == built.root


def test_a_balance_is_not_split_into_more_parts_than_a_proof_can_hold(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="257 parts of at most 1000 base units"):
        build(tmp_path, [("whale", 128_000)], splitting=Splitting(max_part=1000))


def test_decoys_are_leaves_of_nothing_as_the_protocol_has_them(tmp_path: Path) -> None:
    import hmac

    from attest.liabilities.tree import asset_key, leaf

    key = asset_key(SECRET, "BTC")
    decoys = []
    for number in range(5):
        digest = hmac.digest(key, b"decoy" + number.to_bytes(16), "sha256")
        decoys.append(leaf(hmac.digest(key, digest + bytes(4), "sha256"), digest, 0).hash)
    made = LeafMaker(key).decoys(5)
    assert [row.tobytes() for row in made.hashes] == decoys
    built = build(tmp_path, [("alice", 7)], decoys=5)
    assert (built.size, built.total) == (6, 7)


def test_an_account_that_comes_twice_is_found(tmp_path: Path) -> None:
    rows = customers(2000)
    built = build(tmp_path, [*rows, (rows[7][0], 5), (rows[1500][0], 6)], budget=1000)
    assert len(built.repeated()) == 2


def test_a_row_without_a_leaf_counts_as_the_accounts_row(tmp_path: Path) -> None:
    builder = AssetBuilder("BTC", SECRET, tmp_path)
    rows = balances([("alice", 5), ("bob", 6)])
    zero = balances([("bob", 1), ("carol", 1), ("dave", 1), ("dave", 1)]).accounts
    builder.add(Columns("BTC", rows.accounts, rows.amounts, zero))
    built, _ = builder.finish()
    assert prefixes(built) == sorted(account_digest(name)[:8] for name in ("bob", "dave"))


def test_two_equal_rows_are_found(tmp_path: Path) -> None:
    built = build(tmp_path, [("alice", 5), ("bob", 6), ("alice", 5)])
    assert prefixes(built) == [account_digest("alice")[:8]]


@pytest.mark.parametrize("amounts", [(MAX_AMOUNT, 1), (2**127, 2**127), (2**127, 2**128 - 1)])
def test_a_total_beyond_128_bits_is_refused(amounts: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="128 bits"):
        build(tmp_path, list(zip(("alice", "bob"), amounts, strict=True)))


@given(amounts=st.lists(st.integers(0, MAX_AMOUNT), min_size=1, max_size=20))
def test_levels_of_arrays_equal_join(amounts: list[int]) -> None:
    nodes = np.zeros((len(amounts), 48), np.uint8)
    nodes[:, 32:] = np.frombuffer(b"".join(amount.to_bytes(16) for amount in amounts), np.uint8).reshape(-1, 16)
    expected = [naive.SumNode(bytes(32), amount) for amount in amounts]
    try:
        expected = [
            join(*expected[i : i + 2]) if i + 1 < len(expected) else expected[i] for i in range(0, len(expected), 2)
        ]
    except VerificationError:
        with pytest.raises(VerificationError):
            level_above(nodes)
        return
    above = level_above(nodes)
    assert [row.tobytes() for row in above] == [node.hash + node.sum.to_bytes(16) for node in expected]


def test_a_changed_file_does_not_prove(tmp_path: Path) -> None:
    rows = customers(1000)
    built = build(tmp_path, rows)
    for name, offset in (("BTC.leaves", 0), ("BTC.leaves", 47), ("BTC.nodes", 3), ("BTC.accounts", 9)):
        path = tmp_path / name
        data = path.read_bytes()
        path.write_bytes(bytes(byte ^ (1 if i % 48 == offset else 0) for i, byte in enumerate(data)))
        with ExitStack() as stack, pytest.raises(AttestError):
            tree = opened(tmp_path, built, stack)
            prove(STATEMENT, rows[0][0], [tree])
            prove(STATEMENT, rows[1][0], [tree])
            pytest.fail(name)
        path.write_bytes(data)
    (tmp_path / "BTC.leaves").write_bytes(b"short")
    with ExitStack() as stack, pytest.raises(MalformedError, match=r"has 5 bytes; the manifest says 48,000"):
        opened(tmp_path, built, stack)
