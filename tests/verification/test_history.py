"""Three months of the demo exchange, with a rotation of keys between the first and the second."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.bundle import Bundle
from attest.attestation.statement import PAYLOAD_TYPE, statement_digest
from attest.canonical import dumps
from attest.documents import format_time
from attest.errors import AttestError
from attest.lines import Content
from attest.signing.envelope import Envelope, sign
from attest.verification.anchors import Anchors, Known, Sources
from attest.verification.history import History, check_history
from attest.verification.steps import Step
from attest.verification.verified import Verified
from tests.conftest import NOW, Exchange
from tests.world.ceremony import root, signer

ROLES = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("u", 1)}
ISSUED = [NOW, datetime.fromisoformat("2026-12-02T00:00:00Z"), datetime.fromisoformat("2027-01-02T00:00:00Z")]
ENDS = ["2026-10-31T15:00:00Z", "2026-11-30T15:00:00Z", "2026-12-31T15:00:00Z"]
PERIODS = ["2026-10", "2026-11", "2026-12"]
NOVEMBER = {"issuedAt": "2026-11-15T00:00:00Z", "expiresAt": "2028-01-01T00:00:00Z"}
ROTATED = root(2, {**ROLES, "exchange": ("xyw", 2)}, "ab", **NOVEMBER)
CHECKED_AT = datetime.fromisoformat("2027-01-05T00:00:00Z")
FIRST = Anchors.pinned(root(1, ROLES, "ab"))


def name(period: str) -> str:
    return f"{period}/{period}.attest.json"


def payload(exchange: Exchange, number: int, previous: bytes | None, **changed: Any) -> bytes:
    value = json.loads(exchange.payload)
    issued = ISSUED[number]
    value["predicate"] |= {
        "period": PERIODS[number],
        "sequence": number,
        "previous": None if previous is None else statement_digest(previous).hex(),
        "snapshotAt": ENDS[number],
        "issuedAt": format_time(issued),
        "expiresAt": format_time(issued + timedelta(days=45)),
        **changed,
    }
    if number:
        for pin in value["predicate"]["chains"]:  # no evidence lies beside these statements
            pin["time"] = value["predicate"]["snapshotAt"]
    exchange.evaluate(value)
    return dumps(value)


def bundle(statement: bytes, sigs: str = "xyu", roots: tuple[Envelope, ...] = (ROTATED,)) -> bytes:
    envelope = sign(statement, PAYLOAD_TYPE, [signer(key) for key in sigs])
    return Bundle(
        format="attest/bundle/v1", envelope=envelope, timestamps=(), trust_roots=roots, auditor_reports=()
    ).to_bytes()


def payloads(exchange: Exchange) -> list[bytes]:
    found: list[bytes] = []
    for number in range(3):
        found.append(payload(exchange, number, found[-1] if found else None))
    return found


def months(exchange: Exchange) -> dict[str, bytes]:
    signers = ["xyu", "xwu", "ywu"]
    return {
        name(period): bundle(statement, sigs, (ROTATED,) if number else ())
        for number, (period, statement, sigs) in enumerate(zip(PERIODS, payloads(exchange), signers, strict=True))
    }


def check(
    bundles: Mapping[str, bytes],
    anchors: Anchors = FIRST,
    *,
    now: datetime = CHECKED_AT,
    files: Callable[[str, str], Content | None] = lambda _, __: None,
    see: Callable[[str, Verified], None] = lambda *_: None,
) -> History:
    return check_history(bundles, anchors, now=now, files=files, see=see)


def test_three_chained_months_with_a_rotation_between_are_intact(exchange: Exchange) -> None:
    found = check(months(exchange))
    assert found.findings == ()
    assert [(month.sequence, month.period) for month in found.months] == list(enumerate(PERIODS))
    roots = [month.verified.signatories.root for month in found.months]
    assert [None if root is None else root.version for root in roots] == [1, 2, 2]


def delete(at: int) -> Callable[[Exchange], dict[str, bytes]]:
    return lambda exchange: {key: value for key, value in months(exchange).items() if key != name(PERIODS[at])}


def swap(exchange: Exchange) -> dict[str, bytes]:
    found = months(exchange)
    first, second, third = (name(period) for period in PERIODS)
    return {first: found[second], second: found[first], third: found[third]}


def replace(exchange: Exchange) -> dict[str, bytes]:
    """The exchange signs another October afterwards, and shows it in place of the first."""
    other = payload(exchange, 0, None, entity={"name": "Demo Exchange GK", "origin": "exchange.example"})
    return {**months(exchange), name(PERIODS[0]): bundle(other)}


def fork(exchange: Exchange) -> dict[str, bytes]:
    """Two Novembers follow the same October."""
    october = payloads(exchange)[0]
    other = payload(exchange, 1, october, entity={"name": "Demo Exchange GK", "origin": "exchange.example"})
    return {**months(exchange), "fork/2026-11.attest.json": bundle(other, "xwu")}


def second_statement_of_a_month(exchange: Exchange) -> dict[str, bytes]:
    """Sequence 3, yet December again."""
    *_, december = payloads(exchange)
    again = payload(exchange, 2, december, sequence=3, issuedAt="2027-01-03T00:00:00Z")
    return {**months(exchange), "again/2026-12.attest.json": bundle(again, "xwu")}


def another_link(exchange: Exchange) -> dict[str, bytes]:
    lonely = payload(exchange, 2, b"another November")
    return {**months(exchange), name(PERIODS[2]): bundle(lonely, "xwu")}


def stolen(exchange: Exchange) -> dict[str, bytes]:
    """Key z was withdrawn in November; October is now only signed by x and z."""
    return {**months(exchange), name(PERIODS[0]): bundle(payloads(exchange)[0], "xzu", ())}


def too_soon(exchange: Exchange) -> dict[str, bytes]:
    """Key w came in November, and signs October."""
    return {**months(exchange), name(PERIODS[0]): bundle(payloads(exchange)[0], "xwu")}


def backwards(exchange: Exchange) -> dict[str, bytes]:
    """December says it was issued before November."""
    november = payloads(exchange)[1]
    until = "2027-02-01T00:00:00Z"
    times = {"snapshotAt": "2026-12-31T10:00:00Z", "issuedAt": "2026-12-31T11:00:00Z", "expiresAt": until}
    early = payload(exchange, 2, november, **times)
    october = payloads(exchange)[0]
    late = payload(exchange, 1, october, issuedAt="2027-01-01T00:00:00Z", expiresAt=until)
    follower = json.loads(early)
    follower["predicate"]["previous"] = statement_digest(late).hex()
    return {
        **months(exchange),
        name(PERIODS[1]): bundle(late, "xwu"),
        name(PERIODS[2]): bundle(dumps(follower), "xwu"),
    }


def forged_root(exchange: Exchange) -> dict[str, bytes]:
    mine = root(2, {**ROLES, "exchange": ("ef", 2)}, "ef")
    return {**months(exchange), name(PERIODS[2]): bundle(payloads(exchange)[2], "efu", (mine,))}


def month_left_out(exchange: Exchange) -> dict[str, bytes]:
    """December follows October as if there had been no November."""
    october = payloads(exchange)[0]
    december = payload(exchange, 2, october, sequence=1)
    return {name(PERIODS[0]): bundle(october, "xyu"), name(PERIODS[2]): bundle(december, "xwu")}


def number_left_out(exchange: Exchange) -> dict[str, bytes]:
    """November has the number 2: some statement between was never shown."""
    october = payloads(exchange)[0]
    november = payload(exchange, 1, b"a statement nobody saw", sequence=2)
    return {name(PERIODS[0]): bundle(october, "xyu"), name(PERIODS[1]): bundle(november, "xwu")}


BROKEN: dict[str, tuple[Callable[[Exchange], dict[str, bytes]], set[str]]] = {
    "the first month deleted": (delete(0), {"history/gap"}),
    "a month in the middle deleted": (delete(1), {"history/gap"}),
    "a month left out by the exchange": (month_left_out, {"history/gap"}),
    "a number left out by the exchange": (number_left_out, {"history/gap"}),
    "files swapped": (swap, {"history/name"}),
    "a month replaced": (replace, {"history/link"}),
    "a month forked": (fork, {"history/equivocation"}),
    "one month told twice": (second_statement_of_a_month, {"history/equivocation", "history/order"}),
    "a month that follows another": (another_link, {"history/link"}),
    "a month signed by a withdrawn key": (stolen, {"history/month", "history/unjudged"}),
    "a month signed by a key of later": (too_soon, {"history/month", "history/unjudged"}),
    "a month issued before the one it follows": (backwards, {"history/order"}),
    "a trust root that nobody let in": (forged_root, {"history/roots", "history/month"}),
    "a file that is no bundle": (lambda exchange: {**months(exchange), "x.attest.json": b"{"}, {"history/month"}),
    "nothing": (lambda _: {}, {"history/empty"}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_history_is_found(case: str, exchange: Exchange) -> None:
    make, expected = BROKEN[case]
    found = check(make(exchange)).findings
    assert {finding.code for finding in found if not finding.adverse} == expected, found


def test_a_month_that_did_not_verify_is_not_missing_and_what_follows_it_is_not_judged(exchange: Exchange) -> None:
    october, rest = stolen(exchange)[name(PERIODS[0])], months(exchange)
    found = check({**rest, name(PERIODS[0]): october}).findings
    assert [finding.code for finding in found] == ["history/month", "history/unjudged"]
    assert found[1].sentence.startswith("sequence 0 is there and did not verify")
    assert found[0].hint is not None
    assert found[0].hint.endswith("name its authority with --tsa-root")
    # It stands for no other month that is missing, and one that claims to be the last leaves none out before itself.
    rest.pop(name(PERIODS[1]))
    found = check({**rest, name(PERIODS[0]): october}).findings
    assert [finding.sentence for finding in found if finding.code == "history/gap"] == [
        "sequence 1 is missing",
        "1 month has no statement between 2026-10 and 2026-12",
    ]
    ahead = bundle(payload(exchange, 2, b"x", sequence=9, period="2027-12", snapshotAt="2027-12-31T15:00:00Z"), "ef")
    found = check({**months(exchange), "2027-12.attest.json": ahead}).findings
    assert [finding.code for finding in found] == ["history/month"]


def test_trust_roots_that_several_bundles_carry_are_one_chain(exchange: Exchange) -> None:
    """October was signed once more after December, and carries the third root without the second."""
    third = root(3, {**ROLES, "exchange": ("xyw", 2)}, "ab", issuedAt="2027-01-03T00:00:00Z")
    found = months(exchange)
    found[name(PERIODS[0])] = bundle(payloads(exchange)[0], "xyu", (third,))
    assert check(found).findings == ()


def test_equivocation_shows_both_statements(exchange: Exchange) -> None:
    found = check(fork(exchange))
    sentences = [finding.sentence for finding in found.findings]
    november = [month.verified.digest.hex() for month in found.months if month.period == "2026-11"]
    assert len(november) == 2
    assert all(digest in sentence for digest in november for sentence in sentences)


def test_the_same_statement_in_two_files_is_no_equivocation(exchange: Exchange) -> None:
    found = months(exchange)
    assert check({**found, "copy/2026-11.attest.json": found[name("2026-11")]}).findings == ()


def test_a_late_month_and_an_overdue_one_are_told_and_nothing_is_broken(exchange: Exchange) -> None:
    overdue = check(months(exchange), now=CHECKED_AT + timedelta(days=60))
    assert [(finding.code, finding.adverse) for finding in overdue.findings] == [("history/overdue", True)]
    expires = ISSUED[2] + timedelta(days=45)
    assert check(months(exchange), now=expires - timedelta(seconds=1)).findings == ()
    assert len(check(months(exchange), now=expires).findings) == 1
    short = payload(exchange, 0, None, expiresAt="2026-11-20T00:00:00Z")
    second = payload(exchange, 1, short, expiresAt="2027-02-20T00:00:00Z")
    late = check({name("2026-10"): bundle(short), name("2026-11"): bundle(second, "xwu")})
    assert [(finding.code, finding.adverse) for finding in late.findings] == [("history/late", True)]


def test_a_statement_of_a_time_to_come_is_told_and_nothing_is_broken(exchange: Exchange) -> None:
    """Dated ahead, it would say for months that nothing is overdue."""
    ahead = payload(exchange, 0, None, issuedAt="2026-12-30T00:00:00Z", expiresAt="2028-01-30T00:00:00Z")
    bundles = {name("2026-10"): bundle(ahead, "xwu")}
    when = datetime.fromisoformat("2026-12-30T00:00:00Z")
    (finding,) = check(bundles, now=when - timedelta(seconds=1)).findings
    assert (finding.code, finding.adverse) == ("history/future", True)
    assert "2026-10 is not yet issued: it says 2026-12-30T00:00:00Z" in finding.sentence
    assert check(bundles, now=when).findings == ()


def test_what_is_not_met_in_a_month_is_told_and_nothing_is_broken(exchange: Exchange) -> None:
    def beside(_: str, file: str) -> bytes | None:
        return None if file.startswith("evidence") else exchange.files.get(file)

    value = json.loads(exchange.payload)["predicate"]["liabilities"]
    next(tree for tree in value["trees"] if tree["asset"] == "JPY")["total"] = str(10**12)
    short = check({name("2026-10"): bundle(payload(exchange, 0, None, liabilities=value))}, now=NOW, files=beside)
    assert {(finding.code, finding.adverse) for finding in short.findings} == {("history/not-met", True)}
    said = [finding.sentence for finding in short.findings]
    assert said[0] == "2026-10: the coverage of JPY is not met"
    assert said[1].startswith("2026-10: policy recomputed: ")


def verified_after(exchange: Exchange, last: bytes, previous: bytes | None) -> tuple[str, str]:
    """The status of step 7, or the code of its error."""
    steps: list[Step] = []
    anchors = dataclasses.replace(FIRST, later_roots=(ROTATED,))
    known = Known(previous=previous)
    try:
        exchange.verify(last, anchors=anchors, now=CHECKED_AT, sources=Sources(), known=known, tell=steps.append)
    except AttestError as error:
        assert steps[-1].number == 7
        return steps[-1].status, error.code
    return steps[7].status, ""


def test_the_bundle_of_the_month_before_shows_that_this_one_follows_it(exchange: Exchange) -> None:
    october, november, december = months(exchange).values()
    assert verified_after(exchange, december, november) == ("VERIFIED", "")
    assert verified_after(exchange, december, None) == ("NOT CHECKED", "")
    assert verified_after(exchange, october, None) == ("VERIFIED", "")
    # Whoever signed it: this one names the statement, not the envelope.
    assert verified_after(exchange, december, bundle(payloads(exchange)[1], "ef")) == ("VERIFIED", "")
    failed = ("FAILED", "statement/previous")
    for previous in (october, december, replace(exchange)[name(PERIODS[0])]):
        assert verified_after(exchange, december, previous) == failed
    assert verified_after(exchange, october, november) == failed
    assert verified_after(exchange, december, b"{}") == ("FAILED", "document/invalid")


def test_a_previous_statement_is_of_the_same_exchange(exchange: Exchange) -> None:
    october = payload(exchange, 0, None, entity={"name": "Another", "origin": "another.example"})
    november = bundle(payload(exchange, 1, october), "xwu")
    assert verified_after(exchange, november, bundle(october)) == ("FAILED", "statement/previous")


@pytest.mark.parametrize(
    "changed",
    [
        {"sequence": 0},
        {"sequence": 2},
        {"period": "2026-12", "snapshotAt": ENDS[2], "issuedAt": "2026-12-31T16:00:00Z"},
        {"issuedAt": format_time(ISSUED[2])},
    ],
)
def test_a_previous_statement_is_of_the_number_month_and_time_before(
    changed: dict[str, Any], exchange: Exchange
) -> None:
    november = payload(exchange, 1, payloads(exchange)[0], **{"expiresAt": "2027-02-20T00:00:00Z", **changed})
    december = bundle(payload(exchange, 2, november), "xwu")
    assert verified_after(exchange, december, bundle(november, "xwu")) == ("FAILED", "statement/previous")


@pytest.fixture
def folder(exchange: Exchange, tmp_path: Path) -> Path:
    for path, data in months(exchange).items():
        (tmp_path / "months" / path).parent.mkdir(parents=True)
        (tmp_path / "months" / path).write_bytes(data)
    (tmp_path / "1.root.json").write_bytes(root(1, ROLES, "ab").to_bytes())
    return tmp_path
