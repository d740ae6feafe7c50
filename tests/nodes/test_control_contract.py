"""Contracts on real nodes that are asked about signatures: a real Safe, wallets of other kinds, and liars."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from attest.chains.ethereum.contract_account import MAX_SIGNATURE_BYTES
from attest.chains.ethereum.contract_answers import ContractAnswer, ask_contract
from attest.chains.ethereum.contracts import Contract, contracts
from attest.chains.ethereum.messages import eip191_digest, eip712_digest, typed_data, verify_eip191, verify_eip712
from attest.chains.ethereum.proof import by_hash, checksum_address, decode_header, proven_code_hash
from attest.chains.ethereum.reader import EthereumReader
from attest.chains.ethereum.safe.storage import PROXIES, SINGLETONS, proven_safe, safe_typed_data
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Block
from attest.chains.wallets import Wallet
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.reserves.journal import Journal
from tests.nodes.contracts import FIXTURES, call_data, deploy, send
from tests.nodes.liars import Change, Liar, lying
from tests.nodes.safe import NOBODY, artifact, deploy_safe
from tests.nodes.sandbox import ON_ANVIL, sandbox
from tests.world.contracts import (
    ALICE,
    ANSWERS,
    BOB,
    CAROL,
    CHAIN,
    CHALLENGE,
    DAVE,
    DIGEST,
    ERIN,
    MALLORY,
    VALID,
    delegate,
    execute,
    own,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HANDLER_SLOT = "0x" + keccak(text="fallback_manager.handler.address").hex()


@dataclass(frozen=True, slots=True)
class Chain:
    """A node with contracts, and the block after they were made; owners changed in later ones."""

    url: str
    addresses: Mapping[str, str]
    block: Block
    later: Block

    @property
    def node(self) -> Node:
        return Node("n1", self.url, deadline=10, sleep=lambda _: None)

    def ask(self, name: str, signature: bytes, digest: bytes = DIGEST, node: Node | None = None) -> ContractAnswer:
        return ask_contract(node or self.node, self.block, self.addresses[name], digest, signature)

    def part(self, key: Any, safe: str = "safe", message: bytes = DIGEST, chain: str = CHAIN) -> bytes:
        """An owner's part of a Safe's signature, of a document that came as a file."""
        document = json.loads(json.dumps(safe_typed_data(chain, self.addresses[safe], message)))
        return bytes(key.sign_message(encode_typed_data(full_message=document)).signature)

    def by(self, *keys: Any, **options: Any) -> bytes:
        """A Safe's signature by the owners that have these keys."""
        return b"".join(self.part(key, **options) for key in sorted(keys, key=lambda key: int(key.address, 16)))


@pytest.fixture(scope="module")
def chain(kind: str) -> Iterator[Chain]:
    with sandbox(kind, genesis_time=1_760_000_000) as node:
        safe = deploy_safe(node, [ALICE.address, BOB.address, CAROL.address], 2)
        teller = node.call("eth_accounts")[0]
        contracts = FIXTURES / "contracts"
        addresses = {
            name: deploy(node, contracts / "FixedAnswer.json", NOBODY, bytes.fromhex(answer), length)
            for name, (answer, length) in ANSWERS.items()
        }
        singleton = node.call("eth_getStorageAt", safe, "0x0", "latest")
        addresses |= {
            "safe": safe,
            "mixed": deploy_safe(node, [CAROL.address, safe, teller], 3),
            "wallet": deploy(node, contracts / "OwnedWallet.json", ALICE.address),
            "token": deploy(node, FIXTURES / "tokens" / "PlainToken.json"),
            # Has the storage of a Safe and other code; has the code of a Safe and another singleton.
            "storage of a Safe": deploy(
                node, contracts / "FixedAnswer.json", "0x" + singleton[-40:], bytes.fromhex(VALID), 32
            ),
            "proxy of a Safe": deploy(node, artifact("proxies/SafeProxy"), addresses["yes"]),
            "plain": MALLORY.address,
            "unused": "0x" + "e0" * 20,
        }
        addresses["dave"] = delegate(node, DAVE, addresses["wallet"])
        addresses["erin"] = delegate(node, ERIN, addresses["yes"])
        mixed = eip712_digest(safe_typed_data(CHAIN, addresses["mixed"], DIGEST))
        send(node, addresses["mixed"], call_data("approveHash(bytes32)", mixed))
        reader = EthereumReader(CHAIN, "ETH", {}, {"ETH": 18}, {})
        block = reader.choose(node, int(node.call("eth_blockNumber"), 16), NOW)
        swap = call_data("swapOwner(address,address,address)", ALICE.address, BOB.address, MALLORY.address)
        execute(node, safe, swap, [ALICE, CAROL])
        later = reader.choose(node, int(node.call("eth_blockNumber"), 16), NOW)
        sums = {name: checksum_address(address) for name, address in addresses.items()}
        yield Chain(node.url, sums | {"teller": checksum_address(teller)}, block, later)


@pytest.fixture(scope="module")
def liar(chain: Chain) -> Iterator[Liar]:
    with lying(chain.node) as liar:
        yield liar


@pytest.mark.parametrize("kind", ["anvil"], indirect=True)  # a wallet, too
def test_what_a_real_wallet_signs_passes(chain: Chain) -> None:
    teller = chain.addresses["teller"]
    document = typed_data(
        entity="exchange.example",
        period="2026-10",
        chain=CHAIN,
        address=teller,
        height=chain.block.pin.height,
        block_hash=chain.block.pin.block_hash,
        nonce="-",
    )
    typed = chain.node.call("eth_signTypedData_v4", teller, document)
    verify_eip712(teller, document, bytes.fromhex(typed[2:]))
    personal = chain.node.call("personal_sign", "0x" + CHALLENGE.encode().hex(), teller)
    verify_eip191(teller, CHALLENGE, bytes.fromhex(personal[2:]))


@pytest.mark.parametrize("keys", [(ALICE, BOB), (BOB, CAROL), (ALICE, BOB, CAROL)])
def test_two_of_three_owners_sign_for_a_safe(chain: Chain, keys: Sequence[Any]) -> None:
    answer = chain.ask("safe", chain.by(*keys))
    assert (answer.kind, answer.proven, answer.unchecked) == ("safe", True, ())
    assert sorted(answer.signers) == sorted(key.address for key in keys)
    assert answer.safe is not None
    assert answer.safe.owners == (ALICE.address, BOB.address, CAROL.address)
    assert (answer.safe.threshold, answer.safe.version) == (2, "1.4.1")
    for address, slot in ((answer.safe.singleton, "0x0"), (answer.safe.handler, HANDLER_SLOT)):
        stored = chain.node.call("eth_getStorageAt", chain.addresses["safe"], slot, "latest")
        assert checksum_address("0x" + stored[-40:]) == address


def test_what_a_safe_is_can_be_rechecked_from_the_evidence(chain: Chain) -> None:
    answer = chain.ask("safe", chain.by(ALICE, BOB))
    root = decode_header(chain.block.header).state_root
    nodes = by_hash(answer.proof)
    assert proven_safe(root, chain.addresses["safe"], nodes) == answer.safe
    assert proven_code_hash(root, chain.addresses["safe"], nodes) == answer.code_hash
    with pytest.raises(VerificationError):
        proven_safe(decode_header(chain.later.header).state_root, chain.addresses["safe"], nodes)


def test_the_owners_of_the_pinned_block_count_and_no_later_ones(chain: Chain) -> None:
    signature = chain.by(ALICE, BOB)
    assert chain.ask("safe", signature).proven
    with pytest.raises(VerificationError) as caught:
        chain.ask("safe", chain.by(ALICE, MALLORY))
    assert caught.value.code == "control/not-an-owner"
    later = replace(chain, block=chain.later)
    assert later.ask("safe", chain.by(ALICE, MALLORY)).proven
    with pytest.raises(VerificationError):
        later.ask("safe", signature)


def test_what_the_owners_of_a_safe_did_not_sign_is_refused_though_the_node_says_yes(chain: Chain, liar: Liar) -> None:
    yes = liar.changing(eth_call=lambda _, __: "0x" + VALID)
    ordered = chain.by(ALICE, BOB)
    for signature, code in (
        (chain.by(ALICE), "control/too-few-signers"),
        (chain.by(ALICE) * 2, "control/signer-order"),
        (ordered[65:] + ordered[:65], "control/signer-order"),
        (chain.by(ALICE, MALLORY), "control/not-an-owner"),
        (chain.by(ALICE, BOB, message=eip191_digest("last month's")), "control/not-an-owner"),
        (chain.by(ALICE, BOB, chain="eip155:1"), "control/not-an-owner"),
        (chain.by(ALICE, BOB, safe="mixed"), "control/not-an-owner"),
        (own(ALICE) + own(BOB), "control/not-an-owner"),
        (b"\0" * 130, "control/not-an-owner"),
    ):
        for node in (chain.node, yes):
            with pytest.raises(VerificationError) as caught:
                chain.ask("safe", signature, node=node)
            assert caught.value.code == code


def test_owners_for_whom_only_the_contract_can_speak_are_named(chain: Chain) -> None:
    safe, teller = chain.addresses["safe"], chain.addresses["teller"]
    document = safe_typed_data(CHAIN, chain.addresses["mixed"], DIGEST)
    inner = chain.by(ALICE, BOB, message=b"\x19" + b"".join(encode_typed_data(full_message=document)))
    word = {name: bytes.fromhex(name[2:]).rjust(32, b"\0") for name in (safe, teller)}
    parts = {
        safe: word[safe] + (3 * 65).to_bytes(32) + b"\x00",
        teller: word[teller] + bytes(32) + b"\x01",
        CAROL.address: chain.part(CAROL, "mixed"),
    }
    ordered = b"".join(parts[owner] for owner in sorted(parts, key=lambda owner: int(owner, 16)))
    answer = chain.ask("mixed", ordered + len(inner).to_bytes(32) + inner)
    assert (answer.kind, answer.signers, answer.proven) == ("safe", (CAROL.address,), False)
    assert set(answer.unchecked) == {safe, teller}
    with pytest.raises(VerificationError, match="reverted"):
        chain.ask("mixed", ordered + len(inner).to_bytes(32) + inner[65:] + inner[:65])


def test_a_wallet_of_another_kind_is_shown_as_a_contract(chain: Chain) -> None:
    answer = chain.ask("wallet", own(ALICE))
    assert answer[:1] + answer[3:] == ("contract", (), (), None, None)
    assert not answer.proven
    assert answer.code_hash == keccak(hexstr=chain.node.call("eth_getCode", chain.addresses["wallet"], "latest"))
    for signature, digest in ((own(BOB), DIGEST), (own(ALICE), keccak(text="last month's"))):
        with pytest.raises(VerificationError, match=r"asked by node n1, it answered 0{64}") as caught:
            chain.ask("wallet", signature, digest)
        assert caught.value.code == "control/contract-refused"


@pytest.mark.parametrize("name", ["yes", "storage of a Safe", "proxy of a Safe"])
def test_a_contract_that_says_yes_to_everything_has_no_owners_and_proves_nothing(chain: Chain, name: str) -> None:
    for signature in (chain.by(ALICE, BOB), b"anything"):
        answer = chain.ask(name, signature)
        assert answer[:1] + answer[3:] == ("contract", (), (), None, None)
        assert not answer.proven


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "yes"] + ["token"])
def test_every_answer_but_the_magic_value_is_refused(chain: Chain, name: str) -> None:
    with pytest.raises(VerificationError, match="node n1") as caught:
        chain.ask(name, own(ALICE))
    assert caught.value.code == "control/contract-refused"
    told = {"legacy": "draft of EIP-1271", "nothing": "answered nothing", "token": "reverted", "longer": "64 bytes"}
    assert told.get(name, "answered") in caught.value.message


@pytest.mark.parametrize("name", ["plain", "unused"])
def test_where_there_is_no_contract_nothing_is_asked(chain: Chain, name: str) -> None:
    with pytest.raises(VerificationError, match="plain address") as caught:
        chain.ask(name, own(MALLORY))
    assert caught.value.code == "control/plain-address"


def test_an_address_that_delegated_its_code_signs_by_its_key_or_by_the_code(chain: Chain) -> None:
    by_key = chain.ask("dave", own(DAVE))
    assert (by_key.kind, by_key.signers, by_key.proven) == ("delegated-key", (DAVE.address,), True)
    assert by_key.delegate == chain.addresses["wallet"]
    by_code = chain.ask("dave", own(ALICE))
    assert (by_code.kind, by_code.signers, by_code.proven) == ("delegated-code", (), False)
    assert by_code.delegate == chain.addresses["wallet"]
    with pytest.raises(VerificationError, match="does not take the signature"):
        chain.ask("dave", own(BOB))
    assert chain.ask("erin", b"anything").kind == "delegated-code"
    assert chain.ask("erin", own(ERIN)).kind == "delegated-key"


def test_the_question_is_encoded_as_the_abi_says_and_asked_at_the_pinned_block(chain: Chain, liar: Liar) -> None:
    asked: list[list[Any]] = []
    for signature in (own(ALICE), own(ALICE)[:64], b"\1"):
        chain.ask("yes", signature, node=liar.changing(eth_call=lambda params, said: (asked.append(params), said)[1]))
        data = call_data("isValidSignature(bytes32,bytes)", DIGEST, signature)
        at = {"blockHash": "0x" + chain.block.pin.block_hash.hex(), "requireCanonical": True}
        assert asked.pop() == [{"to": chain.addresses["yes"], "data": data}, at]


@ON_ANVIL
def test_what_is_no_signature_is_not_asked_about(chain: Chain) -> None:
    for signature, digest in ((b"", DIGEST), (bytes(MAX_SIGNATURE_BYTES + 1), DIGEST), (own(ALICE), DIGEST[1:])):
        with pytest.raises(MalformedError):
            chain.ask("yes", signature, digest)
    with pytest.raises(MalformedError):
        ask_contract(chain.node, chain.block, "0x12", DIGEST, own(ALICE))


def without(place: str) -> Change:
    return lambda _, answer: {**answer, place: []}


def asked_at(chain: Chain, block: Block, address: str | None = None) -> Change:
    """The proofs of another block or of another contract."""
    at = {"blockHash": "0x" + block.pin.block_hash.hex(), "requireCanonical": True}
    return lambda params, _: chain.node.call("eth_getProof", address or params[0], params[1], at)


LIES: dict[str, Callable[[Chain], dict[str, Change]]] = {
    "no code": lambda _: {"eth_getCode": lambda _, __: "0x"},
    "other code": lambda _: {"eth_getCode": lambda _, code: code[:-2] + "00"},
    "delegated code": lambda chain: {"eth_getCode": lambda _, __: "0xef0100" + chain.addresses["yes"][2:].lower()},
    "code that is not hex": lambda _: {"eth_getCode": lambda _, __: "0xzz"},
    "code that is a number": lambda _: {"eth_getCode": lambda _, __: 5},
    "no account proof": lambda _: {"eth_getProof": without("accountProof")},
    "no storage proof": lambda _: {"eth_getProof": without("storageProof")},
    "no proof": lambda _: {"eth_getProof": lambda _, __: {}},
    "a proof of numbers": lambda _: {"eth_getProof": lambda _, answer: {**answer, "accountProof": [5]}},
    "proofs of later owners": lambda chain: {"eth_getProof": asked_at(chain, chain.later)},
    "proofs of another Safe": lambda chain: {"eth_getProof": asked_at(chain, chain.block, chain.addresses["mixed"])},
    "proofs of one slot": lambda chain: {
        "eth_getProof": lambda params, _: chain.node.call("eth_getProof", params[0], ["0x" + "00" * 32], params[2])
    },
    "too long a node": lambda _: {"eth_getProof": lambda _, answer: {**answer, "accountProof": ["0x" + "00" * 2000]}},
    "no": lambda _: {"eth_call": lambda _, __: "0x" + "00" * 32},
    "nothing": lambda _: {"eth_call": lambda _, __: "0x"},
    "text": lambda _: {"eth_call": lambda _, __: "yes"},
}


@pytest.mark.parametrize("lie", LIES)
@ON_ANVIL
def test_a_node_that_lies_about_a_safe_is_named(chain: Chain, liar: Liar, lie: str) -> None:
    signature = chain.by(ALICE, BOB)
    assert chain.ask("safe", signature, node=liar.changing()) == chain.ask("safe", signature)
    with pytest.raises(AttestError, match="node n1"):
        chain.ask("safe", signature, node=liar.changing(**LIES[lie](chain)))


@ON_ANVIL
def test_a_node_cannot_make_a_contract_of_a_plain_address(chain: Chain, liar: Liar) -> None:
    yes = "0xef0100" + chain.addresses["yes"][2:].lower()
    lying = liar.changing(eth_getCode=lambda _, __: yes, eth_call=lambda _, __: "0x" + VALID)
    with pytest.raises(VerificationError, match="node n1 gave code"):
        chain.ask("plain", b"anything", node=lying)


@ON_ANVIL
def test_a_node_that_is_busy_or_silent_has_not_been_asked(chain: Chain, liar: Liar) -> None:
    def busy(_: list[Any], __: Any) -> Any:
        raise LookupError("rate limit exceeded")

    for change in (busy, lambda _, __: None):
        with pytest.raises(UnavailableError, match="node n1"):
            chain.ask("wallet", own(ALICE), node=liar.changing(eth_call=change))


@ON_ANVIL
def test_only_own_errors_leave_whatever_a_node_says(chain: Chain, liar: Liar) -> None:
    for method in ("eth_getCode", "eth_getProof", "eth_call"):
        for said in (0, "", "0x1", "0xEF", [], {}, [{}], {"accountProof": {}, "storageProof": 1}, "0x" + "00" * 40):
            with pytest.raises(AttestError):
                chain.ask("safe", chain.by(ALICE, BOB), node=liar.changing(**{method: lambda _, __, said=said: said}))


@pytest.mark.usefixtures("chain")
def test_the_published_contracts_of_the_safe_are_those_that_are_known() -> None:
    def code_hash(contract: str) -> str:
        return keccak(hexstr=json.loads(artifact(contract).read_text())["deployedBytecode"]).hex()

    assert code_hash("proxies/SafeProxy") in PROXIES
    assert SINGLETONS[code_hash("Safe")] == "1.4.1"
    assert SINGLETONS[code_hash("SafeL2")] == "1.4.1+L2"


def found_by(chain: Chain, *nodes: Node, block: Block | None = None) -> dict[str, Contract]:
    """The contracts among all addresses, by their names here."""
    names = {address: name for name, address in chain.addresses.items()}
    quorum = Quorum(CHAIN, nodes, len(nodes), lambda _: None)
    return {names[address]: found for address, found in contracts(quorum, block or chain.block, list(names)).items()}


def test_contracts_are_found_among_addresses_and_safes_by_proof(chain: Chain) -> None:
    found = found_by(chain, chain.node)
    # A plain address is none, nor is one that delegates: its own key signs for it.
    assert found.keys() == chain.addresses.keys() - {"plain", "unused", "teller", "dave", "erin"}
    assert {name for name, contract in found.items() if contract.safe is not None} == {"safe", "mixed"}
    root = decode_header(chain.block.header).state_root
    for name in ("safe", "mixed"):
        safe = found[name].safe
        assert safe == chain.ask(name, chain.by(ALICE, BOB)).safe if name == "safe" else safe is not None
        assert proven_safe(root, chain.addresses[name], by_hash(found[name].proof)) == safe
    later = found_by(chain, chain.node, block=chain.later)["safe"].safe
    assert later is not None
    assert MALLORY.address in later.owners


def test_safes_are_proven_together(chain: Chain, liar: Liar) -> None:
    asked: list[str] = []
    node = liar.changing(eth_getProof=lambda params, said: (asked.append(params[0]), said)[1])
    wire: Any = node._wire
    posts: list[int] = []
    post = wire.post

    def counted(*arguments: Any, **options: Any) -> Any:
        posts.append(1)
        return post(*arguments, **options)

    wire.post = counted
    found_by(chain, node)
    assert len(asked) > len(posts)  # several Safes in one request


@pytest.mark.parametrize("lie", [name for name in LIES if "proof" in name or "node" in name])
@ON_ANVIL
def test_a_node_that_lies_about_one_of_many_is_named(chain: Chain, liar: Liar, lie: str) -> None:
    with pytest.raises(AttestError, match="node n1"):
        found_by(chain, liar.changing(**LIES[lie](chain)))


@pytest.mark.parametrize("code", ["0x", "0x00", "0xef0100" + "11" * 20])
@ON_ANVIL
def test_nodes_must_agree_on_what_is_a_contract(chain: Chain, liar: Liar, code: str) -> None:
    with pytest.raises(VerificationError, match="n2 has other code at 0x"):
        found_by(chain, chain.node, renamed(liar.changing(eth_getCode=lambda _, __: code)))


def renamed(node: Node) -> Node:
    node.name = "n2"
    return node


@pytest.mark.parametrize("kind", ["anvil"], indirect=True)  # changes storage as no transaction can
def test_a_safe_whose_owners_are_no_list_is_a_contract_like_others(chain: Chain) -> None:
    node = chain.node
    state = node.call("evm_snapshot")
    try:
        # More owners must sign than there are.
        node.call("anvil_setStorageAt", chain.addresses["safe"], hex(4), "0x" + (9).to_bytes(32).hex())
        node.call("evm_mine")
        reader = EthereumReader(CHAIN, "ETH", {}, {"ETH": 18}, {})
        broken = reader.choose(node, int(node.call("eth_blockNumber"), 16), NOW)
        found = found_by(chain, node, block=broken)
    finally:
        node.call("evm_revert", state)
    assert found["safe"] == Contract()
    assert found["mixed"].safe is not None


@pytest.mark.parametrize("order", [("hidden", "shown"), ("shown", "hidden")])
@ON_ANVIL
def test_a_safe_of_a_public_wallet_too_stands_under_its_name(
    tmp_path: Path, chain: Chain, order: Sequence[str]
) -> None:
    wallets = [
        Wallet(
            id=name,
            chain=CHAIN,
            address=chain.addresses["safe"],
            assets=(asset,),
            purpose="customer",
            storage="cold",
            public=name == "shown",
        )
        for name, asset in zip(order, ("ETH", "DUSD"), strict=True)
    ]
    reader = EthereumReader(CHAIN, "ETH", {}, {"ETH": 18}, dict.fromkeys(order, chain.addresses["safe"]))
    quorum = Quorum(CHAIN, [chain.node], 1, lambda _: None)
    (record,) = reader.beside(quorum, chain.block, wallets, Journal(tmp_path / "journal", bytes(32)))
    assert (record.wallet, record.threshold) == ("shown", 2)
