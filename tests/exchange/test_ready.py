"""What a month lacks is told before its chains, which may take hours, are asked for anything."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from attest.demo import exchange as demo
from attest.errors import AttestError, UnavailableError
from attest.exchange.config import read_config
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.surroundings import Surroundings
from tests.conftest import NOW
from tests.exchange.test_month import contents, replace, run

# Where nobody listens: whoever asks a node for anything gets another error than the one that is looked for.
NOBODY = dict.fromkeys((*demo.BITCOIN_VARIABLES, *demo.ETHEREUM_VARIABLES), "http://127.0.0.1:1") | {
    demo.BITCOIN_VARIABLES[1]: "http://127.0.0.1:2",
    demo.ETHEREUM_VARIABLES[1]: "http://127.0.0.1:2",
}
CONFIG = demo.CONFIG_FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    demo.write_exchange(tmp_path / "x")
    return tmp_path / "x"


def in_a_file(field: str) -> Callable[[Path], None]:
    """The config names a folder below a file for `field`."""

    def spoil(folder: Path) -> None:
        (folder / "file").write_bytes(b"")
        name = {"folder": "publication", "private_folder": "private"}[field]
        replace(folder / CONFIG, f'{field} = "{name}"', f'{field} = "file/{name}"')

    return spoil


def pipe(folder: Path) -> None:
    """Whoever opens the ledger waits for somebody who writes it."""
    (folder / "ledger.csv").unlink()
    os.mkfifo(folder / "ledger.csv")


def ring(field: str) -> Callable[[Path], None]:
    """The config names a link that leads to itself for `field`."""

    def spoil(folder: Path) -> None:
        (folder / "ring").symlink_to("ring")
        replace(folder / CONFIG, f'{field} = "private"', f'{field} = "ring"')

    return spoil


def ledger(source: str) -> Callable[[Path], None]:
    return lambda folder: replace(folder / CONFIG, 'source = "ledger.csv"', f'source = "{source}"')


LACKING: dict[str, tuple[Callable[[Path], None], str]] = {
    "no ledger": (lambda folder: (folder / "ledger.csv").unlink(), r"ledger\.source: cannot read .*ledger\.csv"),
    "a ledger that is a folder": (ledger("documents"), r"ledger\.source: documents is a folder"),
    "a ledger that is a pipe": (pipe, r"ledger\.source: ledger\.csv is not a file"),
    "a private folder that is a ring of links": (
        ring("private_folder"),
        r"publication\.private_folder: cannot write to",
    ),
    "no file of many": (ledger("rows-*.csv"), r"ledger\.source: no file matches"),
    "a variable of the ledger": (ledger("${LEDGER}"), "the ledger's source: the environment variable LEDGER"),
    "no folder to publish to": (in_a_file("folder"), r"publication\.folder: cannot (read|write to) .*file"),
    "no private folder": (in_a_file("private_folder"), r"publication\.private_folder: cannot write to .*file"),
    "a folder beyond one that is not there": (
        lambda folder: replace(folder / CONFIG, 'private_folder = "private"', 'private_folder = "a/../ledger.csv/x"'),
        r"publication\.private_folder: cannot write to .*ledger\.csv: Not a directory",
    ),
    "no folder of unspent outputs": (
        lambda folder: replace(folder / CONFIG, 'native = "BTC"', 'native = "BTC"\nutxo_set = "dumped"'),
        r"utxo_set: there is no folder .*dumped",
    ),
}


@pytest.mark.parametrize("case", LACKING)
def test_what_is_not_there_is_told_before_any_chain_is_read(case: str, folder: Path) -> None:
    spoil, named = LACKING[case]
    spoil(folder)
    before = contents(folder)
    told: list[str] = []
    with pytest.raises(AttestError, match=named):
        run(folder, NOBODY, tell=told.append)
    assert (told, contents(folder)) == ([], before)


def test_with_all_of_it_the_chains_are_read(folder: Path) -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1|own ethereum node"):
        run(folder, NOBODY)


def test_a_reading_alone_needs_its_folder_of_unspent_outputs_and_no_ledger(folder: Path) -> None:
    (folder / "ledger.csv").unlink()
    replace(folder / CONFIG, 'native = "BTC"', 'native = "BTC"\nutxo_set = "dumped"')
    around = Surroundings(folder, NOW, NOBODY)
    with pytest.raises(UnavailableError, match="there is no folder"):
        write_reserves(read_config(folder / CONFIG), demo.PERIOD, folder / "read", around)
    (folder / "dumped").mkdir()
    with pytest.raises(UnavailableError, match="own ethereum node"):
        write_reserves(read_config(folder / CONFIG), demo.PERIOD, folder / "read", around)
