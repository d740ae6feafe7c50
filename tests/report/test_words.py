"""The words of reports: one shape in both languages, a word for everything that a report can say, and none too many."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import Any, Final, get_args

import pytest

from attest.attestation.coverage import HeldLevel
from attest.policy.inputs import CoverForm, DeclarationKind
from attest.policy.model import Rule
from attest.policy.results import Verdict
from attest.policy.terms import AuthorityStatus
from attest.purposes import Purpose
from attest.report.view.held import ControlShown, Storage
from attest.report.words import LANGUAGES, words
from attest.report.words.en import EN
from attest.report.words.ja import JA
from attest.signing.trust import RoleName
from attest.verification.segregation import CheckVerdict, WalletControl
from attest.verification.steps import TITLES, Status
from attest.verification.unchecked import Why

REPORT: Final = Path(__file__).parents[2] / "attest" / "report"


def arguments(literal: Any) -> tuple[str, ...]:
    """The values of a literal, also where others are in it."""
    found: list[str] = []
    for one in get_args(literal):
        found += arguments(one) if get_args(one) else (one,)
    return tuple(found)


CLOSED: Final = {
    "verdict": (*arguments(Status), *arguments(CheckVerdict)),
    "level": arguments(HeldLevel),
    "storage": arguments(Storage),
    "control": (*arguments(ControlShown), *arguments(WalletControl)),
    "purpose": (*arguments(Purpose), "own"),
    "part": ("coins", "deposits", *arguments(CoverForm)),
    "rest": arguments(Why),
    "rule": arguments(Verdict),
    "kind": tuple(arguments(rule.model_fields["kind"].annotation)[0] for rule in get_args(Rule)),
    "standing": arguments(AuthorityStatus),
    "declaration": tuple(kind for kind in arguments(DeclarationKind) if kind != "window"),
    "role": tuple(role for role in arguments(RoleName) if role != "root"),
    "step": tuple(map(str, range(len(TITLES)))),
}


def _name(key: str) -> str:
    return key.partition(".")[2]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    assert list(EN) == list(JA)
    for key, text in EN.items():
        assert placeholders(text) == placeholders(JA[key]), key
        assert all(name.isidentifier() for name in placeholders(text)), key


@pytest.mark.parametrize("place", CLOSED)
def test_there_is_a_word_for_everything_that_a_report_can_say(place: str) -> None:
    assert {f"{place}.{name}" for name in CLOSED[place]} <= EN.keys()


def test_every_check_of_segregation_has_a_word() -> None:
    source = (REPORT.parent / "verification" / "segregation.py").read_text(encoding="utf-8")
    named = {key.removeprefix("check.") for key in EN if key.startswith("check.")} - {"all"}
    assert len(named) == 8
    assert {name for name in named if f'"{name}"' not in source} == set()


def test_every_subject_that_is_no_name_has_a_word() -> None:
    source = (REPORT.parent / "policy" / "coins.py").read_text(encoding="utf-8")
    named = {key.removeprefix("subject.") for key in EN if key.startswith("subject.")}
    assert len(named) == 2
    assert {name for name in named if f'"{name}"' not in source} == set()


def test_no_word_is_without_use() -> None:
    files = [
        path for path in REPORT.rglob("*") if path.suffix in {".jinja", ".typ", ".py"} and "words" not in path.parts
    ]
    said = "\n".join(path.read_text(encoding="utf-8") for path in files)
    dynamic = {key for place, names in CLOSED.items() for key in (f"{place}.{name}" for name in names)}
    unused = {
        key
        for key in EN.keys() - dynamic
        if f'"{key}"' not in said
        and not (key.startswith(("field.", "heading.", "note.")) and f'"{_name(key)}"' in said)
        and not key.startswith(("check.", "limits.", "subject."))
        and not (key.startswith("level.") and key.endswith(".long"))
    }
    assert sorted(unused) == []


def test_no_word_promises_what_nobody_can_know() -> None:
    for text in EN.values():
        assert not re.search(r"\b(audited|solven|guaranteed|conforms?|complian|certif|100 % safe)", text, re.IGNORECASE)
    for text in JA.values():
        assert not re.search("監査済|準拠|保証され|支払能力|安全です", text), text


def test_japanese_words_are_japanese() -> None:
    assert {key for key, text in JA.items() if text.isascii()} <= {
        "language.name", "language.other", "sentence.gap", "field.sha256", "list.and", "shares.part",
    }  # fmt: skip
    for key, text in JA.items():
        assert not re.search(r"[:,;!?]\s", text), f"{key}: punctuation as in English"


def test_words_cannot_be_changed() -> None:
    for lang in LANGUAGES:
        with pytest.raises(TypeError):
            words(lang)["yes"] = "no"  # type: ignore[index]
