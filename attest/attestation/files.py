"""The names of the files and folders of a month."""

from __future__ import annotations

from typing import Final

STATEMENT_FILE: Final = "statement.json"
SNAPSHOT_FOLDER: Final = "liabilities"


AUDITOR_EVIDENCE: Final = "evidence.jsonl"
PUBLIC_EVIDENCE: Final = "evidence-public.jsonl"
