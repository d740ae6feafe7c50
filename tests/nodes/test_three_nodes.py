"""Three nodes of which one refuses, lags, hints wrongly or has its own style: the others make the month as it was."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attest.chains.nodes import quorum, rpc
from attest.chains.nodes.rpc import Node
from attest.demo.nodes import anvil
from attest.errors import UnavailableError
from tests.nodes.contracts import call_data, send
from tests.nodes.liars import Answered, fronting, refused
from tests.nodes.tokens import GENESIS, OTHER, OWNER, Month, read_month, token

HOLDERS = (OWNER, OTHER)
SIMPLE = {"w1": ("proven", 1000), "w2": ("proven", 1000)}


@dataclass(frozen=True)
class Chain:
    """An anvil with tokens of several kinds, and what three sound nodes make of them."""

    url: str
    node: Node
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with anvil(genesis_time=int(GENESIS.timestamp())) as url:
        node = Node("anvil", url)
        addresses = {
            "PLN": token(node, "Proxy", *HOLDERS, arguments=[token(node, "PlainToken")]),
            "VYP": token(node, "VyperToken", *HOLDERS),
            "DEEP": token(node, "DeepToken", *HOLDERS),
            "USD": token(node, "DollarToken", *HOLDERS),
            "SHR": token(node, "RebasingToken", *HOLDERS),
        }
        send(node, addresses["USD"], call_data("blockHolder(address)", OTHER))
        for _ in range(3):
            node.call("evm_mine")
        yield Chain(url, node, {name: f'"{address}"' for name, address in addresses.items()})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Node.__init__.__kwdefaults__, "sleep", lambda _: None)


def honest(_: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return answer


Which = Callable[[str, list[Any]], bool]


def always(method: str) -> Which:
    return lambda asked, _: asked == method


def with_override(method: str, params: list[Any]) -> bool:
    return method == "eth_call" and len(params) == 3


def refusing(which: Which, code: int, message: str) -> Answered:
    return lambda call, answer: refused(call, code, message) if which(call["method"], call["params"]) else answer


def result(which: Which, change: Callable[[list[Any], Any], Any]) -> Answered:
    def out(call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if not which(call["method"], call["params"]) or "result" not in answer:
            return answer
        return {**answer, "result": change(call["params"], answer["result"])}

    return out


def listing(change: Callable[[str, dict[str, Any]], Any]) -> Answered:
    """Access lists of which each entry becomes something else, or is left out when that is None."""

    def lists(params: list[Any], told: Any) -> Any:
        entries = [change(params[0]["to"].lower(), entry) for entry in told["accessList"]]
        return {**told, "accessList": [entry for entry in entries if entry is not None]}

    return result(always("eth_createAccessList"), lists)


def behind(call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A node that does not have the last two blocks: null for them, the third last for the newest one."""
    if call["method"] == "eth_getBlockByNumber" and call["params"][0] == "latest":
        return {**answer, "result": OLDER["block"]}
    if call["method"] in {"eth_getBlockByNumber", "eth_getBlockByHash"}:
        known = int(answer["result"]["number"], 16) <= int(OLDER["block"]["number"], 16)
        return answer if known else {**answer, "result": None}
    if call["method"].startswith("eth_") and any(
        isinstance(item, dict) and "blockHash" in item for item in call["params"]
    ):
        return refused(call, -32000, "header for hash not found")
    return answer


OLDER: dict[str, Any] = {}

WORD = "0x" + "00" * 31 + "2a"
ODD: dict[str, Answered] = {
    "refuses access lists": refusing(always("eth_createAccessList"), -32601, "the method is not available"),
    "refuses proofs": refusing(always("eth_getProof"), -32601, "the method is not available"),
    "refuses storage": refusing(always("eth_getStorageAt"), -32601, "the method is not available"),
    "refuses overrides": refusing(with_override, -32602, "too many arguments, want at most 2"),
    "refuses balances": refusing(always("eth_call"), -32603, "internal error"),
    "has no state for overrides": refusing(with_override, -32000, "header not found"),
    "has pruned its state": refusing(always("eth_getProof"), -32000, "missing trie node 1f (path )"),
    "limits proofs": refusing(always("eth_getProof"), -32005, "request rate limited"),
    "limits everything": refusing(lambda *_: True, 429, "Too Many Requests"),
    "is behind": behind,
    "leaves the called contract out": listing(lambda own, entry: None if entry["address"].lower() == own else entry),
    "writes null for no keys": listing(lambda _, entry: {**entry, "storageKeys": entry["storageKeys"] or None}),
    "leaves keys out": listing(lambda _, entry: {"address": entry["address"]}),
    "lists in capitals": listing(lambda _, entry: {**entry, "address": "0x" + entry["address"][2:].upper()}),
    "lists other keys": listing(lambda _, entry: {**entry, "storageKeys": [WORD]}),
    "lists in another form": result(always("eth_createAccessList"), lambda *_: {"accessList": {"a": 1}}),
    "lists nothing": result(always("eth_createAccessList"), lambda *_: {"accessList": [], "gasUsed": "0x0"}),
    "hints at what is not there": result(always("eth_getStorageAt"), lambda *_: "0x" + f"{1000:064x}"),
    "confirms every slot": result(
        with_override, lambda params, _: next(iter(next(iter(params[2].values()))["stateDiff"].values()))
    ),
    "hints and confirms wrongly": lambda call, answer: result(
        with_override, lambda params, _: next(iter(next(iter(params[2].values()))["stateDiff"].values()))
    )(call, result(always("eth_getStorageAt"), lambda *_: "0x" + f"{1000:064x}")(call, answer)),
    "confirms no slot": result(with_override, lambda *_: WORD),
    "answers words of another form": result(always("eth_getStorageAt"), lambda *_: "0x0"),
    "answers null for proofs": result(always("eth_getProof"), lambda *_: None),
    "answers null for blocks": result(always("eth_getBlockByNumber"), lambda *_: None),
    "says other balances": result(
        lambda method, params: method == "eth_call" and len(params) == 2 and "70a08231" in params[0]["data"],
        lambda _, word: f"0x{int(word, 16) + 1:064x}",
    ),
    "proves other things": result(
        always("eth_getProof"), lambda _, proof: {**proof, "accountProof": proof["accountProof"][:-1]}
    ),
    "has headers of another form": result(
        lambda method, _: method.startswith("eth_getBlockBy"),
        lambda _, block: {**block, "hash": "0x" + "11" * 32, "blockAccessListHash": WORD},
    ),
}


def month_with(
    chain: Chain,
    folder: Path,
    changes: Sequence[Answered],
    needed: int | None = None,
    *,
    grace: int | None = None,
    read: Callable[[], None] = lambda: None,
) -> Month:
    """The month through a server that changes answers in front of each node; `read` is called when it is read."""
    OLDER["block"] = chain.node.call(
        "eth_getBlockByNumber", hex(int(chain.node.call("eth_blockNumber"), 16) - 2), *[json.loads("false")]
    )
    with ExitStack() as stack:
        urls = [stack.enter_context(fronting(chain.url, change)) for change in changes]
        stack.callback(read)
        said = "" if grace is None else f"\ngrace = {grace}"
        return read_month(
            folder,
            urls,
            chain.tokens,
            HOLDERS,
            needed=needed,
            change=lambda text: text.replace('native = "ETH"', f'native = "ETH"{said}'),
        )


PLACES = ["first", "second", "third"]


@pytest.mark.parametrize(("case", "where"), [(case, PLACES[number % 3]) for number, case in enumerate(ODD)])
def test_the_other_two_make_the_month_with_the_same_evidence(
    case: str, where: str, chain: Chain, tmp_path: Path
) -> None:
    place = PLACES.index(where)
    changes = [honest, honest]
    changes.insert(place, ODD[case])
    month = month_with(chain, tmp_path, changes, needed=2)
    assert {asset: month.of(asset) for asset in ("PLN", "VYP", "DEEP", "USD")} == dict.fromkeys(
        ("PLN", "VYP", "DEEP", "USD"), SIMPLE
    )
    assert month.denied("USD") == {"w2"}
    assert month.of("SHR") == {"w1": ("agreed", 1000), "w2": ("agreed", 1000)}
    assert list(month.reasons) == [("SHR", None)]
    assert set(month.of("ETH").values()) == {("proven", 0)}
    assert {"n1", "n2", "n3"} - {f"n{place + 1}"} <= {*month.nodes.agreed}
    assert month.nodes.needed == 2


HINTS = [
    case
    for case in ODD
    if case.split()[0] in {"lists", "writes", "leaves", "hints", "confirms"}
    or case in {"refuses access lists", "refuses storage", "refuses overrides", "answers words of another form"}
]


@pytest.mark.parametrize("case", HINTS)
def test_a_hint_never_drops_a_node(case: str, chain: Chain, tmp_path: Path) -> None:
    month = month_with(chain, tmp_path, [ODD[case], honest])
    assert (month.nodes.agreed, month.nodes.dropped) == (("n1", "n2"), ())
    assert not any(text.startswith("going on without") for text in month.told)


@pytest.mark.parametrize("place", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("case", ["refuses proofs", "has pruned its state", "limits proofs", "answers null for proofs"])
def test_of_two_nodes_one_alone_may_prove(case: str, place: int, chain: Chain, tmp_path: Path) -> None:
    changes = [honest]
    changes.insert(place, ODD[case])
    month = month_with(chain, tmp_path, changes)
    assert month.of("PLN") == SIMPLE
    assert month.nodes.agreed == ("n1", "n2")


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("has no state for overrides", "node/behind"),
        ("refuses overrides", "ethereum/no-override"),
        ("refuses storage", "node/refused"),
        ("refuses proofs", "node/refused"),
        ("has pruned its state", "node/no-state"),
        ("limits everything", "node/busy"),
        ("answers null for blocks", "node/null"),
        ("has headers of another form", "ethereum/header-form"),
    ],
)
def test_one_node_alone_that_does_not_answer_to_the_end_makes_no_month(
    case: str, code: str, chain: Chain, tmp_path: Path
) -> None:
    with pytest.raises(UnavailableError) as caught:
        month_with(chain, tmp_path, [ODD[case]])
    assert caught.value.code == code
    assert "n1" in caught.value.message
    assert not (tmp_path / "read").exists()


def test_a_header_of_an_unknown_form_is_named_and_accuses_nobody(chain: Chain, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        month_with(chain, tmp_path, [ODD["has headers of another form"]])
    assert "node n1 answered with a block whose header has a form that this release does not know" in str(caught.value)
    assert "has the fields blockAccessListHash beside those" in str(caught.value)
    assert "a newer release of attest" in str(caught.value.hint)


ONCE = {
    "header not found": refusing(lambda *_: True, -32000, "header not found"),
    "a rate limit": refusing(lambda *_: True, -32005, "request rate limited"),
    "429": refusing(lambda *_: True, 429, "Too Many Requests"),
    "null": result(lambda method, _: method in rpc._NEVER_NULL, lambda *_: None),
    "missing trie node": refusing(lambda *_: True, -32000, "missing trie node 1f (path )"),
}


@pytest.mark.parametrize("every", [3, 5, 7])
@pytest.mark.parametrize("case", ONCE)
def test_a_node_that_refuses_now_and_then_makes_the_month_alone(
    case: str, every: int, chain: Chain, tmp_path: Path
) -> None:
    """Of a load balancer one backend in so many lags, or has reached its limit."""
    asked = 0

    def now_and_then(call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return ONCE[case](call, answer) if asked % every == 0 else answer

    month = month_with(chain, tmp_path, [now_and_then])
    assert {asset: month.of(asset) for asset in ("PLN", "VYP", "DEEP", "USD")} == dict.fromkeys(
        ("PLN", "VYP", "DEEP", "USD"), SIMPLE
    )
    assert month.denied("USD") == {"w2"}


@pytest.mark.parametrize(("after", "where"), list(zip((0, 6, 20), PLACES, strict=True)))
def test_a_node_that_answers_nothing_any_more_is_slow_and_the_others_make_the_month(
    after: int, where: str, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = PLACES.index(where)
    monkeypatch.setattr(quorum, "_ALONE_SECONDS", 1.0)
    ended = threading.Event()
    asked = 0

    def silent(_: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked > after:
            ended.wait(50)
        return answer

    changes = [honest, honest]
    changes.insert(place, silent)
    month = month_with(chain, tmp_path, changes, needed=2, grace=1, read=ended.set)
    assert month.of("PLN") == SIMPLE
    assert set(month.of("ETH").values()) == {("proven", 0)}
    (dropped,) = month.nodes.dropped
    assert (dropped.name, dropped.reason) == (f"n{place + 1}", "nodes/slow")
    assert month.nodes.needed == 2
    # What the slow one is left with is one request, and those in it.
    assert asked <= after + rpc.BATCH_SIZE


def test_a_node_that_differs_late_but_within_the_grace_is_out_for_what_it_said(chain: Chain, tmp_path: Path) -> None:
    late = threading.Event()

    def differing(call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if call["method"] == "eth_getBalance":
            late.wait(0.3)
            return {**answer, "result": "0x7"}
        return answer

    month = month_with(chain, tmp_path, [honest, differing, honest], needed=2, grace=600)
    assert [(node.name, node.reason) for node in month.nodes.dropped] == [("n2", "nodes/differs")]
