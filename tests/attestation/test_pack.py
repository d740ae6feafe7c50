"""A bundle and a proof in one file; links and pointers: what the vectors say of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from attest.attestation.pack import MAX_PACK_BYTES, Pack, pack, unpack
from attest.attestation.pointer import pointer, pointer_picture
from attest.canonical import dumps
from attest.errors import MalformedError
from attest.liabilities.proof import InclusionProof
from tests.conftest import FIXTURES, Exchange
from tests.world.links import MOST, linked
from tests.world.qr import read_qr

VECTORS = json.loads((FIXTURES / "vectors" / "protocol-v1.json").read_text(encoding="utf-8"))


@pytest.fixture
def packed(exchange: Exchange) -> bytes:
    return pack(exchange.bundle, proof_of(exchange), what="x").to_bytes()


def proof_of(exchange: Exchange) -> InclusionProof:
    return InclusionProof.from_json(exchange.proof(), what="x", max_bytes=MOST)


@pytest.mark.parametrize("vector", VECTORS["packs"], ids=lambda vector: str(vector["pack"][:40]))
def test_a_pack_is_read_and_written_as_its_vector_says(vector: Any) -> None:
    data = vector["pack"].encode()
    if vector["bundle"] is None:
        with pytest.raises(MalformedError):
            Pack.from_json(data, what="x", max_bytes=MAX_PACK_BYTES)
        return
    found = unpack(data)
    assert found is not None
    assert found.files == (vector["bundle"].encode(), vector["proof"].encode())
    assert (found.to_bytes() == data) == vector["canonical"]


def test_a_pack_has_the_very_files(exchange: Exchange, packed: bytes) -> None:
    found = unpack(packed)
    assert found is not None
    assert found.files == (exchange.bundle, exchange.proof())


def test_other_files_are_no_packs(exchange: Exchange) -> None:
    for data in (exchange.bundle, exchange.proof(), b"", b"[]", b'"attest/pack/v1"', b'{"format":["attest/pack/v1"]}'):
        assert unpack(data) is None


def test_a_pack_of_four_mebibytes_is_read_and_a_longer_one_is_called_too_large() -> None:
    value = {"format": "attest/pack/v1", "bundle": "", "proof": ""}
    most = dumps(value | {"proof": "x" * (MAX_PACK_BYTES - len(dumps(value)))})
    assert len(most) == MAX_PACK_BYTES == 4 << 20
    assert unpack(most) is not None
    # As it is read: cut off one byte after the limit.
    longer = (dumps(value)[:-2] + b"x" * len(most))[: MAX_PACK_BYTES + 1]
    with pytest.raises(MalformedError, match=r"the pack has more than 4,194,304 bytes") as caught:
        unpack(longer)
    assert caught.value.code == "json/too-large"
    assert unpack(b" " * (MAX_PACK_BYTES + 1)) is None


CHANGES: dict[str, Callable[[Any], object]] = {
    "a trust root": lambda v: v.update(trustRoot="{}"),
    "trust roots": lambda v: v.update(trustRoots=[]),
    "a key": lambda v: v.update(key="-----BEGIN PUBLIC KEY-----"),
    "no proof": lambda v: v.pop("proof"),
    "no bundle": lambda v: v.pop("bundle"),
    "a bundle that is no text": lambda v: v.update(bundle=json.loads(v["bundle"])),
    "several proofs": lambda v: v.update(proof=[v["proof"]]),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_pack_has_a_bundle_and_a_proof_and_nothing_else(case: str, packed: bytes) -> None:
    value = json.loads(packed)
    CHANGES[case](value)
    with pytest.raises(MalformedError) as caught:
        unpack(dumps(value))
    assert caught.value.code == "document/invalid"


def test_a_bundle_and_a_proof_of_two_statements_are_not_packed(exchange: Exchange) -> None:
    other = exchange.resigned(lambda value: value["predicate"]["entity"].update(name="Another KK"))
    with pytest.raises(MalformedError, match=r"other\.json is the bundle of another statement") as caught:
        pack(other, proof_of(exchange), what="other.json")
    assert caught.value.code == "pack/statement"
    with pytest.raises(MalformedError, match=r"proof\.json: format: "):
        pack(exchange.proof(), proof_of(exchange), what="proof.json")


@pytest.mark.parametrize("vector", VECTORS["links"], ids=lambda vector: str(vector["why"]))
def test_a_link_is_read_as_its_vector_says(vector: Any) -> None:
    data = linked(vector["link"])
    found = (None, None) if data is None else (len(data), sha256(data).hexdigest())
    assert found == (vector["bytes"], vector["sha256"])


@pytest.mark.parametrize("vector", VECTORS["pointers"], ids=lambda vector: str(vector["pointer"]))
def test_a_pointer_is_what_its_vector_says_and_fits_on_paper(vector: Any) -> None:
    text = pointer(vector["period"], bytes.fromhex(vector["digest"]))
    assert text == vector["pointer"]
    assert re.fullmatch(r"[A-Z0-9:-]{68}", text)


def test_a_picture_of_a_pointer_is_an_svg_that_says_what_it_shows() -> None:
    text = VECTORS["pointers"][0]["pointer"]
    picture = pointer_picture(text).decode()
    assert re.match(
        r'<\?xml [^>]+\?>\n<svg role="img" [^>]+><title>QR code of the pointer ' + text + "</title>", picture
    )
    assert read_qr(picture) == text
