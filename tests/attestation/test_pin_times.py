"""The snapshot lies at the end of its month, and every block near the snapshot or elsewhere for a reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest

from attest.attestation.pin_times import refuse_far_pins, state_pins
from attest.chains.wallets import Pin
from attest.documents import format_time, parse_time
from attest.errors import AttestError, MalformedError
from attest.exchange.config import read_config
from attest.exchange.settings import Ledger
from attest.periods import ends_somewhere
from attest.verification.anchors import Sources
from attest.verification.steps import Step
from tests.cli.conftest import replace
from tests.conftest import Exchange

SNAPSHOT = datetime(2026, 10, 31, 15, tzinfo=UTC)
DAY, SECOND = timedelta(hours=24), timedelta(seconds=1)


def step_8(exchange: Exchange, **fields: Any) -> tuple[str, str]:
    """The status of step 8, and its sentence or the code of its error; `time` and `reason` are those of both pins."""

    def change(value: Any) -> None:
        for pin in value["predicate"]["chains"]:
            pin |= {name: fields[name] for name in ("time", "reason") if name in fields}
        value["predicate"] |= {name: fields[name] for name in fields if name not in {"time", "reason"}}
        exchange.evaluate(value)

    steps: list[Step] = []
    try:
        exchange.verify(exchange.resigned(change), sources=Sources(), tell=steps.append)
    except AttestError as error:
        return f"{steps[-1].number} {steps[-1].status}", error.code
    return steps[8].status, steps[8].detail


@pytest.mark.parametrize(
    ("period", "instant", "is_end"),
    [
        ("2026-10", "2026-10-31T10:00:00Z", True),  # UTC+14
        ("2026-10", "2026-10-31T15:00:00Z", True),
        ("2026-10", "2026-10-31T18:15:00Z", True),  # Nepal
        ("2026-10", "2026-10-31T20:30:00Z", True),
        ("2026-10", "2026-11-01T00:00:00Z", True),
        ("2026-10", "2026-11-01T12:00:00Z", True),  # UTC-12
        ("2026-12", "2026-12-31T15:00:00Z", True),
        ("2026-12", "2027-01-01T08:00:00Z", True),
        ("2028-02", "2028-02-29T15:00:00Z", True),
        ("2026-10", "2026-10-31T09:45:00Z", False),
        ("2026-10", "2026-10-31T09:59:59Z", False),
        ("2026-10", "2026-11-01T12:15:00Z", False),
        ("2026-10", "2026-11-01T14:00:00Z", False),  # UTC-14 is no zone
        ("2026-10", "2026-10-31T15:07:00Z", False),
        ("2026-10", "2026-10-31T15:00:01Z", False),
        ("2026-10", "2026-10-31T14:59:59Z", False),
        ("2026-10", "2026-10-01T00:00:00Z", False),
        ("2026-10", "2026-11-30T15:00:00Z", False),
        ("2026-10", "2025-11-01T00:00:00Z", False),
        ("2028-02", "2028-02-28T15:00:00Z", False),
    ],
)
def test_a_month_ends_at_a_quarter_of_an_hour_in_a_zone_from_utc_less_12_to_utc_and_14(
    period: str, instant: str, *, is_end: bool
) -> None:
    assert ends_somewhere(period, parse_time(instant)) is is_end


@pytest.mark.parametrize("period", ["2000-01", "2011-12", "2026-03", "2026-10", "2037-06"])
def test_the_end_of_a_month_in_every_zone_that_a_config_can_name_is_one(period: str) -> None:
    for zone in sorted(available_timezones() - {"localtime"}):
        assert ends_somewhere(period, Ledger(source="x", time_zone=zone).period_end(period)), zone


@pytest.mark.parametrize("instant", ["2026-10-31T15:07:00Z", "2026-10-31T09:45:00Z", "2026-11-01T12:15:00Z"])
def test_a_snapshot_at_no_end_of_its_month_fails_step_8(instant: str, exchange: Exchange) -> None:
    assert step_8(exchange, snapshotAt=instant) == ("8 FAILED", "statement/arithmetic")


@pytest.mark.parametrize("instant", ["2026-10-31T10:00:00Z", "2026-11-01T12:00:00Z", "2026-10-31T15:15:00Z"])
def test_a_snapshot_at_an_end_of_its_month_holds(instant: str, exchange: Exchange) -> None:
    assert step_8(exchange, snapshotAt=instant)[0] == "VERIFIED"


@pytest.mark.parametrize("distance", [-DAY, timedelta(0), DAY], ids=str)
@pytest.mark.parametrize("reason", [{}, {"reason": "x"}], ids=["no reason", "a reason"])
def test_a_block_at_most_24_hours_from_the_snapshot_needs_no_reason(
    distance: timedelta, reason: dict[str, str], exchange: Exchange
) -> None:
    assert step_8(exchange, time=format_time(SNAPSHOT + distance), **reason)[0] == "VERIFIED"


@pytest.mark.parametrize("distance", [-DAY - SECOND, DAY + SECOND, -timedelta(days=400)], ids=str)
def test_a_block_further_away_fails_step_8_without_a_reason_and_is_not_met_with_one(
    distance: timedelta, exchange: Exchange
) -> None:
    time = format_time(SNAPSHOT + distance)
    assert step_8(exchange, time=time) == ("8 FAILED", "statement/pin-time")
    status, said = step_8(exchange, time=time, reason="The node was down: a fire.")
    assert status == "NOT MET"
    side = "before" if distance < timedelta(0) else "after"
    assert f"is read at a block of {time}, {abs(distance)} {side} the snapshot; the reason that the exchange" in said
    assert said.endswith("gives: The node was down: a fire.")


def test_a_contradiction_beats_a_reason_in_step_8(exchange: Exchange) -> None:
    far = format_time(SNAPSHOT - 2 * DAY)
    assert step_8(exchange, time=far, reason="x", expiresAt="2026-11-02T03:10:00Z")[1] == "statement/arithmetic"


def test_one_block_without_a_reason_fails_beside_another_that_has_one(exchange: Exchange) -> None:
    def change(value: Any) -> None:
        first, second = value["predicate"]["chains"]
        first |= {"time": format_time(SNAPSHOT - 2 * DAY), "reason": "x"}
        second |= {"time": format_time(SNAPSHOT - 2 * DAY)}

    assert exchange.failing_step(exchange.resigned(change), sources=Sources()) == (8, "statement/pin-time")


@pytest.mark.parametrize("reason", ["", "x" * 1001, "a\nb", "a\u202eb", 7, None])
def test_a_reason_is_a_text_for_people_of_1_to_1000_characters(reason: object, exchange: Exchange) -> None:
    def change(value: Any) -> None:
        value["predicate"]["chains"][0] |= {"time": format_time(SNAPSHOT - 2 * DAY), "reason": reason}

    assert exchange.failing_step(exchange.resigned(change), sources=Sources()) == (5, "document/invalid")


def test_only_a_far_block_is_stated_with_the_reason_of_the_config() -> None:
    near, far = (
        Pin(chain=chain, height=1, block_hash=bytes(32), time=time)
        for chain, time in (("eip155:1", SNAPSHOT), ("eip155:5", SNAPSHOT + DAY + SECOND))
    )
    stated = state_pins([far, near], SNAPSHOT, {"eip155:1": "unused", "eip155:5": "said"})
    assert [item.to_value().get("reason") for item in stated] == [None, "said"]
    assert [item.pin for item in stated] == [near, far]
    with pytest.raises(MalformedError) as caught:
        refuse_far_pins(state_pins([near, far], SNAPSHOT, {"eip155:1": "unused"}), SNAPSHOT)
    refuse_far_pins(stated, SNAPSHOT)
    assert caught.value.code == "pin/far"
    assert caught.value.message == (
        "block 1 of eip155:5 is of 2026-11-01T15:00:01Z, 1 day, 0:00:01 after the snapshot (2026-10-31T15:00:00Z), "
        "which is more than 24 hours"
    )


def test_a_config_without_a_reason_leaves_what_was_read_as_it_is(exchange: Exchange, tmp_path: Path) -> None:
    """A reason is no part of the register: who adds one goes on with what was read."""
    from attest.exchange.register_digest import register_digest

    path = tmp_path / "attest.toml"
    path.write_bytes((exchange.folder / "attest.toml").read_bytes())
    before = register_digest(read_config(path), "2026-10", None)
    replace(path, 'native = "BTC"', 'native = "BTC"\nreason = "x"')
    assert register_digest(read_config(path), "2026-10", None) == before
    assert json.loads(exchange.payload)["predicate"]["chains"][0].keys() == {"chain", "height", "blockHash", "time"}
