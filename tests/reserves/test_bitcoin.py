from __future__ import annotations

from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import pytest

from attest.attestation.config import Config
from attest.demo.plan import load_plan
from attest.errors import AttestError, MalformedError, VerificationError
from attest.reserves.bitcoin import BitcoinReader, scripts
from attest.reserves.bitcoin_header import header_hash
from attest.reserves.evidence import BitcoinDescriptor, BitcoinHeader, BitcoinUtxos, Record
from attest.reserves.rpc import Node
from attest.reserves.wallets import Pin, Wallet
from tests.reserves.conftest import Change, lying_node

CHAIN = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
MAINNET = "bip122:000000000019d6689c085ae165831e93"


def lying(**changes: Change) -> AbstractContextManager[Node]:
    return lying_node("bitcoin", **changes)


def read(node: Node, config: Config, chain: str = CHAIN) -> tuple[Pin, list[Record]]:
    wallets = [wallet for wallet in config.wallets if wallet.chain == CHAIN]
    return BitcoinReader(node, chain, "BTC").read(wallets)


def wallet(**fields: Any) -> Wallet:
    return Wallet(
        **{"id": "w", "chain": MAINNET, "assets": ("BTC",), "purpose": "customer", "storage": "cold", **fields}
    )


def test_every_wallet_has_the_outputs_it_was_funded_with(config: Config) -> None:
    with lying() as node:
        pin, records = read(node, config)
    plan = load_plan().bitcoin
    assert (pin.height, pin.time) == (plan.tip_height, plan.tip_time)
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


LIES = {
    "a larger output": {"scantxoutset": first(amount=Decimal("1000000.00000000"))},
    "a larger total": {"scantxoutset": scan(lambda a: a.update(total_amount=a["total_amount"] + 1))},
    "half a satoshi": {"scantxoutset": first(amount=Decimal("0.000000005"))},
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
    "an output above the tip": {"scantxoutset": first(height=145)},
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
    "another header": {"getblockheader": lambda _, header: header[:-2] + "01"},
    "a short header": {"getblockheader": lambda _, header: header[:-2]},
    "a header that is no hex": {"getblockheader": lambda *_: "zz"},
    "a replaced block": {"getblockhash": lambda params, block: block if params == [0] else "22" * 32},
    "another chain": {"getblockhash": lambda params, block: "33" * 32 if params == [0] else block},
}


@pytest.mark.parametrize("case", LIES)
def test_a_lie_is_an_error_naming_the_node_and_never_a_number(case: str, config: Config) -> None:
    with lying(**LIES[case]) as node, pytest.raises(VerificationError, match="node n1"):
        read(node, config)


def test_a_single_nodes_inner_lie_cannot_be_seen_and_is_labelled_single(config: Config) -> None:
    with lying(scantxoutset=scan(shift)) as node:
        _, records = read(node, config)
    assert {record.level for record in records if isinstance(record, BitcoinUtxos)} == {"single"}


def test_two_wallets_on_one_script_are_refused_by_name(config: Config) -> None:
    cold = next(item for item in config.wallets if item.id == "btc-cold")
    address = load_plan().bitcoin.wallets[1].address
    twins = [
        (cold, cold.model_copy(update={"id": "cold-again", "range": (9, 12)})),
        (wallet(id="a", chain=CHAIN, address=address), wallet(id="b", chain=CHAIN, address=address.upper())),
    ]
    for one, other in twins:
        with lying() as node, pytest.raises(MalformedError, match=f"{one.id} and {other.id}"):
            BitcoinReader(node, CHAIN, "BTC").read([one, other])


@pytest.mark.parametrize(
    ("address", "script"),
    [  # BIP-173, BIP-350 and BIP-16 examples
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"),
        ("3P14159f73E4gFr7JterCCQh9QjiTjiZrG", "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87"),
    ],
)
def test_addresses_lead_to_their_scripts(address: str, script: str) -> None:
    assert [item.hex() for item in scripts(wallet(address=address))] == [script]


def test_an_address_that_two_libraries_read_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallycore.addr_segwit_to_bytes", lambda *_: b"\x00\x14" + bytes(20))
    with pytest.raises(MalformedError, match="two libraries"):
        scripts(wallet(address="bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"))


@pytest.mark.parametrize(
    "address",
    [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        "bcrt1qscrclmhmmchke3xps453jyhhqq2n2wgz6rejc6",
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "0x9022460B384C599738D8558330EbDCdD583d7d02",
        "x",
    ],
    ids=["checksum", "testnet", "regtest", "bech32 for version 1", "base58 checksum", "ethereum", "nothing"],
)
def test_what_is_no_address_of_the_network_is_refused(address: str) -> None:
    with pytest.raises(MalformedError, match="wallet w"):
        scripts(wallet(address=address))


XPUB = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V"
XPRV = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
REFUSED_DESCRIPTORS = {
    "no key": ("wpkh(xpub/0)", None, "not a descriptor"),
    "key of another network": (f"wpkh({load_plan().bitcoin.wallets[0].keys[0]})", None, "not a descriptor"),
    "a private extended key": (f"wpkh({XPRV}/0/*)", (0, 1), "private key"),
    "a private key": ("wpkh(L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1)", None, "private key"),
    "two paths": (f"wpkh({XPUB}/<0;1>/*)", (0, 1), "several kinds"),
    "four kinds": (f"combo({XPUB}/0/*)", (0, 1), "several kinds"),
    "an endless range": (f"wpkh({XPUB}/0/*)", (0, 99_999_999_999), "at most 100,000"),
    "a hardened index": (f"wpkh({XPUB}/0/*)", (2**31 - 1, 2**31), "below 2^31"),
}


@pytest.mark.parametrize("case", REFUSED_DESCRIPTORS)
def test_a_descriptor_that_would_leak_or_skip_is_refused(case: str) -> None:
    descriptor, span, named = REFUSED_DESCRIPTORS[case]
    fields = {} if span is None else {"range": span}
    with pytest.raises(MalformedError, match="wallet w") as caught:
        scripts(wallet(descriptor=descriptor, **fields))
    assert named in caught.value.message


def test_a_descriptors_scripts_are_those_of_bip84() -> None:
    # The account of BIP-84's own test vector.
    first_two = scripts(wallet(descriptor=f"wpkh({XPUB}/0/*)", range=(0, 1)))
    addresses = ("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g")
    assert first_two == tuple(scripts(wallet(address=address))[0] for address in addresses)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(AttestError, match="not a known Bitcoin network"):
        scripts(wallet(chain="bip122:" + "0" * 32, address="1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"))
