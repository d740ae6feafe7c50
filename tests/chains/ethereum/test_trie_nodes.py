"""Trie nodes that several proofs need: stored once, and nothing of a hidden wallet among what is public."""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attest.chains.ethereum import trie_nodes
from attest.chains.ethereum.proof import by_hash
from attest.chains.ethereum.records import EthereumBalance, EthereumSafe, EthereumTokenBalance, TrieNodes
from attest.chains.ethereum.trie_nodes import Shared, needed, proven_amount, share_nodes
from attest.chains.records import Reading
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.exchange.stated import reserve_lines
from attest.verification.evidence.recheck import recheck
from tests.examples import examples
from tests.world.tries import CHAINS, World, nodes_in, used_by, world


@st.composite
def registers(draw: st.DrawFn) -> tuple[list[World], set[str]]:
    """One or two chains with the same wallets, and those that are hidden."""
    wallets = [f"w{number}" for number in draw(st.lists(st.integers(0, 60), min_size=1, max_size=7, unique=True))]
    hidden = draw(st.sets(st.sampled_from(wallets)))
    chains = CHAINS[: draw(st.integers(1, 2))]
    return [world(chain, wallets, draw(st.sampled_from([0, 1, 20, 60]))) for chain in chains], hidden


def shared_of(worlds: Sequence[World], hidden: set[str]) -> Shared:
    return share_nodes([record for one in worlds for record in one.readings], hidden)


def everything(shared: Shared) -> list[Record]:
    return [*shared.private, *shared.public, *shared.records]


def public_records(shared: Shared, hidden: set[str]) -> list[Any]:
    return [*shared.public, *(record for record in shared.records if record.wallet not in hidden)]  # type: ignore[attr-defined]


MANY = [f"w{number}" for number in range(16)]
_OF_MANY = world(CHAINS[0], MANY, 60)
ALL_HIDDEN = ([_OF_MANY], set(MANY))
ONE_PUBLIC = ([_OF_MANY], set(MANY[1:]))
EXAMPLES = examples(40)


@EXAMPLES
@example(ALL_HIDDEN)
@example(ONE_PUBLIC)
@given(registers())
def test_shared_proofs_show_the_same_amounts(register: tuple[list[World], set[str]]) -> None:
    worlds, hidden = register
    shared = shared_of(worlds, hidden)
    before = [reading for one in worlds for reading in one.readings]
    assert [record.to_value() | {"proof": []} for record in shared.records] == [
        record.to_value() | {"proof": []} for record in before
    ]
    records = [*(one.header for one in worlds), *everything(shared)]
    found = recheck(
        dict(enumerate(records)),
        decimals={"ETH": 18, "DAI": 18},
        pins=[one.pin for one in worlds],
        reserves=reserve_lines(before),
    )
    assert found.readings == found.readings_stated == len(before)


@EXAMPLES
@example(ALL_HIDDEN)
@example(ONE_PUBLIC)
@given(registers())
def test_every_node_is_there_and_stored_once(register: tuple[list[World], set[str]]) -> None:
    worlds, hidden = register
    shared = shared_of(worlds, hidden)
    stored = nodes_in(everything(shared))
    assert set(stored) == used_by(worlds, [reading.wallet for one in worlds for reading in one.readings])
    public = nodes_in(public_records(shared, hidden))
    assert len(set(public)) == len(public)
    # What one public reading and hidden ones need is stored for either, so that the former does not show the latter.
    private = Counter(stored) - Counter(public)
    assert set(private.values()) <= {1}
    users = Counter(node for one in worlds for r in one.readings if r.wallet not in hidden for node in nodes_in([r]))
    assert {users[node] for node in set(public) & set(private)} <= {1}
    # And what a single reading needs stays with it.
    assert all(users[node] > 1 for node in nodes_in(shared.public))
    hidden_users = Counter(node for one in worlds for r in one.readings if r.wallet in hidden for node in nodes_in([r]))
    assert all(hidden_users[node] > 1 for node in nodes_in(shared.private))


@EXAMPLES
@example(ALL_HIDDEN)
@example(ONE_PUBLIC)
@given(registers())
def test_what_is_public_is_what_it_would_be_without_the_hidden_wallets(register: tuple[list[World], set[str]]) -> None:
    worlds, hidden = register
    public = public_records(shared_of(worlds, hidden), hidden)
    alone = [
        World(one.chain, one.header, [reading for reading in one.readings if reading.wallet not in hidden])
        for one in worlds
    ]
    expected = public_records(shared_of(alone, set()), set())
    assert [record.to_value() | {"salt": ""} for record in public] == [
        record.to_value() | {"salt": ""} for record in expected
    ]
    # So neither the leaf of a hidden wallet nor any node that only hidden wallets use is in it.
    names = {reading.wallet for one in worlds for reading in one.readings}
    assert not set(nodes_in(public)) & (used_by(worlds, hidden) - used_by(worlds, names - hidden))
    leaves = {(one.chain, reading.proof[-1]) for one in worlds for reading in one.readings if reading.wallet in hidden}
    assert not set(nodes_in(public)) & leaves


@EXAMPLES
@example(ALL_HIDDEN)
@example(ONE_PUBLIC)
@given(registers())
def test_a_private_record_holds_only_what_each_wallet_that_needs_it_uses(
    register: tuple[list[World], set[str]],
) -> None:
    worlds, hidden = register
    shared = shared_of(worlds, hidden)
    for record in shared.private:
        users = [name for name in hidden if used_by(worlds, [name]) & set(nodes_in([record]))]
        assert users
        for name in users:
            assert set(nodes_in([record])) <= used_by(worlds, [name])


@EXAMPLES
@example(ALL_HIDDEN)
@example(ONE_PUBLIC)
@given(registers())
def test_exactly_the_shared_records_that_a_proof_goes_through_are_needed(
    register: tuple[list[World], set[str]],
) -> None:
    worlds, hidden = register
    shared = shared_of(worlds, hidden)
    for one in worlds:
        for wallet in list(dict.fromkeys(reading.wallet for reading in one.readings))[:3]:
            check_needed(shared, one, wallet)


def check_needed(shared: Shared, one: World, wallet: str) -> None:
    whole = [reading for reading in one.readings if reading.wallet == wallet]
    own: list[Any] = [
        record
        for record in shared.records
        if isinstance(record, Reading) and (record.chain, record.wallet) == (one.chain, wallet)
    ]
    records = {
        index: record
        for index, record in enumerate(everything(shared))
        if isinstance(record, TrieNodes) and record.chain == one.chain
    }

    def amounts(indices: Iterable[int]) -> list[int]:
        nodes = by_hash(node for index in indices for node in records[index].nodes)
        return [proven_amount(item, one.state_root, ChainMap(by_hash(item.proof), nodes), {}) for item in own]

    enough = needed(own, one.state_root, records)
    assert amounts(enough) == [reading.amount for reading in whole]
    for index in enough:
        with pytest.raises(VerificationError):
            amounts(enough - {index})


def test_proofs_that_do_not_lead_to_their_amount_need_nothing_but_an_error() -> None:
    one = world(CHAINS[0], ["a", "b"], 20)
    shared = share_nodes(one.readings, set())
    broken = dict(enumerate(shared.public[:-1]))
    with pytest.raises(VerificationError):
        needed(shared.records[:1], one.state_root, broken)  # type: ignore[arg-type]


def test_a_wallet_without_an_account_is_proven_to_hold_nothing() -> None:
    wallets = [f"w{number}" for number in range(8)]
    one = world(CHAINS[0], wallets, 20, absent=wallets[:4])
    shared = share_nodes(one.readings, {"w1", "w6"})
    nodes = by_hash(node for record in (*shared.public, *shared.private) for node in record.nodes)
    amounts = [
        proven_amount(item, one.state_root, ChainMap(by_hash(item.proof), nodes), {})
        for item in shared.records
        if isinstance(item, EthereumBalance | EthereumTokenBalance)
    ]
    assert amounts == [reading.amount for reading in one.readings]
    assert amounts[:8] == [0] * 8
    assert 0 not in amounts[8:]


def test_records_of_another_kind_stay_as_they_are() -> None:
    one = world(CHAINS[0], ["a"], 0)
    assert share_nodes([one.header], {"a"}) == Shared([one.header])


def test_one_record_does_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trie_nodes, "_MAX_NODES", 3)
    one = world(CHAINS[0], [f"w{number}" for number in range(40)], 200)
    for hidden in (set(), {reading.wallet for reading in one.readings}):
        shared = share_nodes(one.readings, hidden)
        records = shared.private if hidden else shared.public
        assert len(records) > 3
        assert all(0 < len(record.nodes) <= 3 for record in records)


def test_the_proof_of_a_safe_is_shared_and_hidden_as_readings_are() -> None:
    one = world(CHAINS[0], MANY, 60)
    hidden = set(MANY[::2])
    own = {reading.wallet: reading for reading in one.readings if isinstance(reading, EthereumBalance)}
    safes = [
        EthereumSafe(
            type="ethereum-safe",
            salt=bytes(16),
            chain=one.chain,
            wallet=name,
            address=reading.address,
            owners=(reading.address,),
            threshold=1,
            version="1.4.1",
            proof=(*reading.proof, b"owners of " + name.encode()),
        )
        for name, reading in own.items()
    ]
    shared = share_nodes([*one.readings, *safes], hidden)
    public = nodes_in(public_records(shared, hidden))
    assert len(set(public)) == len(public)
    assert not set(public) & {(one.chain, safe.proof[-1]) for safe in safes if safe.wallet in hidden}
    assert not set(public) & (used_by([one], hidden) - used_by([one], set(MANY) - hidden))
    alone = [item for item in (*one.readings, *safes) if item.wallet not in hidden]
    expected = share_nodes(alone, set())
    assert nodes_in(public_records(expected, set())) == public
    stored = {node for _, node in nodes_in(everything(shared))}
    for before, after in zip(safes, shared.records[len(one.readings) :], strict=True):
        assert isinstance(after, EthereumSafe)
        # What only the Safe needs stays with it; what its wallet's balance needs too is stored once.
        assert after.proof == before.proof[-1:]
        assert stored.issuperset(before.proof)
