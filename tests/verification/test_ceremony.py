"""A month as those who sign it live it: each in a process and a home of their own, passing files on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from attest.demo import exchange as demo
from tests.world.authority import Authority, make_authority, serving
from tests.world.forks import Forks
from tests.world.people import Person
from tests.world.softhsm import PIN, URI, make_token

BUNDLE = "2026-10.attest.json"
FINDINGS = """\
auditor = "Example Audit LLC"
standard = "ISRS 4400 (Revised)"
[[procedures]]
procedure = "Recomputed the liability trees from the ledger"
finding = "The roots and totals agree"
exception = false
[[procedures]]
procedure = "Compared bank balances with the bank's own confirmation"
finding = "The confirmation of one account is outstanding"
exception = true
"""


@dataclass
class Cast:
    cfo: Person
    vault: Person
    auditor: Person
    customer: Person
    authority: Authority
    url: str


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[Cast]:
    folder = tmp_path_factory.mktemp("ceremony")
    people = []
    for name in ("cfo", "vault", "auditor", "customer"):
        (folder / name).mkdir()
        people.append(Person(folder / name, forks))
    people[1].environment = make_token(folder / "token")
    authority = make_authority(folder / "authority")
    with serving(authority) as url:
        yield Cast(*people, authority, url)


@pytest.fixture(scope="module")
def finished(cast: Cast) -> Cast:
    cfo, vault, auditor, customer = cast.cfo, cast.vault, cast.auditor, cast.customer

    # Everyone makes a key; one of the exchange's is on a token.
    for person, name in ((cfo, "cfo"), (cfo, "spare"), (auditor, "auditor")):
        person.attest("key", "new", name, phrase=f"secret of {name}")
    shown = vault.attest("key", "show", URI, "--out", "vault.pub")
    assert (shown["scheme"], len(shown["words"])) == ("ecdsa-p256-sha256", 24)
    vault.give(cfo, "vault.pub")
    auditor.give(cfo, "auditor.pub")

    # The trust root passes from hand to hand.
    roles = ["--root", "cfo.pub", "--root", "vault.pub", "--root-threshold", 2, "--auditor", "auditor.pub"]
    roles += ["--exchange", "cfo.pub", "--exchange", "vault.pub", "--exchange", "spare.pub", "--exchange-threshold", 2]
    cfo.attest("trust", "new", "--origin", "exchange.example", *roles, "--out", "1.root.json")
    first = cfo.attest("trust", "sign", "1.root.json", "--key", "cfo", phrase="secret of cfo")
    assert (first["signed"], first["complete"]) == (["cfo"], False)
    cfo.give(vault, "1.root.json")
    both = vault.attest("trust", "sign", "1.root.json", "--key", URI, phrase=PIN)
    assert (both["signed"], both["complete"]) == (["cfo", "vault"], True)
    for person in (auditor, customer, cfo):
        vault.give(person, "1.root.json")

    # The month is made on the CFO's machine and signed there; the vault signs too.
    demo.write_exchange(cfo.home / "exchange")
    shutil.copy(cfo.home / "cfo", cfo.home / "exchange" / demo.KEY_FILE)
    with demo.recorded_nodes() as nodes:
        cfo.environment = {**nodes, "ATTEST_PASSPHRASE": "secret of cfo"}
        ran = cfo.attest("run", "exchange/attest.toml", "--period", "2026-10")
    cfo.environment = {}
    publication = Path(cfo.home, ran["bundle"]).parent
    beside = sorted(path.name for path in publication.iterdir() if path.name != BUNDLE)
    for name in (BUNDLE, *beside):
        shutil.copy(publication / name, cfo.home / name)
    cfo.give(vault, BUNDLE)
    assert vault.attest("sign", BUNDLE, "--key", URI, phrase=PIN)["signatures"] == 2
    vault.give(auditor, BUNDLE)
    cfo.give(auditor, *beside)

    # The auditor verifies, countersigns and reports; a clock outside says when.
    early = auditor.attest("verify", BUNDLE, "--trust-root", "1.root.json", code=1)
    assert early["error"]["code"] == "signature/threshold"
    options = ["--key", "auditor", "--trust-root", "1.root.json"]
    auditor.attest("countersign", BUNDLE, *options, phrase="secret of auditor")
    (auditor.home / "findings.toml").write_text(FINDINGS)
    auditor.attest("auditor-report", BUNDLE, "findings.toml", *options, phrase="secret of auditor")
    (auditor.home / "tsa.pem").write_bytes(cast.authority.root)
    stamped = auditor.attest("timestamp", BUNDLE, "--tsa", cast.url, "--tsa-root", "tsa.pem")
    assert stamped["added"] == 4
    auditor.give(customer, BUNDLE, *beside, "tsa.pem")
    return cast


def test_a_fourth_party_verifies_with_the_pinned_root_and_the_bundle_alone(finished: Cast) -> None:
    customer = finished.customer
    assert {path.name for path in customer.home.iterdir()} >= {"1.root.json", BUNDLE, "tsa.pem"}
    found = customer.attest("verify", BUNDLE, "--trust-root", "1.root.json", "--tsa-root", "tsa.pem")
    assert found["status"] == "verified"
    statuses = {step["number"]: step["status"] for step in found["steps"]}
    assert {statuses[number] for number in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15)} == {"VERIFIED"}
    signatories = found["signatories"]
    assert {role: len(keys) for role, keys in signatories["signed"].items()} == {"exchange": 2, "auditor": 1}
    assert len(signatories["timestamps"]) == 3
    (report,) = signatories["auditorReports"]
    assert [item["exception"] for item in report["procedures"]] == [False, True]
    # Without the authority's root the clock is not believed, and said not to be.
    unclocked = customer.attest("verify", BUNDLE, "--trust-root", "1.root.json")
    assert [step["status"] for step in unclocked["steps"] if step["number"] == 6] == ["NOT CHECKED"]


def test_whoever_is_no_auditor_cannot_countersign_and_a_false_pin_fails(finished: Cast) -> None:
    cfo, customer = finished.cfo, finished.customer
    customer.give(cfo, BUNDLE)
    before = (cfo.home / BUNDLE).read_bytes()
    refused = cfo.attest(
        "countersign", BUNDLE, "--key", "spare", "--trust-root", "1.root.json", code=1, phrase="secret of spare"
    )
    assert (refused["error"]["code"], (cfo.home / BUNDLE).read_bytes()) == ("sign/role", before)
    cfo.attest("sign", BUNDLE, "--key", "spare", code=4, phrase="a wrong secret")
    assert (cfo.home / BUNDLE).read_bytes() == before
    # The attacker's own root, pinned by nobody, is only what `verify` is told to trust.
    customer.attest("key", "new", "mallory", "--no-passphrase")
    roles = [part for role in ("root", "exchange") for part in (f"--{role}", "mallory.pub")]
    customer.attest("trust", "new", "--origin", "exchange.example", *roles, "--out", "mallory.json")
    customer.attest("trust", "sign", "mallory.json", "--key", "mallory")
    assert customer.attest("verify", BUNDLE, "--trust-root", "mallory.json", code=1)["error"]["code"].startswith("sig")


def test_after_a_rotation_the_bundle_still_verifies_because_it_was_timestamped(finished: Cast) -> None:
    cfo, vault, customer = finished.cfo, finished.vault, finished.customer
    time.sleep(2)  # the authority's clock is exact to a second
    cfo.attest("trust", "rotate", "1.root.json", "--withdraw", "cfo", "--root", "spare.pub", "--out", "2.root.json")
    cfo.attest("trust", "sign", "2.root.json", "--key", "cfo", phrase="secret of cfo")
    cfo.attest("trust", "sign", "2.root.json", "--key", "spare", phrase="secret of spare")
    cfo.give(vault, "2.root.json")
    vault.attest("trust", "sign", "2.root.json", "--key", URI, phrase=PIN)
    assert vault.attest("trust", "show", "2.root.json", "--last", "1.root.json")["complete"]
    vault.give(customer, "2.root.json")
    roots = ["--trust-root", "1.root.json", "--next-root", "2.root.json"]
    withdrawn = customer.attest("verify", BUNDLE, *roots, code=1)
    assert withdrawn["error"]["code"] == "signature/withdrawn"
    found = customer.attest("verify", BUNDLE, *roots, "--tsa-root", "tsa.pem")
    assert [root["version"] for root in found["signatories"]["trustRoots"]] == [1, 2]
    assert found["signatories"]["inForce"] == 1
