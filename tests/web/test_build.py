"""The page that is checked in: built from its sources byte for byte, and bound by the hashes that stand in it."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.web.page import HERE, PAGE, ROOT, SOURCES, build_page, node

MAX_BYTES = 150_000
NOTHING_ELSE = {
    "default-src": ["'none'"],
    "img-src": ["data:"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "require-trusted-types-for": ["'script'"],
    "trusted-types": ["unpack"],
}


class Elements(HTMLParser):
    """Every element of a page with its attributes, in order, and the text in each."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[int] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(len(self.all))
        self.all.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self.all[self._open.pop()][0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]] += data

    def named(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text) for (name, attrs), text in zip(self.all, self.texts, strict=True) if name == tag]


@pytest.fixture(scope="module")
def elements() -> Elements:
    return Elements(PAGE.read_text(encoding="utf-8"))


def test_the_page_is_built_from_its_sources_byte_for_byte(tmp_path: Path) -> None:
    built = build_page(tmp_path / "verify.html")
    assert built == PAGE.read_bytes(), "run: node attest/web/verify/build.mjs"


def test_the_sources_have_the_types_that_they_name() -> None:
    compiler = SOURCES / "node_modules" / "typescript" / "bin" / "tsc"
    node(compiler, "--noEmit")
    node(compiler, "--noEmit", "-p", HERE / "tsconfig.json")


def test_the_page_lets_its_own_script_and_style_run_and_nothing_else(elements: Elements) -> None:
    head = [tag for tag, _ in elements.all[: elements.all.index(("head", {})) + 2]]
    assert head == ["html", "head", "meta"], "what stands before the policy is not bound by it"
    (policy,) = [attrs for attrs, _ in elements.named("meta") if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert elements.named("meta")[0][0] == policy
    allowed = {words[0]: words[1:] for words in (part.split() for part in str(policy["content"]).split(";"))}
    ((_, unpack),) = [item for item in elements.named("script") if "type" not in item[0]]
    ((_, style),) = elements.named("style")
    scripts = [_hash(unpack), _hash(_unpacked(elements))]
    assert allowed == {**NOTHING_ELSE, "script-src": scripts, "style-src": [_hash(style)]}


def _unpacked(elements: Elements) -> str:
    """The script that the page unpacks."""
    ((_, packed),) = [item for item in elements.named("script") if item[0].get("id") == "packed"]
    return zlib.decompress(b64decode(packed, validate=True)).decode()


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_nothing_in_the_page_names_another_file_or_is_run_besides(elements: Elements) -> None:
    for tag, attrs in elements.all:
        if (tag, attrs) == ("link", {"rel": "icon", "href": "data:,"}):
            continue  # else a browser asks the server for one
        assert tag not in {"base", "embed", "iframe", "link", "object"}
        assert not {name for name in attrs if name.startswith("on") or name in {"style", "src", "srcset", "action"}}
    ((data, text),) = [item for item in elements.named("script") if item[0].get("type") == "application/json"]
    assert (data, text) == ({"type": "application/json", "id": "trust-root"}, "")
    assert [attrs for attrs, _ in elements.named("script")][1:] == [{"type": "text/plain", "id": "packed"}, {}]
    assert "Permission is hereby granted" in _unpacked(elements), "the licence of the libraries"


def test_the_page_is_small_and_says_nothing_of_where_it_was_built() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(page.encode()) <= MAX_BYTES
    for text in (page, _unpacked(Elements(page))):
        for name in (str(ROOT), "node_modules"):
            assert name not in text, name
        assert re.search("/(?:home|root|tmp)/", text) is None
        assert "sourceMappingURL" not in text


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A page of one line, with everything that builds it."""
    made = tmp_path / "verify"
    (made / "page").mkdir(parents=True)
    for name in ("build.mjs", "package.json", "unpack.ts"):
        (made / name).write_bytes((SOURCES / name).read_bytes())
    (made / "node_modules").symlink_to(SOURCES / "node_modules")
    block = '<script type="text/plain" id="packed">{{packed}}</script><script>{{unpack}}</script>'
    (made / "page.html").write_text('<html><style>{{style}}</style><p title="{{csp}}">' + block)
    (made / "style.css").write_text("p { color: red }")
    (made / "page" / "main.ts").write_text("document.title = 'x';")
    return made


def test_what_html_would_not_keep_is_kept_in_what_is_packed(sources: Path, tmp_path: Path) -> None:
    for text in ("</script>", "</SCRIPT x", "\0\r\n"):
        (sources / "page" / "main.ts").write_text(f"document.title = {json.dumps(text)};")
        out = tmp_path / "verify.html"
        node("build.mjs", "--out", out, cwd=sources)
        built = Elements(out.read_text(encoding="utf-8"))
        script = _unpacked(built)
        assert "document.title" in script
        assert _hash(script) in str(built.named("p")[0][0]["title"])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("page.html", "<p>{{csp}}{{style}}{{packed}}{{unpack}}{{unpack}}", "has places for"),
        ("page.html", "<p>{{csp}}{{style}}", "has places for"),
        ("unpack.ts", "document.title = '<!-- x';", "which HTML does not keep"),
        ("page/main.ts", "document.title = <string>5x;", "ERROR"),
        ("style.css", "p { color: red", "style.css"),
    ],
)
def test_what_is_not_whole_is_not_built(name: str, text: str, told: str, sources: Path, tmp_path: Path) -> None:
    (sources / name).write_text(text)
    with pytest.raises(AssertionError, match=told):
        node("build.mjs", "--out", tmp_path / "verify.html", cwd=sources)
    assert not (tmp_path / "verify.html").exists()
