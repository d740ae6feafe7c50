"""Coins borrowed for the pinned block do not count: real nodes are read around it, where a nonce says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_account import Account
from eth_account.messages import encode_defunct

from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.canonical import dumps
from attest.chains.nodes.rpc import Node
from attest.chains.pins import PinLostError
from attest.cli import main
from attest.cli.render.evidence import checked_text
from attest.cli.render.verified import coverage_document, coverage_table, windows_document
from attest.demo.nodes import anvil, bitcoind
from attest.documents import format_time
from attest.errors import EXIT_ADVERSE, AttestError, MalformedError, UnavailableError, VerificationError
from attest.evidence.tree import EvidenceTree
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.control.ask import write_challenges
from attest.exchange.control.returned import add_signatures
from attest.exchange.own_keys import read_signer
from attest.exchange.publishing.finishing import Outcome
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from attest.files import SECRET_MODE, write_file
from attest.merkle import tagged_hash
from attest.reserves.window import draw
from attest.signing.keys import Signer
from attest.verification.anchors import Anchors, Known, Sources
from attest.verification.evidence.check import check_evidence
from attest.verification.evidence.folder import open_evidence
from attest.verification.steps import Step
from attest.verification.verified import Verified
from attest.verification.verify import verify
from tests.conftest import signed_bundle
from tests.nodes.contracts import FIXTURES, call_data, deploy, send
from tests.nodes.liars import answering
from tests.world.bitcoin import FAUCET, FEE, HOT, HOT_KEY, KEYS, Faucet, btc, derived

BITCOIN, ETHEREUM = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:31337"
PERIOD = "2026-10"
NOW = datetime(2026, 11, 2, 3, 10, tzinfo=UTC)
GENESIS = datetime(2026, 10, 31, 14, tzinfo=UTC)
BLOCK = timedelta(seconds=12)
DRAWN = b"\x5b" * 32
NONCE = DRAWN.hex()
ETHER = 10**18
AS_HEX = False
DESCRIPTOR = f"wpkh({KEYS[0]}/1/*)"
BORROWED = {"ETH": 500 * ETHER, "DUSD": 7_000_000, "BTC": 200_000_000}
OWN = {"ETH": 10_000 * ETHER, "DUSD": 9_000_000, "BTC": 300_000_000 + 1000}
ETHEREUM_PIN = 100
# Borrowed for the pin: less than this is there before it and after it.
OWED = {"ETH": 10_400 * ETHER, "DUSD": 9_000_000, "BTC": 400_000_000}


@dataclass(frozen=True)
class World:
    """Two chains, and an exchange whose wallets hold borrowed coins for some blocks around the pins."""

    folder: Path
    environment: dict[str, str]
    ethereum: Node
    faucet: Faucet
    bitcoin_pin: int

    def configure(self, folder: Path, *, window: str | None = None, hidden: bool = True) -> Path:
        """A copy of the exchange in `folder`, with this window for both chains."""
        shutil.copytree(self.folder, folder)
        path = folder / "attest.toml"
        text = path.read_text(encoding="utf-8")
        text = text.replace("WINDOW", "" if window is None else f"window = {window}")
        text = text.replace("PUBLIC", str(not hidden).lower())
        path.write_text(text, encoding="utf-8")
        return folder

    def run(
        self,
        folder: Path,
        nonce: bytes | None = DRAWN,
        *,
        around: Surroundings | None = None,
        read: Path | None = None,
        control: Sequence[Path] = (),
    ) -> Outcome:
        config = read_config(folder / "attest.toml")
        inputs = MonthInputs(bytes(32), lambda _: "", read=read, control=control, nonce=nonce)
        return monthly.run(config, PERIOD, around or self.around(folder), inputs)

    def around(self, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Surroundings:
        return Surroundings(folder, NOW, self.environment, tell)

    @property
    def bitcoin_tip(self) -> int:
        return int(self.faucet.node.call("getblockcount"))

    def mine_ethereum(self, blocks: int) -> None:
        for _ in range(blocks):
            self.ethereum.call("evm_mine")


TOML = """\
assets = [
    {{ asset = "BTC", decimals = 8 }}, {{ asset = "DUSD", decimals = 6 }}, {{ asset = "ETH", decimals = 18 }},
]
[[chains]]
id = "{bitcoin}"
native = "BTC"
pin = {{ height = {bitcoin_pin} }}
nodes = [{{ name = "b1", url = "${{B1}}" }}, {{ name = "b2", url = "${{B2}}" }}]
WINDOW
[[chains]]
id = "{ethereum}"
native = "ETH"
pin = {{ height = {ethereum_pin} }}
nodes = [{{ name = "e1", url = "${{E1}}" }}]
tokens = [{{ asset = "DUSD", contract = "{token}" }}]
WINDOW
[entity]
name = "Window Dresser KK"
origin = "exchange.example"
[scope]
included = ["spot"]
excluded = []
[ledger]
source = "ledger.csv"
time_zone = "Asia/Tokyo"
[keys]
exchange = "keys/exchange.pem"
[[wallets]]
id = "eth-cold"
chain = "{ethereum}"
address = "{wallet}"
assets = ["ETH", "DUSD"]
purpose = "customer"
storage = "cold"
[[wallets]]
id = "eth-guarantee"
chain = "{ethereum}"
address = "{guarantee}"
assets = ["ETH"]
purpose = "guarantee"
storage = "cold"
[[wallets]]
id = "btc-hot"
chain = "{bitcoin}"
address = "{hot}"
assets = ["BTC"]
purpose = "customer"
storage = "hot"
[[wallets]]
id = "btc-cold"
chain = "{bitcoin}"
descriptor = "{descriptor}"
range = [0, 9]
assets = ["BTC"]
purpose = "customer"
storage = "cold"
public = PUBLIC
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("window") / "x"
    with anvil(genesis_time=int(GENESIS.timestamp())) as e1, bitcoind() as b1, bitcoind() as b2:
        ethereum = Node("e1", e1)
        wallet, guarantee, token = dressed_ethereum(ethereum)
        faucet = Faucet(Node("b1", b1), Node("b2", b2), GENESIS - timedelta(days=1))
        bitcoin_pin = dressed_bitcoin(faucet)
        (folder / "keys").mkdir(parents=True)
        text = TOML.format(
            bitcoin=BITCOIN,
            ethereum=ETHEREUM,
            bitcoin_pin=bitcoin_pin,
            ethereum_pin=ETHEREUM_PIN,
            wallet=wallet,
            guarantee=guarantee,
            token=token,
            hot=HOT,
            descriptor=DESCRIPTOR,
        )
        (folder / "attest.toml").write_text(text, encoding="utf-8")
        rows = [f"alice,ETH,{OWED['ETH'] // ETHER}", "alice,DUSD,9", "alice,BTC,4"]
        (folder / "ledger.csv").write_text("account,asset,balance\n" + "\n".join(rows) + "\n", encoding="utf-8")
        write_file(folder / "keys" / "exchange.pem", Signer.generate("ed25519").to_pem(None), mode=SECRET_MODE)
        yield World(folder, {"E1": e1, "B1": b1, "B2": b2}, ethereum, faucet, bitcoin_pin)


def dressed_ethereum(node: Node) -> tuple[str, str, str]:
    """The wallet that borrows three blocks before the pin and pays back five after it, another one, and the token."""
    time = GENESIS

    def mine_to(height: int) -> None:
        nonlocal time
        while int(node.call("eth_blockNumber"), 16) < height:
            time += BLOCK
            node.call("evm_mine", int(time.timestamp()))

    accounts = node.call("eth_accounts")
    wallet, lender = accounts[5], accounts[0]
    token = deploy(node, FIXTURES / "demo/DemoDollar.json", 10**15)
    send(node, token, call_data("transfer(address,uint256)", wallet, OWN["DUSD"]))
    mine_to(ETHEREUM_PIN - 4)
    send(node, wallet, value=BORROWED["ETH"])
    send(node, token, call_data("transfer(address,uint256)", wallet, BORROWED["DUSD"]))
    mine_to(ETHEREUM_PIN + 4)
    back = {"from": wallet, "to": lender, "value": hex(BORROWED["ETH"]), "gas": hex(30_000)}
    node.call("eth_sendTransaction", back)
    mine_to(ETHEREUM_PIN + 20 + 64)
    return wallet, accounts[6], token


def dressed_bitcoin(faucet: Faucet) -> int:
    """The same on Bitcoin: the height of the pin."""
    faucet.pay({HOT: 300_000_000, **dict.fromkeys(derived(faucet.node, DESCRIPTOR, [0, 9]), 100)})
    for _ in range(30):
        faucet.mine()
    borrowed = faucet.pay({HOT: BORROWED["BTC"]})
    faucet.mine()
    pin = int(faucet.node.call("getblockcount"))
    faucet.mine()
    faucet.mine(faucet.signed([(borrowed, 0)], [{FAUCET: btc(BORROWED["BTC"] - FEE)}], HOT_KEY))
    for _ in range(14):
        faucet.mine()
    return pin


WINDOW = "{ draws = 4, before = 28, after = 9 }"


@dataclass(frozen=True)
class Published:
    world: World
    folder: Path
    outcome: Outcome

    @property
    def records(self) -> list[Any]:
        lines = (self.outcome.private / AUDITOR_EVIDENCE).read_bytes().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def statement(self) -> Any:
        return json.loads((self.outcome.private / "statement.json").read_bytes())

    def verify(
        self, bundle: bytes, files: dict[str, bytes], tell: Callable[[Step], None], nonce: bytes | None = None
    ) -> Verified:
        signer = read_signer(self.folder / "keys" / "exchange.pem", lambda: "")
        return verify(
            bundle,
            Anchors.keys([signer.public]),
            now=NOW,
            sources=Sources(files.get),
            known=Known(window_nonce=nonce),
            tell=tell,
        )

    def forge(
        self,
        change: Callable[[list[Any]], object] = lambda _: None,
        state: Callable[[Any], object] = lambda _: None,
        *,
        auditor: bool = True,
    ) -> tuple[bytes, dict[str, bytes]]:
        """What the exchange would publish after it changed its records, and then its statement."""
        records = self.records
        change(records)
        data = [dumps(record) for record in records]
        leaves = [tagged_hash("attest/v1/evidence", line) for line in data]
        tree = EvidenceTree.build(leaves)
        public = b"".join(
            dumps({"index": i, "path": [node.hex() for node in tree.path(i)], "record": record}) + b"\n"
            for i, record in enumerate(records)
            if record["type"] != "bitcoin-descriptor" and record.get("wallet") != "btc-cold"
        )
        value = self.statement
        value["subject"][0]["digest"]["sha256"] = sha256(public).hexdigest()
        value["predicate"]["evidence"] = {"count": len(data), "root": tree.root.hex()}
        windows = {r["chain"]: leaf.hex() for r, leaf in zip(records, leaves, strict=True) if r["type"] == "window"}
        for item in value["predicate"]["declarations"]:
            item["evidenceLeaf"] = windows.get(item["name"], item["evidenceLeaf"])
        state(value["predicate"])
        signer = read_signer(self.folder / "keys" / "exchange.pem", lambda: "")
        files = {PUBLIC_EVIDENCE: public}
        if auditor:
            files[AUDITOR_EVIDENCE] = b"".join(line + b"\n" for line in data)
        return signed_bundle(dumps(value), signer), files

    def failing(self, *changes: Any, auditor: bool = True) -> tuple[int, str]:
        steps: list[Step] = []
        with pytest.raises(AttestError) as caught:
            self.verify(*self.forge(*changes, auditor=auditor), steps.append)
        assert steps[-1].status == "FAILED"
        return steps[-1].number, caught.value.code


@pytest.fixture(scope="module")
def dressed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = world.configure(tmp_path_factory.mktemp("dressed") / "x", window=WINDOW)
    return Published(world, folder, world.run(folder))


def test_without_a_window_the_borrowed_coins_cover_what_is_owed(world: World, tmp_path: Path) -> None:
    outcome = world.run(world.configure(tmp_path / "x"), nonce=None)
    assert not outcome.verified.adverse
    assert (outcome.private / "statement.json").read_bytes().count(b'"kind":"window"') == 0
    assert b'"window"' not in (outcome.private / AUDITOR_EVIDENCE).read_bytes()
    assert b"window" not in (outcome.private / "reserves.json").read_bytes()


def test_coins_borrowed_for_the_pin_are_not_counted(dressed: Published) -> None:
    verified = dressed.outcome.verified
    assert verified.adverse
    found = {item.asset: (item.held_total, item.counted, item.met) for item in verified.coverage}
    own = OWN["ETH"]
    assert found["BTC"] == (OWN["BTC"] + BORROWED["BTC"], OWN["BTC"], False)
    assert found["DUSD"] == (OWN["DUSD"] + BORROWED["DUSD"], OWN["DUSD"], True)
    assert (found["ETH"][0], found["ETH"][1] <= own, found["ETH"][2]) == (own + BORROWED["ETH"], True, False)
    # The lines and the blocks of the statement are those of the pins.
    predicate = verified.statement.predicate
    assert {pin.height for pin in predicate.chains} == {ETHEREUM_PIN, dressed.world.bitcoin_pin}
    assert {item["chain"]: item["height"] for item in windows_document(verified)}.keys() == {BITCOIN, ETHEREUM}
    assert [item["counted"] for item in coverage_document(verified)] == [
        str(found[asset][1]) for asset in ("BTC", "DUSD", "ETH")
    ]


def test_the_blocks_are_those_of_the_nonce_and_each_has_its_own_proofs(dressed: Published) -> None:
    records = dressed.records
    for chain, pin in ((ETHEREUM, ETHEREUM_PIN), (BITCOIN, dressed.world.bitcoin_pin)):
        (window,) = [record for record in records if record["type"] == "window" and record["chain"] == chain]
        drawn = draw(DRAWN, chain, pin, before=28, after=9, draws=4)
        assert tuple(window["heights"]) == drawn
        for kind in ("nodes", "ethereum-header", "bitcoin-header"):
            heights = [r["window"] for r in records if r["type"] == kind and r.get("chain") == chain and "window" in r]
            assert heights in ([], list(drawn))
        for height in (*drawn, None):
            there = [r for r in records if "asset" in r and (r["chain"], r.get("window")) == (chain, height)]
            read = {(r["wallet"], r["asset"]) for r in there}
            assert ("eth-guarantee", "ETH") not in read or height is None
            assert len(read) == (2 if chain == BITCOIN else 2 + (height is None))
    # Both before and after, or this would show less than it says.
    assert {height < ETHEREUM_PIN for height in WINDOWED} == {True, False}


def test_the_tables_say_where_it_was_lowest_and_what_nobody_could_recompute(dressed: Published) -> None:
    bundle, files = dressed.forge(auditor=False)
    steps: list[Step] = []
    public = dressed.verify(bundle, files, steps.append)
    assert [item.counted for item in public.coverage] == [item.counted for item in dressed.outcome.verified.coverage]
    text = coverage_table(public)
    lowest = {item["asset"]: item for item in windows_document(public)}
    assert f"ETH on {ETHEREUM}, at block {lowest['ETH']['height']} (proven)" in text
    assert f"3.00001000 BTC on {BITCOIN}, not recomputed" in text
    assert lowest["BTC"]["height"] is None
    assert steps[11].status == "NOT CHECKED"
    assert f"not available: lowest count of BTC on {BITCOIN}" in steps[11].detail
    assert NONCE in steps[11].detail
    whole = dressed.verify(*dressed.forge(), lambda _: None)
    assert "not recomputed" not in coverage_table(whole)
    assert "(agreed)" in coverage_table(whole)


def of(records: list[Any], kind: str, chain: str, *, window: bool = True, **fields: Any) -> Any:
    return next(
        record
        for record in records
        if (record["type"], record.get("chain"), "window" in record) == (kind, chain, window)
        and all(record[name] == value for name, value in fields.items())
    )


def move(records: list[Any]) -> None:
    """Another block than the drawn one, with all that belongs to it."""
    window = of(records, "window", BITCOIN, window=False)
    old = window["heights"][0]
    window["heights"][0] = old + 1
    for record in records:
        if (record.get("chain"), record.get("window")) == (BITCOIN, old):
            record["window"] = old + 1


def leave_out_block(records: list[Any]) -> None:
    height = of(records, "window", ETHEREUM, window=False)["heights"][0]
    records[:] = [r for r in records if (r.get("chain"), r.get("window")) != (ETHEREUM, height)]


def as_at_pin(kind: str, chain: str, **fields: Any) -> Callable[[list[Any]], None]:
    """What was read at the pin in the place of what was read at a block of the window."""

    def change(records: list[Any]) -> None:
        pinned = of(records, kind, chain, window=False, **fields)
        there = of(records, kind, chain, **fields)
        there.update({name: value for name, value in deepcopy(pinned).items() if name != "salt"})

    return change


def older(records: list[Any]) -> None:
    """The borrowed output as one that was there before the drawn block."""
    as_at_pin("bitcoin-utxos", BITCOIN, wallet="btc-hot")(records)
    there = of(records, "bitcoin-utxos", BITCOIN, wallet="btc-hot")
    for utxo in there["utxos"]:
        utxo["height"] = min(utxo["height"], there["window"])


def drop(kind: str, chain: str) -> Callable[[list[Any]], None]:
    return lambda records: records.remove(of(records, kind, chain))


def dated(chain_time: datetime, index: int) -> Callable[[list[Any]], None]:
    """The header of a drawn block with another time: what it proves, it still proves."""

    def change(records: list[Any]) -> None:
        headers = [r for r in records if r["type"] == "ethereum-header" and "window" in r]
        fields = rlp.decode(bytes.fromhex(headers[index]["header"]))
        fields[TIMESTAMP] = int(chain_time.timestamp()).to_bytes(4)
        headers[index]["header"] = rlp.encode(fields).hex()

    return change


TIMESTAMP = 11  # of an Ethereum header's fields
LIES: dict[str, tuple[Callable[[list[Any]], object], tuple[int, str]]] = {
    "a block that was not drawn": (move, (11, "recheck/window")),
    "a block that only the record of the window names": (
        lambda r: of(r, "window", ETHEREUM, window=False)["heights"].__setitem__(0, 84),
        (11, "recheck/window"),
    ),
    "a balance at a block that was not drawn": (
        lambda r: r.append({**of(r, "ethereum-balance", ETHEREUM), "salt": "00" * 16, "window": 84}),
        (11, "recheck/window"),
    ),
    "a block before the pin that is younger": (dated(GENESIS + timedelta(days=1), 0), (11, "recheck/window")),
    "a block after the pin that is older": (dated(GENESIS, -1), (11, "recheck/window")),
    "a block younger than the statement": (dated(NOW + timedelta(days=1), -1), (11, "recheck/window")),
    "another nonce": (
        lambda r: of(r, "window", ETHEREUM, window=False).update(nonce="5a" * 32),
        (11, "recheck/window"),
    ),
    "another range": (lambda r: of(r, "window", ETHEREUM, window=False).update(before=27), (11, "recheck/window")),
    "one block fewer": (lambda r: of(r, "window", ETHEREUM, window=False)["heights"].pop(), (11, "recheck/window")),
    "a block left out": (leave_out_block, (11, "recheck/window")),
    "a balance left out": (drop("ethereum-balance", ETHEREUM), (11, "recheck/window")),
    "a hidden balance left out": (
        lambda r: r.remove(of(r, "bitcoin-utxos", BITCOIN, wallet="btc-cold")),
        (11, "recheck/window"),
    ),
    "the nodes left out": (drop("nodes", BITCOIN), (11, "recheck/level")),
    "a header left out": (drop("bitcoin-header", BITCOIN), (11, "recheck/window")),
    "the record of the window left out": (
        lambda r: r.remove(of(r, "window", ETHEREUM, window=False)),
        (11, "recheck/window"),
    ),
    "a second record of the window": (
        lambda r: r.append({**of(r, "window", ETHEREUM, window=False), "salt": "00" * 16}),
        (11, "recheck/twice"),
    ),
    "a balance of the pin": (as_at_pin("ethereum-balance", ETHEREUM), (11, "recheck/amount")),
    "the amount of the pin": (
        lambda r: of(r, "ethereum-balance", ETHEREUM).update(
            amount=of(r, "ethereum-balance", ETHEREUM, window=False)["amount"]
        ),
        (11, "recheck/amount"),
    ),
    "the block of the pin": (as_at_pin("ethereum-header", ETHEREUM), (11, "recheck/window")),
    "the Bitcoin block of the pin": (as_at_pin("bitcoin-header", BITCOIN), (11, "recheck/window")),
    "outputs of the pin": (as_at_pin("bitcoin-utxos", BITCOIN, wallet="btc-hot"), (11, "recheck/height")),
    "an output made older": (older, (11, "recheck/window")),
    "another address": (
        lambda r: of(r, "ethereum-balance", ETHEREUM).update(address="0x" + "11" * 20),
        (11, "recheck/window"),
    ),
    "another place in the token": (
        lambda r: of(r, "ethereum-token-balance", ETHEREUM).update(slot="00" * 31 + "01"),
        (11, "recheck/window"),
    ),
    "a proven level without a set of outputs": (
        lambda r: of(r, "bitcoin-utxos", BITCOIN).update(level="proven"),
        (11, "recheck/level"),
    ),
    "a balance twice": (
        lambda r: r.append({**of(r, "ethereum-balance", ETHEREUM), "salt": "00" * 16}),
        (11, "recheck/window"),
    ),
    "a balance of guarantee coins": (
        lambda r: r.append(
            {**of(r, "ethereum-balance", ETHEREUM, window=False, wallet="eth-guarantee"), "window": WINDOWED[0]}
        ),
        (11, "recheck/window"),
    ),
    "a window reading as one of the pin": (
        lambda r: of(r, "ethereum-balance", ETHEREUM).pop("window"),
        (11, "recheck/window"),
    ),
}
WINDOWED = draw(DRAWN, ETHEREUM, ETHEREUM_PIN, before=28, after=9, draws=4)


@pytest.mark.parametrize("auditor", [True, False], ids=["auditor", "public"])
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_the_window_fails(lie: str, dressed: Published, *, auditor: bool) -> None:
    change, expected = LIES[lie]
    if not auditor and lie == "a hidden balance left out":
        dressed.verify(*dressed.forge(change, auditor=False), lambda _: None)
        return
    assert dressed.failing(change, auditor=auditor) == expected


def declared(predicate: Any, asset: str) -> Any:
    return next(item for item in predicate["declarations"] if (item["kind"], item["unit"]) == ("window", asset))


def without_windows(predicate: Any) -> None:
    predicate["declarations"] = [item for item in predicate["declarations"] if item["kind"] != "window"]


STATED: dict[str, tuple[Callable[[Any], object], tuple[int, str]]] = {
    "a higher lowest count": (
        lambda p: declared(p, "ETH").update(amount=str(int(declared(p, "ETH")["amount"]) + 1)),
        (11, "recheck/window"),
    ),
    "a lower lowest count": (lambda p: declared(p, "DUSD").update(amount="0"), (11, "recheck/window")),
    "no lowest count at all": (without_windows, (11, "recheck/window")),
    "a lowest count of one asset alone": (
        lambda p: p["declarations"].remove(declared(p, "DUSD")),
        (8, "statement/arithmetic"),
    ),
    "another record": (lambda p: declared(p, "BTC").update(evidenceLeaf="00" * 32), (11, "recheck/window")),
}


@pytest.mark.parametrize("lie", STATED)
def test_a_statement_that_says_another_lowest_count_fails(lie: str, dressed: Published) -> None:
    change, expected = STATED[lie]
    assert dressed.failing(lambda _: None, change) == expected


def test_the_auditor_compares_the_nonce_that_it_drew(dressed: Published) -> None:
    verified = dressed.verify(*dressed.forge(), lambda _: None, DRAWN)
    for chain, window in verified.rechecked.windows.items():
        drawn = ", ".join(str(block.height) for block in window.blocks)
        said = f"{chain} also read at {drawn}, which the nonce {NONCE} draws out of 28 blocks before and 9 after"
        assert said in verified.step("evidence").detail
    with pytest.raises(VerificationError, match=f"drawn by the nonce {NONCE}, the auditor drew {'00' * 32}") as caught:
        dressed.verify(*dressed.forge(), lambda _: None, bytes(32))
    assert caught.value.code == "recheck/window"


def test_no_drawn_block_is_younger_than_the_statement(dressed: Published) -> None:
    blocks = [b for window in dressed.outcome.verified.rechecked.windows.values() for b in window.blocks]
    last = max(block.time for block in blocks)
    pins = max(pin.time for pin in dressed.outcome.verified.statement.predicate.chains)
    assert pins < last

    def issued(time: datetime) -> Callable[[Any], object]:
        return lambda p: p.update(issuedAt=format_time(time), snapshotAt="2026-10-31T12:00:00Z")

    dressed.verify(*dressed.forge(state=issued(last)), lambda _: None)
    assert dressed.failing(lambda _: None, issued(last - timedelta(seconds=1))) == (11, "recheck/window")


def test_a_window_that_the_evidence_does_not_have_fails(dressed: Published) -> None:
    def without(records: list[Any]) -> None:
        records[:] = [r for r in records if r["type"] != "window" and "window" not in r]

    assert dressed.failing(without) == (11, "recheck/window")
    verified = dressed.verify(*dressed.forge(without, auditor=False), lambda _: None)
    assert verified.step("evidence").status == "NOT CHECKED"
    assert verified.adverse


def test_outputs_at_a_script_that_nothing_shows_to_be_the_wallets_are_not_taken_for_its(dressed: Published) -> None:
    def whale(records: list[Any]) -> None:
        """What lies at somebody else's script, in the place of the coins that were not there."""
        for record in records:
            if record["type"] == "bitcoin-utxos" and "window" in record and record["wallet"] == "btc-hot":
                record["utxos"].append({**record["utxos"][0], "script": "0014" + "11" * 20, "vout": 77})
                record["amount"] = str(int(record["amount"]) * 2)

    def more(predicate: Any) -> None:
        item = declared(predicate, "BTC")
        item["amount"] = str(OWN["BTC"] + BORROWED["BTC"])

    verified = dressed.verify(*dressed.forge(whale, more), lambda _: None)
    assert verified.step("evidence").status == "NOT CHECKED"
    assert "BTC" not in verified.rechecked.windows[BITCOIN].lowest
    assert verified.unchecked.of_coverage("BTC").lowest == ("BTC",)
    assert not verified.unchecked.of_coverage("ETH")


def test_only_a_node_tells_that_another_block_stands_at_a_height(dressed: Published, tmp_path: Path) -> None:
    node = dressed.world.faucet.node

    def later(records: list[Any]) -> None:
        header = of(records, "bitcoin-header", BITCOIN)
        header["header"] = node.call("getblockheader", node.call("getblockhash", header["window"] + 1), AS_HEX)

    urls = {ETHEREUM: dressed.world.environment["E1"], BITCOIN: dressed.world.environment["B2"]}
    options: Any = {"utxo_sets": {}, "environment": {}, "tell": lambda _: None, "progress": lambda _: None}
    checked = check_evidence(dressed.outcome.private, nodes=urls, **options)
    # At five blocks of each chain: two balances of Bitcoin, two of Ethereum and at the pin that of the guarantee coins.
    assert [(chain, count) for chain, _, count in checked.asked] == [(ETHEREUM, 11), (BITCOIN, 10)]
    bundle, files = dressed.forge(later)
    for name, data in {**files, "x.attest.json": bundle}.items():
        (tmp_path / name).write_bytes(data)
    check_evidence(tmp_path, nodes={}, **options)
    with pytest.raises(AttestError) as caught:
        check_evidence(tmp_path, nodes=urls, **options)
    assert caught.value.code == "reread/pin"
    (tmp_path / "x.attest.json").write_bytes(dressed.forge(later, STATED["a higher lowest count"][0])[0])
    with pytest.raises(AttestError, match="the lowest count of ETH"):
        check_evidence(tmp_path, nodes={}, **options)


def test_one_wallet_is_disclosed_with_its_readings_around_the_pin(dressed: Published, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    shutil.copytree(dressed.outcome.publication, folder)
    whole = open_evidence(dressed.outcome.private)
    options: Any = {"nodes": {}, "utxo_sets": {}, "environment": {}, "tell": lambda _: None, "progress": lambda _: None}
    partial = check_evidence(folder, **options)
    assert partial.step.rechecked.windows[BITCOIN].lowest == {}
    assert (
        f"the lowest count in the window, whose wallets or descriptors are not all available: BTC on {BITCOIN}"
        in checked_text(partial)
    )
    (folder / "btc-cold.disclosed.jsonl").write_bytes(whole.disclose("btc-cold", descriptor=False))
    checked = check_evidence(folder, **options)
    assert not checked.step.open
    assert checked.step.rechecked.windows[BITCOIN].lowest["BTC"].amount == OWN["BTC"]
    (folder / PUBLIC_EVIDENCE).unlink()
    (folder / "eth-cold.disclosed.jsonl").write_bytes(whole.disclose("eth-cold", descriptor=False))
    assert check_evidence(folder, **options).step.rechecked.windows.keys() == {BITCOIN, ETHEREUM}


def test_the_command_says_not_met_and_where_it_was_lowest(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = world.configure(tmp_path / "x", window=WINDOW)
    for name, url in world.environment.items():
        monkeypatch.setenv(name, url)
    with pytest.raises(SystemExit) as exited:
        main(["run", str(folder / "attest.toml"), "--period", PERIOD, "--nonce", NONCE, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (exited.value.code, document["status"]) == (EXIT_ADVERSE, "adverse")
    assert [(item["asset"], item["met"]) for item in document["coverage"]] == [
        ("BTC", False),
        ("DUSD", True),
        ("ETH", False),
    ]
    (lowest,) = [item for item in document["windows"] if item["asset"] == "BTC"]
    assert (lowest["lowest"], lowest["levels"], lowest["nonce"]) == (str(OWN["BTC"]), ["agreed"], NONCE)
    assert lowest["height"] in [block["height"] for block in lowest["blocks"]]
    key = folder / "keys" / "exchange.pem.pub"
    key.write_bytes(read_signer(folder / "keys" / "exchange.pem", lambda: "").public.to_pem())
    with pytest.raises(SystemExit) as exited:
        main(["verify", document["bundle"], "--key", str(key)])
    assert exited.value.code == EXIT_ADVERSE
    out = capsys.readouterr().out
    assert f"lowest in the window: 3.00001000 BTC on {BITCOIN}, not recomputed" in out


def test_a_block_that_is_to_come_is_waited_for_and_nothing_is_read_again(world: World, tmp_path: Path) -> None:
    folder = world.configure(tmp_path / "x", window="{ draws = 8, before = 20, after = 100 }")
    config = read_config(folder / "attest.toml")
    out = tmp_path / "read"
    with pytest.raises(UnavailableError, match=r"drawn blocks [0-9, ]+ are not settled yet, 120 is") as caught:
        write_reserves(config, PERIOD, out, world.around(folder), DRAWN)
    assert caught.value.code == "window/not-reached"
    heights = draw(DRAWN, ETHEREUM, ETHEREUM_PIN, before=20, after=100, draws=8)
    when = NOW + BLOCK * (heights[-1] - 120)
    waiting = f"run again {heights[-1] - 120} blocks from now, at about {when:%Y-%m-%dT%H:%M:%SZ}"
    assert waiting in str(caught.value.hint)
    assert (out.exists(), (tmp_path / "read.reading").exists()) == (False, True)
    # Another nonce does not go on with what this one began.
    with pytest.raises(MalformedError, match="unfinished reading of another"):
        write_reserves(config, PERIOD, out, world.around(folder), b"\x5a" * 32)
    world.mine_ethereum(heights[-1] - 120)
    asked: list[Any] = []
    with answering(world.ethereum, lambda *call: asked.append(call)) as url:
        around = Surroundings(folder, NOW, {**world.environment, "E1": url})
        with pytest.raises(UnavailableError, match=rf"bip122.* not settled yet, {world.bitcoin_tip - 5} is"):
            write_reserves(config, PERIOD, out, around, DRAWN)
    read_at = {params[-1]["blockHash"] for method, params in asked if method in {"eth_getBalance", "eth_getProof"}}
    assert len(read_at) == sum(height > 120 for height in heights)


def test_a_lost_block_of_the_window_voids_what_was_read(dressed: Published, tmp_path: Path) -> None:
    world = dressed.world
    folder = world.configure(tmp_path / "x", window=WINDOW)
    config = read_config(folder / "attest.toml")

    def failing(method: str, _: Any) -> None:
        if method == "scantxoutset":
            raise LookupError("busy")

    with answering(world.faucet.node, failing) as url, pytest.raises(AttestError):
        around = Surroundings(folder, NOW, {**world.environment, "B1": url})
        write_reserves(config, PERIOD, tmp_path / "read", around, DRAWN)
    journal = tmp_path / "read.reading"
    text = journal.read_text(encoding="utf-8")
    pins = [json.loads(line)["window"] for line in text.splitlines() if line.startswith('{"window"')]
    assert [pin["height"] for pin in pins] == list(WINDOWED)
    journal.write_text(text.replace(pins[1]["blockHash"], "11" * 32), encoding="utf-8")
    with pytest.raises(PinLostError):
        write_reserves(config, PERIOD, tmp_path / "read", world.around(folder), DRAWN)
    assert not journal.exists()


@pytest.mark.parametrize("late", [False, True], ids=["while it is read", "before it is signed"])
def test_a_drawn_block_that_is_replaced_is_noticed(world: World, tmp_path: Path, *, late: bool) -> None:
    folder = world.configure(tmp_path / "x", window=WINDOW)
    block = world.ethereum.call("eth_getBlockByNumber", hex(WINDOWED[0]), AS_HEX)
    told: list[str] = []

    def replaced(method: str, params: list[Any]) -> Any:
        if method == "eth_getProof" and params[-1].get("blockHash") == block["hash"] and not late:
            told.append("are still on their chains")
        gone = any("still on their chains" in text for text in told)
        if gone and (method, params[:1]) == ("eth_getBlockByNumber", [hex(WINDOWED[0])]):
            return world.ethereum.call(method, hex(WINDOWED[0] + 1), AS_HEX)
        return None

    with answering(world.ethereum, replaced) as url, pytest.raises(AttestError, match="block 84 instead of 83"):
        environment = {**world.environment, "E1": url}
        around = Surroundings(folder, NOW, environment, told.append)
        if late:
            world.run(folder, around=around)
        else:
            write_reserves(read_config(folder / "attest.toml"), PERIOD, tmp_path / "read", around, DRAWN)
    assert not (folder / "publication" / PERIOD).exists()


def test_signatures_are_counted_for_the_pin_alone(world: World, tmp_path: Path) -> None:
    folder = world.configure(tmp_path / "x", window=WINDOW)
    around = Surroundings(folder, GENESIS + timedelta(hours=1), world.environment)
    config = read_config(folder / "attest.toml")
    config = config.model_copy(
        update={
            "wallets": tuple(item for item in config.wallets if item.chain == ETHEREUM),
            "chains": config.chains[1:],
        }
    )
    write_challenges(config, PERIOD, DRAWN, tmp_path / "c", around)
    Account.enable_unaudited_hdwallet_features()
    key = Account.from_mnemonic(" ".join(["test"] * 11 + ["junk"]), account_path="m/44'/60'/0'/0/5").key
    text = (tmp_path / "c" / "eth-cold-0001.txt").read_text(encoding="utf-8")
    signature = Account.sign_message(encode_defunct(text=text), key).signature.hex()
    (tmp_path / "eth-cold-0001.sig").write_text("0x" + signature.removeprefix("0x"), encoding="utf-8")
    add_signatures(tmp_path / "c", [tmp_path / "eth-cold-0001.sig"])
    verified = world.run(folder, control=(tmp_path / "c",)).verified
    assert "not at hand" not in verified.step("control").detail
    predicate = verified.statement.predicate
    said = {(line.asset, line.purpose, line.control, line.wallets) for line in predicate.reserves}
    assert {("ETH", "customer", "signature", 1), ("DUSD", "customer", "signature", 1)} <= said


def test_a_set_of_unspent_outputs_is_dumped_at_the_pin_alone(world: World, tmp_path: Path) -> None:
    folder = world.configure(tmp_path / "x", window=f'{WINDOW}\nutxo_set = "sets"')
    path = folder / "attest.toml"
    before, _, after = path.read_text(encoding="utf-8").rpartition('\nutxo_set = "sets"')
    path.write_text(before + after, encoding="utf-8")
    (folder / "sets").mkdir()
    predicate = world.run(folder).verified.statement.predicate
    assert [p.name.split("-")[1] for p in (folder / "sets").iterdir()] == [str(world.bitcoin_pin)]
    assert {line.evidence for line in predicate.reserves if line.asset == "BTC"} == {"proven"}


def test_a_month_is_attested_from_what_was_read_with_the_nonce(dressed: Published, tmp_path: Path) -> None:
    world = dressed.world
    folder = world.configure(tmp_path / "x", window=WINDOW)
    own = write_reserves(read_config(folder / "attest.toml"), PERIOD, tmp_path / "read", world.around(folder), DRAWN)
    assert [item.kind for item in own.declarations] == ["largest-wallet"] * 3 + ["window"] * 3
    with pytest.raises(MalformedError, match="its window was drawn by"):
        world.run(folder, read=tmp_path / "read", nonce=b"\x5a" * 32)
    outcome = world.run(folder, read=tmp_path / "read", nonce=None)
    declarations = outcome.verified.statement.predicate.declarations
    said = [(item.kind, item.name, item.unit, item.amount) for item in declarations]
    stated = dressed.outcome.verified.statement.predicate.declarations
    assert said == [(item.kind, item.name, item.unit, item.amount) for item in stated]


@pytest.mark.parametrize(("window", "nonce", "code"), [(WINDOW, None, "window/nonce"), (None, DRAWN, "window/unused")])
def test_a_window_without_a_nonce_and_a_nonce_without_a_window_are_refused(
    window: str | None, nonce: bytes | None, code: str, world: World, tmp_path: Path
) -> None:
    folder = world.configure(tmp_path / "x", window=window)
    with pytest.raises(MalformedError) as caught:
        write_reserves(read_config(folder / "attest.toml"), PERIOD, tmp_path / "r", world.around(folder), nonce)
    assert caught.value.code == code
