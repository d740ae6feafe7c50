"""Gives the demo exchange the same coins on fresh test nodes every time, down to the block hashes.

`fixtures/demo/funding.toml` says what each wallet owns. Keys, times, fees and the order of everything are
fixed, and signatures are deterministic (RFC 6979): the same releases of the nodes make the same chains.
Another release of bitcoind may build its blocks differently and then has other hashes, with the same balances.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from attest.chains.nodes.rpc import Node
from attest.demo import fixture_path
from attest.demo.plan import BitcoinPlan, BitcoinWallet, EthereumPlan, load_plan
from attest.errors import UnavailableError

FINALITY_BLOCKS: Final = 64
SETTLING_BLOCKS: Final = 8  # until the median time of eleven blocks (BIP-113) is that of a later month
_HEADER_ONLY: Final = False
_GAS: Final = 2_000_000
_GAS_PRICE: Final = 10_000_000_000
_COINBASE_MATURITY: Final = 100
_SUBSIDY: Final = 50 * 10**8
_FEE: Final = 10_000


def ethereum_genesis_time() -> int:
    """The genesis timestamp `attest.demo.nodes.anvil` must be started with for `fund_ethereum`."""
    return load_plan().ethereum.time_of(0)


def fund_ethereum(node: Node) -> None:
    """Deploys the token, pays the wallets and mines until a block after the pinned one is `finalized`.

    `node` must be a fresh anvil started with `ethereum_genesis_time()`. Raises `UnavailableError` otherwise.
    """
    plan = load_plan().ethereum
    chain = _Ethereum(node, plan)
    artifact = json.loads(fixture_path("demo/DemoDollar.json").read_text(encoding="utf-8"))
    deployed = chain.send(None, 0, artifact["bytecode"] + encode(["uint256"], [plan.token.supply]).hex())
    if str(deployed["contractAddress"]).lower() != plan.token.address.lower():
        raise _unexpected(node, f"the token came to lie at {deployed['contractAddress']}")
    for wallet in plan.wallets:
        chain.send(wallet.address, wallet.eth, "0x")
        transfer = keccak(text="transfer(address,uint256)")[:4]
        transfer += encode(["address", "uint256"], [wallet.address, wallet.dusd])
        chain.send(plan.token.address, 0, "0x" + transfer.hex())
    chain.mine_to(plan.pinned_height)
    for wallet in plan.wallets:
        if wallet.late is not None:
            chain.send(wallet.address, wallet.late, "0x")
    chain.mine_to(plan.pinned_height + 1 + FINALITY_BLOCKS)


class _Ethereum:
    def __init__(self, node: Node, plan: EthereumPlan) -> None:
        latest = node.call("eth_getBlockByNumber", "latest", _HEADER_ONLY)
        if (latest["number"], latest["timestamp"]) != ("0x0", hex(plan.time_of(0))):
            raise _unexpected(node, "the chain is not fresh or has another genesis time")
        self._node = node
        self._plan = plan
        self._height = 0
        # One of the accounts anvil holds the keys of; none of them is a wallet.
        self._sender = node.call("eth_accounts")[0]

    def send(self, to: str | None, value: int, data: str) -> dict[str, Any]:
        """Mines a block with one transaction and returns its receipt."""
        transaction = {
            "from": self._sender,
            "value": hex(value),
            "data": data,
            "gas": hex(_GAS),
            "gasPrice": hex(_GAS_PRICE),
        }
        if to is not None:
            transaction["to"] = to
        identifier = self._node.call("eth_sendTransaction", transaction)
        self._mine()
        receipt: dict[str, Any] = self._node.call("eth_getTransactionReceipt", identifier)
        if receipt["status"] != "0x1":
            raise _unexpected(self._node, f"transaction {identifier} was reverted")
        return receipt

    def mine_to(self, height: int) -> None:
        """Mines empty blocks until `height`."""
        if self._height > height:
            raise _unexpected(self._node, "funding.toml has more transactions than blocks")
        while self._height < height:
            self._mine()

    def _mine(self) -> None:
        self._height += 1
        self._node.call("evm_mine", self._plan.time_of(self._height))


def fund_bitcoin(node: Node) -> None:
    """Mines the faucet's coins, pays the wallets, spends two of their coins again and leaves one payment unconfirmed.

    `node` must be a bitcoind on an empty regtest chain. Raises `UnavailableError` otherwise.
    """
    plan = load_plan().bitcoin
    if node.call("getblockchaininfo")["chain"] != "regtest" or node.call("getblockcount") != 0:
        raise _unexpected(node, "the chain is not an empty regtest")
    chain = _Bitcoin(node, plan)
    late = [payment for wallet in plan.wallets for payment in _fund_wallet(node, chain, wallet)]
    chain.mine_to(plan.pinned_height)
    for payment in late:
        chain.mine([payment])
    for wallet in plan.wallets:
        if wallet.late is not None:
            chain.mine([chain.pay(_address(node, wallet, 0), wallet.late)])
    chain.mine_to(plan.pinned_height + SETTLING_BLOCKS)
    for wallet in plan.wallets:
        if wallet.unconfirmed is not None:
            node.call("sendrawtransaction", chain.pay(_address(node, wallet, 0), wallet.unconfirmed))


def _fund_wallet(node: Node, chain: _Bitcoin, wallet: BitcoinWallet) -> list[str]:
    """Pays a wallet's coins; the signed transactions that spend one of them after the pinned block."""
    payments = []
    for coin in wallet.coins:
        payments.append(chain.pay(_address(node, wallet, coin.index), coin.amount))
        chain.mine(payments[-1:])
    late = [chain.pay_back(payments[0], wallet.coins[0].amount, wallet.keys)] if wallet.spends_late else []
    if wallet.spent is not None:
        payment = chain.pay(_address(node, wallet, 0), wallet.spent)
        chain.mine([payment])
        chain.mine([chain.pay_back(payment, wallet.spent, wallet.keys)])
    return late


class _Bitcoin:
    """The chain while it grows. The faucet has one coin, and the change of each payment is the next one."""

    def __init__(self, node: Node, plan: BitcoinPlan) -> None:
        self._node = node
        self._plan = plan
        self._height = 0
        payments = [
            amount
            for wallet in plan.wallets
            for amount in (*(coin.amount for coin in wallet.coins), wallet.spent, wallet.late, wallet.unconfirmed)
            if amount is not None
        ]
        needed = sum(payments) + _FEE * (len(payments) + 1)
        coinbases = -(-needed // _SUBSIDY) + 1
        self.mine_to(coinbases + _COINBASE_MATURITY)
        hashes = node.batch([("getblockhash", [height]) for height in range(1, coinbases + 1)])
        blocks = node.batch([("getblock", [block_hash]) for block_hash in hashes])
        self._change = coinbases * _SUBSIDY - _FEE
        collected = self._sign(
            [(block["tx"][0], 0) for block in blocks],
            [{plan.faucet_address: _btc(self._change)}],
            [plan.faucet_key],
        )
        self._coin = (self._txid(collected), 0)
        self.mine([collected])

    def mine(self, transactions: Sequence[str]) -> None:
        """Mines one block with exactly these raw transactions."""
        self._height += 1
        age = (self._plan.pinned_height - self._height) * self._plan.block_seconds
        _command(self._node, "setmocktime", int(self._plan.pinned_time.timestamp()) - age)
        # Blocks are given their transactions; the node's own choice and order could vary.
        self._node.call("generateblock", self._plan.faucet_address, list(transactions))

    def mine_to(self, height: int) -> None:
        """Mines empty blocks until `height`."""
        if self._height > height:
            raise _unexpected(self._node, "funding.toml has more payments than blocks")
        while self._height < height:
            self.mine([])

    def pay(self, address: str, amount: int) -> str:
        """A signed transaction of the faucet; its output 0 pays `amount` satoshi to `address`."""
        self._change -= amount + _FEE
        outputs = [{address: _btc(amount)}, {self._plan.faucet_address: _btc(self._change)}]
        signed = self._sign([self._coin], outputs, [self._plan.faucet_key])
        self._coin = (self._txid(signed), 1)
        return signed

    def pay_back(self, payment: str, amount: int, keys: Sequence[str]) -> str:
        """A signed transaction that sends the `amount` of a mined `payment` back to the faucet."""
        outputs = [{self._plan.faucet_address: _btc(amount - _FEE)}]
        return self._sign([(self._txid(payment), 0)], outputs, keys)

    def _txid(self, transaction: str) -> str:
        return str(self._node.call("decoderawtransaction", transaction)["txid"])

    def _sign(self, inputs: Sequence[tuple[str, int]], outputs: Sequence[dict[str, str]], keys: Sequence[str]) -> str:
        points = [{"txid": txid, "vout": vout} for txid, vout in inputs]
        raw = self._node.call("createrawtransaction", points, list(outputs))
        answer = self._node.call("signrawtransactionwithkey", raw, list(keys))
        if not answer["complete"]:
            raise _unexpected(self._node, "a transaction could not be signed with the keys of funding.toml")
        return str(answer["hex"])


def _address(node: Node, wallet: BitcoinWallet, index: int) -> str:
    if wallet.descriptor is None:
        return wallet.address or ""
    return str(node.call("deriveaddresses", wallet.descriptor, [index, index])[0])


def _btc(amount: int) -> str:
    return f"{amount // 10**8}.{amount % 10**8:08}"


def _command(node: Node, method: str, *params: Any) -> None:
    """A call that is answered with null when it succeeds; `Node` takes null for a missing answer."""
    try:
        node.call(method, *params)
    except UnavailableError as error:
        if error.code != "node/null":
            raise


def _unexpected(node: Node, what: str) -> UnavailableError:
    return UnavailableError(
        "demo/funding",
        f"the demo could not be funded on node {node.name}: {what}",
        hint="start fresh nodes with attest.demo.nodes and fund them once",
    )
