"""Step 13 on evidence made for it: what custodians confirm, what a sample stands for, and how either is forged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from attest.attestation.statement import PAYLOAD_TYPE as STATEMENT_PAYLOAD
from attest.attestation.statement import Predicate
from attest.chains.bitcoin.records import BitcoinUtxos
from attest.chains.challenge import Challenge
from attest.chains.records import places_of
from attest.cli.render.control import control_table
from attest.cli.render.segregation import wallets_table
from attest.cli.render.verified import verified_document
from attest.control.shown import Shown, Value
from attest.errors import MalformedError, VerificationError
from attest.exchange.stated import reserve_lines
from attest.signing.keys import PublicKey, Signer
from attest.verification.control.custody import recheck_custody
from attest.verification.control.recheck import Controlled, signed_places
from attest.verification.control.step import check_control
from attest.verification.segregation import wallet_rows
from attest.verification.steps import StepOutcome
from tests.conftest import Exchange
from tests.world.control import (
    AMOUNTS,
    BLOCK,
    DRAWN,
    EVERY,
    KEY,
    OTHER,
    STRANGER,
    VAULT,
    challenge,
    confirmation,
    drawn,
    proof,
    reading,
    sample,
)


@dataclass(frozen=True)
class Verifier:
    """Who runs step 13 on some records against lines that claim `control` for the one balance."""

    exchange: Exchange

    def predicate(self, control: str, read: BitcoinUtxos) -> Predicate:
        (line,) = reserve_lines([read])
        stated = line.model_copy(update={"control": control})
        return self.exchange.verify().statement.predicate.model_copy(update={"reserves": (stated,)})

    def check(
        self,
        control: str,
        read: BitcoinUtxos,
        *records: Any,
        nonce: bytes | None = DRAWN,
        keys: Mapping[str, Any] | None = None,
    ) -> StepOutcome[Controlled]:
        found = check_control(
            self.predicate(control, read),
            dict(enumerate((read, BLOCK, *records))),
            nonce=nonce,
            custodians={VAULT: KEY.public} if keys is None else keys,
            exchange_keys=[self.exchange.signer.public],
        )
        assert found.found is not None
        return replace(found, found=found.found)

    def refused(self, control: str, read: BitcoinUtxos, *records: Any, **options: Any) -> str:
        with pytest.raises(VerificationError) as caught:
            self.check(control, read, *records, **options)
        return caught.value.code


@pytest.fixture(scope="module")
def verifier(exchange: Exchange) -> Verifier:
    return Verifier(exchange)


def test_what_a_custodian_confirms_is_shown_as_its_word_and_no_signature(verifier: Verifier) -> None:
    found = verifier.check("custodian", reading(), confirmation(*EVERY))
    assert (found.open, found.unmet) == ((), False)
    assert found.found.values["BTC"] == Value(held=1000, confirmed=1000)
    assert verifier.refused("signature", reading(), confirmation(*EVERY)) == "control/line"
    assert verifier.refused("none", reading(), confirmation(*EVERY)) == "control/line"


def test_a_key_that_nobody_vouched_for_leaves_the_step_open(verifier: Verifier) -> None:
    found = verifier.check("custodian", reading(), confirmation(*EVERY), keys={})
    assert found.open == (f"the key {KEY.public.fingerprint} signed as {VAULT}, and nobody here vouched for it",)


def test_who_vouches_for_a_name_that_confirmed_nothing_learns_which_names_did(verifier: Verifier) -> None:
    misspelt = verifier.check("custodian", reading(), confirmation(*EVERY), keys={"Vaul": KEY.public})
    assert misspelt.open == (
        f"the key {KEY.public.fingerprint} signed as {VAULT}, and nobody here vouched for it",
        f"no confirmation of Vaul is at hand; there are those of {VAULT}",
    )
    # Another custodian's may be withheld, or there may be none.
    keys = {VAULT: KEY.public, OTHER: STRANGER.public}
    assert verifier.check("custodian", reading(), confirmation(*EVERY), keys=keys).open == ()


def test_signatures_that_are_not_at_hand_are_not_counted_as_none(verifier: Verifier) -> None:
    found = check_control(verifier.predicate("signature", reading()), {}, nonce=None, custodians={}, exchange_keys=())
    assert found.open == ("the signatures are not at hand",)
    assert found.sentences == (
        "the statement says that 1 of 1 balances lie wholly at addresses that signed, and that custodians confirmed 0",
        *found.open,
    )
    (signed, shares) = verifier.check("none", reading(), proof(0)).sentences[:2]
    assert signed.startswith("1 addresses signed a challenge not older than 31 days before the snapshot; 0 of 1 ")
    assert shares == "of the customers' coins, keys signed for 50.00 % of BTC"


def test_the_tables_do_not_pass_the_word_of_a_key_that_nobody_vouched_for(verifier: Verifier) -> None:
    for keys, told in (({}, True), ({VAULT: KEY.public}, False)):
        found = verifier.check("custodian", reading(), confirmation(*EVERY), keys=keys).found
        wallets = wallet_rows({0: reading()}, found.controls)
        verified = replace(verifier.exchange.verify(), controlled=found, wallets=wallets)
        assert ("a custodian's confirmation, not checked" in wallets_table(verified)) is told
        assert ("Nobody here vouched for the key of Vault Trust" in control_table(verified)) is told
        assert verified_document(verified)["unknownCustodians"] == ([VAULT] if told else [])


def test_a_word_on_which_no_line_rests_is_said_and_leaves_nothing_open(verifier: Verifier) -> None:
    found = verifier.check("none", reading(), confirmation(0), keys={})
    assert (found.open, found.unmet) == ((), True)
    assert found.sentences[-1].endswith("nobody here vouched for it")


def test_an_address_that_signed_and_was_confirmed_counts_once_as_signed(verifier: Verifier) -> None:
    proofs = [proof(number) for number in EVERY]
    found = verifier.check("signature", reading(), *proofs, confirmation(*EVERY))
    assert found.found.values["BTC"] == Value(held=1000, signed=1000)
    mixed = verifier.check("custodian", reading(), *proofs[:2], confirmation(1, 2, 3, 4))
    assert mixed.found.values["BTC"] == Value(held=1000, signed=800, confirmed=200)
    assert mixed.found.confirmed == 3


def test_the_value_signed_for_is_told_also_where_the_line_says_none(verifier: Verifier) -> None:
    found = verifier.check("none", reading(None), proof(1), proof(3))
    assert found.found.values["BTC"] == Value(held=1000, signed=360)
    assert any("keys signed for 36.00 % of BTC" in sentence for sentence in found.sentences)
    assert found.unmet


FORGED: dict[str, tuple[Callable[[Exchange], tuple[Any, ...]], str]] = {
    "last month's": (lambda _: (confirmation(*EVERY, period="2026-09"),), "control/challenge"),
    "another exchange's": (lambda _: (confirmation(*EVERY, entity="other.example"),), "control/challenge"),
    "another chain's": (
        lambda _: (confirmation(*EVERY, chain="bip122:000000000933ea01ad0ee984209779ba"),),
        "control/block",
    ),
    "of an older block": (lambda _: (confirmation(*EVERY, height=1),), "control/block"),
    "of a block of nobody": (lambda _: (confirmation(*EVERY, block_hash=bytes(32)),), "control/block"),
    "by a nonce of the exchange's own": (lambda _: (confirmation(*EVERY, nonce="ab" * 16),), "control/nonce"),
    "without the nonce": (lambda _: (confirmation(*EVERY, nonce="-"),), "control/nonce"),
    "by another custodian's key": (lambda _: (confirmation(*EVERY, signer=STRANGER),), "custody/key"),
    "by the exchange's key": (lambda x: (confirmation(*EVERY, signer=x.signer),), "custody/own"),
    "signed by another key than it says": (
        lambda _: (
            confirmation(*EVERY).model_copy(
                update={"sig": confirmation(*EVERY, signer=Signer.generate("ed25519")).sig}
            ),
        ),
        "signature/invalid",
    ),
    "a signature of the same bytes as a statement": (
        lambda _: (confirmation(*EVERY, payload_type=STATEMENT_PAYLOAD),),
        "signature/invalid",
    ),
    "an address left out": (lambda _: (confirmation(0, 1, 2, 3),), "control/line"),
    "of another custodian": (lambda _: (confirmation(*EVERY, name=OTHER),), "control/custodian"),
    "of two custodians": (lambda _: (confirmation(*EVERY), confirmation(0, name=OTHER)), "control/twice"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_confirmation_that_is_not_this_months_custodians_fails(case: str, verifier: Verifier) -> None:
    forge, code = FORGED[case]
    assert verifier.refused("custodian", reading(), *forge(verifier.exchange)) == code


@pytest.mark.parametrize("custodian", [OTHER, None])
def test_a_confirmation_for_a_wallet_of_another_custodian_or_of_none_fails(
    custodian: str | None, verifier: Verifier
) -> None:
    for control in ("custodian", "none"):
        assert verifier.refused(control, reading(custodian), confirmation(*EVERY)) == "control/custodian"


@pytest.mark.parametrize("field", sorted(Challenge.model_fields))
def test_a_challenge_changed_in_one_field_breaks_the_signature(field: str, verifier: Verifier) -> None:
    other: dict[str, Any] = {
        "entity": "other.example", "period": "2026-09", "chain": "eip155:1", "address": challenge(7).address,
        "height": 141, "block_hash": bytes(32), "nonce": "-",
    }  # fmt: skip
    good = confirmation(*EVERY)
    first, *rest = good.confirmation.challenges
    changed = (first.model_copy(update={field: other[field]}), *rest)
    bad = good.model_copy(update={"confirmation": good.confirmation.model_copy(update={"challenges": changed})})
    assert verifier.refused("custodian", reading(), bad) == "signature/invalid"


def test_another_spelling_of_a_key_is_refused(verifier: Verifier) -> None:
    """A point that is written compressed is the same key under another digest."""
    plain = STRANGER.public.to_der()
    assert plain[26] == 4
    # 32 bytes less, in the lengths of the sequence and of the bit string.
    header = bytes([plain[0], plain[1] - 32, *plain[2:24], plain[24] - 32, 0])
    compressed = header + bytes([2 + plain[-1] % 2]) + plain[27:59]
    assert serialization.load_der_public_key(compressed).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    ) == plain  # fmt: skip
    with pytest.raises(MalformedError):
        PublicKey.from_der(compressed, what="a key")
    bad = confirmation(*EVERY).model_copy(update={"public_key": KEY.public.to_der() + b"\0"})
    assert verifier.refused("custodian", reading(), bad) == "key/malformed"
    with pytest.raises(VerificationError, match=r"record 2 \(custody-confirmation of Vault Trust\)"):
        verifier.check("custodian", reading(), bad)


def test_signatures_of_another_nonce_fail_where_the_auditors_is_known(verifier: Verifier) -> None:
    proofs = [proof(number) for number in EVERY]
    assert verifier.check("signature", reading(), *proofs).open == ()
    assert verifier.check("signature", reading(), *proofs, nonce=None).open == ()
    assert verifier.refused("signature", reading(), *proofs, nonce=b"\xab" * 16) == "control/nonce"


def test_a_sample_stands_for_the_rest_and_never_for_a_signature(verifier: Verifier) -> None:
    read = reading(None)
    record = sample(2, read)
    numbers = drawn(read, record)
    assert 1 <= len(numbers) < len(AMOUNTS)
    found = verifier.check("signature", read, record, *(proof(number) for number in numbers))
    signed = sum(AMOUNTS[number] for number in numbers)
    assert found.found.values["BTC"] == Value(held=1000, signed=signed, sampled=1000 - signed)
    assert (found.open, found.unmet) == ((), False)
    assert any("81.00 %" in sentence and record.sample.reading_root.hex() in sentence for sentence in found.sentences)


def test_a_sample_whose_nonce_or_reading_the_verifier_does_not_know_is_left_open(verifier: Verifier) -> None:
    read = reading(None)
    record = sample(2, read)
    proofs = [proof(number) for number in drawn(read, record)]
    (left,) = verifier.check("signature", read, record, *proofs, nonce=None).open
    assert left == "nobody here said that an auditor drew the nonce of the sample"
    hidden = sample(2, read, BLOCK, *[record] * 20)
    (left,) = verifier.check("signature", read, hidden, *proofs).open
    assert left == "the whole reading that the sample was drawn from is not at hand"


def test_a_custodian_confirms_what_was_drawn(verifier: Verifier) -> None:
    record = sample(2, reading())
    numbers = drawn(reading(), record)
    found = verifier.check("custodian", reading(), record, confirmation(*numbers))
    confirmed = sum(AMOUNTS[number] for number in numbers)
    assert found.found.values["BTC"] == Value(held=1000, confirmed=confirmed, sampled=1000 - confirmed)


def test_a_drawn_address_left_unsigned_and_a_sample_without_its_record_cover_nothing(verifier: Verifier) -> None:
    read = reading(None)
    record = sample(2, read)
    numbers = drawn(read, record)
    for left in numbers:
        others = [proof(number) for number in EVERY if number != left]
        assert verifier.refused("signature", read, record, *others) == "control/line"
    assert verifier.refused("signature", read, *(proof(number) for number in numbers)) == "control/line"


def test_a_sample_by_another_nonce_or_of_another_reading_fails(verifier: Verifier) -> None:
    read = reading(None)
    proofs = [proof(number) for number in EVERY]
    own = sample(2, read, nonce=b"\xab" * 16)
    assert verifier.refused("signature", read, own, *proofs) == "control/nonce"
    before = sample(2, reading(None, (500, 300, 100, 60, 41)))
    assert verifier.refused("signature", read, before, *proofs) == "control/sample"
    assert verifier.refused("signature", read, sample(2, read), sample(3, read), *proofs) == "control/twice"


def test_a_wallet_that_was_read_when_the_sample_was_drawn_already_fails(verifier: Verifier) -> None:
    read = reading(None)
    record = sample(2, read)
    numbers = drawn(read, record)
    # Its name is ground until the draws fall on addresses that have signed.
    names = (read.model_copy(update={"wallet": f"w{number}"}) for number in range(1000))
    later = next(item for item in names if set(drawn(item, record)) <= set(numbers))
    assert verifier.refused("signature", read, record, *(proof(number) for number in numbers), later) == (
        "control/sample"
    )


def test_a_wallet_of_no_more_addresses_than_draws_signs_for_each(verifier: Verifier) -> None:
    read = reading(None)
    record = sample(len(AMOUNTS), read)
    assert verifier.refused("signature", read, record, *(proof(number) for number in EVERY if number != 4)) == (
        "control/line"
    )


def test_what_is_shown_is_bound_to_the_places_of_the_reading(exchange: Exchange) -> None:
    """The two halves of what the statement's lines and step 13 are both made of."""
    from attest.verification.control.recheck import Terms

    predicate = exchange.verify().statement.predicate
    terms = Terms("exchange.example", "2026-10", predicate.snapshot_at, predicate.issued_at, DRAWN)
    records: dict[int, Any] = dict(enumerate((reading(), BLOCK, proof(0), confirmation(1, 2, 3, 4))))
    custody = recheck_custody(records, terms, custodians={}, exchange_keys=[])
    signed = signed_places(records, terms)
    assert signed | custody.places.keys() == places_of(reading())
    assert Shown(signed, custody.places).control_of(reading()) == "custodian"
    assert Shown(signed, custody.places).control_of(reading(OTHER)) == "none"
