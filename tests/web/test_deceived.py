"""What an exchange, or who stands between, might try so that a customer reads more, or worse, than was verified."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest.canonical import dumps
from attest.liabilities.tree import account_digest, leaf
from tests.web.browser import Browser
from tests.web.mutated import bundle, pem
from tests.web.states import CORPUS, EVIDENCE, UNPACKED, payload, trust_root, write_states
from tests.web.test_browsers import VERDICT, fragment, open_link
from tests.web.test_look import Looked

SIGNERS_ALONE = 1
LAST_FILE = "[...document.querySelectorAll('.files bdi')].at(-1)?.textContent"
PROOF = (CORPUS / "hanako.proof.json").read_bytes()
RECORDS = (CORPUS / EVIDENCE).read_bytes()
ROOT = trust_root()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    return Looked(tmp_path_factory.mktemp("deceived"))


def stated(change: Callable[[Any], object] = lambda _: None) -> bytes:
    value = deepcopy(json.loads(payload()))
    change(value["predicate"])
    return dumps(value)


def signed(statement: bytes, names: str = "xyu") -> bytes:
    return dumps(bundle(statement, names))


MONTH = signed(payload())


def look(page: Looked, *files: bytes, **more: Any) -> dict[str, Any]:
    """The screen after these files were given, whose names say nothing."""
    return page.look_at([(f"{i}", b64encode(data).decode()) for i, data in enumerate(files)], **more)


def test_a_key_within_a_published_file_names_nobody(page: Looked) -> None:
    key, month = pem("x"), signed(payload(), "x")
    inline = key.replace(b"\n", b" ").strip()
    hidden = (
        b'{"index":0,"note":"' + inline + b'"}\n' + RECORDS,
        b'# rules\nnote = """\n' + key + b'"""\n',
        key + RECORDS,
        key + b" " * (1 << 15),
    )
    for file in hidden:
        seen = look(page, month, PROOF, file)
        assert (seen["status"], seen["green"], seen["act"]) == ("NOT CHECKED", 0, "root"), file[:40]
    assert look(page, month, PROOF, b"\n" + key)["status"] == "VERIFIED"


def test_a_published_file_is_no_private_key_because_it_speaks_of_one(page: Looked) -> None:
    seen = look(page, MONTH, PROOF, ROOT, b'{"x": "-----BEGIN PRIVATE KEY-----"}')
    assert seen["remarks"] == ["notNamed"]


def test_a_published_file_is_what_the_statement_says_though_it_looks_like_all_records(page: Looked) -> None:
    looks = b'{"salt":"00","type":"money"}\n'
    value = json.loads(payload())
    value["subject"].append({"name": "wallets.jsonl", "digest": {"sha256": sha256(looks).hexdigest()}})
    seen = look(page, signed(dumps(value)), ROOT, looks)
    assert ("subject" in seen["uses"], seen["error"]) == (True, None)


def test_who_names_whom_to_trust_by_hand_is_told_so_in_the_verdict(page: Looked) -> None:
    def tells(*files: bytes, **more: Any) -> bool:
        return any("gave by hand" in line for line in look(page, MONTH, PROOF, *files, **more)["lines"])

    assert tells(ROOT)
    assert tells(pem("x"))
    assert not tells(embedded=b64encode(ROOT).decode())


def test_a_second_statement_is_the_exchanges_only_when_it_was_signed(page: Looked) -> None:
    other = stated(lambda value: value["entity"].update(name="Demo"))
    for stranger in (signed(other, "s"), signed(other, "xy")):
        seen = look(page, stranger, MONTH, PROOF, ROOT, RECORDS)
        assert (seen["status"], seen["remarks"]) == ("VERIFIED", ["twoBundles"])
        forged = look(page, MONTH, stranger, PROOF, ROOT, RECORDS)
        assert not any("different statements" in line for line in [forged["title"], *forged["lines"]])
    unknown = look(page, signed(other), MONTH, PROOF)
    assert unknown["title"] == "It is not known who signed this"
    seen = look(page, signed(other), MONTH, PROOF, ROOT, RECORDS)
    assert (seen["status"], seen["tone"], seen["green"]) == ("FAILED", "bad", SIGNERS_ALONE)
    assert seen["title"].startswith("Two different statements for October 2026 were signed")


def test_of_a_statement_that_does_not_count_nothing_is_green(page: Looked) -> None:
    files = (MONTH, PROOF, ROOT, RECORDS)
    assert look(page, *files)["green"] == 7
    assert look(page, *files, at="2026-12-25T00:00:00Z")["green"] == SIGNERS_ALONE
    assert look(page, *files, at="2026-11-01T00:00:00Z")["green"] == SIGNERS_ALONE
    assert look(page, *files, pointer="0" * 64)["green"] == SIGNERS_ALONE
    assert look(page, MONTH, PROOF, RECORDS)["green"] == 0


@pytest.mark.parametrize("at", ["1970-01-02T00:00:00Z", "2030-01-02T00:00:00Z"])
def test_a_clock_that_is_wrong_is_named_before_the_trust_root_is_blamed(at: str, page: Looked) -> None:
    seen = look(page, MONTH, PROOF, ROOT, at=at)
    assert (seen["status"], seen["title"]) == ("FAILED", "The trust root is not in force")
    assert f"By the clock of this device it is 2 January {at[:4]}" in seen["lines"][0]


def test_reserves_of_which_nothing_was_checked_are_not_in_the_same_headline(page: Looked) -> None:
    whole, bare = look(page, MONTH, PROOF, ROOT, RECORDS), look(page, MONTH, PROOF, ROOT)
    assert whole["title"] == "Your balance is included, and the reserves stated cover what is owed"
    assert bare["title"].endswith("and were not checked here")


def test_a_proof_that_nothing_is_owed_is_not_called_verified(page: Looked) -> None:
    salt, account = bytes(32), "hanako@example.jp"
    root = leaf(salt, account_digest(account), 0)

    def alone(value: Any) -> None:
        value["liabilities"]["trees"][0].update(root=root.hash.hex(), size=1, total="0")

    month = signed(stated(alone))
    place = {"index": 0, "salt": salt.hex(), "amount": "0", "path": []}
    proof = {
        "format": "attest/inclusion-proof/v1",
        "statement": sha256(stated(alone)).hexdigest(),
        "account": account,
        "holdings": [{"asset": "BTC", "leaves": [place]}],
    }
    seen = look(page, month, dumps(proof), ROOT)
    assert seen["owed"] == ["0.00000000 BTC"]
    assert (seen["status"], seen["title"]) == ("NOT CHECKED", "Your proof is of a balance of 0")
    assert not any("is included" in line for line in seen["lines"])
    without = look(page, month, ROOT)
    assert seen["green"] == without["green"]


def test_a_name_keeps_to_its_place(page: Looked) -> None:
    name = "A\u201d (bank.example) for October 2026.\u2003\u2003\u3164\u3164\u2713 VERIFIED \u201c"
    seen = look(page, signed(stated(lambda value: value["entity"].update(name=name))), ROOT)
    (line,) = (line for line in seen["lines"] if "VERIFIED" in line)
    assert line == (
        "This is the statement of \u201cA' (bank.example) for October 2026. \u2713 VERIFIED '\u201d "
        "(exchange.example) for October 2026."
    )
    marks = page.ask("value", [["clipped", ["e" + "\u0301" * 70, "80"]], ["clipped", ["\u0e01\u0e33\u0e49", "80"]]])
    assert marks == ["e" + "\u0301" * 4, "\u0e01\u0e33\u0e49"]


def test_a_device_without_a_zone_sees_utc(page: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    zones = {"Etc/Unknown": "UTC", "": "UTC", "Asia/Tokyo": "Asia/Tokyo"}
    for zone, shown in zones.items():
        monkeypatch.setenv("TZ", zone)
        assert page.ask("value", [["zone", []]]) == [shown]


def test_a_link_takes_nobodys_trust_away(browser: Browser, tmp_path: Path) -> None:
    write_states(tmp_path)
    (tmp_path / "1.root.json").write_bytes(ROOT)
    open_link(browser, tmp_path / "bare.html", ROOT)
    browser.choose(tmp_path / "month.attest.json", tmp_path / "hanako.proof.json", tmp_path / "1.root.json")
    browser.wait(f"{VERDICT}.includes('VERIFIED')")
    browser.evaluate(f"void (location.hash = {json.dumps(fragment(ROOT))})")
    browser.wait(f"{LAST_FILE} === 'the link'")
    assert browser.evaluate(VERDICT).startswith("✓ VERIFIED")


def test_coins_of_a_network_that_anybody_can_make_are_told(page: Looked) -> None:
    def told(month: bytes) -> list[str]:
        return [line for line in look(page, month, ROOT)["lines"] if "outside the main networks" in line]

    (line,) = told(MONTH)
    assert line.endswith(": bip122:0f9188f13cb7b2c71f2a335e3a4fc328, eip155:31337")
    known = {b"0f9188f13cb7b2c71f2a335e3a4fc328": b"000000000019d6689c085ae165831e93", b"eip155:31337": b"eip155:1"}
    statement = payload()
    for test, main in known.items():
        statement = statement.replace(test, main)
    assert told(signed(statement)) == []


def test_a_link_leaves_the_address_however_its_sign_is_written(browser: Browser, tmp_path: Path) -> None:
    write_states(tmp_path)
    link = fragment((tmp_path / "hanako.proof.json").read_bytes()).replace("=", "%3D")
    browser.open((tmp_path / "verify.html").as_uri() + link, at=1_795_564_800)
    browser.wait(f"location.hash === '' && {LAST_FILE} !== undefined")


def test_a_proof_of_some_assets_alone_says_of_which(page: Looked) -> None:
    value = json.loads(PROOF)
    value["holdings"] = [one for one in value["holdings"] if one["asset"] == "BTC"]
    seen = look(page, MONTH, dumps(value), ROOT, RECORDS)
    line = "The proof has something for you in these assets alone: BTC. In 3 other assets it has nothing."
    assert (seen["status"], line in seen["lines"]) == ("VERIFIED", True)
    assert not any("these assets alone" in line for line in look(page, MONTH, PROOF, ROOT)["lines"])


def test_an_amount_that_matches_is_no_good_news_in_a_statement_of_nobodys(browser: Browser, tmp_path: Path) -> None:
    write_states(tmp_path)
    tag = "document.querySelector('#expect-BTC').closest('li').querySelector('output .tag').className"
    for name, tone in (("verify.html", "tag good"), ("bare.html", "tag idle")):
        browser.open(tmp_path / name, at=1_795_564_800)
        browser.wait(UNPACKED)
        browser.choose(tmp_path / "month.attest.json", tmp_path / "hanako.proof.json")
        browser.wait("document.querySelector('#expect-BTC') !== null")
        typed = "(field) => { field.value = '1.25'; field.dispatchEvent(new Event('input')); }"
        browser.evaluate(f"void ({typed})(document.querySelector('#expect-BTC'))")
        assert browser.evaluate(tag) == tone
