"""What commands ask over the network, on loopback: nodes of each chain and a timestamp authority."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NODE_SECRET = "node-secret-77c1b0"  # noqa: S105 (the recorded nodes ask for none)
NODES = ("FAULTS_NODE_1", "FAULTS_NODE_2")
CLOCK = "FAULTS_CLOCK"


@contextmanager
def services(folder: Path) -> Iterator[Mapping[str, str]]:
    """The environment in which commands find the nodes; `folder`/clock.pem is the root of the authority at CLOCK.

    They live in a process of their own: one with threads cannot be forked from.
    """
    reader, writer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if not child:
        try:
            os.close(reader)
            _serve(folder, writer, parent)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        line = pipe.readline()
    try:
        assert line, "the nodes and the clock did not start"
        yield json.loads(line)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _serve(folder: Path, writer: int, parent: int) -> None:
    from attest.demo import fixture_path
    from attest.demo.exchange import BITCOIN_VARIABLES
    from attest.demo.recording import recorded_node, serve
    from tests.world.authority import Authority, make_authority, serving

    made = make_authority(folder / "clock")
    (folder / "clock.pem").write_bytes(made.root)

    @dataclass(frozen=True)
    class OneByOne(Authority):
        """openssl counts in a file."""

        def answer(self, body: bytes) -> bytes:
            with lock:
                return super().answer(body)

    lock = threading.Lock()
    with ExitStack() as stack:
        nodes = {name: stack.enter_context(serve(_recorded())) for name in NODES}
        nodes |= {
            name: stack.enter_context(recorded_node(fixture_path("demo/bitcoin.jsonl"))) for name in BITCOIN_VARIABLES
        }
        clock = stack.enter_context(serving(OneByOne(made.folder, made.root)))
        environment = {name: url.replace("//", f"//harness:{NODE_SECRET}@") for name, url in nodes.items()}
        environment[CLOCK] = clock
        os.write(writer, json.dumps(environment).encode() + b"\n")
        os.close(writer)
        ended = threading.Event()
        while os.getppid() == parent:
            ended.wait(1)


def _recorded() -> Any:
    """The demo's Ethereum chain, which knows at every block that no wallet is a contract."""
    from attest.demo import fixture_path

    results: dict[str, str] = {}
    for line in fixture_path("demo/ethereum.jsonl").read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        results[_key(exchange["method"], exchange["params"])] = exchange["result"]
        if exchange["method"] == "eth_getBlockByNumber":
            number = json.loads(exchange["result"])["number"]
            results[_key("eth_getBlockByNumber", [number, False])] = exchange["result"]

    def answer(method: str, params: list[Any]) -> str:
        if method == "eth_getCode":
            return '"0x"'
        try:
            return results[_key(method, params)]
        except KeyError:
            raise LookupError("this call is not in the recording") from None

    return answer


def _key(method: str, params: list[Any]) -> str:
    return json.dumps([method, params], sort_keys=True)
