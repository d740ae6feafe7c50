from __future__ import annotations

import re
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import pytest

from attest.chains.bitcoin.header import has_work, header_hash
from attest.chains.bitcoin.reader import BitcoinReader
from attest.chains.bitcoin.records import BitcoinDescriptor, BitcoinHeader, BitcoinUtxos
from attest.chains.nodes.rpc import Node
from attest.chains.wallets import Pin, Wallet
from attest.demo.plan import load_plan
from attest.errors import AttestError, UnavailableError, VerificationError
from attest.evidence.record import Record
from attest.exchange.config import Config
from attest.reserves.register import register
from tests.world.recorded import Change, lying_node, read_with

CHAIN = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
MAINNET = "bip122:000000000019d6689c085ae165831e93"


def lying(**changes: Change) -> AbstractContextManager[Node]:
    return lying_node("bitcoin", **changes)


def read(node: Node, config: Config, chain: str = CHAIN) -> tuple[Pin, list[Record]]:
    wallets = [wallet for wallet in config.wallets if wallet.chain == CHAIN]
    return read_with(BitcoinReader(chain, "BTC", register(wallets).places), node, wallets)


def wallet(**fields: Any) -> Wallet:
    return Wallet(
        **{"id": "w", "chain": MAINNET, "assets": ("BTC",), "purpose": "customer", "storage": "cold", **fields}
    )


def test_every_wallet_has_the_outputs_it_was_funded_with(config: Config) -> None:
    with lying() as node:
        pin, records = read(node, config)
    plan = load_plan().bitcoin
    assert (pin.height, pin.time) == (plan.pinned_height, plan.pinned_time)
    readings = {record.wallet: record for record in records if isinstance(record, BitcoinUtxos)}
    # Neither the coin that was spent again nor the one in the mempool counts.
    assert {name: reading.amount for name, reading in readings.items()} == {w.id: w.amount for w in plan.wallets}
    assert {name: len(reading.utxos) for name, reading in readings.items()} == {
        w.id: len(w.coins) for w in plan.wallets
    }
    (header,) = [record for record in records if isinstance(record, BitcoinHeader)]
    assert header_hash(header.header) == pin.block_hash
    (descriptor,) = [record for record in records if isinstance(record, BitcoinDescriptor)]
    assert (descriptor.wallet, descriptor.range) == ("btc-cold", (0, 9))


def scan(edit: Any) -> Change:
    def change(_: Any, answer: Any) -> Any:
        edit(answer)
        return answer

    return change


def first(**fields: Any) -> Change:
    return scan(lambda answer: answer["unspents"][0].update(fields))


def shift(answer: Any) -> None:
    """Move one satoshi from one output to another: the total still agrees."""
    answer["unspents"][0]["amount"] += Decimal("0.00000001")
    answer["unspents"][1]["amount"] -= Decimal("0.00000001")


def raw(edit: Any) -> Change:
    """A change of a header's 80 bytes, not of its description."""
    return lambda params, answer: edit(answer) if params[1:] == [False] else answer


LIES = {
    "a larger output": {"scantxoutset": first(amount=Decimal("1000000.00000000"))},
    "a larger total": {"scantxoutset": scan(lambda a: a.update(total_amount=a["total_amount"] + 1))},
    "an output of more satoshis than a node can count": {
        "scantxoutset": scan(
            lambda a: (
                a["unspents"][0].update(amount=Decimal("92233720368.54775808")),
                a.update(total_amount=sum(item["amount"] for item in a["unspents"])),
            )
        )
    },
    "half a satoshi": {"scantxoutset": first(amount=Decimal("0.000000005"))},
    "an output of a number that has a billion digits": {"scantxoutset": first(amount=Decimal("1e999999999"))},
    "an output of a number that has a billion decimals": {"scantxoutset": first(amount=Decimal("1e-999999999"))},
    "a total of a number that has a billion digits": {
        "scantxoutset": scan(lambda a: a.update(total_amount=Decimal("1e999999999")))
    },
    "a negative output": {"scantxoutset": first(amount=Decimal("-1.00000000"))},
    "an output as text": {"scantxoutset": first(amount="1.00000000")},
    "an output dropped": {"scantxoutset": scan(lambda a: a["unspents"].pop())},
    "an output doubled": {
        "scantxoutset": scan(
            lambda a: (
                a["unspents"].append(a["unspents"][0]),
                a.update(total_amount=a["total_amount"] + a["unspents"][0]["amount"]),
            )
        )
    },
    "an output of a script nobody asked for": {"scantxoutset": first(scriptPubKey="0014" + "ab" * 20)},
    "a height as text": {"scantxoutset": scan(lambda a: a.update(height="144"))},
    "a height that is true": {"scantxoutset": scan(lambda a: a.update(height=True, unspents=[], total_amount=0))},
    "a height beyond all": {"scantxoutset": scan(lambda a: a.update(height=2**60, unspents=[], total_amount=0))},
    "an output's height as a fraction": {"scantxoutset": first(height=Decimal("144.0"))},
    "a scan two thousand million blocks above the pin": {"scantxoutset": scan(lambda a: a.update(height=2**31))},
    "an output above the tip": {"scantxoutset": first(height=153)},
    "an unconfirmed output": {"scantxoutset": first(height=0)},
    "a txid that is none": {"scantxoutset": first(txid="xyz")},
    "a short txid": {"scantxoutset": first(txid="ab")},
    "a negative vout": {"scantxoutset": first(vout=-1)},
    "a vout as text": {"scantxoutset": first(vout="0")},
    "a field missing": {"scantxoutset": scan(lambda a: a["unspents"][0].pop("amount"))},
    "an aborted scan": {"scantxoutset": scan(lambda a: a.update(success=False))},
    "no outputs field": {"scantxoutset": scan(lambda a: a.pop("unspents"))},
    "a scan that is a list": {"scantxoutset": lambda *_: []},
    "another block than the pin": {"scantxoutset": scan(lambda a: a.update(bestblock="11" * 32))},
    "another header": {"getblockheader": raw(lambda header: header[:-2] + "01")},
    "a short header": {"getblockheader": raw(lambda header: header[:-2])},
    "a header with more behind it": {"getblockheader": raw(lambda header: header + "00" * 80)},
    "no number of outputs scanned": {"scantxoutset": scan(lambda a: a.pop("txouts"))},
    "fewer outputs scanned than the index counts": {"scantxoutset": scan(lambda a: a.update(txouts=a["txouts"] - 1))},
    "more outputs scanned than the index counts": {"gettxoutsetinfo": scan(lambda a: a.update(txouts=1))},
    "an index that counts nothing": {"gettxoutsetinfo": lambda *_: []},
    "a filter that is no hex": {"getblockfilter": scan(lambda a: a.update(filter="zz"))},
    "a filter without its header": {"getblockfilter": scan(lambda a: a.pop("header"))},
    "a filter with a short header": {"getblockfilter": scan(lambda a: a.update(header="00"))},
    "a block without transactions": {"getblock": scan(lambda a: a.update(tx=[]))},
    "a block without inputs": {"getblock": scan(lambda a: a["tx"][1].pop("vin"))},
    "inputs without what they spent": {"getblock": scan(lambda a: a["tx"][1]["vin"][0].pop("prevout"))},
    "an input of a fraction": {
        "getblock": scan(lambda a: a["tx"][1]["vin"][0]["prevout"].update(height=Decimal("1.5")))
    },
    "inputs that are numbers": {"getblock": scan(lambda a: a["tx"][1].update(vin=[1]))},
    "transactions that are numbers": {"getblock": scan(lambda a: a.update(tx=[1, 2]))},
    "an input of no script": {"getblock": scan(lambda a: a["tx"][1]["vin"][0]["prevout"].pop("scriptPubKey"))},
    "a header that is no hex": {"getblockheader": raw(lambda _: "zz")},
    "a replaced block": {"getblockhash": lambda params, block: block if params == [0] else "22" * 32},
    "another chain": {"getblockhash": lambda params, block: "33" * 32 if params == [0] else block},
}


# What cannot be true beside the node's own words, or on the chain of the config. All else may be another version of the
# node, lag, or a damaged index, of which nobody is accused.
CONTRADICTIONS = {
    "a larger output",
    "a larger total",
    "an output dropped",
    "an output doubled",
    "an output of a script nobody asked for",
    "an output above the tip",
    "an unconfirmed output",
    "another chain",
}


@pytest.mark.parametrize("case", LIES)
def test_only_what_a_node_contradicts_is_held_against_it(case: str, config: Config) -> None:
    with lying(**LIES[case]) as node, pytest.raises(AttestError) as caught:
        read(node, config)
    assert isinstance(caught.value, VerificationError if case in CONTRADICTIONS else UnavailableError)
    assert not re.search("lie|false|wrong|forge", caught.value.message)
    assert caught.value.hint or case in CONTRADICTIONS


@pytest.mark.parametrize("case", LIES)
def test_a_lie_is_an_error_naming_the_node_and_never_a_number(case: str, config: Config) -> None:
    with lying(**LIES[case]) as node, pytest.raises(AttestError, match="node n1"):
        read(node, config)


def test_a_node_of_another_chain_is_quoted_and_not_copied(config: Config) -> None:
    with lying(getblockhash=lambda *_: "x" * 100_000) as node, pytest.raises(VerificationError) as caught:
        read(node, config)
    assert (caught.value.code, len(caught.value.message) < 300) == ("bitcoin/chain", True)


def test_a_single_nodes_inner_lie_cannot_be_seen_and_is_labelled_single(config: Config) -> None:
    with lying(scantxoutset=scan(shift)) as node:
        _, records = read(node, config)
    assert {record.level for record in records if isinstance(record, BitcoinUtxos)} == {"single"}


def test_a_header_of_the_main_network_that_nobody_mined_has_no_work() -> None:
    mainnet = "bip122:000000000019d6689c085ae165831e93"
    mined = bytes.fromhex("00000000000000000002a7c4c1e48d76c5a37902165a270156b7a8d72728a054")  # block 800,000
    made = bytes.fromhex("00000000" + "11" * 28)
    assert (has_work(mainnet, mined), has_work(mainnet, made), has_work(CHAIN, made)) == (True, False, True)
