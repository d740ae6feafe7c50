"""A real geth on a chain of its own, which a test drives block by block, as a consensus client does (engine API).

geth keeps no keys, mines nothing by itself, and calls a block final when it is told so. A test speaks to it in the
words that anvil has for this. Nothing but blocks changes its chain, and transactions are signed here.
"""

from __future__ import annotations

import atexit
import base64
import hmac
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from eth_account import Account
from eth_utils.crypto import keccak

from attest.chains.nodes.rpc import Call, Node
from attest.demo.nodes import _free_port, _home, _running, _wait

ACCOUNTS = {
    account.address.lower(): account for account in (Account.from_key(keccak(text=f"account {n}")) for n in range(10))
}
CHAIN_ID = 31337
ETHER_OF_EACH = 10_000 * 10**18
GAS_LIMIT = 100_000_000
# anvil's distances from the tip.
SAFE, FINAL = 32, 64
NO_HASH = "0x" + "00" * 32
NOBODY = "0x" + "00" * 20
HEADER_ONLY = False
# Later ones than anvil is started with would add what anvil's blocks have not.
LATEST_FORK = "pragueTime"


class _Block(NamedTuple):
    hash: str
    time: int


def briefly(seconds: float) -> None:
    """Wait for what a node on this machine may say at once: it lags behind nobody."""
    time.sleep(min(seconds, 0.02))


class Geth(Node):
    """A geth with its consensus client, which knows anvil's words for sending, mining and reorganising."""

    def __init__(self, name: str, url: str, engine: Engine) -> None:
        super().__init__(name, url, sleep=briefly)
        self.url = url
        self._engine = engine
        self._waiting: list[str] = []
        self._nonces: dict[str, int] = {}
        genesis = super().call("eth_getBlockByNumber", "0x0", HEADER_ONLY)
        self._blocks = [_Block(genesis["hash"], int(genesis["timestamp"], 16))]

    def call(self, method: str, *params: Any, deadline: float | None = None) -> Any:
        match method:
            case "eth_accounts":
                return list(ACCOUNTS)
            case "eth_sendTransaction":
                return self._send(self._signed(*params))
            case "eth_sendRawTransaction":
                return self._send(*params)
            case "evm_mine":
                return self._mine(*params)
            case "anvil_reorg":
                return self._reorganise(params[0])
        return super().call(method, *params, deadline=deadline)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        if any(method.startswith(("evm_", "eth_send")) for method, _ in calls):
            return [self.call(method, *params) for method, params in calls]
        return super().batch(calls)

    def _signed(self, transaction: dict[str, Any]) -> str:
        sender = transaction["from"].lower()
        if sender not in self._nonces:
            self._nonces[sender] = int(super().call("eth_getTransactionCount", sender, "latest"), 16)
        fields = {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": self._nonces[sender],
            "gas": transaction["gas"],
            "value": transaction.get("value", "0x0"),
            "data": transaction.get("data", "0x"),
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 0,
        }
        to = {"to": bytes.fromhex(transaction["to"][2:])} if "to" in transaction else {}
        signed = ACCOUNTS[sender].sign_transaction(fields | to)
        self._nonces[sender] += 1
        return "0x" + bytes(signed.raw_transaction).hex()

    def _send(self, raw: str) -> str:
        self._waiting.append(raw)
        return "0x" + keccak(hexstr=raw).hex()

    def _mine(self, timestamp: int | None = None) -> str:
        self._append(timestamp or self._blocks[-1].time + 1, self._waiting)
        self._waiting = []
        return "0x0"

    def _reorganise(self, depth: int) -> None:
        """Replace the last blocks by others, without their transactions."""
        del self._blocks[-depth:]
        self._engine.choose(self._blocks[-1].hash, NO_HASH, NO_HASH)
        for _ in range(depth):
            # A second later than in the chain that it replaces: else an empty block would be the same again.
            self._append(self._blocks[-1].time + 2, [])
        self._nonces.clear()

    def _append(self, timestamp: int, transactions: list[str]) -> None:
        attributes = {
            "timestamp": hex(timestamp),
            "prevRandao": NO_HASH,
            "suggestedFeeRecipient": NOBODY,
            "withdrawals": [],
            "parentBeaconBlockRoot": NO_HASH,
        }
        built = super().call("testing_buildBlockV1", self._blocks[-1].hash, attributes, transactions, "0x")
        self._blocks.append(_Block(built["executionPayload"]["blockHash"], timestamp))
        older = [self._blocks[-1 - far].hash if far < len(self._blocks) else NO_HASH for far in (SAFE, FINAL)]
        self._engine.append(built)
        self._engine.choose(self._blocks[-1].hash, *older)


class Engine:
    """The port of a node for its consensus client, which a shared secret opens (JSON Web Token, HS256)."""

    def __init__(self, port: int, secret: bytes) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self._secret = secret

    def close(self) -> None:
        self._connection.close()

    def append(self, built: dict[str, Any]) -> None:
        """Give the node a block that was built."""
        answer = self._call(
            "engine_newPayloadV4", built["executionPayload"], [], NO_HASH, built["executionRequests"] or []
        )
        assert answer["status"] == "VALID", answer

    def choose(self, head: str, safe: str, final: str) -> None:
        """Make these the latest, the safe and the final block; for one that is `NO_HASH`, nothing changes."""
        state = {"headBlockHash": head, "safeBlockHash": safe, "finalizedBlockHash": final}
        answer = self._call("engine_forkchoiceUpdatedV3", state, None)["payloadStatus"]
        assert answer["status"] == "VALID", answer

    def _call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token()}"}
        self._connection.request("POST", "/", body, headers)
        answer = json.loads(self._connection.getresponse().read())
        assert "error" not in answer, (method, answer)
        return answer["result"]

    def _token(self) -> str:
        parts = ({"alg": "HS256", "typ": "JWT"}, {"iat": int(time.time())})
        text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_base64(hmac.digest(self._secret, text.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def geth(*options: str, genesis_time: int) -> Iterator[Geth]:
    """A fresh geth whose genesis has this time, and ether at each of `ACCOUNTS`.

    Raises `UnavailableError` when the program is missing or does not start.
    """
    http, engine, secret = _free_port(), _free_port(), bytes(range(32))
    with _home() as home:
        (home / "secret").write_text(secret.hex())
        arguments = [
            *("--datadir", str(home), "--nodiscover", "--maxpeers", "0", "--port", "0", "--ipcdisable"),
            *("--http", "--http.port", str(http), "--http.api", "eth,net,web3,testing"),
            *("--authrpc.port", str(engine), "--authrpc.jwtsecret", str(home / "secret")),
            # An index of logs would cost more time than the blocks; without it geth searches the blocks themselves.
            *("--syncmode", "full", "--cache", "64", "--nat", "none", "--history.logs.disable"),
            *options,
        ]
        _initialise(home, genesis_time, "hash" if "hash" in options else "path")
        with _running("geth", arguments, home) as process:
            url = f"http://127.0.0.1:{http}"
            _wait("geth", process, url, "eth_chainId", home)
            with closing(Engine(engine, secret)) as driver:
                yield Geth("geth", url, driver)


@cache
def _developers_genesis(program: str) -> bytes:
    """The genesis of the chain for developers that geth carries, with the system contracts of the forks."""
    return subprocess.run([program, "--dev", "dumpgenesis"], check=True, capture_output=True, env={}).stdout


def _initialise(home: Path, genesis_time: int, scheme: str) -> None:
    program = shutil.which("geth")
    if program is not None:  # else it is said where it is started
        shutil.copytree(_initialised(program, genesis_time, scheme), home, dirs_exist_ok=True)


@cache
def _initialised(program: str, genesis_time: int, scheme: str) -> Path:
    """A folder as geth makes it of a genesis, to be copied for each node, because geth takes a second to make it."""
    home = Path(tempfile.mkdtemp(prefix="attest-geth-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    genesis = json.loads(_developers_genesis(program))
    forks = {name: value for name, value in genesis["config"].items() if name.endswith(("Block", "Time"))}
    known = list(forks)[: list(forks).index(LATEST_FORK) + 1]
    genesis["config"] = {
        **{name: value for name, value in genesis["config"].items() if name not in forks or name in known},
        "chainId": CHAIN_ID,
    }
    genesis |= {"timestamp": hex(genesis_time), "gasLimit": hex(GAS_LIMIT)}
    genesis["alloc"] |= {address[2:]: {"balance": hex(ETHER_OF_EACH)} for address in ACCOUNTS}
    (home / "genesis.json").write_text(json.dumps(genesis))
    command = [program, "init", "--state.scheme", scheme, "--datadir", str(home), str(home / "genesis.json")]
    subprocess.run(command, check=True, capture_output=True, env={"HOME": str(home)})
    return home
