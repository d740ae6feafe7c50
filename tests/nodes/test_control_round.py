"""Challenges out, signatures in: what the statement says of control is what the keys signed."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from attest.attestation.files import PUBLIC_EVIDENCE
from attest.canonical import dumps
from attest.chains.nodes.rpc import Node
from attest.cli.render.verified import not_met_text
from attest.control.records import ChallengeBlock, ControlProof
from attest.demo import exchange as demo
from attest.errors import AttestError, MalformedError, VerificationError
from attest.evidence.record import Record
from attest.exchange import month as monthly
from attest.exchange.config import Config, read_config
from attest.exchange.control.ask import write_challenges
from attest.exchange.control.returned import Standing, add_signatures, challenges_and_standing, control_records
from attest.exchange.own_keys import read_signer
from attest.exchange.publishing.finishing import Outcome
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from attest.verification.anchors import Anchors, Sources
from attest.verification.control.recheck import Terms, signed_places
from attest.verification.evidence.reread import reread_blocks
from attest.verification.steps import Step
from attest.verification.verify import verify
from tests.conftest import signed_bundle
from tests.world.control_round import CHALLENGED, DEVICE, NONCE, NOW, keys


@dataclass(frozen=True)
class Round:
    folder: Path
    challenges: Path
    signatures: list[Path]
    nodes: dict[str, str]

    @property
    def config(self) -> Config:
        return read_config(self.folder / demo.CONFIG_FILE)

    def run(self, control: Path | None, *, config: Config | None = None, read: Path | None = None) -> Outcome:
        for name in ("publication", "private"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        return monthly.run(
            config or self.config,
            demo.PERIOD,
            Surroundings(self.folder, NOW, self.nodes),
            MonthInputs(
                bytes(32),
                lambda _: "",
                read=read,
                control=control if isinstance(control, tuple) else () if control is None else (control,),
            ),
        )

    def copy(self, folder: Path) -> Path:
        shutil.copytree(self.challenges, folder)
        return folder


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    folder = tmp_path_factory.mktemp("control")
    demo.write_exchange(folder / "x")
    with demo.live_nodes() as nodes:
        around = Surroundings(folder / "x", CHALLENGED, nodes)
        config = read_config(folder / "x" / demo.CONFIG_FILE)
        write_challenges(config, demo.PERIOD, bytes.fromhex(NONCE), folder / "challenges", around)
        # The device has a copy of the text and PSBT files, its keys, and an empty folder to write to.
        for name in ("stick", "keys", "back"):
            (folder / name).mkdir()
        for path in (folder / "challenges").iterdir():
            if path.suffix in {".txt", ".psbt"}:
                shutil.copy(path, folder / "stick")
        (folder / "keys" / "keys.json").write_text(json.dumps(keys()), encoding="utf-8")
        subprocess.run(
            [
                sys.executable,
                str(DEVICE),
                str(folder / "stick"),
                str(folder / "keys" / "keys.json"),
                str(folder / "back"),
            ],
            check=True,
        )
        yield Round(folder / "x", folder / "challenges", sorted((folder / "back").iterdir()), nodes)


def counted(standing: Standing) -> tuple[int, int]:
    return len(standing.returned), len(standing.missing)


def test_a_full_round_shows_everything_under_control(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    before = add_signatures(control, [])
    assert before.returned == []
    total = len(before.missing)
    assert counted(add_signatures(control, signed.signatures)) == (total, 0)
    outcome = signed.run(control)
    assert {line.control for line in outcome.verified.statement.predicate.reserves} == {"signature"}
    step = outcome.verified.step("control")
    assert (step.status, step.detail.startswith(f"{total} addresses signed")) == ("VERIFIED", True)
    assert not outcome.verified.adverse


def test_every_bitcoin_address_has_a_psbt_and_it_is_told_which_of_them_name_no_key(
    signed: Round, tmp_path: Path
) -> None:
    said: list[str] = []
    around = Surroundings(signed.folder, CHALLENGED, signed.nodes, said.append)
    challenges = write_challenges(signed.config, demo.PERIOD, b"\xab" * 64, tmp_path / "c", around)
    bitcoin = {item.name: item.wallet for item in challenges.items if item.challenge.chain.startswith("bip122:")}
    assert {path.stem for path in (tmp_path / "c").glob("*.psbt")} == bitcoin.keys()
    plain = [wallet.id for wallet in signed.config.wallets if wallet.address and wallet.id in bitcoin.values()]
    (line,) = [line for line in said if "name no key" in line]
    assert line.startswith(f"{len([wallet for wallet in bitcoin.values() if wallet in plain])} PSBTs")
    assert "descriptor" in line
    assert [line for line in said if "more than the 330 characters that a Coldcard signs" in line]


def test_a_wallet_without_a_signature_is_said_and_not_met(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    kept = [path for path in signed.signatures if not path.name.startswith("eth-hot-")]
    standing = add_signatures(control, kept)
    assert [item.wallet for item in standing.missing] == ["eth-hot"]
    outcome = signed.run(control)
    lines = outcome.verified.statement.predicate.reserves
    assert {(line.asset, line.storage) for line in lines if line.control == "none"} == {("ETH", "hot"), ("DUSD", "hot")}
    assert outcome.verified.step("control").status == "NOT MET"
    assert outcome.verified.adverse
    assert not_met_text(outcome.verified).startswith("NOT MET  control proofs: ")


def test_a_descriptor_is_under_control_only_when_each_of_its_coins_is(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    cold = sorted(path for path in signed.signatures if path.name.startswith("btc-cold-"))
    assert len(cold) == 6  # three addresses that hold coins, two signers
    add_signatures(control, [path for path in signed.signatures if path not in cold[:2]])
    lines = signed.run(control).verified.statement.predicate.reserves
    assert {
        line.control for line in lines if (line.asset, line.storage, line.purpose) == ("BTC", "cold", "customer")
    } == {"none"}


def test_one_signer_of_two_is_too_few(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    one = [path for path in signed.signatures if path.name == "btc-cold-0001.signer1.psbt"]
    with pytest.raises(AttestError, match=r"btc-cold-0001.signer1.psbt: "):
        add_signatures(control, one)
    twice = tmp_path / "btc-cold-0001.again.psbt"
    shutil.copy(one[0], twice)
    with pytest.raises(AttestError, match=r"btc-cold-0001"):
        add_signatures(control, [*one, twice])
    assert counted(add_signatures(control, []))[0] == 0


@pytest.mark.parametrize("change", ["period", "nonce", "entity", "block", "address"])
def test_a_signature_of_another_challenge_is_refused_by_file(change: str, signed: Round, tmp_path: Path) -> None:
    """Last month's, another exchange's, of an older block, and of another address."""
    control = signed.copy(tmp_path / "c")
    value = json.loads((control / "challenges.json").read_bytes())
    other = {"period": "2026-09", "nonce": "-", "entity": "other.example", "block": 1, "address": None}[change]
    for item in value["items"]:
        if change == "block":
            item["challenge"]["height"] = other
        elif change == "address":
            item["challenge"]["address"] = value["items"][-1]["challenge"]["address"]
        else:
            item["challenge"][change] = other
    (control / "challenges.json").write_bytes(dumps(value))
    (sig,) = [path for path in signed.signatures if path.name == "eth-cold-0001.sig"]
    with pytest.raises(VerificationError, match=r"eth-cold-0001.sig: "):
        add_signatures(control, [sig])
    assert counted(add_signatures(control, []))[0] == 0


TERMS = Terms("exchange.example", demo.PERIOD, datetime(2026, 10, 31, 15, tzinfo=UTC), NOW)
FORGED: dict[str, tuple[Callable[[dict[int, Any]], object], Terms, str, str]] = {
    "a signature of last month": (lambda _: None, TERMS._replace(period="2026-11"), "control/challenge", "period"),
    "a signature of another exchange": (
        lambda _: None,
        TERMS._replace(entity="x.example"),
        "control/challenge",
        "entity",
    ),
    "an old block": (
        lambda _: None,
        TERMS._replace(snapshot_at=TERMS.snapshot_at + timedelta(days=40), issued_at=NOW + timedelta(days=40)),
        "control/stale",
        "over 31 days",
    ),
    "a block after the statement": (
        lambda _: None,
        TERMS._replace(issued_at=TERMS.snapshot_at - timedelta(days=1)),
        "control/stale",
        "after the statement",
    ),
    "no block": (lambda r: [r.pop(i) for i in indices(r, ChallengeBlock)], TERMS, "control/block", "no record has"),
    "a header of another height": (
        lambda r: edit(r, ChallengeBlock, height=1),
        TERMS,
        "control/block",
        "record",
    ),
    "a header of another block": (
        lambda r: edit(r, ChallengeBlock, header=r[indices(r, ChallengeBlock)[0]].header[:-1] + b"\1"),
        TERMS,
        "control/block",
        "record",
    ),
    "one signature twice": (
        lambda r: r.update({1000: r[indices(r, ControlProof)[0]]}),
        TERMS,
        "control/twice",
        "another record",
    ),
    "another method": (lambda r: edit(r, ControlProof, method="bip137"), TERMS, "control/method", "not one of bip137"),
    "the signature of another wallet": (
        lambda r: edit(r, ControlProof, signature=r[indices(r, ControlProof)[1]].signature),
        TERMS,
        "control/",
        "record",
    ),
}


def indices(records: dict[int, Any], kind: type[Record]) -> list[int]:
    return [index for index, record in records.items() if isinstance(record, kind)]


def edit(records: dict[int, Any], kind: type[Record], **fields: Any) -> None:
    index = indices(records, kind)[0]
    records[index] = records[index].model_copy(update=fields)


@pytest.mark.parametrize("case", FORGED)
def test_what_does_not_hold_is_named_by_its_record(case: str, signed: Round, tmp_path: Path) -> None:
    forge, terms, code, told = FORGED[case]
    control = signed.copy(tmp_path / "c")
    add_signatures(control, signed.signatures)
    records: dict[int, Any] = dict(enumerate(control_records(*challenges_and_standing(control), 31)))
    assert len(signed_places(records, TERMS)) == len(indices(records, ControlProof))
    forge(records)
    with pytest.raises(VerificationError, match=r"^record \d+") as caught:
        signed_places(records, terms)
    assert caught.value.code.startswith(code)
    assert told in caught.value.message


def test_a_claim_of_control_that_the_signatures_do_not_cover_fails_at_step_13(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    add_signatures(control, [path for path in signed.signatures if not path.name.startswith("eth-hot-")])
    outcome = signed.run(control)
    value = json.loads((outcome.private / "statement.json").read_bytes())
    for line in value["predicate"]["reserves"]:
        line["control"] = "signature"
    signer = read_signer(signed.folder / demo.KEY_FILE, lambda: "")
    files = {path.name: path.read_bytes() for path in outcome.publication.iterdir()}
    steps: list[Step] = []
    with pytest.raises(VerificationError, match="the signatures cover other balances"):
        verify(
            signed_bundle(dumps(value), signer),
            Anchors.keys([signer.public]),
            now=NOW,
            sources=Sources(files.get),
            tell=steps.append,
        )
    assert [step.number for step in steps if step.status == "FAILED"] == [13]


def test_a_file_that_is_named_after_nothing_is_refused(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    stray = tmp_path / "btc-hot.sig"
    stray.write_text("x")
    with pytest.raises(MalformedError, match="not named after a challenge"):
        add_signatures(control, [stray])


def with_wallet(config: Config, wallet: str, *instead: dict[str, Any]) -> Config:
    """The config with other wallets at the place of `wallet`."""
    wallets = [item for item in config.wallets if item.id != wallet]
    (old,) = [item for item in config.wallets if item.id == wallet]
    return config.model_copy(update={"wallets": (*(old.model_copy(update=fields) for fields in instead), *wallets)})


def test_an_address_of_two_wallets_signs_once_and_shows_what_is_published_there(signed: Round, tmp_path: Path) -> None:
    """Also when a wallet is hidden: the public edition must not lack the proof of a balance that it shows."""
    config = with_wallet(
        signed.config,
        "eth-hot",
        {"id": "hidden-hot", "assets": ("ETH",), "public": False},
        {"id": "shown-hot", "assets": ("DUSD",)},
    )
    around = Surroundings(signed.folder, CHALLENGED, signed.nodes)
    (item,) = [
        item
        for item in write_challenges(config, demo.PERIOD, bytes.fromhex(NONCE), tmp_path / "c", around).items
        if item.wallet.endswith("-hot") and item.challenge.chain.startswith("eip155:")
    ]
    assert item.wallet == "shown-hot"
    message = encode_defunct(text=item.challenge.text)
    signature = Account.sign_message(message, keys()["keys"][item.challenge.address]).signature.hex()
    (tmp_path / f"{item.name}.sig").write_text(f"0x{signature.removeprefix('0x')}")
    add_signatures(tmp_path / "c", [tmp_path / f"{item.name}.sig"])
    outcome = signed.run(tmp_path / "c", config=config)
    lines = outcome.verified.statement.predicate.reserves
    controlled = {(line.asset, line.storage) for line in lines if line.control == "signature"}
    assert controlled == {("ETH", "hot"), ("DUSD", "hot")}
    files = {path.name: path.read_bytes() for path in outcome.publication.iterdir()}
    key = read_signer(signed.folder / demo.KEY_FILE, lambda: "").public
    public = verify(outcome.bundle.read_bytes(), Anchors.keys([key]), now=NOW, sources=Sources(files.get))
    assert public.step("control").detail.startswith("1 addresses signed")


@pytest.mark.parametrize("fields", [{"public": False}, {"public": False, "id": "renamed"}])
def test_the_address_of_a_wallet_hidden_after_the_challenge_is_not_published(
    fields: dict[str, Any], signed: Round, tmp_path: Path
) -> None:
    control = signed.copy(tmp_path / "c")
    add_signatures(control, signed.signatures)
    address = next(wallet.address for wallet in signed.config.wallets if wallet.id == "eth-cold") or ""
    outcome = signed.run(control, config=with_wallet(signed.config, "eth-cold", fields))
    assert outcome.verified.step("control").status == "VERIFIED"
    assert address.lower().encode() not in (outcome.publication / PUBLIC_EVIDENCE).read_bytes().lower()


@pytest.mark.parametrize("again", [True, False])
def test_the_folder_of_a_month_with_signatures_can_be_read_again(signed: Round, tmp_path: Path, *, again: bool) -> None:
    control = signed.copy(tmp_path / "c")
    add_signatures(control, signed.signatures)
    config = with_wallet(signed.config, "eth-cold", {"public": False})
    shutil.copytree(signed.run(control, config=config).private, tmp_path / "month")
    outcome = signed.run(control if again else None, config=config, read=tmp_path / "month")
    assert outcome.verified.step("control").status == ("VERIFIED" if again else "NOT CHECKED")


def test_a_name_with_a_dot_is_not_taken_for_a_shorter_one(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    value = json.loads((control / "challenges.json").read_bytes())
    (hot,) = [item for item in value["items"] if item["name"] == "eth-hot-0001"]
    hot["name"] = "eth-cold-0001.hot-0001"
    (control / "challenges.json").write_bytes(dumps(value))
    (sig,) = [path for path in signed.signatures if path.name == "eth-hot-0001.sig"]
    shutil.copy(sig, tmp_path / "eth-cold-0001.hot-0001.sig")
    standing = add_signatures(control, [tmp_path / "eth-cold-0001.hot-0001.sig"])
    assert [returned.item.name for returned in standing.returned] == ["eth-cold-0001.hot-0001"]


def test_a_psbt_file_may_be_binary(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    for path in signed.signatures:
        if path.name.startswith("btc-cold-0001."):
            (tmp_path / path.name).write_bytes(base64.b64decode(path.read_bytes()))
    standing = add_signatures(control, sorted(tmp_path.glob("*.psbt")))
    assert [returned.item.name for returned in standing.returned] == ["btc-cold-0001"]


@pytest.mark.parametrize(
    ("period", "out", "code"), [("2026-12", "c", "control/early"), ("2026-10", "publication/c", "config/folders")]
)
def test_a_challenge_that_cannot_serve_is_not_written(period: str, out: str, code: str, signed: Round) -> None:
    """One too old at the end of its period, and one that would tell everyone of hidden wallets."""
    around = Surroundings(signed.folder, CHALLENGED, signed.nodes)
    with pytest.raises(MalformedError) as caught:
        write_challenges(signed.config, period, bytes.fromhex(NONCE), signed.folder / out, around)
    assert caught.value.code == code
    assert not (signed.folder / out).exists()


def test_signatures_that_do_not_hold_are_told_before_a_node_is_asked(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    value = json.loads((control / "challenges.json").read_bytes())
    value["blocks"][0]["height"] += 1
    (control / "challenges.json").write_bytes(dumps(value))
    add_signatures(control, signed.signatures)
    with pytest.raises(VerificationError, match=r"\(control"):
        replace(signed, nodes={}).run(control)


def test_a_block_of_the_main_network_that_nobody_mined_dates_no_challenge() -> None:
    header = bytes(68) + int(TERMS.snapshot_at.timestamp()).to_bytes(4, "little") + bytes(8)
    mainnet = "bip122:000000000019d6689c085ae165831e93"
    block = ChallengeBlock(type="control-block", salt=bytes(16), chain=mainnet, height=1, header=header, max_age=31)
    with pytest.raises(VerificationError, match="nobody has mined"):
        signed_places({0: block}, TERMS)


def test_signatures_that_came_later_count_with_the_earlier_ones(signed: Round, tmp_path: Path) -> None:
    first, second = signed.copy(tmp_path / "first"), signed.copy(tmp_path / "second")
    late = [path for path in signed.signatures if path.name.startswith("eth-hot-")]
    add_signatures(first, [path for path in signed.signatures if path not in late])
    add_signatures(second, signed.signatures)
    assert signed.run(first).verified.step("control").status == "NOT MET"
    step = signed.run((first, second)).verified.step("control")
    assert step.status == "VERIFIED"
    assert step.detail.endswith(f"nonces: {NONCE}")  # an auditor compares it with what they drew


def test_a_node_is_asked_for_the_blocks_of_challenges(signed: Round, tmp_path: Path) -> None:
    control = signed.copy(tmp_path / "c")
    add_signatures(control, signed.signatures)
    records = control_records(*challenges_and_standing(control), 31)
    blocks = [record for record in records if isinstance(record, ChallengeBlock)]
    for block in blocks:
        variables = demo.BITCOIN_VARIABLES if block.chain.startswith("bip122:") else demo.ETHEREUM_VARIABLES
        node = Node("n1", signed.nodes[variables[0]])
        reread_blocks(node, [block])
        lower = block.model_copy(update={"height": block.height - 1})
        with pytest.raises(VerificationError):
            reread_blocks(node, [lower])
