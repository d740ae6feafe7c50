"""What is wrong with a month's documents is told before an hour of reading chains, with the place where it stands."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.document_records import DeclaredBalance
from attest.demo.exchange import CONFIG_FILE
from attest.errors import MalformedError
from attest.exchange.config import Config, read_config
from attest.exchange.documents.cover_and_prices import read_documents, read_prices
from attest.exchange.documents.declarations import signed_forms
from attest.exchange.documents.money import custodians_documents, held_line
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.settings import HeldCoins
from attest.exchange.surroundings import Surroundings
from tests.conftest import NOW, Exchange

PERIOD = "2026-10"
PRICE = b"BTC,JPY,15012345,spot,an index,2026-10-31T15:00:00Z"
HEAD = b"asset,currency,price,basis,source,time"


@pytest.fixture
def config(exchange: Exchange) -> Config:
    return read_config(exchange.folder / CONFIG_FILE)


def prices(config: Config, folder: Path, data: bytes) -> Any:
    (folder / "documents").mkdir(exist_ok=True)
    (folder / "documents" / f"prices-{PERIOD}.csv").write_bytes(data)
    return read_prices(config, PERIOD, Surroundings(folder, NOW, {})).prices


def test_prices_are_read_as_spreadsheets_and_editors_write_them(config: Config, tmp_path: Path) -> None:
    plain = prices(config, tmp_path, HEAD + b"\n" + PRICE + b"\n")
    assert len(plain) == 1
    assert prices(config, tmp_path, b"\xef\xbb\xbf" + HEAD + b"\r\n\r\n" + PRICE + b"\r\n\r\n\r\n") == plain


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (PRICE.replace(b"BTC", b"XRP"), "row 3: XRP has no"),
        (PRICE.replace(b"JPY", b"USD"), "row 3: USD has no"),
        (PRICE.replace(b"2026-10-31", b"2026-12-31"), "row 3: 2026-12-31T15:00:00Z has not come yet"),
        (PRICE.replace(b"15012345", b"0"), "row 3: the price is 0, by which nothing can be valued"),
        (PRICE.replace(b"15012345", b"0.000/7"), "row 3: the price is 0, by which nothing can be valued"),
        (PRICE, "row 3: the BTC JPY spot price stands there twice"),
        (b"BTC,JPY", "row 3: 2 fields instead of 6"),
    ],
)
def test_a_price_that_the_statement_cannot_have_is_told_by_its_row(
    row: bytes, told: str, config: Config, tmp_path: Path
) -> None:
    with pytest.raises(MalformedError) as caught:
        prices(config, tmp_path, b"\n".join([HEAD, PRICE, row, b""]))
    assert told in str(caught.value)


@pytest.mark.parametrize("change", [{}, {"unit": "DUSD", "amount": "1"}])
def test_two_tables_that_declare_the_same_are_refused(
    change: dict[str, str], config: Config, exchange: Exchange
) -> None:
    (form,) = [form for form in config.declarations if form.kind == "financial"]
    twice = config.model_copy(update={"declarations": (*config.declarations, form.model_copy(update=change))})
    with pytest.raises(MalformedError, match=r"declaration financial net-assets .* stands there twice"):
        signed_forms(twice, PERIOD, exchange.folder)


LETTER = HeldCoins(
    asset="BTC", purpose="customer", custodian="Keeper", amount="1.5", document="documents/keeper-{period}.txt"
)


def letters(config: Config, folder: Path, *tables: HeldCoins) -> list[DeclaredBalance]:
    """What the config's custodians say, by a letter each."""
    for table in tables:
        path = folder / table.document.replace("{period}", PERIOD)
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"We hold {table.document}")
    there = config.model_copy(update={"held": tables, "money": (), "cover": ()})
    return custodians_documents(there, PERIOD, folder, ())


def test_a_custodians_letter_is_named_by_digest(config: Config, tmp_path: Path) -> None:
    (record,) = letters(config, tmp_path, LETTER)
    assert record.sha256 == sha256(b"We hold documents/keeper-{period}.txt").digest()
    assert (record.document, record.amount, record.chain) == ("keeper-2026-10.txt", 150_000_000, None)
    assert held_line(record).evidence_leaf == record.leaf


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount": "1.5 BTC"}, "BTC held by Keeper"),
        ({"amount": "-1"}, "BTC held by Keeper is negative"),
        ({"amount": "0.000000001"}, "BTC held by Keeper"),
    ],
)
def test_an_amount_that_a_custodian_cannot_hold_is_told_by_its_table(
    change: dict[str, str], told: str, config: Config, tmp_path: Path
) -> None:
    with pytest.raises(MalformedError, match=told):
        letters(config, tmp_path, LETTER.model_copy(update=change))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"document": "documents/other.txt"}, "BTC held by Keeper stands there twice for customer coins"),
        ({"purpose": "compensation"}, "keeper-2026-10.txt stands behind two tables"),
    ],
)
def test_two_tables_of_what_one_custodian_holds_are_refused(
    change: dict[str, str], told: str, config: Config, tmp_path: Path
) -> None:
    with pytest.raises(MalformedError, match=told):
        letters(config, tmp_path, LETTER, LETTER.model_copy(update=change))
    letters(config, tmp_path, LETTER, LETTER.model_copy(update={"asset": "ETH", **change}))


def test_a_bank_document_is_not_a_custodians_letter(config: Config, exchange: Exchange) -> None:
    (money, *_) = config.money
    letter = LETTER.model_copy(update={"asset": money.currency, "amount": "1", "document": money.document})
    with pytest.raises(MalformedError, match="stands behind two tables of"):
        read_documents(config.model_copy(update={"held": (letter,)}), PERIOD, Surroundings(exchange.folder, NOW, {}))
    contract = config.cover[0]
    letter = letter.model_copy(update={"asset": contract.currency, "document": contract.document})
    with pytest.raises(MalformedError, match="one document stands behind two of"):
        read_documents(config.model_copy(update={"held": (letter,)}), PERIOD, Surroundings(exchange.folder, NOW, {}))


def test_an_asset_that_no_table_has_is_held_by_nobody(exchange: Exchange) -> None:
    text = (exchange.folder / CONFIG_FILE).read_text()
    held = '\n[[held]]\nasset = "XRP"\npurpose = "customer"\ncustodian = "Keeper"\namount = "1"\ndocument = "x"\n'
    path = exchange.folder / "held.toml"
    path.write_text(text + held)
    with pytest.raises(MalformedError, match=r"held by Keeper names XRP, which has no \[\[assets\]\] table"):
        read_config(path)


def test_a_config_of_money_alone_has_no_chains_to_read(config: Config, exchange: Exchange, tmp_path: Path) -> None:
    money = config.model_copy(update={"chains": (), "wallets": ()})
    with pytest.raises(MalformedError, match="nothing to read from chains"):
        write_reserves(money, PERIOD, tmp_path / "read", Surroundings(exchange.folder, NOW, {}))
