"""Starts a real Ethereum and a real Bitcoin node on this machine, alone on loopback, and stops them again."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from attest.chains.nodes.rpc import Node
from attest.errors import UnavailableError

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
_ASK_SECONDS: Final = 1.0
_LAST_WORDS: Final = 400

# `connect=0`, `listen=0` and `networkactive=0` keep the node off the network.
_BITCOIN_CONF: Final = """\
regtest=1
server=1
disablewallet=1
[regtest]
networkactive=0
listen=0
connect=0
dnsseed=0
fixedseeds=0
discover=0
rpcbind=127.0.0.1
rpcallowip=127.0.0.1
rpcport={port}
rpcuser={user}
rpcpassword={password}
txindex=1
blockfilterindex={filters:d}
coinstatsindex=1
"""


@contextmanager
def anvil(*, genesis_time: int) -> Iterator[str]:
    """The URL of a fresh anvil whose genesis block has the timestamp `genesis_time` (seconds since 1970).

    It mines only when told to. Raises `UnavailableError` when the program is missing or does not start.
    """
    port = _free_port()
    # The genesis time and the hard fork enter every block hash; later releases may change their defaults.
    arguments = [
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--timestamp", str(genesis_time), "--hardfork", "prague", "--no-mining"),
    ]
    with _home() as home, _running("anvil", arguments, home) as process:
        url = f"http://127.0.0.1:{port}"
        _wait("anvil", process, url, "eth_chainId", home)
        yield url


@contextmanager
def bitcoind(*options: str, filters: bool = True, folder: Path | None = None) -> Iterator[str]:
    """The URL, with user and password, of a bitcoind on a regtest chain, with or without block filters.

    Its data is in `folder`, which may hold an earlier one's, or in an empty folder that is deleted afterwards.
    `options` are more of bitcoind's own. Raises `UnavailableError` when the program is missing or does not start.
    """
    port, user, password = _free_port(), "attest", secrets.token_urlsafe(24)
    with _home() if folder is None else nullcontext(folder) as home:
        conf = home / "bitcoin.conf"
        conf.touch(mode=0o600)
        conf.write_text(_BITCOIN_CONF.format(port=port, user=user, password=password, filters=filters))
        with _running("bitcoind", [f"-datadir={home}", *options], home) as process:
            url = f"http://{user}:{password}@127.0.0.1:{port}"
            _wait("bitcoind", process, url, "getblockchaininfo", home)
            yield url


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="attest-demo-") as directory:
        yield Path(directory)


@contextmanager
def _running(program: str, arguments: Sequence[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    path = shutil.which(program)
    if path is None:
        raise UnavailableError(
            "demo/program-missing",
            f"{program} was not found",
            hint="run tests/install-nodes in a clone of the repository and put its .tools/bin on PATH, "
            f"or install {program} yourself",
        )
    # HOME, because anvil writes there; nothing else of the environment, because it could change the chain.
    environment = {"HOME": str(home), "PATH": os.environ.get("PATH", os.defpath)}
    try:
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                [path, *arguments],
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches only us; we stop the node when we are done with it.
                start_new_session=True,
            )
    except OSError as error:
        raise _failed(program, f"could not be started ({error.strerror})", home) from None
    try:
        yield process
        if process.poll() is not None:
            raise _failed(program, "ended before it was stopped", home)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(program: str, process: subprocess.Popen[bytes], url: str, question: str, home: Path) -> None:
    node = Node(program, url, deadline=_ASK_SECONDS)
    end = time.monotonic() + _START_SECONDS
    answered = False
    while not answered:
        try:
            node.call(question)
            answered = True
        except UnavailableError:
            time.sleep(0.05)
        # Asked after an answer too: another process may have taken the port first and be the one that answers.
        if process.poll() is not None:
            raise _failed(program, f"ended with status {process.returncode} while starting", home)
        if not answered and time.monotonic() >= end:
            raise _failed(program, f"did not answer within {_START_SECONDS:.0f} s", home)


def _failed(program: str, what: str, home: Path) -> UnavailableError:
    log = home / "log"
    text = log.read_text(errors="replace")[-_LAST_WORDS:].strip() if log.exists() else ""
    return UnavailableError(
        "demo/program-failed",
        f"{program} {what}" + (f"; its last words: {text}" if text else ""),
        hint=f"try `{program} --version`; tests/install-nodes installs a version that works",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
