"""A real bitcoind that is damaged, pruned, still building or busy shows what was there, or nothing at all."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from attest.chains.bitcoin.answers import hash_at, header_of
from attest.chains.bitcoin.block_filter import filter_header
from attest.chains.bitcoin.header import header_time
from attest.chains.bitcoin.reader import BitcoinReader
from attest.chains.bitcoin.records import BitcoinUtxos
from attest.chains.bitcoin.unspent import unspent_at
from attest.chains.nodes.rpc import Node
from attest.chains.wallets import Pin, Wallet
from attest.demo.nodes import bitcoind
from attest.errors import UnavailableError
from attest.verification.evidence.reread import reread
from tests.nodes.liars import answering
from tests.world.recorded import read_with

CHAIN = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
MINER = "raw(51)"
FUNDED, LOW, HIGH, TIP = 110, 111, 440, 450
"""Both wallets are funded in the first blocks; one spends on top of `LOW`, the other on top of `HIGH`."""
RIGHT = 50 * 10**8 - 1000


def little(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")


def script_of(number: int) -> bytes:
    """P2WSH of a script that anyone can spend: it pushes `number`."""
    return b"\x00\x20" + hashlib.sha256(witness(number)).digest()


def witness(number: int) -> bytes:
    return bytes([0x50 + number])


EARLY, LATE, MANY = 1, 2, 3
SCRIPTS = [script_of(EARLY), script_of(LATE)]


def spending(coin: tuple[str, int], value: int, to: bytes, *, by: int | None = None) -> str:
    """A transaction of `coin` that pays `value` to a script; `by` is the number of the script that it spends from."""
    body = b"\1" + bytes.fromhex(coin[0])[::-1] + little(coin[1], 4) + b"\0" + b"\xff" * 4
    body += b"\1" + little(value, 8) + bytes([len(to)]) + to
    if by is None:
        return (little(2, 4) + body + little(0, 4)).hex()
    return (little(2, 4) + b"\0\1" + body + b"\1\1" + witness(by) + little(0, 4)).hex()


def make_chain(node: Node) -> None:
    """The same blocks every time but for their times: coins that are there at `LOW` and `HIGH`, and spent above."""
    node.call("generatetodescriptor", FUNDED - 4, MINER)
    coins = {}
    for height, number in enumerate((EARLY, LATE), start=1):
        coinbase = node.call("getblock", hash_at(node, height), 2)["tx"][0]["txid"]
        paying = spending((coinbase, 0), RIGHT, script_of(number))
        block = node.call("generateblock", MINER, [paying])["hash"]
        coins[number] = node.call("getblock", block, 1)["tx"][1]
    node.call("generatetodescriptor", LOW - node.call("getblockcount"), MINER)
    spend(node, coins[EARLY], EARLY)
    node.call("generatetodescriptor", HIGH - node.call("getblockcount"), MINER)
    spend(node, coins[LATE], LATE)
    node.call("generatetodescriptor", TIP - node.call("getblockcount"), MINER)


def spend(node: Node, coin: str, number: int) -> None:
    node.call("generateblock", MINER, [spending((coin, 0), RIGHT - 1000, script_of(MANY), by=number)])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a bitcoind that has stopped: nobody changes it, every test has a copy."""
    folder = tmp_path_factory.mktemp("bitcoind")
    with bitcoind(folder=folder) as url:
        make_chain(Node("bitcoind", url))
    return folder


@dataclass(frozen=True)
class Data:
    """The data directory of a bitcoind."""

    folder: Path

    @property
    def filters(self) -> Path:
        return self.folder / "regtest/indexes/blockfilter/basic/fltr00000.dat"

    @property
    def index(self) -> Path:
        return self.folder / "regtest/indexes/blockfilter"

    @property
    def blocks(self) -> Path:
        return self.folder / "regtest/blocks"


@pytest.fixture
def data(kept: Path, tmp_path: Path) -> Data:
    shutil.copytree(kept, tmp_path / "data")
    return Data(tmp_path / "data")


def pin_at(node: Node, height: int) -> Pin:
    name = hash_at(node, height)
    return Pin(chain=CHAIN, height=height, block_hash=bytes.fromhex(name), time=header_time(header_of(node, name)))


def shown(node: Node, height: int) -> list[int] | str:
    """The amounts that a node shows of both wallets, or the code of its error when it gives no answer."""
    try:
        return [utxo.amount for utxo in unspent_at(node, pin_at(node, height), SCRIPTS)]
    except UnavailableError as error:
        return error.code


@contextmanager
def running(data: Data, *options: str, **settings: Any) -> Iterator[Node]:
    with bitcoind(*options, folder=data.folder, **settings) as url:
        yield Node("bitcoind", url)


def test_an_undamaged_node_shows_what_was_there_at_each_pin(data: Data) -> None:
    with running(data) as node:
        assert [len(shown(node, height)) for height in (LOW, HIGH, TIP)] == [2, 1, 0]
        assert shown(node, LOW) == [RIGHT, RIGHT]


Damage = Callable[[Data], None]


def zero(data: Data) -> None:
    data.filters.write_bytes(bytes(data.filters.stat().st_size))


def cut(data: Data) -> None:
    data.filters.write_bytes(data.filters.read_bytes()[:8000])


def empty(data: Data) -> None:
    data.filters.write_bytes(b"")


def delete(data: Data) -> None:
    data.filters.unlink()


def remove_index(data: Data) -> None:
    shutil.rmtree(data.index)


def remove_database(data: Data) -> None:
    shutil.rmtree(data.index / "basic/db")


HASH, LENGTH, CODED = 0, 32, 34  # in a record: a block hash, the length of a filter in a byte, how many numbers it has


def flip(place: int, *, longer_than: int = 0) -> Damage:
    """Flip a bit at a place of the record of every block whose filter has more bytes."""

    def damage(data: Data) -> None:
        content = bytearray(data.filters.read_bytes())
        at = flipped = 0
        while length := content[at + LENGTH]:
            following = at + LENGTH + 1 + length
            if length > longer_than:
                content[at + place] ^= 4
                flipped += 1
            at = following
        assert flipped == (TIP + 1 if not longer_than else 4)  # two payments and two spends are longer
        data.filters.write_bytes(content)

    return damage


DAMAGED: dict[str, tuple[Damage, set[str]]] = {
    # What a node may say of the low pin, with more blocks above than are read whole; the high pin is always shown.
    "zeroed": (zero, {"bitcoin/filters"}),
    "cut off": (cut, {"bitcoin/filters", "right"}),
    "emptied": (empty, {"bitcoin/filters"}),
    "deleted": (delete, {"bitcoin/filters"}),
    "flipped bits in the filters": (flip(CODED), {"bitcoin/filters"}),
    "flipped bits in the lengths": (flip(LENGTH), {"bitcoin/filters"}),
    "flipped bits in the block hashes": (flip(HASH), {"right"}),
    "flipped bits in the filters of the spends": (flip(CODED, longer_than=4), {"right"}),
    # These are built anew when bitcoind starts.
    "the index folder removed": (remove_index, {"bitcoin/filters", "right"}),
    "the index's database removed": (remove_database, {"bitcoin/filters", "right"}),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_filter_index_takes_nothing_from_a_balance(case: str, data: Data) -> None:
    damage, expected = DAMAGED[case]
    damage(data)
    with running(data) as node:
        low = shown(node, LOW)
        assert shown(node, HIGH) == [RIGHT]
    assert ("right" if low == [RIGHT, RIGHT] else low) in expected


def test_a_node_whose_index_is_being_built_shows_all_or_nothing(data: Data) -> None:
    """Asked over and over from the start on, until the index says that it is whole."""
    shutil.rmtree(data.index)
    with running(data, filters=False) as node:
        assert shown(node, LOW) == "bitcoin/filters"
        node.call("generatetodescriptor", 700, MINER)
    with running(data) as node:
        synced, answers = False, []
        while not synced:
            answers.append(shown(node, LOW))
            synced = node.call("getindexinfo", "basic block filter index")["basic block filter index"]["synced"]
        answers.append(shown(node, LOW))
    assert answers[-1] == [RIGHT, RIGHT]
    assert all(answer in ([RIGHT, RIGHT], "bitcoin/filters") for answer in answers)


STILL_INDEXED = "Filter not found. Block filters are still in the process of being indexed."
CORRUPT = "Filter not found. This error is unexpected and indicates index corruption."


@contextmanager
def refusing_filters(node: Node, heights: range, words: str, *, reached: int) -> Iterator[Node]:
    """A front of a node that refuses the filters of the blocks at `heights`, with bitcoind's own words."""
    names = {hash_at(node, height) for height in heights}

    def change(method: str, params: list[Any]) -> Any:
        if method == "getblockfilter" and params[0] in names:
            raise LookupError(words)
        if method == "scanblocks":
            pytest.fail("bitcoind leaves blocks out of this answer without a word")
        if method == "getindexinfo":
            return {params[0]: {"synced": words == CORRUPT, "best_block_height": reached}}
        return None

    with answering(node, change) as url:
        yield Node("front", url)


@pytest.fixture(scope="module")
def address(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an undamaged node, for tests that change its answers and not its data."""
    folder = tmp_path_factory.mktemp("whole") / "data"
    shutil.copytree(kept, folder)
    with bitcoind(folder=folder) as url:
        yield url


@pytest.fixture
def whole(address: str) -> Node:
    return Node("bitcoind", address)


def test_an_index_that_is_behind_is_made_up_for_by_whole_blocks_or_there_is_no_answer(whole: Node) -> None:
    with refusing_filters(whole, range(200, TIP + 1), STILL_INDEXED, reached=199) as node:
        assert shown(node, HIGH) == [RIGHT]
        assert shown(node, LOW) == [RIGHT, RIGHT]  # 251 blocks are read whole
    with (
        refusing_filters(whole, range(TIP + 1), STILL_INDEXED, reached=0) as node,
        pytest.raises(UnavailableError) as caught,
    ):
        unspent_at(node, pin_at(node, LOW), SCRIPTS)
    assert caught.value.message == "node front has block filters up to height 0, and needs them from 112 to 450"
    assert "is being built" in str(caught.value.hint)


def test_an_index_that_lost_entries_is_called_damaged_and_by_no_other_word(whole: Node) -> None:
    with refusing_filters(whole, range(112, 114), CORRUPT, reached=TIP) as node:
        assert shown(node, LOW) == [RIGHT, RIGHT]
    with (
        refusing_filters(whole, range(TIP - 1), CORRUPT, reached=TIP) as node,
        pytest.raises(
            UnavailableError, match="has no sound filter of 338 of the first 339 blocks above the pin"
        ) as caught,
    ):
        unspent_at(node, pin_at(node, LOW), SCRIPTS)
    assert "delete the folder indexes/blockfilter" in str(caught.value.hint)


WORDLESS: dict[str, tuple[str, str]] = {
    # What is refused, and what is told of it.
    "getindexinfo": ("getblockfilter getindexinfo", "has no sound filter of 339 of the first 339 blocks"),
    "getblockfilter": ("getblockfilter", "has no sound filter of 339 of the first 339 blocks"),
}


@pytest.mark.parametrize("case", WORDLESS)
def test_a_node_that_does_not_let_us_ask_for_filters_is_read_as_one_that_has_none(case: str, whole: Node) -> None:
    """`rpcwhitelist` of bitcoind answers so: with status 403 and no words, or through a proxy with words of its own."""
    methods, told = WORDLESS[case]

    def forbid(method: str, _: list[Any]) -> Any:
        if method in methods.split():
            raise LookupError("Forbidden")

    with answering(whole, forbid) as url:
        node = Node("front", url)
        assert shown(node, HIGH) == [RIGHT]
        with pytest.raises(UnavailableError, match=told) as caught:
            unspent_at(node, pin_at(node, LOW), SCRIPTS)
    assert "Forbidden" in caught.value.message


def test_a_real_whitelist_that_leaves_the_filters_out_takes_nothing_from_a_balance(data: Data) -> None:
    allowed = "getblockchaininfo,getblockcount,getblockhash,getblockheader,getblock,scantxoutset"
    with running(data, f"-rpcwhitelist=attest:{allowed}") as node:
        assert shown(node, HIGH) == [RIGHT]
        with pytest.raises(UnavailableError, match=r"has no sound filter .*HTTP status 403"):
            unspent_at(node, pin_at(node, LOW), SCRIPTS)


def changing(method: str, change: Callable[[list[Any], Any], Any], node: Node) -> Any:
    """A front of a node that changes what it answers to one method."""

    def changed(asked: str, params: list[Any]) -> Any:
        return change(params, node.call(asked, *params)) if asked == method else None

    return answering(node, changed)


def test_a_filter_that_its_header_does_not_stand_for_is_not_believed(whole: Node) -> None:
    """Another block's filter, or one of no scripts, would pass the block over in which the coin was spent."""
    other = whole.call("getblockfilter", hash_at(whole, 300))
    spent = hash_at(whole, HIGH + 1)
    for false in ({"filter": "00"}, {"filter": other["filter"]}, {"header": other["header"]}, other):
        with changing("getblockfilter", lambda p, a, f=false: a | f if p == [spent] else a, whole) as url:
            assert shown(Node("front", url), HIGH) == [RIGHT]


def consistent(node: Node, content: bytes) -> dict[str, dict[str, str]]:
    """An index in which every header is right upon the one before, and every filter above `HIGH` is `content`."""
    headers = {}
    before = bytes.fromhex(node.call("getblockfilter", hash_at(node, HIGH))["header"])
    for height in range(HIGH + 1, TIP + 1):
        before = filter_header(content, before)
        headers[hash_at(node, height)] = {"filter": content.hex(), "header": before.hex()}
    return headers


def test_filters_that_leave_out_what_the_unspent_outputs_show_are_not_believed(whole: Node) -> None:
    false = consistent(whole, b"\0")
    with (
        changing("getblockfilter", lambda params, answer: false.get(params[0], answer), whole) as url,
        pytest.raises(UnavailableError, match=r"has an unspent output of block 441 that its filter .* does not know"),
    ):
        unspent_at(Node("front", url), pin_at(whole, HIGH), [*SCRIPTS, script_of(MANY)])


@pytest.mark.parametrize("content", [b"", b"\xff", b"\x01\xff\xff", bytes(9)])
def test_a_filter_that_cannot_be_read_passes_no_block_over(content: bytes, whole: Node) -> None:
    false = consistent(whole, content)
    with changing("getblockfilter", lambda params, answer: false.get(params[0], answer), whole) as url:
        assert shown(Node("front", url), HIGH) == [RIGHT]


BLOCKS: dict[str, Callable[[Node, Any], Any]] = {
    "another block": lambda node, _: node.call("getblock", hash_at(node, 300), 3),
    "a block without its last transaction": lambda _, block: block | {"tx": block["tx"][:-1]},
    "a block of no transactions": lambda _, block: block | {"tx": []},
    "a block of another order": lambda _, block: block | {"tx": block["tx"][::-1]},
    "a block of a form that is not known": lambda *_: {"transactions": []},
    "a list": lambda *_: [1],
}


@pytest.mark.parametrize("case", BLOCKS)
def test_a_block_that_is_not_the_one_asked_for_is_no_answer(case: str, whole: Node) -> None:
    with changing("getblock", lambda _, block: BLOCKS[case](whole, block), whole) as url:
        assert shown(Node("front", url), HIGH) in {"bitcoin/block", "bitcoin/answer"}


def test_a_block_damaged_on_the_disk_is_no_answer(data: Data) -> None:
    """One bit of the id of the spent coin, which bitcoind reads without a look at what the block's header says."""
    with running(data) as node:
        spending_block = node.call("getblock", hash_at(node, LOW + 1), 3)
    spent = bytes.fromhex(spending_block["tx"][1]["vin"][0]["txid"])[::-1]
    blocks = data.blocks / "blk00000.dat"
    key_file = data.blocks / "xor.dat"
    key = key_file.read_bytes() if key_file.exists() else bytes(8)
    with blocks.open("r+b") as file:
        content = bytes(byte ^ key[at % len(key)] for at, byte in enumerate(file.read(TIP * 1000)))
        assert content.count(spent) == 1
        file.seek(content.index(spent))
        file.write(bytes([content[file.tell()] ^ key[file.tell() % len(key)] ^ 1]))
    with running(data) as node:
        assert shown(node, HIGH) == [RIGHT]
        assert shown(node, LOW) == "bitcoin/block"


def test_blocks_whose_undo_data_is_gone_are_no_answer(data: Data) -> None:
    with running(data) as node:
        (data.blocks / "rev00000.dat").rename(data.blocks / "elsewhere")
        with pytest.raises(UnavailableError, match="Undo data expected but can't be read") as caught:
            unspent_at(node, pin_at(node, LOW), SCRIPTS)
        (data.blocks / "elsewhere").rename(data.blocks / "rev00000.dat")
        assert (caught.value.code, shown(node, LOW)) == ("bitcoin/block", [RIGHT, RIGHT])


def test_a_set_of_outputs_that_is_damaged_on_the_disk_is_no_answer(data: Data) -> None:
    """bitcoind scans past a part that it cannot read, and says success."""
    with running(data):
        pass  # what was written last goes into a table only when bitcoind starts again
    with running(data) as node:
        table = max((data.folder / "regtest/chainstate").glob("*.ldb"), key=lambda path: path.stat().st_size)
        with table.open("r+b") as file:
            file.seek(table.stat().st_size // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 4]))
        short = node.call("scantxoutset", "start", [MINER])
        assert short["success"]
        assert short["txouts"] < TIP
        with pytest.raises(
            UnavailableError, match=f"went over {short['txouts']} unspent outputs, and its coinstatsindex"
        ):
            unspent_at(node, pin_at(node, HIGH), SCRIPTS)


def test_a_pruned_node_shows_what_its_blocks_suffice_for_and_no_less(tmp_path: Path) -> None:
    data = Data(tmp_path)
    with running(data, "-prune=1", "-fastprune", "-txindex=0") as node:
        make_chain(node)
        node.call("generatetodescriptor", 300, MINER)
        assert shown(node, LOW) == [RIGHT, RIGHT]
        assert node.call("pruneblockchain", HIGH) > LOW
        with pytest.raises(UnavailableError, match="has pruned block 112, which stands above the pin") as caught:
            unspent_at(node, pin_at(node, LOW), SCRIPTS)
        assert caught.value.code == "bitcoin/pruned"
        assert "a node that is not pruned" in str(caught.value.hint)
        assert shown(node, HIGH) == [RIGHT]  # the block of the spend is still there
        assert shown(node, TIP) == []  # no block above touches them


def test_a_node_is_asked_from_the_moment_on_at_which_it_starts(data: Data) -> None:
    """It refuses connections, then says that it loads and verifies, and then answers."""
    conf = data.folder / "bitcoin.conf"
    conf.unlink()
    enough = threading.Event()

    def run() -> None:
        with running(data, "-checkblocks=0", "-checklevel=4"):
            enough.wait(60)

    thread = threading.Thread(target=run)
    thread.start()
    while not conf.exists() or "coinstatsindex" not in conf.read_text():
        time.sleep(0.001)
    settings = dict(line.split("=") for line in conf.read_text().splitlines() if "=" in line)
    login = f"{settings['rpcuser']}:{settings['rpcpassword']}"
    try:
        assert shown(Node("bitcoind", f"http://{login}@127.0.0.1:{settings['rpcport']}"), HIGH) == [RIGHT]
    finally:
        enough.set()
        thread.join()


BUSY = 'Scan already in progress, use action "abort" or "status"'


def test_a_scan_of_another_caller_is_waited_for(address: str) -> None:
    """A real one: the node is busy from the moment on at which it begins to read what it is to look for."""
    node, other = Node("bitcoind", address), Node("other", address)
    many = [f"raw({script_of(1).hex()}{number:08x})" for number in range(60_000)]
    other_scan = threading.Thread(target=lambda: other.call("scantxoutset", "start", many))
    other_scan.start()
    while other_scan.is_alive() and not scanning(node):
        pass
    told: list[str] = []
    amounts = [utxo.amount for utxo in unspent_at(node, pin_at(node, HIGH), SCRIPTS, tell=told.append)]
    other_scan.join()
    assert amounts == [RIGHT]
    assert told == ["node bitcoind is busy with another scan of its unspent outputs, which is waited for"]


def scanning(node: Node) -> bool:
    try:
        return node.call("scantxoutset", "status") is not None
    except UnavailableError as error:
        assert error.code == "node/null"  # noqa: PT017
        return False


def occupied(node: Node, times: float, *, progress: Any = 43) -> Any:
    """A front of a node that is busy with another scan for so many calls."""
    calls = []

    def change(method: str, params: list[Any]) -> Any:
        if method != "scantxoutset":
            return None
        if params == ["status"]:
            return {"progress": progress}
        calls.append(params)
        if len(calls) <= times:
            raise LookupError(BUSY)
        return None

    return answering(node, change)


def test_a_scan_is_waited_for_with_longer_and_longer_pauses(whole: Node) -> None:
    pauses: list[float] = []
    with occupied(whole, 6) as url:
        assert shown(Node("front", url, sleep=pauses.append), HIGH) == [RIGHT]
    assert pauses == [1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize(("progress", "told"), [(43, " (43 % done)"), ("x", ""), (None, "")])
def test_a_scan_that_does_not_end_is_told_with_how_far_it_is_and_nobody_is_accused(
    progress: Any, told: str, whole: Node
) -> None:
    pauses: list[float] = []
    with occupied(whole, float("inf"), progress=progress) as url, pytest.raises(UnavailableError) as caught:
        unspent_at(Node("front", url, sleep=pauses.append), pin_at(whole, HIGH), SCRIPTS)
    assert caught.value.code == "bitcoin/busy"
    assert caught.value.message == (
        "node front scans its unspent outputs for another caller, or for an earlier run of attest"
        f"{told}, and was not done within 60 minutes"
    )
    assert 3500 < sum(pauses) <= 3600


@pytest.mark.parametrize(("aborted", "answer"), [(1, [RIGHT]), (2, [RIGHT]), (3, "bitcoin/scan")])
def test_a_scan_that_is_aborted_is_begun_again_three_times(aborted: int, answer: Any, whole: Node) -> None:
    scans = []

    def abort(_: Any, scan: Any) -> Any:
        scans.append(scan)
        return scan | {"success": False, "unspents": [], "total_amount": 0} if len(scans) <= aborted else scan

    with changing("scantxoutset", abort, whole) as url:
        assert shown(Node("front", url, sleep=lambda _: None), HIGH) == answer


def test_a_node_that_has_not_reached_the_pin_is_behind(data: Data, whole: Node) -> None:
    pin = pin_at(whole, TIP)
    with running(data) as node:
        null(node, "invalidateblock", hash_at(node, TIP - 3))
        with pytest.raises(UnavailableError, match="has no block at height 450 yet") as caught:
            BitcoinReader(CHAIN, "BTC", {}).confirm(node, pin)
        assert caught.value.code == "bitcoin/behind"
        with pytest.raises(UnavailableError, match="has no block at height 450 yet"):
            unspent_at(node, pin, SCRIPTS)
        assert shown(node, HIGH) == [RIGHT]


def test_a_chain_that_gets_shorter_while_it_is_read_is_scanned_again(whole: Node) -> None:
    scans, refused = [], []

    def change(method: str, params: list[Any]) -> Any:
        if method == "scantxoutset":
            scans.append(params)
        if method == "getblockhash" and params == [TIP] and not refused:
            refused.append(params)
            raise LookupError("Block height out of range")

    with answering(whole, change) as url:
        assert shown(Node("front", url), HIGH) == [RIGHT]
    assert len(scans) == 2


def null(node: Node, method: str, *params: Any) -> None:
    with pytest.raises(UnavailableError) as caught:
        node.call(method, *params)
    assert caught.value.code == "node/null"


WALLET = Wallet(
    id="w",
    chain=CHAIN,
    assets=("BTC",),
    purpose="customer",
    storage="cold",
    address="2N3oefVeg6stiTb5Kh3ozCSkaqmx91FDbsm",
)


def read(nodes: list[Node], needed: int, told: list[str]) -> tuple[Pin, list[BitcoinUtxos]]:
    reader = BitcoinReader(CHAIN, "BTC", {"w": SCRIPTS})
    pin, records = read_with(reader, nodes, [WALLET], LOW, needed=needed, now=datetime.now(UTC), tell=told.append)
    return pin, [record for record in records if isinstance(record, BitcoinUtxos)]


def test_two_nodes_whose_indexes_are_both_behind_agree_on_nothing(whole: Node) -> None:
    told: list[str] = []
    behind = range(TIP + 1)
    with (
        refusing_filters(whole, behind, STILL_INDEXED, reached=0) as one,
        refusing_filters(whole, behind, STILL_INDEXED, reached=0) as two,
    ):
        two.name = "other"
        with pytest.raises(UnavailableError, match="has block filters up to height 0") as caught:
            read([one, two], 2, told)
    assert caught.value.code == "bitcoin/filters"


def test_of_several_nodes_one_that_is_damaged_is_left_out_and_told(data: Data, address: str) -> None:
    zero(data)
    told: list[str] = []
    with running(data) as node:
        node.name = "damaged"
        damaged, one, two = node, Node("one", address), Node("two", address)
        pin, (reading,) = read([damaged, one, two], 2, told)
        assert (reading.amount, reading.level) == (2 * RIGHT, "agreed")
        assert any(
            text.startswith("going on without node damaged: node damaged has no sound filter of") for text in told
        )
        with pytest.raises(
            UnavailableError, match=r"1 of 2 nodes are left, 2 must agree\. node damaged has no"
        ) as two_nodes:
            read([damaged, one], 2, told)
        assert two_nodes.value.code == "nodes/too-few"
        with pytest.raises(UnavailableError) as alone:
            read([damaged], 1, told)
        assert alone.value.code == "bitcoin/filters"
        # An auditor who asks the damaged node again has no answer, not another one.
        with pytest.raises(UnavailableError, match="has no sound filter"):
            reread(damaged, pin, {0: reading}, lambda _: None)
        assert reread(one, pin, {0: reading}, lambda _: None) == 1
