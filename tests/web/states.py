"""What the page can show a customer, in six states: the demo's month under a trust root of the tests."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attest.canonical import dumps
from attest.documents import parse_time
from tests.conftest import FIXTURES
from tests.web.browser import Browser, with_trust_root
from tests.web.mutated import bundle, envelope, pem, signer
from tests.web.page import PAGE

CORPUS = FIXTURES / "corpus" / "v1"
AT = "2026-11-25T00:00:00Z"
EVIDENCE = "9a75787121238916-evidence-public.jsonl"
ROLES = {"root": ("ab", 2), "exchange": ("xy", 2), "auditor": ("u", 1)}


@dataclass(frozen=True)
class State:
    """Files that are given to the page, the word of its headline in English, and whether it knows a trust root."""

    word: str
    files: tuple[str, ...]
    rooted: bool = True
    at: str = AT


STATES = {
    "start": State("", ()),
    "verified": State("VERIFIED", ("month.attest.json", "hanako.proof.json", "evidence-public.jsonl")),
    "failed": State("FAILED", ("forged.attest.json", "hanako.proof.json")),
    "below": State("NOT MET", ("below.attest.json",)),
    "unproven": State("NOT CHECKED", ("month.attest.json", "evidence-public.jsonl")),
    "nobody": State("NOT CHECKED", ("month.attest.json", "hanako.proof.json"), rooted=False),
}


def write_states(folder: Path) -> None:
    """The page with and without a trust root, and the files of all states."""
    folder.mkdir(parents=True, exist_ok=True)
    page = PAGE.read_bytes()
    (folder / "bare.html").write_bytes(page)
    (folder / "verify.html").write_bytes(with_trust_root(page, trust_root()))
    (folder / "month.attest.json").write_bytes(_bundle(payload()))
    (folder / "below.attest.json").write_bytes(_bundle(dumps(_changed(_more_owed))))
    forged = bundle(payload(), "xyu")
    forged["envelope"]["signatures"][1]["sig"] = forged["envelope"]["signatures"][0]["sig"]
    (folder / "forged.attest.json").write_bytes(dumps(forged))
    (folder / "hanako.proof.json").write_bytes((CORPUS / "hanako.proof.json").read_bytes())
    (folder / "evidence-public.jsonl").write_bytes((CORPUS / EVIDENCE).read_bytes())


def payload() -> bytes:
    """The statement of the demo's month."""
    value = json.loads((CORPUS / "one-key.attest.json").read_bytes())
    return b64decode(value["envelope"]["payload"])


def trust_root() -> bytes:
    """A trust root that names the keys of the tests."""
    names = sorted({name for keys, _ in ROLES.values() for name in keys})
    value = {
        "version": 1,
        "issuedAt": "2026-01-01T00:00:00Z",
        "expiresAt": "2027-01-01T00:00:00Z",
        "origin": "exchange.example",
        "keys": {name: {"scheme": "ed25519", "public": pem(name).decode()} for name in names},
        "roles": {role: {"keyids": list(keys), "threshold": threshold} for role, (keys, threshold) in ROLES.items()},
    }
    assert all(signer(name).public.scheme == "ed25519" for name in names)
    return dumps(envelope(dumps(value), "ab", "application/vnd.attest.trust-root+json"))


def _bundle(statement: bytes) -> bytes:
    return dumps(bundle(statement, "xyu"))


def _changed(change: Callable[[Any], None]) -> Any:
    value = deepcopy(json.loads(payload()))
    change(value)
    return value


def _more_owed(value: Any) -> None:
    tree = value["predicate"]["liabilities"]["trees"][1]
    tree["total"] = str(int(tree["total"]) * 11 // 10)


UNPACKED = "document.querySelector('main') !== null"
"""Whether the page's script has run."""


def enter(browser: Browser, folder: Path, name: str, *, lang: str = "en", **options: Any) -> None:
    """Open the page and bring it into a state, in a language."""
    state = STATES[name]
    at = int(parse_time(state.at).timestamp())
    browser.open(folder / ("verify.html" if state.rooted else "bare.html"), at=at, **options)
    browser.wait(UNPACKED)
    browser.do("click", selector=f"#lang-{lang}")
    if state.files:
        browser.choose(*(folder / file for file in state.files))
        browser.wait("document.querySelector('#result #steps') !== null")
