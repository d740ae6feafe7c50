"""What tests/fuzz/conversations.py holds nodes' answers against is noticed, and what it reads is everything."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from attest.errors import VerificationError
from tests.conftest import Exchange
from tests.fuzz.conversations import Conversation, Lies, call_key
from tests.fuzz.readings import Conversations, Found, nodes_at

RECORDED = {call_key("x", []): b"5"}


def first(urls: Sequence[str]) -> Any:
    return nodes_at(urls)[0].call("x")


def endless(urls: Sequence[str]) -> Any:
    node = nodes_at(urls)[0]
    while node.call("x") != 5:
        pass


def picky(urls: Sequence[str]) -> Any:
    if (said := first(urls)) != 5:
        raise VerificationError("x/y", f"a node said {said}")


def same(found: Any, truth: Any) -> bool:
    return bool(found == truth)


@pytest.mark.parametrize(
    ("read", "outvoted", "said", "noticed"),
    [
        (first, None, b"6", "a lie passes for proven"),
        (first, same, b"6", "one liar of three nodes is believed"),
        (picky, same, b"6", "one liar of three nodes stops the reading"),
        (picky, None, b'"' + b"x" * 3000 + b'"', "a message of 30"),
        (endless, None, b"6", "a node is asked without end"),
    ],
)
def test_what_no_liar_may_bring_about_is_noticed(
    read: Callable[[Sequence[str]], Any], outvoted: Any, said: bytes, noticed: str
) -> None:
    lies = Lies(Conversation(read, RECORDED, same, outvoted))
    assert lies.seed == b"5"
    lies.parse(lies.seed)
    with pytest.raises(AssertionError, match=noticed):
        lies.parse(said)


def test_every_kind_of_record_that_nodes_are_asked_for_is_read(exchange: Exchange) -> None:
    read = {name: Lies(conversation).truth for name, conversation in Conversations(exchange).all()}
    records = [record for found in read.values() if isinstance(found, Found) for record in found.records]
    assert {getattr(record, "type", None) for record in records} >= {
        "bitcoin-header",
        "bitcoin-utxo-set",
        "bitcoin-utxos",
        "ethereum-balance",
        "ethereum-header",
        "ethereum-safe",
        "ethereum-token-answer",
        "ethereum-token-balance",
    }
    assert {record.layout for record in records if getattr(record, "layout", None)} == {"solidity", "vyper"}
    assert len(read["ethereum node with contracts"].unlisted) == 1
    kinds = [answer and answer[0] for answer in read["ethereum node with signed contracts"]]
    assert kinds == ["safe", "contract", "delegated-code"]
    assert [step.status for step in read["nodes in step 12"] if step.number == 12] == ["VERIFIED"]


@pytest.mark.parametrize(("count", "slots"), [(1, 500), (60, 0)])
def test_trie_nodes_that_no_proof_of_a_safe_needs_do_not_become_evidence(
    count: int, slots: int, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of a Safe holds 4,096 nodes, which real ones of 256 owners do not need."""
    monkeypatch.setattr("attest.chains.ethereum.contract_answers.MAX_SAFE_NODES", 400)
    conversation = dict(Conversations(exchange).of_contracts())["ethereum node with contracts"]
    lies = Lies(conversation)
    numbers = iter(range(10**6))

    def padded(line: bytes) -> bytes:
        if b"storageProof" not in line:
            return line
        proof = json.loads(line)
        for part in (proof["accountProof"], *(slot["proof"] for slot in proof["storageProof"])):
            part += [f"0x{next(numbers):064x}" for _ in range(count)]
        proof["storageProof"] += [{"proof": [f"0x{next(numbers):064x}"]} for _ in range(slots)]
        return json.dumps(proof).encode()

    with pytest.raises(VerificationError) as caught:
        lies.parse(b"\n".join(map(padded, lies.seed.split(b"\n"))))
    assert caught.value.code == "ethereum/proof"
