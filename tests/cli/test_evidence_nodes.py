"""`attest evidence check --node`: a node is asked again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from attest.demo import exchange as demo
from attest.errors import UnavailableError
from attest.verification.anchors import Sources
from tests.cli.conftest import BITCOIN, ETHEREUM, replace, supple_node
from tests.conftest import Exchange
from tests.world.recorded import Change, lying_url


def test_nodes_are_asked_again(attest: Any, public: Path, nodes: dict[str, str]) -> None:
    ethereum = f"{ETHEREUM}=${{{demo.ETHEREUM_VARIABLES[0]}}}"
    one = attest("evidence", "check", public, "--node", ethereum)
    assert one.code == 0
    assert f"VERIFIED: node for {ETHEREUM} says the same of 6 balances of {ETHEREUM}" in one.out
    # What was not asked is not passed off as asked.
    assert (
        f"NOT CHECKED: the word of the nodes for what is agreed or single on {BITCOIN}; --node asks another" in one.out
    )
    assert f"NOT CHECKED: whether the pinned blocks are on their chains: {BITCOIN}\n" in one.out
    with supple_node("bitcoin") as url:
        both = attest("evidence", "check", public, "--node", f"{BITCOIN}={url}", "--node", ethereum, "--json")
    assert (both.code, both.err) == (0, "")
    assert both.document["nodes"] == [
        {"chain": BITCOIN, "node": f"for {BITCOIN}", "balances": 4},
        {"chain": ETHEREUM, "node": f"for {ETHEREUM}", "balances": 6},
    ]
    assert both.document["not_checked"] == ["the signatures, which attest verify checks"]
    assert nodes[demo.ETHEREUM_VARIABLES[0]] not in one.out + one.err


def plus_one(_: Any, result: str) -> str:
    return hex(int(result, 16) + 1)


def spent(unspents: Any) -> None:
    unspents.pop()


def smaller(unspents: Any) -> None:
    unspents[0]["amount"] -= Decimal("0.00000001")


def more(unspents: Any) -> None:
    unspents.append({**unspents[0], "vout": 7})


LIES: dict[str, tuple[Change | None, Callable[[Any], None] | None, str]] = {
    "a balance": (
        plus_one,
        None,
        f"record 3: node for {ETHEREUM} says 5900123456789012345680 for ETH of wallet eth-cold",
    ),
    "an output that was spent": (None, spent, f"node for {BITCOIN} lists other outputs of the script "),
    "an output's amount": (None, smaller, f"node for {BITCOIN} lists other outputs of the script "),
    "an output too many": (None, more, f"node for {BITCOIN} lists other outputs of the script "),
}


@pytest.mark.parametrize("case", LIES)
def test_a_node_that_says_something_else_is_told_with_the_record(case: str, attest: Any, public: Path) -> None:
    balance, scan, told = LIES[case]
    if balance is not None:
        with lying_url("ethereum", eth_getBalance=balance) as url:
            ran = attest("evidence", "check", public, "--node", f"{ETHEREUM}={url}")
    else:
        assert scan is not None
        with supple_node("bitcoin", scan) as url:
            ran = attest("evidence", "check", public, "--node", f"{BITCOIN}={url}")
    assert (ran.code, ran.out, told in ran.err) == (1, "", True)
    assert ran.err.startswith("attest: error: record ")


def test_a_node_on_whose_chain_the_block_was_replaced_is_told(attest: Any, public: Path) -> None:
    def replaced(params: Any, answer: str) -> str:
        return answer if params == [0] else "22" * 32

    with lying_url("bitcoin", getblockhash=replaced) as url:
        ran = attest("evidence", "check", public, "--node", f"{BITCOIN}={url}")
    assert ran.code == 1
    assert f"node for {BITCOIN} has another block than the recorded one at height 144" in ran.err
    assert "run again" not in ran.err  # it is not the reader who could


def test_a_node_of_another_chain_is_told_though_it_has_the_block(attest: Any, public: Path) -> None:
    with lying_url("ethereum", eth_chainId=lambda *_: "0x1") as url:
        ran = attest("evidence", "check", public, "--node", f"{ETHEREUM}={url}")
    assert (ran.code, f"node for {ETHEREUM} is on chain 1, not on 31337" in ran.err) == (1, True)


@pytest.mark.usefixtures("supple_nodes")
def test_a_wallet_without_outputs_names_nothing_to_ask_a_bitcoin_node_for(
    attest: Any, config: Path, tmp_path: Path
) -> None:
    replace(config, 'address = "bcrt1qscrclmhmmchke3xps453jyhhqq2n2wgz6rejc6"', f'address = "{UNUSED}"')
    assert attest("reserves", "read", config, "--period", "2026-10", "-o", tmp_path / "read").code == 0
    node = f"{BITCOIN}=${{{demo.BITCOIN_VARIABLES[0]}}}"
    ran = attest("evidence", "check", tmp_path / "read", "--node", node)
    assert (ran.code, "10 of 10 balances recomputed" in ran.out) == (0, True)
    assert f"node for {BITCOIN} says the same of 3 balances" in ran.out


UNUSED = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"
SPELLINGS = {
    "no url": ([f"--node={ETHEREUM}"], 2, "takes CHAIN="),
    "an empty url": ([f"--node={ETHEREUM}="], 2, "takes CHAIN="),
    "no chain": (["--node==https://node.example"], 2, "takes CHAIN="),
    "a chain twice": ([f"--node={ETHEREUM}=https://a.example", f"--node={ETHEREUM}=https://b.example"], 2, "twice"),
    "no pinned chain": (["--node=eip155:1=https://a.example"], 3, "'eip155:1' is not a pinned chain"),
    "no scheme": ([f"--node={ETHEREUM}=127.0.0.1:8545"], 3, "not http(s)"),
    "a file": ([f"--node={ETHEREUM}=file:///etc/passwd"], 3, "not http(s)"),
    "plain http elsewhere": ([f"--node={ETHEREUM}=http://user:pw@node.example"], 3, "plain http"),
    "a variable that is not set": ([f"--node={ETHEREUM}=${{NO_SUCH_NODE}}"], 4, "NO_SUCH_NODE is not set"),
    "a dump of an EVM chain": ([f"--utxo-set={ETHEREUM}=x"], 3, "not a known Bitcoin"),
    "a dump that is not there": ([f"--utxo-set={BITCOIN}=x"], 4, "cannot read x"),
    "a dump without a name": ([f"--utxo-set={BITCOIN}"], 2, "takes CHAIN="),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_a_node_or_dump_that_cannot_be_meant_is_told(
    case: str, attest: Any, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, code, told = SPELLINGS[case]
    ran = attest("evidence", "check", public, *arguments)
    assert (ran.code, told in ran.err, "VERIFIED" in ran.out) == (code, True, False)
    assert "pw@" not in ran.err
    as_json = attest("evidence", "check", public, *arguments, "--json")
    assert (as_json.code, as_json.err, told in as_json.document["error"]["message"]) == (code, "", True)


def verify(attest: Any, public: Path, exchange: Exchange, *options: str) -> tuple[int, Any]:
    ran = attest(
        "verify",
        public / "2026-10.attest.json",
        "--key",
        exchange.folder / demo.PUBLIC_KEY_FILE,
        *(part for option in options for part in ("--node", option)),
        "--json",
    )
    return ran.code, ran.document


def test_verify_asks_the_nodes_of_every_chain_in_step_12(
    attest: Any, public: Path, exchange: Exchange, nodes: dict[str, str]
) -> None:
    ethereum = f"{ETHEREUM}=${{{demo.ETHEREUM_VARIABLES[0]}}}"
    with supple_node("bitcoin") as url:
        code, both = verify(attest, public, exchange, f"{BITCOIN}={url}", ethereum)
    assert (code, both["steps"][12]["status"]) == (0, "VERIFIED")
    assert (
        f"the node for {BITCOIN} has the pinned block, and says the same of 4 balances" in both["steps"][12]["detail"]
    )
    code, one = verify(attest, public, exchange, ethereum)
    assert (code, one["steps"][12]["status"]) == (0, "NOT CHECKED")
    assert one["steps"][12]["detail"].endswith(f"no node was asked about {BITCOIN}")
    assert nodes


def test_verify_names_the_chains_whose_blocks_nobody_checked(
    attest: Any, public: Path, exchange: Exchange, nodes: dict[str, str]
) -> None:
    command = ("verify", public / "2026-10.attest.json", "--key", exchange.folder / demo.PUBLIC_KEY_FILE)
    ethereum = f"{ETHEREUM}=${{{demo.ETHEREUM_VARIABLES[0]}}}"
    assert "Nobody checked here that these blocks are on their chains: ask" in attest(*command).out
    one = attest(*command, "--node", ethereum).out
    assert f"Nobody checked here that the block of {BITCOIN} is on its chain: ask" in one
    with supple_node("bitcoin") as url:
        both = attest(*command, "--node", f"{BITCOIN}={url}", "--node", ethereum).out
    assert "Your nodes have these blocks on their chains." in both
    assert nodes


def test_a_node_that_says_something_else_fails_step_12(attest: Any, public: Path, exchange: Exchange) -> None:
    with lying_url("ethereum", eth_getBalance=plus_one) as url:
        code, found = verify(attest, public, exchange, f"{ETHEREUM}={url}")
    assert (code, found["steps"][-1]["number"], found["steps"][-1]["status"]) == (1, 12, "FAILED")
    assert found["error"]["message"].startswith("record 3: ")


def test_a_node_that_does_not_answer_leaves_step_12_open(attest: Any, public: Path, exchange: Exchange) -> None:
    def silent(*_: Any) -> Any:
        raise UnavailableError("node/unreachable", "the node does not answer")

    step = exchange.verify(sources=Sources(exchange.files.get, ask=silent)).step("nodes")
    assert (step.status, step.detail) == ("NOT CHECKED", "the node does not answer")
    code, found = verify(attest, public, exchange, "eip155:5=http://127.0.0.1:1")
    assert (code, found["error"]["code"]) == (3, "evidence/chain")
