"""PSBTs that sign a message: made for the keys of a descriptor, and put together from what signers return."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations, permutations

import pytest
import wallycore
from btclib.tx import OutPoint, Tx, TxIn, TxOut
from btclib_wallet.bip322 import assert_signed_message, to_sign
from btclib_wallet.psbt import Psbt
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.messages.message import MAX_MESSAGE, MAX_SIGNATURE, SignedBy, verify_message
from attest.chains.bitcoin.messages.psbt import MAX_PSBTS, psbt_to_sign, signature_of_psbts
from attest.chains.bitcoin.networks import network
from attest.chains.bitcoin.scripts import descriptor_scripts
from attest.chains.challenge import Challenge
from attest.errors import AttestError, MalformedError, VerificationError
from tests.examples import examples
from tests.world.bitcoin_signing import address_of, public
from tests.world.psbt import BITCOIN, COLD, INDEX, SEEDS, described, extended, private, signed
from tests.world.signing_device import Device, DeviceError

REGTEST = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
LITECOIN = "bip122:12a765e31ffd4059bada1e25190f6e98"
MESSAGE = "attest/v1 proof of control\nentity: demo.example\n"
CHALLENGE = (
    "attest/v1 proof of control\nentity: demo.example\nperiod: 2026-10\nchain: bip122:000000000019d6689c085ae165831e93"
)
FINGERPRINT = "d34db33f"


PRIVATE = {public(private(seed)): private(seed) for seed in SEEDS}
FORMS = {
    "wsh(sortedmulti(2,{0}/0/*,{1}/0/*,{2}/0/*))": "bip322-simple",
    "wsh(multi(2,{0}/0/*,{1}/0/*,{2}/0/*))": "bip322-simple",
    "sh(wsh(sortedmulti(2,{0}/0/*,{1}/0/*,{2}/0/*)))": "bip322-full",
    "sh(sortedmulti(2,{0}/0/*,{1}/0/*,{2}/0/*))": "bip322-full",
    "wsh(or_d(multi(2,{0}/0/*,{1}/0/*),and_v(v:pkh({2}/0/*),older(4320))))": "bip322-simple",
}


def address_at(descriptor: str, chain: str = BITCOIN, index: int = INDEX) -> str:
    return address_of(descriptor_scripts(descriptor, (index, index), chain)[0], chain)


def unsigned(form: str = COLD, chain: str = BITCOIN, message: str = MESSAGE) -> str:
    descriptor = described(form, chain)
    return psbt_to_sign(chain, address_at(descriptor, chain), message, descriptor=descriptor, index=INDEX)


def refusal(psbts: Sequence[str]) -> str:
    with pytest.raises(AttestError) as caught:
        signature_of_psbts(psbts)
    return caught.value.code


@pytest.mark.parametrize("chain", [BITCOIN, REGTEST, LITECOIN])
@pytest.mark.parametrize("form", FORMS)
def test_the_keys_of_a_descriptor_sign_together_and_in_turn(form: str, chain: str) -> None:
    psbt = unsigned(form, chain)
    together = signature_of_psbts([signed(psbt, 1), signed(psbt, 2)])
    found = verify_message(chain, address_at(described(form, chain), chain), MESSAGE, together)
    assert found == SignedBy(FORMS[form])
    assert signature_of_psbts([signed(signed(psbt, 1), 2)]) == together


def test_any_two_of_three_suffice_in_any_order_and_with_the_unsigned_psbt_among_them() -> None:
    psbt = unsigned()
    for pair in combinations(SEEDS, 2):
        found = {signature_of_psbts([signed(psbt, seed) for seed in order]) for order in permutations(pair)}
        found.add(signature_of_psbts([psbt, *(signed(psbt, seed) for seed in pair)]))
        (signature,) = found
        verify_message(BITCOIN, address_at(described()), MESSAGE, signature)


def test_a_signer_is_told_the_message_and_where_its_key_is() -> None:
    origin = f"[{FINGERPRINT}/48h/0h/0h/2h]"
    descriptor = described(f"wsh(multi(2,{origin}{{0}}/0/*,{{1}}/0/*))")
    psbt = Psbt.b64decode(psbt_to_sign(BITCOIN, address_at(descriptor), MESSAGE, descriptor=descriptor, index=INDEX))
    assert assert_signed_message(psbt) == MESSAGE.encode()
    (signer,) = psbt.inputs
    keys = {key: (origin.master_fingerprint, origin.der_path) for key, origin in signer.hd_key_paths.items()}
    payload = bytes(wallycore.base58check_to_bytes(extended(2, network(BITCOIN).xpub)))
    hardened = [1 << 31 | step for step in (48, 0, 0, 2)]
    assert keys == {
        public(private(1)): (bytes.fromhex(FINGERPRINT), [*hardened, 0, INDEX]),
        public(private(2)): (bytes(wallycore.hash160(payload[45:]))[:4], [0, INDEX]),
    }
    assert signer.witness_utxo is not None
    assert signer.non_witness_utxo is not None
    assert signer.non_witness_utxo.vout == [signer.witness_utxo]
    assert wallycore.sha256(signer.witness_script) == signer.witness_utxo.script_pub_key.script[2:]


def test_a_descriptor_means_the_same_with_its_checksum_and_in_slip_132() -> None:
    plain = unsigned()
    address = address_at(described())
    checksum = wallycore.descriptor_get_checksum(wallycore.descriptor_parse(described(), None, 1, 0), 0)
    for spelled in (described(version=bytes.fromhex("02aa7ed3")), f"{described()}#{checksum}"):
        assert psbt_to_sign(BITCOIN, address, MESSAGE, descriptor=spelled, index=INDEX) == plain
    fixed = described().replace("*", str(INDEX))
    assert psbt_to_sign(BITCOIN, address, MESSAGE, descriptor=fixed) == plain


def test_a_descriptor_of_litecoin_means_the_same_with_ltub_keys() -> None:
    plain, address = unsigned(chain=LITECOIN), address_at(described(chain=LITECOIN), LITECOIN)
    ltub = described(version=bytes.fromhex("019da462"))
    with pytest.raises(MalformedError, match=r"checksum does not fit its text \((.*) would\)") as caught:
        psbt_to_sign(LITECOIN, address, MESSAGE, descriptor=ltub + "#00000000", index=INDEX)
    checksum = caught.value.message.split("(")[1][:8]
    for spelled in (ltub, f"{ltub}#{checksum}"):
        assert psbt_to_sign(LITECOIN, address, MESSAGE, descriptor=spelled, index=INDEX) == plain


def test_what_two_libraries_derive_must_be_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    other = described("wsh(sortedmulti(1,{0}/0/*,{1}/0/*,{2}/0/*))")
    monkeypatch.setattr("attest.chains.bitcoin.messages.psbt._with_plain_keys", lambda *_: other)
    with pytest.raises(MalformedError, match="no PSBT can be made"):
        unsigned()


@pytest.mark.parametrize("form", FORMS)
def test_signers_of_segwit_find_the_output_alone_and_others_its_transaction(form: str) -> None:
    (signer,) = Psbt.b64decode(unsigned(form)).inputs
    assert (signer.witness_utxo is not None) is ("wsh(" in form)
    assert signer.non_witness_utxo is not None


@pytest.mark.parametrize("fields", [{"version": 2}, {"lock_time": 9}, {"sequence": 1}])
def test_what_a_simple_signature_leaves_out_is_kept_in_a_full_one(fields: dict[str, int]) -> None:
    of_wallet = Psbt.b64decode(unsigned("wpkh({0}/0/*)"))
    to_spend = of_wallet.inputs[0].non_witness_utxo
    psbt = Psbt.from_tx(to_sign(to_spend, **fields))
    psbt.inputs = [*of_wallet.inputs]
    psbt.inputs[0].sequence = fields.get("sequence", 0)
    signature = signature_of_psbts([signed(psbt.b64encode(), 1)])
    found = verify_message(BITCOIN, address_at(described("wpkh({0}/0/*)")), MESSAGE, signature)
    assert found == SignedBy("bip322-full")


@pytest.mark.parametrize("form", ["pkh({0}/0/*)", "wpkh({0}/0/*)", "sh(wpkh({0}/0/*))"])
def test_a_single_key_signs_by_psbt_too(form: str) -> None:
    signature = signature_of_psbts([signed(unsigned(form), 1)])
    assert signature[:3] == ("smp" if form.startswith("wpkh") else "ful")
    verify_message(BITCOIN, address_at(described(form)), MESSAGE, signature)


def test_a_descriptor_that_does_not_stand_for_the_address_is_refused() -> None:
    address, descriptor = address_at(described()), described()
    wrong = [
        {"descriptor": descriptor, "index": INDEX + 1},
        {"descriptor": described("wsh(sortedmulti(1,{0}/0/*,{1}/0/*,{2}/0/*))"), "index": INDEX},
        {"descriptor": described("wsh(sortedmulti(2,{0}/0/*,{1}/0/*))").replace("*", str(INDEX))},
    ]
    for arguments in wrong:
        with pytest.raises(MalformedError, match="does not stand for") as caught:
            psbt_to_sign(BITCOIN, address, MESSAGE, **arguments)
        assert caught.value.code == "control/descriptor"
    for arguments in (
        {"descriptor": descriptor},
        {"descriptor": descriptor.replace("*", "7"), "index": INDEX},
        {"descriptor": descriptor, "index": -1},
        {"descriptor": descriptor, "index": 2**31},
        {"descriptor": "", "index": INDEX},
        {"descriptor": descriptor.replace("xpub", "xprv"), "index": INDEX},
        {"descriptor": described(chain=REGTEST), "index": INDEX},
    ):
        with pytest.raises(MalformedError):
            psbt_to_sign(BITCOIN, address, MESSAGE, **arguments)
    with pytest.raises(MalformedError):
        psbt_to_sign(REGTEST, address, MESSAGE, descriptor=descriptor, index=INDEX)
    with pytest.raises(MalformedError, match="at most"):
        psbt_to_sign(BITCOIN, address, "x" * (MAX_MESSAGE + 1), descriptor=descriptor, index=INDEX)


def payment() -> str:
    """What a coordinator might send by mistake: a transaction that moves coins."""
    psbt = Psbt.from_tx(Tx(2, 0, [TxIn(OutPoint(b"\1" * 32, 0))], [TxOut(1_000, b"\0\x14" + b"\2" * 20)]))
    return psbt.b64encode()


def payments() -> list[str]:
    message = Psbt.b64decode(unsigned()).tx
    paid = TxOut(0, b"\0\x14" + b"\2" * 20)
    more_inputs = [*message.vin, TxIn(OutPoint(b"\1" * 32, 0))]
    return [
        payment(),
        Psbt.from_tx(Tx(0, 0, message.vin, [paid])).b64encode(),
        Psbt.from_tx(Tx(0, 0, message.vin, [*message.vout, paid])).b64encode(),
        Psbt.from_tx(Tx(0, 0, message.vin, [TxOut(1, b"\x6a")])).b64encode(),
        Psbt.from_tx(Tx(0, 0, more_inputs, message.vout)).b64encode(),
    ]


def test_a_payment_is_never_taken_for_a_message() -> None:
    for text in payments():
        for psbts in ([text], [signed(unsigned(), 1), text]):
            with pytest.raises(VerificationError, match="not that of a message") as caught:
                signature_of_psbts(psbts)
            assert "do not publish" in str(caught.value.hint)


def test_too_few_signatures_are_named_as_missing() -> None:
    psbt = unsigned()
    for psbts in ([psbt], [signed(psbt, 1)], [signed(psbt, 1), signed(psbt, 1)], [psbt, psbt]):
        assert refusal(psbts) == "control/incomplete"


@pytest.mark.parametrize("form", FORMS)
def test_the_signatures_of_a_multisig_script_are_counted(form: str) -> None:
    psbt = unsigned(form)
    for signers in ((), (1,)):
        with pytest.raises(VerificationError) as caught:
            signature_of_psbts([signed(psbt, *signers)])
        counted = (
            f"{len(signers)} of 2 signatures are there" if "or_d" not in form else "signatures are missing or wrong"
        )
        assert caught.value.message == counted
    if "or_d" not in form:
        with pytest.raises(VerificationError, match="missing or wrong"):
            signature_of_psbts([signed(psbt, 1), signed(psbt, 2, hash_type=2)])


def test_a_wrong_signature_is_not_put_into_one() -> None:
    psbt = unsigned()
    for hash_type in (2, 3, 0x81):
        assert refusal([signed(psbt, 1), signed(psbt, 2, hash_type=hash_type)]) == "control/incomplete"
    forged = Psbt.b64decode(signed(psbt, 2))
    (other,) = Psbt.b64decode(signed(unsigned(message="another"), 2)).inputs
    forged.inputs[0].partial_sigs = other.partial_sigs
    assert refusal([signed(psbt, 1), forged.b64encode()]) == "control/incomplete"


def test_psbts_of_two_messages_or_addresses_do_not_mix() -> None:
    for other in (unsigned(message="another"), unsigned("wsh(multi(2,{0}/0/*,{1}/0/*,{2}/0/*))")):
        if other != unsigned():
            assert refusal([signed(unsigned(), 1), signed(other, 2)]) == "control/psbt"


def test_a_signature_for_another_message_is_put_together_and_does_not_verify() -> None:
    psbt = unsigned(message="another")
    signature = signature_of_psbts([signed(psbt, 1), signed(psbt, 2)])
    with pytest.raises(VerificationError):
        verify_message(BITCOIN, address_at(described()), MESSAGE, signature)


def test_what_is_no_psbt_is_refused() -> None:
    good = signed(unsigned(), 1, 2)
    data = base64.b64decode(good)
    assert refusal([]) == "control/psbt"
    assert refusal([good] * (MAX_PSBTS + 1)) == "control/psbt"
    assert signature_of_psbts([good] * MAX_PSBTS) == signature_of_psbts([good])
    with pytest.raises(MalformedError, match="at most"):
        signature_of_psbts([good.ljust(MAX_SIGNATURE + 1, "=")])
    for text in ("", "psbt", "smp" + good, good[:-1], good + "A", data.hex(), "\ud800"):
        assert refusal([text]) == "control/psbt"
    for cut in range(0, len(data), 7):
        assert refusal([base64.b64encode(data[:cut]).decode()]) == "control/psbt"


GOOD = base64.b64decode(signed(unsigned(), 1))
CHANGED = st.builds(
    lambda at, data: base64.b64encode(GOOD[:at] + data + GOOD[at + len(data) :]).decode(),
    st.integers(0, len(GOOD)),
    st.binary(min_size=1, max_size=4),
)


@examples(100)
@given(psbts=st.lists(CHANGED | st.text(max_size=40) | st.just(unsigned()) | st.just(payment()), max_size=3))
def test_no_psbt_leads_to_another_error(psbts: list[str]) -> None:
    with suppress(MalformedError, VerificationError):
        signature_of_psbts(psbts)


@examples(50)
@given(
    descriptor=st.text(max_size=40) | st.sampled_from([described(form) for form in FORMS]),
    index=st.none() | st.integers(),
)
def test_no_descriptor_leads_to_another_error(descriptor: str, index: int | None) -> None:
    with suppress(MalformedError):
        psbt_to_sign(BITCOIN, address_at(described()), MESSAGE, descriptor=descriptor, index=index)


PATHS = {"pkh": "44h/0h/0h", "sh(wpkh": "49h/0h/0h", "wpkh": "84h/0h/0h", "tr": "86h/0h/0h"}


def of_device(device: Device, function: str, form: str) -> tuple[str, int | None]:
    """A descriptor of a device's single key in one of the forms that a config may have, and the index in it."""
    path = PATHS[function]
    key = {
        "a public key": f"[{device.fingerprint}/{path}/0/{INDEX}]{device.public(f'{path}/0/{INDEX}')}",
        "an account and a path": f"[{device.fingerprint}/{path}]{device.account(path)}/0/{INDEX}",
        "an account with a range": f"[{device.fingerprint}/{path}]{device.account(path)}/0/*",
    }[form]
    return f"{function}({key}" + ")" * (1 + function.count("(")), INDEX if "*" in key else None


@pytest.mark.parametrize("form", ["a public key", "an account and a path", "an account with a range"])
@pytest.mark.parametrize("function", PATHS)
def test_a_device_that_wants_to_be_told_where_its_key_is_signs_for_a_single_address(function: str, form: str) -> None:
    device = Device(seed=9)
    descriptor, index = of_device(device, function, form)
    address = address_of(descriptor_scripts(descriptor, (index or 0, index or 0), BITCOIN)[0], BITCOIN)
    psbt = psbt_to_sign(BITCOIN, address, CHALLENGE, descriptor=descriptor, index=index)
    returned = device.sign(psbt)
    signature = signature_of_psbts([returned], psbt)
    assert signature[:3] == ("smp" if function in {"wpkh", "tr"} else "ful")
    verify_message(BITCOIN, address, CHALLENGE, signature)
    with pytest.raises(DeviceError, match="None of the keys"):
        Device(seed=8).sign(psbt)


@pytest.mark.parametrize("function", PATHS)
def test_without_a_descriptor_such_a_device_says_what_is_missing(function: str) -> None:
    device = Device(seed=9)
    descriptor, _ = of_device(device, function, "a public key")
    address = address_of(descriptor_scripts(descriptor, (0, 0), BITCOIN)[0], BITCOIN)
    with pytest.raises(DeviceError, match="key path information"):
        device.sign(psbt_to_sign(BITCOIN, address, CHALLENGE))


@pytest.mark.parametrize(("nonce", "signs"), [(0, True), (16, True), (32, False), (64, False)])
def test_a_nonce_of_16_bytes_keeps_the_text_short_enough_for_a_device(nonce: int, *, signs: bool) -> None:
    device = Device(seed=9)
    descriptor, _ = of_device(device, "tr", "a public key")
    address = address_of(descriptor_scripts(descriptor, (0, 0), BITCOIN)[0], BITCOIN)
    text = Challenge(
        entity="exchange.example.co.jp",
        period="2026-10",
        chain=BITCOIN,
        address=address,
        height=900_000,
        block_hash=bytes(32),
        nonce="ab" * nonce or "-",
    ).text
    psbt = psbt_to_sign(BITCOIN, address, text, descriptor=descriptor)
    if signs:
        verify_message(BITCOIN, address, text, signature_of_psbts([device.sign(psbt)], psbt))
    else:
        with pytest.raises(DeviceError, match="too long"):
            device.sign(psbt)


def returned_without(psbt: str, *fields: str) -> str:
    """What a signer returns that keeps signatures and drops what it was told, as Specter-DIY does."""
    parsed = Psbt.b64decode(psbt)
    empty = {"hd_key_paths": {}, "redeem_script": b"", "witness_script": b""}
    for field in fields:
        setattr(parsed.inputs[0], field, empty.get(field))
    parsed.signed_message = None
    return parsed.b64encode()


@pytest.mark.parametrize("form", [*FORMS, "pkh({0}/0/*)", "wpkh({0}/0/*)", "sh(wpkh({0}/0/*))"])
def test_what_a_signer_left_out_comes_from_the_psbt_that_was_asked(form: str) -> None:
    psbt = unsigned(form)
    told = ("non_witness_utxo", "witness_utxo", "redeem_script", "witness_script", "hd_key_paths")
    returned = [returned_without(signed(psbt, seed), *told) for seed in (1, 2)[: form.count("{")]]
    with suppress(VerificationError):
        verify_message(BITCOIN, address_at(described(form)), MESSAGE, signature_of_psbts(returned))
        pytest.fail("without the PSBT that was asked nothing can be put together")
    verify_message(BITCOIN, address_at(described(form)), MESSAGE, signature_of_psbts(returned, psbt))


def test_a_psbt_of_version_2_is_the_same_one() -> None:
    psbt = unsigned()
    second = Psbt.b64decode(signed(psbt, 2)).to_v2().b64encode()
    assert signature_of_psbts([signed(psbt, 1), second], psbt) == signature_of_psbts([signed(psbt, 1), signed(psbt, 2)])


def test_a_psbt_of_another_challenge_is_told_as_such() -> None:
    other = unsigned(message="another")
    with pytest.raises(VerificationError, match="of another text or address than the challenge"):
        signature_of_psbts([signed(other, 1), signed(other, 2)], unsigned())


def test_a_signer_that_writes_another_version_and_sequence_signs_in_full() -> None:
    """As embit does, on which several devices run: it writes 2 and the last sequence where BIP-322 has zeros."""
    plain = psbt_to_sign(BITCOIN, address_at(described("wpkh({0}/0/*)")), MESSAGE)
    of_wallet = Psbt.b64decode(unsigned("wpkh({0}/0/*)"))
    psbt = Psbt.from_tx(to_sign(of_wallet.inputs[0].non_witness_utxo, version=2, sequence=0xFFFFFFFF))
    psbt.inputs = [*of_wallet.inputs]
    signature = signature_of_psbts([signed(psbt.b64encode(), 1)], plain)
    found = verify_message(BITCOIN, address_at(described("wpkh({0}/0/*)")), MESSAGE, signature)
    assert found == SignedBy("bip322-full")


def test_the_key_of_a_nested_address_reveals_its_script() -> None:
    """Where only the address was known, the signer's key is what the script is made of."""
    form = "sh(wpkh({0}/0/*))"
    address = address_at(described(form))
    plain = psbt_to_sign(BITCOIN, address, MESSAGE)
    assert not Psbt.b64decode(plain).inputs[0].redeem_script
    returned = returned_without(signed(unsigned(form), 1), "redeem_script", "hd_key_paths", "witness_utxo")
    verify_message(BITCOIN, address, MESSAGE, signature_of_psbts([returned], plain))


@pytest.mark.parametrize("chain", [BITCOIN, REGTEST, LITECOIN])
@pytest.mark.parametrize("form", ["pkh({0}/0/*)", "wpkh({0}/0/*)"])
def test_an_address_alone_has_a_psbt_on_every_network(form: str, chain: str) -> None:
    address = address_at(described(form, chain), chain)
    plain = psbt_to_sign(chain, address, MESSAGE)
    (item,) = Psbt.b64decode(plain).inputs
    assert (item.hd_key_paths, item.non_witness_utxo is None) == ({}, False)
    verify_message(chain, address, MESSAGE, signature_of_psbts([signed(plain, 1)], plain))


@pytest.mark.parametrize("form", FORMS)
def test_an_address_of_several_signers_alone_has_a_psbt_that_they_complete(form: str) -> None:
    """Where the register has the address and not the descriptor, each signer's wallet puts in what it knows."""
    address = address_at(described(form))
    plain = psbt_to_sign(BITCOIN, address, MESSAGE)
    returned = [signed(unsigned(form), seed) for seed in (1, 2)]
    verify_message(BITCOIN, address, MESSAGE, signature_of_psbts(returned, plain))
