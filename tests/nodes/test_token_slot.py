"""Balance slots of real contracts on real nodes, and nodes that offer less or lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from attest.chains.ethereum.proof import (
    Token,
    balance_slot,
    by_hash,
    checksum_address,
    proven_storage_root,
    proven_token_balance,
)
from attest.chains.ethereum.token_slot import find_token
from attest.chains.nodes.rpc import Node
from attest.errors import MalformedError, UnavailableError
from tests.nodes.contracts import FIXTURES, ask, call_data, deploy, send
from tests.nodes.liars import Change, Liar, answering, lying
from tests.nodes.sandbox import ON_ANVIL, sandbox

OWNER, EMPTY, BLOCKED = ("0x" + name * 20 for name in ("aa", "ee", "bb"))
AMOUNT = 1000
HEADER_ONLY = False
# OpenZeppelin's ERC20Upgradeable.sol, `ERC20StorageLocation`.
NAMESPACE = 0x52C63247E1F47DB19D5CE0460030C497F067CA4CEBF71BA98EEADABE20BACE00
PLACES = {
    "PlainToken": Token("", 9),
    "Proxy": Token("", 9),
    "NamespacedToken": Token("", NAMESPACE),
    "VyperToken": Token("", 3, "vyper"),
    "Uint96Token": Token("", 0),
    "FlaggedToken": Token("", 0),
    "FreezableToken": Token("", 1),
    "DollarToken": Token("", 9),
    "FlagByteToken": Token("", 0),
    "DelegatingToken": Token("", 0),
    "DeepToken": Token("", 516),
    "DeepVyperToken": Token("", 777, "vyper"),
    "FeeToken": Token("", 0),
    "PausedToken": Token("", 1),
    "OptionalShareToken": Token("", 0),
    "LowFlagToken": None,
    "RebasingToken": None,
    "PackedToken": None,
    "ShareToken": None,
    "YoungShareToken": None,
    "ShadowToken": Token("", 1001),
    "ConstantToken": None,
    "FloorToken": None,
    "SplitToken": None,
    "OutsideToken": None,
}
LISTED = [name for name, place in PLACES.items() if place and 64 <= place.slot < NAMESPACE]
FOUND = [name for name, place in PLACES.items() if place is not None]


@dataclass(frozen=True, slots=True)
class Chain:
    """A node with every token of fixtures/tokens, and the block after they were minted."""

    url: str
    addresses: Mapping[str, str]
    header: Mapping[str, Any]

    @property
    def node(self) -> Node:
        return Node("n1", self.url, deadline=10, sleep=lambda _: None)

    @property
    def block(self) -> dict[str, Any]:
        return {"blockHash": self.header["hash"], "requireCanonical": True}

    def expected(self, name: str) -> Token | None:
        place = PLACES[name]
        return place and place._replace(contract=self.addresses[name])

    def find(self, name: str, holder: str = OWNER, node: Node | None = None) -> Token | None:
        return find_token(node or self.node, self.addresses[name], holder, self.block).token


@pytest.fixture(scope="module")
def chain(kind: str) -> Iterator[Chain]:
    with sandbox(kind, genesis_time=1_760_000_000) as node:
        addresses: dict[str, str] = {}
        for name in PLACES:
            arguments = [addresses["PlainToken"]] if name == "Proxy" else []
            addresses[name] = checksum_address(deploy(node, FIXTURES / "tokens" / f"{name}.json", *arguments))
            send(node, addresses[name], call_data("mint(address,uint256)", OWNER, AMOUNT))
        send(node, addresses["FlaggedToken"], call_data("mint(address,uint256)", BLOCKED, AMOUNT))
        send(node, addresses["FlaggedToken"], call_data("blockHolder(address)", BLOCKED))
        header = node.call("eth_getBlockByNumber", "latest", HEADER_ONLY)
        # What is asked at the latest block instead of this one finds other balances.
        for name in PLACES:
            send(node, addresses[name], call_data("mint(address,uint256)", OWNER, 1))
        yield Chain(node.url, addresses, header)


@pytest.fixture(scope="module")
def liar(chain: Chain) -> Iterator[Liar]:
    with lying(chain.node) as liar:
        yield liar


class Failing(Node):
    """A node that fails at some calls, as `Node` reports it."""

    def __init__(self, chain: Chain, code: str, fails: Callable[[str, list[Any]], bool]) -> None:
        super().__init__("n1", chain.url)
        self.code = code
        self.fails = fails
        self.requests = 0

    def call(self, method: str, *params: Any, deadline: float | None = None) -> Any:
        if self.fails(method, list(params)):
            raise self._error(self.code, "no")
        return super().call(method, *params, deadline=deadline)

    def batch(self, calls: Any) -> list[Any]:
        if any(self.fails(method, list(params)) for method, params in calls):
            raise self._error(self.code, "no")
        return super().batch(calls)

    def _post(self, body: Any, method: str, end: float) -> Any:
        self.requests += 1
        return super()._post(body, method, end)


def is_list(method: str, _: list[Any]) -> bool:
    return method == "eth_createAccessList"


def is_storage(method: str, _: list[Any]) -> bool:
    return method == "eth_getStorageAt"


def is_plain(method: str, params: list[Any]) -> bool:
    return method == "eth_call" and len(params) == 2


def is_probe(method: str, params: list[Any]) -> bool:
    return method == "eth_call" and len(params) == 3 and any("code" in account for account in params[2].values())


def is_trial(method: str, params: list[Any]) -> bool:
    return method == "eth_call" and len(params) == 3 and not is_probe(method, params)


@pytest.mark.parametrize("holder", [OWNER, EMPTY], ids=["owner", "empty"])
@pytest.mark.parametrize("name", PLACES)
def test_the_slot_is_found_where_there_is_one(name: str, holder: str, chain: Chain) -> None:
    assert chain.find(name, holder) == chain.expected(name)


@pytest.mark.parametrize("holder", [OWNER, EMPTY], ids=["owner", "empty"])
@pytest.mark.parametrize("name", PLACES)
def test_it_is_found_without_access_lists_too(name: str, holder: str, chain: Chain) -> None:
    node = Failing(chain, "refused", is_list)
    assert chain.find(name, holder, node) == (None if name in LISTED else chain.expected(name))


@pytest.mark.parametrize("name", FOUND)
def test_the_balance_is_proven_at_the_slot_that_was_found(name: str, chain: Chain) -> None:
    token = chain.find(name)
    assert token is not None
    place = "0x" + balance_slot(token, OWNER).hex()
    proof = chain.node.call("eth_getProof", token.contract, [place], chain.block)
    nodes = [bytes.fromhex(node[2:]) for node in proof["accountProof"]]
    (storage,) = ([bytes.fromhex(node[2:]) for node in item["proof"]] for item in proof["storageProof"])
    root = bytes.fromhex(chain.header["stateRoot"][2:])
    storage_root = proven_storage_root(root, token.contract, by_hash(nodes))
    assert proven_token_balance(storage_root, token, OWNER, by_hash(storage)) == AMOUNT


def test_a_word_with_other_bits_above_the_balance_is_a_place_too(chain: Chain) -> None:
    token = chain.addresses["FlaggedToken"]
    assert int.from_bytes(ask(chain.node, token, "balanceOf(address)", BLOCKED)) == AMOUNT
    assert chain.find("FlaggedToken", BLOCKED) == chain.expected("FlaggedToken")


def test_an_address_without_a_contract_has_no_slot(chain: Chain) -> None:
    with pytest.raises(UnavailableError, match="node n1 answered '0x' where 32 bytes belong"):
        find_token(chain.node, EMPTY, OWNER, chain.block)


def test_everything_is_asked_at_the_block(chain: Chain, liar: Liar) -> None:
    asked: list[tuple[str, Any]] = []

    def note(method: str) -> Change:
        place = 2 if method == "eth_getStorageAt" else 1
        return lambda params, result: asked.append((method, params[place])) or result

    methods = ("eth_createAccessList", "eth_call", "eth_getStorageAt")
    node = liar.changing(**{method: note(method) for method in methods})
    assert chain.find("PlainToken", node=node) == chain.expected("PlainToken")
    assert {method for method, _ in asked} == set(methods)
    assert all(block == chain.block for _, block in asked)


def test_a_block_that_is_gone_is_an_error(chain: Chain) -> None:
    gone = {"blockHash": "0x" + "11" * 32, "requireCanonical": True}
    with pytest.raises(UnavailableError, match="node n1"):
        find_token(chain.node, chain.addresses["PlainToken"], OWNER, gone)


def test_few_requests_are_sent(chain: Chain) -> None:
    node = Failing(chain, "refused", lambda *_: False)
    assert chain.find("PlainToken", node=node)
    assert node.requests == 4
    node = Failing(chain, "refused", is_list)
    assert chain.find("PlainToken", EMPTY, node)
    assert node.requests == 6  # and the refused one, which `Failing` does not send


def own_keys_elsewhere(_: list[Any], answer: Any) -> Any:
    return {**answer, "accessList": [{**entry, "address": EMPTY} for entry in answer["accessList"]]}


def no_own_keys(params: list[Any], answer: Any) -> Any:
    own = params[0]["to"].lower()
    return {**answer, "accessList": [entry for entry in answer["accessList"] if entry["address"].lower() != own]}


def null_keys(_: list[Any], answer: Any) -> Any:
    return {**answer, "accessList": [{**entry, "storageKeys": None} for entry in answer["accessList"]]}


def null_for_none(_: list[Any], answer: Any) -> Any:
    return {
        **answer,
        "accessList": [{**entry, "storageKeys": entry["storageKeys"] or None} for entry in answer["accessList"]],
    }


def keys_left_out(_: list[Any], answer: Any) -> Any:
    return {**answer, "accessList": [{"address": entry["address"]} for entry in answer["accessList"]]}


def empty_list(_: list[Any], answer: Any) -> Any:
    return {**answer, "accessList": []}


def useless_keys(_: list[Any], answer: Any) -> Any:
    return {**answer, "accessList": [{**entry, "storageKeys": [WORD]} for entry in answer["accessList"]]}


STYLES = [own_keys_elsewhere, no_own_keys, null_keys, null_for_none, keys_left_out, empty_list, useless_keys]


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
@pytest.mark.parametrize("name", ["PlainToken", "Proxy", "VyperToken", "NamespacedToken", "DollarToken", "ShareToken"])
@ON_ANVIL
def test_a_usual_slot_is_found_whatever_the_access_list_says(
    name: str, style: Change, chain: Chain, liar: Liar
) -> None:
    assert chain.find(name, node=liar.changing(eth_createAccessList=style)) == chain.expected(name)


@pytest.mark.parametrize("empty", [{"storageKeys": None}, {}, {"storageKeys": []}], ids=["null", "absent", "a list"])
@pytest.mark.parametrize("name", LISTED)
@ON_ANVIL
def test_a_contract_without_keys_in_the_list_does_not_make_it_one_of_another_form(
    name: str, empty: dict[str, Any], chain: Chain, liar: Liar
) -> None:
    """Releases of geth write null for the implementation behind a proxy."""

    def with_another(_: list[Any], answer: Any) -> Any:
        return {**answer, "accessList": [{"address": EMPTY, **empty}, *answer["accessList"]]}

    assert chain.find(name, node=liar.changing(eth_createAccessList=with_another)) == chain.expected(name)


@pytest.mark.parametrize("name", LISTED)
@ON_ANVIL
def test_a_list_without_the_contract_is_asked_for_again_as_one_that_is_not_optimised(name: str, chain: Chain) -> None:
    """Nethermind and Erigon take a third parameter, and anvil does not."""

    def answer(method: str, params: list[Any]) -> Any:
        if method != "eth_createAccessList":
            return None
        told = chain.node.call(method, *params[:2])
        return told if params[2:] == [False] else no_own_keys(params, told)

    with answering(chain.node, answer) as url:
        assert chain.find(name, node=Node("n1", url, deadline=10)) == chain.expected(name)


@pytest.mark.parametrize(
    ("name", "style", "reason"),
    [
        ("DeepToken", no_own_keys, "the access list of node n1 leaves the contract out"),
        ("DeepToken", own_keys_elsewhere, "balanceOf reads other contracts' storage, says node n1"),
        ("OutsideToken", None, "balanceOf reads other contracts' storage, says node n1"),
        ("ShareToken", None, "no storage slot that balanceOf reads decides alone what it says"),
        ("LowFlagToken", None, "no storage slot that balanceOf reads decides alone what it says"),
        ("ConstantToken", None, "the access list of node n1 leaves the contract out"),
        ("DeepToken", lambda *_: {"accessList": 5}, "node n1 gave an access list of a form that is not known"),
    ],
)
@ON_ANVIL
def test_why_no_slot_was_found_is_told(name: str, style: Change | None, reason: str, chain: Chain, liar: Liar) -> None:
    node = chain.node if style is None else liar.changing(eth_createAccessList=style)
    found = find_token(node, chain.addresses[name], OWNER, chain.block)
    assert found.token is None
    assert reason in found.reason


@ON_ANVIL
def test_a_node_without_access_lists_says_so(chain: Chain) -> None:
    found = find_token(Failing(chain, "refused", is_list), chain.addresses["DeepToken"], OWNER, chain.block)
    assert found == (None, "it is in no usual slot, and node n1: no")


WORD = "0x" + "00" * 31 + "2a"


def access_list(*entries: Any) -> Any:
    return {"accessList": list(entries), "gasUsed": "0x5208"}


def keys(*words: Any) -> Any:
    return access_list({"address": EMPTY, "storageKeys": list(words)})


NO_ACCESS_LISTS = [
    *([], 1, "0x", {}, {"accessList": {}}, {"accessList": None}, {"accessList": WORD}, {"accessList": [[]]}),
    *(access_list(None), access_list({"storageKeys": []})),
    access_list({"address": 1, "storageKeys": []}),
    access_list({"address": EMPTY, "storageKeys": WORD}),
    access_list({"address": EMPTY, "storageKeys": 7}),
    access_list({"address": EMPTY, "storageKeys": {WORD: 1}}),
    *(keys(1), keys(None), keys([]), keys("0x2a"), keys(WORD[2:]), keys("0x" + "zz" * 32), keys(WORD + "00")),
]
NO_WORDS = [1, True, {}, [], "", "0x", "0x2a", WORD[:-2], WORD + "00", WORD[2:], "0x" + "zz" * 32]


@pytest.mark.parametrize("answer", NO_ACCESS_LISTS, ids=str)
@ON_ANVIL
def test_an_access_list_of_another_form_is_as_good_as_none(answer: Any, chain: Chain, liar: Liar) -> None:
    node = liar.changing(eth_createAccessList=lambda *_: answer)
    assert chain.find("PlainToken", node=node) == chain.expected("PlainToken")
    assert "of a form that is not known" in find_token(node, chain.addresses["DeepToken"], OWNER, chain.block).reason


@pytest.mark.parametrize("answer", NO_WORDS, ids=str)
@pytest.mark.parametrize("which", [is_plain, is_storage, is_probe, is_trial])
@ON_ANVIL
def test_an_answer_that_is_not_a_word_is_refused(which: Any, answer: Any, chain: Chain, liar: Liar) -> None:
    def change(method: str) -> Change:
        return lambda params, result: answer if which(method, params) else result

    node = liar.changing(**{method: change(method) for method in ("eth_call", "eth_getStorageAt")})
    with pytest.raises(UnavailableError, match=r"node n1 answered .* where 32 bytes belong"):
        chain.find("PlainToken", node=node)


def without_override(chain: Chain) -> Change:
    return lambda params, _: chain.node.call("eth_call", *params[:2])


def refused_override(params: list[Any], result: Any) -> Any:
    if not is_plain("eth_call", params):
        raise LookupError("too many parameters")
    return result


@pytest.mark.parametrize("how", ["ignored", "refused"])
def test_without_overrides_the_user_is_asked_for_the_slot(how: str, chain: Chain, liar: Liar) -> None:
    node = liar.changing(eth_call=without_override(chain) if how == "ignored" else refused_override)
    with pytest.raises(UnavailableError) as caught:
        chain.find("PlainToken", node=node)
    assert caught.value.code == "ethereum/no-override"
    assert "node n1" in caught.value.message
    assert "balance_slot" in str(caught.value.hint)
    assert "balance_layout" in str(caught.value.hint)


def test_without_overrides_it_is_still_said_that_there_is_no_slot(chain: Chain, liar: Liar) -> None:
    assert chain.find("OutsideToken", node=liar.changing(eth_call=refused_override)) is None


@pytest.mark.parametrize("which", [is_storage, is_probe, is_trial])
@pytest.mark.parametrize("code", ["unreachable", "busy", "behind", "no-state", "timeout", "null"])
@ON_ANVIL
def test_a_node_that_does_not_answer_is_not_taken_for_one_that_refuses(code: str, which: Any, chain: Chain) -> None:
    with pytest.raises(UnavailableError) as caught:
        chain.find("PlainToken", node=Failing(chain, code, which))
    assert caught.value.code == f"node/{code}"


@ON_ANVIL
def test_a_refusal_by_http_status_is_one(chain: Chain) -> None:
    assert chain.find("PlainToken", node=Failing(chain, "http", is_list)) == chain.expected("PlainToken")
    with pytest.raises(UnavailableError) as caught:
        chain.find("PlainToken", node=Failing(chain, "http", is_probe))
    assert caught.value.code == "ethereum/no-override"


@pytest.mark.parametrize("value", ["contract", "holder"])
@ON_ANVIL
def test_what_is_no_address_is_refused(value: str, chain: Chain) -> None:
    contract, holder = ("0x12", OWNER) if value == "contract" else (OWNER, "0x12")
    with pytest.raises(MalformedError):
        find_token(chain.node, contract, holder, chain.block)
