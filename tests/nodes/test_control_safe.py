"""A month through the command line, with real Safes and other contracts on real nodes."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data

from attest.canonical import dumps
from attest.chains.challenge import Challenge
from attest.chains.ethereum.messages import eip191_digest
from attest.chains.ethereum.proof import checksum_address
from attest.chains.ethereum.records import EthereumBalance, EthereumSafe
from attest.chains.ethereum.safe.storage import safe_typed_data
from attest.chains.nodes.rpc import Node
from attest.cli import main
from attest.control.records import ContractControl, ControlProof
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.exchange import month as monthly
from attest.exchange import reserves_folder
from attest.exchange.control import ask as asking
from attest.exchange.own_keys import read_signer
from attest.exchange.surroundings import Surroundings
from attest.verification.anchors import Anchors, Sources
from attest.verification.control.recheck import Terms, signed_places
from attest.verification.evidence.folder import EvidenceFolder, open_evidence
from attest.verification.steps import Step
from attest.verification.verify import verify
from tests.conftest import signed_bundle
from tests.nodes.contracts import FIXTURES, call_data, deploy, send
from tests.nodes.liars import Liar, lying
from tests.nodes.safe import NOBODY, deploy_safe
from tests.nodes.sandbox import ON_ANVIL, sandbox
from tests.world.contracts import ALICE, ANSWERS, BOB, CAROL, CHAIN, DAVE, MALLORY, delegate, execute

DEVICE = Path(__file__).parents[1] / "world" / "cold_storage.py"
PERIOD = "2026-10"
NOW = datetime(2026, 11, 1, 2, tzinfo=UTC)
NONCE = "5a" * 16
HIDDEN = ("hidden", "quiet")
CONFIG = """
[entity]
name = "Exchange KK"
origin = "exchange.example"
[scope]
included = ["spot balances"]
excluded = []
[ledger]
source = "ledger.csv"
time_zone = "UTC"
[keys]
exchange = "exchange.pem"
[[assets]]
asset = "ETH"
decimals = 18
[[chains]]
id = "eip155:31337"
native = "ETH"
pin = {{ height = {height} }}
nodes = [{{ name = "n1", url = "{one}" }}, {{ name = "n2", url = "{two}" }}]
"""
WALLET = """
[[wallets]]
id = "{name}"
chain = "eip155:31337"
address = "{address}"
assets = ["ETH"]
purpose = "customer"
storage = "cold"
public = {public}
"""


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def soon(call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, soon after the month has ended, when its chain is read: the command line has no other clock than ours."""

    def called(*arguments: Any, **options: Any) -> Any:
        then = [replace(item, now=NOW) if isinstance(item, Surroundings) else item for item in arguments]
        return call(*then, **(options | {"now": NOW} if "now" in options else options))

    return called


def attest(*arguments: object) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patched,
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as exited,
    ):
        for module, name in ((monthly, "run"), (asking, "write_challenges"), (reserves_folder, "write_reserves")):
            patched.setattr(module, name, soon(getattr(module, name)))
        main([str(argument) for argument in arguments])
    return Ran(int(exited.value.code or 0), out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Round:
    """Wallets on a chain that were challenged, what the owners' devices signed, and blocks before and after changes."""

    folder: Path
    urls: tuple[str, str]
    liar: Liar
    addresses: Mapping[str, str]
    before: int
    after: int

    @property
    def challenges(self) -> Path:
        return self.folder / "challenges"

    def challenge(self, name: str) -> Challenge:
        items = json.loads((self.challenges / "challenges.json").read_bytes())["items"]
        (value,) = [item["challenge"] for item in items if item["wallet"] == name]
        return Challenge.from_value(value, what=name)

    def signatures(self, *names: str) -> list[Path]:
        return sorted(path for name in names for path in (self.folder / "back").glob(f"{name}-0001.*"))

    def part(self, key: Any, name: str, **fields: Any) -> bytes:
        """What an owner signs for a Safe, with some `fields` of the challenge or of the document changed."""
        safe, chain = fields.pop("safe", self.addresses[name]), fields.pop("network", CHAIN)
        digest = eip191_digest(self.challenge(name).model_copy(update=fields).text)
        document = json.loads(json.dumps(safe_typed_data(chain, safe, digest)))
        return bytes(key.sign_message(encode_typed_data(full_message=document)).signature)

    def returned(self, folder: Path, names: Sequence[str]) -> Path:
        """A folder of challenges with the signatures for some wallets."""
        shutil.copytree(self.challenges, folder)
        assert attest("control", "add", folder, *self.signatures(*names)).code == 0
        return folder

    def config(self, folder: Path, names: Sequence[str], height: int) -> Path:
        """An exchange that has some of the wallets and is read at a block."""
        folder.mkdir()
        shutil.copy(self.folder / "exchange.pem", folder)
        (folder / "ledger.csv").write_text("account,asset,balance\nalice,ETH,1\n")
        text = CONFIG.format(height=height, one=self.urls[0], two=self.urls[1])
        for name in names:
            public = str(name not in HIDDEN).lower()
            text += WALLET.format(name=name, address=self.addresses[name], public=public)
        (folder / "attest.toml").write_text(text)
        return folder / "attest.toml"

    def run(self, folder: Path, names: Sequence[str], control: Path, height: int | None = None) -> Ran:
        config = self.config(folder, names, height or self.before)
        return attest("run", config, "--period", PERIOD, "--control", control)


@pytest.fixture(scope="module")
def made(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    with challenged(tmp_path_factory.mktemp("safes"), kind) as made:
        yield made


@contextmanager
def challenged(folder: Path, kind: str = "anvil") -> Iterator[Round]:
    """Contracts of all kinds on a chain, with their challenges and what came back for them in `folder`."""
    genesis = NOW - timedelta(hours=2)
    with sandbox(kind, genesis_time=int(genesis.timestamp())) as node, lying(Node("n2", node.url)) as liar:
        owners = [ALICE.address, BOB.address, CAROL.address]
        contracts = FIXTURES / "contracts"
        found = {name: deploy_safe(node, owners, 2) for name in ("safe", "swapped", "raised")}
        found |= {
            "hidden": deploy_safe(node, [CAROL.address, BOB.address], 1),
            "mixed": deploy_safe(node, [ALICE.address, found["safe"]], 2),
            "wallet": deploy(node, contracts / "OwnedWallet.json", ALICE.address),
            **{
                name: deploy(node, contracts / "FixedAnswer.json", NOBODY, bytes.fromhex(ANSWERS[name][0]), 32)
                for name in ("yes", "no")
            },
            "quiet": deploy(node, contracts / "FixedAnswer.json", NOBODY, bytes.fromhex(ANSWERS["yes"][0]), 32),
            "plain": BOB.address,
        }
        found["delegated"] = delegate(node, DAVE, found["yes"])
        for address in found.values():
            fund(node, address)
        node.batch([("evm_mine", [])] * 70)
        before = int(node.call("eth_blockNumber"), 16)
        addresses = {name: checksum_address(address) for name, address in found.items()}
        made = Round(folder, (node.url, liar.url), liar, addresses, before, before + 2)
        assert attest("key", "new", folder / "exchange.pem", "--no-passphrase").code == 0
        challenge(made)
        swap = call_data("swapOwner(address,address,address)", ALICE.address, BOB.address, MALLORY.address)
        execute(node, found["swapped"], swap, [ALICE, CAROL])
        execute(node, found["raised"], call_data("changeThreshold(uint256)", 3), [ALICE, CAROL])
        assert int(node.call("eth_blockNumber"), 16) == made.after
        yield made


def fund(node: Node, address: str) -> None:
    """Coins at an address, also one whose code takes none: what destroys itself leaves them to it without a call."""
    push_address, destroy = "73", "ff"
    send(node, None, f"0x{push_address}{address[2:]}{destroy}", value=10**18)


def challenge(made: Round) -> None:
    """Write challenges for all wallets and have them signed: by a device for each owner, which sees files alone."""
    config = made.config(made.folder / "x", list(made.addresses), made.before)
    ran = attest("control", "challenge", config, "--period", PERIOD, "-o", made.challenges, "--nonce", NONCE)
    assert ran.code == 0, ran.err
    (made.folder / "back").mkdir()
    held = {"plain": BOB, "delegated": DAVE, "wallet": ALICE, "yes": MALLORY, "no": ALICE, "quiet": MALLORY}
    keys = {made.addresses[name]: key.key.hex() for name, key in held.items()}
    for number, owner in enumerate((ALICE, BOB)):
        stick = made.folder / f"stick {number}"
        shutil.copytree(made.challenges, stick, ignore=shutil.ignore_patterns("challenges.json", "signatures"))
        known = {"keys": {} if number else keys, "owners": {owner.address: owner.key.hex()}, "signers": []}
        (made.folder / f"keys {number}").write_text(json.dumps(known))
        arguments = [DEVICE, stick, made.folder / f"keys {number}", made.folder / "back"]
        subprocess.run([sys.executable, *map(str, arguments)], check=True)


KEYED = ("safe", "plain", "delegated", "hidden")
CONTRACTS = ("wallet", "yes")


def private(folder: Path) -> Path:
    return folder / "private" / PERIOD


def verified(made: Round, folder: Path) -> Ran:
    bundle = folder / "publication" / PERIOD / f"{PERIOD}.attest.json"
    return attest("verify", bundle, "--key", made.folder / "exchange.pem.pub", "--at", "2026-11-01T02:00:00Z", "--json")


def step_13(ran: Ran) -> tuple[str, str]:
    (step,) = [step for step in ran.document["steps"] if step["number"] == 13]
    return step["status"], step["detail"]


def records(folder: Path, kind: type[Record]) -> list[Any]:
    return [record for record in open_evidence(folder).records.values() if isinstance(record, kind)]


def test_a_month_is_attested_with_the_signatures_of_the_owners_of_safes(made: Round, tmp_path: Path) -> None:
    shutil.copytree(made.challenges, tmp_path / "c")
    ran = attest("control", "add", tmp_path / "c", *made.signatures(*KEYED))
    assert (ran.code, ran.out.count("VERIFIED, eip1271-safe"), ran.out.count("VERIFIED, eip191")) == (0, 2, 2)
    ran = made.run(tmp_path / "x", KEYED, tmp_path / "c")
    assert ran.code == 0, ran.err
    ran = verified(made, tmp_path / "x")
    # The hidden Safe is not among what is public, and the others cover their lines only with it.
    status, detail = step_13(ran)
    assert (ran.code, status) == (0, "NOT CHECKED")
    assert detail.startswith("3 addresses signed")
    assert detail.endswith(f"nonces: {NONCE}; the signatures of the others are not at hand")
    for path in (tmp_path / "x/publication").rglob("*.jsonl"):
        shutil.copy(private(tmp_path / "x") / "evidence.jsonl", path.parent)
    ran = verified(made, tmp_path / "x")
    assert step_13(ran) == ("VERIFIED", step_13(ran)[1])
    assert "4 of 4 balances lie wholly at addresses that signed" in step_13(ran)[1]
    assert {
        line["control"]
        for line in json.loads((private(tmp_path / "x") / "statement.json").read_bytes())["predicate"]["reserves"]
    } == {"signature"}


@ON_ANVIL
def test_the_record_of_a_safe_is_public_when_its_wallet_is_and_is_shown_and_disclosed(
    made: Round, tmp_path: Path
) -> None:
    control = made.returned(tmp_path / "c", KEYED)
    assert made.run(tmp_path / "x", KEYED, control).code == 0
    public, kept = tmp_path / "x/publication" / PERIOD, private(tmp_path / "x")
    (safe,) = records(public, EthereumSafe)
    assert (safe.wallet, safe.address, safe.version) == ("safe", made.addresses["safe"], "1.4.1")
    assert (safe.owners, safe.threshold) == ((ALICE.address, BOB.address, CAROL.address), 2)
    assert {record.wallet for record in records(kept, EthereumSafe)} == {"safe", "hidden"}
    hidden = made.addresses["hidden"].encode().lower()
    assert hidden not in (public / "evidence-public.jsonl").read_bytes().lower()
    shown = attest("evidence", "show", kept)
    assert f"{safe.address}, a Safe 1.4.1: 2 of 3 owners {ALICE.address}, {BOB.address}" in shown.out
    assert f"{safe.address} signed, eip1271-safe" in shown.out
    for folder, count in ((kept, 2), (public, 1)):
        ran = attest("evidence", "check", folder)
        assert (ran.code, f"VERIFIED: the owners of {count} Safes follow from their proofs" in ran.out) == (0, True)
    ran = attest("evidence", "disclose", kept, "hidden", "-o", public / "hidden.disclosed.jsonl")
    assert ran.code == 0
    assert attest("evidence", "check", public, "--json").document["safes"] == 2
    assert {record.wallet for record in records(public, ControlProof)} == {*KEYED}


def test_a_reading_that_was_made_before_is_signed_for(made: Round, tmp_path: Path) -> None:
    control = made.returned(tmp_path / "c", KEYED)
    config = made.config(tmp_path / "x", KEYED, made.before)
    assert attest("reserves", "read", config, "--period", PERIOD, "-o", tmp_path / "r").code == 0
    ran = attest("run", config, "--period", PERIOD, "--reserves", tmp_path / "r", "--control", control)
    assert (ran.code, len(records(private(tmp_path / "x"), EthereumSafe))) == (0, 2)


@ON_ANVIL
def test_what_a_contract_says_is_shown_as_what_it_is_and_counts_as_none(made: Round, tmp_path: Path) -> None:
    names = ("safe", *CONTRACTS)
    shutil.copytree(made.challenges, tmp_path / "c")
    ran = attest("control", "add", tmp_path / "c", *made.signatures(*names))
    assert (ran.code, ran.out.count("NOT CHECKED: only the contract can say"), ran.out.count("VERIFIED")) == (0, 2, 1)
    document = attest("control", "add", tmp_path / "c", "--json").document
    assert sorted(item["wallet"] for item in document["unchecked"]) == ["wallet", "yes"]
    assert [item["wallet"] for item in document["returned"]] == ["safe"]
    assert made.run(tmp_path / "x", names, tmp_path / "c").code == 5
    ran = verified(made, tmp_path / "x")
    status, detail = step_13(ran)
    assert (ran.code, status) == (5, "NOT MET")
    assert detail.startswith("1 addresses signed")
    assert "1 of 3 balances" in detail
    assert (
        "2 contracts said yes to their signatures, by the word of n1, n2; "
        "that a contract says yes shows no key, so it counts as none"
    ) in detail
    answers = records(tmp_path / "x/publication" / PERIOD, ContractControl)
    assert {(item.wallet, item.kind, item.said_by) for item in answers} == {
        (name, "contract", ("n1", "n2")) for name in CONTRACTS
    }
    shown = attest("evidence", "show", tmp_path / "x/publication" / PERIOD)
    assert "a contract, says yes by the word of n1, n2: counts as none" in shown.out


@ON_ANVIL
def test_what_a_contract_of_a_hidden_wallet_says_is_for_who_is_shown_it(made: Round, tmp_path: Path) -> None:
    control = made.returned(tmp_path / "c", ["safe", "quiet"])
    assert made.run(tmp_path / "x", ["safe", "quiet"], control).code == 5
    public = tmp_path / "x/publication" / PERIOD
    quiet = made.addresses["quiet"].encode().lower()
    assert quiet not in (public / "evidence-public.jsonl").read_bytes().lower()
    disclosed = public / "quiet.disclosed.jsonl"
    assert attest("evidence", "disclose", private(tmp_path / "x"), "quiet", "-o", disclosed).code == 0
    assert [record.wallet for record in records(public, ContractControl)] == ["quiet"]


@ON_ANVIL
def test_a_contract_that_says_no_ends_the_run_and_is_named(made: Round, tmp_path: Path) -> None:
    control = made.returned(tmp_path / "c", ["no"])
    ran = made.run(tmp_path / "x", ["no"], control)
    assert ran.code == 1
    assert f"the signature of {made.addresses['no']} (wallet no) does not hold at the pinned block" in ran.err
    assert not (tmp_path / "x/publication").exists()


def test_a_run_that_goes_on_knows_the_safes_that_were_read(made: Round, tmp_path: Path) -> None:
    def unasked(_: list[Any], __: Any) -> Any:
        raise LookupError("not again")

    config = made.config(tmp_path / "x", ["safe", "no"], made.before)
    control = made.returned(tmp_path / "c", ["safe", "no"])
    ran = attest("run", config, "--period", PERIOD, "--control", control)
    assert (ran.code, "run again to go on at the same blocks" in ran.err) == (1, True)
    (control / "signatures" / "no-0001.sig").unlink()
    made.liar.changing(eth_getCode=unasked, eth_getProof=unasked)
    try:
        ran = attest("run", config, "--period", PERIOD, "--control", control)
    finally:
        made.liar.changing()
    assert ran.code == 5
    assert [record.wallet for record in records(private(tmp_path / "x"), EthereumSafe)] == ["safe"]


def test_a_contract_that_cannot_be_asked_any_more_is_told_of_and_counts_as_none(made: Round, tmp_path: Path) -> None:
    def pruned(_: list[Any], __: Any) -> Any:
        raise LookupError("missing trie node")

    control = made.returned(tmp_path / "c", ["safe", "yes"])
    made.liar.changing(eth_call=pruned)
    try:
        ran = made.run(tmp_path / "x", ["safe", "yes"], control)
    finally:
        made.liar.changing()
    assert ran.code == 5
    assert f"the contract {made.addresses['yes']} of wallet yes was not asked" in ran.err
    (answer,) = records(private(tmp_path / "x"), ContractControl)
    assert (answer.said_by, answer.kind) == ((), None)
    assert "1 contracts could not be asked" in step_13(verified(made, tmp_path / "x"))[1]


@ON_ANVIL
def test_owners_for_whom_only_the_contract_can_speak_make_no_signature(made: Round, tmp_path: Path) -> None:
    """A Safe of a key and of another Safe, whose owners sign for it."""
    safe, mixed = made.addresses["safe"], made.addresses["mixed"]
    outer = safe_typed_data(CHAIN, mixed, eip191_digest(made.challenge("mixed").text))
    message = b"\x19" + b"".join(encode_typed_data(full_message=outer))
    signable = encode_typed_data(full_message=safe_typed_data(CHAIN, safe, message))
    keys = sorted((ALICE, BOB), key=lambda key: int(key.address, 16))
    inner = b"".join(bytes(key.sign_message(signable).signature) for key in keys)
    parts = {
        safe: bytes.fromhex(safe[2:]).rjust(32, b"\0") + (2 * 65).to_bytes(32) + b"\0",
        ALICE.address: made.part(ALICE, "mixed"),
    }
    whole = b"".join(parts[owner] for owner in sorted(parts, key=lambda owner: int(owner, 16)))
    path = tmp_path / "mixed-0001.sig"
    path.write_text("0x" + (whole + len(inner).to_bytes(32) + inner).hex())
    shutil.copytree(made.challenges, tmp_path / "c")
    ran = attest("control", "add", tmp_path / "c", path)
    assert (ran.code, "NOT CHECKED: only the contract can say" in ran.out) == (0, True)
    assert made.run(tmp_path / "x", ["mixed"], tmp_path / "c").code == 5
    (answer,) = records(private(tmp_path / "x"), ContractControl)
    assert (answer.kind, answer.said_by) == ("safe", ("n1", "n2"))


@pytest.mark.parametrize(
    ("name", "told"), [("swapped", "is no owner of the Safe"), ("raised", "2 owners of the Safe signed, 3 must")]
)
def test_the_owners_and_the_threshold_are_those_of_the_pinned_block(
    name: str, told: str, made: Round, tmp_path: Path
) -> None:
    control = made.returned(tmp_path / "c", [name])
    assert made.run(tmp_path / "before", [name], control).code == 0
    ran = made.run(tmp_path / "after", [name], control, made.after)
    assert ran.code == 1
    assert f"the signature of {made.addresses[name]} (wallet {name}) does not hold at the pinned block" in ran.err
    assert told in ran.err
    assert not (tmp_path / "after/publication").exists()


def test_owners_who_signed_beyond_the_threshold_serve_when_it_is_raised(made: Round, tmp_path: Path) -> None:
    shutil.copytree(made.challenges, tmp_path / "c")
    paths = [tmp_path / f"raised-0001.{number}.sig" for number in range(3)]
    for path, key in zip(paths, (CAROL, ALICE, BOB), strict=True):
        path.write_text("0x" + made.part(key, "raised").hex())
    assert attest("control", "add", tmp_path / "c", *paths).code == 0
    assert made.run(tmp_path / "x", ["raised"], tmp_path / "c", made.after).code == 0


def malleated(part: bytes) -> bytes:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    return part[:32] + (order - int.from_bytes(part[32:64])).to_bytes(32) + bytes([27 + 28 - part[64]])


REFUSED: dict[str, tuple[Callable[[Round], list[bytes]], str]] = {
    "too few owners": (lambda m: [m.part(ALICE, "safe")], "1 owners of the Safe signed, 2 must"),
    "one owner twice": (lambda m: [m.part(ALICE, "safe")] * 2, "stands twice"),
    "one owner twice, once malleated": (
        lambda m: [m.part(ALICE, "safe"), malleated(m.part(ALICE, "safe"))],
        "stands twice",
    ),
    "one owner twice, once short": (lambda m: [m.part(ALICE, "safe"), m.part(ALICE, "safe")[:64]], "stands twice"),
    "someone who is no owner": (lambda m: [m.part(k, "safe") for k in (ALICE, MALLORY)], "is no owner"),
    "last month's": (lambda m: [m.part(k, "safe", period="2026-01") for k in (ALICE, BOB)], "is no owner"),
    "another exchange's": (lambda m: [m.part(k, "safe", entity="x.example") for k in (ALICE, BOB)], "is no owner"),
    "of another nonce": (lambda m: [m.part(k, "safe", nonce="-") for k in (ALICE, BOB)], "is no owner"),
    "another Safe's": (lambda m: [m.part(k, "raised") for k in (ALICE, BOB)], "is no owner"),
    "for another Safe": (
        lambda m: [m.part(k, "safe", safe=m.addresses["raised"]) for k in (ALICE, BOB)],
        "is no owner",
    ),
    "another chain's": (lambda m: [m.part(k, "safe", network="eip155:1") for k in (ALICE, BOB)], "is no owner"),
    "of the bare text": (
        lambda m: [bytes(k.unsafe_sign_hash(eip191_digest(m.challenge("safe").text)).signature) for k in (ALICE, BOB)],
        "is no owner",
    ),
    "63 bytes": (lambda m: [m.part(ALICE, "safe"), m.part(BOB, "safe")[:63]], "63 bytes instead of 65"),
    "an empty one": (lambda m: [m.part(ALICE, "safe"), b""], "this is not a signature"),
}


@pytest.mark.parametrize("case", REFUSED)
@ON_ANVIL
def test_what_is_not_enough_owners_over_the_challenge_is_refused_by_file(
    case: str, made: Round, tmp_path: Path
) -> None:
    make, told = REFUSED[case]
    shutil.copytree(made.challenges, tmp_path / "c")
    paths = []
    for number, part in enumerate(make(made)):
        paths.append(tmp_path / f"safe-0001.owner{number}.sig")
        paths[-1].write_text(f"0x{part.hex()}")
    ran = attest("control", "add", tmp_path / "c", *paths)
    assert (ran.code in {1, 3}, told in ran.err, "safe-0001.owner" in ran.err) == (True, True, True), ran.err
    assert list((tmp_path / "c" / "signatures").iterdir()) == []


@pytest.mark.parametrize("write", [malleated, lambda part: part[:64], lambda part: part[:64] + bytes([part[64] - 27])])
@ON_ANVIL
def test_what_an_owners_device_writes_is_kept_as_the_safe_takes_it(
    write: Callable[[bytes], bytes], made: Round, tmp_path: Path
) -> None:
    shutil.copytree(made.challenges, tmp_path / "c")
    parts = [made.part(key, "safe") for key in sorted((ALICE, BOB), key=lambda key: int(key.address, 16))]
    paths = [tmp_path / f"safe-0001.{number}.sig" for number in range(2)]
    for path, part in zip(paths, parts, strict=True):
        path.write_text(write(part).hex())
    assert attest("control", "add", tmp_path / "c", *paths).code == 0
    assert (tmp_path / "c" / "signatures" / "safe-0001.sig").read_text() == "0x" + b"".join(parts).hex()


@ON_ANVIL
def test_the_signature_may_come_in_one_file_as_the_safe_takes_it(made: Round, tmp_path: Path) -> None:
    shutil.copytree(made.challenges, tmp_path / "c")
    path = tmp_path / "safe-0001.sig"
    parts = [made.part(key, "safe") for key in sorted((ALICE, CAROL), key=lambda key: int(key.address, 16))]
    path.write_text("0x" + b"".join(reversed(parts)).hex())
    ran = attest("control", "add", tmp_path / "c", path)
    assert (ran.code, "not in its place" in ran.err) == (1, True)
    path.write_text("0x" + b"".join(parts).hex())
    ran = attest("control", "add", tmp_path / "c", path)
    assert (ran.code, "VERIFIED, eip1271-safe" in ran.out) == (0, True)


@ON_ANVIL
def test_a_signature_for_a_contract_that_left_the_config_is_left_out(made: Round, tmp_path: Path) -> None:
    control = made.returned(tmp_path / "c", ["safe", "raised", "yes"])
    ran = made.run(tmp_path / "x", ["safe"], control)
    assert ran.code == 0
    for name in ("raised", "yes"):
        assert f"left out: a signature of {made.addresses[name]}" in ran.err
    assert [record.wallet for record in records(private(tmp_path / "x"), ControlProof)] == ["safe"]


def test_a_node_of_the_readers_own_is_asked_what_contracts_say(made: Round, tmp_path: Path) -> None:
    control = made.returned(tmp_path / "c", ["yes", "safe"])
    made.run(tmp_path / "x", ["yes", "safe"], control)
    public = tmp_path / "x/publication" / PERIOD
    ran = attest("evidence", "check", public)
    assert (ran.code, "NOT CHECKED: what contracts say of their signatures" in ran.out) == (0, True)
    ran = attest("evidence", "check", public, "--node", f"{CHAIN}={made.urls[0]}")
    assert (ran.code, "VERIFIED: 1 contracts of eip155:31337 say yes" in ran.out) == (0, True)
    made.liar.changing(eth_call=lambda _, __: "0x" + "00" * 32)
    try:
        ran = attest("evidence", "check", public, "--node", f"{CHAIN}={made.urls[1]}")
    finally:
        made.liar.changing()
    assert (ran.code, f"the contract at {made.addresses['yes']} does not take the signature" in ran.err) == (1, True)


@pytest.fixture(scope="module")
def attested(made: Round, tmp_path_factory: pytest.TempPathFactory) -> EvidenceFolder:
    """The evidence of a month with two Safes, a key and a contract that says yes."""
    folder = tmp_path_factory.mktemp("attested")
    control = made.returned(folder / "c", ["safe", "raised", "plain", "yes"])
    assert made.run(folder / "x", ["safe", "raised", "plain", "yes"], control).code == 5
    return open_evidence(private(folder / "x"))


def index_of(records: Mapping[int, Any], kind: type[Record], wallet: str) -> int:
    (index,) = [index for index, item in records.items() if isinstance(item, kind) and item.wallet == wallet]
    return index


def edited(folder: EvidenceFolder, kind: type[Record], wallet: str, **fields: Any) -> dict[int, Any]:
    index = index_of(folder.records, kind, wallet)
    return folder.records | {index: folder.records[index].model_copy(update=fields)}


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "an owner more": ({"owners": (ALICE.address, BOB.address, CAROL.address, MALLORY.address)}, "another owners"),
    "another owner": ({"owners": (ALICE.address, BOB.address, MALLORY.address)}, "another owners"),
    "owners in another order": ({"owners": (BOB.address, ALICE.address, CAROL.address)}, "another owners"),
    "a lower threshold": ({"threshold": 1}, "another threshold"),
    "another version": ({"version": "1.3.0"}, "another version"),
    "no proof": ({"proof": ()}, "do not lead"),
    "the address of a plain key": ({"address": BOB.address}, ""),
    "a wrong checksum": ({"address": None}, "checksum"),
    "another chain": ({"chain": "eip155:1"}, "no header"),
}


@pytest.mark.parametrize("case", LIES)
@ON_ANVIL
def test_a_record_of_a_safe_that_lies_is_named(case: str, attested: EvidenceFolder) -> None:
    assert attested.check({}).rechecked.safes == 2
    fields, told = LIES[case]
    index = index_of(attested.records, EthereumSafe, "safe")
    if "address" in fields and fields["address"] is None:
        fields = {"address": "0x" + attested.records[index].address[2:].swapcase()}
    with pytest.raises(VerificationError, match=rf"^record {index} \(ethereum-safe") as caught:
        attested._replace(records=edited(attested, EthereumSafe, "safe", **fields)).check({})
    assert told in caught.value.message


@ON_ANVIL
def test_a_plain_address_is_no_safe_whatever_a_record_says(attested: EvidenceFolder) -> None:
    plain = attested.records[index_of(attested.records, EthereumBalance, "plain")]
    lie = edited(attested, EthereumSafe, "safe", address=plain.address, proof=plain.proof)
    with pytest.raises(VerificationError, match="its proof shows that there is no known Safe"):
        attested._replace(records=lie).check({})


@ON_ANVIL
def test_a_safe_has_one_record(attested: EvidenceFolder) -> None:
    index = index_of(attested.records, EthereumSafe, "safe")
    doubled = attested.records | {1000: attested.records[index]}
    with pytest.raises(VerificationError, match=r"record 1000 .*same Safe"):
        attested._replace(records=doubled).check({})


def without(folder: EvidenceFolder, kind: type[Record], wallet: str) -> dict[int, Any]:
    index = index_of(folder.records, kind, wallet)
    return {other: record for other, record in folder.records.items() if other != index}


def as_proof(folder: EvidenceFolder, wallet: str) -> dict[int, Any]:
    """The signature that a contract took as if keys had made it."""
    index = index_of(folder.records, ContractControl, wallet)
    fields = folder.records[index].to_value() | {"type": "control", "method": "eip1271-safe"}
    proof = {name: value for name, value in fields.items() if name not in {"kind", "saidBy"}}
    return folder.records | {index: ControlProof.from_value(proof, what="it")}


def beside(folder: EvidenceFolder, wallet: str) -> dict[int, Any]:
    """The signature of a Safe once more, as one that a contract took."""
    proof = folder.records[index_of(folder.records, ControlProof, wallet)]
    fields = {"salt": proof.salt, "wallet": wallet, "challenge": proof.challenge, "signature": "0x00"}
    return folder.records | {1000: ContractControl(type="control-contract", said_by=("n1",), kind="safe", **fields)}


FORGED: dict[str, tuple[Callable[[EvidenceFolder], dict[int, Any]], str]] = {
    "no record of the Safe": (lambda f: without(f, EthereumSafe, "safe"), "control/no-safe"),
    "a Safe with a higher threshold": (
        lambda f: edited(f, EthereumSafe, "safe", threshold=3),
        "control/too-few-signers",
    ),
    "a Safe of others": (
        lambda f: edited(f, EthereumSafe, "safe", owners=(ALICE.address, MALLORY.address, CAROL.address)),
        "control/not-an-owner",
    ),
    "the signature of another Safe": (
        lambda f: edited(
            f, ControlProof, "safe", signature=f.records[index_of(f.records, ControlProof, "raised")].signature
        ),
        "control/not-an-owner",
    ),
    "the method of a key": (lambda f: edited(f, ControlProof, "safe", method="eip191"), "control/"),
    "the method of a Safe": (lambda f: edited(f, ControlProof, "plain", method="eip1271-safe"), "control/no-safe"),
    "a contract that says yes as a Safe": (lambda f: as_proof(f, "yes"), "control/no-safe"),
    "a contract and a Safe at one address": (lambda f: beside(f, "safe"), "control/twice"),
}


def terms() -> Terms:
    end = datetime.strptime(PERIOD, "%Y-%m").replace(tzinfo=UTC) + timedelta(days=31)
    return Terms("exchange.example", PERIOD, end.replace(day=1), NOW)


@pytest.mark.parametrize("case", FORGED)
@ON_ANVIL
def test_a_signature_that_does_not_hold_is_named_by_its_record(case: str, attested: EvidenceFolder) -> None:
    forge, code = FORGED[case]
    places = signed_places(attested.records, terms())
    assert len(places) == 3
    with pytest.raises(VerificationError, match=r"^record \d+ \(control") as caught:
        signed_places(forge(attested), terms())
    assert caught.value.code.startswith(code)


@ON_ANVIL
def test_a_contract_that_answered_is_bound_to_its_challenge(attested: EvidenceFolder) -> None:
    index = index_of(attested.records, ContractControl, "yes")
    old = attested.records[index].challenge.model_copy(update={"period": "2026-01"})
    with pytest.raises(VerificationError, match=rf"record {index} \(control-contract.*for the period 2026-01"):
        signed_places(edited(attested, ContractControl, "yes", challenge=old), terms())


@ON_ANVIL
def test_a_statement_that_counts_a_contract_as_signed_fails_at_step_13(made: Round, tmp_path: Path) -> None:
    control = made.returned(tmp_path / "c", ["yes"])
    made.run(tmp_path / "x", ["yes"], control)
    value = json.loads((private(tmp_path / "x") / "statement.json").read_bytes())
    value["predicate"]["reserves"][0]["control"] = "signature"
    signer = read_signer(made.folder / "exchange.pem", lambda: "")
    files = {path.name: path.read_bytes() for path in (tmp_path / "x/publication" / PERIOD).iterdir()}
    steps: list[Step] = []
    with pytest.raises(VerificationError, match="the signatures cover other balances"):
        verify(
            signed_bundle(dumps(value), signer),
            Anchors.keys([signer.public]),
            now=datetime.now(UTC),
            sources=Sources(files.get),
            tell=steps.append,
        )
    assert [step.number for step in steps if step.status == "FAILED"] == [13]
