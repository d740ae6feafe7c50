from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.attestation.concentration import HIDDEN, concentration, declaration_lines
from attest.chains.ethereum.records import EthereumBalance, EthereumTokenBalance
from attest.chains.records import Reading
from attest.chains.wallets import Wallet
from attest.cli.render.segregation import spans
from attest.demo.exchange import CONFIG_FILE
from attest.errors import MalformedError, VerificationError
from attest.evidence.record import Record
from attest.exchange.config import read_config
from attest.reserves.records import OwnWallet
from attest.verification.anchors import Sources
from attest.verification.evidence.counting import refuse_own
from attest.verification.evidence.declarations import recheck_declarations
from attest.verification.segregation import (
    Check,
    WalletRow,
    require_every_wallet,
    segregation_checks,
    wallet_rows,
)
from tests.conftest import Exchange

CHAIN = "eip155:1"
ASSETS = ("DAI", "ETH")
CONTROLS = ("signature", "custodian", "none")


def address(number: int) -> str:
    return f"0x{number + 1:040x}"


def reading(wallet: Wallet, asset: str, amount: int) -> Reading:
    fields: dict[str, Any] = {
        "salt": bytes(16),
        "chain": wallet.chain,
        "wallet": wallet.id,
        "purpose": wallet.purpose,
        "storage": wallet.storage,
        "asset": asset,
        "level": "proven",
        "amount": amount,
        "address": wallet.address,
        "proof": (),
    }
    if wallet.custodian is not None:
        fields["custodian"] = wallet.custodian
    if asset == "ETH":
        return EthereumBalance(type="ethereum-balance", **fields)
    return EthereumTokenBalance(
        type="ethereum-token-balance", **fields, contract=address(999), slot=bytes(32), layout="solidity"
    )


def own(wallet: Wallet) -> OwnWallet:
    return OwnWallet(type="own-wallet", salt=bytes(16), chain=wallet.chain, wallet=wallet.id, address=wallet.address)


@st.composite
def registers(draw: st.DrawFn) -> list[Wallet]:
    return [
        Wallet(
            id=f"w{number}",
            chain=CHAIN,
            address=address(number),
            assets=tuple(sorted(draw(st.sets(st.sampled_from(ASSETS), min_size=1)))),
            purpose=draw(st.sampled_from(("customer", "guarantee", "compensation", "own"))),
            storage=draw(st.sampled_from(("cold", "hot", "other"))),
            custodian=draw(st.sampled_from((None, "A", "B"))),
        )
        for number in range(draw(st.integers(0, 8)))
    ]


@st.composite
def readings_of(draw: st.DrawFn, wallets: list[Wallet]) -> dict[int, Record]:
    """All that a run puts on record of a register, in any order."""
    records: list[Record] = []
    for wallet in wallets:
        if wallet.purpose == "own":
            records.append(own(wallet))
        else:
            records += [reading(wallet, asset, draw(st.integers(0, 3))) for asset in wallet.assets]
    return dict(enumerate(draw(st.permutations(records))))


@given(st.data())
def test_every_wallet_of_the_register_is_in_exactly_one_row(data: st.DataObject) -> None:
    wallets = data.draw(registers())
    records = data.draw(readings_of(wallets))
    controls: Any = {index: data.draw(st.sampled_from(CONTROLS)) for index in records}
    rows = wallet_rows(records, controls)
    assert sorted(row.wallet for row in rows) == sorted(wallet.id for wallet in wallets)
    require_every_wallet(wallets, records, rows)
    assert sorted(index for row in rows for index in row.records) == sorted(records)
    for row in rows:
        held = [index for index in row.records if getattr(records[index], "amount", 0)]
        wallet = next(wallet for wallet in wallets if wallet.id == row.wallet)
        if wallet.purpose == "own":
            assert row.control == "own"
        elif not held:
            assert row.control == "empty"
        else:
            assert CONTROLS.index(row.control) == max(CONTROLS.index(controls[index]) for index in held)


@given(st.data())
def test_no_wallet_can_be_skipped_silently(data: st.DataObject) -> None:
    wallets = data.draw(registers().filter(bool))
    records = data.draw(readings_of(wallets))
    lost = data.draw(st.sampled_from(sorted(records)))
    kept = {index: record for index, record in records.items() if index != lost}
    rows = wallet_rows(kept, dict.fromkeys(kept, "signature"))
    with pytest.raises(VerificationError, match=records[lost].wallet):  # type: ignore[attr-defined]
        require_every_wallet(wallets, kept, rows)
    with pytest.raises(VerificationError, match="is not in the register"):
        require_every_wallet(
            [wallet for wallet in wallets if wallet.id != records[lost].wallet],  # type: ignore[attr-defined]
            records,
            wallet_rows(records, dict.fromkeys(records, "none")),
        )


def test_a_reading_whose_control_nobody_derived_is_an_error() -> None:
    wallet = Wallet(id="w", chain=CHAIN, address=address(1), assets=("ETH",), purpose="customer", storage="cold")
    with pytest.raises(VerificationError, match="who controls record 4"):
        wallet_rows({4: reading(wallet, "ETH", 1)}, {})


def test_a_wallet_with_two_purposes_is_an_error() -> None:
    wallet = Wallet(id="w", chain=CHAIN, address=address(1), assets=("ETH",), purpose="customer", storage="cold")
    other = wallet.model_copy(update={"purpose": "compensation"})
    with pytest.raises(VerificationError, match="described in two ways"):
        wallet_rows({0: reading(wallet, "ETH", 1), 1: reading(other, "DAI", 1)}, {0: "none", 1: "none"})


@given(st.data())
def test_concentration_is_the_largest_wallet_and_each_custodians_sum(data: st.DataObject) -> None:
    wallets = data.draw(registers())
    records = data.draw(readings_of(wallets))
    hidden = (
        frozenset(data.draw(st.sets(st.sampled_from([wallet.id for wallet in wallets])))) if wallets else frozenset()
    )
    customer = [item for item in records.values() if isinstance(item, Reading) and item.purpose == "customer"]
    found = {(item.kind, item.unit, item.name): item.amount for item in concentration(records.values(), hidden)}
    expected = {}
    for asset in ASSETS:
        held = [item for item in customer if item.asset == asset and item.amount]
        if held:
            largest = max(held, key=lambda item: (item.amount, item.wallet))
            name = HIDDEN if largest.wallet in hidden else largest.wallet
            expected["largest-wallet", asset, name] = largest.amount
        for name in {item.custodian for item in held if item.custodian}:
            expected["custodian", asset, name] = sum(item.amount for item in held if item.custodian == name)
    assert found == expected


@pytest.mark.parametrize("spelled", [str.lower, lambda text: "0x" + text[2:].upper()])
def test_coins_of_an_own_wallet_count_for_nobody(spelled: Callable[[str], str]) -> None:
    wallet = Wallet(id="w", chain=CHAIN, address=address(0xABCDEF), assets=("ETH",), purpose="customer", storage="cold")
    mine = own(wallet.model_copy(update={"id": "mine", "address": spelled(address(0xABCDEF))}))
    with pytest.raises(VerificationError, match="wallet w counts coins of the exchange's own wallet mine"):
        refuse_own([reading(wallet, "ETH", 1)], [mine])
    refuse_own([reading(wallet, "ETH", 1)], [mine.model_copy(update={"chain": "eip155:2"})])


def checks(
    exchange: Exchange, bundle: bytes | None = None, sources: Sources | None = None
) -> dict[tuple[str, str], Check]:
    return {(check.asset, check.what): check for check in exchange.verify(bundle, sources=sources).checks}


def test_each_verdict_has_the_records_behind_it(exchange: Exchange) -> None:
    found = checks(exchange)
    records = [row for row in exchange.verify().wallets if row.wallet in {"btc-cold", "btc-hot"}]
    behind = tuple(sorted(index for row in records for index in row.records))
    assert found["BTC", "in cold storage"] == Check(
        "in cold storage", "BTC", "VERIFIED", "96.94 % of 408.75000000", behind
    )
    assert found["BTC", "largest wallet"].detail == "btc-cold: 96.94 %"
    assert set(found["BTC", "largest wallet"].records) > set(behind)
    assert (found["", "customers' wallets apart"].verdict, len(found["", "customers' wallets apart"].records)) == (
        "VERIFIED",
        10,
    )
    assert (found["", "own wallets apart"].verdict, found["", "own wallets apart"].records) == ("NOT CHECKED", ())
    assert {len(found["", what].records) for what in ("pledged coins", "borrowed coins")} == {1}


def test_without_the_records_no_figure_is_verified(exchange: Exchange) -> None:
    assert {check.verdict for check in checks(exchange, sources=Sources()).values()} == {"NOT CHECKED"}


def test_what_management_declares_is_never_verified(exchange: Exchange) -> None:
    assert checks(exchange)["", "pledged coins"].verdict == "NOT CHECKED"

    def pledge(value: Any) -> None:
        (line,) = [item for item in value["predicate"]["declarations"] if item["kind"] == "encumbrance"]
        line.update(unit="BTC", amount="1250000000")

    found = checks(exchange, exchange.resigned(pledge), sources=Sources())["", "pledged coins"]
    assert (found.verdict, found.detail) == ("NOT MET", "management declares: 12.50000000 BTC pledged")

    def nothing(value: Any) -> None:
        said = value["predicate"]["declarations"]
        value["predicate"]["declarations"] = [item for item in said if item["kind"] == "largest-wallet"]

    found = checks(exchange, exchange.resigned(nothing), sources=Sources())["", "borrowed coins"]
    assert (found.verdict, found.detail) == ("NOT CHECKED", "management declares nothing")


def declared(change: Callable[[list[Any]], object]) -> Callable[[Any], object]:
    return lambda value: change(value["predicate"]["declarations"])


def of_kind(items: list[Any], kind: str) -> Any:
    return next(item for item in items if item["kind"] == kind)


FALSE: dict[str, tuple[Callable[[list[Any]], object], tuple[int, str]]] = {
    "a smaller largest wallet": (
        lambda items: of_kind(items, "largest-wallet").update(amount="1"),
        (11, "declaration/record"),
    ),
    "a figure left out": (lambda items: items.remove(of_kind(items, "largest-wallet")), (8, "statement/arithmetic")),
    "another figure without a record": (
        lambda items: of_kind(items, "largest-wallet").update(amount="1", evidenceLeaf="00" * 32),
        (11, "declaration/figure"),
    ),
    "a custodian that keeps nothing": (
        lambda items: items.insert(
            2, {"kind": "custodian", "name": "A", "unit": "BTC", "amount": "1", "evidenceLeaf": "00" * 32}
        ),
        (11, "declaration/figure"),
    ),
    "another reading of the form": (
        lambda items: of_kind(items, "encumbrance").update(name="guarantee"),
        (11, "declaration/record"),
    ),
    "a form whose declaration is gone": (
        lambda items: items.remove(of_kind(items, "borrowing")),
        (11, "declaration/record"),
    ),
    "one form behind two": (
        lambda items: of_kind(items, "borrowing").update(evidenceLeaf=of_kind(items, "encumbrance")["evidenceLeaf"]),
        (8, "statement/arithmetic"),
    ),
    "the same twice": (
        lambda items: items.append({**of_kind(items, "borrowing"), "evidenceLeaf": "00" * 32}),
        (8, "statement/arithmetic"),
    ),
    "an unknown asset": (
        lambda items: of_kind(items, "encumbrance").update(unit="DOGE", amount="1"),
        (8, "statement/arithmetic"),
    ),
    "an amount of nothing": (lambda items: of_kind(items, "encumbrance").update(amount="1"), (5, "document/invalid")),
    "a figure without an amount": (
        lambda items: [of_kind(items, "largest-wallet").pop(name) for name in ("unit", "amount")],
        (5, "document/invalid"),
    ),
    "a kind that nobody knows": (lambda items: items[0].update(kind="promise"), (5, "document/invalid")),
}


@pytest.mark.parametrize("case", FALSE)
def test_a_declaration_that_its_record_or_the_readings_contradict_fails(case: str, exchange: Exchange) -> None:
    change, expected = FALSE[case]
    assert exchange.failing_step(exchange.resigned(declared(change))) == expected


def test_a_figure_that_is_neither_stated_nor_on_record_is_missed() -> None:
    wallet = Wallet(id="w", chain=CHAIN, address=address(1), assets=("ETH",), purpose="customer", storage="cold")
    records = {0: reading(wallet, "ETH", 1)}
    with pytest.raises(VerificationError, match="0 figures of concentration, the readings 1"):
        recheck_declarations(records, [], frozenset(("ETH",)))
    assert recheck_declarations(records, [], frozenset()) == (0, 0)


def test_the_tier_of_a_custodian_is_stated_for_rules_on_concentration() -> None:
    wallet = Wallet(
        id="w", chain=CHAIN, address=address(1), assets=("ETH",), purpose="customer", storage="cold", custodian="A"
    )
    records: dict[int, Any] = {0: reading(wallet, "ETH", 10)}
    found = concentration(records.values(), frozenset(), {"A": "bank", "B": None})
    lines = declaration_lines(found)
    assert {line.name: line.tier for line in lines} == {"w": None, "A": "bank"}
    whole = frozenset(("ETH",))
    assert recheck_declarations(records | dict(enumerate(found, start=1)), lines, whole) == (0, 2)
    # Another tier than that of the record, and one of a wallet, are refused.
    other = [line.model_copy(update={"tier": "trust"}) for line in lines]
    for records_there in (records | dict(enumerate(found, start=1)), records):
        with pytest.raises(VerificationError):
            recheck_declarations(records_there, other, whole)


def test_a_custodian_is_not_hidden_behind_the_largest_wallet() -> None:
    said: dict[str, Any] = {"id": "a", "chain": CHAIN, "address": address(1), "purpose": "customer", "storage": "cold"}
    small = Wallet(**said, assets=("ETH",), custodian="A")
    other = small.model_copy(update={"id": "b", "address": address(2)})
    records = {0: reading(small, "ETH", 10), 1: reading(other, "ETH", 9)}
    lines = declaration_lines(concentration(records.values(), frozenset()))
    forged = [
        line.model_copy(update={"name": HIDDEN, "amount": 10}) if line.kind == "custodian" else line for line in lines
    ]
    with pytest.raises(VerificationError, match="something else than custodian not public ETH"):
        recheck_declarations(records, forged, frozenset(("ETH",)))


FORMS = {
    "a unit without an amount": ('unit = "BTC"', "an amount needs a unit"),
    "an amount without a unit": ('amount = "1"', "an amount needs a unit"),
    "a negative amount": ('unit = "BTC"\namount = "-1"', "its amount is negative"),
    "an inexact amount": ('unit = "BTC"\namount = "0.123456789"', "0.123456789"),
    "a unit that is not an asset": ('unit = "DOGE"\namount = "1"', "names DOGE, which has no"),
    "an end before its beginning": (
        'since = "2026-10-02T00:00:00Z"\nuntil = "2026-10-01T00:00:00Z"',
        "it ends before it begins",
    ),
}


@pytest.mark.parametrize("case", FORMS)
def test_a_form_that_says_nothing_clear_stops_the_run_and_is_named(
    case: str, exchange: Exchange, tmp_path: Path
) -> None:
    from attest.exchange.documents.declarations import signed_forms

    fields, told = FORMS[case]
    text = (exchange.folder / CONFIG_FILE).read_text(encoding="utf-8")
    text = text.replace('kind = "encumbrance"\n', f'kind = "encumbrance"\n{fields}\n')
    (tmp_path / CONFIG_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(MalformedError, match="declaration encumbrance customer") as caught:
        signed_forms(read_config(tmp_path / CONFIG_FILE), "2026-10", exchange.folder)
    assert told in str(caught.value)


def test_checks_need_no_records_to_be_listed(exchange: Exchange) -> None:
    predicate = exchange.verify().statement.predicate
    assert all(check.records == () for check in segregation_checks(predicate, {}, frozenset(), complete=False))


def test_spans_join_what_follows_each_other() -> None:
    assert spans([]) == ""
    assert spans([3, 1, 2, 7]) == "1-3, 7"
    assert spans(range(0, 40, 2)).endswith("18, …")


def test_rows_are_in_the_document_and_name_what_is_not_at_hand(exchange: Exchange) -> None:
    from attest.cli.render.segregation import wallets_document, wallets_table

    assert {row["wallet"]: row["control"] for row in wallets_document(exchange.verify())} == dict.fromkeys(
        ("btc-cold", "btc-hot", "btc-guarantee", "btc-compensation", "eth-cold", "eth-hot", "eth-guarantee"), "none"
    )
    assert "10 balances" in wallets_table(exchange.verify(sources=Sources()))
    assert isinstance(exchange.verify().wallets[0], WalletRow)
