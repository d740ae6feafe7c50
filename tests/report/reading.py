"""A page as a tree of elements, read strictly: every element that HTML does not leave empty ends where it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

_VOID: Final = frozenset("area base br col embed hr img input link meta source track wbr".split())
_UNSEEN: Final = frozenset({"style", "script"})


@dataclass(eq=False)
class Element:
    """One element; `children` are elements and texts in the order of the page."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    children: list[Element | str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Element]:
        """This element and all in it, or those of some tags."""
        if not tags or self.tag in tags:
            yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.all(*tags)

    def texts(self) -> Iterator[tuple[Element, str]]:
        """Each text that a reader sees, with the element that it stands in."""
        for child in self.children:
            if isinstance(child, str):
                yield self, child
            elif child.tag not in _UNSEEN:
                yield from child.texts()

    @property
    def text(self) -> str:
        """What a reader sees, with single spaces."""
        return " ".join("".join(text for _, text in self.texts()).split())

    @property
    def around(self) -> Iterator[Element]:
        """The element and what it stands in, from the inside."""
        yield self
        if self.parent is not None:
            yield from self.parent.around


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self._open = Element("", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"<{tag}> has an attribute twice: {names}"
        made = Element(tag, {name: value or "" for name, value in attrs}, self._open)
        self._open.children.append(made)
        if tag not in _VOID:
            self._open = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.tag == tag, f"</{tag}> stands where <{self._open.tag}> is open, line {self.getpos()[0]}"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)

    def end(self) -> Element:
        self.close()
        assert self._open is self.root, f"<{self._open.tag}> is not closed"
        return self.root


def read_page(page: bytes | Path) -> Element:
    """The whole page. Raises `AssertionError` where an element ends that is not open, or does not end."""
    data = page.read_bytes() if isinstance(page, Path) else page
    reader = _Reader()
    reader.feed(data.decode("utf-8"))
    return reader.end()
