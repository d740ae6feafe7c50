"""The customer's page: bundles, proofs and evidence that were changed, given to it and to Python.

Each case draws a thousand of its own. What the page does not leave to others it says as Python does, and whatever it
is given, nothing but its own errors leaves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.trying import FoundError
from tests.web.mutated import Maker
from tests.web.page import PageInNode
from tests.web.trying import Tried, hold_against_python, try_anyhow

HELD_AGAINST_PYTHON, CHANGED_ANYHOW, EACH = 50, 20, 1000
Case = tuple[str, Callable[[Path], dict[str, object]]]


def cases(seed: int) -> Iterator[Case]:
    """Parts of what is tried before a release, each with its own thousand numbers."""
    for kind, count, run in (
        ("held against Python", HELD_AGAINST_PYTHON, hold_against_python),
        ("changed anyhow", CHANGED_ANYHOW, try_anyhow),
    ):
        for part in range(count):
            numbers = range(part * EACH, (part + 1) * EACH)
            yield f"{kind}: {part}", lambda folder, run=run, numbers=numbers: _tried(run, folder, seed, numbers)


def _tried(
    run: Callable[[PageInNode, Maker, int, range], Tried], folder: Path, seed: int, numbers: range
) -> dict[str, object]:
    with PageInNode(folder) as page:
        tried = run(page, Maker(), seed, numbers)
    figures: dict[str, object] = dict(tried.figures)
    if tried.faults:
        raise FoundError(tried.faults, figures)
    return figures
