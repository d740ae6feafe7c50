"""A chain whose family another package has is attested and verified by the commands, without a change of attest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest.demo.recording import serve

HERE = Path(__file__).parent
CHAIN = "toy:7"
HELD = {"toycold0001": 123_456, "toyhot00001": 500}
CONFIG = """
[entity]
name = "Toy Exchange"
origin = "toys.example"

[scope]
included = ["balances"]
excluded = []

[ledger]
source = "ledger.csv"
time_zone = "UTC"

[keys]
exchange = "keys/exchange.pem"

[[assets]]
asset = "TOY"
decimals = 2

[[chains]]
id = "toy:7"
native = "TOY"
pin = "period-end"
nodes = [{{ name = "one", url = "{}" }}, {{ name = "two", url = "{}" }}]

[[wallets]]
id = "cold"
chain = "toy:7"
address = "TOYcold0001"
assets = ["TOY"]
purpose = "customer"
storage = "cold"

[[wallets]]
id = "hot"
chain = "toy:7"
address = "toyhot00001"
assets = ["TOY"]
purpose = "customer"
storage = "hot"
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, as pip lays it there."""
    source, target = tmp_path_factory.mktemp("source") / "toychain", tmp_path_factory.mktemp("installed")
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("__pycache__", "test_*"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(target), str(source)], check=True)
    return target


@dataclass(frozen=True)
class Month:
    """A folder with a config, a ledger and a key, and the month that was attested there."""

    folder: Path
    period: str
    urls: tuple[str, str]
    run: Run

    @property
    def publication(self) -> Path:
        return self.folder / "publication" / self.period

    @property
    def private(self) -> Path:
        return self.folder / "private" / self.period

    def bundle(self) -> Path:
        (path,) = self.publication.glob("*.attest.json")
        return path


def a_node(end: datetime, held: dict[str, int]) -> Callable[[str, list[Any]], str]:
    """A chain of three blocks, the second of which is the last before `end`."""
    times = (end - timedelta(hours=2), end - timedelta(minutes=1), end + timedelta(minutes=1))
    headers = [json.dumps({"height": height, "time": int(time.timestamp())}) for height, time in enumerate(times)]
    pinned = sha256(headers[1].encode()).hexdigest()

    def answer(method: str, params: list[Any]) -> str:
        said: Any
        match method, params:
            case "toy_chain", []:
                said = CHAIN
            case "toy_tip", []:
                said = len(headers) - 1
            case "toy_header", [height]:
                said = headers[height].encode().hex()
            case "toy_balance", [block, address] if block == pinned:
                said = held[address]
            case _:
                raise LookupError("no such call")
        return json.dumps(said)

    return answer


@pytest.fixture(scope="module")
def month(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("month")
    end = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    period = f"{end - timedelta(days=1):%Y-%m}"
    environment = {**os.environ, "PYTHONPATH": str(installed), "ATTEST_PASSPHRASE": "a toy passphrase"}

    def run(*arguments: object, plugin: bool = True) -> subprocess.CompletedProcess[str]:
        environ = environment if plugin else {**environment, "PYTHONPATH": ""}
        command = [sys.executable, "-m", "attest", *map(str, arguments)]
        return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)

    with serve(a_node(end, HELD)) as one, serve(a_node(end, HELD)) as two:
        (folder / "attest.toml").write_text(CONFIG.format(one, two))
        (folder / "ledger.csv").write_text("account,asset,balance\nann,TOY,1000.00\nbob,TOY,239.56\n")
        (folder / "keys").mkdir()
        made = run("key", "new", "keys/exchange.pem")
        assert made.returncode == 0, made.stderr
        ran = run("run", "attest.toml", "--period", period)
        assert ran.returncode == 0, ran.stderr
        yield Month(folder, period, (one, two), run)


def test_the_month_is_verified_with_the_figures_of_the_chain(month: Month) -> None:
    ran = month.run("verify", month.bundle(), "--key", month.folder / "keys" / "exchange.pem.pub", "--json")
    document = json.loads(ran.stdout)
    (coverage,) = document["coverage"]
    assert (coverage["owed"], coverage["held"], coverage["checked"]) == ("123956", {"agreed": "123956"}, True)
    assert coverage["rechecked"] == ["agreed"]


def test_the_evidence_is_recomputed_and_a_node_asked_again(month: Month) -> None:
    ran = month.run("evidence", "check", month.private, "--node", f"{CHAIN}={month.urls[0]}")
    assert ran.returncode == 0, ran.stderr
    assert "2 of 2 balances recomputed from their evidence" in ran.stdout
    assert f"says the same of 2 balances of {CHAIN}" in ran.stdout
    shown = month.run("evidence", "show", month.private).stdout
    assert "toy-balance" in shown
    assert "toycold0001" in shown


def test_a_wallet_is_disclosed_to_one_reader(month: Month, tmp_path: Path) -> None:
    out = tmp_path / "cold.disclosed.jsonl"
    ran = month.run("evidence", "disclose", month.private, "cold", "-o", out)
    assert ran.returncode == 0, ran.stderr
    types = {json.loads(line)["record"]["type"] for line in out.read_text().splitlines()}
    assert types == {"toy-header", "nodes", "toy-balance"}


def test_a_changed_balance_fails(month: Month, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(month.publication, folder)
    lines = (folder / "evidence-public.jsonl").read_text()
    assert '"amount":"500"' in lines
    (folder / "evidence-public.jsonl").write_text(lines.replace('"amount":"500"', '"amount":"501"'))
    ran = month.run("evidence", "check", folder)
    assert (ran.returncode, "does not lead to the evidence root" in ran.stderr) == (1, True)


def test_a_node_that_says_another_balance_fails(month: Month) -> None:
    end = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with serve(a_node(end, {**HELD, "toyhot00001": 499})) as url:
        ran = month.run("evidence", "check", month.private, "--node", f"{CHAIN}={url}")
    assert (ran.returncode, "node for toy:7 says 499" in ran.stderr) == (1, True)


def test_without_the_package_the_chain_is_malformed(month: Month) -> None:
    for command in (("run", "attest.toml", "--period", month.period), ("evidence", "check", month.private)):
        ran = month.run(*command, plugin=False)
        assert (ran.returncode, "'toy:7' does not have the form" in ran.stderr) == (3, True)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"TOYcold0001"', '"toyhot00001"', "wallets cold and hot share the account toyhot00001"),
        ('pin = "period-end"', 'utxo_set = "x"', "chain toy:7 has accounts of one coin"),
        ('id = "toy:7"', 'id = "toy:x"', "'toy:x' does not have the form"),
    ],
)
def test_the_config_is_checked_by_the_family(month: Month, before: str, after: str, said: str) -> None:
    text = (month.folder / "attest.toml").read_text()
    assert before in text
    path = month.folder / "changed.toml"
    path.write_text(text.replace(before, after, 1))
    ran = month.run("reserves", "read", path, "--period", month.period, "--out", month.folder / "read")
    assert (ran.returncode, said in ran.stderr) == (3, True), ran.stderr
