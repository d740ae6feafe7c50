"""The command line called in this process, folders to try it on, and nodes that answer what other registers ask."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from attest.canonical import dumps
from attest.cli import main
from attest.demo import exchange as demo
from attest.demo.recording import serve
from tests.conftest import Exchange
from tests.world.recorded import DEMO, decimal_text

BITCOIN, ETHEREUM = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:31337"
PUBLIC, AUDITOR = "evidence-public.jsonl", "evidence.jsonl"
COLD, HOT = "0x9022460B384C599738D8558330EbDCdD583d7d02", "0xbE7d4c1aBc7B1075C3e3A041035E8f4e384a0012"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def attest(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(int(exited.value.code or 0), out, err)

    return run


@contextmanager
def supple_node(name: str, unspents: Callable[[Any], object] = lambda _: None) -> Iterator[str]:
    """The URL of the recorded node `name`, which scans and proves any part of what it was recorded with.

    `unspents` changes the outputs that a scan finds.
    """
    results = {}
    for line in (DEMO / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        results[json.dumps([exchange["method"], exchange["params"]])] = exchange["result"]

    def recorded(*start: Any) -> Any:
        """The last answer to a call that begins so."""
        beginning = json.dumps(list(start))[:-1].rstrip("]")
        return json.loads([text for key, text in results.items() if key.startswith(beginning)][-1], parse_float=Decimal)

    def answer(method: str, params: list[Any]) -> str:
        if method == "scantxoutset":
            scan = recorded(method)
            found = [item for item in scan["unspents"] if f"raw({item['scriptPubKey']})" in params[1]]
            unspents(found)
            total = sum((item["amount"] for item in found), Decimal(0))
            return decimal_text({**scan, "unspents": found, "total_amount": total})
        if method == "eth_getProof" and params[1]:
            proof = recorded(method, [params[0]])
            slots = [item for item in proof["storageProof"] if item["key"] in params[1]]
            return json.dumps({**proof, "storageProof": slots})
        return str(results[json.dumps([method, params])])

    with serve(answer) as url:
        yield url


@pytest.fixture
def supple_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nodes that the environment names, for registers other than the recorded one."""
    with ExitStack() as stack:
        for name, variables in (("bitcoin", demo.BITCOIN_VARIABLES), ("ethereum", demo.ETHEREUM_VARIABLES)):
            for variable in variables:
                monkeypatch.setenv(variable, stack.enter_context(supple_node(name)))
        yield


@pytest.fixture
def private(exchange: Exchange, tmp_path: Path) -> Path:
    shutil.copytree(exchange.outcome.private, tmp_path / "private", ignore=shutil.ignore_patterns("liabilities"))
    return tmp_path / "private"


@pytest.fixture
def public(exchange: Exchange, tmp_path: Path) -> Path:
    shutil.copytree(exchange.outcome.publication, tmp_path / "public")
    return tmp_path / "public"


@pytest.fixture(scope="module")
def urls() -> Iterator[dict[str, str]]:
    with demo.recorded_nodes() as environment:
        yield environment


@pytest.fixture
def nodes(urls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, url in urls.items():
        monkeypatch.setenv(name, url)
    return urls


@pytest.fixture
def config(tmp_path: Path) -> Path:
    demo.write_exchange(tmp_path / "x")
    return tmp_path / "x" / demo.CONFIG_FILE


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def nudged(value: Any) -> Any:
    """Another value of the same form."""
    if isinstance(value, int):
        return value + 1
    for digits in ("0123456789", "0123456789abcdef"):
        if set(value.removeprefix("0x").lower()) <= set(digits):
            return value[:-1] + digits[(digits.index(value[-1].lower()) + 1) % len(digits)]
    return value[:-1] + chr(ord(value[-1]) ^ 1)


def change(path: Path, row: int, steps: tuple[str | int, ...]) -> None:
    """Change the value at `steps` in a row of a file, which stays in canonical form."""
    lines = path.read_bytes().splitlines(keepends=True)
    value = target = json.loads(lines[row])
    for step in steps[:-1]:
        target = target[step]
    target[steps[-1]] = nudged(target[steps[-1]])
    lines[row] = dumps(value) + b"\n"
    path.write_bytes(b"".join(lines))


def balances(attest: Any, folder: Path) -> tuple[int, int]:
    document = attest("evidence", "check", folder, "--json").document
    return document["balances"], document["records"]
