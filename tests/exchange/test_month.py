from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.statement import parse_statement
from attest.canonical import dumps
from attest.chains.nodes.rpc import Node
from attest.chains.pins import PinLostError
from attest.demo import exchange as demo
from attest.demo import fixture_path
from attest.demo.plan import load_plan
from attest.demo.recording import recorded_node
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.publishing.finishing import Outcome
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from tests.conftest import NOW, SECRET, Exchange, prove_account


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    with demo.recorded_nodes() as environment:
        yield environment


INPUTS = MonthInputs(SECRET, passphrase=lambda _: "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    demo.write_exchange(tmp_path / "x")
    return tmp_path / "x"


def run(
    folder: Path,
    nodes: dict[str, str],
    period: str = demo.PERIOD,
    *,
    now: datetime = NOW,
    tell: Callable[[str], None] = lambda _: None,
    inputs: MonthInputs = INPUTS,
) -> Outcome:
    around = Surroundings(folder, now, nodes, tell)
    return monthly.run(read_config(folder / demo.CONFIG_FILE), period, around, inputs)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def copy_documents(folder: Path) -> None:
    """Let the next month have documents, those of this one."""
    for path in (folder / "documents").iterdir():
        shutil.copy(path, path.with_name(path.name.replace("2026-10", "2026-11")))


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_coverage_equals_an_independent_sum_of_ledger_and_funded_wallets(exchange: Exchange) -> None:
    with (exchange.folder / "ledger.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    owed: dict[str, Decimal] = {}
    for row in rows:
        owed[row["asset"]] = owed.get(row["asset"], Decimal(0)) + max(Decimal(row["balance"]), Decimal(0))
    plan = load_plan()
    held = {"BTC": 0, "ETH": 0, "DUSD": 0, "JPY": 850_000_000}
    for wallet in plan.bitcoin.wallets:
        held["BTC"] += wallet.amount if wallet.purpose == "customer" else 0
    for account in plan.ethereum.wallets:
        held["ETH"] += account.eth if account.purpose == "customer" else 0
        held["DUSD"] += account.dusd if account.purpose == "customer" else 0
    coverage = exchange.outcome.verified.coverage
    assert {item.asset: Decimal(item.owed).scaleb(-item.decimals) for item in coverage} == owed
    assert {item.asset: item.held_total for item in coverage} == held
    assert {item.asset: list(item.held) for item in coverage} == {
        "BTC": ["agreed"],
        "ETH": ["proven"],
        "DUSD": ["proven"],
        "JPY": ["declared"],
    }
    assert len({row["account"] for row in rows}) == 1000


def test_negative_balances_are_disclosed_and_not_netted(exchange: Exchange) -> None:
    trees = {tree.asset: tree for tree in exchange.outcome.verified.statement.predicate.liabilities.trees}
    assert (trees["JPY"].negative_accounts, trees["JPY"].negative_total) == (1, 12500)
    assert (trees["BTC"].negative_accounts, trees["BTC"].negative_total) == (0, 0)


def test_the_publication_leaks_no_account_no_secret_and_no_descriptor(exchange: Exchange) -> None:
    published = b"".join(exchange.files.values())
    published += exchange.payload
    with (exchange.folder / "ledger.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row["account"].encode() not in published
    assert SECRET.hex().encode() not in published
    assert b"tpub" not in published
    assert b"tpub" in (exchange.outcome.private / "evidence.jsonl").read_bytes()


def test_private_files_are_for_their_owner_alone(exchange: Exchange) -> None:
    private = exchange.outcome.private
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert sorted(path.name for path in private.iterdir()) == [
        "evidence.jsonl",
        "liabilities",
        "reserves.json",
        "statement.json",
    ]
    assert stat.S_IMODE((private / "liabilities").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in private.rglob("*") if path.is_file()} == {0o600}


def test_the_pins_are_those_of_the_chains_at_the_end_of_the_month(exchange: Exchange) -> None:
    predicate = exchange.outcome.verified.statement.predicate
    assert predicate.snapshot_at == datetime(2026, 10, 31, 15, tzinfo=UTC)
    plan = load_plan()
    bitcoin, ethereum = predicate.chains
    assert (bitcoin.height, bitcoin.time) == (plan.bitcoin.pinned_height, plan.bitcoin.pinned_time)
    assert (ethereum.height, ethereum.time) == (plan.ethereum.pinned_height, plan.ethereum.pinned_time)


def test_a_hidden_wallet_and_document_stay_with_the_auditor(folder: Path, nodes: dict[str, str]) -> None:
    replace(folder / "attest.toml", 'id = "eth-cold"', 'id = "eth-cold"\npublic = false')
    replace(folder / "attest.toml", 'institution = "Demo', 'public = false\ninstitution = "Demo')
    outcome = run(folder, nodes)
    published = (outcome.publication / "evidence-public.jsonl").read_bytes()
    assert b"eth-cold" not in published
    assert b"Trust Bank" not in published
    assert b"eth-hot" in published
    public = [json.loads(line)["index"] for line in published.splitlines()]
    assert len(public) == outcome.verified.statement.predicate.evidence.count - 6


def test_the_next_month_names_this_one(folder: Path, nodes: dict[str, str]) -> None:
    first = run(folder, nodes)
    copy_documents(folder)
    # The recorded nodes know the end of October only.
    replace(
        folder / "attest.toml",
        'native = "BTC"\npin = "period-end"',
        'native = "BTC"\npin = { height = 144 }\nreason = "drill"',
    )
    replace(
        folder / "attest.toml",
        'native = "ETH"\npin = "period-end"',
        'native = "ETH"\npin = { height = 100 }\nreason = "drill"',
    )
    second = run(folder, nodes, period="2026-11", now=datetime(2026, 12, 2, tzinfo=UTC))
    predicate = second.verified.statement.predicate
    assert (predicate.sequence, predicate.previous) == (1, first.verified.digest)
    assert second.verified.step("previous").status == "VERIFIED"


def test_a_published_month_is_not_replaced_and_months_are_published_in_order(
    folder: Path, nodes: dict[str, str]
) -> None:
    run(folder, nodes)
    before = contents(folder)
    with pytest.raises(UnavailableError, match="exists"):
        run(folder, nodes)
    with pytest.raises(MalformedError, match="2026-10 is already published"):
        run(folder, nodes, period="2026-09")
    assert contents(folder) == before


def test_a_month_after_one_that_another_key_signed_is_refused(folder: Path, nodes: dict[str, str]) -> None:
    outcome = run(folder, nodes)
    bundle = json.loads(outcome.bundle.read_bytes())
    bundle["envelope"]["signatures"][0]["keyid"] = "00" * 32
    outcome.bundle.write_text(json.dumps(bundle))
    with pytest.raises(VerificationError, match="not signed by this exchange's key"):
        run(folder, nodes, period="2026-11", now=datetime(2026, 12, 2, tzinfo=UTC))


def test_a_month_after_one_of_another_origin_is_refused(folder: Path, nodes: dict[str, str]) -> None:
    run(folder, nodes)
    replace(folder / "attest.toml", 'origin = "exchange.example"', 'origin = "other.example"')
    with pytest.raises(VerificationError, match=r"is of exchange\.example, not of other\.example"):
        run(folder, nodes, period="2026-11", now=datetime(2026, 12, 2, tzinfo=UTC))


def test_a_month_that_has_not_ended_cannot_be_attested(folder: Path, nodes: dict[str, str]) -> None:
    with pytest.raises(MalformedError, match="has not ended"):
        run(folder, nodes, period="2026-11")


def test_the_chains_are_not_read_for_a_month_that_has_not_ended(folder: Path, nodes: dict[str, str]) -> None:
    before = contents(folder)
    end = datetime(2026, 10, 31, 15, tzinfo=UTC)
    config = read_config(folder / demo.CONFIG_FILE)
    early = Surroundings(folder, end - timedelta(seconds=1), nodes)
    with pytest.raises(MalformedError, match="2026-10 has not ended yet in Asia/Tokyo"):
        write_reserves(config, demo.PERIOD, folder / "read", early)
    assert contents(folder) == before
    write_reserves(config, demo.PERIOD, folder / "read", Surroundings(folder, end, nodes))


SPOILED = {
    "a bad ledger row": (lambda f: replace(f / "ledger.csv", "account,asset,balance", "account,balance"), "ledger.csv"),
    "no ledger": (lambda f: (f / "ledger.csv").unlink(), "ledger.csv"),
    "no key": (lambda f: (f / "keys" / "exchange.pem").unlink(), "there is no key"),
    "no bank document": (lambda f: (f / "documents" / "trust-2026-10.txt").unlink(), "trust-2026-10.txt"),
    "an amount that is none": (lambda f: replace(f / "attest.toml", '"850000000"', '"850,000,000"'), "Demo Trust Bank"),
    "yen with a fraction": (lambda f: replace(f / "attest.toml", '"850000000"', '"850000000.5"'), "Demo Trust Bank"),
    "negative money": (lambda f: replace(f / "attest.toml", '"850000000"', '"-1"'), "Demo Trust Bank"),
    "an asset nobody declared": (
        lambda f: replace(f / "ledger.csv", "hanako@example.jp,DUSD,", "hanako@example.jp,USDX,"),
        "'USDX'",
    ),
    "a wallet the node was not asked for": (
        lambda f: replace(
            f / "attest.toml",
            "bcrt1qscrclmhmmchke3xps453jyhhqq2n2wgz6rejc6",
            "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
        ),
        "own bitcoind",
    ),
    "a mistyped address": (
        lambda f: replace(f / "attest.toml", "0x9022460B384C", "0x9022460b384C"),
        "EIP-55",
    ),
}


JOURNAL = {"private", "private/2026-10.reading"}


@pytest.mark.parametrize("case", SPOILED)
def test_an_error_says_what_is_wrong_and_leaves_nothing_behind_but_what_was_read(
    case: str, folder: Path, nodes: dict[str, str]
) -> None:
    spoil, named = SPOILED[case]
    spoil(folder)
    before = contents(folder)
    with pytest.raises(AttestError) as caught:
        run(folder, nodes)
    assert named in caught.value.message
    assert contents(folder) - before in (set(), JOURNAL)


def test_a_run_that_failed_goes_on_at_the_same_blocks_without_reading_again(
    folder: Path, nodes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = folder / "ledger.csv"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + b"x,USDX,1\n")
    told: list[str] = []
    with pytest.raises(MalformedError, match="USDX"):
        run(folder, nodes, tell=told.append)
    assert any("are kept in" in text for text in told)
    assert stat.S_IMODE((folder / "private" / "2026-10.reading").stat().st_mode) == 0o600
    ledger.write_bytes(whole)
    asked: list[str] = []
    answer = Node.call

    def listening(node: Node, method: str, *params: Any, **options: Any) -> Any:
        asked.append(method)
        return answer(node, method, *params, **options)

    monkeypatch.setattr(Node, "call", listening)
    outcome = run(folder, nodes, tell=told.append)
    assert any("going on with an unfinished reading at block 144" in text for text in told)
    assert not {"scantxoutset", "eth_getProof"} & set(asked)
    assert [item.met for item in outcome.verified.coverage] == [True] * 4
    assert not (folder / "private" / "2026-10.reading").exists()


@pytest.mark.parametrize("method", ["scantxoutset", "eth_getBalance", "eth_getProof", "eth_call"])
def test_a_run_that_failed_while_reading_reads_the_rest_the_next_time(
    method: str, folder: Path, nodes: dict[str, str], exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, batch = Node.call, Node.batch

    def refused(node: Node) -> UnavailableError:
        return UnavailableError("node/unreachable", f"node {node.name} is down")

    def calling(node: Node, asked: str, *params: Any, **options: Any) -> Any:
        if asked == method:
            raise refused(node)
        return call(node, asked, *params, **options)

    def batching(node: Node, calls: Any) -> Any:
        if any(asked == method for asked, _ in calls):
            raise refused(node)
        return batch(node, calls)

    with monkeypatch.context() as patch:
        patch.setattr(Node, "call", calling)
        patch.setattr(Node, "batch", batching)
        with pytest.raises(UnavailableError, match="is down"):
            run(folder, nodes)
    assert (folder / "private" / "2026-10.reading").exists()
    outcome = run(folder, nodes)
    assert outcome.verified.statement.predicate.reserves == exchange.outcome.verified.statement.predicate.reserves
    assert outcome.verified.statement.predicate.evidence.count == 34


def test_a_node_that_differed_before_a_run_failed_is_not_said_to_have_agreed(
    folder: Path, nodes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    second = '    { name = "second bitcoind", url = "${ATTEST_DEMO_BITCOIN_2}" },\n'
    third = '    { name = "third bitcoind", url = "${THIRD}" },\n'
    replace(folder / "attest.toml", f"{second}]", f"{second}{third}]\nagree = 2")
    ledger = folder / "ledger.csv"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + b"x,USDX,1\n")
    call = Node.call

    def lying(node: Node, method: str, *params: Any, **options: Any) -> Any:
        answer = call(node, method, *params, **options)
        if node.name == "third bitcoind" and method == "scantxoutset":
            dropped = answer["unspents"].pop()
            answer["total_amount"] -= dropped["amount"]
        return answer

    told: list[str] = []
    with recorded_node(fixture_path("demo/bitcoin.jsonl")) as url:
        environment = {**nodes, "THIRD": url}
        with monkeypatch.context() as patch:
            patch.setattr(Node, "call", lying)
            with pytest.raises(MalformedError, match="USDX"):
                run(folder, environment)
        ledger.write_bytes(whole)
        outcome = run(folder, environment, tell=told.append)
    assert "going on without node third bitcoind: node third bitcoind did not agree on what was read before" in told
    lines = (outcome.publication / "evidence-public.jsonl").read_bytes().splitlines()
    (agreement,) = [
        record
        for record in (json.loads(line)["record"] for line in lines)
        if record["type"] == "nodes" and record["chain"].startswith("bip122:")
    ]
    assert agreement["agreed"] == ["own bitcoind", "second bitcoind"]
    assert agreement["dropped"] == [{"name": "third bitcoind", "reason": "nodes/differs"}]


def replaced_after(moment: str, patch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A listener; once it is told of the `moment`, every node has another block at the height of the Bitcoin pin."""
    call = Node.call
    told: list[str] = []

    def calling(node: Node, method: str, *params: Any, **options: Any) -> Any:
        if any(moment in text for text in told) and (method, params) == ("getblockhash", (144,)):
            return "22" * 32
        return call(node, method, *params, **options)

    patch.setattr(Node, "call", calling)
    return told.append


@pytest.mark.parametrize("moment", ["going on with an unfinished", "seeing that the pinned blocks"])
def test_what_was_read_at_a_block_that_was_replaced_is_not_kept(
    moment: str, folder: Path, nodes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = folder / "ledger.csv"
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + b"x,USDX,1\n")
    with pytest.raises(MalformedError, match="USDX"):
        run(folder, nodes)
    ledger.write_bytes(whole)
    before = contents(folder)
    with monkeypatch.context() as patch:
        tell = replaced_after(moment, patch)
        with pytest.raises(PinLostError, match="replaced the pinned block 144"):
            run(folder, nodes, tell=tell)
    assert before - contents(folder) == {"private/2026-10.reading"}
    assert run(folder, nodes).verified.statement.predicate.chains[0].height == 144


@pytest.mark.parametrize("other", ["127.0.0.1:{port}", "localhost:{port}", "user:pw@LOCALHOST:{port}/"])
def test_a_node_does_not_agree_with_itself_under_another_name(other: str, folder: Path, nodes: dict[str, str]) -> None:
    before = contents(folder)
    port = nodes["ATTEST_DEMO_ETHEREUM"].rpartition(":")[2]
    twice = {**nodes, "ATTEST_DEMO_ETHEREUM_2": "http://" + other.format(port=port)}
    with pytest.raises(MalformedError, match="own ethereum node and second ethereum node of eip155:31337 have one url"):
        run(folder, twice)
    assert contents(folder) == before


def test_an_unfinished_reading_of_another_register_is_refused(folder: Path, nodes: dict[str, str]) -> None:
    replace(folder / "ledger.csv", "hanako@example.jp,DUSD,", "hanako@example.jp,USDX,")
    with pytest.raises(MalformedError):
        run(folder, nodes)
    replace(folder / "attest.toml", 'id = "eth-hot"', 'id = "eth-warm"')
    with pytest.raises(MalformedError, match=r"unfinished reading of another month or config; what differs: wallets$"):
        run(folder, nodes)
    replace(folder / "attest.toml", 'id = "eth-warm"', 'id = "eth-hot"')
    replace(folder / "attest.toml", 'native = "ETH"', 'native = "ETH"\nwindow = { draws = 3, before = 9, after = 9 }')
    with pytest.raises(MalformedError, match=r"what differs: window, nonce$"):
        run(folder, nodes, inputs=dataclasses.replace(INPUTS, nonce=b"\xab" * 16))
    replace(folder / "attest.toml", "window = { draws = 3, before = 9, after = 9 }", "tokens_since = 1")
    with pytest.raises(MalformedError, match=r"what differs: chains, their tokens and decimals$"):
        run(folder, nodes)


def test_reserves_that_were_read_before_are_attested(folder: Path, nodes: dict[str, str]) -> None:
    around = Surroundings(folder, NOW, nodes)
    write_reserves(read_config(folder / demo.CONFIG_FILE), demo.PERIOD, folder / "read", around)
    assert stat.S_IMODE((folder / "read").stat().st_mode) == 0o700
    outcome = run(folder, nodes, inputs=dataclasses.replace(INPUTS, read=folder / "read"))
    assert [item.met for item in outcome.verified.coverage] == [True] * 4
    assert [list(item.held) for item in outcome.verified.coverage] == [["agreed"], ["proven"], ["proven"], ["declared"]]
    copy_documents(folder)
    with pytest.raises(MalformedError, match="was read for 2026-10, not for 2026-11"):
        run(
            folder,
            nodes,
            "2026-11",
            now=datetime(2026, 12, 2, tzinfo=UTC),
            inputs=dataclasses.replace(INPUTS, read=folder / "read"),
        )


@pytest.mark.parametrize("variable", ["ATTEST_DEMO_BITCOIN", "ATTEST_DEMO_ETHEREUM_2"])
def test_a_missing_environment_variable_leaves_nothing_behind(
    variable: str, folder: Path, nodes: dict[str, str]
) -> None:
    before = contents(folder)
    with pytest.raises(UnavailableError, match=rf"the environment variable {variable} is not set"):
        run(folder, {name: url for name, url in nodes.items() if name != variable})
    assert contents(folder) == before


def test_a_statement_without_any_reserve_cannot_be_made(folder: Path, nodes: dict[str, str]) -> None:
    text = (folder / "attest.toml").read_text(encoding="utf-8")
    (folder / "attest.toml").write_text(text[: text.index("[[wallets]]")], encoding="utf-8")
    with pytest.raises(MalformedError, match="neither a wallet nor money"):
        run(folder, nodes)


def test_coins_that_serve_another_purpose_show_as_a_shortfall(folder: Path, nodes: dict[str, str]) -> None:
    text = (folder / "attest.toml").read_text(encoding="utf-8")
    start = text.index('[[wallets]]\nid = "eth-cold"')
    (folder / "attest.toml").write_text(text[:start] + text[start:].replace('"customer"', '"guarantee"', 1))
    outcome = run(folder, nodes)
    assert outcome.verified.adverse
    assert {item.asset for item in outcome.verified.coverage if not item.met} == {"ETH", "DUSD"}


def test_a_proof_is_made_only_from_the_snapshot_that_was_signed(exchange: Exchange, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    shutil.copytree(exchange.outcome.private, snapshot)
    assert prove_account(snapshot, demo.ACCOUNT).to_bytes() == exchange.proof()
    leaves = snapshot / "liabilities" / "BTC.leaves"
    data = leaves.read_bytes()
    leaves.write_bytes(bytes(byte ^ 1 for byte in data))
    with pytest.raises(AttestError):
        prove_account(snapshot, demo.ACCOUNT)
    leaves.write_bytes(data)
    statement = snapshot / "statement.json"
    value = json.loads(statement.read_bytes())
    value["predicate"]["liabilities"]["trees"][0]["total"] = "1"
    statement.write_bytes(dumps(value))
    with pytest.raises(VerificationError, match="does not hold the trees of its statement"):
        prove_account(snapshot, demo.ACCOUNT)
    (snapshot / "liabilities" / "secret").write_text("00" * 31)
    with pytest.raises(MalformedError, match="32 bytes"):
        prove_account(snapshot, demo.ACCOUNT)


@pytest.mark.parametrize("account", ["nobody@example.jp", "closed-account@example.com", "margin-call@example.com"])
def test_an_account_without_a_balance_has_no_proof(account: str, exchange: Exchange) -> None:
    with pytest.raises(MalformedError, match="has no balance"):
        prove_account(exchange.outcome.private, account)


def test_the_written_statement_is_the_signed_one(exchange: Exchange) -> None:
    assert parse_statement(exchange.payload) == exchange.outcome.verified.statement
