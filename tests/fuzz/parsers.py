"""Every parser for bytes of the package, each with good bytes to start from and a way to feed it."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import rlp
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from attest.amounts import parse_amount, parse_decimal
from attest.attestation.arithmetic import check_arithmetic
from attest.attestation.auditor_report import Findings, Procedure, verify_report, write_report
from attest.attestation.bundle import CLOCKS_DIFFER, Bundle
from attest.attestation.coverage import coverage
from attest.attestation.editions import read_auditor_edition, read_public_edition
from attest.attestation.pack import pack, unpack
from attest.attestation.reserves_file import RESERVES_FILE, read_reserves_file
from attest.attestation.statement import PAYLOAD_TYPE, parse_statement, statement_digest
from attest.canonical import dumps, loads, loads_node_answer
from attest.chains.bitcoin.block_filter import Scripts
from attest.chains.bitcoin.messages.bip322 import check_bip322
from attest.chains.bitcoin.messages.psbt import psbt_to_sign, signature_of_psbts
from attest.chains.bitcoin.scripts import address_of, address_script, descriptor_scripts
from attest.chains.bitcoin.utxo_set.read import read_utxo_set
from attest.chains.challenge import Challenge, parse_challenge, parse_nonce
from attest.chains.contract_account import ContractAccount
from attest.chains.ethereum.proof import by_hash, checksum_address, decode_header, keccak, proven_balance, proven_word
from attest.chains.ethereum.safe.challenge import check_safe, combine_owners, safe_challenge
from attest.cli.signing.auditor_report import _findings
from attest.cli.verification.inspect import _read
from attest.control.custody import PAYLOAD_TYPE as CUSTODY_TYPE
from attest.control.custody import confirm, open_confirmation
from attest.control.records import ChallengeBlock
from attest.documents import parse_base64, parse_hex, parse_time
from attest.errors import AttestError
from attest.evidence.record import record_leaf
from attest.evidence.tree import EvidenceTree
from attest.exchange.config import read_config
from attest.exchange.control.challenges import CHALLENGES_FILE, Challenges, Header, Item, read_challenges
from attest.exchange.documents.cover_and_prices import read_prices
from attest.exchange.surroundings import Surroundings
from attest.liabilities.accounts import normalise_account
from attest.liabilities.ledger.read import read as read_ledger
from attest.liabilities.ledger.types import ControlTotals, Source
from attest.liabilities.proof import MAX_PROOF_BYTES, InclusionProof, verify_inclusion
from attest.periods import parse_period
from attest.policy.evaluate import evaluate
from attest.policy.inputs import parse_rational
from attest.policy.rulesets import load_ruleset, parse_policy, ruleset_names, ruleset_source
from attest.policy.terms import Span, parse_date
from attest.reserves.journal import Journal
from attest.reserves.register import register
from attest.signing.envelope import Envelope, sign, verify_signatures
from attest.signing.keys import PublicKey, Signer
from attest.signing.timestamp import claimed_time, parse_authorities, query, verify_timestamp
from attest.signing.trust import TRUST_ROOT_TYPE, Root, Trust, parse_root_file
from attest.signing.trust_writing import read_draft
from attest.verification import policies
from attest.verification.control.recheck import block_of
from attest.verification.control.step import check_control
from attest.verification.evidence.declarations import recheck_declarations
from attest.verification.evidence.folder import open_evidence
from attest.verification.evidence.step import basis_of, check_against_records
from attest.verification.figures import read_figures
from tests.conftest import FIXTURES, NOW, Exchange, prove_account, signed_bundle
from tests.fuzz.conversations import Lies
from tests.fuzz.mutations import lied, mutated
from tests.fuzz.readings import Conversations
from tests.world.authority import make_authority
from tests.world.bip322 import MESSAGE, proof_of_funds
from tests.world.bitcoin_signing import Virtual, multisig, p2pkh, p2tr, p2wpkh, p2wsh, public
from tests.world.ceremony import root, root_value, signer
from tests.world.control import BLOCK, CHAIN, EVERY, HEADER, KEY, VAULT, confirmation, proof, reading, sample
from tests.world.control import challenge as bitcoin_challenge
from tests.world.signatures import check_signature

ROLES = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("u", 1)}
FINDINGS = """\
auditor = "Example Audit LLC"
standard = "ISRS 4400 (Revised)"
[[procedures]]
procedure = "Recomputed the liability trees from the ledger"
finding = "The roots and totals agree"
exception = false
"""
REGTEST_MAGIC = bytes.fromhex("fabfb5da")
OWNERS = [Account.from_key(bytes([number]) * 32) for number in (1, 2, 3)]
EVM = Challenge(
    entity="exchange.example",
    period="2026-10",
    chain="eip155:1",
    address=OWNERS[0].address,
    height=1,
    block_hash=bytes(32),
    nonce="-",
)
SAFE = EVM.model_copy(update={"address": checksum_address("0x" + "5a" * 20)})


class Parser(NamedTuple):
    """What `parse` takes some `seeds` of; it raises for all else, and only errors of the package."""

    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    mutated: Callable[[Random, Sequence[bytes]], bytes] = mutated


def text(data: bytes) -> str:
    """Any text, with halves of surrogate pairs where bytes are none."""
    return data.decode("utf-8", "surrogateescape")


def table(exchange: Exchange, folder: Path) -> dict[str, Parser]:
    """All parsers by name; what they read from disk is written into `folder`."""
    return dict(_Table(exchange, folder).rows())


@dataclass(frozen=True)
class _Table:
    exchange: Exchange
    folder: Path

    def rows(self) -> Iterator[tuple[str, Parser]]:
        for part in (
            self.values,
            self.documents,
            self.signed,
            self.evidence,
            self.chains,
            self.control,
            self.files,
            self.nodes,
        ):
            yield from part()

    @cached_property
    def predicate(self) -> Any:
        return parse_statement(self.exchange.payload).predicate

    def at(self, name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
        """`read` a file of that name with the bytes in it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)

        def parse(data: bytes) -> object:
            path.write_bytes(data)
            return read(path)

        return parse

    def values(self) -> Iterator[tuple[str, Parser]]:
        limit = 1 << 20
        good = (self.exchange.bundle, b'{"a":[1,{"b":"\\u00e9"}],"c":null}', b"[]", b'"x"', b"1")
        yield "strict JSON", Parser(lambda data: dumps(loads(data, what="x", max_bytes=limit)), good)
        answers = (
            *good,
            b'{"result":{"amount":0.00000001,"n":115792089237316195423570985008687907853269984665640564}}',
        )
        yield (
            "node answer",
            Parser(lambda data: loads_node_answer(data, what="x", max_bytes=limit, max_values=limit), answers),
        )
        yield (
            "amount",
            Parser(lambda data: parse_amount(text(data)), (b"0", b"170141183460469231731687303715884105728")),
        )
        yield "decimal", Parser(lambda data: parse_decimal(text(data), 8), (b"1.5", b"-0.00000001", b"12"))
        yield "rational", Parser(lambda data: parse_rational(text(data)), (b"0.8/10000", b"59/70", b"12"))
        yield "time", Parser(lambda data: parse_time(text(data)), (b"2026-10-31T15:00:00Z",))
        yield "date", Parser(lambda data: parse_date(text(data)), (b"2026-10-31",))
        yield "span", Parser(lambda data: Span(text(data)), (b"5 minutes", b"35 days", b"12 months"))
        yield "period", Parser(lambda data: parse_period(text(data)), (b"2026-10",))
        yield "hex", Parser(lambda data: parse_hex(text(data)), (b"00ff",))
        yield "base64", Parser(lambda data: parse_base64(text(data)), (b"AAEC", b"AA=="))
        yield "nonce", Parser(lambda data: parse_nonce(text(data)), (b"5a" * 16,))
        yield "account", Parser(lambda data: normalise_account(text(data)), (b"hanako@example.jp", "佐藤".encode()))
        yield "challenge text", Parser(lambda data: parse_challenge(text(data), what="x"), (EVM.text.encode(),))

    def documents(self) -> Iterator[tuple[str, Parser]]:
        exchange, predicate = self.exchange, self.predicate
        trees = {tree.asset: tree for tree in predicate.liabilities.trees}
        digest = statement_digest(exchange.payload)

        def bundle(data: bytes) -> object:
            return exchange.verify(data)

        def statement(data: bytes) -> object:
            found = parse_statement(data)
            policies.recompute(found.predicate, exchange.files.get)
            check_arithmetic(found)
            return coverage(found.predicate)

        def signed_statement(data: bytes) -> object:
            return exchange.verify(signed_bundle(data, exchange.signer))

        def inclusion(data: bytes) -> object:
            found = InclusionProof.from_json(data, what="x", max_bytes=MAX_PROOF_BYTES)
            return verify_inclusion(found.model_copy(update={"statement": digest}), statement=digest, trees=trees)

        def inputs(path: Path) -> object:
            found = read_figures(path).inputs
            return [evaluate(load_ruleset(name), found) for name in ruleset_names()]

        yield "bundle", Parser(bundle, (exchange.bundle, self.full_bundle))
        proof = InclusionProof.from_json(exchange.proof(), what="x", max_bytes=MAX_PROOF_BYTES)
        packed = pack(exchange.bundle, proof, what="x").to_bytes()
        yield "pack", Parser(unpack, (packed, json.dumps(json.loads(packed), indent=1).encode()))
        lines = exchange.files["evidence-public.jsonl"]
        documents = (exchange.payload, exchange.proof(), root(1, ROLES, "ab").to_bytes(), EVM.text.encode(), lines)
        shown = (exchange.bundle, self.full_bundle, packed, *documents)
        yield "inspected document", Parser(lambda data: _read(data, "x"), shown)
        yield "statement", Parser(statement, (exchange.payload,))
        yield "statement signed by the exchange", Parser(signed_statement, (exchange.payload,))
        yield "inclusion proof", Parser(inclusion, (exchange.proof(),))
        reserves = (exchange.outcome.private / RESERVES_FILE).read_bytes()
        yield "reserves.json", Parser(self.at(RESERVES_FILE, lambda path: read_reserves_file(path.parent)), (reserves,))
        figures = dumps(policies.inputs_of(predicate).to_value())
        yield "policy inputs", Parser(self.at("inputs.json", inputs), (figures, exchange.payload, exchange.bundle))
        rules = tuple(ruleset_source(name) for name in ruleset_names())
        yield "policy", Parser(lambda data: evaluate(parse_policy(data, "x"), policies.inputs_of(predicate)), rules)

    @cached_property
    def full_bundle(self) -> bytes:
        envelope = sign(self.exchange.payload, PAYLOAD_TYPE, [signer(name) for name in "xyu"])
        return Bundle(
            format="attest/bundle/v1",
            envelope=envelope,
            timestamps=(),
            trust_roots=(root(2, ROLES, "ab"),),
            auditor_reports=(self.report,),
        ).to_bytes()

    @cached_property
    def report(self) -> Envelope:
        procedures = (Procedure(procedure="Recomputed the trees", finding="They agree", exception=False),)
        findings = Findings(auditor="Example Audit LLC", standard="ISRS 4400 (Revised)", procedures=procedures)
        digest, issued_at = statement_digest(self.exchange.payload), self.predicate.issued_at
        return write_report(findings, statement=digest, issued_at=issued_at, signer=signer("u"))

    def signed(self) -> Iterator[tuple[str, Parser]]:
        first = root(1, ROLES, "ab")
        trust = Trust.pin(first)
        payload = dumps(root_value(1, ROLES))
        digest = statement_digest(self.exchange.payload)

        def envelope(data: bytes) -> object:
            found = Envelope.from_json(data, what="x", max_bytes=1 << 20)
            return verify_signatures(found, trust.keys("root", "exchange"))

        def next_root(data: bytes) -> object:
            return trust.then(sign(data, TRUST_ROOT_TYPE, [signer("a"), signer("b")]))

        def report(data: bytes) -> object:
            made = sign(data, PAYLOAD_TYPE, [signer("u")])
            return verify_report([made], statement=digest, trust=trust, times={}, now=NOW, leeway=CLOCKS_DIFFER)

        yield "envelope", Parser(envelope, (first.to_bytes(), root(1, ROLES, "abxyz").to_bytes()))
        yield "trust root", Parser(lambda data: Trust.pin(parse_root_file(data)).keys("root"), (first.to_bytes(),))
        yield "trust root payload", Parser(Root.parse, (payload, dumps(root_value(2, {"root": ("p", 1), **ROLES}))))
        yield "trust root that follows", Parser(next_root, (dumps(root_value(2, ROLES)),))
        yield "trust draft", Parser(read_draft, (payload, first.to_bytes()))
        yield "auditor report", Parser(report, (self.report.payload,))
        yield "findings.toml", Parser(self.at("findings.toml", _findings), (FINDINGS.encode(),))
        pems = tuple(signer(name).public.to_pem() for name in "ap")
        ders = tuple(signer(name).public.to_der() for name in "ap")
        private = (*(signer(name).to_pem(None) for name in "ap"), signer("a").to_pem("x"))
        yield "public key", Parser(lambda data: PublicKey.from_pem(data, what="x").words, pems)
        yield "public key in PEM", Parser(lambda data: PublicKey.from_pem(_pem("PUBLIC KEY", data), what="x"), ders)
        yield "public key in DER", Parser(lambda data: PublicKey.from_der(data, what="x"), ders)
        yield "private key", Parser(lambda data: Signer.from_pem(data, passphrase=lambda: "y", what="x"), private[:2])
        inner = tuple(b64decode(b"".join(pem.splitlines()[1:-1])) for pem in private)
        unlock = {"passphrase": lambda: "y", "what": "x"}
        yield (
            "private key in PEM",
            Parser(lambda data: Signer.from_pem(_pem("PRIVATE KEY", data), **unlock).public.words, inner[:2]),
        )
        yield from self.timestamps()

    def timestamps(self) -> Iterator[tuple[str, Parser]]:
        authority = make_authority(self.folder / "authority")
        roots = parse_authorities(authority.root, what="x")
        signature = bytes(64)
        response = authority.answer(query(signature).body)
        authority.send((authority.folder / "between").read_bytes(), authority.root)
        longer = authority.answer(query(signature).body)
        der = b64decode(b"".join(authority.root.splitlines()[1:-1]))
        yield "timestamp", Parser(lambda data: verify_timestamp(data, signature, roots), (response, longer))
        yield "timestamp that nobody verified", Parser(claimed_time, (response, longer))
        yield "timestamp authority", Parser(lambda data: parse_authorities(data, what="x"), (authority.root,))
        certificate = Parser(
            lambda data: verify_timestamp(response, signature, parse_authorities(_pem("CERTIFICATE", data), what="x")),
            (der,),
        )
        yield "timestamp authority in PEM", certificate

    def evidence(self) -> Iterator[tuple[str, Parser]]:
        exchange, predicate = self.exchange, self.predicate
        evidence = predicate.evidence
        public_lines = exchange.files["evidence-public.jsonl"]
        auditor = (exchange.outcome.private / "evidence.jsonl").read_bytes()
        own = [reading(), BLOCK, *(proof(number) for number in EVERY[:2]), confirmation(2, 3), sample(4, reading())]
        controlled = b"".join(record.to_bytes() + b"\n" for record in own)
        keys = exchange.verify().statement.predicate

        def public_edition(data: bytes) -> object:
            return read_public_edition(data, root=evidence.root, count=evidence.count)

        def auditor_edition(data: bytes) -> object:
            """Whatever the lines are, they lead to the root: only what is in them can be wrong."""
            leaves = [record_leaf(line) for line in data.split(b"\n")[:-1]] or [bytes(32)]
            tree = EvidenceTree.build(leaves)
            records = read_auditor_edition(data, root=tree.root, count=len(leaves))
            decimals = {item.asset: item.decimals for item in keys.assets}
            with suppress(AttestError):
                check_control(keys, records, nonce=None, custodians={VAULT: KEY.public}, exchange_keys=())
            with suppress(AttestError):
                policies.recheck_documents(records, keys.cover, keys.prices)
            with suppress(AttestError):
                recheck_declarations(records, keys.declarations, frozenset(decimals))
            return check_against_records(records, basis_of(keys, "x"))

        def folder(path: Path) -> object:
            return open_evidence(path.parent).check({})

        yield "public evidence", Parser(public_edition, (public_lines,))
        yield "auditor's evidence", Parser(auditor_edition, (auditor, controlled, auditor + controlled))
        place = self.folder / "evidence"
        shutil.copytree(exchange.outcome.publication, place)
        yield "evidence folder", Parser(self.at("evidence/x.disclosed.jsonl", folder), (public_lines,))

    def chains(self) -> Iterator[tuple[str, Parser]]:
        header = next(
            bytes.fromhex(record["header"])
            for record in map(json.loads, (self.exchange.outcome.private / "evidence.jsonl").read_bytes().splitlines())
            if record["type"] == "ethereum-header"
        )
        holder = OWNERS[0].address
        key = keccak(bytes.fromhex(holder[2:]))
        account = bytes(rlp.encode([1, 10**18, bytes(32), keccak(b"")]))
        leaf = bytes(rlp.encode([b"\x20" + key, account]))
        branch = bytes(rlp.encode([b"\x11" * 32, *[b""] * 16]))
        word = keccak(bytes(32))
        stored = bytes(rlp.encode([b"\x20" + word, bytes(rlp.encode(5))]))

        def account_in_leaf(data: bytes) -> object:
            node = bytes(rlp.encode([b"\x20" + key, data]))
            return proven_balance(keccak(node), holder, by_hash([node]))

        def value_in_leaf(data: bytes) -> object:
            node = bytes(rlp.encode([b"\x20" + word, data]))
            return proven_word(keccak(node), bytes(32), by_hash([node]))

        def bitcoin_header(data: bytes) -> object:
            return block_of(
                ChallengeBlock(type="control-block", salt=bytes(16), chain=CHAIN, height=1, header=data, max_age=31)
            )

        yield "ethereum header", Parser(decode_header, (header,))
        yield "bitcoin header", Parser(bitcoin_header, (HEADER,))
        nodes = (leaf, branch, stored)
        yield "trie node", Parser(lambda data: proven_balance(keccak(data), holder, by_hash([data])), nodes)
        yield "account in a trie", Parser(account_in_leaf, (account,))
        yield "value in a trie", Parser(value_in_leaf, (bytes(rlp.encode(2**255)),))
        dump = (FIXTURES / "vectors" / "utxo-set.dat").read_bytes()
        scripts = (p2wpkh(public(1)), p2pkh(public(1)))
        yield (
            "dump of unspent outputs",
            Parser(
                self.at(
                    "utxo.dat",
                    lambda path: read_utxo_set(path, magic=REGTEST_MAGIC, scripts=scripts, with_muhash=False),
                ),
                (dump,),
            ),
        )
        sought = Scripts([bytes.fromhex("51"), bytes.fromhex("0014") + bytes(20)])
        filters = (bytes.fromhex("09027acea61b6cc3fb33f5d52f7d088a6b2f75d234e89ca800"), b"\0")  # BIP-158's vectors
        yield "block filter", Parser(lambda data: sought.may_be_in(data, bytes(32)), filters)
        described = [wallet.descriptor for wallet in self.config.wallets if wallet.descriptor is not None]
        key_alone = described[0].split("]")[1].split("/")[0]
        descriptors = (
            *described,
            f"wpkh({key_alone}/0/*)",
            f"sh(wpkh({key_alone}/1))",
            f"tr({key_alone}/0/*)",
            f"wsh(or_d(pk({key_alone}/0/*),and_v(v:pkh({key_alone}/1/*),older(4320))))",
            f"pkh({public(1).hex()})",
        )
        yield (
            "descriptor",
            Parser(
                lambda data: descriptor_scripts(text(data), (0, 1), CHAIN), tuple(item.encode() for item in descriptors)
            ),
        )
        addresses = [address_of(CHAIN, script) for script in (p2wpkh(public(1)), p2pkh(public(1)), p2tr(1))]
        yield (
            "bitcoin address",
            Parser(lambda data: address_script(CHAIN, text(data)), tuple(item.encode() for item in addresses)),
        )
        yield "ethereum address", Parser(lambda data: checksum_address(text(data)), (holder.encode(),))

    @cached_property
    def config(self) -> Any:
        return read_config(self.exchange.folder / "attest.toml")

    def control(self) -> Iterator[tuple[str, Parser]]:
        asked = {number: bitcoin_challenge(number) for number in EVERY}
        segwit = asked[0].model_copy(update={"address": address_of(CHAIN, p2wpkh(public(1)))})
        yield (
            "bitcoin signature",
            Parser(
                lambda data: check_signature(segwit, text(data)),
                (proof(0).signature.encode(), b"smp" + b64encode(b"\0")),
            ),
        )
        yield from self.bip322()
        legacy = segwit.model_copy(update={"address": address_of(CHAIN, p2pkh(public(1)))})
        yield (
            "BIP-137 signature",
            Parser(
                lambda data: check_signature(legacy, b64encode(data).decode()), (bytes([31]) + bytes(range(1, 65)),)
            ),
        )
        digest = OWNERS[0].sign_message(encode_defunct(text=EVM.text)).signature
        yield "EIP-191 signature", Parser(lambda data: check_signature(EVM, "0x" + data.hex()), (bytes(digest),))
        yield (
            "EVM signature",
            Parser(lambda data: check_signature(EVM, text(data)), (b"0x" + bytes(digest).hex().encode(),)),
        )
        typed = encode_typed_data(full_message=safe_challenge(SAFE))
        parts = ["0x" + bytes(owner.sign_message(typed).signature).hex() for owner in OWNERS[:2]]
        together = combine_owners(SAFE, parts)
        names = tuple(owner.address for owner in OWNERS)
        yield (
            "signature of a Safe",
            Parser(lambda data: check_safe(SAFE, "0x" + data.hex(), names, 2), (bytes.fromhex(together[2:]),)),
        )
        yield (
            "parts of a Safe's signature",
            Parser(lambda data: combine_owners(SAFE, text(data).split("\n")), ("\n".join(parts).encode(),)),
        )
        item = Item(name="vault-0001", wallet="vault", challenge=asked[0], custodian=VAULT)
        safe = Item(
            name="safe-0001", wallet="safe", challenge=SAFE, contract=ContractAccount(owners=names, threshold=2)
        )
        written = b"-----BEGIN SIGNATURE-----\n0x" + bytes(digest).hex().encode() + b"\n-----END SIGNATURE-----\n"
        key = Item(name="hot-0001", wallet="hot", challenge=EVM)
        yield (
            "signature as a wallet writes it",
            Parser(
                lambda data: [one.published(data) for one in (item, safe, key)],
                (written, dumps({"signature": "0x" + bytes(digest).hex()}), proof(0).signature.encode()),
            ),
        )
        block = Header(chain=CHAIN, height=140, header=HEADER)
        challenges = Challenges(
            format="attest/challenges/v1",
            blocks=(block,),
            items=(item, safe),
            custodians=({"name": VAULT, "public_key": KEY.public.to_der()},),  # type: ignore[arg-type]
        )

        def answered(path: Path) -> None:
            found = read_challenges(path.parent)
            assert found.keys is not None
            for part in found.parts():
                part.to_bytes()
            for one in found.items:
                for signature in (proof(0).signature, together):
                    with suppress(AttestError):
                        one.check(signature)

        yield CHALLENGES_FILE, Parser(self.at(CHALLENGES_FILE, answered), (challenges.to_bytes(),))
        confirmed = confirm(VAULT, list(asked.values()), KEY)
        known = {"keys": {VAULT: KEY.public}, "asked": {VAULT: frozenset(asked.values())}}
        yield "custodian's confirmation", Parser(lambda data: open_confirmation(data, **known), (confirmed,))
        payload = Envelope.from_json(confirmed, what="x", max_bytes=1 << 20).payload
        yield (
            "payload of a confirmation",
            Parser(lambda data: open_confirmation(sign(data, CUSTODY_TYPE, [KEY]).to_bytes(), **known), (payload,)),
        )

    def bip322(self) -> Iterator[tuple[str, Parser]]:
        script = multisig(2, *map(public, (11, 12, 13)))
        message = MESSAGE
        virtual = Virtual(p2wsh(script), message, script)
        simple = virtual.simple(b"", virtual.ecdsa(11), virtual.ecdsa(12), script)
        full = Virtual(p2wpkh(public(11)), message)
        whole = full.full([], full.ecdsa(11), public(11))
        taproot = Virtual(p2tr(11), message)
        key_path = taproot.simple(taproot.schnorr(11))
        seeds = tuple(b64decode(item[3:]) for item in (simple, whole, key_path, proof_of_funds()))
        for kind, of, prefixes in (
            ("P2WSH", p2wsh(script), ("smp", "ful")),
            ("P2WPKH", p2wpkh(public(11)), ("smp", "ful", "pof")),
            ("P2TR", p2tr(11), ("smp",)),
            ("P2PKH", p2pkh(public(11)), ("ful",)),
        ):
            for prefix in prefixes:
                yield f"BIP-322 {prefix} of {kind}", Parser(_bip322(of, message, prefix), seeds)
        descriptor = next(wallet for wallet in self.config.wallets if wallet.descriptor is not None).descriptor
        address = address_of(CHAIN, descriptor_scripts(descriptor, (0, 0), CHAIN)[0])
        psbt = psbt_to_sign(CHAIN, address, message, descriptor=descriptor, index=0)
        raw = b64decode(psbt)
        yield "PSBT", Parser(lambda data: signature_of_psbts([b64encode(data).decode()]), (raw,))
        yield "two PSBTs", Parser(lambda data: signature_of_psbts([psbt, b64encode(data).decode()]), (raw,))
        yield "PSBT in base64", Parser(lambda data: signature_of_psbts([text(data)]), (psbt.encode(),))

    def files(self) -> Iterator[tuple[str, Parser]]:
        exchange = self.exchange
        toml = (exchange.folder / "attest.toml").read_bytes()
        yield "attest.toml", Parser(self.at("attest.toml", lambda path: register(read_config(path).wallets)), (toml,))
        prices = (exchange.folder / "documents" / "prices-2026-10.csv").read_bytes()
        config = self.config.model_copy(
            update={"policies": self.config.policies.model_copy(update={"prices": "p.csv"})}
        )
        yield (
            "prices",
            Parser(
                self.at("p.csv", lambda path: read_prices(config, "2026-10", Surroundings(path.parent, NOW, {}))),
                (prices,),
            ),
        )
        rows = [["hanako@example.jp", "BTC", "1.5"], ["佐藤 花子", "JPY", "100"], ['"a,b"', "ETH", "-3"]]
        for name, seed in self.ledgers(rows).items():
            yield f"ledger {name}", Parser(self.at(name, self.ledger), (seed,))
        journal = b'{"format":"attest/journal/v1","registerDigest":"' + b"00" * 32 + b'"}\n'
        records = (exchange.outcome.private / "evidence.jsonl").read_bytes().splitlines()
        pin = dumps({"pin": self.predicate.chains[0].to_value()})
        nodes = next(line for line in records if b'"type":"nodes"' in line)
        read = next(line for line in records if b'"type":"ethereum-balance"' in line)
        entry = b'{"key":"eth-cold","records":[' + read + b'],"nodes":' + nodes + b"}\n"
        yield (
            "journal",
            Parser(
                self.at("journal.jsonl", lambda path: Journal(path, bytes(32)).pins), (journal + pin + b"\n" + entry,)
            ),
        )
        private = self.folder / "private"
        shutil.copytree(exchange.outcome.private, private)
        for path in sorted((private / "liabilities").iterdir()):
            if path.name in {"manifest.json", "secret", "BTC.leaves", "BTC.accounts", "BTC.nodes"}:
                yield f"snapshot {path.name}", Parser(self.snapshot(private, path.name), (path.read_bytes(),))

    def nodes(self) -> Iterator[tuple[str, Parser]]:
        for name, conversation in Conversations(self.exchange).all():
            lies = Lies(conversation)
            yield name, Parser(lies.parse, (lies.seed,), lied)

    def snapshot(self, private: Path, name: str) -> Callable[[bytes], object]:
        """Prove an account from a snapshot of which one file holds the bytes, and put the file back."""
        path = private / "liabilities" / name
        good = path.read_bytes()

        def parse(data: bytes) -> object:
            path.write_bytes(data)
            try:
                return prove_account(private, "hanako@example.jp")
            finally:
                path.write_bytes(good)

        return parse

    def ledger(self, path: Path) -> object:
        query = "select account, asset, balance from b" if path.suffix == ".sqlite" else None
        source = Source(path.name, query, path.parent)
        return list(read_ledger(source, self.config.decimals, ControlTotals(), sum_rows=path.name == "summed.csv"))

    def ledgers(self, rows: list[list[str]]) -> dict[str, bytes]:
        written = io.StringIO()
        csv.writer(written).writerows([["account", "asset", "balance"], *rows])
        plain = written.getvalue().encode()
        columns = dict(zip(("account", "asset", "balance"), map(list, zip(*rows, strict=True)), strict=True))
        parquet = io.BytesIO()
        pq.write_table(pa.table(columns), parquet)
        path = self.folder / "seed.sqlite"
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("create table b (account text, asset text, balance text)")
            database.executemany("insert into b values (?, ?, ?)", rows)
        return {
            "ledger.csv": plain,
            "ledger.csv.gz": pa.compress(plain, "gzip", asbytes=True),
            "ledger.csv.zst": pa.compress(plain, "zstd", asbytes=True),
            "ledger.parquet": parquet.getvalue(),
            "ledger.sqlite": path.read_bytes(),
        }


def _bip322(script: bytes, message: str, prefix: str) -> Callable[[bytes], object]:
    return lambda data: check_bip322(script, message.encode(), prefix + b64encode(data).decode())


def _pem(label: str, der: bytes) -> bytes:
    body = b64encode(der).decode()
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
