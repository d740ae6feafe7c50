"""How long it takes to read and prove Ethereum balances, beside web3's own calls to the same node in the same run.

    python -m tests.bench.reserves 2000 10000

A fresh anvil (tests/install-nodes) holds ETH and an ERC-20 token at every address; tests/bench/bitcoin.py asks a
bitcoind. A reading and a check are whole runs of `attest reserves read` and `attest evidence check` in processes of
their own, but for imports and the config; the proofs of an asset count from its first question to the journal on the
disk. Where several runs are made the best counts. web3 is asked for a sample, and for the token at the block's number:
by its hash a contract's call takes it two requests, and no batches. anvil makes its state trie and every contract's
anew for each eth_getProof, so that what an account's proof takes grows with the number of addresses.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from timeit import repeat
from typing import Any

import requests
from web3 import HTTPProvider, Web3

from attest.chains.ethereum.answers import amounts, at_block
from attest.chains.ethereum.proof import Token, balance_slot, checksum_address
from attest.chains.nodes.rpc import BATCH_SIZE, Call, Node
from attest.demo.nodes import anvil
from tests.nodes.conftest import TOOLS
from tests.nodes.contracts import FIXTURES, deploy

DOLLAR = FIXTURES / "demo/DemoDollar.json"
WEB3_READS = 500
SOME_PROOFS = 100

_READ = """
import json, os, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
import rlp, trie, web3
from attest.wire import Wire
import attest.chains.ethereum.reader, attest.chains.ethereum.token_slot
from attest.exchange.config import Config
from attest.exchange.reading import JOURNAL, write_reserves
from attest.exchange.surroundings import Surroundings
settings, out = Path(sys.argv[1]), Path(sys.argv[2])
config = Config.from_value(json.loads(settings.read_bytes()), what="the config")
journal = out.with_name(out.name + JOURNAL)
sent, reached, send = [], {}, Wire.post
Wire.post = lambda *args, **options: sent.append(1) or send(*args, **options)
def progress(_, done):
    reached[done] = time.monotonic() - started, journal.stat().st_size
started = time.monotonic()
write_reserves(config, "2026-10", out, Surroundings(out.parent, datetime.now(UTC), os.environ, progress=progress))
whole = time.monotonic() - started
(native, _), (both, unshared) = reached[len(config.wallets)], reached[2 * len(config.wallets)]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(dict(
    whole=whole, native=native, token=both - native, unshared=unshared, requests=len(sent), peak=peak
)))
"""

_CHECK = """
import json, sys
from pathlib import Path
from timeit import timeit
import rlp, trie
from attest.verification.evidence.folder import check_evidence, open_evidence
folder, quiet = Path(sys.argv[1]), lambda _: None
whole = lambda: check_evidence(folder, nodes={}, utxo_sets={}, environment={}, tell=quiet, progress=quiet)
opened = open_evidence(folder)
print(json.dumps([timeit(whole, number=1), timeit(lambda: opened.check({}), number=1)]))
"""


class Funded:
    """An anvil with ETH and a token at each of its `addresses`."""

    def __init__(self, url: str, size: int) -> None:
        self.url = url
        self.node = Node("anvil", url)
        self.token = checksum_address(deploy(self.node, DOLLAR, 10**15))
        self.addresses = [checksum_address(f"0x{0xA11CE << 100 | number:040x}") for number in range(size)]
        self.slots = ["0x" + balance_slot(Token(self.token, 0), address).hex() for address in self.addresses]
        self.post([("anvil_setBalance", [at, hex(10**15 + number)]) for number, at in enumerate(self.addresses)])
        self.post([("anvil_setStorageAt", [self.token, at, f"0x{n + 1:064x}"]) for n, at in enumerate(self.slots)])
        self.node.call("evm_mine")
        self.web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 600}))
        block = self.web3.eth.get_block("latest")
        self.block_hash, self.number = bytes(block["hash"]), block["number"]

    def post(self, calls: list[Call]) -> None:
        """Send `calls` in batches, and see no more in the answers than whether they are errors."""
        with requests.Session() as session:
            for start in range(0, len(calls), BATCH_SIZE):
                part = enumerate(calls[start : start + BATCH_SIZE])
                body = [{"jsonrpc": "2.0", "id": i, "method": method, "params": params} for i, (method, params) in part]
                answer = session.post(self.url, json=body, timeout=600).content
                if b'"error"' in answer:
                    raise SystemExit(answer[:300].decode())

    def config(self) -> dict[str, Any]:
        """A config whose wallets are the addresses."""
        chain, node = "eip155:31337", {"name": "anvil", "url": self.url}
        tokens = [{"asset": "DUSD", "contract": self.token}]
        fields = {"chain": chain, "assets": ["ETH", "DUSD"], "purpose": "customer", "storage": "cold"}
        return {
            "entity": {"name": "Bench", "origin": "bench.example"},
            "scope": {"included": ["balances"], "excluded": []},
            "ledger": {"source": "ledger.csv", "time_zone": "UTC"},
            "keys": {"exchange": "key.pem"},
            "assets": [{"asset": "ETH", "decimals": 18}, {"asset": "DUSD", "decimals": 6}],
            "chains": [
                {"id": chain, "native": "ETH", "pin": "latest", "reason": "bench", "tokens": tokens, "nodes": [node]}
            ],
            "wallets": [{"id": f"w{number}", "address": at, **fields} for number, at in enumerate(self.addresses)],
        }


def _rate(count: int, work: Callable[[], object], rounds: int = 3) -> float:
    return count / min(repeat(work, number=1, repeat=rounds))


def reads(chain: Funded) -> Iterator[str]:
    """The lines of the table of reads."""
    contract = chain.web3.eth.contract(address=chain.token, abi=json.loads(DOLLAR.read_bytes())["abi"])
    for asset, at, ask in (
        ("ETH", None, lambda address: chain.web3.eth.get_balance(address, chain.block_hash)),
        ("ERC-20", chain.token, lambda a: contract.functions.balanceOf(a).call(block_identifier=chain.number)),
    ):
        yield _compared(chain, asset, at, ask)


def _compared(chain: Funded, asset: str, at: str | None, ask: Callable[[str], Any]) -> str:
    size, some = len(chain.addresses), chain.addresses[:WEB3_READS]

    def ours() -> list[int]:
        return list(amounts(chain.node, at, chain.addresses, at_block(chain.block_hash)))

    def batches() -> list[int]:
        found: list[Any] = []
        for start in range(0, size, 100):
            with chain.web3.batch_requests() as batch:
                for address in chain.addresses[start : start + 100]:
                    batch.add(ask(address))
                found += batch.execute()
        return found

    if not ours()[: len(some)] == batches()[: len(some)] == [ask(address) for address in some]:
        raise SystemExit("web3 reads other balances")
    fast, batched = _rate(size, ours, 5), _rate(size, batches)
    single = _rate(len(some), lambda: [ask(address) for address in some])
    return (
        f"| {size:,} | {asset} | {fast:,.0f} | {single:,.0f} | {fast / single:.0f} "
        f"| {batched:,.0f} | {fast / batched:.0f} |"
    )


def proofs(chain: Funded, run: dict[str, float]) -> Iterator[str]:
    """The lines of the table of proofs."""
    size, at, block = len(chain.addresses), at_block(chain.block_hash), chain.block_hash
    addresses, slots = chain.addresses[:SOME_PROOFS], chain.slots[:SOME_PROOFS]
    get_proof = chain.web3.eth.get_proof
    native = _rate(len(slots), lambda: chain.post([("eth_getProof", [address, [], at]) for address in addresses]))
    token = _rate(len(slots), lambda: chain.post([("eth_getProof", [chain.token, slots, at])]))
    singly = _rate(len(slots), lambda: [get_proof(address, [], block) for address in addresses], 1)
    slotwise = _rate(len(slots), lambda: [get_proof(chain.token, [slot], block) for slot in slots], 1)
    yield f"| {size:,} | ETH | {size / run['native']:,.0f} | {native:,.0f} | {singly:,.0f} |"
    yield f"| {size:,} | ERC-20 | {size / run['token']:,.0f} | {token:,.0f} | {slotwise:,.0f} |"
    yield f"| {size:,} | both | {2 * size / (run['native'] + run['token']):,.0f} | | |"


def checks(readings: int, folder: Path, run: dict[str, float]) -> str:
    """The line of a reading as a whole and the check of its evidence in `folder`."""
    size = (folder / "evidence.jsonl").stat().st_size
    auditor, alone = _checked(folder)
    (folder / "evidence.jsonl").unlink()
    public, _ = _checked(folder)
    return (
        f"| {readings:,} | {run['whole']:.1f} s | {run['requests']} | {run['peak'] / 2**20:,.0f} MiB "
        f"| {size / readings:,.0f} B | {run['unshared'] / readings:,.0f} B "
        f"| {readings / auditor:,.0f} | {readings / public:,.0f} | {readings / alone:,.0f} |"
    )


def _checked(evidence: Path) -> list[float]:
    """The least seconds of the whole check, and of recomputing the records alone."""
    return [min(seconds) for seconds in zip(*(_python(_CHECK, evidence) for _ in range(3)), strict=True)]


def _python(code: str, *arguments: Path) -> Any:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main(sizes: Iterable[int], rounds: int) -> None:
    """Print the tables."""
    os.environ["PATH"] = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("Balances read a second\n")
    print("| addresses | asset | attest | web3 one by one | attest / web3 | web3 batches of 100 | attest / web3 |")
    print("|---|---|---|---|---|---|---|", flush=True)
    proven, checked = [], []
    for size in sizes:
        with anvil(genesis_time=int(time.time()) - 3600) as url, tempfile.TemporaryDirectory() as work:
            chain, config = Funded(url, size), Path(work, "config.json")
            for line in reads(chain):
                print(line, flush=True)
            config.write_text(json.dumps(chain.config()))
            runs = [_python(_READ, config, Path(work, f"read-{number}")) for number in range(rounds)]
            best = min(runs, key=lambda run: run["whole"])
            proven += proofs(chain, best)
            checked.append(checks(2 * size, Path(work, "read-0"), best))
    print("\nProofs captured a second: by attest, verified and kept; the node's answers alone; web3 one by one\n")
    print("| addresses | asset | attest | node alone | web3 |\n|---|---|---|---|---|")
    print(*proven, sep="\n")
    print(
        "\nA whole reading, two balances an address, the size of its evidence, and balances rechecked offline a second"
    )
    print("\n| balances | reading | requests | peak memory | a balance | nothing shared ", end="")
    print("| rechecked | public edition | proofs alone |\n|---|---|---|---|---|---|---|---|---|")
    print(*checked, sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[2000])
    parser.add_argument("--rounds", type=int, default=2, help="readings of each size, of which the fastest counts")
    options = parser.parse_args()
    main(options.sizes, options.rounds)
