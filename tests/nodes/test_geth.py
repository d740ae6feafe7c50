"""What a real geth answers when it cannot or will not say: an error that names it, and never another balance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from attest.chains.ethereum.answers import at_block, decimals_of, header_of
from attest.chains.ethereum.proof import checksum_address
from attest.chains.ethereum.reader import EthereumReader
from attest.chains.ethereum.tokens import TokenContract
from attest.chains.ethereum.unknown_tokens import unknown_tokens
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Before, PinRule
from attest.chains.records import Reading
from attest.chains.wallets import Wallet
from attest.errors import UnavailableError
from tests.nodes.contracts import FIXTURES, deploy, pay
from tests.nodes.geth import Geth, geth
from tests.world.places import addresses_of
from tests.world.recorded import read_with

pytestmark = pytest.mark.geth

CHAIN = "eip155:31337"
GENESIS = 1_760_000_000
NOW = datetime.fromtimestamp(GENESIS, UTC)
HOLDERS = [checksum_address(f"0x{0xB0B << 100 | number:040x}") for number in range(40)]
NOBODY = checksum_address("0x" + "e0" * 20)
# The blocks whose state a geth that is no archive has.
KEPT = 128
ARCHIVE = ("--state.scheme", "hash", "--gcmode", "archive")
UNKNOWN = {"blockHash": "0x" + "11" * 32, "requireCanonical": True}


def reader_of(*tokens: str) -> tuple[EthereumReader, list[Wallet]]:
    """A reader of the holders and of an address without an account, each with ether and these tokens."""
    contracts = {f"T{number}": TokenContract(contract, None) for number, contract in enumerate(tokens)}
    assets = ("ETH", *contracts)
    wallets = [
        Wallet(id=f"w{number}", chain=CHAIN, address=address, assets=assets, purpose="customer", storage="cold")
        for number, address in enumerate((*HOLDERS, NOBODY))
    ]
    decimals = {"ETH": 18, **dict.fromkeys(contracts, 6)}
    return EthereumReader(CHAIN, "ETH", contracts, decimals, addresses_of(wallets)), wallets


def funded(node: Geth) -> str:
    """A token that the holders have some of, beside ether."""
    token = deploy(node, FIXTURES / "demo/DemoDollar.json", 10**15)
    for contract in (None, token):
        pay(node, contract, {holder: 1000 + number for number, holder in enumerate(HOLDERS)})
    return checksum_address(token)


def mine(node: Geth, blocks: int) -> None:
    for _ in range(blocks):
        node.call("evm_mine")


def amounts(node: Node, token: str, rule: PinRule = "latest") -> dict[str, set[int]]:
    reader, wallets = reader_of(token)
    _, records = read_with(reader, node, wallets, rule, now=NOW)
    readings = [record for record in records if isinstance(record, Reading)]
    assert {reading.level for reading in readings} == {"proven"}
    assert len(readings) == 2 * (len(HOLDERS) + 1)
    return {
        asset: {reading.amount for reading in readings if reading.asset == asset} for asset in (reader.native, "T0")
    }


EXPECTED = {asset: {0, *range(1000, 1000 + len(HOLDERS))} for asset in ("ETH", "T0")}


@pytest.fixture(scope="module")
def node() -> Iterator[Geth]:
    with geth(genesis_time=GENESIS) as node:
        yield node


@pytest.fixture(scope="module")
def token(node: Geth) -> str:
    return funded(node)


@pytest.mark.parametrize("rule", ["finalized", Before(NOW)], ids=["finalized", "instant"])
def test_a_chain_of_which_nothing_is_final_has_no_such_pin(rule: PinRule, node: Geth) -> None:
    with pytest.raises(UnavailableError, match=r"node geth: .*finalized block not found"):
        reader_of()[0].choose(node, rule, NOW)


def test_accounts_and_slots_that_are_absent_are_proven_to_be_empty(node: Geth, token: str) -> None:
    assert amounts(node, token) == EXPECTED


@pytest.mark.parametrize("which", [10**6, bytes(32)], ids=["height", "hash"])
def test_a_block_that_the_node_does_not_know_is_unavailable(which: int | bytes, node: Geth) -> None:
    with pytest.raises(UnavailableError, match=r"node geth: .*null"):
        header_of(node, which)


@pytest.mark.parametrize(
    "ask",
    [
        lambda node, _: node.batch([("eth_getBalance", [NOBODY, UNKNOWN])]),
        lambda node, _: node.batch([("eth_getProof", [NOBODY, [], UNKNOWN])]),
        lambda node, token: node.call("eth_getStorageAt", token, "0x0", UNKNOWN),
        lambda node, token: node.call("eth_getCode", token, UNKNOWN),
    ],
    ids=["balance", "proof", "storage", "code"],
)
def test_state_of_a_block_that_the_node_does_not_know_is_unavailable(
    ask: Callable[[Node, str], Any], node: Geth, token: str
) -> None:
    with pytest.raises(UnavailableError, match=r"node geth: .*header for hash not found"):
        ask(node, token)


def test_a_contract_that_reverts_has_no_decimals(node: Geth, token: str) -> None:
    plain = deploy(node, FIXTURES / "tokens/PlainToken.json")
    at = at_block(header_of(node, "latest")[1].block_hash)
    assert decimals_of(node, token, at) == 6
    assert decimals_of(node, plain, at) is None


def test_a_state_that_was_pruned_is_unavailable_and_never_a_balance() -> None:
    with geth(genesis_time=GENESIS) as node:
        token = funded(node)
        height = int(node.call("eth_blockNumber"), 16)
        mine(node, KEPT - 2)
        assert amounts(node, token, height) == EXPECTED
        mine(node, 4)
        with pytest.raises(UnavailableError, match=r"node geth: .*historical state [0-9a-f]{64} is not available"):
            amounts(node, token, height)
        assert amounts(node, token, height + 5) == EXPECTED


def test_an_archive_has_the_balances_of_any_block() -> None:
    with geth(*ARCHIVE, genesis_time=GENESIS) as node:
        token = funded(node)
        height = int(node.call("eth_blockNumber"), 16)
        mine(node, KEPT + 2)
        assert amounts(node, token, height) == EXPECTED


@pytest.mark.parametrize(
    "limits",
    [
        ("--rpc.batch-request-limit", "7", "--rpc.rangelimit", "3"),
        ("--rpc.batch-response-max-size", "20000"),
    ],
    ids=" ".join,
)
def test_a_node_of_small_limits_is_asked_for_less_at_once(limits: tuple[str, ...]) -> None:
    with geth(*limits, genesis_time=GENESIS) as node:
        token = funded(node)
        mine(node, 8)
        assert amounts(node, token) == EXPECTED
        reader, _ = reader_of()
        quorum = Quorum(CHAIN, [node], 1, lambda _: None)
        pin = reader.choose(node, "latest", NOW).pin
        found = unknown_tokens(quorum, pin, 0, frozenset(), HOLDERS)
        assert {(unknown.address, unknown.amount) for unknown in found} == {
            (holder, 1000 + number) for number, holder in enumerate(HOLDERS)
        }


def test_a_request_that_is_too_long_for_the_node_is_halved() -> None:
    """geth takes no request of more bytes, and answers one with HTTP status 413."""
    with geth("--rpc.http-body-limit", "1", genesis_time=GENESIS) as node:
        answers = node.batch([("web3_sha3", ["0x" + f"{number:02x}" * 150_000]) for number in range(5)])
        assert len(set(answers)) == 5
        assert node._batch_size < 4


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (("--rpc.evmtimeout", "20ms", "--rpc.gascap", "0"), "execution aborted"),
        (("--rpc.gascap", "100000"), "out of gas"),
    ],
    ids=["clock", "gas"],
)
def test_a_call_that_the_node_ends_by_its_clock_or_its_gas_is_not_the_contracts_answer(
    limits: tuple[str, ...], words: str
) -> None:
    loop = {"code": "0x5b600056"}  # jumpdest, jump to it
    with geth(*limits, genesis_time=GENESIS) as node, pytest.raises(UnavailableError, match=f"node geth: .*{words}"):
        node.call("eth_call", {"to": NOBODY}, "latest", {NOBODY: loop})
