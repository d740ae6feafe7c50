"""The page in node and in browsers. What tests/install-web brings may be missing, but not in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.web.browser import Browser, program
from tests.web.mutated import Maker
from tests.web.page import PageInNode, missing


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    if (names := missing()) and "CI" not in os.environ:
        pytest.skip(f"{' and '.join(names)} not found: run tests/install-web")


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageInNode]:
    with PageInNode(tmp_path_factory.mktemp("page")) as started:
        yield started


@pytest.fixture(scope="session")
def maker() -> Maker:
    return Maker()


def started(kind: str) -> Iterator[Browser]:
    """A browser of this machine; what needs one that is missing is skipped, but not in CI."""
    if program(kind) is None and "CI" not in os.environ:
        pytest.skip(f"no {kind} here: run tests/install-web")
    with Browser(kind) as browser:
        yield browser


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Each browser in turn."""
    yield from started(request.param)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    yield from started("chromium")
