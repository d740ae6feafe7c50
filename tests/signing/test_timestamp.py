from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import AttestError, MalformedError, VerificationError
from attest.signing.envelope import sign
from attest.signing.timestamp import (
    MAX_RESPONSE_BYTES,
    Timestamp,
    _ordered,
    check_answer,
    claimed_time,
    parse_authorities,
    query,
    verify_timestamp,
    verify_timestamps,
)
from tests.world.authority import Authority, make_authority
from tests.world.ceremony import signer

SIGNATURE, OTHER = bytes(range(64)), bytes(64)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority") / "a")


def trusting(*authorities: Authority) -> tuple[object, ...]:
    return tuple(root for one in authorities for root in parse_authorities(one.root, what="root"))


def test_a_timestamp_says_when_a_signature_was_there(authority: Authority) -> None:
    asked = query(SIGNATURE)
    before = datetime.now(UTC).replace(microsecond=0)
    response = authority.answer(asked.body)
    after = datetime.now(UTC) + timedelta(seconds=1)  # the authority's accuracy
    time = check_answer(asked, response, trusting(authority))
    assert before <= time <= after
    assert verify_timestamp(response, SIGNATURE, trusting(authority)) == time


def test_a_timestamp_of_another_signature_fails(authority: Authority) -> None:
    response = authority.answer(query(OTHER).body)
    with pytest.raises(VerificationError, match="Mismatch between messages"):
        verify_timestamp(response, SIGNATURE, trusting(authority))


def test_an_authority_that_was_not_named_does_not_count(authority: Authority, tmp_path: Path) -> None:
    stranger = make_authority(tmp_path / "stranger")
    response = stranger.answer(query(SIGNATURE).body)
    with pytest.raises(VerificationError) as caught:
        verify_timestamp(response, SIGNATURE, trusting(authority))
    assert caught.value.code == "timestamp/invalid"
    verify_timestamp(response, SIGNATURE, trusting(authority, stranger))
    with pytest.raises(VerificationError):
        verify_timestamp(response, SIGNATURE, ())


@pytest.mark.parametrize(("start", "length"), [(-9 * DAY, 2 * DAY), (DAY, DAY)])
def test_an_authority_whose_certificate_was_not_valid_then_does_not_count(
    start: timedelta, length: timedelta, tmp_path: Path
) -> None:
    expired = make_authority(tmp_path / "expired", valid_from=start, valid_for=length)
    with pytest.raises(VerificationError) as caught:
        verify_timestamp(expired.answer(query(SIGNATURE).body), SIGNATURE, trusting(expired))
    assert caught.value.code == "timestamp/invalid"


def test_a_clock_counts_as_late_as_it_may_be_and_a_coarse_one_not_at_all(tmp_path: Path) -> None:
    for accuracy in (1, 59):
        clock = make_authority(tmp_path / str(accuracy), accuracy=accuracy)
        time = verify_timestamp(clock.answer(query(SIGNATURE).body), SIGNATURE, trusting(clock))
        assert time > datetime.now(UTC) + timedelta(seconds=accuracy - 30)
    coarse = make_authority(tmp_path / "coarse", accuracy=61)
    with pytest.raises(VerificationError) as caught:
        verify_timestamp(coarse.answer(query(SIGNATURE).body), SIGNATURE, trusting(coarse))
    assert caught.value.code == "timestamp/accuracy"


def test_an_answer_to_another_question_fails_though_it_is_of_this_signature(authority: Authority) -> None:
    earlier = authority.answer(query(SIGNATURE).body)
    with pytest.raises(VerificationError, match="Nonce mismatch"):
        check_answer(query(SIGNATURE), earlier, trusting(authority))


def test_an_oversized_answer_is_not_read(authority: Authority) -> None:
    response = authority.answer(query(SIGNATURE).body)
    with pytest.raises(MalformedError) as caught:
        verify_timestamp(response + bytes(MAX_RESPONSE_BYTES), SIGNATURE, trusting(authority))
    assert caught.value.code == "timestamp/too-large"
    with pytest.raises(MalformedError):
        verify_timestamp(response + b"\0", SIGNATURE, trusting(authority))


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that another vouches for."""
    return make_authority(tmp_path_factory.mktemp("chained") / "a", between=True)


def test_certificates_count_in_whatever_order_an_authority_sends_them(chained: Authority) -> None:
    """`openssl ts` sends its own, then those of its configuration as they stand there; DER would have them sorted."""
    with pytest.raises(VerificationError, match="was issued by 'Between', whose certificate is neither"):
        verify_timestamp(chained.answer(query(SIGNATURE).body), SIGNATURE, trusting(chained))
    between = (chained.folder / "between").read_bytes()
    for sent in ((between,), (between, chained.root), (chained.root, between)):
        chained.send(*sent)
        asked = query(SIGNATURE)
        response = chained.answer(asked.body)
        time = check_answer(asked, response, trusting(chained))
        assert claimed_time(response) <= time
        with pytest.raises(VerificationError, match="Mismatch between messages"):
            verify_timestamp(response, OTHER, trusting(chained))
        der = load_pem_x509_certificate(between).public_bytes(Encoding.DER)
        assert response.count(der) == 1
        changed = response.replace(der, der[:-1] + bytes([der[-1] ^ 1]))
        with pytest.raises(VerificationError) as caught:
            verify_timestamp(changed, SIGNATURE, trusting(chained))
        assert caught.value.code == "timestamp/invalid"


def test_nothing_but_places_is_changed_of_what_is_read(authority: Authority, chained: Authority) -> None:
    """Of whatever bytes: what the library reads is the response, or the response with parts of it in other places."""
    chained.send(chained.root, (chained.folder / "between").read_bytes())
    response = chained.answer(query(SIGNATURE).body)
    assert _ordered(response) != response
    assert _ordered(_ordered(response)) == _ordered(response)
    alone = authority.answer(query(SIGNATURE).body)
    assert _ordered(alone) == alone
    for position in range(len(response)):
        assert _ordered(response[:position]) == response[:position]
        for bit in (1, 8, 128):
            changed = bytearray(response)
            changed[position] ^= bit
            assert sorted(_ordered(bytes(changed))) == sorted(changed)


def test_a_certificate_does_not_count_because_an_authority_sent_it(
    authority: Authority, chained: Authority, tmp_path: Path
) -> None:
    stranger = make_authority(tmp_path / "stranger")
    stranger.send(authority.root, stranger.root)
    response = stranger.answer(query(SIGNATURE).body)
    assert verify_timestamp(response, SIGNATURE, trusting(stranger))
    with pytest.raises(VerificationError) as caught:
        verify_timestamp(response, SIGNATURE, trusting(authority, chained))
    assert caught.value.code == "timestamp/invalid"


@pytest.mark.parametrize("sent", ["one", "three"])
def test_every_changed_byte_is_found_or_means_nothing(sent: str, authority: Authority, chained: Authority) -> None:
    if sent == "three":
        authority = chained
        authority.send(authority.root, (authority.folder / "between").read_bytes())
    response = authority.answer(query(SIGNATURE).body)
    time = verify_timestamp(response, SIGNATURE, trusting(authority))
    for position in range(0, len(response), 3):
        changed = bytearray(response)
        changed[position] ^= 1
        try:
            found = verify_timestamp(bytes(changed), SIGNATURE, trusting(authority))
        except AttestError:
            continue
        assert found == time


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_our_own_errors(data: bytes) -> None:
    for parse in (lambda: verify_timestamp(data, SIGNATURE, ()), lambda: parse_authorities(data, what="it")):
        with pytest.raises(AttestError):
            parse()


def test_timestamps_are_bound_to_one_signature_of_one_payload(authority: Authority) -> None:
    trusted = trusting(authority)
    first, second = (sign(payload, "type", [signer("x"), signer("y")]) for payload in (b"one", b"two"))
    x, y = (signature.keyid for signature in first.signatures)
    one, two = sha256(b"one").digest(), sha256(b"two").digest()
    of_x, of_y = (authority.answer(query(signature.sig).body) for signature in first.signatures)

    def stamp(payload: bytes, keyid: str, response: bytes) -> Timestamp:
        return Timestamp(payload=payload, keyid=keyid, response=response)

    times = verify_timestamps([stamp(one, x, of_x), stamp(one, y, of_y)], [first, second], trusted)
    assert times.keys() == {(one, x), (one, y)}
    for wrong in (
        stamp(one, y, of_x),  # of another signature
        stamp(two, x, of_x),  # of another statement
        stamp(one, "0" * 64, of_x),  # of no signature
        stamp(bytes(32), x, of_x),
    ):
        with pytest.raises(VerificationError):
            verify_timestamps([stamp(one, x, of_x), wrong], [first, second], trusted)
    # What is there twice is there.
    assert verify_timestamps([stamp(one, x, of_x)], [first, first], trusted) == {(one, x): times[one, x]}


def test_a_timestamp_over_any_of_the_signatures_of_one_key_over_one_payload_counts(authority: Authority) -> None:
    """ECDSA makes another signature each time."""
    trusted = trusting(authority)
    envelopes = [sign(b"one", "type", [signer("p")]) for _ in range(3)]
    signatures = [envelope.signatures[0] for envelope in envelopes]
    assert len({signature.sig for signature in signatures}) == 3
    digest, keyid = sha256(b"one").digest(), signatures[0].keyid
    stamps = [
        Timestamp(payload=digest, keyid=keyid, response=authority.answer(query(signature.sig).body))
        for signature in signatures
    ]
    for some in (stamps[:1], stamps[1:2], stamps[2:], stamps[:2], stamps, [stamps[0], stamps[0]]):
        for order in (envelopes, envelopes[::-1], [*envelopes, *envelopes]):
            assert verify_timestamps(some, order, trusted).keys() == {(digest, keyid)}
    with pytest.raises(VerificationError) as caught:
        verify_timestamps(stamps[2:], envelopes[:2], trusted)
    assert caught.value.code == "timestamp/invalid"
    stray = stamps[0].model_copy(update={"response": b"\x30\x03\x02\x01\x00"})
    with pytest.raises(MalformedError):
        verify_timestamps([stray], envelopes, trusted)


def test_the_earliest_of_several_timestamps_counts(authority: Authority, tmp_path: Path) -> None:
    import time

    other = make_authority(tmp_path / "other")
    envelope = sign(b"one", "type", [signer("x")])
    (signature,) = envelope.signatures
    responses = [authority.answer(query(signature.sig).body)]
    time.sleep(1.1)
    responses.append(other.answer(query(signature.sig).body))
    digest = sha256(b"one").digest()
    stamps = [Timestamp(payload=digest, keyid=signature.keyid, response=response) for response in responses]
    early, late = (verify_timestamp(response, signature.sig, trusting(authority, other)) for response in responses)
    assert early < late
    for order in (stamps, stamps[::-1]):
        assert verify_timestamps(order, [envelope], trusting(authority, other)) == {(digest, signature.keyid): early}
