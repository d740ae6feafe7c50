"""The demo's chains on real nodes: two runs make the same blocks, and wallets own what funding.toml says."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.crypto import keccak

from attest.chains.nodes.rpc import Node
from attest.demo import fixture_path
from attest.demo.funding import FINALITY_BLOCKS, SETTLING_BLOCKS, ethereum_genesis_time, fund_bitcoin, fund_ethereum
from attest.demo.nodes import anvil, bitcoind
from attest.demo.plan import BitcoinWallet, EthereumWallet, load_plan
from attest.errors import UnavailableError

HEADER_ONLY = False
PLAN = load_plan()
BITCOIN = {wallet.id: wallet for wallet in PLAN.bitcoin.wallets}
ETHEREUM = {wallet.id: wallet for wallet in PLAN.ethereum.wallets}


@dataclass(frozen=True, slots=True)
class Chain:
    """A funded node and the hash of every block of an earlier, separate run."""

    node: Node
    earlier: list[str]


@pytest.fixture(scope="module")
def ethereum() -> Iterator[Chain]:
    with anvil(genesis_time=ethereum_genesis_time()) as url:
        fund_ethereum(Node("anvil", url))
        earlier = ethereum_hashes(Node("anvil", url))
    with anvil(genesis_time=ethereum_genesis_time()) as url:
        fund_ethereum(Node("anvil", url))
        yield Chain(Node("anvil", url), earlier)


@pytest.fixture(scope="module")
def bitcoin() -> Iterator[Chain]:
    with bitcoind() as url:
        fund_bitcoin(Node("bitcoind", url))
        earlier = bitcoin_hashes(Node("bitcoind", url))
    with bitcoind() as url:
        fund_bitcoin(Node("bitcoind", url))
        yield Chain(Node("bitcoind", url), earlier)


def ethereum_hashes(node: Node) -> list[str]:
    height = int(node.call("eth_blockNumber"), 16)
    blocks = node.batch([("eth_getBlockByNumber", [hex(number), HEADER_ONLY]) for number in range(height + 1)])
    return [block["hash"] for block in blocks]


def bitcoin_hashes(node: Node) -> list[str]:
    height = node.call("getblockcount")
    hashes: list[str] = node.batch([("getblockhash", [number]) for number in range(height + 1)])
    return [*hashes, *sorted(node.call("getrawmempool"))]


def pinned(node: Node) -> dict[str, Any]:
    block: dict[str, Any] = node.call("eth_getBlockByNumber", hex(PLAN.ethereum.pinned_height), HEADER_ONLY)
    return block


def view(node: Node, pin: str, signature: str, argument: str = "") -> int:
    data = keccak(text=signature)[:4] + bytes.fromhex(argument.removeprefix("0x")).rjust(32, b"\0")
    call = {"to": PLAN.ethereum.token.address, "data": "0x" + data.hex()}
    answer = node.call("eth_call", call, {"blockHash": pin})
    return int(answer, 16)


def coins(node: Node, wallet: BitcoinWallet) -> list[tuple[str, int]]:
    """The unspent (address, satoshi) of a wallet, sorted."""
    described = (
        f"addr({wallet.address})"
        if wallet.descriptor is None
        else {"desc": wallet.descriptor, "range": wallet.last_index}
    )
    answer = node.call("scantxoutset", "start", [described])
    assert answer["success"]
    assert answer["bestblock"] == node.call("getbestblockhash")
    found = []
    for unspent in answer["unspents"]:
        (address,) = node.call("deriveaddresses", unspent["desc"])
        assert unspent["amount"] * 10**8 == int(unspent["amount"] * 10**8)
        found.append((address, int(unspent["amount"] * 10**8)))
    return sorted(found)


def address_of(node: Node, descriptor: str, index: int | None = None) -> str:
    checked = f"{descriptor}#{node.call('getdescriptorinfo', descriptor)['checksum']}"
    addresses = node.call("deriveaddresses", checked, *([] if index is None else [[index, index]]))
    return str(addresses[0])


def test_ethereum_runs_make_the_same_blocks(ethereum: Chain) -> None:
    assert ethereum_hashes(ethereum.node) == ethereum.earlier
    assert len(ethereum.earlier) == PLAN.ethereum.pinned_height + 1 + FINALITY_BLOCKS + 1
    assert int(pinned(ethereum.node)["timestamp"], 16) == PLAN.ethereum.pinned_time.timestamp()
    final = ethereum.node.call("eth_getBlockByNumber", "finalized", HEADER_ONLY)
    assert int(final["number"], 16) == PLAN.ethereum.pinned_height + 1
    assert int(ethereum.node.call("eth_chainId"), 16) == PLAN.ethereum.chain_id


@pytest.mark.parametrize("wallet", ETHEREUM.values(), ids=ETHEREUM)
def test_ethereum_wallets_own_what_the_plan_says(ethereum: Chain, wallet: EthereumWallet) -> None:
    pin = pinned(ethereum.node)["hash"]
    at_pin = int(ethereum.node.call("eth_getBalance", wallet.address, {"blockHash": pin}), 16)
    assert at_pin == wallet.eth
    assert view(ethereum.node, pin, "balanceOf(address)", wallet.address) == wallet.dusd
    latest = int(ethereum.node.call("eth_getBalance", wallet.address, "latest"), 16)
    assert latest - at_pin == (wallet.late or 0)


@pytest.mark.parametrize("wallet", ETHEREUM.values(), ids=ETHEREUM)
def test_token_balances_lie_where_the_artifact_says(ethereum: Chain, wallet: EthereumWallet) -> None:
    slot = json.loads(fixture_path("demo/DemoDollar.json").read_text())["balances_slot"]
    key = keccak(bytes.fromhex(wallet.address[2:]).rjust(32, b"\0") + slot.to_bytes(32))
    pin = pinned(ethereum.node)["hash"]
    token = PLAN.ethereum.token.address
    stored = ethereum.node.call("eth_getStorageAt", token, "0x" + key.hex(), {"blockHash": pin})
    assert int(stored, 16) == wallet.dusd


def test_token_is_the_planned_one(ethereum: Chain) -> None:
    pin = pinned(ethereum.node)["hash"]
    assert view(ethereum.node, pin, "decimals()") == PLAN.ethereum.token.decimals
    assert view(ethereum.node, pin, "totalSupply()") == PLAN.ethereum.token.supply


def test_ethereum_addresses_belong_to_the_mnemonic() -> None:
    Account.enable_unaudited_hdwallet_features()
    for number, wallet in enumerate(PLAN.ethereum.wallets):
        account = Account.from_mnemonic(PLAN.ethereum.mnemonic, account_path=f"m/44'/60'/0'/0/{number}")
        assert account.address == wallet.address


def test_bitcoin_runs_make_the_same_blocks(bitcoin: Chain) -> None:
    assert bitcoin_hashes(bitcoin.node) == bitcoin.earlier
    tip = bitcoin.node.call("getblockheader", bitcoin.node.call("getbestblockhash"))
    assert tip["height"] == PLAN.bitcoin.pinned_height + SETTLING_BLOCKS
    pin = bitcoin.node.call("getblockheader", bitcoin.node.call("getblockhash", PLAN.bitcoin.pinned_height))
    assert pin["time"] == PLAN.bitcoin.pinned_time.timestamp()


@pytest.mark.parametrize("wallet", BITCOIN.values(), ids=BITCOIN)
def test_bitcoin_wallets_own_what_the_plan_says(bitcoin: Chain, wallet: BitcoinWallet) -> None:
    found = coins(bitcoin.node, wallet)
    at_pin = [coin.amount for coin in wallet.coins]
    assert sum(at_pin) == wallet.amount
    at_tip = at_pin[1:] if wallet.spends_late else at_pin
    assert sorted(amount for _, amount in found) == sorted([*at_tip, *([wallet.late] if wallet.late else [])])
    if wallet.address is not None:
        assert {address for address, _ in found} == {wallet.address}


@pytest.mark.parametrize("wallet", BITCOIN.values(), ids=BITCOIN)
def test_bitcoin_addresses_belong_to_the_keys(bitcoin: Chain, wallet: BitcoinWallet) -> None:
    if wallet.descriptor is None:
        assert address_of(bitcoin.node, f"wpkh({wallet.keys[0]})") == wallet.address
        return
    keys = ",".join(f"{key}/48h/1h/0h/2h/0/*" for key in wallet.keys)
    for index in range((wallet.last_index or 0) + 1):
        (address,) = bitcoin.node.call("deriveaddresses", wallet.descriptor, [index, index])
        assert address_of(bitcoin.node, f"wsh(sortedmulti(2,{keys}))", index) == address


def test_coins_that_must_not_count_are_there(bitcoin: Chain) -> None:
    hot = BITCOIN["btc-hot"]
    (unconfirmed,) = bitcoin.node.call("getrawmempool")
    assert paid(bitcoin.node.call("getrawtransaction", unconfirmed, 1), hot) == [hot.unconfirmed]
    received = [
        amount
        for number in range(1, PLAN.bitcoin.pinned_height + 1)
        for transaction in bitcoin.node.call("getblock", bitcoin.node.call("getblockhash", number), 2)["tx"]
        for amount in paid(transaction, hot)
    ]
    assert sum(received) - hot.amount == hot.spent


def paid(transaction: dict[str, Any], wallet: BitcoinWallet) -> list[int]:
    return [
        int(output["value"] * 10**8)
        for output in transaction["vout"]
        if output["scriptPubKey"].get("address") == wallet.address
    ]


def test_a_batch_that_bitcoind_finds_too_large_is_halved() -> None:
    """Bitcoin Core takes requests of up to 32 MiB (MAX_SIZE in its serialize.h)."""
    no_address = "1" * (9 << 20)
    with bitcoind() as url:
        node = Node("bitcoind", url)
        answers = node.batch([("validateaddress", [no_address])] * 4)
    assert [answer["isvalid"] for answer in answers] == [False] * 4
    assert node._batch_size == 2


def test_a_funded_node_is_not_funded_again(ethereum: Chain, bitcoin: Chain) -> None:
    for fund, chain in ((fund_ethereum, ethereum), (fund_bitcoin, bitcoin)):
        with pytest.raises(UnavailableError) as caught:
            fund(chain.node)
        assert caught.value.code == "demo/funding"


def node_of(name: str) -> AbstractContextManager[str]:
    return bitcoind() if name == "bitcoind" else anvil(genesis_time=0)


@pytest.mark.parametrize("name", ["anvil", "bitcoind"])
def test_nothing_of_a_node_stays_after_an_exception(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ZeroDivisionError), node_of(name) as url:
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UnavailableError):
        Node(name, url, deadline=0.2).call("getblockcount")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (None, "demo/program-missing"),
        ("#!/bin/sh\necho no disk left\nexit 3\n", "demo/program-failed"),
        ("#!/nonexistent/interpreter\n", "demo/program-failed"),
    ],
    ids=["missing", "dies", "broken"],
)
@pytest.mark.parametrize("name", ["anvil", "bitcoind"])
def test_a_program_that_does_not_run_is_named(
    name: str, script: str | None, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script is not None:
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError) as caught, node_of(name):
        pass
    assert caught.value.code == code
    assert name in caught.value.message
    assert caught.value.hint
