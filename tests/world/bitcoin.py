"""Coins on a bitcoind in regtest: a faucet, wallets by descriptor, and what they hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from attest.chains.bitcoin.records import BitcoinUtxos
from attest.chains.nodes.rpc import Node
from attest.chains.wallets import Wallet
from attest.demo.plan import load_plan
from attest.errors import UnavailableError
from attest.evidence.record import Record

CHAIN = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
PLAN = load_plan().bitcoin
FAUCET, FAUCET_KEY = PLAN.faucet_address, PLAN.faucet_key
HOT, HOT_KEY = PLAN.wallets[1].address or "", PLAN.wallets[1].keys[0]
START = datetime(2026, 10, 1, tzinfo=UTC)
FEE = 10_000
KEYS = [part.split("]")[1].split("/")[0] for part in (PLAN.wallets[0].descriptor or "").split(",")[1:]]
DESCRIPTORS = {
    "pkh": f"pkh({KEYS[0]}/0/*)",
    "wpkh": f"wpkh({KEYS[0]}/1/*)",
    "sh-wpkh": f"sh(wpkh({KEYS[0]}/2/*))",
    "wsh": f"wsh(sortedmulti(2,{KEYS[0]}/3/*,{KEYS[1]}/3/*,{KEYS[2]}/3/*))",
    "tr": f"tr({KEYS[0]}/4/*)",
}


def wallet(name: str, **fields: Any) -> Wallet:
    return Wallet(
        **{"id": name, "chain": CHAIN, "assets": ("BTC",), "purpose": "customer", "storage": "cold", **fields}
    )


def btc(amount: int) -> str:
    return f"{Decimal(amount).scaleb(-8):f}"


class Faucet:
    """Mines on one node and pays from its own coins; another node is given the same blocks."""

    def __init__(self, node: Node, follower: Node, start: datetime = START) -> None:
        self.node = node
        self.follower = follower
        self.time = start
        for _ in range(102):
            self.mine()
        self.coin = (node.call("getblock", node.call("getblockhash", 1))["tx"][0], 0)
        self.change = 50 * 10**8

    def mine(self, *transactions: str) -> str:
        self.time += timedelta(minutes=10)
        for node in (self.node, self.follower):
            quietly(node, "setmocktime", int(self.time.timestamp()))
        block_hash = str(self.node.call("generateblock", FAUCET, list(transactions))["hash"])
        quietly(self.follower, "submitblock", self.node.call("getblock", block_hash, 0))
        return block_hash

    def pay(self, amounts: dict[str, int]) -> str:
        """Mines one transaction that pays all of `amounts`; its id."""
        self.change -= sum(amounts.values()) + FEE
        outputs = [{address: btc(amount)} for address, amount in amounts.items()] + [{FAUCET: btc(self.change)}]
        signed = self.signed([self.coin], outputs, FAUCET_KEY)
        self.mine(signed)
        txid = str(self.node.call("decoderawtransaction", signed)["txid"])
        self.coin = (txid, len(amounts))
        return txid

    def signed(self, inputs: list[tuple[str, int]], outputs: list[dict[str, str]], key: str) -> str:
        raw = self.node.call("createrawtransaction", [{"txid": t, "vout": v} for t, v in inputs], outputs)
        answer = self.node.call("signrawtransactionwithkey", raw, [key])
        assert answer["complete"], answer
        return str(answer["hex"])


def derived(node: Node, descriptor: str, *span: Any) -> list[str]:
    """The addresses of a descriptor as the node derives them."""
    checked = node.call("getdescriptorinfo", descriptor)["descriptor"]
    addresses: list[str] = node.call("deriveaddresses", checked, *span)
    return addresses


def quietly(node: Node, method: str, *params: Any) -> None:
    """A call that is answered with null when it succeeds."""
    try:
        node.call(method, *params)
    except UnavailableError as error:
        assert error.code == "node/null", error  # noqa: PT017


def amounts(records: list[Record]) -> dict[str, int]:
    return {record.wallet: record.amount for record in records if isinstance(record, BitcoinUtxos)}
