"""A month whose reading was interrupted: a node that failed then counts again when it says the same, and only then."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from attest.chains.nodes.rpc import Node
from attest.demo import exchange as demo
from attest.demo import fixture_path
from attest.demo.recording import recorded_node
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.publishing.finishing import Outcome
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from tests.conftest import NOW, SECRET

CHAINS = {
    "bitcoin": ("own bitcoind", "second bitcoind", "third bitcoind", "scantxoutset"),
    "ethereum": ("own ethereum node", "second ethereum node", "third ethereum node", "eth_getBalance"),
}
VARIABLES = {"bitcoin": "ATTEST_DEMO_BITCOIN_2", "ethereum": "ATTEST_DEMO_ETHEREUM_2"}


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    with (
        demo.recorded_nodes() as environment,
        recorded_node(fixture_path("demo/bitcoin.jsonl")) as bitcoin,
        recorded_node(fixture_path("demo/ethereum.jsonl")) as ethereum,
    ):
        yield {**environment, "THIRD_BITCOIN": bitcoin, "THIRD_ETHEREUM": ethereum}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An exchange that reads three nodes of each chain, of which two must agree; its ledger has a bad row."""
    demo.write_exchange(tmp_path / "x")
    config = tmp_path / "x" / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    for chain, (_, second, third, _) in CHAINS.items():
        row = f'    {{ name = "{second}", url = "${{{VARIABLES[chain]}}}" }},\n]'
        assert row in text
        more = f'    {{ name = "{third}", url = "${{THIRD_{chain.upper()}}}" }},\n]\nagree = 2'
        text = text.replace(row, f"{row[:-1]}{more}")
    config.write_text(text, encoding="utf-8")
    with (tmp_path / "x" / "ledger.csv").open("a", encoding="utf-8") as ledger:
        ledger.write("x,USDX,1\n")
    return tmp_path / "x"


Change = Callable[[Any], Any]


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Change]:
    """What becomes of an answer, by the name of the node and the method."""
    changes: dict[tuple[str, str], Change] = {}
    call, batch = Node.call, Node.batch

    def calling(node: Node, method: str, *params: Any, **options: Any) -> Any:
        answer = call(node, method, *params, **options)
        return changes.get((node.name, method), lambda answer: answer)(answer)

    def batching(node: Node, calls: Any) -> list[Any]:
        answers = batch(node, calls)
        return [
            changes.get((node.name, method), lambda answer: answer)(answer)
            for (method, _), answer in zip(calls, answers, strict=True)
        ]

    monkeypatch.setattr(Node, "call", calling)
    monkeypatch.setattr(Node, "batch", batching)
    return changes


def no_answer(_: Any) -> Any:
    raise UnavailableError("node/unreachable", "node third: no complete answer")


def one_more(answer: Any) -> Any:
    if isinstance(answer, str):
        return hex(int(answer, 16) + 1)
    answer["unspents"].pop()
    answer["total_amount"] = sum((item["amount"] for item in answer["unspents"]), Decimal(0))
    return answer


def run(folder: Path, nodes: dict[str, str]) -> tuple[Outcome, list[str]]:
    told: list[str] = []
    config = read_config(folder / demo.CONFIG_FILE)
    outcome = monthly.run(
        config, demo.PERIOD, Surroundings(folder, NOW, nodes, tell=told.append), MonthInputs(SECRET, lambda _: "")
    )
    return outcome, told


def interrupted(folder: Path, nodes: dict[str, str]) -> None:
    """A run that reads all chains and ends at the ledger, which is mended then."""
    ledger = folder / "ledger.csv"
    with pytest.raises(MalformedError, match="USDX"):
        run(folder, nodes)
    ledger.write_text(ledger.read_text(encoding="utf-8").replace("x,USDX,1\n", ""), encoding="utf-8")
    assert (folder / "private" / f"{demo.PERIOD}.reading").exists()


def agreement(outcome: Outcome, chain: str) -> tuple[list[str], dict[str, str]]:
    lines = (outcome.publication / "evidence-public.jsonl").read_bytes().splitlines()
    (record,) = [
        record
        for record in (json.loads(line).get("record", {}) for line in lines)
        if record.get("type") == "nodes" and record["chain"].startswith("bip122:") == (chain == "bitcoin")
    ]
    return record["agreed"], {item["name"]: item["reason"] for item in record["dropped"]}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_node_that_failed_once_counts_again_when_it_says_the_same_of_what_was_kept(
    chain: str, folder: Path, nodes: dict[str, str], change: dict[tuple[str, str], Change]
) -> None:
    own, second, third, method = CHAINS[chain]
    change[third, method] = no_answer
    interrupted(folder, nodes)
    change.clear()
    outcome, told = run(folder, nodes)
    assert f"node {third} says the same as the others: it counts again" in told
    assert agreement(outcome, chain) == ([own, second, third], {})


@pytest.mark.parametrize("chain", CHAINS)
def test_a_month_is_made_with_a_node_that_failed_before_when_another_one_is_gone(
    chain: str, folder: Path, nodes: dict[str, str], change: dict[tuple[str, str], Change]
) -> None:
    own, second, third, method = CHAINS[chain]
    change[third, method] = no_answer
    interrupted(folder, nodes)
    change.clear()
    first_question = "getblockhash" if chain == "bitcoin" else "eth_chainId"
    change[second, first_question] = no_answer
    outcome, _ = run(folder, nodes)
    assert agreement(outcome, chain) == ([own, third], {second: "node/unreachable"})
    assert outcome.verified.statement.predicate.reserves


@pytest.mark.parametrize("chain", CHAINS)
def test_a_node_that_failed_before_and_says_otherwise_now_stays_out(
    chain: str, folder: Path, nodes: dict[str, str], change: dict[tuple[str, str], Change]
) -> None:
    own, second, third, method = CHAINS[chain]
    change[third, method] = no_answer
    interrupted(folder, nodes)
    change[third, method] = one_more
    outcome, _ = run(folder, nodes)
    agreed, dropped = agreement(outcome, chain)
    assert agreed == [own, second]
    assert dropped[third] in {"nodes/differs", "reread/differs"}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_node_that_differed_before_stays_out_though_it_agrees_now(
    chain: str, folder: Path, nodes: dict[str, str], change: dict[tuple[str, str], Change]
) -> None:
    own, second, third, method = CHAINS[chain]
    change[third, method] = one_more
    interrupted(folder, nodes)
    change.clear()
    outcome, told = run(folder, nodes)
    assert agreement(outcome, chain) == ([own, second], {third: "nodes/differs"})
    assert f"going on without node {third}: node {third} did not agree on what was read before" in told


@pytest.mark.parametrize("chain", CHAINS)
def test_nodes_that_the_config_names_anew_count_when_they_say_the_same(
    chain: str, folder: Path, nodes: dict[str, str]
) -> None:
    interrupted(folder, nodes)
    config = folder / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    for name in CHAINS[chain][:3]:
        text = text.replace(f'"{name}"', f'"new {name}"')
    config.write_text(text, encoding="utf-8")
    outcome, _ = run(folder, nodes)
    assert agreement(outcome, chain) == ([f"new {name}" for name in CHAINS[chain][:3]], {})


@pytest.mark.parametrize("chain", CHAINS)
def test_where_too_few_say_what_was_kept_the_error_names_the_file_and_what_moving_it_costs(
    chain: str, folder: Path, nodes: dict[str, str], change: dict[tuple[str, str], Change]
) -> None:
    interrupted(folder, nodes)
    config = folder / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8")
    own, second, _, method = CHAINS[chain]
    for name in (own, second):
        text = text.replace(f'"{name}"', f'"new {name}"')
        change[f"new {name}", method] = one_more
    config.write_text(text, encoding="utf-8")
    with pytest.raises(AttestError) as caught:
        run(folder, nodes)
    assert not isinstance(caught.value, VerificationError)
    assert caught.value.code == "journal/nodes"
    journal = folder / "private" / f"{demo.PERIOD}.reading"
    assert f"move {journal} away" in str(caught.value.hint)
    assert journal.exists()
