"""Ethereum balances read from two real nodes: what was funded is found, and nothing else is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from attest.chains.ethereum.proof import checksum_address
from attest.chains.ethereum.reader import EthereumReader
from attest.chains.ethereum.records import EthereumTokenBalance
from attest.chains.ethereum.tokens import TokenContract
from attest.chains.ethereum.unknown_tokens import unknown_tokens
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Before, Confirmations, PinLostError, PinRule, not_reached
from attest.chains.records import NodeAgreement, Reading
from attest.chains.wallets import Pin, Wallet
from attest.demo.nodes import anvil
from attest.demo.recording import serve
from attest.errors import AttestError, UnavailableError, VerificationError
from attest.evidence.record import Record
from attest.reserves.reading import confirm_pin, pin_block
from attest.verification.evidence.reread import reread
from tests.nodes.contracts import FIXTURES, call_data, deploy, pay, send
from tests.nodes.safe import deploy_safe
from tests.nodes.sandbox import Sandbox, sandbox
from tests.world.places import addresses_of
from tests.world.recorded import read_with

CHAIN = "eip155:31337"
GENESIS = datetime(2026, 10, 31, 14, tzinfo=UTC)
BLOCK = timedelta(seconds=12)
# What a large number costs in requests and memory is the same for both kinds, so one of them shows it.
MANY = {"anvil": 1000, "geth": 150}


class Twins:
    """Two nodes that are told the same, at the same times, and so have the same chain."""

    def __init__(self, *nodes: Sandbox) -> None:
        self.nodes: list[Node] = list(nodes)
        for number, node in enumerate(nodes, start=1):
            node.name = f"n{number}"
        self.time = GENESIS

    def call(self, method: str, *params: Any) -> Any:
        if method == "evm_mine":
            self.time += BLOCK
            params = (int(self.time.timestamp()),)
        first, *others = [node.call(method, *params) for node in self.nodes]
        assert all(other == first for other in others), method
        return first

    def quiet(self, calls: list[tuple[str, list[Any]]]) -> None:
        """Calls whose answer is null."""
        for node in self.nodes:
            for method, params in calls:
                try:
                    node.call(method, *params)
                except UnavailableError as error:
                    assert error.code == "node/null"  # noqa: PT017


@dataclass(frozen=True)
class Chain:
    twins: Twins
    wallets: list[Wallet]
    tokens: dict[str, TokenContract]
    funded: dict[tuple[str, str], int]

    @property
    def nodes(self) -> list[Node]:
        return self.twins.nodes

    @property
    def reader(self) -> EthereumReader:
        decimals = {"ETH": 18, **dict.fromkeys(self.tokens, 6)}
        return EthereumReader(CHAIN, "ETH", self.tokens, decimals, addresses_of(self.wallets))

    def read(self, nodes: list[Node] | None = None, rule: PinRule = "finalized", **options: Any) -> tuple[Pin, Any]:
        return read_with(self.reader, nodes or self.nodes, self.wallets, rule, now=self.twins.time, **options)


def wallet(name: str, address: str, *assets: str, **fields: Any) -> Wallet:
    return Wallet(
        **{
            "id": name,
            "chain": CHAIN,
            "address": address,
            "assets": assets,
            "purpose": "customer",
            "storage": "cold",
            **fields,
        }
    )


@contextmanager
def twins_of(kind: str) -> Iterator[Twins]:
    start = int(GENESIS.timestamp())
    with sandbox(kind, genesis_time=start) as one, sandbox(kind, genesis_time=start) as two:
        yield Twins(one, two)


@pytest.fixture(scope="module")
def chain(kind: str) -> Iterator[Chain]:
    with twins_of(kind) as twins:
        node: Any = twins
        dollar = deploy(node, FIXTURES / "demo/DemoDollar.json", 10**15)
        vyper = deploy(node, FIXTURES / "tokens/VyperToken.json")
        shares = deploy(node, FIXTURES / "tokens/ShareToken.json")
        safe = deploy_safe(node, node.call("eth_accounts")[1:4], 2)
        many = [checksum_address(f"0x{0xA11CE << 100 | number:040x}") for number in range(MANY[kind])]
        wallets = [wallet("safe", safe, "ETH", "DUSD", "VYD", "SHR")]
        wallets += [wallet(f"w{number}", address, "ETH", "DUSD") for number, address in enumerate(many)]
        funded = {("safe", "ETH"): 7 * 10**18 + 1, ("safe", "DUSD"): 5_000_001}
        send(node, safe, value=funded["safe", "ETH"])
        send(node, dollar, call_data("transfer(address,uint256)", safe, funded["safe", "DUSD"]))
        funded |= {("safe", "VYD"): 99, ("safe", "SHR"): 1100}
        send(node, vyper, call_data("mint(address,uint256)", safe, 99))
        send(node, shares, call_data("mint(address,uint256)", safe, 1000))
        for number in range(MANY[kind]):
            # Every third has none of the token, one has no account at all.
            funded[f"w{number}", "ETH"] = 0 if number == 7 else 10**15 + number
            funded[f"w{number}", "DUSD"] = 0 if number % 3 == 0 or number == 7 else 1000 + number
        for asset, token in (("ETH", None), ("DUSD", dollar)):
            pay(node, token, {at: funded[f"w{number}", asset] for number, at in enumerate(many)})
        for _ in range(65):
            node.call("evm_mine")
        tokens = {name: TokenContract(at, None) for name, at in (("DUSD", dollar), ("VYD", vyper), ("SHR", shares))}
        yield Chain(twins, wallets, tokens, funded)


def readings(records: list[Record]) -> dict[tuple[str, str], Reading]:
    return {(record.wallet, record.asset): record for record in records if isinstance(record, Reading)}


def test_many_addresses_and_a_safe_hold_what_was_funded(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = []
    post = Node._post
    monkeypatch.setattr(Node, "_post", lambda *a, **k: requests.append(a) or post(*a, **k))
    pin, records = chain.read()
    found = readings(records)
    assert {key: reading.amount for key, reading in found.items()} == chain.funded
    assert {key for key, reading in found.items() if reading.level != "proven"} == {("safe", "SHR")}
    assert found["safe", "SHR"].level == "agreed"
    # Two nodes, two assets, the proofs and the code of all addresses: a request for about a hundred of them.
    assert len(requests) < 8 * len(chain.wallets) / 100 + 60
    (nodes,) = [record for record in records if isinstance(record, NodeAgreement)]
    assert (nodes.needed, nodes.agreed) == (2, ("n1", "n2"))
    places = {
        (record.asset, record.layout, int.from_bytes(record.slot))
        for record in records
        if isinstance(record, EthereumTokenBalance)
    }
    assert places == {("DUSD", "solidity", 0), ("VYD", "vyper", 3)}
    assert pin.time < chain.twins.time


def test_one_nodes_word_is_single_and_its_proofs_are_proofs(chain: Chain) -> None:
    small = replace(chain, wallets=chain.wallets[:3])
    _, records = small.read(chain.nodes[:1])
    levels = {key: reading.level for key, reading in readings(records).items()}
    assert levels["safe", "SHR"] == "single"
    assert set(levels.values()) == {"single", "proven"}


def test_each_kind_of_pin_is_the_block_it_means(chain: Chain) -> None:
    node = chain.nodes[0]
    tip = int(node.call("eth_blockNumber"), 16)

    def chosen(rule: PinRule, now: datetime = chain.twins.time) -> int:
        return chain.reader.choose(node, rule, now).pin.height

    assert chosen("latest") == tip
    assert chosen("finalized") == tip - 64
    assert chosen(Confirmations(1)) == tip
    assert chosen(Confirmations(10)) == tip - 9
    with pytest.raises(UnavailableError, match=f"no block has {tip + 2} confirmations"):
        chosen(Confirmations(tip + 2))
    assert chosen(3) == 3
    third = chain.reader.choose(node, 3, chain.twins.time).pin
    assert chosen(third.block_hash) == 3
    assert chosen(Before(third.time)) == 2
    assert chosen(Before(third.time + timedelta(seconds=1))) == 3
    final = chain.reader.choose(node, tip - 64, chain.twins.time).pin
    with pytest.raises(UnavailableError, match="has not settled") as caught:
        chosen(Before(chain.twins.time))
    assert caught.value.hint == not_reached(node.name, chain.twins.time, int(final.time.timestamp())).hint
    with pytest.raises(VerificationError, match="begins after"):
        chosen(Before(GENESIS))
    with pytest.raises(UnavailableError, match="is behind: its newest finalized block is of"):
        chosen("finalized", chain.twins.time + timedelta(hours=8))


def test_a_node_of_another_chain_is_named(chain: Chain) -> None:
    other = replace(chain.reader, chain="eip155:1")
    with pytest.raises(VerificationError, match="n1 is on chain 31337, not on 1"):
        read_with(other, chain.nodes[0], chain.wallets, "finalized", now=chain.twins.time)


def test_what_no_wallet_lists_is_told_and_not_counted(chain: Chain) -> None:
    listed = replace(chain, wallets=[wallet("safe", chain.wallets[0].address or "", "DUSD")])
    quorum = Quorum(CHAIN, chain.nodes, 2, lambda _: None)
    block = pin_block(listed.reader, quorum, "finalized", chain.twins.time)
    unlisted = listed.reader.unlisted(quorum, block, listed.wallets)
    found = {(item.wallet, item.asset): int(item.amount) for item in unlisted}
    assert found == {key: chain.funded[key] for key in (("safe", "ETH"), ("safe", "VYD"), ("safe", "SHR"))}


def test_tokens_that_nobody_named_are_found_by_their_transfers(chain: Chain) -> None:
    quorum = Quorum(CHAIN, chain.nodes, 2, lambda _: None)
    reader = chain.reader
    pin = pin_block(reader, quorum, "finalized", chain.twins.time).pin
    addresses = list(reader.addresses.values())
    dollar = chain.tokens["DUSD"].contract
    funded = {(reader.addresses[name], amount) for (name, asset), amount in chain.funded.items() if asset == "DUSD"}
    found = unknown_tokens(quorum, pin, 0, frozenset(), addresses)
    assert {(token.address, token.amount) for token in found} == {item for item in funded if item[1]}
    assert {token.contract for token in found} == {checksum_address(dollar)}
    assert unknown_tokens(quorum, pin, 0, frozenset({checksum_address(dollar)}), addresses) == []

    def narrow(method: str, params: list[Any]) -> str:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) > 3:
            raise LookupError("query returned more than 10000 results")
        return json.dumps(chain.nodes[0].call(method, *params))

    with serve(narrow) as url:
        one = Quorum(CHAIN, [Node("narrow", url)], 1, lambda _: None)
        assert sorted(unknown_tokens(one, pin, 0, frozenset(), addresses)) == sorted(found)


def test_evidence_is_what_a_node_says_again_until_it_is_changed(chain: Chain) -> None:
    pin, records = replace(chain, wallets=chain.wallets[:50]).read()
    found = {index: record for index, record in enumerate(records) if isinstance(record, Reading)}
    assert reread(chain.nodes[1], pin, found, lambda _: None) == len(found)
    index = max(found)
    found[index] = found[index].model_copy(update={"amount": found[index].amount + 1})
    with pytest.raises(VerificationError, match=f"record {index}: node n2 says"):
        reread(chain.nodes[1], pin, found, lambda _: None)


@contextmanager
def small_chain(kind: str) -> Iterator[Chain]:
    """Two nodes with one wallet, and a chain that a test may break."""
    with twins_of(kind) as twins:
        node: Any = twins
        wallets = [wallet("cold", "0x" + "c0" * 20, "ETH")]
        send(node, wallets[0].address, value=5)
        for _ in range(5):
            node.call("evm_mine")
        yield Chain(twins, wallets, {}, {("cold", "ETH"): 5})


def amounts(records: list[Record]) -> dict[tuple[str, str], int]:
    return {key: reading.amount for key, reading in readings(records).items()}


def test_a_balance_that_the_state_root_does_not_hold_is_never_a_number() -> None:
    with small_chain("anvil") as chain:
        assert amounts(chain.read(rule="latest")[1]) == chain.funded
        # anvil changes the state of the latest block without its root: a provider that lies about a balance.
        chain.twins.quiet([("anvil_setBalance", [chain.wallets[0].address, "0x6"])])
        with pytest.raises(VerificationError, match="node n1 gave no valid proof of ETH"):
            chain.read(rule="latest")


def test_one_liar_among_three_is_named_and_left_out() -> None:
    with small_chain("anvil") as chain:
        told: list[str] = []
        with anvil(genesis_time=int(GENESIS.timestamp())) as apart:
            nodes = [Node("apart", apart), *chain.nodes]
            _, records = chain.read(nodes, rule="latest", needed=2, tell=told.append)
    assert amounts(records) == chain.funded
    (agreement,) = [record for record in records if isinstance(record, NodeAgreement)]
    assert agreement.agreed == ("n1", "n2")
    assert [node.name for node in agreement.dropped] == ["apart"]
    assert any("going on without node apart" in text for text in told)


def test_two_nodes_that_differ_are_an_error_that_says_who_and_in_what(chain: Chain) -> None:
    cold = chain.wallets[1].address

    def lying(method: str, params: list[Any]) -> str:
        answer = chain.nodes[1].call(method, *params)
        if method == "eth_getBalance" and params[0].lower() == (cold or "").lower():
            answer = hex(int(answer, 16) + 1)
        return json.dumps(answer)

    with serve(lying) as url, pytest.raises(VerificationError) as caught:
        replace(chain, wallets=chain.wallets[:3]).read([chain.nodes[0], Node("liar", url)])
    assert caught.value.code == "nodes/disagree"
    assert "liar says 1000000000000001 for ETH of wallet w0, not 1000000000000000" in caught.value.message


def test_too_few_nodes_that_answer_are_an_error(chain: Chain) -> None:
    dead = Node("dead", "http://127.0.0.1:9", sleep=lambda _: None)
    with pytest.raises(UnavailableError, match=r"1 of 2 nodes are left, .* node dead: no complete"):
        replace(chain, wallets=chain.wallets[:1]).read([chain.nodes[0], dead])


def test_a_reorganisation_after_the_pin_voids_the_run(kind: str) -> None:
    with small_chain(kind) as chain:
        quorum = Quorum(CHAIN, chain.nodes, 2, lambda _: None)
        block = pin_block(chain.reader, quorum, "latest", chain.twins.time)
        confirm_pin(chain.reader, quorum, block.pin)
        chain.twins.quiet([("anvil_reorg", [3, []])])
        with pytest.raises(PinLostError, match="has replaced the pinned block"):
            confirm_pin(chain.reader, Quorum(CHAIN, chain.nodes, 2, lambda _: None), block.pin)


@pytest.mark.parametrize("after", ["eth_getBalance", "eth_getProof"])
def test_a_reorganisation_while_reading_voids_the_run(after: str, kind: str) -> None:
    with small_chain(kind) as chain:
        node = chain.nodes[0]
        done = []

        def reorganising(method: str, params: list[Any]) -> str:
            answer = node.call(method, *params)
            if method == after and not done:
                done.append(method)
                chain.twins.quiet([("anvil_reorg", [3, []])])
            return json.dumps(answer)

        with serve(reorganising) as url, pytest.raises(AttestError):
            chain.read([Node("reorganising", url, sleep=lambda _: None)], rule="latest")
        assert done
