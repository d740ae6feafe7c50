"""An unfinished reading on disk: what was kept is found again, and a cut or foreign file is never taken for it."""

from __future__ import annotations

import json
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.records import BitcoinUtxos, Utxo
from attest.chains.ethereum.records import EthereumBalance, EthereumTokenAnswer
from attest.chains.read import AnyRead
from attest.chains.records import DroppedNode, NodeAgreement
from attest.chains.wallets import Pin, Unlisted
from attest.errors import AttestError, MalformedError, UnavailableError
from attest.reserves.journal import Journal, Shelf
from tests.examples import examples

REGISTER = bytes(range(32))
BITCOIN, ETHEREUM = "bip122:000000000019d6689c085ae165831e93", "eip155:1"
PINS = [
    Pin(chain=chain, height=height, block_hash=bytes([height]) * 32, time=datetime(2026, 10, 31, 15, tzinfo=UTC))
    for chain, height in ((BITCOIN, 144), (ETHEREUM, 100))
]
OF: dict[str, Any] = {"salt": bytes(16), "purpose": "customer", "storage": "cold"}
READINGS: dict[str, list[AnyRead]] = {
    BITCOIN: [
        BitcoinUtxos(
            type="bitcoin-utxos",
            **OF,
            chain=BITCOIN,
            wallet="btc",
            asset="BTC",
            level="agreed",
            amount=7,
            utxos=(Utxo(txid=b"\x01" * 32, vout=0, script=b"\x51", amount=7, height=9),),
        )
    ],
    f"{ETHEREUM} ETH 0": [
        EthereumBalance(
            type="ethereum-balance",
            **OF,
            custodian="貸金庫",
            chain=ETHEREUM,
            wallet="eth",
            asset="ETH",
            level="proven",
            amount=10**30,
            address="0x" + "11" * 20,
            proof=(b"\xc0", b"\x80" * 40),
        )
    ],
    f"{ETHEREUM} DAI 0": [
        EthereumTokenAnswer(
            type="ethereum-token-answer",
            **OF,
            chain=ETHEREUM,
            wallet="eth",
            asset="DAI",
            level="agreed",
            amount=0,
            address="0x" + "11" * 20,
            contract="0x" + "22" * 20,
        )
    ],
}


def agreement(chain: str, agreed: str, **dropped: str) -> NodeAgreement:
    return NodeAgreement(
        type="nodes",
        salt=bytes(16),
        chain=chain,
        needed=2,
        agreed=tuple(agreed),
        dropped=tuple(DroppedNode(name=name, reason=reason) for name, reason in dropped.items()),
    )


AGREEMENTS = {
    BITCOIN: agreement(BITCOIN, "abc"),
    f"{ETHEREUM} ETH 0": agreement(ETHEREUM, "abc"),
    f"{ETHEREUM} DAI 0": agreement(ETHEREUM, "ac", b="nodes/differs"),
}
State = tuple[tuple[Pin, ...], dict[str, Any], dict[str, Any]]


def state(journal: Journal) -> State:
    """All that a journal gives back."""
    return (
        journal.pins,
        {key: found for key in READINGS if (found := journal.records(key)) is not None},
        {pin.chain: found for pin in PINS if (found := journal.agreement(pin.chain)) is not None},
    )


def fill(path: Path) -> list[State]:
    """Keep everything in a journal at `path`; what it holds after each step."""
    journal = Journal(path, REGISTER)
    states = [state(journal)]
    for pin in PINS:
        journal.keep_pin(pin)
        states.append(state(journal))
        for key, readings in READINGS.items():
            if key.startswith(pin.chain):
                assert journal.keep(key, readings, AGREEMENTS[key]) == tuple(readings)
                states.append(state(journal))
    return states


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "2026-10.reading"


def test_what_was_kept_is_found_again(path: Path) -> None:
    whole = fill(path)[-1]
    assert state(Journal(path, REGISTER)) == whole
    assert whole == (
        tuple(PINS),
        {key: tuple(readings) for key, readings in READINGS.items()},
        {BITCOIN: AGREEMENTS[BITCOIN], ETHEREUM: AGREEMENTS[f"{ETHEREUM} DAI 0"]},
    )
    assert Journal(path, REGISTER).pin(ETHEREUM) == PINS[1]
    assert Journal(path, REGISTER).pin("eip155:5") is None


def test_who_failed_is_found_again_apart_from_who_differed(path: Path) -> None:
    journal = Journal(path, REGISTER)
    key = f"{ETHEREUM} ETH 0"
    journal.keep(key, READINGS[key], agreement(ETHEREUM, "ab", c="nodes/slow", d="nodes/differs"), ["c"])
    assert Journal(path, REGISTER).failed(ETHEREUM) == ("c",)
    assert Journal(path, REGISTER).failed(BITCOIN) == ()
    journal.keep("more", [], agreement(ETHEREUM, "abc", d="nodes/differs"))
    assert Journal(path, REGISTER).failed(ETHEREUM) == ()


def test_all_that_was_kept_of_a_chain_comes_with_its_block(path: Path) -> None:
    fill(path)
    journal = Journal(path, REGISTER)
    drawn = PINS[1].model_copy(update={"height": 90, "block_hash": bytes(32)})
    journal.keep_window_pin(drawn)
    key = f"{ETHEREUM} ETH 0"
    Shelf(journal, 90).keep(key, READINGS[key], AGREEMENTS[key])
    journal.keep(f"{ETHEREUM} safes", [], AGREEMENTS[key])
    found = list(Journal(path, REGISTER).kept(ETHEREUM))
    assert found == [
        (PINS[1], tuple(READINGS[key])),
        (PINS[1], tuple(READINGS[f"{ETHEREUM} DAI 0"])),
        (drawn, tuple(READINGS[key])),
        (PINS[1], ()),
    ]
    assert list(Journal(path, REGISTER).kept(BITCOIN)) == [(PINS[0], tuple(READINGS[BITCOIN]))]
    assert list(Journal(path, REGISTER).kept("eip155:5")) == []


@pytest.mark.parametrize("key", [f"{ETHEREUM} ETH 0 window 91", f"{ETHEREUM} ETH 0"])
def test_what_was_kept_at_a_block_that_is_not_named_is_an_error(key: str, path: Path) -> None:
    Journal(path, REGISTER).keep(key, READINGS[f"{ETHEREUM} ETH 0"], AGREEMENTS[f"{ETHEREUM} ETH 0"])
    with pytest.raises(MalformedError, match="at a block that it does not name") as caught:
        list(Journal(path, REGISTER).kept(ETHEREUM))
    assert caught.value.code == "journal/block"


def test_what_does_not_count_is_found_again_though_it_is_nothing(path: Path) -> None:
    unlisted = (Unlisted(wallet="eth", asset="DAI", amount=str(2**256 - 1)),)
    journal = Journal(path, REGISTER)
    assert journal.unlisted(ETHEREUM) is None
    assert journal.keep_unlisted(ETHEREUM, iter(unlisted)) == unlisted
    journal.keep_unlisted(BITCOIN, [])
    found = Journal(path, REGISTER)
    assert (found.unlisted(ETHEREUM), found.unlisted(BITCOIN), found.unlisted("eip155:5")) == (unlisted, (), None)
    assert (found.records(ETHEREUM), found.agreement(ETHEREUM)) == (None, None)


@pytest.mark.parametrize("pin", PINS, ids=["bitcoin", "ethereum"])
def test_a_pin_alone_is_no_reading(pin: Pin, path: Path) -> None:
    Journal(path, REGISTER).keep_pin(pin)
    found = Journal(path, REGISTER)
    assert found.pins == (pin,)
    assert [found.records(key) for key in (*READINGS, pin.chain)] == [None] * 4
    assert found.agreement(pin.chain) is None


def test_a_chain_without_a_balance_is_read_all_the_same(path: Path) -> None:
    Journal(path, REGISTER).keep(BITCOIN, [], AGREEMENTS[BITCOIN])
    assert Journal(path, REGISTER).records(BITCOIN) == ()


def test_a_file_cut_anywhere_holds_whole_steps_and_goes_on_there(path: Path) -> None:
    states = fill(path)
    data = path.read_bytes()
    ends = {place for place, byte in enumerate(data) if byte == ord("\n")}
    near = {place + step for place in ends for step in (-1, 0, 1, 2)} & set(range(len(data)))
    for cut in sorted(near | set(range(0, len(data), 11))):
        path.write_bytes(data[:cut])
        lines = data[:cut].count(b"\n")
        found = Journal(path, REGISTER)
        assert state(found) == states[max(lines - 1, 0)], cut
        assert (path.read_bytes() if path.exists() else b"") == data[: data.rfind(b"\n", 0, cut) + 1]
        if cut in ends:
            found.keep_pin(PINS[1])
            found.keep("more", READINGS[BITCOIN], AGREEMENTS[BITCOIN])
            again = Journal(path, REGISTER)
            assert again.pins == tuple(dict.fromkeys([*states[max(lines - 1, 0)][0], PINS[1]]))
            assert again.records("more") == tuple(READINGS[BITCOIN])


@examples(50)
@given(st.data())
def test_no_file_leads_to_another_error_than_ours(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.reading"
    path.unlink(missing_ok=True)
    fill(path)
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(start + 40, len(whole))))
    part = data.draw(st.one_of(st.binary(max_size=20), st.sampled_from([b"\n", b"{}\n", b"null", b'"', b"9" * 20])))
    path.write_bytes(whole[:start] + part + whole[end:])
    try:
        found = Journal(path, REGISTER)
    except AttestError:
        return
    assert all(isinstance(pin, Pin) and found.pin(pin.chain) is pin for pin in found.pins)


HEAD = {"format": "attest/journal/v1", "registerDigest": REGISTER.hex()}
NODES = AGREEMENTS[BITCOIN].to_value()
HOSTILE: dict[str, list[Any]] = {
    "a list": [[]],
    "a number": [1],
    "null": [None],
    "no digest": [{"format": "attest/journal/v1"}],
    "another format": [{**HEAD, "format": "attest/journal/v2"}],
    "a short digest": [{**HEAD, "registerDigest": "00"}],
    "an unknown field": [{**HEAD, "note": ""}],
    "a second head": [HEAD, HEAD],
    "a key that is a number": [HEAD, {"key": 1}],
    "no key": [HEAD, {"records": [], "nodes": NODES}],
    "a pin that is text": [HEAD, {"pin": "x"}],
    "a pin at a negative height": [HEAD, {"pin": {**PINS[0].to_value(), "height": -1}}],
    "a pin with a key": [HEAD, {"key": "x", "pin": PINS[0].to_value()}],
    "readings that are an object": [HEAD, {"key": "x", "records": {}, "nodes": NODES}],
    "readings that are null": [HEAD, {"key": "x", "records": None, "nodes": NODES}],
    "a reading of an unknown type": [HEAD, {"key": "x", "records": [{"type": "oracle"}], "nodes": NODES}],
    "a record that is no reading": [HEAD, {"key": "x", "records": [NODES], "nodes": NODES}],
    "readings that nobody gave": [HEAD, {"key": "x", "records": []}],
    "an agreement that is a list": [HEAD, {"key": "x", "records": [], "nodes": []}],
    "a key alone": [HEAD, {"key": "x"}],
    "what does not count, of no chain": [HEAD, {"unlisted": []}],
    "what does not count, with readings": [HEAD, {"key": "x", "records": [], "nodes": NODES, "unlisted": []}],
    "nothing": [HEAD, {}],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_is_no_journal_is_refused_by_row(case: str, tmp_path: Path) -> None:
    path = tmp_path / "x.reading"
    rows = HOSTILE[case]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(MalformedError, match=rf"x\.reading row {len(rows)}"):
        Journal(path, REGISTER)


def test_a_journal_of_another_register_is_refused_and_left_alone(path: Path) -> None:
    fill(path)
    data = path.read_bytes()
    with pytest.raises(MalformedError, match=r"2026-10\.reading is an unfinished reading of another period") as caught:
        Journal(path, bytes(32))
    assert caught.value.code == "journal/other"
    assert path.read_bytes() == data


def test_what_differs_from_an_unfinished_reading_is_named(path: Path) -> None:
    parts = {"period": bytes(32), "window": bytes(32), "wallets": bytes(32)}
    Journal(path, REGISTER, parts).keep_pin(PINS[0])
    assert Journal(path, REGISTER, parts).pin(PINS[0].chain) == PINS[0]
    with pytest.raises(MalformedError, match=r"of another month or config; what differs: window, wallets$"):
        Journal(path, bytes(32), parts | {"window": REGISTER, "wallets": REGISTER})


def test_nothing_is_on_disk_before_there_is_something_to_keep(path: Path) -> None:
    journal = Journal(path, REGISTER)
    assert (journal.pins, journal.pin(BITCOIN), journal.records(BITCOIN)) == ((), None, None)
    assert not path.parent.exists()
    journal.keep_pin(PINS[0])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_discarded_journal_is_gone(path: Path) -> None:
    journal = Journal(path, REGISTER)
    journal.discard()
    journal.keep_pin(PINS[0])
    journal.discard()
    assert list(path.parent.iterdir()) == []
    assert Journal(path, REGISTER).pins == ()


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_error_and_leaves_what_was_kept_before(path: Path) -> None:
    with room_for(10), pytest.raises(UnavailableError, match="cannot write") as caught:
        Journal(path, REGISTER).keep_pin(PINS[0])
    assert caught.value.code == "journal/unusable"
    states = fill(path)
    size = path.stat().st_size
    with room_for(size + 10), pytest.raises(UnavailableError, match="cannot write"):
        Journal(path, REGISTER).keep("more", READINGS[BITCOIN], AGREEMENTS[BITCOIN])
    assert path.stat().st_size == size + 10
    assert state(Journal(path, REGISTER)) == states[-1]
    assert Journal(path, REGISTER).records("more") is None


def test_a_journal_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"cannot use .*Is a directory"):
        Journal(tmp_path, REGISTER)
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="file"):
        Journal(tmp_path / "file" / "x.reading", REGISTER).keep_pin(PINS[0])


def test_blocks_of_a_window_and_what_was_read_there_stand_apart_from_the_pin(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, REGISTER)
    pin = PINS[1]
    window = pin.model_copy(update={"height": 90, "block_hash": bytes(32)})
    nodes = NodeAgreement(type="nodes", salt=bytes(16), chain=ETHEREUM, needed=1, agreed=("a",), dropped=())
    key, kept = f"{ETHEREUM} ETH 0", READINGS[f"{ETHEREUM} ETH 0"]
    journal.keep_pin(pin)
    journal.keep_window_pin(window)
    Shelf(journal, 90).keep(key, kept, nodes)
    again = Journal(path, REGISTER)
    assert (again.pins, again.window_pin(ETHEREUM, 90), again.window_pin(ETHEREUM, 91)) == ((pin,), window, None)
    assert Shelf(again, 90).records(key) == tuple(kept)
    assert (again.records(key), Shelf(again, 91).records(key)) == (None, None)
