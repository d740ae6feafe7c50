"""The page that is checked in: built from its sources byte for byte, and bound by the hashes that stand in it."""

from __future__ import annotations

import re
from base64 import b64encode
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
    "trusted-types": ["'none'"],
}


class Elements(HTMLParser):
    """Every element of a page with its attributes, in order, and the text in each."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data

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
    ((_, script),) = [item for item in elements.named("script") if item[0].get("type") != "application/json"]
    ((_, style),) = elements.named("style")
    assert allowed == {**NOTHING_ELSE, "script-src": [_hash(script)], "style-src": [_hash(style)]}


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


def test_the_page_is_small_and_says_nothing_of_where_it_was_built() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(page.encode()) <= MAX_BYTES
    for name in (str(ROOT), "node_modules", "/home/", "/root/", "/tmp/", "\r", "\0"):  # noqa: S108 (no folder is used)
        assert name not in page, name
    assert not re.search(r"sourceMappingURL|\.ts\b", page)


def test_what_html_would_not_keep_is_not_built(tmp_path: Path) -> None:
    sources = tmp_path / "verify"
    (sources / "page").mkdir(parents=True)
    (sources / "node_modules").symlink_to(SOURCES / "node_modules")
    (sources / "build.mjs").write_bytes((SOURCES / "build.mjs").read_bytes())
    (sources / "page.html").write_text("<p>{{csp}}{{style}}{{script}}")
    (sources / "style.css").write_text("p{color:red}")
    out = tmp_path / "verify.html"

    def build(text: str) -> None:
        (sources / "page" / "main.ts").write_text(f"globalThis.said = {text!r};")
        node("build.mjs", "--out", out, cwd=sources)

    build("x")
    assert "said" in out.read_text()
    for text in ("</script>", "</SCRIPT x", "<!-- x"):
        with pytest.raises(AssertionError, match="which HTML does not keep"):
            build(text)
    (sources / "page.html").write_text("<p>{{csp}}{{style}}{{script}}{{script}}")
    with pytest.raises(AssertionError, match="has places for"):
        build("x")
