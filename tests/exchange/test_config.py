from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from attest.chains.settings import NodeSettings
from attest.errors import MalformedError, UnavailableError
from attest.exchange.config import read_config
from attest.exchange.register_digest import register_digest
from tests.conftest import FIXTURES

TEXT = (FIXTURES / "demo" / "attest.toml").read_text(encoding="utf-8")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "attest.toml"
    path.write_text(text, encoding="utf-8")
    return path


BITCOIN_NODES = """nodes = [
    { name = "own bitcoind", url = "${ATTEST_DEMO_BITCOIN}" },
    { name = "second bitcoind", url = "${ATTEST_DEMO_BITCOIN_2}" },
]"""
ETHEREUM_PIN = 'native = "ETH"\npin = "period-end"'

CUSTODIAN = '[[custodians]]\nname = "Vault Trust"\nkey = "vault.pub"\n'

BAD = {
    "a sample of nothing": ("[keys]", "[control]\nsample = 0\n[keys]", "control.sample"),
    "a custodian of no wallet": ("[keys]", f"{CUSTODIAN}[keys]", "no wallet names the custodian Vault Trust"),
    "a custodian twice": ("[keys]", f"{CUSTODIAN}{CUSTODIAN}[keys]", "custodian Vault Trust stands there twice"),
    "nested too deep": ("[entity]", f"x = {'[' * 200_000}\n[entity]", "nested deeper than 32 levels"),
    "a storage that is none": ('storage = "cold"', 'storage = "warm"', "].storage (id = 'btc-cold'): "),
    "a chain without a coin": ('native = "ETH"\n', "", "chains[1].native (id = 'eip155:31337'): missing"),
    "a wallet of no name": ('id = "eth-hot"\n', "", "].id: missing"),
    "money at a bank": (
        'amount = "850000000"\n',
        "",
        "money[0].amount (institution = 'Demo Trust Bank'",
    ),
    "wallets that are no tables": ("[keys]", "custodians = [1]\n[keys]", "ledger.custodians: unknown field"),
    "not TOML": ("[entity]", "[entity", "line 5"),
    "unknown table": ("[entity]", "[extra]\nx = 1\n[entity]", "extra: unknown field"),
    "unknown key": (
        'origin = "exchange.example"',
        'origin = "exchange.example"\nlogo = "x"',
        "entity.logo: unknown field",
    ),
    "missing key": ('name = "Demo Exchange KK"', "", "entity.name: missing"),
    "an origin that is a url": ('"exchange.example"', '"https://exchange.example"', "entity.origin"),
    "an LEI that is none": ('origin = "exchange.example"', 'origin = "exchange.example"\nlei = "X"', "entity.lei"),
    "unknown time zone": ("Asia/Tokyo", "Asia/Tokio", "'Asia/Tokio' is not a time zone"),
    "an asset name in lower case": ('asset = "JPY"\ndecimals', 'asset = "jpy"\ndecimals', "assets[3].asset"),
    "too many decimals": ("decimals = 18", "decimals = 37", "assets[2].decimals"),
    "an asset twice": ('asset = "JPY"\ndecimals', 'asset = "BTC"\ndecimals', "asset BTC stands there twice"),
    "a chain that is none": ('id = "eip155:31337"', 'id = "ethereum"', "chains[1].id"),
    "a chain twice": ('id = "eip155:31337"', 'id = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"', "chain bip122"),
    "no node": (BITCOIN_NODES, "nodes = []", "chains[0].nodes"),
    "a node twice": ("second bitcoind", "own bitcoind", "own bitcoind stands there twice"),
    "fewer nodes than could disagree": (BITCOIN_NODES, f"{BITCOIN_NODES}\nagree = 1", "more than half of its 2 nodes"),
    "more nodes than there are": (BITCOIN_NODES, f"{BITCOIN_NODES}\nagree = 3", "more than half of its 2 nodes"),
    "no grace": (ETHEREUM_PIN, f"{ETHEREUM_PIN}\ngrace = 0", "chains[1].grace"),
    "a grace of more than a day": (ETHEREUM_PIN, f"{ETHEREUM_PIN}\ngrace = 86401", "chains[1].grace"),
    "a grace with a fraction": (ETHEREUM_PIN, f"{ETHEREUM_PIN}\ngrace = 1.5", "chains[1].grace"),
    "a grace in words": (ETHEREUM_PIN, f'{ETHEREUM_PIN}\ngrace = "30 s"', "chains[1].grace"),
    "an unknown pin": (ETHEREUM_PIN, 'native = "ETH"\npin = "safe"', "chains[1].pin"),
    "a pin of two kinds": (
        ETHEREUM_PIN,
        'native = "ETH"\npin = { height = 1, confirmations = 2 }',
        "one of height, hash",
    ),
    "a pin of no kind": (ETHEREUM_PIN, 'native = "ETH"\npin = {}', "one of height, hash"),
    "a pin without confirmations": (ETHEREUM_PIN, 'native = "ETH"\npin = { confirmations = 0 }', "chains[1].pin"),
    "a short hash": (ETHEREUM_PIN, 'native = "ETH"\npin = { hash = "ab" }', "chains[1].pin"),
    "a pin at a local time": (ETHEREUM_PIN, 'native = "ETH"\npin = { before = "2026-11-01 00:00" }', "chains[1].pin"),
    "finality on Bitcoin": ('native = "BTC"\npin = "period-end"', 'native = "BTC"\npin = "finalized"', "no finalized"),
    "tokens on Bitcoin": (
        'native = "BTC"\n',
        'native = "BTC"\ntokens = [{ asset = "DUSD", contract = "x" }]\n',
        "has no tokens",
    ),
    "a set of outputs of an EVM chain": (ETHEREUM_PIN, f'{ETHEREUM_PIN}\nutxo_set = "x"', "is for Bitcoin"),
    "a window without draws": (
        ETHEREUM_PIN,
        f"{ETHEREUM_PIN}\nwindow = {{ before = 1, after = 1 }}",
        "window.draws (id = 'eip155:31337'): missing",
    ),
    "a window of no draws": (
        ETHEREUM_PIN,
        f"{ETHEREUM_PIN}\nwindow = {{ draws = 0, before = 1, after = 1 }}",
        "chains[1].window.draws",
    ),
    "a window with too many draws": (
        ETHEREUM_PIN,
        f"{ETHEREUM_PIN}\nwindow = {{ draws = 33, before = 40, after = 1 }}",
        "chains[1].window.draws",
    ),
    "a window that is too small": (
        ETHEREUM_PIN,
        f"{ETHEREUM_PIN}\nwindow = {{ draws = 3, before = 1, after = 1 }}",
        "a window of 1 and 1 blocks has no 3",
    ),
    "a window that is too long": (
        ETHEREUM_PIN,
        f"{ETHEREUM_PIN}\nwindow = {{ draws = 3, before = 1048577, after = 1 }}",
        "chains[1].window.before",
    ),
    "a wrapped coin that is not called so": ('asset = "DUSD", contract', 'asset = "BTC", contract', "wrapped = true"),
    "one contract for two assets": (
        "tokens = [",
        'tokens = [{ asset = "BTC", wrapped = true, contract = "0x5FBDB2315678AFECB367F032D93F642F64180AA3" }, ',
        "contract on eip155:31337 0x5fbdb2315678afecb367f032d93f642f64180aa3 stands there twice",
    ),
    "a slot beyond storage": ("balance_slot = 0", f'balance_slot = "0x{"f" * 65}"', "balance_slot"),
    "a layout that is none": ("balance_slot = 0", 'balance_slot = 0, balance_layout = "rust"', "balance_layout"),
    "a wallet twice": ('id = "btc-hot"', 'id = "btc-cold"', "wallet btc-cold stands there twice"),
    "a wallet on no chain": (
        'id = "btc-hot"\nchain = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"',
        'id = "btc-hot"\nchain = "eip155:1"',
        "wallet btc-hot is on eip155:1",
    ),
    "a wallet of an asset its chain has not": ('assets = ["ETH", "DUSD"]', 'assets = ["BTC"]', "holds BTC"),
    "a wallet with an asset twice": ('assets = ["ETH", "DUSD"]', 'assets = ["ETH", "ETH"]', "ETH stands there twice"),
    "a wallet without a place": (
        'address = "bcrt1qscrclmhmmchke3xps453jyhhqq2n2wgz6rejc6"\n',
        "",
        "btc-hot needs either",
    ),
    "a wallet without a range": ("range = [0, 9]\n", "", "btc-cold needs a range"),
    "a range backwards": ("range = [0, 9]", "range = [9, 0]", "ends before it starts"),
    "a purpose that is none": ('purpose = "guarantee"', 'purpose = "reserve"', "purpose"),
    "money in no asset": ('currency = "JPY"', 'currency = "USD"', "names USD"),
    "money as a number": ('amount = "850000000"', "amount = 850000000.5", "money[0].amount"),
    "a key in the config": (
        'exchange = "keys/exchange.pem"',
        'exchange = "k"\npassphrase = "x"',
        "keys.passphrase: unknown",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_config_names_file_and_field(case: str, tmp_path: Path) -> None:
    old, new, named = BAD[case]
    assert old in TEXT
    with pytest.raises(MalformedError) as caught:
        read_config(written(tmp_path, TEXT.replace(old, new)))
    text = " ".join([caught.value.message, *caught.value.details])
    assert "attest.toml" in text
    assert named in text


def test_a_missing_config_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"attest\.toml"):
        read_config(tmp_path / "attest.toml")


@pytest.mark.parametrize(
    ("zone", "period", "end"),
    [
        ("Asia/Tokyo", "2026-10", datetime(2026, 10, 31, 15, tzinfo=UTC)),
        ("Asia/Tokyo", "2026-12", datetime(2026, 12, 31, 15, tzinfo=UTC)),
        ("Europe/Paris", "2026-10", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("America/New_York", "2026-02", datetime(2026, 3, 1, 5, tzinfo=UTC)),
        ("UTC", "2028-02", datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_month_ends_where_the_exchange_is(zone: str, period: str, end: datetime, tmp_path: Path) -> None:
    config = read_config(written(tmp_path, TEXT.replace("Asia/Tokyo", zone)))
    assert config.ledger.period_end(period) == end


def test_secrets_of_a_node_come_from_the_environment() -> None:
    node = NodeSettings(name="own", url="https://${USER_1}:${PASS}@node.example/${USER_1}")
    assert node.expanded_url({"USER_1": "u", "PASS": "p"}) == "https://u:p@node.example/u"
    with pytest.raises(UnavailableError, match="node own: the environment variable PASS is not set"):
        node.expanded_url({"USER_1": "u"})


def test_slow_nodes_have_a_grace_that_is_no_part_of_what_is_read(tmp_path: Path) -> None:
    plain = read_config(written(tmp_path, TEXT))
    assert [chain.grace for chain in plain.chains] == [30, 30]
    patient = read_config(written(tmp_path, TEXT.replace(ETHEREUM_PIN, f"{ETHEREUM_PIN}\ngrace = 600")))
    assert [chain.grace for chain in patient.chains] == [30, 600]
    assert register_digest(patient, "2026-10", None) == register_digest(plain, "2026-10", None)


def test_a_register_without_a_window_is_the_one_it_was_before_there_were_windows(tmp_path: Path) -> None:
    """Readings and journals of before must still be taken."""
    digest = register_digest(read_config(written(tmp_path, TEXT)), "2026-10", None)
    assert digest.hex() == "f87120feb89a816cd29f711ff1b33d1ed0daaad4fd2c1243c5ee114bfeb86f01"


def test_a_query_of_several_lines_keeps_them(tmp_path: Path) -> None:
    query = "SELECT account, -- the login\n\tasset, balance\nFROM balances -- all\n"
    text = TEXT.replace('source = "ledger.csv"', f'source = "ledger.sqlite"\nquery = """\n{query}"""')
    assert read_config(written(tmp_path, text)).ledger.query == query
