"""Attacks on who signed what and when. The trust root is pinned; everything else comes from the attacker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from attest.attestation.auditor_report import Findings, Procedure, write_report
from attest.attestation.bundle import MAX_BUNDLE_BYTES, Bundle
from attest.attestation.statement import PAYLOAD_TYPE, statement_digest
from attest.canonical import dumps
from attest.documents import format_time
from attest.errors import AttestError, VerificationError
from attest.signing.envelope import Envelope, EnvelopeSignature, add_signature, sign
from attest.signing.timestamp import Authorities, Timestamp, parse_authorities, query
from attest.signing.trust import Root
from attest.verification.anchors import Anchors
from attest.verification.verified import Verified
from tests.conftest import NOW, Exchange
from tests.world.authority import Authority, make_authority
from tests.world.ceremony import root, signer

ROLES = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("u", 1)}
WITHDRAWN = datetime(2090, 1, 1, tzinfo=UTC)  # after any timestamp that these tests ask for
FINDINGS = Findings(
    auditor="Example Audit LLC",
    standard="ISRS 4400 (Revised)",
    procedures=(Procedure(procedure="Recomputed the trees", finding="They agree", exception=False),),
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority") / "a")


@dataclass(frozen=True)
class Signing:
    """What the attacker has: the honest bundle of a statement, and the means to make others."""

    exchange: Exchange
    authority: Authority

    @property
    def authorities(self) -> Authorities:
        return parse_authorities(self.authority.root, what="root")

    @property
    def anchors(self) -> Anchors:
        return self.pinned(root(1, ROLES, "ab"))

    def pinned(self, trust_root: Envelope, *later: Envelope) -> Anchors:
        return Anchors.pinned(trust_root, later, authorities=self.authorities)

    def envelope(self, sigs: str = "xyu", payload: bytes | None = None, payload_type: str = PAYLOAD_TYPE) -> Envelope:
        return sign(payload or self.exchange.payload, payload_type, [signer(name) for name in sigs])

    def bundle(self, envelope: Envelope | None = None, **parts: Any) -> bytes:
        bundle = {"timestamps": (), "trust_roots": (), "auditor_reports": (), **parts}
        return Bundle(format="attest/bundle/v1", envelope=envelope or self.envelope(), **bundle).to_bytes()

    def stamp(self, envelope: Envelope, names: Iterable[str]) -> tuple[Timestamp, ...]:
        keyids = {signer(name).public.fingerprint for name in names}
        return tuple(
            Timestamp(
                payload=sha256(envelope.payload).digest(),
                keyid=signature.keyid,
                response=self.authority.answer(query(signature.sig).body),
            )
            for signature in envelope.signatures
            if signature.keyid in keyids
        )

    def other_statement(self) -> bytes:
        value = json.loads(self.exchange.payload)
        value["predicate"]["entity"]["name"] = "Demo Exchange GK"
        return dumps(value)

    def report(self, payload: bytes | None = None, name: str = "u", issued_at: datetime = NOW) -> Envelope:
        digest = statement_digest(payload or self.exchange.payload)
        return write_report(FINDINGS, statement=digest, issued_at=issued_at, signer=signer(name))

    def verify(self, bundle: bytes, anchors: Anchors | None = None, *, now: datetime = NOW) -> Verified:
        return self.exchange.verify(bundle, anchors=anchors or self.anchors, now=now)

    def fails(self, bundle: bytes, anchors: Anchors | None = None, *, now: datetime = NOW) -> tuple[int, str]:
        return self.exchange.failing_step(bundle, anchors=anchors or self.anchors, now=now)


@pytest.fixture
def signing(exchange: Exchange, authority: Authority) -> Signing:
    return Signing(exchange, authority)


def pinned_root(signing: Signing) -> Root:
    assert signing.anchors.trust is not None
    return signing.anchors.trust.roots[0]


def statuses(verified: Any) -> dict[int, str]:
    return {step.number: step.status for step in verified.steps}


def test_two_of_three_exchange_keys_the_auditor_a_timestamp_and_a_report_are_verified(signing: Signing) -> None:
    envelope, report = signing.envelope(), signing.report()
    bundle = signing.bundle(
        envelope, timestamps=signing.stamp(envelope, "xyu") + signing.stamp(report, "u"), auditor_reports=(report,)
    )
    verified = signing.verify(bundle)
    assert {number: statuses(verified)[number] for number in (1, 2, 3, 6)} == dict.fromkeys((1, 2, 3, 6), "VERIFIED")
    found = verified.signatories
    assert found.counted["exchange"] == {signer("x").public.fingerprint, signer("y").public.fingerprint}
    assert found.counted["auditor"] == {signer("u").public.fingerprint}
    assert found.times.keys() == found.counted["exchange"] | found.counted["auditor"]
    assert [report.report.predicate.auditor for report in found.reports] == ["Example Audit LLC"]
    assert verified.trust is not None
    assert pinned_root(signing).fingerprint in verified.step("roots").detail


def test_what_was_not_named_or_is_not_there_is_not_checked(signing: Signing) -> None:
    envelope = signing.envelope()
    bundle = signing.bundle(envelope, timestamps=signing.stamp(envelope, "x"), auditor_reports=(signing.report(),))
    unnamed = signing.verify(bundle, replace(signing.anchors, authorities=()))
    assert (statuses(unnamed)[6], unnamed.signatories.times) == ("NOT CHECKED", {})
    assert "1 timestamps, whose authority you did not name" in unnamed.step("timestamps").detail
    bare = signing.verify(bundle, Anchors.keys([signer("x").public]))
    assert (statuses(bare)[1], statuses(bare)[6]) == ("NOT CHECKED", "NOT CHECKED")
    assert "1 auditor reports, which need a trust root" in bare.step("timestamps").detail
    assert bare.signatories.counted == {}
    plain = signing.verify(signing.bundle())
    assert (statuses(plain)[3], statuses(plain)[6]) == ("VERIFIED", "NOT CHECKED")


def test_a_clock_that_spoke_of_some_signatures_says_nothing_of_the_others(signing: Signing) -> None:
    envelope = signing.envelope("xyue")  # e is nobody's key
    for names, without in (("e", 3), ("ex", 2), ("xy", 1)):
        bundle = signing.bundle(envelope, timestamps=signing.stamp(envelope, names))
        step = signing.verify(bundle).step("timestamps")
        assert (step.status, f"{without} signatures of trusted keys have no timestamp" in step.detail) == (
            "NOT CHECKED",
            True,
        )


def test_before_the_auditor_signs_only_the_exchanges_threshold_is_asked_for(signing: Signing) -> None:
    bundle = signing.bundle(signing.envelope("xy"))
    assert signing.fails(bundle) == (3, "signature/threshold")
    verified = signing.verify(bundle, replace(signing.anchors, roles=("exchange",)))
    assert verified.signatories.counted.keys() == {"exchange"}
    for roles in (("auditor",), ()):
        with pytest.raises(ValueError, match="say whose signatures count"):
            replace(signing.anchors, roles=roles)
    for changed in ({"exchange_keys": (signer("x").public,)}, {"trust": None}):
        with pytest.raises(ValueError, match="say whose signatures count"):
            replace(signing.anchors, **changed)


def moved_countersignature(signing: Signing) -> bytes:
    """The auditor signed another statement; its signature is moved to this one."""
    (elsewhere,) = signing.envelope("u", signing.other_statement()).signatures
    envelope = signing.envelope("xy")
    return signing.bundle(envelope.model_copy(update={"signatures": (*envelope.signatures, elsewhere)}))


def duplicated_signature(signing: Signing) -> bytes:
    envelope = signing.envelope("xu")
    return signing.bundle(envelope.model_copy(update={"signatures": (*envelope.signatures, envelope.signatures[0])}))


def renamed_duplicate(signing: Signing) -> bytes:
    """One signature twice, the second time under the name of another key of the exchange."""
    envelope = signing.envelope("xu")
    again = EnvelopeSignature(keyid=signer("y").public.fingerprint, sig=envelope.signatures[0].sig)
    return signing.bundle(envelope.model_copy(update={"signatures": (*envelope.signatures, again)}))


def thousand_signatures(signing: Signing) -> bytes:
    value = json.loads(signing.bundle())
    value["envelope"]["signatures"] *= 500
    return dumps(value)


def forged_root(signing: Signing, version: int, sigs: str) -> bytes:
    """The bundle brings a root of the attacker, whose keys signed the statement."""
    roles = {"root": ("ab", 2), "exchange": ("efg", 2), "auditor": ("h", 1)}
    return signing.bundle(signing.envelope("efh"), trust_roots=(root(version, roles, sigs),))


def both_roles(signing: Signing) -> bytes:
    """The next root, properly signed, lets one key sign for the exchange and for the auditor."""
    roles = {**ROLES, "auditor": ("x", 1)}
    return signing.bundle(signing.envelope("xy"), trust_roots=(root(2, roles, "ab"),))


def stamps(signing: Signing, change: Callable[[Timestamp], dict[str, Any]]) -> bytes:
    envelope = signing.envelope()
    (stamp,) = signing.stamp(envelope, "x")
    return signing.bundle(envelope, timestamps=(stamp.model_copy(update=change(stamp)),))


def of_other_statement(signing: Signing, _: Timestamp) -> dict[str, Any]:
    (other,) = signing.stamp(signing.envelope("x", signing.other_statement()), "x")
    return {"response": other.response}


def changed_report(signing: Signing) -> bytes:
    report = signing.report()
    return signing.bundle(auditor_reports=(report.model_copy(update={"payload": report.payload + b" "}),))


ATTACKS: dict[str, tuple[Callable[[Signing], bytes], tuple[int, str]]] = {
    "a countersignature moved from another statement": (moved_countersignature, (2, "signature/invalid")),
    "a signature of the exchange stripped": (lambda s: s.bundle(s.envelope("xu")), (3, "signature/threshold")),
    "the countersignature stripped": (lambda s: s.bundle(s.envelope("xyz")), (3, "signature/threshold")),
    "a signature duplicated": (duplicated_signature, (2, "signature/twice")),
    "a signature duplicated under another name": (renamed_duplicate, (2, "signature/invalid")),
    "signed by root keys alone": (lambda s: s.bundle(s.envelope("ab")), (3, "signature/threshold")),
    "signed by strangers alone": (lambda s: s.bundle(s.envelope("efgh")), (3, "signature/threshold")),
    "the payload type changed": (
        lambda s: s.bundle(s.envelope().model_copy(update={"payload_type": "application/json"})),
        (2, "signature/invalid"),
    ),
    "the payload type changed by those who sign": (
        lambda s: s.bundle(s.envelope(payload_type="application/json")),
        (4, "statement/type"),
    ),
    "an auditor report in place of the statement": (
        lambda s: s.bundle(s.envelope(payload=s.report().payload)),
        (4, "statement/type"),
    ),
    "a trust root in place of the statement": (
        lambda s: s.bundle(s.envelope(payload=root(1, ROLES, "ab").payload)),
        (4, "statement/type"),
    ),
    "another root of the pinned version": (lambda s: forged_root(s, 1, "ab"), (1, "trust/fork")),
    "a next root that the pinned one did not sign": (lambda s: forged_root(s, 2, "a"), (1, "trust/threshold")),
    "a root with a version left out": (lambda s: forged_root(s, 3, "ab"), (1, "trust/version")),
    "an auditor key also in the exchange role": (both_roles, (1, "trust/contradiction")),
    "a statement in place of a root": (
        lambda s: s.bundle(trust_roots=(s.envelope(),)),
        (1, "trust/type"),
    ),
    "a timestamp of another signature": (
        lambda s: stamps(s, lambda _: {"keyid": signer("y").public.fingerprint}),
        (6, "timestamp/invalid"),
    ),
    "a timestamp of another statement's signature": (
        lambda s: stamps(s, lambda stamp: of_other_statement(s, stamp)),
        (6, "timestamp/invalid"),
    ),
    "a timestamp of a signature that is not there": (
        lambda s: stamps(s, lambda _: {"keyid": signer("z").public.fingerprint}),
        (6, "timestamp/unbound"),
    ),
    "a timestamp of a statement that is not there": (
        lambda s: stamps(s, lambda _: {"payload": bytes(32)}),
        (6, "timestamp/unbound"),
    ),
    "a timestamp that is none": (
        lambda s: stamps(s, lambda _: {"response": b"\x30\x03\x02\x01\x00"}),
        (6, "timestamp/malformed"),
    ),
    "a report on another statement": (
        lambda s: s.bundle(auditor_reports=(s.report(s.other_statement()),)),
        (6, "report/statement"),
    ),
    "a report by the exchange": (
        lambda s: s.bundle(auditor_reports=(s.report(name="x"),)),
        (6, "signature/threshold"),
    ),
    "a report by a stranger": (lambda s: s.bundle(auditor_reports=(s.report(name="e"),)), (6, "signature/threshold")),
    "a report that was changed": (changed_report, (6, "signature/invalid")),
    "a statement in place of a report": (
        lambda s: s.bundle(auditor_reports=(s.envelope("u"),)),
        (6, "document/invalid"),
    ),
    "a report of another payload type": (
        lambda s: s.bundle(auditor_reports=(sign(s.report().payload, "application/json", [signer("u")]),)),
        (6, "report/type"),
    ),
    "an oversized bundle": (lambda s: s.bundle() + b" " * MAX_BUNDLE_BYTES, (0, "json/too-large")),
    "a thousand signatures": (thousand_signatures, (0, "document/invalid")),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_on_signatures_fail_at_their_step(name: str, signing: Signing) -> None:
    attack, expected = ATTACKS[name]
    assert signing.fails(attack(signing)) == expected


def bounded(signing: Signing, part: str, times: int) -> bytes:
    envelope = signing.envelope()
    parts = {"timestamps": signing.stamp(envelope, "x"), "auditorReports": (signing.report(),), "trustRoots": ()}
    value = json.loads(
        signing.bundle(envelope, timestamps=parts["timestamps"], auditor_reports=parts["auditorReports"])
    )
    value["trustRoots"] = [value["envelope"]]
    value[part] *= times
    return dumps(value)


@pytest.mark.parametrize(("part", "most"), [("timestamps", 32), ("auditorReports", 8), ("trustRoots", 64)])
def test_every_list_in_a_bundle_is_bounded(part: str, most: int, signing: Signing) -> None:
    Bundle.from_json(bounded(signing, part, most), what="bundle", max_bytes=MAX_BUNDLE_BYTES)
    assert signing.fails(bounded(signing, part, most + 1)) == (0, "document/invalid")


def test_the_root_is_that_of_the_entity(signing: Signing) -> None:
    other = signing.pinned(root(1, ROLES, "ab", origin="another.example"))
    assert signing.fails(signing.bundle(), other) == (6, "trust/origin")


def test_an_expired_root_is_not_trusted_but_a_newer_one_from_elsewhere_helps(signing: Signing) -> None:
    late = NOW + timedelta(days=400)
    assert signing.fails(signing.bundle(), now=late) == (1, "trust/expired")
    newer = root(2, ROLES, "ab", issuedAt=format_time(late), expiresAt=format_time(late + timedelta(days=9)))
    verified = signing.verify(signing.bundle(), replace(signing.anchors, later_roots=(newer,)), now=late)
    assert "it leads to trust root 2" in verified.step("roots").detail
    assert "trust root 1 was in force when" in verified.step("timestamps").detail


def test_a_copy_of_a_root_with_a_signature_stripped_does_not_hide_the_one_that_was_named(signing: Signing) -> None:
    whole = root(2, ROLES, "ab")
    stripped = whole.model_copy(update={"signatures": whole.signatures[:1]})
    bundle = signing.bundle(trust_roots=(stripped,))
    assert signing.fails(bundle) == (1, "trust/threshold")
    signing.verify(bundle, replace(signing.anchors, later_roots=(whole,)))


def rotated(exchange_role: tuple[str, int], auditor: tuple[str, int] = ("u", 1)) -> Envelope:
    roles = {**ROLES, "exchange": exchange_role, "auditor": auditor}
    times = {"issuedAt": format_time(WITHDRAWN), "expiresAt": format_time(WITHDRAWN + timedelta(days=365))}
    return root(2, roles, "ab", **times)


def test_a_stolen_key_that_was_withdrawn_cannot_sign_an_old_statement(signing: Signing) -> None:
    envelope = signing.envelope("xzu")
    after = replace(signing.anchors, later_roots=(rotated(("xyw", 2)),))
    assert signing.fails(signing.bundle(envelope), after, now=WITHDRAWN) == (6, "signature/withdrawn")
    stamped = signing.bundle(envelope, timestamps=signing.stamp(envelope, "z"))
    assert signing.verify(stamped, after, now=WITHDRAWN).signatories.root == pinned_root(signing)
    assert signing.fails(stamped, replace(after, authorities=()), now=WITHDRAWN) == (6, "signature/withdrawn")
    wrong = signing.bundle(envelope, timestamps=signing.stamp(envelope, "x"))
    assert signing.fails(wrong, after, now=WITHDRAWN) == (6, "signature/withdrawn")


def test_a_key_that_came_later_cannot_sign_an_old_statement(signing: Signing) -> None:
    after = replace(signing.anchors, later_roots=(rotated(("xyw", 2)),))
    assert signing.fails(signing.bundle(signing.envelope("xwu")), after, now=WITHDRAWN) == (6, "signature/threshold")


def test_the_report_of_an_auditor_whose_key_was_withdrawn_needs_a_timestamp(signing: Signing) -> None:
    envelope, report = signing.envelope(), signing.report()
    after = replace(signing.anchors, later_roots=(rotated(("xyz", 2), ("v", 1)),))
    stamped = signing.stamp(envelope, "u")
    with pytest.raises(VerificationError):
        signing.verify(signing.bundle(envelope, auditor_reports=(report,)), after, now=WITHDRAWN)
    without = signing.bundle(envelope, timestamps=stamped, auditor_reports=(report,))
    assert signing.fails(without, after, now=WITHDRAWN) == (6, "signature/withdrawn")
    only_report = signing.bundle(envelope, timestamps=signing.stamp(report, "u"), auditor_reports=(report,))
    assert signing.fails(only_report, after, now=WITHDRAWN) == (6, "signature/withdrawn")
    both = signing.bundle(envelope, timestamps=stamped + signing.stamp(report, "u"), auditor_reports=(report,))
    assert len(signing.verify(both, after, now=WITHDRAWN).signatories.reports) == 1


def test_a_report_is_not_older_than_its_statement(signing: Signing) -> None:
    """Clocks differ by minutes, no more."""
    old = signing.report(issued_at=NOW - timedelta(minutes=11))
    assert signing.fails(signing.bundle(auditor_reports=(old,))) == (6, "report/early")
    near = signing.report(issued_at=NOW - timedelta(minutes=9))
    signing.verify(signing.bundle(auditor_reports=(near,)))


@pytest.mark.parametrize(("minutes", "known"), [(9, True), (10, True), (11, False)])
def test_a_report_dated_after_the_verification_does_not_count_and_is_told(
    minutes: int, *, known: bool, signing: Signing
) -> None:
    envelope, report = signing.envelope(), signing.report(issued_at=NOW + timedelta(minutes=minutes))
    bundle = signing.bundle(envelope, timestamps=signing.stamp(envelope, "xyu"), auditor_reports=(report,))
    verified = signing.verify(bundle)
    assert len(verified.signatories.reports) == known
    assert ("more than ten minutes after the time of verification" in verified.step("timestamps").detail) is not known
    assert verified.step("timestamps").status == "VERIFIED"  # what is told changes no verdict


@pytest.mark.parametrize("name", ["x", "e"])
def test_only_an_auditors_own_report_is_told_to_be_of_a_time_to_come(name: str, signing: Signing) -> None:
    report = signing.report(name=name, issued_at=NOW + timedelta(days=20))
    assert signing.fails(signing.bundle(auditor_reports=(report,))) == (6, "signature/threshold")


def test_a_report_dated_after_every_trust_root_has_expired_does_not_count(signing: Signing) -> None:
    report = signing.report(issued_at=NOW + timedelta(days=4000))
    verified = signing.verify(signing.bundle(auditor_reports=(report,)))
    assert verified.signatories.reports == ()
    assert [item.is_to_come for item in verified.signatories.to_come] == [True]


def test_the_last_minutes_of_the_calendar_are_a_time_like_any_other(signing: Signing) -> None:
    anchors = signing.pinned(root(1, ROLES, "ab", expiresAt="9999-12-31T23:59:59Z"))
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    bundle = signing.bundle(auditor_reports=(signing.report(issued_at=last),))
    for now, counted in ((NOW, 0), (last - timedelta(minutes=1), 1)):
        verified = signing.verify(bundle, anchors, now=now)
        assert len(verified.signatories.reports) == counted


def test_an_old_date_does_not_hide_that_an_auditor_should_have_signed(signing: Signing) -> None:
    first = root(1, {"root": ("ab", 2), "exchange": ("xyz", 2)}, "ab")
    times = {"issuedAt": format_time(WITHDRAWN), "expiresAt": format_time(WITHDRAWN + timedelta(days=365))}
    anchors = signing.pinned(first, root(2, ROLES, "ab", **times))
    envelope = signing.envelope("xy")
    said = "trust root 2 has an auditor since 2090-01-01T00:00:00Z: too few of its keys signed"
    for names, told in (("", True), ("x", True), ("xy", False)):
        bundle = signing.bundle(envelope, timestamps=signing.stamp(envelope, names))
        step = signing.verify(bundle, anchors, now=WITHDRAWN).step("timestamps")
        assert (said in step.detail, step.status == "NOT CHECKED") == (told, told)
    countersigned = signing.verify(signing.bundle(signing.envelope("xyu")), anchors, now=WITHDRAWN)
    assert said not in countersigned.step("timestamps").detail
    alone = signing.verify(signing.bundle(envelope), replace(anchors, roles=("exchange",)), now=WITHDRAWN)
    assert said not in alone.steps[6].detail


def test_a_stolen_key_of_the_first_auditor_does_not_hide_it_either(signing: Signing) -> None:
    """Root 2 named an auditor and root 3 withdrew its key; the exchange dates a statement to when there was none."""
    first = root(1, {"root": ("ab", 2), "exchange": ("xyz", 2)}, "ab")
    issued = [WITHDRAWN, WITHDRAWN + timedelta(days=1)]
    later = tuple(
        root(number, {**ROLES, "auditor": (key, 1)}, "ab", issuedAt=format_time(time), expiresAt="2099-01-01T00:00:00Z")
        for number, key, time in zip((2, 3), "uv", issued, strict=True)
    )
    anchors = signing.pinned(first, *later)
    envelope = signing.envelope("xyu")
    for names, told in (("", True), ("u", False), ("xy", False)):
        bundle = signing.bundle(envelope, timestamps=signing.stamp(envelope, names))
        step = signing.verify(bundle, anchors, now=issued[1]).step("timestamps")
        assert ("trust root 2 has an auditor since" in step.detail) == told


def test_one_auditor_reports_alone_where_two_must_countersign(signing: Signing) -> None:
    anchors = signing.pinned(root(1, {**ROLES, "auditor": ("uv", 2)}, "ab"))
    bundle = signing.bundle(signing.envelope("xyuv"), auditor_reports=(signing.report(),))
    (report,) = signing.verify(bundle, anchors).signatories.reports
    assert report.signed == {signer("u").public.fingerprint}


def test_a_statement_cannot_be_younger_than_its_signature(signing: Signing) -> None:
    value = json.loads(signing.exchange.payload)
    value["predicate"].update(issuedAt="2095-01-01T00:00:00Z", expiresAt="2095-02-01T00:00:00Z")
    envelope = signing.envelope(payload=dumps(value))
    anchors = signing.pinned(root(1, ROLES, "ab", expiresAt="2099-01-01T00:00:00Z"))
    bundle = signing.bundle(envelope, timestamps=signing.stamp(envelope, "x"))
    assert signing.fails(bundle, anchors) == (6, "timestamp/early")


def test_one_more_signature_never_turns_a_verified_bundle_into_a_failed_one(signing: Signing) -> None:
    envelope = signing.envelope("xyu")
    for name in "zef":
        envelope = add_signature(envelope, signer(name))
        signing.verify(signing.bundle(envelope))


@pytest.mark.parametrize("field", ["timestamps", "trustRoots", "auditorReports"])
@pytest.mark.parametrize("value", [None, {}, "x", [1], [{}], [None]])
def test_malformed_parts_of_a_bundle_are_malformed(field: str, value: object, signing: Signing) -> None:
    bundle = json.loads(signing.bundle()) | {field: value}
    with pytest.raises(AttestError) as caught:
        signing.verify(dumps(bundle))
    assert caught.value.code == "document/invalid"
