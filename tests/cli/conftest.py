"""The command line, called in this process, and recorded nodes that also answer what other registers ask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from attest.cli import main
from attest.demo import exchange as demo
from attest.demo.recording import serve
from tests.reserves.conftest import DEMO, decimal_text


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
        if method == "scanblocks":
            return decimal_text(recorded(method))
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
