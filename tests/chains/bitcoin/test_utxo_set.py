from __future__ import annotations

import json
import tracemalloc
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.utxo_set import dump as utxo_dump
from attest.chains.bitcoin.utxo_set.dump import Output
from attest.chains.bitcoin.utxo_set.read import UtxoSet, read_utxo_set
from attest.errors import MalformedError, UnavailableError
from tests.examples import examples
from tests.world.muhash import naive as naive_muhash

VECTORS = Path(__file__).parents[3] / "fixtures" / "vectors"
RECORDED = VECTORS / "utxo-set.dat"
SAID: Any = json.loads((VECTORS / "utxo-set.json").read_text(encoding="utf-8"))
REGTEST = bytes.fromhex("fabfb5da")
BLOCK = bytes(range(32))
SATOSHIS = 21_000_000 * 10**8
P2PKH = b"\x76\xa9\x14" + bytes(20) + b"\x88\xac"


def read(path: Path, *scripts: bytes, **options: Any) -> UtxoSet:
    return read_utxo_set(path, **{"magic": REGTEST, "scripts": scripts, "with_muhash": False, **options})


def said(script: str) -> list[Output]:
    return sorted(
        Output(bytes.fromhex(u["txid"]), u["vout"], bytes.fromhex(script), u["amount"], u["height"], u["coinbase"])
        for u in SAID["unspents"]
        if u["script"] == script
    )


# How a node writes and hashes outputs, put down as plainly as can be.


def compact_size(number: int) -> bytes:
    for first, size in ((0xFD, 2), (0xFE, 4), (0xFF, 8)):
        if first == 0xFD and number < first:
            return bytes((number,))
        if number < 256**size:
            return bytes((first,)) + number.to_bytes(size, "little")
    raise AssertionError


def varint(number: int) -> bytes:
    digits = [number % 128]
    while number >= 128:
        number = number // 128 - 1
        digits.append(128 + number % 128)
    return bytes(reversed(digits))


def stored_amount(amount: int) -> int:
    if amount == 0:
        return 0
    digits = str(amount)
    zeros = min(len(digits) - len(digits.rstrip("0")), 9)
    rest = amount // 10**zeros
    return 1 + 10 * (rest - 1) + 9 if zeros == 9 else 1 + 10 * (9 * (rest // 10) + rest % 10 - 1) + zeros


def on_curve(key: bytes) -> bool:
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256K1(), key)
    except ValueError:
        return False
    return True


def stored_script(script: bytes) -> bytes:
    match len(script), script[:3].hex(), script[-2:].hex():
        case 25, "76a914", "88ac":
            return b"\0" + script[3:23]
        case 23, hashed, last if (hashed[:4], last[2:]) == ("a914", "87"):
            return b"\1" + script[2:22]
        case 35, key, last if key[:4] in {"2102", "2103"} and last[2:] == "ac":
            return script[1:34]
        case 67, key, last if key[:4] == "4104" and last[2:] == "ac" and on_curve(script[1:66]):
            return bytes((4 + script[65] % 2,)) + script[2:34]
        case size, _, _:
            return varint(size + 6) + script


def stored(output: Output) -> bytes:
    code = varint(2 * output.height + output.coinbase)
    return compact_size(output.vout) + code + varint(stored_amount(output.amount)) + stored_script(output.script)


def header(outputs: int) -> bytes:
    return b"utxo\xff\x02\x00" + REGTEST + BLOCK[::-1] + outputs.to_bytes(8, "little")


def dump(outputs: list[Output]) -> bytes:
    body = b""
    ordered = sorted(outputs, key=lambda output: (output.txid[::-1], varint(output.vout)))
    for txid, group in groupby(ordered, key=lambda output: output.txid):
        coins = [stored(output) for output in group]
        body += txid[::-1] + compact_size(len(coins)) + b"".join(coins)
    return header(len(outputs)) + body


def hashed(outputs: list[Output]) -> list[bytes]:
    return [
        output.txid[::-1]
        + output.vout.to_bytes(4, "little")
        + (2 * output.height + output.coinbase).to_bytes(4, "little")
        + output.amount.to_bytes(8, "little")
        + compact_size(len(output.script))
        + output.script
        for output in sorted(outputs, key=lambda output: (output.txid[::-1], output.vout))
    ]


def public_key(secret: int) -> bytes:
    point = derive_private_key(secret, SECP256K1()).public_key()
    return point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


KEY_HASH = st.binary(min_size=20, max_size=20)
WIDE_HASH = st.binary(min_size=32, max_size=32)
SCRIPTS = st.one_of(
    KEY_HASH.map(lambda h: b"\x76\xa9\x14" + h + b"\x88\xac"),
    KEY_HASH.map(lambda h: b"\xa9\x14" + h + b"\x87"),
    KEY_HASH.map(lambda h: b"\x00\x14" + h),
    WIDE_HASH.map(lambda h: b"\x51\x20" + h),
    WIDE_HASH.map(lambda x: b"\x21\x02" + x + b"\xac"),
    WIDE_HASH.map(lambda x: b"\x21\x03" + x + b"\xac"),
    WIDE_HASH.map(lambda x: b"\x41\x04" + x + x + b"\xac"),
    st.integers(1, 2**200).map(lambda secret: b"\x41" + public_key(secret) + b"\xac"),
    st.binary(max_size=300),
)
AMOUNTS = st.one_of(
    st.integers(0, SATOSHIS),
    st.builds(lambda n, zeros: n * 10**zeros, st.integers(0, 2_100), st.integers(0, 12)),
)
HEIGHTS = st.one_of(st.integers(0, 2**31 - 1), st.integers(0, 1_000_000))
# Few transactions, so that they have many outputs, and vouts that the node's database sorts in its own way.
OUTPUTS = st.builds(
    Output,
    st.sampled_from([sha256(bytes((i,))).digest() for i in range(4)]),
    st.one_of(st.integers(0, 300), st.integers(16_000, 20_000), st.integers(0, 111_110)),
    SCRIPTS,
    AMOUNTS,
    HEIGHTS,
    st.booleans(),
)
SETS = st.lists(OUTPUTS, max_size=12, unique_by=lambda output: (output.txid, output.vout))


def test_a_recorded_dump_hashes_to_what_the_node_said_of_it() -> None:
    found = read(RECORDED, with_muhash=True)
    assert found.block_hash.hex() == SAID["base_hash"]
    assert found.outputs == SAID["coins_written"]
    assert found.hash_serialized.hex() == SAID["txoutset_hash"]
    assert found.muhash is not None
    assert found.muhash.hex() == SAID["muhash"]
    assert found.found == ()


@pytest.mark.parametrize("kind", SAID["scripts"])
def test_outputs_of_every_kind_are_those_that_the_node_found(kind: str) -> None:
    script = SAID["scripts"][kind]
    found = read(RECORDED, bytes.fromhex(script))
    assert found.found
    assert sorted(found.found) == said(script)


def test_outputs_of_several_scripts_are_found_at_once() -> None:
    found = read(RECORDED, *map(bytes.fromhex, SAID["scripts"].values()))
    assert sorted(found.found) == sorted(output for script in SAID["scripts"].values() for output in said(script))


@given(SETS, st.integers(1, 700))
def test_any_set_is_read_and_hashed_as_the_plain_version_does(
    tmp_path_factory: pytest.TempPathFactory, outputs: list[Output], piece: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.dat"
    path.write_bytes(dump(outputs))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utxo_dump, "_PIECE", piece)
        patch.setattr(utxo_dump, "_MARGIN", 400)  # enough for these
        found = read(path, *(output.script for output in outputs), with_muhash=True)
    plain = b"".join(hashed(outputs))
    assert found[:3] == (BLOCK, len(outputs), sha256(sha256(plain).digest()).digest()[::-1])
    assert found.muhash == naive_muhash(hashed(outputs))
    assert sorted(found.found) == sorted(outputs)


def test_an_output_is_found_however_its_script_is_stored(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(header(1) + bytes(32) + b"\x01" + b"\0\0\0" + varint(25 + 6) + P2PKH)
    (output,) = read(tmp_path / "x", P2PKH).found
    assert output.script == P2PKH


def test_progress_hears_how_many_outputs_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utxo_dump, "_PIECE", 1 << 12)
    monkeypatch.setattr(utxo_dump, "_MARGIN", 1 << 9)
    heard: list[int] = []
    found = read(RECORDED, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[0] < heard[-1] == found.outputs


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    count = 18_000
    coin = stored(Output(BLOCK, 0, P2PKH, 546, 100, coinbase=False))
    body = b"".join(number.to_bytes(32) + b"\x01" + coin for number in range(count))
    (tmp_path / "x").write_bytes(header(count) + body)
    tracemalloc.start()
    try:
        read(tmp_path / "x", P2PKH[::-1])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(body) / 2


TXID = bytes(31) + b"\x01"
CODE_AND_AMOUNT = b"\x02\x01"
REST = CODE_AND_AMOUNT + b"\0" + bytes(20)
ONE = TXID + b"\x01\x00" + REST
OTHER = TXID[::-1] + b"\x01\x00" + REST
AT = 51  # where the outputs begin
VOUT_AT = AT + 33
AMOUNT_AT = VOUT_AT + 2
SCRIPT_AT = VOUT_AT + 3


def coins(*vouts: bytes) -> bytes:
    return TXID + bytes((len(vouts),)) + b"".join(vout + REST for vout in vouts)


def second(vout: bytes) -> int:
    """Where the number of the second output ends when the first one's is `vout`."""
    return VOUT_AT + len(vout) + len(REST)


# name -> file, code, byte that the error names
BROKEN: dict[str, tuple[bytes, str, int]] = {
    "an empty file": (b"", "header", 0),
    "half a header": (header(0)[:50], "header", 50),
    "another magic": (b"utxo\xfe" + header(0)[5:], "header", 0),
    "an older format": (header(0)[:5] + b"\1\0" + header(0)[7:], "header", 5),
    "a later format": (header(0)[:5] + b"\3\0" + header(0)[7:], "header", 5),
    "another network": (header(0)[:7] + bytes.fromhex("f9beb4d9") + header(0)[11:], "network", 7),
    "fewer outputs than announced": (header(2) + ONE, "count", 43),
    "more outputs than announced": (header(1) + ONE + OTHER, "count", 43),
    "more outputs than the none announced": (header(0) + ONE, "count", 43),
    "a byte too many": (header(1) + ONE + b"\0", "count", 43),
    "a byte too few": (header(1) + ONE[:-1], "truncated", AT + len(ONE) - 1),
    "half a transaction id": (header(2) + ONE + OTHER[:10], "truncated", AT + len(ONE) + 10),
    "a transaction that goes on": (header(2) + coins(b"\0", b"\1")[: len(ONE)], "truncated", AT + len(ONE)),
    "a transaction twice": (header(2) + ONE + ONE, "output", AT + len(ONE)),
    "transactions out of order": (header(2) + OTHER + ONE, "output", AT + len(ONE)),
    "a transaction without outputs": (header(1) + TXID + b"\0" + bytes(50), "output", AT + 32),
    "more outputs than fit into a block": (
        header(200_000) + TXID + b"\xfe" + (111_112).to_bytes(4, "little") + bytes(50),
        "output",
        AT + 32,
    ),
    "an endless number of outputs": (header(9) + TXID + b"\xff" * 50, "output", AT + 32),
    "a number of outputs in too many bytes": (header(1) + TXID + b"\xfd\x01\x00" + ONE[33:], "output", AT + 32),
    "an output twice": (header(2) + coins(b"\1", b"\1"), "output", second(b"\1")),
    "outputs out of order": (header(2) + coins(b"\2", b"\1"), "output", second(b"\2")),
    "outputs in the order of numbers, not of the database": (
        header(2) + coins(compact_size(256), compact_size(16_512)),
        "output",
        second(compact_size(256)) + 2,
    ),
    "a vout beyond any block": (header(1) + coins(compact_size(111_111)), "output", VOUT_AT + 4),
    "a vout in three bytes instead of one": (header(1) + coins(b"\xfd\x05\x00"), "output", VOUT_AT),
    "a vout in five bytes instead of three": (header(1) + coins(b"\xfe\xff\x05\x00\x00"), "output", VOUT_AT),
    "a vout in nine bytes instead of five": (header(1) + coins(b"\xff\x05\x00\x01" + bytes(5)), "output", VOUT_AT),
    "a height beyond 32 bits": (
        header(1) + ONE[:34] + varint(2**32) + ONE[35:],
        "output",
        VOUT_AT + 1,
    ),
    "a height without end": (header(1) + ONE[:34] + b"\xff" * 50, "output", VOUT_AT + 1),
    "an amount above all money": (
        header(1) + ONE[:35] + varint(stored_amount(SATOSHIS + 1)) + ONE[36:],
        "output",
        AMOUNT_AT + len(varint(stored_amount(SATOSHIS + 1))),
    ),
    "an amount beyond 64 bits": (header(1) + ONE[:35] + varint(2**64) + ONE[36:], "output", AMOUNT_AT),
    "a script larger than the largest": (
        header(1) + ONE[:36] + varint(10_001 + 6) + bytes(10_001),
        "output",
        SCRIPT_AT,
    ),
    "a public key that is not on the curve": (
        header(1) + ONE[:36] + b"\x04" + bytes(31) + b"\x05",
        "output",
        SCRIPT_AT,
    ),
}


@pytest.mark.parametrize("piece", [30, 1 << 16])
@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_dump_is_refused_naming_file_and_byte(
    case: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utxo_dump, "_PIECE", piece)
    monkeypatch.setattr(utxo_dump, "_MARGIN", 100)
    data, code, byte = BROKEN[case]
    (tmp_path / "x.dat").write_bytes(data)
    with pytest.raises(MalformedError) as caught:
        read(tmp_path / "x.dat")
    assert caught.value.code == f"utxo-set/{code}"
    assert caught.value.message.startswith(str(tmp_path / "x.dat"))
    assert caught.value.message.endswith(f"(byte {byte})")


def test_what_stands_at_the_limits_is_read(tmp_path: Path) -> None:
    outputs = [
        Output(BLOCK, 111_110, bytes(10_000), SATOSHIS, 2**31 - 1, coinbase=True),
        Output(bytes(32), 252, b"", 0, 0, coinbase=False),
    ]
    (tmp_path / "x").write_bytes(dump(outputs))
    assert read(tmp_path / "x", bytes(10_000), b"").found == (outputs[1], outputs[0])


def test_a_transaction_that_no_block_has_room_for_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    script = bytes(10_000)
    outputs = [Output(BLOCK, vout, script, 0, 1, coinbase=False) for vout in range(500)]
    (tmp_path / "x").write_bytes(dump(outputs))
    with pytest.raises(MalformedError, match="larger than a block"):
        read(tmp_path / "x")


SMALL = dump(
    [
        Output(BLOCK, 7, bytes.fromhex(SAID["scripts"]["p2pk uncompressed, odd"]), 5 * 10**9, 300, coinbase=True),
        *(Output(BLOCK[::-1], vout, P2PKH, 12_345, 9, coinbase=False) for vout in (1, 300, 20_000)),
        Output(bytes(32), 0, b"", 546, 1_000_000, coinbase=False),
    ]
)


def test_a_dump_cut_anywhere_or_with_more_behind_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(SMALL)
    assert read(path).outputs == 5
    for other in (*(SMALL[:end] for end in range(len(SMALL))), *(SMALL + bytes(more) for more in range(1, 60))):
        path.write_bytes(other)
        with pytest.raises(MalformedError):
            read(path)


def test_any_changed_byte_is_an_error_or_another_block_or_hash(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(SMALL)
    whole = read(path)
    for place in range(len(SMALL)):
        for change in (1, 0x80, 0xFF):
            changed = bytearray(SMALL)
            changed[place] ^= change
            path.write_bytes(changed)
            assert fingerprint(path) != (whole.block_hash, whole.hash_serialized), (place, change)


@examples(200)
@given(st.dictionaries(st.integers(0, RECORDED.stat().st_size - 1), st.integers(1, 255), min_size=1, max_size=8))
def test_a_tampered_dump_is_an_error_or_another_block_or_hash(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[int, int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "tampered.dat"
    changed = bytearray(RECORDED.read_bytes())
    for place, change in changes.items():
        changed[place] ^= change
    path.write_bytes(changed)
    said_of_it = (bytes.fromhex(SAID["base_hash"]), bytes.fromhex(SAID["txoutset_hash"]))
    assert fingerprint(path) != said_of_it


@given(st.binary(max_size=300), st.integers(0, 20))
def test_whatever_follows_a_header_only_our_errors_leave(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, outputs: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "whatever.dat"
    path.write_bytes(header(outputs) + body)
    fingerprint(path)


def fingerprint(path: Path) -> tuple[bytes, bytes] | None:
    try:
        found = read(path)
    except MalformedError:
        return None
    return found.block_hash, found.hash_serialized


def test_a_file_that_cannot_be_read_is_unavailable(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, Path("a\0b")):
        with pytest.raises(UnavailableError) as caught:
            read(path)
        assert caught.value.code == "file/unreadable"
