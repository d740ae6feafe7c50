"""Records what real nodes answer to everything that the fuzzers ask of nodes: the files in recorded/.

    PATH=.tools/bin:$PATH python -m tests.fuzz.record

Needs anvil and bitcoind (tests/install-nodes).
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import ExitStack
from pathlib import Path

from attest.chains.ethereum.proof import checksum_address
from attest.chains.nodes.rpc import Node
from attest.demo.funding import fund_bitcoin
from attest.demo.nodes import anvil, bitcoind
from attest.demo.plan import load_plan
from attest.demo.recording import recording_proxy
from tests.conftest import FIXTURES, Exchange, make_exchange
from tests.fuzz.readings import DELEGATING, DUMP, GENESIS, OWNERS, RECORDED, Conversations
from tests.nodes.contracts import call_data, deploy, send
from tests.nodes.safe import deploy_safe
from tests.world.contracts import delegate


def main() -> None:
    """Make the chains, and hold every conversation with their nodes."""
    DUMP.unlink(missing_ok=True)
    for name in ("bitcoin.jsonl", "contracts.jsonl"):
        write(name, [])
    with tempfile.TemporaryDirectory() as folder:
        exchange = make_exchange(Path(folder) / "exchange")
        record_bitcoin(exchange)
        record_contracts(exchange)


def record_bitcoin(exchange: Exchange) -> None:
    """The demo's chain, of which one node has no block filters."""
    with ExitStack() as stack:
        urls = [stack.enter_context(bitcoind(filters=filters)) for filters in (True, True, False)]
        for url in urls:
            fund_bitcoin(Node("bitcoind", url))
        proxies = [RECORDED / f"bitcoin-{number}.jsonl" for number in range(3)]
        with ExitStack() as recording:
            first, second, bare = (
                recording.enter_context(recording_proxy(url, path)) for url, path in zip(urls, proxies, strict=True)
            )
            conversations = Conversations(exchange)
            for name, conversation in conversations.of_bitcoin():
                conversation.read([bare] if "no filters" in name else [first, second][: conversation.nodes])
        height = load_plan().bitcoin.pinned_height
        Node("bitcoind", urls[0]).call("dumptxoutset", str(DUMP), "rollback", {"rollback": height})
        lines = dict.fromkeys(line for path in proxies for line in path.read_text(encoding="utf-8").splitlines())
        for path in proxies:
            path.unlink()
        known = {*(FIXTURES / "demo/bitcoin.jsonl").read_text(encoding="utf-8").splitlines()}
        new = [re.sub(r"/[^\" ]*/(utxo-[^/]*[.]dat)", r"/\1", line) for line in lines if line not in known]
        write("bitcoin.jsonl", new)


def record_contracts(exchange: Exchange) -> None:
    """A chain with a Safe, a wallet of another kind and one by delegation, and tokens of three kinds."""
    with anvil(genesis_time=int(GENESIS.timestamp())) as url:
        node = Node("anvil", url)
        safe = deploy_safe(node, [owner.address for owner in OWNERS], 2)
        wallet = deploy(node, FIXTURES / "contracts/OwnedWallet.json", OWNERS[0].address)
        tokens = {
            "DUSD": deploy(node, FIXTURES / "demo/DemoDollar.json", 10**15),
            "VYD": deploy(node, FIXTURES / "tokens/VyperToken.json"),
            "SHR": deploy(node, FIXTURES / "tokens/ShareToken.json"),
            "unknown": deploy(node, FIXTURES / "demo/DemoDollar.json", 10**15),
        }
        for name in ("DUSD", "unknown"):
            send(node, tokens[name], call_data("transfer(address,uint256)", safe, 5_000_001))
        for name, amount in (("VYD", 99), ("SHR", 1000)):
            send(node, tokens[name], call_data("mint(address,uint256)", safe, amount))
        delegating = delegate(node, DELEGATING, wallet)
        send(node, safe, value=7 * 10**18 + 1)
        for _ in range(70):
            node.call("evm_mine")
        places = {"safe": safe, "wallet": wallet, "delegating": delegating, **tokens}
        about = {name: checksum_address(address) for name, address in places.items()}
        (RECORDED / "contracts.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        path = RECORDED / "contracts.jsonl"
        with recording_proxy(url, path) as proxy:
            for _, conversation in Conversations(exchange).of_contracts():
                conversation.read([proxy])


def write(name: str, lines: list[str]) -> None:
    (RECORDED / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
