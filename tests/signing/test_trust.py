from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.canonical import dumps
from attest.documents import format_time
from attest.errors import AttestError, MalformedError, VerificationError
from attest.signing.envelope import Envelope, sign
from attest.signing.trust import RoleName, Root, Trust, TrustRoot, parse_root_file
from tests.world.ceremony import START, YEAR, fingerprints, root, root_value, signed_value, signer

EXCHANGE, AUDITOR = ("xyz", 2), ("u", 1)
MONTH = timedelta(days=30)
NOW = START + timedelta(days=100)


@dataclass(frozen=True)
class Version:
    """One trust root of a row: the keys of the role root, their threshold, and who signed."""

    keys: str
    threshold: int
    sigs: str
    fields: dict[str, Any] = field(default_factory=dict)

    def envelope(self, number: int) -> Envelope:
        roles = {"root": (self.keys, self.threshold), "exchange": EXCHANGE, "auditor": AUDITOR}
        return root(number, roles, self.sigs, **self.fields)


V = Version
OTHER = {"origin": "another.example"}
EXPIRED = {"expiresAt": format_time(START + timedelta(days=60))}
ENDED = {"expiresAt": format_time(START)}
OLD = {"issuedAt": format_time(START - MONTH)}
# Each row: the roots in the order in which they are handed over, and the code of the last one's error.
ROTATIONS: dict[str, tuple[list[Version], str | None]] = {
    "1-of-1, keep the key": ([V("a", 1, "a"), V("a", 1, "a")], None),
    "1-of-1, rotate with both keys": ([V("a", 1, "a"), V("b", 1, "ab")], None),
    "1-of-1, rotate without the old key": ([V("a", 1, "a"), V("b", 1, "b")], "trust/threshold"),
    "1-of-1, rotate without the new key": ([V("a", 1, "a"), V("b", 1, "a")], "trust/threshold"),
    "1-of-1, the pinned root signed by a stranger": ([V("a", 1, "b")], "trust/threshold"),
    "2-of-3, rotate one with two old and two new": ([V("abc", 2, "ab"), V("abd", 2, "ab")], None),
    "2-of-3, rotate one that signs itself": ([V("abc", 2, "ab"), V("abd", 2, "abd")], None),
    "2-of-3, lose one, the other two replace it": ([V("abc", 2, "abc"), V("bcd", 2, "bcd")], None),
    "2-of-3, lose two": ([V("abc", 2, "abc"), V("cde", 2, "cde")], "trust/threshold"),
    "2-of-3, steal one, the thief rotates alone": ([V("abc", 2, "ab"), V("ade", 2, "ade")], "trust/threshold"),
    "2-of-3, steal one, the thief signs twice": ([V("abc", 2, "ab"), V("ade", 2, "aade")], "signature/twice"),
    "2-of-3, steal one, the others withdraw it": ([V("abc", 2, "ab"), V("bcd", 2, "bc")], None),
    "2-of-3, steal one, it returns after its withdrawal": (
        [V("abc", 2, "ab"), V("bcd", 2, "bc"), V("ade", 2, "ade")],
        "trust/threshold",
    ),
    "the same key under two ids": ([V("aa'b", 2, "a")], "trust/contradiction"),
    "the same key under two ids, in the second root": (
        [V("ab", 1, "a"), V("aa'", 2, "a")],
        "trust/contradiction",
    ),
    "3-of-5, rotate one with two old": ([V("abcde", 3, "abc"), V("abcdf", 3, "abf")], "trust/threshold"),
    "3-of-5, rotate two with three old": ([V("abcde", 3, "abc"), V("abcfg", 3, "abc")], None),
    "raised threshold, signed by as many": ([V("abc", 1, "a"), V("abc", 3, "abc")], None),
    "raised threshold, signed by too few": ([V("abc", 1, "a"), V("abc", 3, "ab")], "trust/threshold"),
    "lowered threshold, signed by the old one": ([V("abc", 2, "ab"), V("abc", 1, "ab")], None),
    "downgraded threshold, signed by the new one": ([V("abc", 2, "ab"), V("abc", 1, "a")], "trust/threshold"),
    "a threshold beyond the keys": ([V("ab", 1, "a"), V("ab", 3, "ab")], "trust/contradiction"),
    "a threshold of none": ([V("ab", 1, "a"), V("ab", 0, "ab")], "document/invalid"),
    "an expired root lets in the next": ([V("a", 1, "a", EXPIRED), V("a", 1, "a", EXPIRED), V("a", 1, "a")], None),
    "skipped version": ([V("a", 1, "a"), V("a", 1, "a", {"version": 3})], "trust/version"),
    "rollback": ([V("a", 1, "a"), V("a", 1, "a"), V("a", 1, "a", {"version": 1})], "trust/version"),
    "the same version again": ([V("a", 1, "a"), V("a", 1, "a", {"version": 1})], "trust/version"),
    "another exchange": ([V("a", 1, "a"), V("a", 1, "a", OTHER)], "trust/origin"),
    "another exchange, by a later name": ([V("a", 1, "a"), V("a", 1, "a", {"origin": "zoo.example"})], "trust/origin"),
    "issued before its predecessor": ([V("a", 1, "a"), V("a", 1, "a", OLD)], "trust/time"),
    "issued in the same second": ([V("a", 1, "a"), V("a", 1, "a", {"issuedAt": format_time(START)})], "trust/time"),
    "issued after it expires": ([V("a", 1, "a"), V("a", 1, "a", ENDED)], "trust/contradiction"),
    "expires as it is issued": ([V("a", 1, "a", ENDED)], "trust/contradiction"),
    "signed by a stranger beside the root keys": ([V("a", 1, "a"), V("a", 1, "ae")], None),
    "an ECDSA key follows an Ed25519 key": ([V("a", 1, "a"), V("p", 1, "ap")], None),
}  # fmt: skip


def chain_of(versions: list[Version]) -> Trust:
    trust = Trust.pin(versions[0].envelope(1))
    for number, version in enumerate(versions[1:], start=2):
        trust = trust.then(version.envelope(number))
    return trust


@pytest.mark.parametrize("name", ROTATIONS)
def test_key_rotation(name: str) -> None:
    versions, code = ROTATIONS[name]
    if code is None:
        trust = chain_of(versions)
        assert [root.version for root in trust.roots] == list(range(1, len(versions) + 1))
        assert trust.current(NOW).version == len(versions)
        return
    for length in range(1, len(versions)):
        chain_of(versions[:length])
    with pytest.raises(AttestError) as caught:
        chain_of(versions)
    assert caught.value.code == code


def roles(**changed: tuple[str, int]) -> dict[str, tuple[str, int]]:
    return {"root": ("ab", 1), "exchange": EXCHANGE, "auditor": AUDITOR, **changed}


def contradictions() -> dict[str, dict[str, Any]]:
    good = root_value(1, roles())
    other = root_value(1, roles(root=("c", 1)))["keys"]["c"]
    ecdsa = root_value(1, roles(root=("p", 1)))["keys"]["p"]
    return {
        "an auditor key also in the exchange role": root_value(1, roles(auditor=("z", 1))),
        "an auditor key also in the exchange role under another id": root_value(1, roles(auditor=("z'", 1))),
        "expired when it is issued": {**good, "expiresAt": good["issuedAt"]},
        "a role that lists one key twice": root_value(1, roles(exchange=("xx", 1))),
        "a role with fewer keys than its threshold": root_value(1, roles(auditor=("u", 2))),
        "a role that lists an unknown key": {**good, "keys": {k: v for k, v in good["keys"].items() if k != "x"}},
        "a key of another scheme": {
            **good, "keys": {**good["keys"], "a": {**good["keys"]["a"], "scheme": "ecdsa-p256-sha256"}}
        },
        "an ECDSA key called Ed25519": {
            **good, "keys": {**good["keys"], "a": {**ecdsa, "scheme": "ed25519"}}
        },
        "a key in another spelling, with a line before it": {
            **good, "keys": {**good["keys"], "a": {**good["keys"]["a"], "public": "\n" + good["keys"]["a"]["public"]}}
        },
        "a key without a role": {**good, "keys": {**good["keys"], "c": other}},
        "a key in another spelling": {
            **good, "keys": {**good["keys"], "a": {**good["keys"]["a"], "public": good["keys"]["a"]["public"] + "\n"}}
        },
    }  # fmt: skip


SAID = {
    "an auditor key also in the exchange role": "z is a key of both the exchange and the auditor",
    "an auditor key also in the exchange role under another id": "z and z-again are one key under two names",
    "expired when it is issued": "it expires before it was issued",
    "a role that lists one key twice": "the role exchange lists a key twice",
    "a role with fewer keys than its threshold": "the role auditor has fewer keys than its threshold",
    "a role that lists an unknown key": "the role exchange lists x, which is not among the keys",
    "a key of another scheme": "the key a is not of the scheme ecdsa-p256-sha256",
    "an ECDSA key called Ed25519": "the key a is not of the scheme ed25519",
    "a key in another spelling, with a line before it": "the key a is not PEM as everybody writes it",
    "a key without a role": "the key c has no role",
    "a key in another spelling": "the key a is not PEM as everybody writes it",
}


@pytest.mark.parametrize("name", contradictions())
def test_a_root_that_contradicts_itself_is_refused_though_signed(name: str) -> None:
    with pytest.raises(VerificationError) as caught:
        Trust.pin(signed_value(contradictions()[name], "ab"))
    assert caught.value.code == "trust/contradiction"
    assert caught.value.message == f"the trust root contradicts itself: {SAID[name]}"


@pytest.mark.parametrize("role", ["root", "exchange", "auditor"])
def test_a_role_that_cannot_be_reached_is_named(role: str) -> None:
    with pytest.raises(VerificationError, match=f"the role {role} has fewer keys"):
        Trust.pin(root(1, roles(**{role: ("c", 2)}), "c"))


def test_a_key_that_is_none_is_named() -> None:
    value = root_value(1, roles())
    value["keys"]["a"]["public"] = "x"
    with pytest.raises(MalformedError, match="the key a of the trust root"):
        Trust.pin(signed_value(value, "ab"))


@pytest.mark.parametrize(
    "change",
    [
        {"note": "x"},
        {"version": 0},
        {"version": "1"},
        {"origin": "Exchange.Example"},
        {"keys": {}},
        {"keys": {"a b": {"scheme": "ed25519", "public": ""}}},
        {"expiresAt": "2027-01-01"},
        {"roles": {"root": {"keyids": ["a"], "threshold": 1}}},
        {"roles": {"root": {"keyids": [], "threshold": 1}, "exchange": {"keyids": ["x"], "threshold": 1}}},
    ],
)
def test_a_malformed_root_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        Trust.pin(signed_value({**root_value(1, roles()), **change}, "ab"))


def test_a_statement_is_no_trust_root_whoever_signed_it() -> None:
    payload = dumps(root_value(1, roles()))
    Trust.pin(sign(payload, "application/vnd.attest.trust-root+json", [signer("a")]))
    for other in ("application/vnd.in-toto+json", "application/json"):
        with pytest.raises(VerificationError) as caught:
            Trust.pin(sign(payload, other, [signer("a")]))
        assert caught.value.code == "trust/type"


def limits() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """What may just stand in a root, and what may not any more."""
    good, letters = root_value(1, roles()), [f"k{number}" for number in range(33)]
    keys = {name: root_value(1, roles(root=(("a"), 1)))["keys"]["a"] for name in letters}

    def role(count: int, threshold: int) -> dict[str, Any]:
        return {"roles": {**good["roles"], "root": {"keyids": letters[:count], "threshold": threshold}}}

    def key(length: int) -> dict[str, Any]:
        return {"keys": {**good["keys"], "a": {"scheme": "ed25519", "public": "x" * length}}}

    return {
        "keys": ({"keys": dict(list(keys.items())[:32])}, {"keys": keys}),
        "keys of a role": (role(16, 1), role(17, 1)),
        "threshold": (role(16, 16), role(16, 17)),
        "least threshold": (role(16, 1), role(16, 0)),
        "a key's length": (key(1024), key(1025)),
        "a key's name": ({"keys": {"k" * 64: good["keys"]["a"]}}, {"keys": {"k" * 65: good["keys"]["a"]}}),
        "a key's letters": ({"keys": {"Zz9._@-": good["keys"]["a"]}}, {"keys": {"_Zz9": good["keys"]["a"]}}),
        "origin": ({"origin": "o" * 253}, {"origin": "o" * 254}),
        "version": ({"version": 1}, {"version": 0}),
    }


@pytest.mark.parametrize("name", limits())
def test_every_part_of_a_root_is_bounded(name: str) -> None:
    most, more = ({**root_value(1, roles()), **change} for change in limits()[name])
    TrustRoot.from_value(most, what="the trust root")
    with pytest.raises(MalformedError, match="the trust root") as caught:
        TrustRoot.from_value(more, what="the trust root")
    assert caught.value.code == "document/invalid"


@pytest.mark.parametrize(("parse", "most"), [(Root.parse, 64 * 1024), (parse_root_file, 128 * 1024)])
def test_a_root_and_its_file_are_bounded(parse: Callable[[bytes], object], most: int) -> None:
    for size, code in ((most, "json/malformed"), (most + 1, "json/too-large")):
        with pytest.raises(MalformedError, match="the trust root") as caught:
            parse(b"x" * size)
        assert caught.value.code == code


def test_a_root_in_another_spelling_is_refused() -> None:
    with pytest.raises(MalformedError) as caught:
        Root.parse(dumps(root_value(1, roles())) + b"\n")
    assert caught.value.code == "document/not-canonical"


def test_a_root_knows_its_keys_by_name_and_by_fingerprint() -> None:
    payload = dumps(root_value(1, roles()))
    found = Root.parse(payload)
    assert (found.version, found.fingerprint) == (1, sha256(payload).hexdigest())
    for name in "abxyzu":
        assert found.key(name) == signer(name).public
        assert found.name_of(signer(name).public.fingerprint) == name
    assert found.name_of("0123456789abcdef" * 4) == "0123456789abcdef…"
    with pytest.raises(KeyError):
        found.key("c")


def test_the_keys_of_roles_are_those_of_every_root_in_the_chain() -> None:
    trust = chain(("xy", 1), ("yz", 1))

    def names(*of: RoleName) -> str:
        by_key = {signer(name).public: name for name in "abxyzu"}
        return "".join(sorted(by_key[key] for key in trust.keys(*of)))

    assert [names("exchange"), names("auditor"), names("root", "exchange")] == ["xyz", "u", "abxyz"]
    assert without_auditor([("xy", 1)]).keys("auditor") == ()


def test_another_threshold_stands_in_for_that_of_the_roots() -> None:
    trust = chain(("xyz", 2), ("xyz", 3))
    one = {signer("x").public.fingerprint: None}
    assert trust.standing("exchange", one, issued_at=FIRST, threshold=1) == fingerprints("x")
    with pytest.raises(VerificationError):
        trust.standing("exchange", one, issued_at=FIRST, threshold=2)


def test_what_to_do_next_is_said_where_something_helps() -> None:
    trust = chain(("xyz", 2), ("xyw", 2))
    signed = {signer(name).public.fingerprint: None for name in "xz"}
    for refused, hint in (
        (lambda: trust.current(START + 2 * YEAR), "--next-root"),
        (lambda: trust.at(START - MONTH), "pin the trust root"),
        (lambda: trust.standing("exchange", signed, issued_at=FIRST), "--tsa-root"),
        (lambda: Trust(trust.roots[:1] * 64).then(V("ab", 1, "a").envelope(2)), "pin a newer one"),
    ):
        with pytest.raises(VerificationError) as caught:
            refused()
        assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (lambda trust: trust.current(START - YEAR), "trust root 1 is not yet issued at 2025-01-01T00:00:00Z"),
        (lambda trust: trust.current(START + 2 * YEAR), "trust root 2 expired at 2027-01-31T00:00:00Z"),
        (lambda trust: trust.at(START - YEAR), "issued at 2025-01-01T00:00:00Z, before trust root 1: its keys"),
        (lambda trust: trust.at(START + 2 * YEAR), "issued at 2028-01-01T00:00:00Z, when trust root 2 had expired"),
        (lambda trust: trust.then(V("ab", 1, "e").envelope(3)), "root 3 is signed by 0 of the root keys of version 2;"),
        (lambda trust: trust.then(V("ab", 1, "a").envelope(4)), "trust root 4 does not follow 2; every"),
        (
            lambda trust: trust.standing("exchange", dict.fromkeys(fingerprints("x")), issued_at=FIRST),
            "1 keys of the exchange signed that trust root 1 names; 2 must",
        ),
        (
            lambda trust: trust.standing("exchange", dict.fromkeys(fingerprints("xz")), issued_at=FIRST),
            "trust root 2 withdrew keys of the exchange or asks for more: 1 signatures still count; 2 must",
        ),
    ],
)
def test_a_refusal_says_which_root_and_how_many_keys(refused: Callable[[Trust], object], said: str) -> None:
    with pytest.raises(VerificationError) as caught:
        refused(chain(("xyz", 2), ("xyw", 2)))
    assert said in caught.value.message


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_our_own_errors(data: bytes) -> None:
    for parse in (Root.parse, parse_root_file):
        with pytest.raises(AttestError):
            parse(data)


def chain(*exchange: tuple[str, int], **fields: Any) -> Trust:
    """A root a month whose exchange role is the given one; the last letters and so on are as usual."""
    trust: Trust | None = None
    for number, role in enumerate(exchange, start=1):
        envelope = root(number, roles(exchange=role), "a", **fields)
        trust = Trust.pin(envelope) if trust is None else trust.then(envelope)
    assert trust is not None
    return trust


def test_only_the_root_in_force_must_not_be_expired() -> None:
    trust = chain_of([V("a", 1, "a", EXPIRED), V("a", 1, "a", {"expiresAt": "2026-06-01T00:00:00Z"})])
    assert trust.current(START + MONTH).version == 2
    assert trust.current(START + MONTH - timedelta(seconds=1)).version == 1
    for now, code in (
        (datetime.fromisoformat("2026-06-01T00:00:00Z"), "trust/expired"),
        (START - timedelta(seconds=1), "trust/not-yet"),
    ):
        with pytest.raises(VerificationError) as caught:
            trust.current(now)
        assert caught.value.code == code


def test_roots_are_taken_in_any_order_and_older_ones_left_out() -> None:
    envelopes = [V("a", 1, "a").envelope(number) for number in range(1, 5)]
    trust = Trust.pin(envelopes[1]).followed_by([envelopes[3], envelopes[0], envelopes[2], envelopes[3], envelopes[1]])
    assert [root.version for root in trust.roots] == [2, 3, 4]
    assert trust.followed_by(envelopes) == trust
    with pytest.raises(VerificationError) as caught:
        Trust.pin(envelopes[1]).followed_by([envelopes[3]])
    assert caught.value.code == "trust/version"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_another_root_of_a_version_that_is_known_is_a_fork(version: int) -> None:
    envelopes = [V("a", 1, "a").envelope(number) for number in (1, 2, 3)]
    forged = V("ab", 1, "a").envelope(version)
    with pytest.raises(VerificationError) as caught:
        Trust.pin(envelopes[0]).followed_by([*envelopes, forged])
    assert caught.value.code == "trust/fork"


def test_a_chain_of_roots_has_an_end() -> None:
    first = Trust.pin(V("a", 1, "a").envelope(1))
    assert len(Trust(first.roots * 63).then(V("a", 1, "a").envelope(2)).roots) == 64
    full = Trust(first.roots * 64)
    with pytest.raises(VerificationError) as caught:
        full.then(V("a", 1, "a").envelope(2))
    assert caught.value.code == "trust/too-many"


FIRST, SECOND, THIRD = (
    START + timedelta(days=1),
    START + MONTH + timedelta(days=1),
    START + 2 * MONTH + timedelta(days=1),
)
BEFORE, AFTER = START + timedelta(days=2), SECOND
NONE: dict[str, datetime] = {}
# Each row: the exchange role of each monthly root, who signed, when it says it was issued, what timestamps prove, and
# either who counts or the code of the error.
COUNTED: dict[str, tuple[list[tuple[str, int]], str, datetime, dict[str, datetime], str]] = {
    "all signed": ([("xyz", 2)], "xyz", FIRST, NONE, "xyz"),
    "enough signed": ([("xyz", 2)], "xz", FIRST, NONE, "xz"),
    "too few signed": ([("xyz", 2)], "x", FIRST, NONE, "signature/threshold"),
    "a stranger and one who counts": ([("xyz", 2)], "xq", FIRST, NONE, "signature/threshold"),
    "root keys are not those of the exchange": ([("xyz", 2)], "ab", FIRST, NONE, "signature/threshold"),
    "the key of a later root": ([("xy", 2), ("xyz", 2)], "xz", FIRST, NONE, "signature/threshold"),
    "the key of a later root, issued under it": ([("xy", 2), ("xyz", 2)], "xz", SECOND, NONE, "xz"),
    "a withdrawn key that was not needed": ([("xyz", 2), ("xy", 2)], "xyz", FIRST, NONE, "xy"),
    "a stolen key claims to have signed before": ([("xyz", 2), ("xyw", 2)], "xz", FIRST, NONE, "signature/withdrawn"),
    "a withdrawn key signs now": ([("xyz", 2), ("xyw", 2)], "xz", SECOND, NONE, "signature/threshold"),
    "a withdrawn key, and a timestamp from before": ([("xyz", 2), ("xyw", 2)], "xz", FIRST, {"z": BEFORE}, "xz"),
    "a withdrawn key, and a timestamp from after": (
        [("xyz", 2), ("xyw", 2)], "xz", FIRST, {"z": AFTER}, "signature/withdrawn"
    ),
    "a withdrawn key, timestamped as its withdrawal was issued": (
        [("xyz", 2), ("xyw", 2)], "xz", FIRST, {"z": START + MONTH}, "signature/withdrawn"
    ),
    "a withdrawn key, and a timestamp of another's signature": (
        [("xyz", 2), ("xyw", 2)], "xz", FIRST, {"x": BEFORE}, "signature/withdrawn"
    ),
    "both keys withdrawn in turn, both timestamped": (
        [("xy", 2), ("yw", 2), ("vw", 2)], "xy", FIRST, {"x": BEFORE, "y": BEFORE}, "xy"
    ),
    "one withdrawn later than the other, timestamped in between": (
        [("xy", 2), ("yw", 2), ("vw", 2)], "xy", FIRST, {"x": BEFORE, "y": SECOND}, "xy"
    ),
    "a key withdrawn and then given back": (
        [("xy", 2), ("yw", 2), ("xy", 2)], "xy", FIRST, NONE, "signature/withdrawn"
    ),
    "a raised threshold is not evaded by an old date": (
        [("xy", 1), ("xy", 2)], "x", FIRST, NONE, "signature/withdrawn"
    ),
    "a raised threshold does not touch what a timestamp proves": (
        [("xy", 1), ("xy", 2)], "x", FIRST, {"x": BEFORE}, "x"
    ),
    "a raised threshold does not touch what more timestamps prove than were needed": (
        [("xyz", 2), ("wxyz", 4)], "xyz", FIRST, {"x": BEFORE, "y": BEFORE, "z": BEFORE}, "xyz"
    ),
    "a lowered threshold does not help what was issued before": (
        [("xy", 2), ("xy", 1)], "x", FIRST, NONE, "signature/threshold"
    ),
    "a lowered threshold does not let a stolen key complete what was one short": (
        [("xz", 2), ("xw", 1)], "xz", FIRST, {"x": BEFORE}, "signature/withdrawn"
    ),
    "a lowered threshold, and both still have the role": ([("xz", 2), ("xz", 1)], "xz", FIRST, NONE, "xz"),
    "issued before the pinned root": ([("xy", 1)], "x", START - MONTH, NONE, "trust/before"),
    "issued after the root had expired": ([("xy", 1)], "x", START + YEAR, NONE, "trust/gap"),
    "the role of a statement far in the chain": ([("xy", 1), ("zw", 1), ("uv", 1)], "u", THIRD, NONE, "u"),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTED)
def test_whose_signatures_count(name: str) -> None:
    exchange, signed, issued_at, times, expected = COUNTED[name]
    trust = chain(*exchange) if "u" not in "".join(keys for keys, _ in exchange) else without_auditor(exchange)
    found = {signer(key).public.fingerprint: times.get(key) for key in signed}
    if "/" not in expected:
        assert trust.standing("exchange", found, issued_at=issued_at) == fingerprints(expected)
        return
    with pytest.raises(VerificationError) as caught:
        trust.standing("exchange", found, issued_at=issued_at)
    assert caught.value.code == expected


def without_auditor(exchange: list[tuple[str, int]]) -> Trust:
    envelopes = [root(n, {"root": ("ab", 1), "exchange": role}, "a") for n, role in enumerate(exchange, start=1)]
    return Trust.pin(envelopes[0]).followed_by(envelopes)


def test_a_role_that_a_root_does_not_have_is_reached_by_nobody() -> None:
    trust = without_auditor([("xy", 1)])
    with pytest.raises(VerificationError) as caught:
        trust.standing("auditor", {signer("u").public.fingerprint: None}, issued_at=FIRST)
    assert caught.value.code == "signature/threshold"


def test_a_root_that_nobody_signed_is_told_from_what_is_none() -> None:
    envelope = root(1, roles(), "a")
    assert parse_root_file(envelope.to_bytes()) == envelope
    with pytest.raises(MalformedError) as caught:
        parse_root_file(envelope.payload)
    assert (caught.value.code, caught.value.hint) == ("trust/unsigned", "attest trust sign FILE --key URI")
    signed = envelope.to_value()
    for value in ({**signed, "roles": {}}, [], ["roles"], "roles", {"version": 1}, {"payload": "", "roles": {}}):
        with pytest.raises(MalformedError, match=r"^the trust root") as caught:
            parse_root_file(dumps(value))
        assert caught.value.code == "document/invalid", value


def test_a_role_that_is_given_up_keeps_its_threshold_for_what_it_signed() -> None:
    """One of two auditor keys is stolen and the role taken out: the thief backdates the signature that is missing."""
    with_role, without = roles(auditor=("uv", 2)), {"root": ("ab", 1), "exchange": EXCHANGE}
    trust = Trust.pin(root(1, with_role, "a")).then(root(2, without, "a"))
    u, v = (signer(name).public.fingerprint for name in "uv")
    assert trust.standing("auditor", {u: BEFORE, v: BEFORE}, issued_at=FIRST) == {u, v}
    for times in ({u: BEFORE, v: None}, {u: None, v: BEFORE}, {u: None, v: None}):
        with pytest.raises(VerificationError) as caught:
            trust.standing("auditor", times, issued_at=FIRST)
        assert caught.value.code == "signature/withdrawn"
    with pytest.raises(VerificationError, match="0 keys of the auditor signed that trust root 2 names; 1 must"):
        trust.standing("auditor", {u: None, v: None}, issued_at=SECOND)


ROLE = st.tuples(st.sets(st.sampled_from("vwxyz"), min_size=1, max_size=4), st.integers(1, 3))


@given(
    st.lists(ROLE, min_size=1, max_size=4),
    st.sets(st.sampled_from("vwxyz")),
    st.integers(0, 3),
    st.dictionaries(st.sampled_from("vwxyz"), st.integers(0, 4)),
)
def test_a_timestamp_never_takes_away_and_a_signature_more_never_hurts(
    exchange: list[tuple[set[str], int]], signed: set[str], month: int, times: dict[str, int]
) -> None:
    months = [("".join(sorted(keys)), min(threshold, len(keys))) for keys, threshold in exchange]
    trust = without_auditor(months)
    issued_at = START + min(month, len(months) - 1) * MONTH + timedelta(days=1)

    def counts(keys: set[str], stamped: dict[str, int]) -> bool:
        proven = {key: START + number * MONTH + timedelta(days=2) for key, number in stamped.items()}
        try:
            trust.standing(
                "exchange", {signer(key).public.fingerprint: proven.get(key) for key in keys}, issued_at=issued_at
            )
        except VerificationError:
            return False
        return True

    if counts(signed, {}):
        assert counts(signed, times)
    if counts(signed, times):
        assert counts(signed | {"x"}, times)
