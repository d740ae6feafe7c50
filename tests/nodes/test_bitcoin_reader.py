"""Bitcoin outputs read from two real bitcoinds, at the tip and at earlier blocks, through reorganisations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attest.chains.bitcoin.networks import network
from attest.chains.bitcoin.reader import BitcoinReader
from attest.chains.bitcoin.records import BitcoinUtxos, BitcoinUtxoSet
from attest.chains.bitcoin.utxo_set.read import UtxoSet, read_utxo_set
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Before, Confirmations, PinLostError, PinRule
from attest.chains.wallets import Pin, Wallet
from attest.demo.nodes import bitcoind
from attest.errors import AttestError, UnavailableError, VerificationError
from attest.evidence.record import Record
from attest.reserves.lines import ReserveLine
from attest.reserves.reading import confirm_pin, pin_block
from attest.reserves.register import register
from attest.verification.evidence.recheck import Rechecked, recheck
from attest.verification.evidence.reread import reread
from tests.nodes.liars import answering
from tests.world.bitcoin import (
    CHAIN,
    DESCRIPTORS,
    FAUCET,
    FEE,
    HOT,
    HOT_KEY,
    KEYS,
    Faucet,
    amounts,
    btc,
    derived,
    quietly,
    wallet,
)
from tests.world.recorded import read_with

RANGE = 199
# One address of each kind, and what it was paid in all.
KINDS = {
    "p2pkh": f"pkh({KEYS[1]}/9/0)",
    "p2sh": f"sh(wpkh({KEYS[1]}/9/1))",
    "p2wsh": f"wsh(multi(1,{KEYS[1]}/9/2,{KEYS[2]}/9/2))",
    "p2tr": f"tr({KEYS[1]}/9/3)",
}


@dataclass(frozen=True)
class Chain:
    faucet: Faucet
    wallets: list[Wallet]
    at_pin: dict[str, int]
    at_tip: dict[str, int]
    pinned: int

    @property
    def nodes(self) -> list[Node]:
        return [self.faucet.node, self.faucet.follower]

    def read(
        self,
        nodes: list[Node] | None = None,
        rule: PinRule = "latest",
        utxo_sets: Path | None = None,
        **options: Any,
    ) -> tuple[Pin, Any]:
        reader = BitcoinReader(CHAIN, "BTC", register(self.wallets).places, utxo_sets)
        return read_with(reader, nodes or self.nodes, self.wallets, rule, now=self.faucet.time, **options)


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with bitcoind() as one, bitcoind() as two:
        faucet = Faucet(Node("bitcoind 1", one), Node("bitcoind 2", two))
        at_pin = {}
        for name, descriptor in DESCRIPTORS.items():
            paid = {address: 1000 + index for index, address in enumerate(derived(faucet.node, descriptor, [0, RANGE]))}
            faucet.pay(paid)
            at_pin[name] = sum(paid.values())
        own = {kind: derived(faucet.node, descriptor)[0] for kind, descriptor in KINDS.items()}
        wallets = [
            *(wallet(name, descriptor=text, range=(0, RANGE)) for name, text in DESCRIPTORS.items()),
            *(wallet(name, address=address) for name, address in own.items()),
            wallet("p2wpkh", address=HOT),
        ]
        spent = faucet.pay({HOT: 300_000_000})
        kept = faucet.pay({HOT: 200_000_001, **dict.fromkeys(own.values(), 7)})
        at_pin |= {"p2wpkh": 500_000_001} | {**dict.fromkeys(own, 7)}
        pinned = faucet.node.call("getblockcount")
        at_tip = {**at_pin, "p2wpkh": 200_000_001 + 55, "p2tr": 7 + 99}
        # After the pin: a coin is spent, one arrives, and one arrives and is spent again.
        faucet.mine(faucet.signed([(spent, 0)], [{FAUCET: btc(300_000_000 - FEE)}], HOT_KEY))
        faucet.pay({HOT: 55})
        passing = faucet.pay({HOT: 70_000})
        faucet.mine(faucet.signed([(passing, 0)], [{FAUCET: btc(60_000)}], HOT_KEY))
        faucet.pay({own["p2tr"]: 99})
        while faucet.node.call("getblockcount") < pinned + 50:
            faucet.mine()
        # Only in the mempool: it neither arrives nor is the coin gone.
        pending = faucet.signed([(kept, 0)], [{own["p2pkh"]: btc(200_000_001 - FEE)}], HOT_KEY)
        assert faucet.node.call("sendrawtransaction", pending)
        yield Chain(faucet, wallets, at_pin, at_tip, pinned)


def test_every_descriptor_and_address_holds_what_was_funded_at_the_tip(chain: Chain) -> None:
    pin, records = chain.read()
    assert pin.height == chain.pinned + 50
    assert amounts(records) == chain.at_tip
    assert {record.level for record in records if isinstance(record, BitcoinUtxos)} == {"agreed"}


def test_fifty_blocks_below_the_tip_everything_is_as_it_was(chain: Chain) -> None:
    for rule in (chain.pinned, Confirmations(51)):
        pin, records = chain.read(rule=rule)
        assert pin.height == chain.pinned
        assert amounts(records) == chain.at_pin
        heights = [u.height for record in records if isinstance(record, BitcoinUtxos) for u in record.utxos]
        assert max(heights) <= chain.pinned


def test_a_balance_below_the_tip_is_the_one_that_the_tip_once_had(chain: Chain) -> None:
    """The node itself, taken back to the pin, lists the same outputs."""
    _, undone = chain.read(chain.nodes[:1], rule=chain.pinned)
    node = chain.faucet.node
    above = node.call("getblockhash", chain.pinned + 1)
    quietly(node, "invalidateblock", above)
    try:
        _, there = chain.read(chain.nodes[:1], rule=chain.pinned)
    finally:
        quietly(node, "reconsiderblock", above)
    utxos = [[r.utxos for r in records if isinstance(r, BitcoinUtxos)] for records in (undone, there)]
    assert utxos[0] == utxos[1]


def test_a_node_without_block_filters_reads_whole_blocks(chain: Chain) -> None:
    def unfiltered(method: str, _: Any) -> None:
        if method == "getblockfilter":
            raise LookupError("Index is not enabled for filtertype basic")

    with answering(chain.faucet.node, unfiltered) as url:
        _, records = chain.read([Node("unfiltered", url)], rule=chain.pinned)
    assert amounts(records) == chain.at_pin


def test_what_a_node_without_filters_says_is_known() -> None:
    """The words by which the reader knows such a node are bitcoind's."""
    with bitcoind(filters=False) as url:
        with pytest.raises(UnavailableError, match="Index is not enabled") as caught:
            Node("bitcoind", url).call("getblockfilter", Node("bitcoind", url).call("getblockhash", 0))
        assert caught.value.code == "node/refused"


def test_the_last_block_before_an_instant_is_found_though_times_go_back(chain: Chain) -> None:
    node = chain.faucet.node
    reader = BitcoinReader(CHAIN, "BTC", {})
    tip = node.call("getblockcount")
    times = [node.call("getblockheader", node.call("getblockhash", height))["time"] for height in range(tip + 1)]
    for height in (3, 40, chain.pinned, tip - 12):
        for instant in (times[height], times[height] + 1):
            found = reader.choose(node, Before(datetime.fromtimestamp(instant, UTC)), chain.faucet.time).pin.height
            assert found == max(h for h in range(tip + 1) if times[h] < instant)
    late = (
        int(chain.faucet.time.timestamp()) - node.call("getblockheader", node.call("getblockhash", tip))["mediantime"]
    )
    with pytest.raises(UnavailableError, match="has not settled") as caught:
        reader.choose(node, Before(chain.faucet.time), chain.faucet.time)
    assert f"run again in about {-(-late // 60)} minutes" in str(caught.value.hint)
    with pytest.raises(UnavailableError, match="is behind: its newest block is of"):
        reader.choose(node, "latest", chain.faucet.time + timedelta(hours=8))
    with pytest.raises(VerificationError, match="begins after"):
        reader.choose(node, Before(datetime(2000, 1, 1, tzinfo=UTC)), chain.faucet.time)


def test_no_block_passes_for_one_with_more_confirmations(chain: Chain) -> None:
    with pytest.raises(UnavailableError, match="no block has 100000 confirmations"):
        BitcoinReader(CHAIN, "BTC", {}).choose(chain.nodes[0], Confirmations(100_000), chain.faucet.time)


def test_a_pin_by_hash_is_the_block_of_that_hash(chain: Chain) -> None:
    block_hash = bytes.fromhex(chain.faucet.node.call("getblockhash", chain.pinned))
    pin, records = chain.read(rule=block_hash)
    assert (pin.height, pin.block_hash) == (chain.pinned, block_hash)
    assert amounts(records) == chain.at_pin


def test_two_nodes_that_differ_are_an_error_that_names_the_output(chain: Chain) -> None:
    def forgetful(method: str, params: Any) -> Any:
        if method != "scantxoutset":
            return None
        scan = chain.faucet.follower.call(method, *params)
        lost.append(scan["unspents"].pop())
        scan["total_amount"] -= lost[-1]["amount"]
        return scan

    lost: list[Any] = []
    with answering(chain.faucet.follower, forgetful) as url, pytest.raises(VerificationError) as caught:
        chain.read([chain.nodes[0], Node("forgetful", url)])
    assert caught.value.code == "nodes/disagree"
    assert f"forgetful does not have the unspent output {lost[0]['txid']}:{lost[0]['vout']}" in caught.value.message


def test_blocks_that_do_not_stand_on_the_pin_are_not_undone(chain: Chain) -> None:
    """A header in the middle is another block's: nothing that was read above it can be trusted."""
    node = chain.faucet.node
    other = node.call("getblockhash", 5)

    def change(method: str, params: Any) -> Any:
        return other if method == "getblockhash" and params == [chain.pinned + 3] else None

    with answering(node, change) as url, pytest.raises(AttestError, match="its chain changed"):
        chain.read([Node("liar", url)], rule=chain.pinned)


def test_a_node_that_does_not_tell_what_blocks_spent_is_refused(chain: Chain) -> None:
    def old(method: str, params: Any) -> Any:
        return chain.faucet.node.call(method, params[0], 2) if method == "getblock" else None

    with answering(chain.faucet.node, old) as url, pytest.raises(UnavailableError, match="only be read at its tip"):
        chain.read([Node("old", url)], rule=chain.pinned)


def test_evidence_is_what_another_node_says_again_until_it_is_changed(chain: Chain) -> None:
    pin, records = chain.read(chain.nodes[:1], rule=chain.pinned)
    found = {index: record for index, record in enumerate(records) if isinstance(record, BitcoinUtxos)}
    assert reread(chain.nodes[1], pin, found, lambda _: None) == len(found)
    index = max(found)
    (*kept, last) = found[index].utxos
    found[index] = found[index].model_copy(update={"utxos": (*kept, last.model_copy(update={"amount": 1}))})
    with pytest.raises(VerificationError, match=f"record {index}: node bitcoind 2 lists other outputs"):
        reread(chain.nodes[1], pin, found, lambda _: None)


@pytest.fixture
def breakable() -> Iterator[Chain]:
    """A chain of its own, for a test that breaks it."""
    with bitcoind() as one, bitcoind() as two:
        faucet = Faucet(Node("bitcoind 1", one), Node("bitcoind 2", two))
        faucet.pay({HOT: 150_000_000})
        for _ in range(3):
            faucet.mine()
        found = {"hot": 150_000_000}
        yield Chain(faucet, [wallet("hot", address=HOT)], found, found, faucet.node.call("getblockcount"))


def reorganise(chain: Chain) -> None:
    """Both nodes leave the last four blocks for five others, in which the payment does not stand."""
    fork = chain.faucet.node.call("getblockhash", chain.pinned - 3)
    for node in chain.nodes:
        quietly(node, "invalidateblock", fork)
    for _ in range(5):
        chain.faucet.mine()


def test_a_reorganisation_between_pin_and_signing_voids_the_run(breakable: Chain) -> None:
    reader = BitcoinReader(CHAIN, "BTC", register(breakable.wallets).places)
    block = pin_block(reader, Quorum(CHAIN, breakable.nodes, 2, lambda _: None), "latest", breakable.faucet.time)
    confirm_pin(reader, Quorum(CHAIN, breakable.nodes, 2, lambda _: None), block.pin)
    reorganise(breakable)
    with pytest.raises(PinLostError, match="has replaced the pinned block"):
        confirm_pin(reader, Quorum(CHAIN, breakable.nodes, 2, lambda _: None), block.pin)
    assert amounts(breakable.read()[1]) == {"hot": 0}


@pytest.mark.parametrize("moment", ["before the scan", "after the scan"])
def test_a_reorganisation_while_reading_voids_the_run(moment: str, breakable: Chain) -> None:
    node = breakable.faucet.node
    done = []

    def reorganising(method: str, params: Any) -> Any:
        if method != "scantxoutset" or done:
            return None
        done.append(method)
        if moment == "before the scan":
            reorganise(breakable)
            return node.call(method, *params)
        scan = node.call(method, *params)
        reorganise(breakable)
        return scan

    with answering(node, reorganising) as url, pytest.raises(PinLostError):
        breakable.read([Node("reorganising", url)])
    assert done


def test_outputs_are_proven_in_a_set_that_another_node_confirms(chain: Chain, tmp_path: Path) -> None:
    told: list[str] = []
    for rule, expected in ((chain.pinned, chain.at_pin), ("latest", chain.at_tip)):
        pin, records = chain.read(rule=rule, utxo_sets=tmp_path, tell=told.append)
        assert amounts(records) == expected
        assert {record.level for record in records if isinstance(record, BitcoinUtxos)} == {"proven"}
        (utxo_set,) = [record for record in records if isinstance(record, BitcoinUtxoSet)]
        said = chain.faucet.follower.call("gettxoutsetinfo", "muhash", pin.block_hash.hex())
        assert (utxo_set.muhash.hex(), utxo_set.outputs) == (said["muhash"], said["txouts"])
        assert utxo_set.confirmed_by == ("bitcoind 2",)


def in_a_folder(chain: Chain, rule: PinRule, utxo_sets: Path) -> tuple[Pin, dict[int, Record]]:
    pin, records = chain.read(rule=rule, utxo_sets=utxo_sets)
    return pin, dict(enumerate(records))


def rechecked(pin: Pin, records: dict[int, Record], dump: UtxoSet | None = None) -> Rechecked:
    total = sum(amounts(list(records.values())).values())
    wallets = len(amounts(list(records.values())))
    line = ReserveLine(
        asset="BTC",
        chain=CHAIN,
        purpose="customer",
        storage="cold",
        evidence="proven",
        control="none",
        amount=total,
        wallets=wallets,
    )
    given = {} if dump is None else {CHAIN: dump}
    return recheck(records, decimals={"BTC": 8}, pins=[pin], reserves=[line], dumps=given)


def dumped(folder: Path, scripts: set[bytes]) -> UtxoSet:
    (path,) = folder.iterdir()
    return read_utxo_set(path, magic=network(CHAIN).magic, scripts=scripts, with_muhash=False)


def test_proven_outputs_count_as_rechecked_only_with_the_set(chain: Chain, tmp_path: Path) -> None:
    pin, records = in_a_folder(chain, chain.pinned, tmp_path)
    scripts = {u.script for record in records.values() if isinstance(record, BitcoinUtxos) for u in record.utxos}
    dump = dumped(tmp_path, scripts)
    without, with_it = rechecked(pin, records), rechecked(pin, records, dump=dump)
    assert (without.readings, with_it.readings) == (0, len(chain.wallets))
    assert not without.lines
    assert with_it.lines
    assert with_it.readings == with_it.readings_stated

    index, reading = next((i, r) for i, r in records.items() if isinstance(r, BitcoinUtxos))
    spent = reading.utxos[0].model_copy(update={"txid": bytes(32)})
    forged = {**records, index: reading.model_copy(update={"utxos": (spent, *reading.utxos[1:])})}
    assert rechecked(pin, forged).readings == 0
    with pytest.raises(VerificationError, match=f"record {index} .*is not among the unspent outputs"):
        rechecked(pin, forged, dump=dump)

    place, utxo_set = next((i, r) for i, r in records.items() if isinstance(r, BitcoinUtxoSet))
    other = {**records, place: utxo_set.model_copy(update={"hash_serialized": bytes(32)})}
    with pytest.raises(VerificationError, match="another hash"):
        rechecked(pin, other, dump=dump)
    with pytest.raises(VerificationError, match="not of the pin"):
        rechecked(pin, records, dump=dump._replace(block_hash=bytes(32)))


SILENT: dict[str, tuple[str | dict[str, Any], str]] = {
    "no index": ("Querying specific block heights requires coinstatsindex", "start it with -coinstatsindex=1"),
    "an index that is behind": (
        "Unable to get data because coinstatsindex is still syncing. Current height: 12",
        "its index is being built: run again later",
    ),
    "an index that cannot be read": ("Unable to read UTXO set", "Unable to read UTXO set"),
    "a node that knows no such method": ("Method not found", "Method not found"),
    "another block": ({"bestblock": "11" * 32}, "answered of the block 1111"),
    "no muhash": ({"muhash": None}, "an answer to gettxoutsetinfo in a form that attest does not know"),
    "a muhash that is none": ({"muhash": "x"}, "in a form that attest does not know"),
    "a number of outputs that is none": ({"txouts": "12"}, "answered '12' where a number belongs"),
}


@pytest.mark.parametrize("case", SILENT)
def test_a_second_node_that_cannot_say_the_hash_leaves_the_outputs_agreed(
    case: str, chain: Chain, tmp_path: Path
) -> None:
    answer, reason = SILENT[case]

    def silent(method: str, params: Any) -> Any:
        if method != "gettxoutsetinfo" or params[0] != "muhash":
            return None
        if isinstance(answer, dict):
            return chain.faucet.follower.call(method, *params) | answer
        raise LookupError(answer)

    told: list[str] = []
    with answering(chain.faucet.follower, silent) as url:
        _, records = chain.read([chain.nodes[0], Node("plain", url)], utxo_sets=tmp_path, tell=told.append)
    assert {record.level for record in records if isinstance(record, BitcoinUtxos)} == {"agreed"}
    assert not any(isinstance(record, BitcoinUtxoSet) for record in records)
    (text,) = [text for text in told if "not confirmed: node plain" in text]
    assert reason in text


def test_a_real_index_that_is_not_there_says_so_in_the_words_that_are_known() -> None:
    with bitcoind("-coinstatsindex=0") as url:
        node = Node("bitcoind", url)
        with pytest.raises(UnavailableError, match="requires coinstatsindex"):
            node.call("gettxoutsetinfo", "muhash", node.call("getblockhash", 0))


FALSE_SETS: dict[str, Any] = {
    "another muhash": lambda said: said.update(muhash="11" * 32),
    "another number of outputs": lambda said: said.update(txouts=said["txouts"] + 1),
}


@pytest.mark.parametrize("case", FALSE_SETS)
def test_two_sets_of_the_same_block_that_differ_are_an_error_that_names_both_nodes(
    case: str, chain: Chain, tmp_path: Path
) -> None:
    def contradict(method: str, params: Any) -> Any:
        if method != "gettxoutsetinfo" or params[0] != "muhash":
            return None
        said = chain.faucet.follower.call(method, *params)
        FALSE_SETS[case](said)
        return said

    with answering(chain.faucet.follower, contradict) as url, pytest.raises(VerificationError) as caught:
        chain.read([chain.nodes[0], Node("other", url)], utxo_sets=tmp_path)
    assert caught.value.code == "bitcoin/utxo-set"
    assert caught.value.message.startswith("two nodes have other unspent outputs at the pinned block: bitcoind 1 wrote")
    assert "other says" in caught.value.message


def test_a_dump_of_another_block_is_no_answer_and_is_not_kept(chain: Chain, tmp_path: Path) -> None:
    node = chain.faucet.node

    def earlier(told: dict[str, Any]) -> Any:
        def change(method: str, params: Any) -> Any:
            if method != "dumptxoutset":
                return None
            return node.call(method, params[0], "rollback", {"rollback": 50}) | told

        return change

    with (
        answering(node, earlier({})) as url,
        pytest.raises(UnavailableError, match="wrote the unspent outputs of block"),
    ):
        chain.read([Node("earlier", url), chain.nodes[1]], utxo_sets=tmp_path)
    assert not list(tmp_path.iterdir())
    pin = node.call("getbestblockhash")
    with (
        answering(node, earlier({"base_hash": pin})) as url,
        pytest.raises(UnavailableError, match=r"is the set of unspent outputs of block .*, not of the pin"),
    ):
        chain.read([Node("earlier", url), chain.nodes[1]], utxo_sets=tmp_path)


def test_a_dump_that_is_not_what_was_read_is_refused(chain: Chain, tmp_path: Path) -> None:
    node = chain.faucet.node

    def forgetful(method: str, params: Any) -> Any:
        scan = node.call(method, *params) if method == "scantxoutset" else None
        if scan is not None:
            scan["total_amount"] -= scan["unspents"].pop()["amount"]
        return scan

    with answering(node, forgetful) as url, pytest.raises(VerificationError, match=r"has an unspent output .* more"):
        chain.read([Node("forgetful", url)], utxo_sets=tmp_path)


def test_a_folder_that_the_node_does_not_share_is_named(chain: Chain, tmp_path: Path) -> None:
    node = chain.faucet.node

    def elsewhere(method: str, params: Any) -> Any:
        return {"base_hash": params[2]["rollback"]} if method == "dumptxoutset" else None

    with answering(node, elsewhere) as url, pytest.raises(UnavailableError, match="there is no such file here"):
        chain.read([Node("far", url), chain.nodes[1]], utxo_sets=tmp_path)
