"""Attacks on what was published: one byte changed, evidence forged by the exchange itself, hostile documents."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from attest.canonical import dumps
from attest.chains.bitcoin.header import header_hash
from attest.cli.render.coverage import coverage_document, coverage_table
from attest.cli.render.pins import pins_table
from attest.errors import AttestError, MalformedError, VerificationError
from attest.evidence.tree import EvidenceTree
from attest.merkle import tagged_hash
from attest.verification.anchors import Known, Sources
from tests.conftest import Exchange
from tests.world.forger import EVIDENCE, Forger, fitting_figures, leaf_of, line_of, tree_of_nothing


def test_each_changed_byte_of_the_payload_fails_at_the_signature(exchange: Exchange) -> None:
    value = json.loads(exchange.bundle)
    payload = exchange.payload
    for position in range(0, len(payload), 41):
        changed = payload[:position] + bytes([payload[position] ^ 1]) + payload[position + 1 :]
        value["envelope"]["payload"] = base64.b64encode(changed).decode()
        assert exchange.failing_step(dumps(value)) == (2, "signature/invalid")


def test_each_changed_byte_of_the_signature_fails(exchange: Exchange) -> None:
    value = json.loads(exchange.bundle)
    signature = base64.b64decode(value["envelope"]["signatures"][0]["sig"])
    for position in range(len(signature)):
        changed = signature[:position] + bytes([signature[position] ^ 1]) + signature[position + 1 :]
        value["envelope"]["signatures"][0]["sig"] = base64.b64encode(changed).decode()
        assert exchange.failing_step(dumps(value)) == (2, "signature/invalid")


def test_no_changed_byte_of_the_bundle_verifies_as_something_else(exchange: Exchange) -> None:
    bundle = exchange.bundle
    for position in range(0, len(bundle), 61):
        changed = bundle[:position] + bytes([bundle[position] ^ 1]) + bundle[position + 1 :]
        with pytest.raises(AttestError):
            exchange.verify(changed)


HOSTILE = {
    "an unknown field": lambda v: v.update(verified=True),
    "an unknown field in the envelope": lambda v: v["envelope"].update(alg="none"),
    "no signatures": lambda v: v["envelope"].update(signatures=[]),
    "a thousand signatures": lambda v: v["envelope"].update(signatures=v["envelope"]["signatures"] * 1000),
    "a trust root of its own": lambda v: v.update(trustRoots=[{}]),
    "another format": lambda v: v.update(format="attest/bundle/v2"),
    "url-safe base64": lambda v: v["envelope"].update(payload="__" + v["envelope"]["payload"][2:]),
    "base64 without padding": lambda v: v["envelope"].update(payload=v["envelope"]["payload"] + "AAA"),
    "base64 with a line break": lambda v: v["envelope"].update(payload=v["envelope"]["payload"] + "\n"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_bundle_is_refused_at_step_0(case: str, exchange: Exchange) -> None:
    value = json.loads(exchange.bundle)
    HOSTILE[case](value)
    assert exchange.failing_step(dumps(value)) == (0, "document/invalid")


@pytest.mark.parametrize(
    "bundle",
    [
        b"",
        b"{",
        b"[" * 10_000_000,
        b'{"a":' * 100_000,
        b'{"format":NaN}',
        b'{"a":1,"a":1}',
        b"\x00",
        b"[]",
        b" " * 2_000_000,
    ],
    ids=["empty", "cut", "10 MB of nesting", "nested objects", "NaN", "duplicate key", "NUL", "list", "too long"],
)
def test_what_is_no_bundle_is_refused_at_step_0(bundle: bytes, exchange: Exchange) -> None:
    number, _ = exchange.failing_step(bundle)
    assert number == 0


def test_a_signature_is_not_stripped_or_exchanged(exchange: Exchange) -> None:
    value = json.loads(exchange.bundle)
    value["envelope"]["signatures"][0]["keyid"] = "00" * 32
    assert exchange.failing_step(dumps(value)) == (3, "signature/threshold")


def test_each_changed_byte_of_the_evidence_fails_at_step_9(exchange: Exchange) -> None:
    evidence = exchange.files[EVIDENCE]
    for position in range(0, len(evidence), 211):
        changed = evidence[:position] + bytes([evidence[position] ^ 1]) + evidence[position + 1 :]
        assert exchange.failing_step(sources=Sources({EVIDENCE: changed}.get)) == (9, "subject/digest")


@pytest.fixture
def forger(exchange: Exchange) -> Forger:
    return Forger(exchange)


def more(amount: str) -> str:
    return str(int(amount) + 10**6)


@pytest.mark.parametrize(("wallet", "asset"), [("eth-cold", "ETH"), ("eth-cold", "DUSD"), ("btc-cold", "BTC")])
def test_a_record_that_says_more_than_its_proof(wallet: str, asset: str, forger: Forger) -> None:
    record = forger.reading(wallet, asset)
    record["amount"] = more(record["amount"])

    def match(predicate: Any) -> None:
        line = line_of(predicate, asset, "cold")
        line["amount"] = more(line["amount"])

    assert forger.publish(match) == (11, "recheck/amount")


@pytest.mark.parametrize("asset", ["ETH", "DUSD", "BTC"])
def test_a_line_that_says_more_than_its_records(asset: str, forger: Forger) -> None:
    def inflate(predicate: Any) -> None:
        line = line_of(predicate, asset, "cold")
        line["amount"] = more(line["amount"])

    assert forger.publish(inflate) == (11, "recheck/line")


def test_a_line_that_counts_fewer_wallets_than_it_sums(forger: Forger) -> None:
    twin = {**forger.reading("btc-cold", "BTC"), "wallet": "btc-cold-2", "utxos": [], "amount": "0"}
    forger.records.append(twin)
    assert forger.publish() == (11, "recheck/line")


def test_a_reading_moved_to_another_purpose(forger: Forger) -> None:
    forger.reading("btc-compensation", "BTC").update(purpose="customer")
    assert forger.publish() == (11, "recheck/line")


def test_a_level_higher_than_the_evidence(forger: Forger) -> None:
    def lift(predicate: Any) -> None:
        for line in predicate["reserves"]:
            if line["asset"] == "BTC":
                line["evidence"] = "proven"

    assert forger.publish(lift) == (11, "recheck/line")


def lift_to(forger: Forger, level: str) -> Callable[[Any], object]:
    for record in forger.records:
        if record["type"] == "bitcoin-utxos":
            record["level"] = level

    def lift(predicate: Any) -> None:
        for line in predicate["reserves"]:
            if line["asset"] == "BTC":
                line["evidence"] = level

    return lift


def test_a_proven_bitcoin_balance_without_the_set_it_is_proven_in(forger: Forger) -> None:
    assert forger.publish(lift_to(forger, "proven")) == (11, "recheck/level")


def test_an_agreed_balance_without_the_nodes_that_agreed(forger: Forger) -> None:
    forger.records = [
        record for record in forger.records if record["type"] != "nodes" or record["chain"].startswith("eip155:")
    ]
    assert forger.publish() == (11, "recheck/level")


NODES = {
    "one node that agrees with itself": ({"needed": 1, "agreed": ["a"], "dropped": []}, "recheck/level"),
    "one node under one name twice": ({"needed": 2, "agreed": ["a", "a"], "dropped": []}, "recheck/nodes"),
    "fewer nodes than needed": ({"needed": 2, "agreed": ["a"], "dropped": []}, "recheck/nodes"),
    "half of the nodes": (
        {"needed": 2, "agreed": ["a", "b"], "dropped": [{"name": n, "reason": "x"} for n in "cd"]},
        "recheck/nodes",
    ),
}


@pytest.mark.parametrize("case", NODES)
def test_an_agreement_that_is_none(case: str, forger: Forger) -> None:
    fields, code = NODES[case]
    next(r for r in forger.records if r["type"] == "nodes" and r["chain"].startswith("bip122:")).update(fields)
    assert forger.publish() == (11, code)


@pytest.mark.parametrize(("wallet", "asset"), [("eth-hot", "ETH"), ("eth-hot", "DUSD"), ("btc-hot", "BTC")])
def test_one_wallet_counted_under_two_names(wallet: str, asset: str, forger: Forger) -> None:
    twin = {**forger.reading(wallet, asset), "wallet": "twin", "salt": "00" * 16}
    if "address" in twin:
        twin["address"] = twin["address"].lower()
    forger.records.append(twin)

    def match(predicate: Any) -> None:
        line = line_of(predicate, asset, "hot")
        line.update(amount=str(2 * int(line["amount"])), wallets=2)

    assert forger.publish(match) == (11, "recheck/double-count")


def test_a_proof_of_another_block(forger: Forger) -> None:
    header = bytes.fromhex(forger.of_type("ethereum-header")["header"])
    forger.of_type("ethereum-header")["header"] = (header[:-1] + bytes([header[-1] ^ 1])).hex()
    assert forger.publish() == (11, "recheck/header")


def test_a_bitcoin_header_of_another_block(forger: Forger) -> None:
    header = forger.of_type("bitcoin-header")["header"]
    forger.of_type("bitcoin-header")["header"] = header[:-2] + "07"
    assert forger.publish() == (11, "recheck/header")


@pytest.mark.parametrize(
    ("chain", "field", "other"),
    [  # a Bitcoin header does not carry its height
        (0, "blockHash", "11" * 32),
        (0, "time", "2026-10-31T00:00:00Z"),
        (1, "height", 99),
        (1, "blockHash", "11" * 32),
        (1, "time", "2026-10-31T00:00:00Z"),
    ],
)
def test_a_pin_that_is_not_the_headers(chain: int, field: str, other: Any, forger: Forger) -> None:
    found = forger.publish(lambda predicate: predicate["chains"][chain].update({field: other}))
    assert found == (11, "recheck/header")


def test_a_header_of_the_main_network_that_the_exchange_made_itself(forger: Forger) -> None:
    mainnet = "bip122:000000000019d6689c085ae165831e93"
    for record in forger.records:
        if record.get("chain", "").startswith("bip122:"):
            record["chain"] = mainnet

    def match(predicate: Any) -> None:
        for entry in (*predicate["chains"], *predicate["reserves"]):
            if entry["chain"].startswith("bip122:"):
                entry["chain"] = mainnet
        predicate["reserves"].sort(key=lambda line: [line[k] for k in ("asset", "chain", "purpose", "storage")])

    assert forger.publish(match) == (11, "recheck/work")


def test_one_address_does_not_hold_coins_for_two_purposes(forger: Forger) -> None:
    token = forger.reading("eth-cold", "DUSD")
    amount = token["amount"]
    token.update(purpose="compensation", wallet="apart")

    def match(predicate: Any) -> None:
        line = line_of(predicate, "DUSD", "cold")
        predicate["reserves"].remove(line)
        predicate["reserves"].append({**line, "purpose": "compensation", "amount": amount, "wallets": 1})
        keys = ("asset", "chain", "purpose", "storage", "evidence", "control")
        predicate["reserves"].sort(key=lambda line: [line[key] for key in keys])
        fitting_figures(predicate)

    assert forger.publish(match) == (11, "recheck/two-purposes")


def test_a_wallet_that_is_described_in_two_ways_fails_at_a_step(forger: Forger) -> None:
    forger.reading("btc-compensation", "BTC").update(wallet="btc-cold")
    assert forger.publish() == (13, "segregation/wallet")


def test_an_auditors_nonce_for_windows_that_nobody_read_fails(exchange: Exchange) -> None:
    assert exchange.failing_step(known=Known(window_nonce=b"\x5b" * 16)) == (11, "recheck/window")


def test_one_script_does_not_hold_outputs_for_two_purposes(forger: Forger) -> None:
    hot = forger.reading("btc-hot", "BTC")
    *kept, moved = hot["utxos"]
    hot.update(utxos=kept, amount=str(int(hot["amount"]) - int(moved["amount"])))
    reserve = forger.reading("btc-compensation", "BTC")
    reserve.update(
        utxos=sorted([*reserve["utxos"], moved], key=lambda u: (u["txid"], u["vout"])),
        amount=str(int(reserve["amount"]) + int(moved["amount"])),
    )

    def match(predicate: Any) -> None:
        line_of(predicate, "BTC", "hot")["amount"] = hot["amount"]
        line_of(predicate, "BTC", "cold", "compensation")["amount"] = reserve["amount"]

    assert forger.publish(match) == (11, "recheck/two-purposes")


def test_no_header(forger: Forger) -> None:
    forger.records.remove(forger.of_type("ethereum-header"))
    assert forger.publish() == (11, "recheck/header")


def test_two_headers(forger: Forger) -> None:
    forger.records.append({**forger.of_type("ethereum-header"), "salt": "00" * 16})
    assert forger.publish() == (11, "recheck/twice")


def test_a_changed_storage_proof(forger: Forger) -> None:
    record = forger.reading("eth-cold", "DUSD")
    node = record["proof"][-1]
    record["proof"][-1] = node[:-2] + f"{int(node[-2:], 16) ^ 1:02x}"
    assert forger.publish() == (11, "ethereum/proof")


def test_the_storage_of_another_contract(forger: Forger) -> None:
    forger.reading("eth-cold", "DUSD")["contract"] = "0x" + "11" * 20
    number, _ = forger.publish()
    assert number == 11


def test_a_bank_document_that_says_less_than_its_line(forger: Forger) -> None:
    forger.of_type("money")["amount"] = "1"
    assert forger.publish() == (11, "recheck/money")


def test_a_bank_document_of_no_line(forger: Forger) -> None:
    forger.records.append({**forger.of_type("money"), "salt": "00" * 16})
    assert forger.publish(lambda p: p["money"][0].update(evidenceLeaf="00" * 32)) == (11, "recheck/money")


def resalt(lines: Any) -> None:
    lines[0]["record"]["salt"] = "00" * 16


TAMPERED = {
    "another salt": resalt,
    "another index": lambda lines: lines[0].update(index=5),
    "an index beyond the tree": lambda lines: lines[0].update(index=500),
    "a path cut": lambda lines: lines[0]["path"].pop(),
    "a path too long": lambda lines: lines[0]["path"].append("00" * 32),
    "a record swapped in": lambda lines: lines[0].update(record=lines[1]["record"]),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_public_record_that_is_not_in_the_tree(case: str, forger: Forger) -> None:
    number, code = forger.publish(tamper=TAMPERED[case])
    assert number == 9
    assert code in {"evidence/path", "path/length", "path/index"}


def test_a_public_record_twice(forger: Forger) -> None:
    assert forger.publish(tamper=lambda lines: lines.append(lines[0])) == (9, "evidence/twice")


REFUSED = {
    "an unknown record type": lambda lines: lines[0]["record"].update(type="oracle"),
    "an unknown field": lambda lines: lines[0]["record"].update(note="x"),
    "a short salt": lambda lines: lines[0]["record"].update(salt="00"),
    "a negative amount": lambda lines: lines[1]["record"].update(amount="-1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_malformed_record_is_refused_by_row(case: str, forger: Forger) -> None:
    assert forger.publish(tamper=REFUSED[case]) == (9, "document/invalid")


def test_the_auditors_edition_must_lead_to_the_same_root(exchange: Exchange) -> None:
    auditor = (exchange.outcome.private / "evidence.jsonl").read_bytes()
    for changed in (
        auditor.replace(b'"salt":"', b'"salt":"0', 1).replace(b'0","', b'","', 1),
        b"".join(auditor.splitlines(keepends=True)[:-1]),
        auditor + auditor.splitlines(keepends=True)[0],
        auditor[:-1],
        b"",
    ):
        with pytest.raises((VerificationError, MalformedError)):
            exchange.verify(sources=Sources((exchange.files | {"evidence.jsonl": changed}).get))


def test_withheld_evidence_is_not_passed_and_its_figures_are_marked(exchange: Exchange) -> None:
    def inflate(value: Any) -> None:
        value["subject"][0]["digest"]["sha256"] = sha256(b"").hexdigest()
        line_of(value["predicate"], "ETH", "cold")["amount"] = "2" + "0" * 25

    verified = exchange.verify(exchange.resigned(inflate), sources=Sources({EVIDENCE: b""}.get))
    assert [verified.step("files").status, verified.step("evidence").status] == ["NOT CHECKED", "NOT CHECKED"]
    text = coverage_table(verified)
    assert "proven, not checked" in next(line for line in text.splitlines() if line.startswith("ETH"))
    assert all(not item["rechecked"] for item in coverage_document(verified))
    assert text.splitlines()[-1] == (
        "Not checked, 408.75000000 of 408.75000000 BTC, 11,900,000.123458 of 11,900,000.123458 DUSD, "
        "20,000,150.987654321098765433 of 20,000,150.987654321098765433 ETH, 850,000,000 of 850,000,000 JPY: "
        "not all of the evidence is beside the bundle, and no record here shows it; who has all records, as an "
        "auditor, can tell whether one does."
    )
    assert [line.split("  ")[-1].strip() for line in text.splitlines()[2:6]] == ["MET (not checked)"] * 4
    assert all(item["met"] and not item["checked"] for item in coverage_document(verified))
    whole = coverage_table(exchange.verify())
    assert "not checked" not in whole.lower()
    assert all(item["met"] and item["checked"] for item in coverage_document(exchange.verify()))


def test_the_pinned_blocks_and_contracts_are_shown(exchange: Exchange) -> None:
    verified = exchange.verify()
    text = pins_table(verified)
    for pin in verified.statement.predicate.chains:
        assert all(part in text for part in (pin.chain, str(pin.height), pin.block_hash.hex()))
    assert "DUSD 0x5FbDB2315678afecb367f032d93F642f64180aa3" in text
    # As what the coin of a chain counts can be seen: coins of a chain for tests could pass for real ones.
    assert [line.split()[5] for line in text.splitlines() if line.startswith(("bip122:", "eip155:"))] == ["BTC", "ETH"]


def test_one_chain_does_not_count_as_two(forger: Forger) -> None:
    def second(predicate: Any) -> None:
        twin = {**predicate["chains"][1], "chain": "eip155:1"}
        predicate["chains"].insert(1, twin)

    assert forger.publish(second) == (8, "statement/arithmetic")


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(snapshotAt="2020-01-01T00:00:00Z"),
        lambda p: p.update(snapshotAt="2026-10-31T09:59:59Z"),
        lambda p: p.update(snapshotAt="2026-11-01T14:00:01Z"),
        lambda p: p.update(expiresAt="9999-12-31T00:00:00Z"),
        lambda p: p.update(period="2026-09"),
    ],
)
def test_a_statement_about_another_time_than_its_period(change: Any, exchange: Exchange) -> None:
    bundle = exchange.resigned(lambda value: change(value["predicate"]))
    assert exchange.failing_step(bundle) == (8, "statement/arithmetic")


def test_a_claim_of_control_without_signatures_fails(exchange: Exchange) -> None:
    def claim(value: Any) -> None:
        for line in value["predicate"]["reserves"]:
            line["control"] = "signature"

    assert exchange.failing_step(exchange.resigned(claim)) == (13, "control/line")


def test_a_custodian_whose_confirmation_is_not_there(exchange: Exchange) -> None:
    bundle = exchange.resigned(lambda value: value["predicate"]["reserves"][0].update(control="custodian"))
    assert exchange.failing_step(bundle) == (13, "control/line")


@pytest.mark.parametrize(("asset", "decimals"), [("BTC", 2), ("ETH", 15)])
def test_a_coin_with_other_decimals_than_its_chain(asset: str, decimals: int, forger: Forger) -> None:
    def rescale(predicate: Any) -> None:
        next(item for item in predicate["assets"] if item["asset"] == asset)["decimals"] = decimals

    assert forger.publish(rescale) == (11, "recheck/decimals")


def test_one_bank_document_under_two_salts(forger: Forger) -> None:
    twin = {**forger.of_type("money"), "salt": "00" * 16}
    forger.records.append(twin)
    leaf = tagged_hash("attest/v1/evidence", dumps(twin)).hex()

    def both(predicate: Any) -> None:
        honest = tagged_hash("attest/v1/evidence", dumps(forger.of_type("money"))).hex()
        line = predicate["money"][0]
        predicate["money"] = [{**line, "evidenceLeaf": honest}, {**line, "evidenceLeaf": leaf}]

    assert forger.publish(both) == (11, "recheck/money")


def test_an_output_younger_than_the_pin(forger: Forger) -> None:
    forger.reading("btc-hot", "BTC")["utxos"][0]["height"] = 145
    assert forger.publish() == (11, "recheck/height")


def test_a_bitcoin_reading_on_an_ethereum_chain(forger: Forger) -> None:
    forger.reading("btc-hot", "BTC")["chain"] = "eip155:31337"
    number, code = forger.publish()
    assert (number, code) == (11, "recheck/chain")


def test_a_partly_disclosed_line_that_discloses_more_than_it_states(forger: Forger) -> None:
    def shrink(predicate: Any) -> None:
        line_of(predicate, "BTC", "cold").update(amount="1", wallets=2)
        fitting_figures(predicate)

    assert forger.publish(shrink) == (11, "recheck/line")


def test_an_output_does_not_count_on_a_second_chain(forger: Forger) -> None:
    litecoin = "bip122:12a765e31ffd4059bada1e25190f6e98"
    header = forger.of_type("bitcoin-header")
    other = bytes.fromhex(header["header"])[:-1] + b"\x07"  # nobody checks its work
    copies = [r for r in forger.records if r.get("chain", "").startswith("bip122:") and r is not header]
    forger.records += [{**record, "chain": litecoin} for record in copies]
    forger.records.append({**header, "chain": litecoin, "header": other.hex()})

    def match(predicate: Any) -> None:
        pin = {**predicate["chains"][0], "chain": litecoin, "blockHash": header_hash(other).hex()}
        predicate["chains"].insert(1, pin)
        lines = [line for line in predicate["reserves"] if line["asset"] == "BTC"]
        predicate["reserves"][len(lines) : len(lines)] = [{**line, "chain": litecoin} for line in lines]

    assert forger.publish(match) == (11, "recheck/double-count")


def test_a_coin_does_not_count_as_two_assets(forger: Forger) -> None:
    hot = forger.reading("eth-hot", "ETH")
    hot["asset"] = "PEPE"

    def match(predicate: Any) -> None:
        predicate["assets"].append({"asset": "PEPE", "decimals": 18})
        predicate["liabilities"]["trees"].append(tree_of_nothing("PEPE"))
        line = line_of(predicate, "ETH", "hot")
        predicate["reserves"].remove(line)
        predicate["reserves"].append({**line, "asset": "PEPE"})
        fitting_figures(predicate)

    assert forger.publish(match) == (11, "recheck/coin")


def test_a_token_does_not_count_as_the_coin_of_its_chain(forger: Forger) -> None:
    token, coin = (forger.reading("eth-hot", asset) for asset in ("DUSD", "ETH"))
    token["asset"] = "ETH"

    def match(predicate: Any) -> None:
        predicate["reserves"].remove(line_of(predicate, "DUSD", "hot"))
        line_of(predicate, "ETH", "hot").update(amount=str(int(token["amount"]) + int(coin["amount"])), wallets=2)

    assert forger.publish(match) == (11, "recheck/coin")


def auditors(exchange: Exchange, records: list[Any], write: Callable[[Any], bytes]) -> tuple[int, str]:
    """The step that fails when an auditor checks the `records` that the exchange wrote by `write` and bound."""
    data = [write(record) for record in records]
    tree = EvidenceTree.build([tagged_hash("attest/v1/evidence", record) for record in data])

    def rewrite(value: Any) -> None:
        value["predicate"]["evidence"] = {"count": len(data), "root": tree.root.hex()}
        value["subject"][0]["digest"]["sha256"] = sha256(b"").hexdigest()
        written = dict(zip(map(leaf_of, records), data, strict=True))
        for field in ("money", "cover", "declarations"):
            for item in value["predicate"][field]:
                record = written[item["evidenceLeaf"]]
                item["evidenceLeaf"] = tagged_hash("attest/v1/evidence", record).hex()

    files = {EVIDENCE: b"", "evidence.jsonl": b"".join(record + b"\n" for record in data)}
    return exchange.failing_step(exchange.resigned(rewrite), sources=Sources(files.get))


def test_a_record_in_another_spelling_is_refused(exchange: Exchange, forger: Forger) -> None:
    found = auditors(exchange, forger.records, lambda record: json.dumps(record, ensure_ascii=False).encode())
    assert found == (9, "document/not-canonical")


@pytest.mark.parametrize("change", [{"range": [10, 19]}, {"range": [0, 10**6]}, {"descriptor": "wpkh(*)"}])
def test_a_descriptor_that_is_not_behind_the_outputs(
    change: dict[str, Any], exchange: Exchange, forger: Forger
) -> None:
    forger.of_type("bitcoin-descriptor").update(change)
    assert auditors(exchange, forger.records, dumps) == (11, "recheck/descriptor")


def test_a_second_descriptor_of_a_wallet(exchange: Exchange, forger: Forger) -> None:
    forger.records.append({**forger.of_type("bitcoin-descriptor"), "salt": "00" * 16})
    assert auditors(exchange, forger.records, dumps) == (11, "recheck/twice")
