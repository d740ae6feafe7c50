"""A statement says nothing that its records do not show: where all are there it fails, where not it is not checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.canonical import dumps
from attest.errors import AttestError
from attest.evidence.tree import EvidenceTree
from attest.verification.anchors import Sources
from attest.verification.verified import Verified
from tests.conftest import Exchange, signed_bundle
from tests.examples import examples
from tests.world.forger import Forger, fitting_figures, leaf_of, line_of, tree_of_nothing

KEY = ("asset", "chain", "purpose", "storage", "evidence", "control")
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "amount": st.integers(0, 2**127).map(str),
    "wallets": st.integers(1, 2**40),
    "evidence": st.sampled_from(["proven", "agreed", "single"]),
    "asset": st.sampled_from(["BTC", "DUSD", "ETH", "JPY"]),
    "chain": st.sampled_from(["bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:31337"]),
    "purpose": st.sampled_from(["customer", "guarantee", "compensation"]),
    "storage": st.sampled_from(["cold", "hot", "other"]),
}


@pytest.fixture
def forger(exchange: Exchange) -> Forger:
    return Forger(exchange)


@pytest.fixture(scope="module")
def everything(exchange: Exchange) -> dict[str, bytes]:
    """What an auditor has beside the bundle: all records."""
    return exchange.files | {AUDITOR_EVIDENCE: (exchange.outcome.private / AUDITOR_EVIDENCE).read_bytes()}


def checked(exchange: Exchange, change: Callable[[Any], object], files: dict[str, bytes]) -> Verified | tuple[int, str]:
    """What comes of a statement that the exchange changed: it verifies, or the step and code where it fails."""
    steps: list[Any] = []
    try:
        return exchange.verify(
            exchange.resigned(lambda value: change(value["predicate"])), sources=Sources(files.get), tell=steps.append
        )
    except AttestError as error:
        return steps[-1].number, error.code


def in_order(predicate: Any) -> None:
    predicate["reserves"].sort(key=lambda line: [line[key] for key in KEY])


@settings(examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_line_says_anything_else_than_its_records(
    data: st.DataObject, exchange: Exchange, everything: dict[str, bytes]
) -> None:
    """Also when the exchange fits everything else of its statement to the line."""

    def change(predicate: Any) -> None:
        line = data.draw(st.sampled_from(predicate["reserves"]))
        field = data.draw(st.sampled_from(sorted(CHANGES)))
        before = line[field]
        line[field] = data.draw(CHANGES[field].filter(lambda value: value != before), label=field)
        in_order(predicate)
        if data.draw(st.booleans(), label="fitting figures"):
            fitting_figures(predicate)

    found = checked(exchange, change, everything)
    assert isinstance(found, tuple), "a line was changed, and it verified"
    assert found[0] in {8, 11}


@pytest.mark.parametrize("level", ["proven", "agreed", "single"])
def test_a_line_without_a_reading_is_refused_where_no_record_is_withheld(
    level: str, exchange: Exchange, everything: dict[str, bytes]
) -> None:
    def invent(predicate: Any) -> None:
        line = line_of(predicate, "BTC", "cold")
        predicate["reserves"].append(
            {**line, "storage": "other", "evidence": level, "amount": "1" + "0" * 14, "wallets": 1}
        )
        in_order(predicate)

    assert checked(exchange, invent, everything) == (11, "recheck/line")
    # Who has the public edition alone cannot know, and is told how much nobody here can show.
    found = checked(exchange, invent, exchange.files)
    assert isinstance(found, Verified)
    assert found.step("evidence").status == "NOT CHECKED"
    assert "of 34 records; shown is 0.00000000 of 1,000,000.00000000 BTC" in found.step("evidence").detail
    (btc,) = (item for item in found.coverage if item.asset == "BTC")
    assert found.unchecked.of_coverage("BTC").amounts == (("BTC", "unavailable", 10**14),)
    assert not found.unchecked.of_coverage("ETH")
    assert btc.met


def test_a_level_that_no_reading_has_is_no_level_of_a_line(exchange: Exchange) -> None:
    def declare(predicate: Any) -> None:
        line_of(predicate, "BTC", "cold")["evidence"] = "declared"

    assert checked(exchange, declare, exchange.files) == (5, "document/invalid")


def test_a_line_one_wallet_larger_than_its_readings_is_refused(
    exchange: Exchange, everything: dict[str, bytes]
) -> None:
    def enlarge(predicate: Any) -> None:
        line = line_of(predicate, "BTC", "cold")
        line.update(wallets=line["wallets"] + 1, amount=str(int(line["amount"]) + 10**14))
        fitting_figures(predicate)

    assert checked(exchange, enlarge, everything) == (11, "recheck/line")


def test_a_reading_that_was_taken_out_of_the_evidence_is_missed(forger: Forger) -> None:
    forger.records.remove(forger.reading("eth-hot", "DUSD"))
    assert forger.audit() == (11, "recheck/line")


CONTRACT_TWICE = {
    "in a line of its own asset": lambda _: None,
    "listed for the other asset too": lambda p: p["assets"][-1].update(tokens=p["assets"][1]["tokens"]),
    "listed for the other asset alone": lambda p: p["assets"][-1].update(tokens=p["assets"][1].pop("tokens")),
    "listed for none": lambda p: p["assets"][1].pop("tokens"),
}


@pytest.mark.parametrize("case", CONTRACT_TWICE)
def test_one_token_contract_does_not_count_as_two_assets(case: str, forger: Forger) -> None:
    guarantee = forger.reading("eth-guarantee", "DUSD")
    guarantee["asset"] = "USDX"

    def count(predicate: Any) -> None:
        predicate["assets"].append({"asset": "USDX", "decimals": 6})
        predicate["liabilities"]["trees"].append(tree_of_nothing("USDX"))
        line = line_of(predicate, "DUSD", guarantee["storage"], guarantee["purpose"])
        predicate["reserves"].remove(line)
        predicate["reserves"].append({**line, "asset": "USDX"})
        fitting_figures(predicate)
        CONTRACT_TWICE[case](predicate)

    expected = (8, "statement/arithmetic") if case == "listed for the other asset too" else (11, "recheck/token")
    assert forger.publish(count) == expected


def test_a_contract_counts_as_the_asset_that_lists_it_alone(exchange: Exchange) -> None:
    """Also when no balance of that asset is there."""

    def relist(predicate: Any) -> None:
        predicate["assets"].append({"asset": "USDX", "decimals": 6, "tokens": predicate["assets"][1].pop("tokens")})
        predicate["liabilities"]["trees"].append(tree_of_nothing("USDX"))

    assert checked(exchange, relist, exchange.files) == (11, "recheck/token")


def test_a_token_is_of_the_contracts_that_its_asset_lists(exchange: Exchange, everything: dict[str, bytes]) -> None:
    def relist(predicate: Any) -> None:
        (token,) = predicate["assets"][1]["tokens"]
        token["contract"] = "0x" + "ab" * 20

    for files in (everything, exchange.files):
        assert checked(exchange, relist, files) == (11, "recheck/token")


def test_a_listed_contract_is_spelled_as_eip_55_says_or_in_small_letters(exchange: Exchange) -> None:
    (token,) = json.loads(exchange.payload)["predicate"]["assets"][1]["tokens"]
    small = token["contract"].lower()
    assert token["contract"] != small

    def spell(contract: str) -> Callable[[Any], object]:
        return lambda predicate: predicate["assets"][1]["tokens"][0].update(contract=contract)

    assert isinstance(checked(exchange, spell(small), exchange.files), Verified)
    assert checked(exchange, spell("0x" + token["contract"][2:].swapcase()), exchange.files) == (5, "document/invalid")


def prices_of_nothing(predicate: Any) -> None:
    predicate["prices"][0]["price"] = "0/7"


WITHIN: dict[str, Callable[[Any], object]] = {
    "an asset without a tree": lambda v: v["predicate"]["liabilities"]["trees"].pop(),
    "a price of nothing": lambda v: prices_of_nothing(v["predicate"]),
    "one file twice": lambda v: v["subject"].append(v["subject"][0]),
    "one file with two digests": lambda v: v["subject"].append(
        {"name": v["subject"][0]["name"], "digest": {"sha256": "00" * 32}}
    ),
    "evidence that is no subject": lambda v: v["subject"].pop(0),
    "evidence under another name": lambda v: v["subject"][0].update(name="evidence.txt"),
    "no largest wallet": lambda v: v["predicate"].update(
        declarations=[item for item in v["predicate"]["declarations"] if item["kind"] != "largest-wallet"]
    ),
    "two custodians that keep more than there is": lambda v: v["predicate"]["declarations"].__setitem__(
        slice(1, 1),
        [
            {"kind": "custodian", "name": name, "unit": "BTC", "amount": "21000000000", "evidenceLeaf": leaf * 32}
            for name, leaf in (("A", "aa"), ("B", "bb"))
        ],
    ),
    "two contracts of one asset in another order": lambda v: v["predicate"]["assets"][1]["tokens"].append(
        {"chain": "eip155:1", "contract": "0x" + "11" * 20}
    ),
}


@pytest.mark.parametrize("case", WITHIN)
def test_a_statement_is_complete_in_itself_whatever_is_withheld(case: str, exchange: Exchange) -> None:
    value = json.loads(exchange.payload)
    WITHIN[case](value)
    bundle = signed_bundle(dumps(value), exchange.signer)
    assert exchange.failing_step(bundle, sources=Sources()) == (8, "statement/arithmetic")


@pytest.mark.parametrize("field", ["signatory", "document", "sha256"])
def test_what_management_declares_names_the_form_and_who_signed_it(field: str, forger: Forger) -> None:
    record = next(r for r in forger.records if r["type"] == "declaration" and r["kind"] == "encumbrance")
    del record[field]
    assert forger.publish() == (11, "declaration/form")


@pytest.mark.parametrize("kind", ["money", "cover", "prices", "declaration"])
def test_a_line_whose_record_is_gone_is_missed_by_who_has_all_of_them(kind: str, forger: Forger) -> None:
    forger.records.remove(forger.of_type(kind))
    number, code = forger.audit()
    assert (number, code) == (11, "recheck/documents")


HELD = {
    "asset": "BTC", "chain": None, "purpose": "customer", "custodian": "Keeper", "amount": "100000000",
}  # fmt: skip


def declared_balance(**changes: Any) -> dict[str, Any]:
    record = {**HELD, "type": "declared-balance", "salt": "07" * 16, "document": "keeper.pdf", "sha256": "ce" * 32}
    return record | changes


def held(record: Any) -> dict[str, Any]:
    return {key: record[key] for key in HELD} | {"evidenceLeaf": leaf_of(record)}


def test_what_only_a_custodian_says_counts_nowhere(forger: Forger) -> None:
    record = declared_balance()
    forger.records.append(record)
    before = {item.asset: item.held_total for item in forger.exchange.verify().coverage}
    verified = forger.verified(lambda predicate: predicate.update(held=[held(record)]))
    assert {item.asset: item.held_total for item in verified.coverage} == before
    assert "1 of 1 documents of custodians named by digest, which count nowhere" in verified.step("evidence").detail
    assert verified.step("evidence").status == "VERIFIED"
    assert not verified.unchecked.leaves


HELD_WRONG: dict[str, tuple[Callable[[Any], object], tuple[int, str]]] = {
    "more than its record": (lambda lines: lines[0].update(amount="100000001"), (11, "recheck/held")),
    "for another purpose": (lambda lines: lines[0].update(purpose="compensation"), (11, "recheck/held")),
    "by another custodian": (lambda lines: lines[0].update(custodian="Other"), (11, "recheck/held")),
    "on a chain": (lambda lines: lines[0].update(chain="eip155:1"), (11, "recheck/held")),
    "of another asset": (lambda lines: lines[0].update(asset="ETH"), (11, "recheck/held")),
    "of an unknown asset": (lambda lines: lines[0].update(asset="DOGE"), (8, "statement/arithmetic")),
    "without its record": (lambda lines: lines[0].update(evidenceLeaf="00" * 32), (11, "recheck/held")),
    "twice": (lambda lines: lines.append({**lines[0], "evidenceLeaf": "00" * 32}), (8, "statement/arithmetic")),
    "in another order": (
        lambda lines: lines.append({**lines[0], "asset": "AAA", "evidenceLeaf": "00" * 32}),
        (8, "statement/arithmetic"),
    ),
    "none": (lambda lines: lines.clear(), (5, "document/invalid")),
}


@pytest.mark.parametrize("case", HELD_WRONG)
def test_a_line_of_what_a_custodian_holds_is_what_its_record_says(case: str, forger: Forger) -> None:
    change, expected = HELD_WRONG[case]
    record = declared_balance()
    forger.records.append(record)
    lines = [held(record)]
    change(lines)
    assert forger.publish(lambda predicate: predicate.update(held=lines)) == expected


def test_a_custodians_word_without_a_line_is_refused(forger: Forger) -> None:
    forger.records.append(declared_balance())
    assert forger.publish() == (11, "recheck/held")


def test_one_document_stands_behind_one_line_of_money_cover_or_held(forger: Forger) -> None:
    """Of one asset: a custodian's letter may speak of several."""
    one = declared_balance()
    other = declared_balance(purpose="compensation", salt="08" * 16)
    forger.records += [one, other]
    lines = sorted([held(one), held(other)], key=lambda line: line["purpose"])
    assert forger.publish(lambda predicate: predicate.update(held=lines)) == (11, "recheck/held")
    forger.records[-1]["asset"] = "ETH"
    both = [held(one), held(forger.records[-1])]
    forger.verified(lambda predicate: predicate.update(held=both))


@pytest.mark.parametrize("kind", ["money", "cover"])
def test_a_document_is_not_also_a_custodians_word(kind: str, forger: Forger) -> None:
    paper = forger.of_type(kind)
    record = declared_balance(asset=paper["currency"], sha256=paper["sha256"])
    forger.records.append(record)
    number, code = forger.publish(lambda predicate: predicate.update(held=[held(record)]))
    assert (number, code) == (11, "recheck/held")


def test_coins_of_one_custodian_by_its_word_and_by_readings_are_told(forger: Forger) -> None:
    for record in forger.records:
        if record.get("wallet") == "btc-hot":
            record["custodian"] = "Keeper"
    amount = forger.reading("btc-hot", "BTC")["amount"]
    figure = {
        "type": "declaration",
        "kind": "custodian",
        "name": "Keeper",
        "unit": "BTC",
        "amount": amount,
        "salt": "09" * 16,
    }
    record = declared_balance()
    forger.records += [figure, record]

    def state(predicate: Any) -> None:
        fields = ("kind", "name", "unit", "amount")
        line = {key: figure[key] for key in fields} | {"evidenceLeaf": leaf_of(figure)}
        index = next(i for i, item in enumerate(predicate["declarations"]) if item["kind"] > "custodian")
        predicate["declarations"].insert(index, line)
        predicate["held"] = [held(record)]

    verified = forger.verified(state)
    assert (
        "BTC of Keeper was read from chains too, and its document may be of the same coins"
        in verified.step("evidence").detail
    )


@pytest.mark.parametrize("wallet", ["btc-cold", "btc-hot", "btc-compensation", "eth-cold", "eth-guarantee"])
def test_what_is_withheld_of_a_line_is_told_beside_its_coverage(wallet: str, forger: Forger) -> None:
    """Every other asset stays checked."""
    hidden = [record for record in forger.records if record.get("wallet") == wallet and record.get("purpose")]
    verified = forger.verified(withheld=hidden)
    for item in verified.coverage:
        mine = [record for record in hidden if record["asset"] == item.asset and record["purpose"] == "customer"]
        rest = verified.unchecked.of_coverage(item.asset)
        assert rest.amounts == tuple((item.asset, "unavailable", int(record["amount"])) for record in mine)
    # A rule rests on what it counts: that of coverage on the customers' coins of each asset, and on no others.
    (law,) = (item for item in verified.evaluations if item.policy.id == "jp-psa-in-force")
    result = law.result("jp.cover")
    assert result is not None
    for asset in ("BTC", "DUSD", "ETH"):
        hides = any(record["asset"] == asset and record["purpose"] == "customer" for record in hidden)
        assert bool(verified.unchecked.of_verdict(result.sources, asset)) == hides
    told = verified.step("evidence").detail
    assert f"not available here: {len(hidden) + 1} of {len(forger.records)} records; shown is" in told


def moved(forger: Forger, kind: str, chain: str) -> Callable[[Any], object]:
    """All records of the chain of a header of this kind, its pin and its lines, stated of another chain."""
    before = forger.of_type(kind)["chain"]
    for record in forger.records:
        if record.get("chain") == before:
            record["chain"] = chain

    def state(predicate: Any) -> None:
        for item in (*predicate["chains"], *predicate["reserves"]):
            item["chain"] = chain if item["chain"] == before else item["chain"]
        for asset in predicate["assets"]:
            asset.pop("tokens", None)
        predicate["chains"].sort(key=lambda item: item["chain"])
        in_order(predicate)

    return state


@pytest.mark.parametrize(
    ("kind", "chain"),
    [("ethereum-header", "bip122:000000000019d6689c085ae165831e93"), ("bitcoin-header", "eip155:1")],
)
def test_a_chain_is_shown_by_records_of_its_own_kind(kind: str, chain: str, forger: Forger) -> None:
    """Else proofs of a chain that anyone can make would show coins of one that asks for work."""
    assert forger.publish(moved(forger, kind, chain)) == (11, "recheck/chain")


def test_what_a_rule_takes_for_money_is_what_it_rests_on_too(forger: Forger) -> None:
    """A withheld reading of a currency would make it a coin, of which a rule about money asks nothing."""
    hidden = {**forger.reading("btc-hot", "BTC"), "asset": "JPY", "salt": "0a" * 16, "amount": "5", "wallet": "odd"}
    forger.records.append(hidden)

    def count(predicate: Any) -> None:
        predicate["reserves"].append({**line_of(predicate, "BTC", "hot"), "asset": "JPY", "amount": "5", "wallets": 1})
        in_order(predicate)
        fitting_figures(predicate)
        honest = {"kind": "largest-wallet", "name": "btc-cold"}
        for item in predicate["declarations"]:
            if (item["kind"], item.get("unit")) == ("largest-wallet", "BTC"):
                item.update(honest, amount=forger.reading("btc-cold", "BTC")["amount"])
            elif item["kind"] == "largest-wallet" and item["unit"] != "JPY":
                item["amount"] = next(
                    r["amount"]
                    for r in forger.records
                    if (r.get("wallet"), r.get("asset")) == (item["name"], item["unit"])
                )

    verified = forger.verified(count, withheld=[hidden])
    (law,) = (item for item in verified.evaluations if item.policy.id == "jp-psa-in-force")
    result = law.result("jp.trust")
    assert result is not None
    assert verified.unchecked.of_verdict(result.sources).amounts == (("JPY", "unavailable", 5),)


def test_step_14_counts_apart_what_rests_on_what_was_not_checked(exchange: Exchange) -> None:
    without = {name: data for name, data in exchange.files.items() if name != PUBLIC_EVIDENCE}
    said = exchange.verify(sources=Sources(without.get)).step("policy").detail
    assert said.startswith("jp-psa-in-force (in force): 6 MET (not checked), 1 NOT APPLICABLE")


@pytest.mark.parametrize("field", ["money", "cover", "declarations"])
def test_a_custodians_word_has_a_record_of_its_own(field: str, exchange: Exchange) -> None:
    def share(predicate: Any) -> None:
        predicate["held"] = [{**HELD, "evidenceLeaf": predicate[field][0]["evidenceLeaf"]}]

    bundle = exchange.resigned(lambda value: share(value["predicate"]))
    assert exchange.failing_step(bundle, sources=Sources()) == (8, "statement/arithmetic")


def test_an_exchange_that_counts_records_too_many_shows_nothing_more(exchange: Exchange) -> None:
    """The tree's shape binds how many records there are only for who has them all."""

    def count(predicate: Any) -> None:
        predicate["evidence"]["count"] += 1

    auditor = (exchange.outcome.private / AUDITOR_EVIDENCE).read_bytes()
    files = exchange.files | {AUDITOR_EVIDENCE: auditor}
    found = checked(exchange, count, files)
    assert isinstance(found, tuple)
    assert found[0] == 9


def test_the_root_of_the_forger_is_that_of_its_records(forger: Forger) -> None:
    data = [dumps(record) for record in forger.records]
    tree = EvidenceTree.build([bytes.fromhex(leaf_of(json.loads(record))) for record in data])
    payload = json.loads(forger.exchange.payload)["predicate"]["evidence"]
    assert (payload["root"], payload["count"]) == (tree.root.hex(), len(data))
    assert sha256(forger.exchange.files[PUBLIC_EVIDENCE]).hexdigest()
