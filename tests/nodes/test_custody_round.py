"""A month whose hot coins a custodian holds, and whose cold wallet signs for what the auditor's nonce draws."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attest.attestation.files import PUBLIC_EVIDENCE
from attest.chains.bitcoin.records import BitcoinUtxos
from attest.chains.bitcoin.scripts import address_script
from attest.cli import main
from attest.cli.render.control import control_document, control_table
from attest.cli.render.evidence import records_table
from attest.cli.render.verified import verified_text
from attest.demo import exchange as demo
from attest.demo.plan import load_plan
from attest.errors import AttestError, VerificationError
from attest.exchange import month as monthly
from attest.exchange import surroundings
from attest.exchange.config import read_config
from attest.exchange.control.ask import write_challenges
from attest.exchange.control.confirm import write_confirmation
from attest.exchange.control.returned import add_signatures
from attest.exchange.own_keys import read_signer
from attest.exchange.publishing.finishing import Outcome
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from attest.signing.keys import Signer
from attest.verification.anchors import Anchors, Known, Sources
from attest.verification.evidence.folder import open_evidence
from attest.verification.steps import Step
from attest.verification.verified import Verified
from attest.verification.verify import verify
from tests.world.control_round import CHALLENGED, DEVICE, NONCE, NOW, keys

NAME = "Vault Trust"
DRAWN = bytes.fromhex(NONCE)
KEY, STRANGER = Signer.generate("ed25519"), Signer.generate("ed25519")
CONFIG = f"""
[control]
sample = 2

[[custodians]]
name = "{NAME}"
key = "keys/vault.pem.pub"

[scope]"""


@dataclass(frozen=True)
class Month:
    folder: Path
    reading: Path
    challenges: Path
    back: list[Path]
    nodes: dict[str, str]

    def copy(self, folder: Path, left: tuple[str, ...] = ()) -> Path:
        """The challenges with everything that came back but that of the names in `left`."""
        shutil.copytree(self.challenges, folder)
        add_signatures(folder, [path for path in self.back if not path.name.startswith(left or "?")])
        return folder

    def run(self, control: Path, reading: Path | None = None) -> Outcome:
        for name in ("publication", "private"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        return monthly.run(
            read_config(self.folder / demo.CONFIG_FILE),
            demo.PERIOD,
            Surroundings(self.folder, NOW, self.nodes),
            MonthInputs(bytes(32), lambda _: "", read=reading or self.reading, control=(control,)),
        )

    def verify(
        self,
        outcome: Outcome,
        *,
        auditor: bool = True,
        known: Known = Known(),
        tell: Callable[[Step], None] = lambda _: None,
    ) -> Verified:
        files = {path.name: path.read_bytes() for path in outcome.publication.iterdir()}
        if auditor:
            files |= {path.name: path.read_bytes() for path in outcome.private.iterdir() if path.is_file()}
        key = read_signer(self.folder / demo.KEY_FILE, lambda: "").public
        return verify(
            outcome.bundle.read_bytes(),
            Anchors.keys([key]),
            now=NOW,
            sources=Sources(files.get),
            known=known,
            tell=tell,
        )


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("custody")
    demo.write_exchange(folder / "x")
    config_file = folder / "x" / demo.CONFIG_FILE
    text = config_file.read_text(encoding="utf-8").replace("\n[scope]", CONFIG, 1)
    config_file.write_text(text.replace('id = "eth-hot"', f'id = "eth-hot"\ncustodian = "{NAME}"'), encoding="utf-8")
    (folder / "x" / "keys" / "vault.pem.pub").write_bytes(KEY.public.to_pem())
    with demo.live_nodes() as nodes:
        config = read_config(config_file)
        write_reserves(config, demo.PERIOD, folder / "reading", Surroundings(folder / "x", NOW, nodes))
        around = Surroundings(folder / "x", CHALLENGED, nodes)
        write_challenges(config, demo.PERIOD, DRAWN, folder / "challenges", around, folder / "reading")
        for name in ("stick", "keys", "back"):
            (folder / name).mkdir()
        for path in (folder / "challenges").iterdir():
            if path.suffix in {".txt", ".psbt"} and not path.name.startswith("eth-hot-"):
                shutil.copy(path, folder / "stick")
        (folder / "keys" / "keys.json").write_text(json.dumps(keys()), encoding="utf-8")
        device = [sys.executable, str(DEVICE), str(folder / "stick"), str(folder / "keys" / "keys.json")]
        subprocess.run([*device, str(folder / "back")], check=True)
        word = folder / "back" / "vault.confirmation.json"
        write_confirmation(folder / "challenges" / "custodian-1", NAME, KEY, word, force=False)
        yield Month(folder / "x", folder / "reading", folder / "challenges", sorted((folder / "back").iterdir()), nodes)


@pytest.fixture(scope="module")
def outcome(month: Month, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The month as it is published, kept where the next run does not replace it."""
    made = month.run(month.copy(tmp_path_factory.mktemp("whole") / "c"))
    kept = tmp_path_factory.mktemp("kept")
    shutil.copytree(month.folder / "publication", kept / "publication")
    shutil.copytree(month.folder / "private", kept / "private")
    period = demo.PERIOD
    return made._replace(
        bundle=kept / "publication" / period / made.bundle.name,
        publication=kept / "publication" / period,
        private=kept / "private" / period,
    )


def test_the_folder_of_a_custodian_names_its_own_addresses_alone(month: Month) -> None:
    value = json.loads((month.challenges / "custodian-1" / "challenges.json").read_bytes())
    assert {item["wallet"] for item in value["items"]} == {"eth-hot"}
    assert not list(month.challenges.glob("custodian-2"))


def test_the_cold_wallet_signs_for_what_was_drawn_alone(month: Month) -> None:
    value = json.loads((month.challenges / "challenges.json").read_bytes())
    drawn = [item for item in value["items"] if item["wallet"] == "btc-cold"]
    funded = {coin.index for coin in load_plan().bitcoin.wallets[0].coins}
    assert 1 <= len(drawn) < len(funded)
    own = open_evidence(month.reading).basis.evidence
    assert value["sample"] == {
        "draws": 2, "nonce": NONCE, "readingRoot": own.root.hex(), "readingCount": own.count
    }  # fmt: skip


def test_with_nonce_and_key_the_auditor_verifies_all_of_it_and_sees_what_really_signed(
    month: Month, outcome: Outcome
) -> None:
    verified = month.verify(outcome, known=Known(nonce=DRAWN, custodians={NAME: KEY.public}))
    step = verified.step("control")
    assert step.status == "VERIFIED", step.detail
    assert {line.control for line in verified.statement.predicate.reserves} == {"signature", "custodian"}
    by_asset = {item["asset"]: item for item in control_document(verified)}
    btc = {name: int(amount) for name, amount in by_asset["BTC"].items() if name != "asset"}
    assert btc["held"] == btc["customer"] == btc["signed"] + btc["sampled"]
    asked = json.loads((month.challenges / "challenges.json").read_bytes())["items"]
    signed = {
        address_script(item["challenge"]["chain"], item["challenge"]["address"])
        for item in asked
        if item["challenge"]["chain"].startswith("bip122:")
    }
    customers = [
        record
        for record in open_evidence(month.reading).records.values()
        if isinstance(record, BitcoinUtxos) and record.purpose == "customer"
    ]
    assert (
        btc["signed"]
        == sum(utxo.amount for record in customers for utxo in record.utxos if utxo.script in signed)
        < btc["customer"]
    )
    hot = {wallet.id: wallet for wallet in load_plan().ethereum.wallets}["eth-hot"]
    assert (by_asset["ETH"]["confirmed"], by_asset["DUSD"]["confirmed"]) == (str(hot.eth), str(hot.dusd))
    key = read_signer(month.folder / demo.KEY_FILE, lambda: "").public
    assert control_table(verified) in verified_text(verified, key)
    shown = records_table(open_evidence(outcome.private))
    assert f"1 addresses, confirmed by {NAME}" in shown
    assert f"2 draws a wallet by {NONCE}" in shown


def test_without_the_nonce_or_the_key_it_is_not_checked(month: Month, outcome: Outcome) -> None:
    step = month.verify(outcome, known=Known(nonce=DRAWN)).step("control")
    assert (step.status, f"{KEY.public.fingerprint} signed as {NAME}" in step.detail) == ("NOT CHECKED", True)
    assert month.verify(outcome, known=Known(custodians={NAME: KEY.public})).step("control").status == "NOT CHECKED"
    public = month.verify(outcome, known=Known(nonce=DRAWN, custodians={NAME: KEY.public}), auditor=False).step(
        "control"
    )
    assert (public.status, "the whole reading" in public.detail) == ("NOT CHECKED", True)


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (Known(nonce=b"\xab" * 16, custodians={NAME: KEY.public}), "control/nonce"),
        (Known(nonce=DRAWN, custodians={NAME: STRANGER.public}), "custody/key"),
    ],
)
def test_another_nonce_or_key_than_the_verifiers_fails(known: Known, code: str, month: Month, outcome: Outcome) -> None:
    steps: list[Step] = []
    with pytest.raises(VerificationError) as caught:
        month.verify(outcome, known=known, tell=steps.append)
    assert (caught.value.code, steps[-1].number, steps[-1].status) == (code, 13, "FAILED")


def test_a_drawn_address_left_unsigned_is_told_with_what_the_others_hold(month: Month, tmp_path: Path) -> None:
    made = month.run(month.copy(tmp_path / "c", ("btc-cold-0001",)))
    assert made.verified.step("control").status == "NOT MET"
    verified = month.verify(made, known=Known(nonce=DRAWN, custodians={NAME: KEY.public}))
    (btc,) = [item for item in control_document(verified) if item["asset"] == "BTC"]
    assert (btc["sampled"], 0 < int(btc["signed"]) < int(btc["customer"])) == ("0", True)


def test_a_sample_drawn_of_another_reading_is_refused_when_the_month_is_attested(month: Month, tmp_path: Path) -> None:
    """The same balances, read again: their records have other salts, and the auditor was told another root."""
    around = Surroundings(month.folder, NOW, month.nodes)
    write_reserves(read_config(month.folder / demo.CONFIG_FILE), demo.PERIOD, tmp_path / "again", around)
    with pytest.raises(VerificationError, match="drawn from the reading"):
        month.run(month.copy(tmp_path / "c"), tmp_path / "again")


def test_a_custodians_word_under_another_key_than_the_configs_is_refused(month: Month, tmp_path: Path) -> None:
    path = month.folder / "keys" / "vault.pem.pub"
    path.write_bytes(STRANGER.public.to_pem())
    try:
        with pytest.raises(VerificationError, match=f"that of {NAME} is {STRANGER.public.fingerprint}"):
            month.run(month.copy(tmp_path / "c"))
    finally:
        path.write_bytes(KEY.public.to_pem())


def test_the_word_for_a_wallet_is_published_and_disclosed_with_its_balances(
    month: Month, outcome: Outcome, tmp_path: Path
) -> None:
    assert b'"custody-confirmation"' in (outcome.publication / PUBLIC_EVIDENCE).read_bytes()
    assert b'"custody-confirmation"' in open_evidence(outcome.private).disclose("eth-hot", descriptor=False)
    assert b'"custody-confirmation"' not in open_evidence(outcome.private).disclose("eth-cold", descriptor=False)
    text = (month.folder / demo.CONFIG_FILE).read_text(encoding="utf-8")
    hidden = text.replace('id = "eth-hot"', 'id = "eth-hot"\npublic = false')
    (month.folder / demo.CONFIG_FILE).write_text(hidden, encoding="utf-8")
    try:
        around = Surroundings(month.folder, NOW, month.nodes)
        write_reserves(read_config(month.folder / demo.CONFIG_FILE), demo.PERIOD, tmp_path / "reading", around)
        challenges = Surroundings(month.folder, CHALLENGED, month.nodes)
        config = read_config(month.folder / demo.CONFIG_FILE)
        write_challenges(config, demo.PERIOD, None, tmp_path / "c", challenges, tmp_path / "reading")
        word = tmp_path / "x.confirmation.json"
        write_confirmation(tmp_path / "c", NAME, KEY, word, force=False)
        add_signatures(tmp_path / "c", [word])
        made = month.run(tmp_path / "c", tmp_path / "reading")
        assert b'"custody-confirmation"' not in (made.publication / PUBLIC_EVIDENCE).read_bytes()
        assert b'"custody-confirmation"' in (made.private / "evidence.jsonl").read_bytes()
        assert {line.control for line in made.verified.statement.predicate.reserves} == {"custodian", "none"}
    finally:
        (month.folder / demo.CONFIG_FILE).write_text(text, encoding="utf-8")


def test_a_reading_of_another_register_gives_no_population(month: Month, tmp_path: Path) -> None:
    config = read_config(month.folder / demo.CONFIG_FILE)
    other = config.model_copy(update={"wallets": config.wallets[1:]})
    around = Surroundings(month.folder, CHALLENGED, month.nodes)
    with pytest.raises(AttestError) as caught:
        write_challenges(other, demo.PERIOD, DRAWN, tmp_path / "c", around, month.reading)
    assert caught.value.code == "reserves/other"


def test_without_a_nonce_every_address_of_the_reading_signs(month: Month, tmp_path: Path) -> None:
    config = read_config(month.folder / demo.CONFIG_FILE)
    around = Surroundings(month.folder, CHALLENGED, month.nodes)
    written = write_challenges(config, demo.PERIOD, None, tmp_path / "c", around, month.reading)
    assert written.sample is None
    assert len([item for item in written.items if item.wallet == "btc-cold"]) == 3


def test_the_command_line_makes_challenges_of_a_reading_and_names_who_is_asked(
    month: Month, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, url in month.nodes.items():
        monkeypatch.setenv(name, url)
    # The nodes' chains end in October, and only the clock is another.
    monkeypatch.setattr(surroundings, "Surroundings", lambda folder, _, *rest: Surroundings(folder, CHALLENGED, *rest))
    config = str(month.folder / demo.CONFIG_FILE)
    made = ["control", "challenge", config, "--period", demo.PERIOD, "--nonce", NONCE, "--reserves", str(month.reading)]
    for name, options in (("a", []), ("b", ["--json"])):
        with pytest.raises(SystemExit) as exited:
            main([*made, "-o", str(tmp_path / name), *options])
        assert not exited.value.code
    text, _, document = capsys.readouterr().out.rpartition("\n{")
    assert f"for {NAME}: {tmp_path / 'a' / 'custodian-1'}, 1 of them" in text
    value = json.loads("{" + document)
    assert value["custodians"] == {NAME: str(tmp_path / "b" / "custodian-1")}
    assert (value["sample"]["draws"], value["sample"]["nonce"]) == (2, NONCE)
