from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import rlp
from trie import HexaryTrie

from attest.chains.ethereum.answers import _HEADER, _INTEGERS, proving
from attest.chains.ethereum.proof import (
    MAX_NODE_BYTES,
    Token,
    by_hash,
    checksum_address,
    decode_header,
    keccak,
    proven_balance,
    proven_storage_root,
    proven_token_balance,
)
from attest.chains.ethereum.reader import EthereumReader
from attest.chains.ethereum.records import EthereumBalance, EthereumHeader, EthereumTokenBalance
from attest.chains.ethereum.token_slot import Found
from attest.chains.ethereum.tokens import TokenContract
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import PinLostError, PinRule
from attest.chains.records import Reading
from attest.chains.wallets import Pin, Wallet
from attest.demo.plan import load_plan
from attest.errors import AttestError, MalformedError, UnavailableError, VerificationError
from attest.evidence.record import Record
from attest.exchange.config import Config
from attest.reserves.journal import Journal
from attest.reserves.reading import ChainToRead, read_chain
from tests.world.places import addresses_of
from tests.world.recorded import MONTH_END, NOW, Change, lying_node, read_with

CHAIN = "eip155:31337"
DUSD = load_plan().ethereum.token.address


def lying(**changes: Change) -> AbstractContextManager[Node]:
    return lying_node("ethereum", **changes)


def read(
    node: Node, config: Config, wallets: list[Wallet] | None = None, *, rule: PinRule = MONTH_END, **changes: Any
) -> tuple[Pin, list[Record]]:
    if wallets is None:
        wallets = [wallet for wallet in config.wallets if wallet.chain == CHAIN]
    options = {
        "chain": CHAIN,
        "native": "ETH",
        "tokens": {"DUSD": TokenContract(DUSD, Token(DUSD, 0))},
        "decimals": config.decimals,
        "addresses": addresses_of(wallets),
        **changes,
    }
    return read_with(EthereumReader(**options), node, wallets, rule)


def test_every_balance_is_what_was_funded_and_proven(config: Config) -> None:
    with lying() as node:
        pin, records = read(node, config)
    plan = load_plan().ethereum
    assert (pin.height, pin.time) == (plan.pinned_height, plan.pinned_time)
    funded = {(wallet.id, "ETH"): wallet.eth for wallet in plan.wallets}
    funded |= {(wallet.id, "DUSD"): wallet.dusd for wallet in plan.wallets}
    readings = [record for record in records if isinstance(record, Reading)]
    assert {(reading.wallet, reading.asset): reading.amount for reading in readings} == funded
    assert {reading.level for reading in readings} == {"proven"}
    assert len({record.salt for record in records}) == len(records)


def plus_one(_: Any, result: str) -> str:
    return hex(int(result, 16) + 1)


def balance_of(change: Any) -> Change:
    return lambda params, result: change(result) if params[0]["data"].startswith("0x70a08231") else result


def flipped(text: str) -> str:
    """The hex with one bit of a byte in its middle turned over."""
    middle = len(text) // 4 * 2
    return f"{text[:middle]}{int(text[middle : middle + 2], 16) ^ 1:02x}{text[middle + 2 :]}"


def proof_change(edit: Any) -> Change:
    def change(_: Any, result: Any) -> Any:
        edit(result)
        return result

    return change


def flip_node(name: str, position: int) -> Any:
    def edit(proof: Any) -> None:
        for nodes in [proof[name]] if name == "accountProof" else [slot["proof"] for slot in proof[name]]:
            nodes[position] = flipped(nodes[position])

    return edit


def block_change(**fields: Any) -> Change:
    return lambda _, block: {**block, **fields}


def drop_header_hash(_: Any, block: Any) -> Any:
    return {**block, "stateRoot": flipped(block["stateRoot"])}


LIES = {
    "a balance that its own proof contradicts": {"eth_getBalance": plus_one},
    "a token balance that its own proof contradicts": {
        "eth_call": balance_of(lambda word: f"0x{int(word, 16) + 1:064x}")
    },
    "another state root": {"eth_getBlockByNumber": drop_header_hash},
    "another hash": {"eth_getBlockByNumber": block_change(hash="0x" + "11" * 32)},
    "another time": {"eth_getBlockByNumber": block_change(timestamp="0x1")},
    "no hash": {"eth_getBlockByNumber": block_change(hash=None)},
    "a padded quantity": {"eth_getBalance": lambda _, result: "0x0" + result[2:]},
    "a decimal balance": {"eth_getBalance": lambda _, result: str(int(result, 16))},
    "an integer balance": {"eth_getBalance": lambda _, result: int(result, 16)},
    "an empty token balance": {"eth_call": balance_of(lambda _: "0x")},
    "a token balance of 33 bytes": {"eth_call": balance_of(lambda word: "0x00" + word[2:])},
    "a token balance of 5,000 bytes": {"eth_call": balance_of(lambda _: "0x" + "ff" * 5000)},
    "another block than the height asked for": {
        "eth_getBlockByNumber": lambda params, block: {**block, "number": "0x63"} if params[0] == "0x64" else block
    },
    "a changed account node": {"eth_getProof": proof_change(flip_node("accountProof", 0))},
    "a changed last account node": {"eth_getProof": proof_change(flip_node("accountProof", -1))},
    "a changed storage node": {"eth_getProof": proof_change(flip_node("storageProof", -1))},
    "no account nodes": {"eth_getProof": lambda _, proof: {**proof, "accountProof": []}},
    "one account node too few": {
        "eth_getProof": lambda _, proof: {**proof, "accountProof": proof["accountProof"][:-1]}
    },
    "an account proof longer than any path": {
        "eth_getProof": lambda _, proof: {**proof, "accountProof": proof["accountProof"] * 60}
    },
    "a storage proof longer than any path": {
        "eth_getProof": lambda _, proof: {
            **proof,
            "storageProof": [{**slot, "proof": slot["proof"] * 60} for slot in proof["storageProof"]],
        }
    },
    "a storage proof that nobody asked for": {
        "eth_getProof": lambda _, proof: {**proof, "storageProof": proof["storageProof"] + [{"proof": []}]}
    },
    "no proof at all": {"eth_getProof": lambda *_: {}},
    "a proof that is a list": {"eth_getProof": lambda *_: []},
    "another chain": {"eth_chainId": lambda *_: "0x1"},
}


@pytest.mark.parametrize("case", LIES)
def test_a_lie_is_an_error_naming_the_node_and_never_a_number(case: str, config: Config) -> None:
    with lying(**LIES[case]) as node, pytest.raises(AttestError, match="n1"):
        read(node, config)


def resealed(**fields: Any) -> Change:
    """A block with other fields, and the hash that it has then."""

    def change(_: Any, block: Any) -> Any:
        changed = {**block, **fields}
        items = [(name, changed[name]) for name in _HEADER if name in changed]
        header = rlp.encode([int(value, 16) if name in _INTEGERS else bytes_of_hex(value) for name, value in items])
        return {**changed, "hash": "0x" + keccak(header).hex()}

    return change


def bytes_of_hex(value: str) -> bytes:
    return bytes.fromhex(value[2:])


@pytest.mark.parametrize("number", [2**32, 2**53, 2**256 - 1])
def test_a_block_of_a_number_that_no_chain_reaches_is_refused(number: int, config: Config) -> None:
    changed = resealed(number=hex(number))
    with (
        lying(eth_getBlockByNumber=changed) as node,
        pytest.raises(UnavailableError, match=r"n1.*cannot read") as caught,
    ):
        read(node, config, rule="finalized")
    assert caught.value.code == "ethereum/header"


@pytest.mark.parametrize("amount", [2**128 - 1, 2**128, 2**256 - 1])
def test_a_balance_that_no_statement_can_hold_is_refused_before_it_is_evidence(
    amount: int, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a token that keeps balances in no slot, for which the word of the nodes is taken."""
    monkeypatch.setattr("attest.chains.ethereum.tokens.find_token", lambda *_: Found(None, "computed"))
    told = lying(eth_call=balance_of(lambda _: f"0x{amount:064x}"))
    tokens = {"DUSD": TokenContract(DUSD, None)}
    if amount < 2**128:
        with told as node:
            _, records = read(node, config, tokens=tokens)
        assert amount in {record.amount for record in records if isinstance(record, Reading)}
        return
    with told as node, pytest.raises(UnavailableError, match=r"does not fit in 128 bits.*asked: n1") as caught:
        read(node, config, tokens=tokens)
    assert caught.value.code == "ethereum/amount"


def test_proofs_swapped_between_addresses_are_refused(config: Config) -> None:
    seen: dict[str, Any] = {}

    def swap(params: Any, proof: Any) -> Any:
        # Every address after the first is answered with the proof of the first.
        return seen.setdefault("first", proof) if params[1] == [] else proof

    with lying(eth_getProof=swap) as node, pytest.raises(VerificationError, match="n1"):
        read(node, config)


def test_a_pin_that_is_replaced_while_reading_voids_the_run(config: Config) -> None:
    proofs = []

    def replaced(params: Any, block: Any) -> Any:
        # Once the proofs are taken, another block, well-formed and of this chain, stands in the place of the pin.
        return resealed(extraData="0x01")(params, block) if proofs and params[0] == "0x64" else block

    def proof(_: Any, answer: Any) -> Any:
        proofs.append(answer)
        return answer

    with lying(eth_getBlockByNumber=replaced, eth_getProof=proof) as node, pytest.raises(PinLostError):
        read(node, config)


def test_what_is_kept_is_not_asked_for_again_when_the_state_of_the_block_is_gone(
    config: Config, tmp_path: Path
) -> None:
    wallets = [wallet for wallet in config.wallets if wallet.chain == CHAIN]
    addresses = addresses_of(wallets)

    def read_at(node: Node, token: Token | None) -> list[Record]:
        reader = EthereumReader(CHAIN, "ETH", {"DUSD": TokenContract(DUSD, token)}, config.decimals, addresses)
        quorum, journal = Quorum(CHAIN, [node], 1, lambda _: None), Journal(tmp_path / "x.reading", bytes(32))
        chain = ChainToRead(reader, quorum, MONTH_END, wallets, journal, NOW)
        _, records = read_chain(chain, progress=lambda _: None)
        return [record for record in records if isinstance(record, Reading)]

    def gone(*_: Any) -> Any:
        raise LookupError("missing trie node")

    with lying() as node:
        readings = read_at(node, Token(DUSD, 0))
    state = ("eth_call", "eth_getBalance", "eth_getProof", "eth_getStorageAt", "eth_createAccessList")
    with lying(**dict.fromkeys(state, gone)) as node:
        assert read_at(node, None) == readings


def test_a_whole_block_of_another_height_is_refused(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def another(node: Node, method: str, *params: Any, **options: Any) -> Any:
        return honest(node, method, *("0x64" if param == "0x63" else param for param in params), **options)

    honest = Node.call
    monkeypatch.setattr(Node, "call", another)
    with lying() as node, pytest.raises(UnavailableError, match="answered with block 100 instead of 99"):
        read(node, config, rule=99)


def test_decimals_that_differ_from_the_contracts_are_refused(config: Config) -> None:
    with lying() as node, pytest.raises(MalformedError, match="its contract says 6"):
        read(node, config, decimals={**config.decimals, "DUSD": 18})


def test_a_mistyped_address_is_refused() -> None:
    good = "0x9022460B384C599738D8558330EbDCdD583d7d02"
    assert checksum_address(good.lower()) == good
    for bad in (good.replace("B", "b", 1), good[:-1], "9022460B384C599738D8558330EbDCdD583d7d02", "bc1qxyz"):
        with pytest.raises(MalformedError):
            checksum_address(bad)


@pytest.fixture(scope="module")
def proven(config: Config) -> tuple[bytes, EthereumBalance, EthereumTokenBalance, EthereumHeader]:
    with lying() as node:
        pin, records = read(node, config)
    header = next(record for record in records if isinstance(record, EthereumHeader))
    assert decode_header(header.header).block_hash == pin.block_hash
    balance = next(record for record in records if isinstance(record, EthereumBalance))
    token = next(record for record in records if isinstance(record, EthereumTokenBalance))
    return decode_header(header.header).state_root, balance, token, header


def test_a_missing_account_is_zero_only_when_the_proof_shows_that_it_is_missing(proven: Any) -> None:
    root, balance, _, _ = proven
    nodes = by_hash(balance.proof)
    with pytest.raises(VerificationError):
        proven_balance(root, balance.address, {})
    # The root branch alone proves absence for an address whose nibble it leaves empty.
    empty_slots = [f"0x{number:040x}" for number in range(1, 400)]
    zeros = 0
    for address in empty_slots:
        with contextlib.suppress(VerificationError):
            assert proven_balance(root, address, nodes) == 0
            zeros += 1
    assert 0 < zeros < len(empty_slots)
    absent = next(a for a in empty_slots if not _fails(lambda a=a: proven_balance(root, a, nodes)))
    with pytest.raises(VerificationError, match="no contract"):
        proven_storage_root(root, absent, nodes)


def _fails(call: Any) -> bool:
    try:
        call()
    except VerificationError:
        return True
    return False


def test_each_changed_byte_of_a_proof_or_header_fails(proven: Any) -> None:
    root, balance, token, header = proven
    contract = Token(token.contract, int.from_bytes(token.slot))

    def token_balance(nodes: Any) -> int:
        return proven_token_balance(proven_storage_root(root, DUSD, nodes), contract, token.address, nodes)

    for whole, amount in (
        (balance, lambda nodes: proven_balance(root, balance.address, nodes)),
        (token, token_balance),
    ):
        assert amount(by_hash(whole.proof)) == whole.amount
        for position, node in enumerate(whole.proof):
            for offset in range(0, len(node), 7):
                nodes = list(whole.proof)
                nodes[position] = node[:offset] + bytes([node[offset] ^ 0x40]) + node[offset + 1 :]
                with pytest.raises(VerificationError):
                    amount(by_hash(nodes))
    expected = decode_header(header.header).block_hash
    for offset in range(len(header.header)):
        changed = header.header[:offset] + bytes([header.header[offset] ^ 1]) + header.header[offset + 1 :]
        with contextlib.suppress(VerificationError):
            assert decode_header(changed).block_hash != expected


def test_a_trie_node_is_bounded_before_it_is_decoded() -> None:
    node = b"\xc1" * (MAX_NODE_BYTES + 1)
    with pytest.raises(VerificationError, match="more than 1024 bytes"):
        proven_balance(keccak(node), "0x" + "11" * 20, by_hash([node]))
    with pytest.raises(VerificationError, match="more than 4096 bytes"):
        decode_header(b"\xc1" * 5000)


def header_of_fields(count: int, **changed: Any) -> bytes:
    fields: list[Any] = [b"\0" * 32] * count
    for name, value in changed.items():
        fields[{"root": 3, "number": 8, "time": 11, "last": -1}[name]] = value
    return bytes(rlp.encode(fields))


PLAIN = {"number": b"\x64", "time": b"\x69"}
UNKNOWN_HEADERS = {
    "no RLP": b"\xff" * 40,
    "no list": bytes(rlp.encode(b"header")),
    "too few fields": header_of_fields(14, number=b"\x64", time=b"\x69"),
    "a field that is a list": header_of_fields(20, last=[b"a"], **PLAIN),
    "a root of another hash": header_of_fields(21, root=b"\0" * 48, **PLAIN),
    "a number beyond all": header_of_fields(21, number=b"\xff" * 8, time=b"\x69"),
    "too long": b"\xf9\x20\x00" + b"\x80" * 8192,
}


@pytest.mark.parametrize("case", UNKNOWN_HEADERS)
def test_a_header_of_a_form_that_is_not_known_is_named_so_and_nobody_is_accused(case: str) -> None:
    with pytest.raises(
        VerificationError, match="the block header has a form that this release does not know: "
    ) as caught:
        decode_header(UNKNOWN_HEADERS[case])
    assert caught.value.code == "ethereum/header"
    assert "a newer release of attest may know the form" in str(caught.value.hint)


@pytest.mark.parametrize("count", [15, 16, 17, 20, 21, 22, 23, 30])
def test_fields_that_forks_append_to_headers_do_not_matter(count: int) -> None:
    header = header_of_fields(count, root=b"\x05" * 32, **PLAIN)
    found = decode_header(header)
    assert (found.block_hash, found.state_root, found.number) == (keccak(header), b"\x05" * 32, 100)


FORKED = {
    "a hash that a fork appended": {"blockAccessListHash": "0x" + "22" * 32},
    "two fields": {"balHash": "0x" + "22" * 32, "slotNumber": "0x5"},
    "fields of another kind of chain": {
        "extDataHash": "0x" + "22" * 32,
        "extDataGasUsed": "0x0",
        "blockGasCost": "0x1",
    },
    "none that is known": {},
}


@pytest.mark.parametrize("case", FORKED)
def test_a_block_of_a_fork_that_is_not_known_is_named_so_and_the_node_is_not_accused(case: str, config: Config) -> None:
    changed = block_change(**FORKED[case], hash="0x" + "11" * 32)
    with lying(eth_getBlockByNumber=changed) as node, pytest.raises(UnavailableError) as caught:
        read(node, config)
    assert caught.value.code == "ethereum/header-form"
    assert "node n1 answered with a block whose header has a form that this release does not know" in str(caught.value)
    for name in FORKED[case]:
        assert name in caught.value.message
    assert "transactions" not in caught.value.message


@pytest.mark.parametrize(
    "node",
    [b"\xc0", b"\xff" * 40, b"\xf8", b"\xc1" * 500, b"\xc1" * MAX_NODE_BYTES, b"x" * (MAX_NODE_BYTES + 1)],
    ids=["empty list", "garbage", "cut", "nested", "nested deep", "too long"],
)
def test_only_our_own_errors_leave_a_malformed_proof(node: bytes) -> None:
    with pytest.raises(VerificationError):
        proven_balance(keccak(node), "0x" + "11" * 20, by_hash([node]))
    with pytest.raises(VerificationError):
        decode_header(node)


@pytest.mark.parametrize("count", [3, 5, 7])
def test_an_account_of_another_kind_of_chain_is_named_so_and_the_node_is_not_accused(count: int) -> None:
    """The trie leads there, so nothing is wrong with the proof."""
    state = HexaryTrie({})
    state[keccak(bytes.fromhex("11" * 20))] = rlp.encode([b"\x01"] * count)
    nodes = by_hash(bytes(rlp.encode(node)) for node in state.get_proof(keccak(bytes.fromhex("11" * 20))))
    known = r"node n1 proves ETH at 0x11.* in a form that this release does not know"
    proof = proving(Node("n1", "http://127.0.0.1:1"), "ETH", "0x" + "11" * 20)
    with pytest.raises(UnavailableError, match=known), proof:
        proven_balance(state.root_hash, "0x" + "11" * 20, nodes)
