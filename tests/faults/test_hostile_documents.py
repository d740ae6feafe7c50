"""Hostile documents are refused by name, however small the size at which they are tried here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.hostile_documents import HOSTILE, Hostile, attack
from tests.faults.measured import MIB

PEAK = 400  # MiB; whoever splits or decodes all of so much at once takes more


@pytest.mark.parametrize("item", [item for item in HOSTILE if item.least <= 70 * MIB], ids=lambda item: item.name)
def test_a_hostile_document_is_refused_by_name_and_takes_little_memory(item: Hostile, tmp_path: Path) -> None:
    attack(item, tmp_path, size=item.least, peak=PEAK)
