"""Everything that nodes are asked for, and what real ones said (record.py)."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from attest.attestation.editions import auditor_edition, read_auditor_edition
from attest.chains.bitcoin.header import header_hash
from attest.chains.bitcoin.reader import BitcoinReader
from attest.chains.ethereum import token_slot
from attest.chains.ethereum.contract_answers import ask_contract
from attest.chains.ethereum.messages import eip191_digest
from attest.chains.ethereum.proof import Token
from attest.chains.ethereum.reader import EthereumReader
from attest.chains.ethereum.safe.storage import safe_typed_data
from attest.chains.ethereum.tokens import TokenContract
from attest.chains.family import Reader as ChainReader
from attest.chains.family import family
from attest.chains.nodes.quorum import Quorum
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Before, Block, Confirmations, PinRule
from attest.chains.records import Reading
from attest.chains.wallets import Pin, Unlisted, Wallet
from attest.cli.options.known import asking as asking_of
from attest.demo.plan import load_plan
from attest.errors import AttestError
from attest.evidence.record import Record
from attest.evidence.tree import EvidenceTree
from attest.exchange.config import read_config
from attest.exchange.stated import reserve_lines
from attest.reserves.journal import Journal
from attest.reserves.reading import ChainToRead, read_chain, read_window
from attest.reserves.register import register
from attest.verification.anchors import Sources
from attest.verification.evidence.check import ask_nodes
from attest.verification.evidence.folder import EvidenceFolder, open_evidence
from attest.verification.evidence.recheck import recheck
from attest.verification.steps import Step
from tests.conftest import FIXTURES, Exchange
from tests.fuzz.conversations import Conversation, recording
from tests.world.places import addresses_of
from tests.world.recorded import MONTH_END, NOW

RECORDED = Path(__file__).parent / "recorded"
DUMP = RECORDED / "utxo-set.dat"
BITCOIN, ETHEREUM = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", "eip155:31337"
DECIMALS = {"BTC": 8, "ETH": 18, "DUSD": 6, "VYD": 6, "SHR": 6}
OWNERS = [Account.from_key(keccak(text=name)) for name in ("Alice", "Bob", "Carol")]
DELEGATING = Account.from_key(keccak(text="Dave"))
DIGEST = eip191_digest("attest/v1 proof of control\nentity: exchange.example\n")
MINED = datetime(2026, 10, 31, 18, tzinfo=UTC)  # within hours of the tip of each chain
GENESIS = datetime(2026, 10, 31, 17, tzinfo=UTC)  # of the chain with contracts


class Found(NamedTuple):
    """What a reading gave."""

    pin: Pin
    records: list[Record]
    unlisted: list[Unlisted]

    @property
    def amounts(self) -> dict[tuple[Any, ...], int]:
        """All amounts by height of a window, wallet and asset."""
        readings = [record for record in self.records if isinstance(record, Reading)]
        return {(reading.window, reading.wallet, reading.asset): reading.amount for reading in readings}

    @property
    def proven(self) -> list[tuple[tuple[Any, ...], int]]:
        """Those that anyone can recompute."""
        proven = [record for record in self.records if isinstance(record, Reading) and record.level == "proven"]
        return [((reading.window, reading.wallet, reading.asset), reading.amount) for reading in proven]


def what_is_proven_is_true(found: Found, truth: Found) -> bool:
    """Whatever else a liar may say alone."""
    return {*found.proven} <= {*truth.amounts.items()}


def all_is_true(found: Found, truth: Found) -> bool:
    """The block and every amount."""
    return (found.pin, found.amounts) == (truth.pin, truth.amounts)


def nodes_at(urls: Sequence[str]) -> list[Node]:
    """A node for each of `urls`."""
    return [Node(f"n{number}", url, deadline=60, sleep=lambda _: None) for number, url in enumerate(urls, start=1)]


@dataclass(frozen=True)
class Reader:
    """Reads `wallets` as a month does, most nodes agreeing, at the block of `rule` and some numbers of blocks `back`.

    With `dump` a node writes its unspent outputs too: those in recorded/, where there are such.
    """

    reader: ChainReader
    wallets: Sequence[Wallet]
    rule: PinRule
    now: datetime = NOW
    back: Sequence[int] = ()
    dump: bool = False

    def __call__(self, urls: Sequence[str]) -> Found:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            # The number that is put into a slot to find it is random, and the recording has one.
            patch.setattr(token_slot, "_large", lambda: bytes.fromhex("80" + "5a" * 10 + "01").rjust(32, b"\0"))
            patch.setattr("os.fsync", lambda _: None)
            quorum = Quorum(self.reader.chain, nodes_at(urls), len(urls) // 2 + 1, _written)
            reader: Any = replace(self.reader, utxo_sets=Path(folder)) if self.dump else self.reader
            journal = Journal(Path(folder) / "journal", bytes(32))
            chain = ChainToRead(reader, quorum, self.rule, self.wallets, journal, self.now)
            block, records = read_chain(chain, progress=lambda _: None)
            unlisted = reader.unlisted(quorum, block, self.wallets)
            _hold(block.pin, records)
            if heights := [block.pin.height - number for number in self.back]:
                records += read_window(chain, block.pin, heights, progress=lambda _: None)
        return Found(block.pin, records, unlisted)


def _written(told: str) -> None:
    """Write the file that a node is about to write."""
    _, _, path = told.partition(" writes its unspent outputs to ")
    if path and DUMP.exists():
        shutil.copyfile(DUMP, path)


def _hold(pin: Pin, records: Sequence[Record]) -> None:
    """Whatever was read can be written as evidence, and is found to be true in it."""
    try:
        tree = EvidenceTree.build([record.leaf for record in records])
        again = read_auditor_edition(auditor_edition(records), root=tree.root, count=tree.count)
        recheck(again, decimals=DECIMALS, pins=[pin], reserves=reserve_lines(records), complete=True)
    except AttestError as error:
        raise AssertionError(f"what was read is no evidence: {error}") from error


def chosen(reader: ChainReader, rules: Sequence[PinRule], now: datetime, urls: Sequence[str]) -> list[Block]:
    """The blocks that a node chooses by all `rules`, and by the hash of the first."""
    (node,) = nodes_at(urls)
    found: list[Block] = []
    with suppress(AttestError):
        reader.check_chain(node)
    for rule in rules:
        with suppress(AttestError):
            reader.settled(node, rule)
        with suppress(AttestError):
            found.append(block := reader.choose(node, rule, now))
            reader.choose(node, block.pin.block_hash, now)
            assert reader.confirm(node, block.pin)
    return found


def are_blocks(found: Sequence[Block], _: Sequence[Block]) -> bool:
    """Each header is that of the hash."""
    return all(block.pin.block_hash in {keccak(block.header), header_hash(block.header)} for block in found)


def signed(contracts: Mapping[str, bytes], urls: Sequence[str]) -> list[Any]:
    """What a node says of the signatures of contracts at its final block; None where that is refused."""
    (node,) = nodes_at(urls)
    block = family(ETHEREUM).block_reader(ETHEREUM).choose(node, "finalized", MINED)
    answers: list[Any] = []
    for address, signature in contracts.items():
        try:
            said = ask_contract(node, block, address, DIGEST, signature)
        except AttestError:
            answers.append(None)
        else:
            answers.append((said.kind, {*said.signers}, said.unchecked, said.safe, said.delegate, said.code_hash))
    return answers


def none_else(found: Sequence[Any], truth: Sequence[Any]) -> bool:
    """Only what is true was said, or nothing."""
    return all(said is None or said == true for said, true in zip(found, truth, strict=True))


def but_step_12(found: Sequence[Step], truth: Sequence[Step]) -> bool:
    """What nodes do not answer stays open, and changes no other step."""
    pairs = [pair for pair in zip(found, truth, strict=True) if pair[0] != pair[1]]
    return all((one.number, one.status, true.number) == (12, "NOT CHECKED", 12) for one, true in pairs)


@dataclass(frozen=True)
class Conversations:
    """All of them; `exchange` is the demo's."""

    exchange: Exchange

    def all(self) -> Iterator[tuple[str, Conversation]]:
        """Every one by its name."""
        yield from self.of_bitcoin()
        yield from self.of_ethereum()
        yield from self.of_contracts()
        yield "nodes in step 12", self._asked(self._verified, 2)._replace(holds=but_step_12)

    def of_bitcoin(self) -> Iterator[tuple[str, Conversation]]:
        """With nodes of the demo's chain."""
        wallets = self._wallets(BITCOIN)
        reader = BitcoinReader(BITCOIN, "BTC", register(wallets).places)
        judged: Any = {"recorded": self._bitcoin, "holds": what_is_proven_is_true, "outvoted": all_is_true}
        for name, read in (
            ("before an instant", Reader(reader, wallets, MONTH_END)),
            ("at its tip", Reader(reader, wallets, "latest", MINED)),
            ("back in time", Reader(reader, wallets, Confirmations(4), MINED, back=(5, 2))),
        ):
            yield f"bitcoin node {name}", Conversation(read, **judged)
        judged["recorded"] = {name: said for name, said in self._bitcoin.items() if "getblockfilter" not in name}
        yield "bitcoin node with no filters", Conversation(Reader(reader, wallets, MONTH_END), **judged)
        dumped = Reader(reader, wallets, MONTH_END, dump=True)
        yield (
            "bitcoin node that dumps",
            Conversation(dumped, self._bitcoin, what_is_proven_is_true, nodes=2),
        )
        rules = ("latest", 3, Confirmations(5), MONTH_END)
        yield (
            "bitcoin node that chooses",
            Conversation(partial(chosen, reader, rules, MINED), self._bitcoin, are_blocks),
        )
        yield "bitcoin node asked again", self._asked(partial(self._again, BITCOIN), 1)

    def of_ethereum(self) -> Iterator[tuple[str, Conversation]]:
        """With nodes of the demo's chain."""
        wallets = self._wallets(ETHEREUM)
        dusd = load_plan().ethereum.token.address
        tokens = {"DUSD": TokenContract(dusd, Token(dusd, 0))}
        reader = EthereumReader(ETHEREUM, "ETH", tokens, DECIMALS, addresses_of(wallets))
        read = Reader(reader, wallets, MONTH_END)
        yield "ethereum node", Conversation(read, self._ethereum, what_is_proven_is_true, all_is_true)
        yield "ethereum node asked again", self._asked(partial(self._again, ETHEREUM), 1)

    def of_contracts(self) -> Iterator[tuple[str, Conversation]]:
        """With nodes of a chain that has a Safe and tokens of several kinds."""
        at = json.loads((RECORDED / "contracts.json").read_text(encoding="utf-8"))
        recorded = recording(RECORDED / "contracts.jsonl")
        common = {"chain": ETHEREUM, "purpose": "customer", "storage": "cold"}
        wallets = [
            Wallet(id=name, address=at[name], assets=assets, **common)
            for name, assets in (("safe", ("ETH", "DUSD", "VYD", "SHR")), ("delegating", ("ETH", "DUSD")))
        ]
        tokens = {name: TokenContract(at[name], None) for name in ("DUSD", "VYD", "SHR")}
        reader = EthereumReader(ETHEREUM, "ETH", tokens, DECIMALS, addresses_of(wallets), tokens_since=0)
        read = Reader(reader, wallets, "finalized", MINED, back=(3, 1))
        yield "ethereum node with contracts", Conversation(read, recorded, what_is_proven_is_true, all_is_true)
        rules = ("finalized", "latest", 3, Confirmations(5), Before(GENESIS + timedelta(seconds=5)))
        yield "ethereum node that chooses", Conversation(partial(chosen, reader, rules, MINED), recorded, are_blocks)
        document = safe_typed_data(ETHEREUM, at["safe"], DIGEST)
        owners = sorted(OWNERS[:2], key=lambda owner: int(owner.address, 16))
        signatures = {
            at["safe"]: b"".join(
                owner.sign_message(encode_typed_data(full_message=document)).signature for owner in owners
            ),
            at["wallet"]: OWNERS[0].unsafe_sign_hash(DIGEST).signature,
            at["delegating"]: OWNERS[0].unsafe_sign_hash(DIGEST).signature,
        }
        contracts = {address: bytes(signature) for address, signature in signatures.items()}
        yield "ethereum node with signed contracts", Conversation(partial(signed, contracts), recorded, none_else)

    @cached_property
    def _bitcoin(self) -> dict[str, bytes]:
        return recording(FIXTURES / "demo/bitcoin.jsonl", RECORDED / "bitcoin.jsonl")

    @cached_property
    def _ethereum(self) -> dict[str, bytes]:
        return recording(FIXTURES / "demo/ethereum.jsonl")

    def _wallets(self, chain: str) -> list[Wallet]:
        config = read_config(self.exchange.folder / "attest.toml")
        return [wallet for wallet in config.wallets if wallet.chain == chain]

    def _asked(self, read: Any, nodes: int) -> Conversation:
        return Conversation(read, {**self._bitcoin, **self._ethereum}, lambda found, truth: found == truth, nodes=nodes)

    def _again(self, chain: str, urls: Sequence[str]) -> Any:
        return ask_nodes(self._evidence, {chain: urls[0]}, {}, lambda _: None)

    @cached_property
    def _evidence(self) -> EvidenceFolder:
        return open_evidence(self.exchange.outcome.private)

    def _verified(self, urls: Sequence[str]) -> Any:
        steps: list[Step] = []
        asking = asking_of(dict(zip((BITCOIN, ETHEREUM), urls, strict=True)))
        self.exchange.verify(sources=Sources(self.exchange.files.get, ask=asking), tell=steps.append)
        return steps
