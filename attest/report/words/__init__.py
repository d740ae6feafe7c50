"""The words of reports, in English and Japanese. Every key is in both languages.

A key is a place and a name, like `heading.coverage` or `level.proven`. Placeholders stand in braces, as `str.format`
fills them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from attest.report.words.en import EN
from attest.report.words.ja import JA

Language = Literal["en", "ja"]
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")
_WORDS: Final = {"en": MappingProxyType(EN), "ja": MappingProxyType(JA)}


def words(lang: Language) -> Mapping[str, str]:
    """The words of a language, by key."""
    return _WORDS[lang]
