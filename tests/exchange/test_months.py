"""Three months of the demo exchange, each a run of its own, with a key that is replaced before the last of them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from attest.attestation.additions import with_timestamps
from attest.attestation.bundle import Bundle, parse_bundle
from attest.canonical import dumps
from attest.demo import exchange as demo
from attest.documents import format_time
from attest.errors import UnavailableError
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.publishing.finishing import Outcome
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from attest.lines import Content
from attest.signing.envelope import Envelope, sign
from attest.signing.timestamp import parse_authorities
from attest.signing.trust import TRUST_ROOT_TYPE
from attest.verification.anchors import Anchors
from attest.verification.history import History, check_history
from tests.conftest import SECRET
from tests.exchange.test_month import replace
from tests.world.authority import Authority, make_authority
from tests.world.ceremony import root_value, signer

PERIODS = ("2026-08", "2026-09", "2026-10")
NOW = datetime.now(UTC).replace(microsecond=0)
ISSUED = (NOW - timedelta(minutes=8), NOW - timedelta(minutes=4), NOW + timedelta(hours=2))
ROTATED = NOW + timedelta(hours=1)


class Year(NamedTuple):
    """What was published, what a reader pinned, and a clock that the reader believes."""

    publication: Path
    anchors: Anchors
    authority: Authority

    def stamped(self, bundle: bytes) -> bytes:
        return with_timestamps(parse_bundle(bundle), self.authority.answer, self.anchors.authorities)[0].to_bytes()

    def bundles(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.publication)): path.read_bytes()
            for path in sorted(self.publication.glob("*/*.attest.json"))
        }

    def beside(self, bundle: str, name: str) -> bytes | None:
        path = self.publication / Path(bundle).parent / name
        return path.read_bytes() if path.is_file() else None

    def check(self, bundles: dict[str, bytes], files: Callable[[str, str], Content | None] | None = None) -> History:
        return check_history(bundles, self.anchors, now=ISSUED[-1], files=files or self.beside)


def write_root(folder: Path, version: int, key: str, issued: datetime) -> Envelope:
    roles = {"root": ("ab", 2), "exchange": (key, 1)}
    times = {"issuedAt": format_time(issued), "expiresAt": format_time(issued + timedelta(days=365))}
    envelope = sign(dumps(root_value(version, roles, **times)), TRUST_ROOT_TYPE, [signer(name) for name in "ab"])
    (folder / "trust" / f"{version}.root.json").write_bytes(envelope.to_bytes())
    (folder / "keys" / f"{key}.pem").write_bytes(signer(key).to_pem(None))
    return envelope


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    folder = tmp_path_factory.mktemp("year") / "x"
    demo.write_exchange(folder)
    config = folder / demo.CONFIG_FILE
    # The recorded nodes know the end of October only.
    replace(config, 'native = "BTC"\npin = "period-end"', 'native = "BTC"\npin = { height = 144 }\nreason = "drill"')
    replace(config, 'native = "ETH"\npin = "period-end"', 'native = "ETH"\npin = { height = 100 }\nreason = "drill"')
    replace(config, f'exchange = "{demo.KEY_FILE}"', 'exchange = "keys/x.pem"\ntrust_root = "trust/1.root.json"')
    for path in list((folder / "documents").iterdir()):
        for period in PERIODS[:-1]:
            shutil.copy(path, path.with_name(path.name.replace(demo.PERIOD, period)))
    pinned = write_root(folder, 1, "x", NOW - timedelta(days=1))
    authority = make_authority(folder.parent / "authority")
    authorities = parse_authorities(authority.root, what="the authority")
    year = Year(folder / "publication", Anchors.pinned(pinned, authorities=authorities), authority)
    with demo.recorded_nodes() as nodes:
        for number, (period, issued) in enumerate(zip(PERIODS, ISSUED, strict=True)):
            if number == len(PERIODS) - 1:
                write_root(folder, 2, "y", ROTATED)
                replace(config, 'exchange = "keys/x.pem"', 'exchange = "keys/y.pem"')
                replace(config, "trust/1.root.json", "trust/2.root.json")
            outcome = monthly.run(
                read_config(config), period, Surroundings(folder, issued, nodes), MonthInputs(SECRET, lambda _: "")
            )
            if issued < NOW:  # what is signed later today has no timestamp yet
                outcome.bundle.write_bytes(year.stamped(outcome.bundle.read_bytes()))
    return year


def codes(found: History) -> set[str]:
    return {finding.code for finding in found.findings}


def test_three_months_are_one_history_under_the_root_that_was_pinned_first(year: Year) -> None:
    found = year.check(year.bundles())
    assert codes(found) <= {"history/not-met"}  # the prices of October say nothing about August
    assert [(month.sequence, month.period) for month in found.months] == list(enumerate(PERIODS))
    roots = [month.verified.signatories.root for month in found.months]
    assert [root.version for root in roots if root is not None] == [1, 1, 2]


def test_without_timestamps_nothing_shows_that_the_key_signed_before_it_was_withdrawn(year: Year) -> None:
    found = year._replace(anchors=dataclasses.replace(year.anchors, authorities=())).check(year.bundles())
    assert [month.period for month in found.months] == [PERIODS[-1]]
    assert "history/month" in codes(found)


def stripped(bundles: dict[str, bytes], name: str) -> None:
    bundle = parse_bundle(bundles[name])
    bundles[name] = Bundle(**{**dict(bundle), "timestamps": ()}).to_bytes()


def swapped(bundles: dict[str, bytes], one: str, other: str) -> None:
    bundles[one], bundles[other] = bundles[other], bundles[one]


def path_of(period: str) -> str:
    return f"{period}/{period}.attest.json"


BROKEN: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "the first month deleted": (lambda b: b.pop(path_of(PERIODS[0])), "history/gap"),
    "the middle month deleted": (lambda b: b.pop(path_of(PERIODS[1])), "history/gap"),
    "two months in each other's place": (
        lambda b: swapped(b, path_of(PERIODS[0]), path_of(PERIODS[1])),
        "history/month",
    ),
    "the timestamps of the first month stripped": (lambda b: stripped(b, path_of(PERIODS[0])), "history/month"),
    "a month in the place of another": (
        lambda b: b.update({path_of(PERIODS[1]): b[path_of(PERIODS[0])]}),
        "history/month",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_was_done_to_a_month_is_found(case: str, year: Year) -> None:
    change, code = BROKEN[case]
    bundles = year.bundles()
    change(bundles)
    assert code in codes(year.check(bundles))


def test_a_fork_of_a_month_is_shown_as_equivocation(year: Year, tmp_path: Path) -> None:
    """The exchange attests September anew, as if it had not published it, and shows each to some.

    Its own record of what it signed stands in the way, until somebody takes that away.
    """
    folder = tmp_path / "x"
    shutil.copytree(year.publication.parent, folder)
    config = folder / demo.CONFIG_FILE
    replace(config, "trust/2.root.json", "trust/1.root.json")
    replace(config, "keys/y.pem", "keys/x.pem")
    for period in PERIODS[1:]:
        shutil.rmtree(folder / "publication" / period)
        shutil.rmtree(folder / "private" / period)
    with demo.recorded_nodes() as nodes:

        def attest_anew(*, new_record: bool) -> Outcome:
            around = Surroundings(folder, ISSUED[1] + timedelta(minutes=1), nodes)
            inputs = MonthInputs(SECRET, lambda _: "", new_record=new_record)
            return monthly.run(read_config(config), PERIODS[1], around, inputs)

        with pytest.raises(UnavailableError) as caught:
            attest_anew(new_record=False)
        assert caught.value.code == "record/second"
        (folder / "private" / "payloads.jsonl").unlink()
        other = attest_anew(new_record=True)
    bundles = {**year.bundles(), "other/other.attest.json": year.stamped(other.bundle.read_bytes())}
    assert "history/equivocation" in codes(year.check(bundles, files=lambda *_: None))
