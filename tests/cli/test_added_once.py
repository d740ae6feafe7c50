"""What is put into a bundle: nothing that is there already, and nothing that would fail for those who verify it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.additions import with_signature
from attest.attestation.auditor_report import Findings, Procedure, write_report
from attest.attestation.bundle import MAX_BUNDLE_BYTES, MAX_REPORTS, Bundle, parse_bundle
from attest.attestation.statement import PAYLOAD_TYPE, statement_digest
from attest.canonical import dumps
from attest.documents import format_time
from attest.errors import AttestError, UnavailableError
from attest.signing.envelope import Envelope, EnvelopeSignature, sign
from attest.signing.keys import Signer
from attest.signing.timestamp import MAX_TIMESTAMPS, Timestamp, query
from attest.toml import loads_toml
from tests.conftest import Exchange
from tests.world.authority import Authority, make_authority, serving
from tests.world.ceremony import root, signer
from tests.world.roots import FINDINGS, bundle_of, state

ROLES = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("uvp", 1)}
HOUR = timedelta(hours=1)
SAID = Findings.from_value(loads_toml(FINDINGS.encode(), what="x", max_bytes=10_000, area="x"), what="x")
OTHER = SAID.model_copy(
    update={"procedures": (Procedure(procedure="Asked management", finding="It answered", exception=False),)}
)


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authority]:
    return {name: make_authority(tmp_path_factory.mktemp("clocks") / name) for name in ("clock", "other")}


class Desk:
    """A folder with a bundle, the keys that may sign it, findings and a pinned trust root."""

    def __init__(self, attest: Any, exchange: Exchange, folder: Path, clocks: dict[str, Authority]) -> None:
        self.attest, self.exchange, self.folder, self.clocks = attest, exchange, folder, clocks
        for name in "abuvpxyz":
            (folder / name).write_bytes(signer(name).to_pem(None))
        for name, clock in clocks.items():
            (folder / f"{name}.pem").write_bytes(clock.root)
        self.roots(1)
        (folder / "findings.toml").write_text(FINDINGS)
        self.path = bundle_of(exchange, folder, "xy")
        self.auditor = ("--trust-root", "1.json", "--key")

    def roots(self, version: int, sigs: str = "ab", name: str = "", **fields: Any) -> Envelope:
        times = self.times(version)
        made = root(version, ROLES, sigs, **{**times, **fields})
        (self.folder / f"{name or version}.json").write_bytes(made.to_bytes())
        return made

    def times(self, version: int) -> dict[str, str]:
        """Root 1 is from before the statement, those after it of the last hours."""
        issued = datetime(2026, 1, 1, tzinfo=UTC) if version == 1 else datetime.now(UTC) - HOUR * (10 - version)
        return {"issuedAt": format_time(issued), "expiresAt": format_time(datetime.now(UTC) + HOUR * 9000)}

    @property
    def bundle(self) -> Bundle:
        return parse_bundle(self.path.read_bytes())

    def put(self, **parts: Any) -> None:
        """Change the bundle as no command does."""
        self.path.write_bytes(self.bundle.model_copy(update=parts).to_bytes())

    def run(self, *arguments: object) -> Any:
        return self.attest(*arguments, "--json")

    def do(self, command: str, key: str = "z", *more: object) -> Any:
        """Run a command on the bundle with what it needs."""
        needed: dict[str, Sequence[object]] = {
            "sign": ("--key", key),
            "countersign": (*self.auditor, key),
            "auditor-report": ("findings.toml", *self.auditor, key),
        }
        return self.run(command, self.path, *needed[command], *more)

    def stamp(self, name: str = "clock", *more: object) -> Any:
        with serving(self.clocks[name]) as url:
            return self.run("timestamp", self.path, "--tsa", url, "--tsa-root", f"{name}.pem", *more)

    def report(self, findings: Findings = SAID, key: str = "u", ago: timedelta = HOUR, **of: bytes) -> Envelope:
        issued = (datetime.now(UTC) - ago).replace(microsecond=0)
        statement = statement_digest(of.get("payload", self.exchange.payload))
        return write_report(findings, statement=statement, issued_at=issued, signer=signer(key))

    def stamps(self, envelope: Envelope) -> tuple[Timestamp, ...]:
        return tuple(
            Timestamp(
                payload=statement_digest(envelope.payload),
                keyid=item.keyid,
                response=self.clocks["clock"].answer(query(item.sig).body),
            )
            for item in envelope.signatures
        )

    def verified(self) -> Any:
        return self.run("verify", self.path, "--trust-root", "1.json", "--tsa-root", "clock.pem")


@pytest.fixture
def desk(
    attest: Any,
    exchange: Exchange,
    tmp_path: Path,
    clocks: dict[str, Authority],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(attest, exchange, tmp_path, clocks)


SIGNING = [
    ("sign", "z", ()),
    ("sign", "z", ("--trust-root", "1.json")),
    ("sign", "p", ()),
    ("countersign", "u", ()),
    ("countersign", "p", ()),
    ("countersign", "u", ("--tsa-root", "clock.pem")),
    ("auditor-report", "u", ()),
    ("auditor-report", "p", ()),
]


@pytest.mark.parametrize(("command", "key", "more"), SIGNING)
def test_a_key_signs_once_and_the_next_time_is_said_and_writes_nothing(
    command: str, key: str, more: tuple[str, ...], desk: Desk
) -> None:
    """The key p is an ECDSA one, which would make another signature each time."""
    first = desk.do(command, key, *more)
    assert (first.code, first.document["status"], first.document["added"]) == (0, "done", 1)
    before = state(desk.path)
    again = desk.do(command, key, *more)
    assert (again.code, again.document["status"], again.document["added"]) == (0, "done", 0)
    assert again.document["fingerprint"] == first.document["fingerprint"] == signer(key).public.fingerprint
    assert state(desk.path) == before


def test_what_is_there_is_said_in_words(desk: Desk) -> None:
    for _ in range(2):
        said = desk.attest("sign", desk.path, "--key", "z").out
        told = desk.attest("countersign", desk.path, *desk.auditor, "u").out
        reported = desk.attest("auditor-report", desk.path, "findings.toml", *desk.auditor, "u").out
    assert f"already signed by this key: nothing was added to {desk.path}" in said
    assert f"already signed by this key: nothing was added to {desk.path}" in told
    assert f"are in {desk.path} already, reported by this key at " in reported
    with serving(desk.clocks["clock"]) as url:
        for _ in range(2):
            stamped = desk.attest("timestamp", desk.path, "--tsa", url, "--tsa-root", "clock.pem")
    assert stamped.out == f"every signature in {desk.path} has a timestamp already: nothing was written\n"


def test_a_second_countersignature_of_an_adverse_month_is_as_adverse_as_the_first(desk: Desk) -> None:
    late = ("--at", format_time(datetime.now(UTC) + timedelta(days=90)))
    for added in (1, 0):
        ran = desk.do("countersign", "u", *late)
        assert (ran.code, ran.document["status"], ran.document["added"]) == (5, "adverse", added)


def test_the_same_findings_by_one_key_are_one_report_whenever_they_are_signed(desk: Desk) -> None:
    assert desk.do("countersign", "u").code == 0
    desk.put(auditor_reports=(desk.report(ago=2 * HOUR),))
    before = state(desk.path)
    ran = desk.do("auditor-report", "u")
    assert (ran.code, ran.document["added"], state(desk.path)) == (0, 0, before)
    # Others are reports of their own: of another key, other findings, and one that does not count yet.
    assert desk.do("auditor-report", "v").document["added"] == 1
    desk.put(auditor_reports=(desk.report(OTHER),))
    assert desk.do("auditor-report", "u").document["added"] == 1
    desk.put(auditor_reports=(desk.report(ago=-HOUR),))
    assert desk.do("auditor-report", "u").document["added"] == 1
    assert len(desk.bundle.auditor_reports) == 2
    assert desk.do("auditor-report", "u").document["added"] == 0
    assert desk.verified().code == 0


def test_reports_beyond_the_limit_are_refused_and_those_that_are_there_are_not(desk: Desk) -> None:
    assert desk.do("countersign", "u").code == 0
    for number in range(MAX_REPORTS):
        text = FINDINGS.replace("They agree", f"They agree, seen {number} times")
        (desk.folder / "findings.toml").write_text(text)
        assert desk.do("auditor-report", "u").document["added"] == 1
    before = state(desk.path)
    assert desk.do("auditor-report", "u").document["added"] == 0
    (desk.folder / "findings.toml").write_text(FINDINGS)
    ran = desk.do("auditor-report", "u")
    assert (ran.code, ran.document["error"]["code"]) == (4, "bundle/reports")
    assert ran.document["error"]["message"] == "the bundle has 8 auditor reports; 8 may be: nothing was added"
    assert state(desk.path) == before
    assert desk.stamp().document["added"] == 11
    assert desk.verified().code == 0


@pytest.mark.parametrize("key", ["u", "p"])
def test_a_report_that_is_there_twice_may_have_its_timestamps(key: str, desk: Desk) -> None:
    """As two runs of one second once wrote it."""
    reports = [desk.report(key=key) for _ in range(2)]
    reports[1] = sign(reports[0].payload, PAYLOAD_TYPE, [signer(key)])
    assert desk.do("countersign", "u").code == 0
    desk.put(auditor_reports=tuple(reports))
    before = state(desk.path)
    assert desk.do("auditor-report", key).document["added"] == 0
    assert state(desk.path) == before
    assert desk.stamp().document["added"] == 4
    before = state(desk.path)
    assert desk.stamp().document["added"] == 0
    assert state(desk.path) == before
    ran = desk.verified()
    assert (ran.code, ran.document["steps"][6]["status"]) == (0, "VERIFIED")
    assert len(ran.document["signatories"]["auditorReports"]) == 1


def test_a_signature_that_names_a_key_and_is_not_the_keys_is_not_said_to_be_there(desk: Desk) -> None:
    """Nor is one made with a device that holds another key."""
    for key, command in (("z", "sign"), ("u", "countersign")):
        strange = EnvelopeSignature(keyid=signer(key).public.fingerprint, sig=bytes(64))
        envelope = desk.bundle.envelope
        desk.put(envelope=envelope.model_copy(update={"signatures": (*envelope.signatures, strange)}))
        before = state(desk.path)
        ran = desk.do(command, key)
        assert (ran.code, ran.document["error"]["code"], state(desk.path)) == (1, "signature/invalid", before)
        desk.put(envelope=envelope)


@pytest.mark.parametrize(("command", "key"), [("sign", "z"), ("countersign", "u"), ("auditor-report", "u")])
def test_what_a_device_signed_with_another_key_is_not_written(
    command: str, key: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(desk.path)
    monkeypatch.setattr(Signer, "sign", lambda *_: bytes(64))
    ran = desk.do(command, key)
    assert (ran.code, ran.document["error"]["code"], state(desk.path)) == (1, "signature/invalid", before)


def of_another_statement(desk: Desk) -> None:
    value = json.loads(desk.exchange.payload)
    value["predicate"]["entity"]["name"] = "Demo Exchange GK"
    desk.put(auditor_reports=(desk.report(payload=dumps(value)),))


def named(desk: Desk, **changes: Any) -> None:
    (stamp, *_) = desk.stamps(desk.bundle.envelope)
    desk.put(timestamps=(stamp.model_copy(update=changes),))


def key_twice(desk: Desk) -> None:
    envelope = desk.bundle.envelope
    desk.put(envelope=envelope.model_copy(update={"signatures": (*envelope.signatures, envelope.signatures[0])}))


SPOILT: dict[str, tuple[Callable[[Desk], None], str]] = {
    "a report about another statement": (of_another_statement, "report/statement"),
    "a report from before the statement": (
        lambda desk: desk.put(auditor_reports=(desk.report(ago=timedelta(days=60)),)),
        "report/early",
    ),
    "a report of another payload type": (
        lambda desk: desk.put(auditor_reports=(sign(desk.report().payload, "application/json", [signer("u")]),)),
        "report/type",
    ),
    "a timestamp of no signature": (lambda desk: named(desk, keyid="0" * 64), "timestamp/unbound"),
    "a timestamp of no payload": (lambda desk: named(desk, payload=bytes(32)), "timestamp/unbound"),
    "a timestamp of another signature": (
        lambda desk: named(desk, keyid=signer("y").public.fingerprint),
        "timestamp/invalid",
    ),
    "a timestamp that is none": (lambda desk: named(desk, response=b"\x30\x03\x02\x01\x00"), "timestamp/malformed"),
    "a key that signed twice": (key_twice, "signature/twice"),
    "a root that too few signed": (lambda desk: desk.put(trust_roots=(desk.roots(2, "a"),)), "trust/threshold"),
    "a root left out": (lambda desk: desk.put(trust_roots=(desk.roots(2), desk.roots(4))), "trust/version"),
    "two roots of one version": (
        lambda desk: desk.put(
            trust_roots=(desk.roots(2), desk.roots(2, origin="exchange.example", expiresAt="2030-01-01T00:00:00Z"))
        ),
        "trust/fork",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_nothing_is_written_beside_what_would_fail_anyway(what: str, desk: Desk) -> None:
    """Whoever adds to a bundle that is spoilt is told, whether they named a trust root or authorities or none."""
    spoil, code = SPOILT[what]
    spoil(desk)
    before = state(desk.path)
    for ran in (
        desk.do("sign", "z"),
        desk.do("sign", "z", "--trust-root", "1.json"),
        desk.do("countersign", "u"),
        desk.do("auditor-report", "u"),
        desk.stamp(),
    ):
        assert ran.code in {1, 3}
        assert ran.document["error"]["code"] == code, ran
        assert state(desk.path) == before


CARRIED: dict[str, tuple[Callable[[Desk], Sequence[str]], str | None]] = {
    "the next root": (lambda desk: (desk.roots(2) and "2.json",), None),
    "two more, in any order": (lambda desk: (desk.roots(3), desk.roots(2)) and ("3.json", "2.json"), None),
    "the pinned root": (lambda _: ("1.json",), None),
    "a root that too few signed": (lambda desk: (desk.roots(2, "a") and "2.json",), "trust/threshold"),
    "a root that others signed": (lambda desk: (desk.roots(2, "xy") and "2.json",), "trust/threshold"),
    "a root without the one before it": (
        lambda desk: (desk.roots(2), desk.roots(4)) and ("2.json", "4.json"),
        "trust/version",
    ),
    "two of one version": (
        lambda desk: (
            (desk.roots(2), desk.roots(2, name="fork", expiresAt="2030-01-01T00:00:00Z")) and ("2.json", "fork.json")
        ),
        "trust/fork",
    ),
    "one of another exchange after the next": (
        lambda desk: (desk.roots(2), desk.roots(3, origin="other.example")) and ("2.json", "3.json"),
        "trust/origin",
    ),
}


@pytest.mark.parametrize("what", CARRIED)
def test_a_root_that_would_fail_the_bundle_is_not_carried(what: str, desk: Desk) -> None:
    files, code = CARRIED[what]
    more = [word for name in files(desk) for word in ("--with-root", name)]
    before = state(desk.path)
    ran = desk.do("sign", "z", *more)
    if code is not None:
        assert (ran.code, ran.document["error"]["code"], state(desk.path)) == (1, code, before)
        assert ran.document["error"]["message"].startswith("nothing was written, because the bundle would fail for ")
        return
    assert (ran.code, ran.document["added"], ran.document["addedRoots"]) == (0, 1, len(more) // 2)
    before = state(desk.path)
    again = desk.do("sign", "z", *more)
    assert (again.code, again.document["added"], again.document["addedRoots"]) == (0, 0, 0)
    assert state(desk.path) == before
    assert desk.do("countersign", "u").code == 0
    assert desk.verified().code == 0


def test_a_root_is_carried_with_what_its_copies_have_of_signatures(desk: Desk) -> None:
    whole = desk.roots(2)
    halves = [whole.model_copy(update={"signatures": (item,)}) for item in whole.signatures]
    for first, second in (halves, halves[::-1], (halves[0], whole), (whole, halves[1])):
        (desk.folder / "2.json").write_bytes(second.to_bytes())
        desk.put(trust_roots=(first,), envelope=desk.bundle.envelope.model_copy())
        assert desk.do("sign", "z", "--with-root", "2.json").code == 0
        (carried,) = desk.bundle.trust_roots
        assert {item.keyid for item in carried.signatures} == {item.keyid for item in whole.signatures}


def test_a_root_is_put_there_though_the_signature_is_there_already(desk: Desk) -> None:
    assert desk.do("sign", "z").document["added"] == 1
    desk.roots(2)
    ran = desk.attest("sign", desk.path, "--key", "z", "--with-root", "2.json")
    assert f"already signed by this key: no signature was added to {desk.path}\nadded      1 trust roots\n" in ran.out
    assert len(desk.bundle.trust_roots) == 1


def test_nothing_is_signed_under_a_root_that_has_expired(desk: Desk) -> None:
    desk.roots(1, expiresAt=format_time(datetime.now(UTC) - HOUR))
    before = state(desk.path)
    ran = desk.do("sign", "nowhere", "--trust-root", "1.json")  # told before the key is looked for
    assert (ran.code, ran.document["error"]["code"], state(desk.path)) == (1, "trust/expired", before)


def test_a_timestamp_from_before_the_statement_is_not_written(desk: Desk) -> None:
    """The clock of the machine that made the statement is an hour ahead."""
    value = json.loads(desk.exchange.payload)
    ahead = datetime.now(UTC).replace(microsecond=0) + HOUR
    value["predicate"] |= {"issuedAt": format_time(ahead), "expiresAt": format_time(ahead + timedelta(days=40))}
    desk.put(envelope=sign(dumps(value), PAYLOAD_TYPE, [signer("x"), signer("y")]))
    before = state(desk.path)
    ran = desk.stamp()
    assert (ran.code, ran.document["error"]["code"], state(desk.path)) == (1, "timestamp/early", before)
    assert "compare the clock" in ran.document["error"]["hint"]


def test_timestamps_of_two_authorities_are_put_there_by_who_names_both(desk: Desk) -> None:
    """Who verifies the bundle and names one of them would fail the other's."""
    assert desk.stamp("clock").document["added"] == 2
    assert desk.do("countersign", "u").code == 0
    before = state(desk.path)
    ran = desk.stamp("other")
    assert (ran.code, ran.document["error"]["code"], state(desk.path)) == (1, "timestamp/invalid", before)
    assert "one more --tsa-root" in ran.document["error"]["hint"]
    assert desk.stamp("other", "--tsa-root", "clock.pem").document["added"] == 1
    both = ("--tsa-root", "clock.pem", "--tsa-root", "other.pem")
    ran = desk.run("verify", desk.path, "--trust-root", "1.json", *both)
    assert (ran.code, ran.document["steps"][6]["status"]) == (0, "VERIFIED")


def test_timestamps_beyond_the_limit_are_told_before_anybody_is_asked(desk: Desk) -> None:
    stamps = desk.stamps(desk.bundle.envelope)
    desk.put(timestamps=(stamps[0],) * MAX_TIMESTAMPS)
    before = state(desk.path)
    nobody = ("--tsa", "http://127.0.0.1:1", "--tsa-root", "clock.pem")
    ran = desk.run("timestamp", desk.path, *nobody)
    assert (ran.code, ran.document["error"]["code"], state(desk.path)) == (4, "bundle/timestamps", before)
    said = "the bundle has 32 timestamps; 1 signatures have none, and 32 may be: nothing was added"
    assert ran.document["error"]["message"] == said


def test_a_bundle_that_would_be_too_large_is_not_written(desk: Desk) -> None:
    text = "x" * 4000
    procedure = Procedure(procedure=text, finding=text, exception=False)
    large = [
        SAID.model_copy(update={"procedures": (procedure,) * 20, "standard": f"Standard {number}"})
        for number in range(4)
    ]
    desk.put(auditor_reports=tuple(map(desk.report, large)))
    procedures = [f'[[procedures]]\nprocedure = "{text}"\nfinding = "{text}"\nexception = false\n'] * 30
    (desk.folder / "findings.toml").write_text("".join([FINDINGS, *procedures]))
    before = state(desk.path)
    ran = desk.do("auditor-report", "u")
    assert (ran.code, ran.document["error"]["code"], state(desk.path)) == (4, "bundle/full", before)
    assert f"{MAX_BUNDLE_BYTES:,} may be: nothing was added" in ran.document["error"]["message"]


def test_adding_without_a_command_is_as_strict(exchange: Exchange) -> None:
    bundle = parse_bundle(exchange.bundle)
    twice = with_signature(with_signature(bundle, signer("p"), ()), signer("p"), ())
    assert len(twice.envelope.signatures) == 2
    with pytest.raises(AttestError):
        with_signature(bundle, signer("z"), [bundle.envelope])
    roots = [root(1, ROLES, "ab", expiresAt=f"2030-01-01T00:00:{number:02}Z") for number in range(60)]
    roots += [root(1, ROLES, "ab", expiresAt=f"2030-01-01T00:01:{number:02}Z") for number in range(5)]
    with pytest.raises(UnavailableError, match="64 may be, and 65 more were named"):
        with_signature(bundle, signer("z"), roots)
