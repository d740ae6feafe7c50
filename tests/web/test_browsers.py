"""The page in Chromium and Firefox: the corpus, the demo's month as a customer verifies it, and what is refused."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.pack import Pack
from attest.canonical import dumps
from tests.web.browser import Browser, page_around, served
from tests.web.given import Given, Outcome, corpus, differences
from tests.web.mutated import bundle, pem
from tests.web.page import build_judge
from tests.web.states import STATES, UNPACKED, enter, payload, trust_root, write_states

AT_ONCE = 40
ELEMENTS = "[...document.querySelectorAll('*')].map((one) => one.tagName).join(' ')"
VERDICT = "document.querySelector('#verdict').innerText"
MARKUP = "<img src=x onerror='window.ran=1'><script>window.ran=1</script><b>Demo</b> {{x}} ${x} &lt;"
NAMES = (MARKUP, "\u200f\u05d0\u061c\u200b\ufeff", "e" + "\u0301" * 900, "\U0001f600" * 1000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("states")
    write_states(made)
    return made


@pytest.fixture
def network(folder: Path) -> Iterator[tuple[str, list[str]]]:
    with served((folder / "verify.html").read_bytes()) as server:
        yield server


def test_the_corpus_has_in_a_browser_the_outcome_that_its_index_has(browser: Browser, tmp_path: Path) -> None:
    browser.open(page_around(build_judge(tmp_path, "iife"), tmp_path))
    cases = list(corpus().items())
    wrong = []
    for first in range(0, len(cases), AT_ONCE):
        some = cases[first : first + AT_ONCE]
        outcomes = browser.judge([Given.of_case(*case) for _, case in some])
        for (name, (_, case)), outcome in zip(some, outcomes, strict=True):
            expected = Outcome(tuple(case["steps"]), case["code"])
            wrong += [f"{name}: {difference}" for difference in differences(outcome, expected)]
    assert wrong == []


@pytest.mark.parametrize("name", STATES)
def test_a_file_that_is_opened_shows_each_state_and_asks_for_nothing(name: str, browser: Browser, folder: Path) -> None:
    enter(browser, folder, name)
    assert STATES[name].word in browser.evaluate(VERDICT)
    seen = browser.do("seen")
    assert seen["errors"] == seen["console"] == []
    assert all(url.startswith("file:///") and url.endswith(".html") for url in seen["requests"])


def test_the_month_is_verified_from_a_server_that_is_asked_for_the_page_alone(
    browser: Browser, folder: Path, network: tuple[str, list[str]]
) -> None:
    url, asked = network
    browser.open(url, at=1_795_564_800)
    browser.wait(UNPACKED)
    browser.choose(*(folder / file for file in STATES["verified"].files))
    browser.wait("document.querySelector('#result #steps') !== null")
    browser.do("click", selector="#lang-en")
    assert browser.evaluate(VERDICT).startswith("✓ VERIFIED")
    browser.do("click", selector="#lang-ja")
    assert browser.evaluate(VERDICT).startswith("✓ 検証済み")
    assert asked == ["/verify.html"]
    assert browser.do("seen")["errors"] == []


ATTEMPTS = {
    "fetch": "fetch('{url}x').then(() => 'done', () => 'refused')",
    "XMLHttpRequest": """new Promise((resolve) => {{
        const request = new XMLHttpRequest();
        request.onload = () => resolve('done');
        request.onerror = () => resolve('refused');
        request.open('GET', '{url}x');
        request.send();
    }})""",
    "WebSocket": """new Promise((resolve) => {{
        const socket = new WebSocket('{url}x'.replace('http', 'ws'));
        socket.onopen = () => resolve('done');
        socket.onerror = () => resolve('refused');
    }})""",
    "an image": """new Promise((resolve) => {{
        const image = new Image();
        image.onload = () => resolve('done');
        image.onerror = () => resolve('refused');
        image.src = '{url}x';
    }})""",
    "innerHTML": """(() => {{
        document.body.innerHTML = '<p>x</p>';
        return 'done';
    }})()""",
    "a script's text": """(() => {{
        const script = document.createElement('script');
        script.textContent = 'window.ran = 1';
        document.body.append(script);
        return window.ran ? 'done' : 'refused';
    }})()""",
    "a script's text node": """(() => {{
        const script = document.createElement('script');
        script.append('window.ran = 1');
        document.body.append(script);
        return window.ran ? 'done' : 'refused';
    }})()""",
    "the page's own way to make a script": """(() => {{
        trustedTypes.createPolicy('unpack', {{ createScript: (text) => text }});
        return 'done';
    }})()""",
    "another way to make a script": """(() => {{
        trustedTypes.createPolicy('default', {{ createScript: (text) => text, createHTML: (text) => text }});
        return 'done';
    }})()""",
    "a script's address": """new Promise((resolve) => {{
        const script = document.createElement('script');
        script.onload = () => resolve('done');
        script.onerror = () => resolve('refused');
        script.src = '{url}x';
        document.body.append(script);
    }})""",
    "a handler": """(() => {{
        const button = document.createElement('button');
        button.setAttribute('onclick', 'window.ran = 1');
        document.body.append(button);
        button.click();
        return window.ran ? 'done' : 'refused';
    }})()""",
    # At once it would run: who drives the browser may.
    "eval": """new Promise((resolve) => setTimeout(() => {{
        try {{
            (0, eval)('window.ran = 1');
            resolve('done');
        }} catch {{
            resolve('refused');
        }}
    }}))""",
    "a worker": """new Promise((resolve) => {{
        const worker = new Worker(URL.createObjectURL(new Blob(['postMessage(1)'])));
        worker.onmessage = () => resolve('done');
        worker.onerror = () => resolve('refused');
    }})""",
    "a frame": """new Promise((resolve) => {{
        const frame = document.createElement('iframe');
        frame.src = '{url}x';
        document.body.append(frame);
        setTimeout(() => resolve('refused'), 300);
    }})""",
    "a form": """new Promise((resolve) => {{
        const form = document.createElement('form');
        form.action = '{url}x';
        document.body.append(form);
        form.submit();
        setTimeout(() => resolve('refused'), 300);
    }})""",
    "a beacon": """new Promise((resolve) => {{
        navigator.sendBeacon('{url}x', 'x');
        setTimeout(() => resolve('refused'), 300);
    }})""",
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_what_would_send_or_run_anything_is_refused_by_the_browser(
    name: str, browser: Browser, network: tuple[str, list[str]]
) -> None:
    url, asked = network
    browser.open(url)
    browser.wait(UNPACKED)
    answer = browser.ask({"do": "evaluate", "script": ATTEMPTS[name].format(url=url.removesuffix("verify.html"))})
    assert answer.get("value") == "refused" or "error" in answer, answer
    assert browser.evaluate("window.ran === undefined")
    assert asked == ["/verify.html"], "something reached the server"


def test_a_text_of_the_exchange_is_text_whatever_it_says(browser: Browser, folder: Path, tmp_path: Path) -> None:
    enter(browser, folder, "unproven")
    usual = browser.evaluate(ELEMENTS)
    for number, name in enumerate(
        (MARKUP, "\u200f\u05d0\u061c\u200b\ufeff", "e" + "\u0301" * 900, "\U0001f600" * 1000)
    ):
        path = tmp_path / f"{number}.attest.json"
        path.write_bytes(_named(name))
        enter(browser, folder, "start")
        browser.choose(path, folder / "evidence-public.jsonl")
        browser.wait("document.querySelector('#result #steps') !== null")
        assert browser.evaluate(ELEMENTS) == usual, name[:80]
        assert browser.evaluate("window.ran === undefined")
        assert browser.evaluate("document.querySelectorAll('#result #steps li').length >= 16")
    # What would turn the direction of the words around it is no text at all (section 1), so step 5 refuses it.
    path = tmp_path / "turned.attest.json"
    path.write_bytes(_named("Demo \u202egnahcxE"))
    enter(browser, folder, "start")
    browser.choose(path)
    browser.wait("document.querySelector('#result #steps') !== null")
    assert browser.evaluate(VERDICT).startswith("✗ FAILED")
    assert "\u202e" not in browser.evaluate("document.body.textContent")


def _named(name: str) -> bytes:
    value: Any = deepcopy(json.loads(payload()))
    value["predicate"]["entity"]["name"] = name
    return dumps(bundle(dumps(value), "xyu"))


def test_ten_megabytes_of_text_leave_the_page_as_it_is(browser: Browser, folder: Path, tmp_path: Path) -> None:
    enter(browser, folder, "failed")
    usual = browser.evaluate("[...document.querySelectorAll('#result section')].map((one) => one.id)")
    large = tmp_path / "large.json"
    large.write_bytes(b'{"format":"attest/bundle/v1","x":"' + b"<b>x</b>" * (10 << 17) + b'"}')
    browser.choose(large)
    browser.wait("document.querySelectorAll('#files-given ul.files > li').length === 3")
    browser.wait("document.querySelector('#verdict .word') !== null")
    assert browser.evaluate(VERDICT).startswith("✗ FAILED")
    assert browser.evaluate("[...document.querySelectorAll('#result section')].map((one) => one.id)") == usual
    assert len(browser.evaluate("document.querySelector('main').innerHTML")) < 100_000
    assert browser.evaluate("document.querySelectorAll('b').length") == 0
    browser.do("click", selector="#lang-ja")
    assert browser.evaluate(VERDICT).startswith("✗ 失敗")


def fragment(data: bytes) -> str:
    """What a link to the page has after its address, to hand a file over."""
    deflater = zlib.compressobj(wbits=-15)
    return "#proof=" + urlsafe_b64encode(deflater.compress(data) + deflater.flush()).decode().rstrip("=")


def open_link(browser: Browser, page: Path, data: bytes) -> str:
    """What the page shows of a file that came in its address."""
    browser.open(page.as_uri() + fragment(data), at=1_795_564_800)
    browser.wait("document.querySelector('.remark, .files') !== null")
    browser.do("click", selector="#lang-en")
    assert browser.evaluate("location.hash") == "", "the proof stays in the address"
    shown: str = browser.evaluate("document.querySelector('main').innerText")
    return shown


def test_a_link_brings_a_pack_and_leaves_the_address(browser: Browser, folder: Path) -> None:
    pack = Pack(
        format="attest/pack/v1",
        bundle=(folder / "month.attest.json").read_text(encoding="utf-8"),
        proof=(folder / "hanako.proof.json").read_text(encoding="utf-8"),
    )
    shown = open_link(browser, folder / "verify.html", pack.to_bytes())
    assert "hanako@example.jp" in shown
    assert "2 of 2" in shown


def test_who_sends_a_link_or_a_pack_does_not_say_whom_to_trust(browser: Browser, folder: Path) -> None:
    for sent in (trust_root(), pem("x")):
        assert "It was not used" in open_link(browser, folder / "bare.html", sent)
        browser.choose(folder / "month.attest.json")
        browser.wait("document.querySelector('#result #steps') !== null")
        assert "NOT CHECKED" in browser.evaluate(VERDICT)
    pack = Pack(format="attest/pack/v1", bundle=(folder / "month.attest.json").read_text(), proof=trust_root().decode())
    assert "It was not used" in open_link(browser, folder / "bare.html", pack.to_bytes())
    assert "NOT CHECKED" in browser.evaluate(VERDICT)
