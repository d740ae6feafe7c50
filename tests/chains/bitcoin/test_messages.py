"""Messages signed for addresses, and attempts to pass off something else.

The vectors are those of BIP-322 (github.com/bitcoin/bips, folder bip-0322, CC0-1.0).
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import wallycore
from btclib.script import serialize
from btclib_wallet import bip322
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.messages.message import MAX_MESSAGE, MAX_SIGNATURE, SignedBy, verify_message
from attest.chains.bitcoin.networks import network
from attest.errors import AttestError, MalformedError, VerificationError
from tests.chains.bitcoin import test_bip322 as made
from tests.examples import examples
from tests.world.bip137 import BITCOIN, CHALLENGE, bip137
from tests.world.bitcoin_signing import (
    ORDER,
    Leaf,
    Virtual,
    address_of,
    multisig,
    p2pkh,
    p2sh,
    p2tr,
    p2wpkh,
    p2wsh,
    public,
)

TESTNET4 = "bip122:00000000da84f2bafbbc53dee25a72ae"
REGTEST = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
LITECOIN = "bip122:12a765e31ffd4059bada1e25190f6e98"
A, B, C = 21, 22, 23
KEYS = tuple(map(public, (A, B, C)))
P2PKH_START = 0x76

VECTORS = Path(__file__).parents[3] / "fixtures" / "vectors" / "bip322"
FILES = [json.loads((VECTORS / f"{name}-test-vectors.json").read_text()) for name in ("basic", "generated")]
VALID = [
    pytest.param(vector, signature, id=f"{section} {vector['type']} {number}")
    for file in FILES
    for section in ("simple", "full", "proof_of_funds")
    for number, vector in enumerate(file.get(section, []))
    for signature in vector["bip322_signatures"]
]
INVALID = [vector for file in FILES for vector in file["error"]]
KINDS = {"smp": "bip322-simple", "ful": "bip322-full", "pof": "bip322-proof-of-funds"}


@pytest.mark.parametrize(("vector", "signature"), VALID)
def test_a_valid_vector_is_accepted_unless_its_keys_must_wait(vector: dict[str, Any], signature: str) -> None:
    arguments = BITCOIN, vector["address"], vector["message"], signature
    if "time-lock" in vector["type"]:  # valid from an age of 2016 blocks on, says BIP-322
        bip322.assert_as_valid(vector["message"].encode(), vector["address"], signature)
        assert refusal(*arguments) == "control/locked"
        return
    found = verify_message(*arguments)
    assert found.kind == KINDS.get(signature[:3], "bip322-simple")
    added = [output for group in vector.get("additional_inputs", []) for output in group]
    assert [(o.amount, o.script.hex()) for o in found.outputs] == [(o["value"], o["pk_script"]) for o in added]


@pytest.mark.parametrize("vector", INVALID, ids=lambda vector: vector["description"])
def test_an_invalid_vector_is_refused(vector: dict[str, str]) -> None:
    code = refusal(BITCOIN, vector["address"], vector["message"], vector["signature"])
    assert code in {"control/invalid", "control/malformed"}


@pytest.mark.parametrize("vector", FILES[0]["tx_hashes"], ids=lambda v: v["message"] or "nothing")
def test_the_virtual_transactions_are_those_of_the_vectors(vector: dict[str, str]) -> None:
    message = vector["message"].encode()
    to_spend = bip322.to_spend(message, bytes(wallycore.addr_segwit_to_bytes(vector["address"], "bc", 0)))
    assert bip322.message_hash(message).hex() == vector["message_hash"]
    assert to_spend.id.hex() == vector["to_spend_tx_hash"]
    assert bip322.to_sign(to_spend).id.hex() == vector["to_sign_tx_hash"]


def refusal(chain: str, address: str, message: str, signature: str) -> str:
    with pytest.raises(AttestError) as caught:
        verify_message(chain, address, message, signature)
    return caught.value.code


def one_key(script: bytes, key: int = A, *stack: bytes) -> str:
    virtual = Virtual(script, CHALLENGE)
    return virtual.simple(virtual.schnorr(key)) if script[0] == 0x51 else virtual.simple(virtual.ecdsa(key), *stack)


def legacy(script: bytes, key: int) -> str:
    virtual = Virtual(script, CHALLENGE)
    return virtual.full([virtual.ecdsa(key), public(key)])


def nested(key: int) -> str:
    redeem_script = p2wpkh(public(key))
    virtual = Virtual(p2sh(redeem_script), CHALLENGE, redeem_script)
    return virtual.full([redeem_script], virtual.ecdsa(key), public(key))


def multi(script: bytes, revealed: bytes) -> str:
    virtual = Virtual(script, CHALLENGE, revealed)
    signatures = virtual.ecdsa(A), virtual.ecdsa(C)
    if script[:1] == b"\xa9":
        return virtual.full(["OP_0", *signatures, revealed])
    return virtual.simple(b"", *signatures, revealed)


def leaf(commands: list[Any], *signers: int) -> tuple[bytes, str]:
    tree = Leaf(B, commands)
    virtual = Virtual(tree.output, CHALLENGE)
    return tree.output, virtual.simple(*(virtual.schnorr(key, leaf=tree) for key in signers), tree.script, tree.control)


MULTI = multisig(2, *KEYS)
# How each kind of address signs the challenge: the script, the signature, and what it is called.
HONEST: dict[str, tuple[bytes, str, str]] = {
    "p2pkh by BIP-137": (p2pkh(KEYS[0]), bip137(A), "bip137"),
    "p2pkh of an uncompressed key": (p2pkh(public(A, compressed=False)), bip137(A, compressed=False), "bip137"),
    "p2pkh": (p2pkh(KEYS[0]), legacy(p2pkh(KEYS[0]), A), "bip322-full"),
    "p2wpkh": (p2wpkh(KEYS[0]), one_key(p2wpkh(KEYS[0]), A, KEYS[0]), "bip322-simple"),
    "p2sh-p2wpkh": (p2sh(p2wpkh(KEYS[0])), nested(A), "bip322-full"),
    "p2tr": (p2tr(A), one_key(p2tr(A)), "bip322-simple"),
    "p2tr leaf": (*leaf([KEYS[0][1:], "OP_CHECKSIG"], A), "bip322-simple"),
    "p2wsh multisig": (p2wsh(MULTI), multi(p2wsh(MULTI), MULTI), "bip322-simple"),
    "p2sh multisig": (p2sh(MULTI), multi(p2sh(MULTI), MULTI), "bip322-full"),
}


@pytest.mark.parametrize("chain", [BITCOIN, TESTNET4, REGTEST, LITECOIN])
@pytest.mark.parametrize("case", HONEST)
def test_every_kind_of_address_signs_on_every_network(case: str, chain: str) -> None:
    script, signature, kind = HONEST[case]
    if kind == "bip137" and chain == LITECOIN:
        assert refusal(chain, address_of(script, chain), CHALLENGE, signature) == "control/invalid"
        signature = bip137(A, compressed="uncompressed" not in case, coin="Litecoin")
    assert verify_message(chain, address_of(script, chain), CHALLENGE, signature) == SignedBy(kind)


@pytest.mark.parametrize("line", range(7))
@pytest.mark.parametrize("case", HONEST)
def test_a_challenge_with_a_changed_line_is_not_signed(case: str, line: int) -> None:
    script, signature, _ = HONEST[case]
    lines = CHALLENGE.splitlines(keepends=True)
    for changed in (lines[line].replace(": ", ": x"), lines[line].upper(), "", lines[line] * 2):
        other = "".join([*lines[:line], changed, *lines[line + 1 :]])
        if other != CHALLENGE:
            assert refusal(BITCOIN, address_of(script, BITCOIN), other, signature) == "control/invalid"


@examples(20)
@given(message=st.text(st.characters(exclude_categories=("Cs",)), max_size=300))
@pytest.mark.parametrize("case", HONEST)
def test_no_other_message_is_signed(case: str, message: str) -> None:
    script, signature, _ = HONEST[case]
    for other in (message, message + CHALLENGE, CHALLENGE + message):
        if other != CHALLENGE:
            assert refusal(BITCOIN, address_of(script, BITCOIN), other, signature) == "control/invalid"


@pytest.mark.parametrize("case", HONEST)
def test_a_message_is_its_bytes_and_nothing_is_read_into_it(case: str) -> None:
    script, signature, _ = HONEST[case]
    spelled = CHALLENGE.encode().hex()
    for other in (spelled, spelled.upper(), "0x" + spelled, CHALLENGE.strip(), CHALLENGE.replace("\n", "\r\n")):
        assert refusal(BITCOIN, address_of(script, BITCOIN), other, signature) == "control/invalid"


@pytest.mark.parametrize("case", HONEST)
def test_a_signature_is_of_one_address_and_of_no_other_even_of_the_same_key(case: str) -> None:
    script, signature, kind = HONEST[case]
    others = {other for other, _, _ in HONEST.values()} | {p2pkh(KEYS[1]), p2wpkh(KEYS[1]), p2tr(B)}
    others |= {p2sh(p2wpkh(KEYS[1])), p2wsh(multisig(1, *KEYS)), p2sh(multisig(1, *KEYS)), p2sh(p2wsh(MULTI))}
    for other in others - {script}:
        code = refusal(BITCOIN, address_of(other, BITCOIN), CHALLENGE, signature)
        assert code == ("control/kind" if kind == "bip137" and other[0] != P2PKH_START else "control/invalid")


@pytest.mark.parametrize("case", HONEST)
def test_an_address_of_another_network_signs_nothing(case: str) -> None:
    script, signature, _ = HONEST[case]
    for chain, other in ((BITCOIN, REGTEST), (BITCOIN, TESTNET4), (BITCOIN, LITECOIN), (REGTEST, BITCOIN)):
        assert refusal(chain, address_of(script, other), CHALLENGE, signature) == "bitcoin/address"
    if script[0] in {0, 0x51}:  # the others have one address on all test networks
        for chain, other in ((REGTEST, TESTNET4), (TESTNET4, REGTEST)):
            assert refusal(chain, address_of(script, other), CHALLENGE, signature) == "bitcoin/address"
    assert refusal("bip122:" + "0" * 32, address_of(script, BITCOIN), CHALLENGE, signature) == "bitcoin/chain"


NO_ADDRESSES = {
    "nothing": "",
    "words": "I am an address",
    "a wrong checksum": "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0m",
    "a version without rules": "bc1zqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sqfj5af",
    "two lines": "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l\n",
    "too much": "bc1" + "q" * 5_000,
}


@pytest.mark.parametrize("case", NO_ADDRESSES)
def test_what_is_no_address_signs_nothing(case: str) -> None:
    for _, signature, _ in HONEST.values():
        assert refusal(BITCOIN, NO_ADDRESSES[case], CHALLENGE, signature) == "bitcoin/address"


@pytest.mark.parametrize("case", HONEST)
def test_a_truncated_or_longer_signature_is_refused(case: str) -> None:
    script, signature, kind = HONEST[case]
    address = address_of(script, BITCOIN)
    prefix, text = ("", signature) if kind == "bip137" else (signature[:3], signature[3:])
    data = base64.b64decode(text)
    for other in [*(data[:cut] for cut in range(len(data))), *(data + more for more in (b"\0", b"\xff", data))]:
        text = base64.b64encode(other).decode()
        assert refusal(BITCOIN, address, CHALLENGE, prefix + text).startswith("control/")
    for cut in range(len(signature)):
        assert refusal(BITCOIN, address, CHALLENGE, signature[:cut]).startswith("control/")


@examples(40)
@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@pytest.mark.parametrize("case", HONEST)
def test_no_changed_byte_passes(case: str, where: float, flip: int) -> None:
    script, signature, kind = HONEST[case]
    prefix, text = ("", signature) if kind == "bip137" else (signature[:3], signature[3:])
    data = bytearray(base64.b64decode(text))
    data[int(where * len(data))] ^= flip
    assert refusal(BITCOIN, address_of(script, BITCOIN), CHALLENGE, prefix + base64.b64encode(data).decode())


@pytest.mark.parametrize("case", HONEST)
def test_a_prefix_says_what_follows_and_only_a_simple_signature_goes_without(case: str) -> None:
    script, signature, kind = HONEST[case]
    address = address_of(script, BITCOIN)
    bare = signature if kind == "bip137" else signature[3:]
    for prefix in {"smp", "ful", "pof", "SMP", "smpsmp", "smp ", "foo", "data:"} - {signature[:3]}:
        assert refusal(BITCOIN, address, CHALLENGE, prefix + bare).startswith("control/")
    if kind == "bip322-full":
        assert refusal(BITCOIN, address, CHALLENGE, bare).startswith("control/")
    else:
        assert verify_message(BITCOIN, address, CHALLENGE, bare).kind == kind
    broken = f"{signature[:40]}\n{signature[40:]}"
    for spelled in (f" {signature}", f"{signature}\n", broken, f"{signature}=", signature * 2):
        assert refusal(BITCOIN, address, CHALLENGE, spelled).startswith("control/")


def test_a_proof_of_funds_needs_its_prefix_and_names_its_outputs() -> None:
    address = address_of(p2wpkh(made.KEYS[0]), BITCOIN)
    signature = made.proof_of_funds()
    found = verify_message(BITCOIN, address, made.MESSAGE, signature)
    assert found == SignedBy("bip322-proof-of-funds", made.FUNDED)
    for prefix in ("", "smp", "ful"):
        assert refusal(BITCOIN, address, made.MESSAGE, prefix + signature[3:]) == "control/malformed"


def test_a_lowercase_or_uppercase_address_is_the_same() -> None:
    script, signature, _ = HONEST["p2wpkh"]
    assert verify_message(BITCOIN, address_of(script, BITCOIN).upper(), CHALLENGE, signature).kind == "bip322-simple"


@pytest.mark.parametrize("compressed", [True, False])
def test_of_the_first_bytes_of_bip_137_one_is_right_for_a_key(*, compressed: bool) -> None:
    address = address_of(p2pkh(public(A, compressed=compressed)), BITCOIN)
    accepted = []
    for header in range(256):
        with suppress(VerificationError):
            verify_message(BITCOIN, address, CHALLENGE, bip137(A, header=header))
            accepted.append(header)
    assert accepted == [base64.b64decode(bip137(A, compressed=compressed))[0]]
    assert accepted[0] in (range(31, 35) if compressed else range(27, 31))


@pytest.mark.parametrize("case", [case for case, (script, *_) in HONEST.items() if script[0] != P2PKH_START])
def test_bip_137_says_nothing_for_other_addresses_than_p2pkh_and_the_hint_names_what_devices_sign(case: str) -> None:
    address = address_of(HONEST[case][0], BITCOIN)
    for header in range(27, 43):
        with pytest.raises(VerificationError) as caught:
            verify_message(BITCOIN, address, CHALLENGE, bip137(A, header=header))
        assert (caught.value.code, ".psbt file" in str(caught.value.hint)) == ("control/kind", True)


def test_a_signature_of_bip_137_that_anyone_could_have_changed_is_refused() -> None:
    address = address_of(p2pkh(KEYS[0]), BITCOIN)
    data = base64.b64decode(bip137(A))
    s = int.from_bytes(data[33:])
    for value in (ORDER - s, 0, ORDER, s + ORDER if s + ORDER < 2**256 else 2**256 - 1):
        for header in range(27, 35):
            changed = bytes((header,)) + data[1:33] + value.to_bytes(32)
            assert refusal(BITCOIN, address, CHALLENGE, base64.b64encode(changed).decode()) == "control/invalid"
    for r in (0, ORDER, 2**256 - 1):
        changed = data[:1] + r.to_bytes(32) + data[33:]
        assert refusal(BITCOIN, address, CHALLENGE, base64.b64encode(changed).decode()) == "control/invalid"


def test_a_signature_of_bip_137_is_of_one_coin() -> None:
    for chain, coin in ((LITECOIN, "Bitcoin"), (BITCOIN, "Litecoin"), (REGTEST, "Litecoin")):
        address = address_of(p2pkh(KEYS[0]), chain)
        assert refusal(chain, address, CHALLENGE, bip137(A, coin=coin)) == "control/invalid"
        own = network(chain).name.split()[0]
        assert verify_message(chain, address, CHALLENGE, bip137(A, coin=own)).kind == "bip137"


@pytest.mark.parametrize("size", [0, 1, 252, 253, 254, 1_000, MAX_MESSAGE])
def test_messages_of_every_length_are_signed_by_bip_137(size: int) -> None:
    message = "x" * size
    assert verify_message(BITCOIN, address_of(p2pkh(KEYS[0]), BITCOIN), message, bip137(A, message)).kind == "bip137"


@pytest.mark.parametrize("library", ["_recovers", "_bitcoinlib_agrees"])
def test_both_libraries_must_find_the_key_of_bip_137(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, signature, _ = HONEST["p2pkh by BIP-137"]
    monkeypatch.setattr(f"attest.chains.bitcoin.messages.bip137.{library}", lambda *_: False)
    assert refusal(BITCOIN, address_of(script, BITCOIN), CHALLENGE, signature) == "control/invalid"


def test_what_is_too_long_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    script, signature, _ = HONEST["p2wpkh"]
    address = address_of(script, BITCOIN)
    unread: Callable[..., None] = lambda *_: pytest.fail("it was read")  # noqa: E731
    monkeypatch.setattr("attest.chains.bitcoin.messages.message.check_bip322", unread)
    monkeypatch.setattr("attest.chains.bitcoin.messages.message.parse_base64", unread)
    assert refusal(BITCOIN, address, CHALLENGE, "smp" + "A" * (MAX_SIGNATURE - 2)) == "control/malformed"
    assert refusal(BITCOIN, address, "x" * (MAX_MESSAGE + 1), signature) == "control/message"


@pytest.mark.parametrize("prefix", ["", "smp", "ful", "pof"])
@pytest.mark.parametrize("filler", [b"\0", b"\xff", b"\xfe\xff\xff\xff", b"psbt\xff", b"\1", b"\x6a"])
def test_the_largest_input_is_refused(prefix: str, filler: bytes) -> None:
    data = (filler * MAX_SIGNATURE)[: MAX_SIGNATURE * 3 // 4 - 3]
    signature = prefix + base64.b64encode(data).decode()
    assert len(signature) <= MAX_SIGNATURE
    code = refusal(BITCOIN, address_of(p2wpkh(KEYS[0]), BITCOIN), CHALLENGE, signature)
    assert code in {"control/malformed", "control/invalid"}


def test_a_message_without_bytes_is_none() -> None:
    script, signature, _ = HONEST["p2tr"]
    assert refusal(BITCOIN, address_of(script, BITCOIN), "\ud800", signature) == "control/message"


SIGNATURES = [signature for _, signature, _ in HONEST.values()] + [made.proof_of_funds()]
PIECES = st.sampled_from(SIGNATURES).flatmap(
    lambda text: st.tuples(
        st.integers(0, len(text)), st.integers(0, len(text)), st.text("smpfulAB+/=0 \n", max_size=6)
    ).map(lambda cut: text[: min(cut[:2])] + cut[2] + text[max(cut[:2]) :])
)
BINARY = st.builds(
    lambda prefix, data: prefix + base64.b64encode(data).decode(),
    st.sampled_from(["", "smp", "ful", "pof"]),
    st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: b"psbt\xff" + data),
)
OTHER_SCRIPTS = [serialize(["OP_1"]), serialize([KEYS[0], "OP_CHECKSIG"])]


@examples(150)
@given(
    chain=st.sampled_from([BITCOIN, LITECOIN]),
    script=st.sampled_from([script for script, *_ in HONEST.values()] + [p2wsh(script) for script in OTHER_SCRIPTS]),
    message=st.text(max_size=30) | st.just(CHALLENGE),
    signature=st.text(max_size=60) | PIECES | BINARY,
)
def test_nothing_leads_to_another_error(chain: str, script: bytes, message: str, signature: str) -> None:
    with suppress(VerificationError, MalformedError):
        verify_message(chain, address_of(script, chain), message, signature)


@given(address=st.text(max_size=100), signature=st.text(max_size=20))
def test_no_address_leads_to_another_error(address: str, signature: str) -> None:
    with suppress(VerificationError, MalformedError):
        verify_message(BITCOIN, address, CHALLENGE, signature)


def test_the_library_waits_until_it_is_needed_and_leaves_nothing_behind(tmp_path: Path) -> None:
    script = f"""
import os, sys, warnings
warnings.simplefilter("error")
def watch(event, arguments):
    assert not event.startswith("socket.") or event == "socket.__new__", event
sys.addaudithook(watch)
import attest.cli, attest.chains.bitcoin.messages.message, attest.chains.bitcoin.messages.psbt
assert not [name for name in sys.modules if name.startswith(("btclib", "ecc", "bitcoin_core_rpc"))]
import btclib_wallet.bip322, btclib_wallet.descriptors
assert attest.chains.bitcoin.messages.message.verify_message(
    {BITCOIN!r}, {address_of(p2tr(A), BITCOIN)!r}, {CHALLENGE!r}, {one_key(p2tr(A))!r}
).kind == "bip322-simple"
sys.stdout.flush()
os._exit(0)  # wallycore's own clean-up does not survive warnings that are errors
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", script],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
