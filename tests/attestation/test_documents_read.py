"""What is wrong with a month's documents is told before an hour of reading chains, with the place where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attest.attestation.config import Config, read_config
from attest.attestation.declarations import signed_forms
from attest.attestation.documents import read_prices
from attest.attestation.reserves import Surroundings, write_reserves
from attest.demo.exchange import CONFIG_FILE
from attest.errors import MalformedError
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
    return read_prices(config, PERIOD, folder, NOW).prices


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


def test_a_config_of_money_alone_has_no_chains_to_read(config: Config, exchange: Exchange, tmp_path: Path) -> None:
    money = config.model_copy(update={"chains": (), "wallets": ()})
    with pytest.raises(MalformedError, match="nothing to read from chains"):
        write_reserves(money, PERIOD, tmp_path / "read", Surroundings(exchange.folder, NOW, {}))
