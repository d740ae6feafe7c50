"""What counts as a signature of a script, and what does not."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from btclib.hashes import hash160
from btclib.script import serialize
from btclib.script.witness import Witness
from btclib.tx import OutPoint, Tx, TxIn, TxOut
from btclib_wallet.psbt import Psbt

from attest.chains.bitcoin.messages.bip322 import SignedOutput, check_bip322
from attest.errors import AttestError, VerificationError
from tests.world.bip322 import EXTRA, FUNDING, KEYS, MESSAGE, STRANGER, A, B, C, proof_of_funds
from tests.world.bitcoin_signing import (
    ALL,
    ORDER,
    Leaf,
    Virtual,
    high_s,
    multisig,
    p2pkh,
    p2sh,
    p2tr,
    p2wpkh,
    p2wsh,
    public,
)

TWO_OF_THREE = multisig(2, *KEYS)
NONE, SINGLE, ANYONECANPAY = 2, 3, 0x80


def check(script: bytes, signature: str, message: str = MESSAGE) -> tuple[SignedOutput, ...]:
    return check_bip322(script, message.encode(), signature)


def refusal(script: bytes, signature: str) -> str:
    with pytest.raises(AttestError) as caught:
        check(script, signature)
    return caught.value.code


def two_of_three(
    make: Callable[[Virtual], list[bytes]], script: bytes = TWO_OF_THREE, **fields: int
) -> tuple[bytes, str]:
    """A P2WSH, and a simple signature whose witness is what `make` returns and then the script; full with `fields`."""
    virtual = Virtual(p2wsh(script), MESSAGE, script, **fields)
    stack = make(virtual)
    return p2wsh(script), virtual.full([], *stack, script) if fields else virtual.simple(*stack, script)


@pytest.mark.parametrize("signers", [(A, B), (A, C), (B, C)])
def test_any_two_of_three_keys_sign_in_every_wrapping(signers: tuple[int, int]) -> None:
    assert check(*two_of_three(lambda v: [b"", *map(v.ecdsa, signers)])) == ()
    redeem_script = p2wsh(TWO_OF_THREE)
    virtual = Virtual(p2sh(redeem_script), MESSAGE, redeem_script)
    signatures = [virtual.wrapped(key, TWO_OF_THREE) for key in signers]
    assert check(p2sh(redeem_script), virtual.full([redeem_script], b"", *signatures, TWO_OF_THREE)) == ()
    virtual = Virtual(p2sh(TWO_OF_THREE), MESSAGE, TWO_OF_THREE)
    signatures = [virtual.ecdsa(key) for key in signers]
    assert check(p2sh(TWO_OF_THREE), virtual.full(["OP_0", *signatures, TWO_OF_THREE])) == ()


def other_message(key: int) -> bytes:
    return Virtual(p2wsh(TWO_OF_THREE), MESSAGE + "\n", TWO_OF_THREE).ecdsa(key)


NOT_TWO_OF_THREE: dict[str, Callable[[Virtual], list[bytes]]] = {
    "nobody": lambda _: [b"", b"", b""],
    "one": lambda v: [b"", v.ecdsa(A)],
    "one, and nothing for the other": lambda v: [b"", v.ecdsa(A), b""],
    "the same twice": lambda v: [b"", v.ecdsa(A), v.ecdsa(A)],
    "the same twice with its other s": lambda v: [b"", v.ecdsa(A), high_s(v.ecdsa(A))],
    "another order than the keys'": lambda v: [b"", v.ecdsa(B), v.ecdsa(A)],
    "a stranger": lambda v: [b"", v.ecdsa(A), v.ecdsa(STRANGER)],
    "three": lambda v: [b"", *map(v.ecdsa, (A, B, C))],
    "a dummy that says something": lambda v: [b"\x01", v.ecdsa(A), v.ecdsa(B)],
    "no dummy": lambda v: [v.ecdsa(A), v.ecdsa(B)],
    "something more": lambda v: [b"", b"", v.ecdsa(A), v.ecdsa(B)],
    "high s": lambda v: [b"", high_s(v.ecdsa(A)), v.ecdsa(B)],
    "a signature of 64 bytes": lambda v: [b"", v.ecdsa(A)[:64], v.ecdsa(B)],
    "a signature without hash type": lambda v: [b"", v.ecdsa(A)[:-1], v.ecdsa(B)],
    "another message": lambda v: [b"", v.ecdsa(A), other_message(B)],
    **{
        f"hash type {hash_type:#x}": lambda v, t=hash_type: [b"", v.ecdsa(A), v.ecdsa(B, t)]
        for hash_type in (NONE, SINGLE, ALL | ANYONECANPAY, NONE | ANYONECANPAY, SINGLE | ANYONECANPAY, 4)
    },
}


@pytest.mark.parametrize("case", NOT_TWO_OF_THREE)
@pytest.mark.parametrize("fields", [{}, {"version": 2}], ids=["simple", "full"])
def test_two_of_three_need_two_different_keys_and_all_they_say(case: str, fields: dict[str, int]) -> None:
    assert refusal(*two_of_three(NOT_TWO_OF_THREE[case], **fields)) == "control/invalid"


def test_only_the_script_behind_the_address_counts() -> None:
    other = multisig(1, *KEYS)
    virtual = Virtual(p2wsh(TWO_OF_THREE), MESSAGE, other)
    for stack in ([b"", virtual.ecdsa(A), other], [b"", virtual.ecdsa(A)], []):
        assert refusal(p2wsh(TWO_OF_THREE), virtual.simple(*stack)) == "control/invalid"


# A script, who signs it, and whether CHECKMULTISIG takes a dummy before them.
ONE_KEY_TWICE = {
    "the same key": (multisig(2, KEYS[0], KEYS[0], KEYS[1]), (A, A), True),
    "a key and its negative": (multisig(2, KEYS[0], public(ORDER - A), KEYS[1]), (A, ORDER - A), True),
    "one after the other": (serialize([KEYS[0], "OP_CHECKSIGVERIFY", KEYS[0], "OP_CHECKSIG"]), (A, A), False),
}


@pytest.mark.parametrize("case", ONE_KEY_TWICE)
def test_one_key_never_counts_twice(case: str) -> None:
    script, signers, dummy = ONE_KEY_TWICE[case]
    stack = two_of_three(lambda v: [*[b""] * dummy, *map(v.ecdsa, signers)], script)
    assert refusal(*stack) == "control/one-key"


def test_one_key_never_counts_twice_in_another_form_either() -> None:
    script = multisig(2, KEYS[0], public(A, compressed=False))
    virtual = Virtual(p2sh(script), MESSAGE, script)
    signature = virtual.full(["OP_0", virtual.ecdsa(A), virtual.ecdsa(A), script])
    assert refusal(p2sh(script), signature) == "control/one-key"


def test_two_keys_count_though_the_script_has_one_of_them_twice() -> None:
    script = multisig(2, KEYS[0], KEYS[0], KEYS[1])
    assert check(*two_of_three(lambda v: [b"", v.ecdsa(A), v.ecdsa(B)], script)) == ()


def x_only(key: int) -> bytes:
    return public(key)[1:]


def leaf_signed(commands: list[Any], *signers: int, **fields: int) -> tuple[bytes, str]:
    """A taproot output with one script, and a signature by `signers` in the script's order."""
    leaf = Leaf(STRANGER, commands)
    virtual = Virtual(leaf.output, MESSAGE, **fields)
    stack = [virtual.schnorr(key, leaf=leaf) for key in reversed(signers)]
    stack += [leaf.script, leaf.control]
    return leaf.output, virtual.full([], *stack) if fields else virtual.simple(*stack)


def multi_a(needed: int, *keys: int) -> list[Any]:
    first, *others = map(x_only, keys)
    added = [item for key in others for item in (key, "OP_CHECKSIGADD")]
    return [first, "OP_CHECKSIG", *added, f"OP_{needed}", "OP_NUMEQUAL"]


def test_two_keys_sign_in_a_leaf_of_taproot_and_one_does_not() -> None:
    assert check(*leaf_signed(multi_a(2, A, B), A, B)) == ()
    assert refusal(*leaf_signed(multi_a(2, A, B), A, A)) == "control/invalid"
    assert refusal(*leaf_signed(multi_a(2, A, B), B, A)) == "control/invalid"
    assert refusal(*leaf_signed(multi_a(2, A, A), A, A)) == "control/one-key"


def test_the_key_of_taproot_signs_alone_and_for_all_of_the_message() -> None:
    script = p2tr(A)
    virtual = Virtual(script, MESSAGE)
    for hash_type in (0, ALL):
        assert check(script, virtual.simple(virtual.schnorr(A, hash_type))) == ()
    for hash_type in (NONE, SINGLE, ALL | ANYONECANPAY):
        assert refusal(script, virtual.simple(virtual.schnorr(A, hash_type))) == "control/invalid"
    signature = virtual.schnorr(A)
    for stack in ([], [b""], [signature + b"\0"], [signature[:-1]], [signature, b""], [b"", signature]):
        assert refusal(script, virtual.simple(*stack)) == "control/invalid"
    assert refusal(script, virtual.simple(virtual.schnorr(B))) == "control/invalid"


UNSIGNED: dict[str, tuple[list[Any], list[bytes]]] = {
    "true": (["OP_1"], []),
    "whatever": (["OP_DROP", "OP_1"], [b"hello"]),
    "a secret": (["OP_HASH160", hash160(b"secret"), "OP_EQUAL"], [b"secret"]),
    "no signature": ([x_only(A), "OP_SWAP", "OP_IF", "OP_CHECKSIG", "OP_ELSE", "OP_DROP", "OP_1", "OP_ENDIF"], [b""]),
}


@pytest.mark.parametrize("case", UNSIGNED)
def test_a_script_that_needs_no_key_shows_control_of_none(case: str) -> None:
    commands, stack = UNSIGNED[case]
    script = serialize(commands)
    assert refusal(p2wsh(script), Virtual(p2wsh(script), MESSAGE, script).simple(*stack, script)) == "control/no-key"
    legacy = Virtual(p2sh(script), MESSAGE, script).full([*(item or "OP_0" for item in stack), script])
    assert refusal(p2sh(script), legacy) == "control/no-key"
    leaf = Leaf(STRANGER, commands)
    virtual = Virtual(leaf.output, MESSAGE)
    assert refusal(leaf.output, virtual.simple(*stack, leaf.script, leaf.control)) == "control/no-key"


def vault(lock: str, operand: bytes = b"\x11") -> list[Any]:
    """A may spend, or B when the lock time has passed."""
    return ["OP_IF", KEYS[0], "OP_ELSE", operand, lock, "OP_DROP", KEYS[1], "OP_ENDIF", "OP_CHECKSIG"]


CLTV, CSV = "OP_CHECKLOCKTIMEVERIFY", "OP_CHECKSEQUENCEVERIFY"
UNITS_OF_512_S = 1 << 22
WAITED = {
    "a height": (CLTV, b"\x11", {"lock_time": 17}),
    "a height long past": (CLTV, b"\x11", {"lock_time": 800_000}),
    "a height, with version 2": (CLTV, b"\x11", {"version": 2, "lock_time": 17}),
    "a time": (CLTV, (1_700_000_000).to_bytes(4, "little"), {"lock_time": 1_700_000_000}),
    "blocks": (CSV, b"\x11", {"version": 2, "sequence": 17}),
    "time": (CSV, (UNITS_OF_512_S | 17).to_bytes(3, "little"), {"version": 2, "sequence": UNITS_OF_512_S | 17}),
}


@pytest.mark.parametrize("case", WAITED)
def test_keys_that_must_wait_control_nothing_yet(case: str) -> None:
    lock, operand, fields = WAITED[case]
    script = serialize(vault(lock, operand))
    now, later = (two_of_three(lambda v, key=key, branch=branch: [v.ecdsa(key), branch], script, **how)
                  for key, branch, how in ((A, b"\x01", {}), (B, b"", fields)))  # fmt: skip
    assert check(*now) == ()
    assert refusal(*later) == "control/locked"
    with pytest.raises(VerificationError, match="may not move the coins yet"):
        check(*later)
    too_early = two_of_three(lambda v: [v.ecdsa(B), b""], script, version=2)
    assert refusal(*too_early) == "control/invalid"


@pytest.mark.parametrize("case", WAITED)
def test_keys_that_must_wait_control_nothing_yet_in_p2sh(case: str) -> None:
    lock, operand, fields = WAITED[case]
    script = serialize(vault(lock, operand))
    virtual = Virtual(p2sh(script), MESSAGE, script, **fields)
    assert refusal(p2sh(script), virtual.full([virtual.ecdsa(B), "OP_0", script])) == "control/locked"
    virtual = Virtual(p2sh(p2wsh(script)), MESSAGE, p2wsh(script), **fields)
    signature = virtual.wrapped(B, script)
    assert refusal(p2sh(p2wsh(script)), virtual.full([p2wsh(script)], signature, b"", script)) == "control/locked"


@pytest.mark.parametrize("size", [1, 75, 76, 255, 256, 350])
def test_a_lock_is_found_behind_data_of_every_length(size: int) -> None:
    script = serialize([b"\x21" * size, "OP_DROP", *vault(CLTV)])
    virtual = Virtual(p2sh(script), MESSAGE, script, lock_time=17)
    assert refusal(p2sh(script), virtual.full([virtual.ecdsa(B), "OP_0", script])) == "control/locked"


def test_keys_that_must_wait_control_nothing_yet_in_a_leaf_of_taproot() -> None:
    for lock, fields in ((CLTV, {"lock_time": 17}), (CSV, {"version": 2, "sequence": 17})):
        commands = [b"\x11", lock, "OP_DROP", x_only(A), "OP_CHECKSIG"]
        assert refusal(*leaf_signed(commands, A, **fields)) == "control/locked"


def test_a_lock_that_asks_for_nothing_or_is_not_used_is_none() -> None:
    nothing = serialize([b"", CSV, "OP_DROP", KEYS[0], "OP_CHECKSIG"])
    for fields in ({"version": 2}, {"version": 2, "lock_time": 9}):
        assert check(*two_of_three(lambda v: [v.ecdsa(A)], nothing, **fields)) == ()
    for fields in ({"sequence": 17}, {"version": 2, "sequence": 1 << 31 | 17}):
        script = serialize(vault(CSV))
        assert check(*two_of_three(lambda v: [v.ecdsa(A), b"\x01"], script, **fields)) == ()
    virtual = Virtual(p2wpkh(KEYS[0]), MESSAGE, version=2, lock_time=900_000, sequence=17)
    assert check(p2wpkh(KEYS[0]), virtual.full([], virtual.ecdsa(A), KEYS[0])) == ()


def test_what_has_no_meaning_yet_shows_nothing() -> None:
    nop = serialize(["OP_NOP10", KEYS[0], "OP_CHECKSIG"])
    later = b"\x51\x20" + b"\1" * 32, b"\x60\x02ab", b"\x52\x20" + b"\1" * 32
    unknown = [
        two_of_three(lambda v: [v.ecdsa(A)], nop),
        two_of_three(lambda v: [b"", v.ecdsa(A), v.ecdsa(B)], version=1),
        two_of_three(lambda v: [b"", v.ecdsa(A), v.ecdsa(B)], version=3),
        *((p2sh(script), Virtual(p2sh(script), MESSAGE, script).full([script])) for script in later),
        leaf_signed(["OP_SUCCESS80", b"later"]),
        leaf_signed([KEYS[0], "OP_CHECKSIG"], A),
    ]
    assert [refusal(*case) for case in unknown] == ["control/inconclusive"] * len(unknown)
    leaf = Leaf(STRANGER, ["OP_1"], version=0xC2)
    signature = Virtual(leaf.output, MESSAGE).simple(leaf.script, leaf.control)
    assert refusal(leaf.output, signature) == "control/inconclusive"


def test_the_transaction_is_the_messages_and_pays_nobody() -> None:
    script = p2wpkh(KEYS[0])

    def signed(change: Callable[[Tx], None]) -> str:
        virtual = Virtual(script, MESSAGE)
        change(virtual.tx)
        return virtual.full([], virtual.ecdsa(A), KEYS[0])

    assert check(script, signed(lambda _: None)) == ()
    more = Virtual(script, MESSAGE, extra=[EXTRA[0]])  # of an output that only a proof of funds can state
    assert refusal(script, more.full([], more.ecdsa(A), KEYS[0])) == "control/invalid"

    def pay(tx: Tx) -> None:
        tx.vout[0] = TxOut(0, script)

    def pay_more(tx: Tx) -> None:
        tx.vout.append(TxOut(0, script))

    def burn(tx: Tx) -> None:
        tx.vout[0] = TxOut(1, b"\x6a")

    def spend_another_output(tx: Tx) -> None:
        tx.vin[0] = TxIn(OutPoint(tx.vin[0].prev_out.tx_id, 1))

    for change in (pay, pay_more, burn, spend_another_output):
        assert refusal(script, signed(change)) == "control/invalid"


FUNDED = tuple(SignedOutput(o.tx_id, o.vout, t.value, t.script_pub_key.script) for o, t in EXTRA)


def test_a_proof_of_funds_names_the_outputs_that_it_signs_and_not_the_message() -> None:
    assert check(p2wpkh(KEYS[0]), proof_of_funds()) == FUNDED
    alone = proof_of_funds(virtual=Virtual(p2wpkh(KEYS[0]), MESSAGE))
    assert check(p2wpkh(KEYS[0]), alone) == ()


def unsign(psbt: Psbt) -> None:
    psbt.inputs[1].final_script_witness = Witness()


def overstate(index: int) -> Callable[[Psbt], None]:
    def change(psbt: Psbt) -> None:
        utxo = psbt.inputs[index].witness_utxo
        assert utxo is not None
        psbt.inputs[index].witness_utxo = TxOut(utxo.value + 1, utxo.script_pub_key)

    return change


def forge_funding(psbt: Psbt) -> None:
    psbt.inputs[2].non_witness_utxo = Tx(2, 0, FUNDING.vin, [TxOut(6_000, p2pkh(KEYS[1])), *FUNDING.vout[1:]])


def witness_only(psbt: Psbt) -> None:
    psbt.inputs[2].non_witness_utxo = None
    for index in (2, 3):
        psbt.inputs[index].witness_utxo = EXTRA[index - 1][1]


def contradict(psbt: Psbt) -> None:
    psbt.inputs[3].witness_utxo = TxOut(10, p2pkh(KEYS[1]))


def another_message(psbt: Psbt) -> None:
    psbt.signed_message = b"another message"


FORGED: dict[str, Callable[[Psbt], None]] = {
    "an input without signature": unsign,
    "a larger amount of P2WPKH": overstate(1),
    "a larger amount of taproot": overstate(4),
    "a larger amount of P2PKH": forge_funding,
    "an amount of P2PKH that nothing vouches for": witness_only,
    "two amounts of one output": contradict,
    "another message's name": another_message,
    "one input swapped for another": lambda psbt: psbt.inputs.reverse(),
    "one input less": lambda psbt: psbt.inputs.__delitem__(-1),
    "one output less": lambda psbt: psbt.outputs.clear(),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_proof_of_funds_is_refused(case: str) -> None:
    assert refusal(p2wpkh(KEYS[0]), proof_of_funds(FORGED[case])) in {"control/invalid", "control/malformed"}


@pytest.mark.parametrize("amount", [1_000, 2_000])
def test_a_proof_of_funds_counts_no_output_twice(amount: int) -> None:
    script = p2wpkh(KEYS[0])
    (once, output), again = EXTRA[0], OutPoint(b"\5" * 32, 5)
    twice = Virtual(script, MESSAGE, extra=[(once, output), (again, TxOut(amount, script))])
    twice.tx.vin[2].prev_out = once  # what is signed; no PSBT can be made of it
    psbt = Virtual(script, MESSAGE, extra=[(once, output), (again, TxOut(amount, script))]).psbt()
    for index, item in enumerate(psbt.inputs):
        item.witness_utxo = twice.outputs[index]
        item.final_script_witness = Witness([twice.ecdsa(A, index=index), KEYS[0]])
    data = psbt.serialize()
    assert data.count(again.serialize()) == 1
    forged = "pof" + base64.b64encode(data.replace(again.serialize(), once.serialize())).decode()
    assert refusal(script, forged) == "control/malformed"


@pytest.mark.parametrize("hash_type", [NONE, SINGLE, ALL | ANYONECANPAY])
def test_a_signature_lifted_from_a_payment_proves_no_funds(hash_type: int) -> None:
    assert refusal(p2wpkh(KEYS[0]), proof_of_funds(hash_type=hash_type)) == "control/invalid"


def test_an_output_of_a_proof_of_funds_that_anyone_can_spend_is_refused() -> None:
    script = serialize(["OP_1"])
    virtual = Virtual(p2wpkh(KEYS[0]), MESSAGE, extra=[(EXTRA[0][0], TxOut(1_000, p2wsh(script)))])

    def satisfy(psbt: Psbt) -> None:
        psbt.inputs[1].final_script_witness = Witness([script])

    virtual.outputs[1] = TxOut(1_000, p2wsh(script))
    assert refusal(p2wpkh(KEYS[0]), proof_of_funds(satisfy, virtual)) == "control/no-key"
