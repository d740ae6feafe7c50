"""The liability snapshot an exchange keeps to hand out proofs: the secret, and the rows it was built from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attest.documents import Amount, AssetName, Count, Document
from attest.errors import MalformedError, UnavailableError
from attest.liabilities.tree import SECRET_BYTES, Row, normalise_account

SECRET_FILE: Final = "secret"  # noqa: S105 (a file name)
ROWS_FILE: Final = "liabilities.jsonl"
MAX_ROW_BYTES: Final = 4096


class SnapshotRow(Document):
    """One leaf of one asset's tree, a line of `liabilities.jsonl` in RFC 8785 form."""

    account: str
    asset: AssetName
    part: Count
    amount: Amount


def encode_rows(asset: str, rows: Iterable[Row]) -> bytes:
    """The lines of one asset's rows."""
    return b"".join(
        SnapshotRow(account=row.account, asset=asset, part=row.part, amount=row.amount).to_bytes() + b"\n"
        for row in rows
    )


def read_secret(folder: Path) -> bytes:
    """The snapshot's secret. Raises `UnavailableError` or `MalformedError`."""
    text = _read(folder / SECRET_FILE).decode("ascii", "replace").strip()
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise MalformedError("snapshot/secret", f"{folder / SECRET_FILE} does not hold {SECRET_BYTES} bytes of hex")
    return secret


def read_rows(folder: Path) -> dict[str, list[Row]]:
    """The rows by asset. Raises `UnavailableError` or `MalformedError`."""
    path = folder / ROWS_FILE
    rows: dict[str, list[Row]] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        row = SnapshotRow.from_canonical(line, what=f"{path.name} row {number}", max_bytes=MAX_ROW_BYTES)
        rows.setdefault(row.asset, []).append(Row(normalise_account(row.account), row.part, row.amount))
    return rows


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnavailableError(
            "snapshot/unreadable",
            f"cannot read {path}: {error.strerror}",
            hint="name a snapshot folder that `attest run` wrote, such as private/2026-10",
        ) from None
