"""A demo exchange that attested October 2026 from recorded nodes, and ways to tamper with what it published."""

from __future__ import annotations

import atexit
import json
import re
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.bundle import Bundle
from attest.attestation.proving import open_snapshot
from attest.attestation.statement import PAYLOAD_TYPE, Statement
from attest.canonical import dumps
from attest.demo import exchange as demo_exchange
from attest.errors import AttestError
from attest.exchange import month as monthly
from attest.exchange.config import read_config
from attest.exchange.own_keys import read_signer
from attest.exchange.policies import read_policies, verdicts
from attest.exchange.publishing.finishing import Outcome
from attest.exchange.stages import MonthInputs
from attest.exchange.surroundings import Surroundings
from attest.liabilities.proof import InclusionProof
from attest.signing.envelope import sign
from attest.signing.keys import PublicKey, Signer
from attest.verification.anchors import Anchors, Known, Sources
from attest.verification.steps import Step
from attest.verification.verified import Verified
from attest.verification.verify import verify
from tests.examples import load_profile
from tests.world.faults import FaultServer
from tests.world.forks import Forks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wallycore  # noqa: F401 (first imported where warnings are errors, it crashes the interpreter at its end)


@atexit.register
def _warnings_are_no_errors_at_the_end() -> None:
    """Warnings of wallycore as the interpreter ends would crash it, where threads left the filters of tests behind."""
    warnings.simplefilter("ignore")
    warnings.warn("this one makes the interpreter take over the filters", stacklevel=1)


load_profile()
# Where a shell started these tests in the background, an interrupt would be ignored, by what they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

FIXTURES = Path(__file__).parent.parent / "fixtures"
NOW = datetime(2026, 11, 2, 3, 10, tzinfo=UTC)
SECRET = bytes(range(32))

LONGEST = tuple(
    """
    faults/test_errors.py web/test_browsers.py liabilities/ledger/test_silence.py web/test_deceived.py
    faults/test_kills.py nodes/test_three_nodes.py nodes/test_bitcoin_damage.py nodes/test_ethereum_reader.py
    report/test_site_pages.py faults/test_pairs.py faults/test_hostile_documents.py report/test_pdf.py
    nodes/test_token_slot.py toychain/test_toychain.py web/test_hostile.py cli/test_trust.py
    nodes/test_bitcoin_reader.py liabilities/ledger/test_sources.py liabilities/ledger/test_csv.py
    exchange/test_ready.py web/test_accessible.py faults/test_hostile_ledgers.py cli/test_cli.py
    nodes/test_control_safe.py web/test_build.py liabilities/snapshot/test_build.py nodes/test_live.py web/test_look.py
    """.split()
)
"""The files that take longest. They come first where several go side by side, or the last one would be waited for."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):  # of pytest-xdist
        return
    tests = Path(__file__).parent
    places = {tests / name: place for place, name in enumerate(LONGEST)}
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (places.get(item.path, len(places)), -sizes[item.path], item.path))


def signed_bundle(payload: bytes, signer: Signer, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """A bundle around any payload."""
    envelope = sign(payload, payload_type, [signer])
    return Bundle(
        format="attest/bundle/v1", envelope=envelope, timestamps=(), trust_roots=(), auditor_reports=()
    ).to_bytes()


def prove_account(private: Path, account: str) -> InclusionProof:
    """The inclusion proof of an account, from the private folder of its month."""
    with open_snapshot(private) as snapshot:
        return snapshot.prove(account)


@dataclass(frozen=True)
class Exchange:
    """What the demo exchange has on disk, and its key."""

    folder: Path
    outcome: Outcome
    signer: Signer
    files: dict[str, bytes]

    @property
    def bundle(self) -> bytes:
        return self.outcome.bundle.read_bytes()

    @property
    def payload(self) -> bytes:
        return (self.outcome.private / "statement.json").read_bytes()

    def proof(self, account: str = demo_exchange.ACCOUNT) -> bytes:
        return prove_account(self.outcome.private, account).to_bytes()

    def resigned(self, change: Callable[[Any], object]) -> bytes:
        """The bundle after the exchange itself changed its statement, evaluated its policies over that, and signed."""
        value = json.loads(self.payload)
        policies = json.dumps(value["predicate"].get("policies"))
        change(value)
        if json.dumps(value["predicate"].get("policies")) == policies:
            with suppress(AttestError):
                self.evaluate(value)
        return signed_bundle(dumps(value), self.signer)

    def evaluate(self, value: Any) -> None:
        """Evaluate the exchange's policies over a statement that was changed."""
        policies = read_policies(read_config(self.folder / demo_exchange.CONFIG_FILE), self.folder)
        found = verdicts(policies, Statement.from_value(value, what="a statement").predicate)
        value["predicate"]["policies"] = [item.to_value() for item in found]

    @property
    def anchors(self) -> Anchors:
        return Anchors.keys([self.signer.public])

    def verify(
        self,
        bundle: bytes | None = None,
        *,
        anchors: Anchors | None = None,
        now: datetime = NOW,
        sources: Sources | None = None,
        known: Known = Known(),
        tell: Callable[[Step], None] = lambda _: None,
    ) -> Verified:
        """Verify the bundle, by the exchange's key and with the files beside it where nothing else is given."""
        return verify(
            self.bundle if bundle is None else bundle,
            anchors or self.anchors,
            now=now,
            sources=sources or Sources(self.files.get),
            known=known,
            tell=tell,
        )

    def failing_step(
        self,
        bundle: bytes | None = None,
        *,
        anchors: Anchors | None = None,
        now: datetime = NOW,
        sources: Sources | None = None,
        known: Known = Known(),
    ) -> tuple[int, str]:
        """The number of the step that fails, and the error's code."""
        steps: list[Step] = []
        with pytest.raises(Exception) as caught:  # noqa: PT011 (the code below is the assertion)
            self.verify(bundle, anchors=anchors, now=now, sources=sources, known=known, tell=steps.append)
        assert [step.number for step in steps if step.status == "FAILED"] == [steps[-1].number]
        return steps[-1].number, caught.value.code  # type: ignore[attr-defined]


@pytest.fixture(scope="session", autouse=True)
def _every_error_has_a_code_and_a_sentence() -> Iterator[None]:
    """Whatever error a test provokes, it must say something."""
    make = AttestError.__init__

    def checked(
        self: AttestError, code: str, message: str, *, hint: str | None = None, details: tuple[str, ...] = ()
    ) -> None:
        assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", code), code
        assert isinstance(message, str), code
        assert message, code
        make(self, code, message, hint=hint, details=details)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AttestError, "__init__", checked)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_signature_is_computed_twice() -> Iterator[None]:
    """eth_keys computes in Python and takes long; what it once made of the same input, it need not make again."""
    from eth_keys.backends.native import main as native

    with pytest.MonkeyPatch.context() as patch:
        for name in ("ecdsa_raw_recover", "ecdsa_raw_sign", "ecdsa_raw_verify", "private_key_to_public_key"):
            patch.setattr(native, name, cache(getattr(native, name)))
        yield


def make_exchange(folder: Path) -> Exchange:
    """The demo exchange in `folder`, after it attested."""
    demo_exchange.write_exchange(folder)
    with demo_exchange.recorded_nodes() as environment:
        outcome = monthly.run(
            read_config(folder / demo_exchange.CONFIG_FILE),
            demo_exchange.PERIOD,
            Surroundings(folder, NOW, environment),
            MonthInputs(SECRET, lambda _: ""),
        )
    signer = read_signer(folder / demo_exchange.KEY_FILE, lambda: "")
    assert PublicKey.from_pem((folder / demo_exchange.PUBLIC_KEY_FILE).read_bytes(), what="pub") == signer.public
    files = {path.name: path.read_bytes() for path in outcome.publication.iterdir()}
    return Exchange(folder, outcome, signer, files)


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    return make_exchange(tmp_path_factory.mktemp("demo") / "exchange")


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks")) as started:
        yield started


@pytest.fixture
def server() -> Iterator[FaultServer]:
    server = FaultServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def vectors() -> Any:
    return json.loads((FIXTURES / "vectors" / "protocol-v1.json").read_text(encoding="utf-8"))
