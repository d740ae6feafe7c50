"""The record of payloads: what a key of the exchange was ever asked to sign, so that it never signs two of one month.

Each line is written, and on the disk, before a key is asked. Lines are only ever added.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NoReturn

from attest.attestation.config import Config
from attest.attestation.signers import key_file
from attest.attestation.signing import require_key
from attest.attestation.statement import Origin, Period, Predicate, parse_statement, statement_digest
from attest.documents import Count, Digest, Document, Time, format_time
from attest.errors import MalformedError, UnavailableError
from attest.files import SECRET_MODE, create, read_bounded, reason, sync, sync_folder
from attest.folders import make_folders, remove_empty
from attest.locks import held

MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
_CORRECT: Final = "if it must not stand, publish it all the same, and correct it by the next statement"


class RecordedPayload(Document):
    """One payload, by the digest of its bytes, and when it was written down."""

    format: Literal["attest/recorded-payload/v1"]
    origin: Origin
    sequence: Count
    period: Period
    statement: Digest
    recorded_at: Time


@contextmanager
def alone_with_record(config: Config, folder: Path, holder: str) -> Iterator[PayloadRecord]:
    """The record of the config in `folder`; while this lasts, nobody else signs statements that it is of.

    Whoever comes meanwhile is told who the `holder` is. Raises `AttestError`.
    """
    path = record_path(config, folder)
    what = f"statements of {config.entity.origin} are being made"
    with ExitStack() as stack:
        try:
            stack.callback(remove_empty, make_folders(path.parent, 0o700))
            stack.enter_context(held(path.with_name(f"{path.name}.lock"), holder, what))
        except OSError as error:
            raise _unwritable(path, error) from None
        yield PayloadRecord(path, config.entity.origin)


def record_path(config: Config, folder: Path) -> Path:
    """Where the record is: as the config says, or beside the key file. Raises `AttestError`."""
    if config.keys.record is not None:
        return folder / config.keys.record
    file = key_file(config.keys.exchange, folder)
    if file is None:
        raise MalformedError(
            "config/record",
            "a key on a token or at a service has no folder for the record of what it signed",
            hint='name a file for it, in a folder that you back up: [keys] record = "keys/payloads.jsonl"',
        )
    require_key(file)
    return file.with_name(f"{config.entity.origin}.payloads.jsonl")


class PayloadRecord:
    """The record in `path`, for the statements of one `origin`; those of others do not matter here."""

    def __init__(self, path: Path, origin: str) -> None:
        self.path = path
        self._origin = origin
        self._payloads: list[RecordedPayload] = []
        self.is_there = os.path.lexists(path)
        if self.is_there:
            self._payloads = list(self._read())

    def holds(self, statement: bytes) -> bool:
        """Whether the payload with this digest was written down."""
        return any(item.statement == statement for item in self._payloads)

    def refuse_lost(self, published: str) -> NoReturn:
        """Raises `UnavailableError`: the month `published` is there, and no record."""
        raise UnavailableError(
            "record/missing",
            f"{self.path} is missing, which says what was ever signed, and {published} is published",
            hint="put it back, or name where it is: [keys] record. Only if it is lost: --new-record writes it anew "
            "from the months that are published; a statement that was signed and not published is then unknown",
        )

    def refuse_second(self, sequence: int, period: str, statement: bytes | None = None) -> None:
        """Raises `UnavailableError` when another payload of this sequence or period was written down."""
        for item in self._payloads:
            same = item.origin == self._origin and (item.sequence == sequence or item.period == period)
            if same and item.statement != statement:
                raise UnavailableError(
                    "record/second",
                    f"{self.path}: statement {item.sequence} of {item.period} was to be signed on "
                    f"{format_time(item.recorded_at)} ({item.statement.hex()}); another one of that number or month "
                    "would be equivocation",
                    hint=f"put back what was made of it, published or unfinished, and run that month again; {_CORRECT}",
                )

    def add(self, predicate: Predicate, statement: bytes, now: datetime) -> None:
        """Write down the payload with the digest `statement`; when this returns, it is on the disk.

        Raises `UnavailableError`, also when another one of its sequence or period is there.
        """
        if self.holds(statement):
            return
        self.refuse_second(predicate.sequence, predicate.period, statement)
        item = RecordedPayload(
            format="attest/recorded-payload/v1",
            origin=predicate.entity.origin,
            sequence=predicate.sequence,
            period=predicate.period,
            statement=statement,
            recorded_at=now,
        )
        self._append(item)

    def begin(self, payloads: Iterable[bytes], now: datetime) -> None:
        """Write down all `payloads`, where there is no record yet. Raises `UnavailableError`."""
        if self.is_there:
            raise UnavailableError("record/there", f"{self.path} is there", hint="it goes on: leave --new-record out")
        for payload in payloads:
            self.add(parse_statement(payload).predicate, statement_digest(payload), now)

    def _append(self, item: RecordedPayload) -> None:
        try:
            if self.is_there:
                with self.path.open("ab") as file:
                    file.write(item.to_bytes() + b"\n")
                    sync(file)
            else:
                with create(self.path, mode=SECRET_MODE) as file:
                    file.write(item.to_bytes() + b"\n")
                    sync(file)
                sync_folder(self.path.parent)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self.is_there = True
        self._payloads.append(item)

    def _read(self) -> Iterator[RecordedPayload]:
        data = read_bounded(self.path, MAX_RECORD_BYTES)
        if len(data) > MAX_RECORD_BYTES:
            raise MalformedError("record/size", f"{self.path} has more than {MAX_RECORD_BYTES:,} bytes")
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):  # a line that a crash cut short: no key was asked for what is in it
            os.truncate(self.path, len(whole))
        for row, line in enumerate(whole.splitlines(), start=1):
            what = f"{self.path} row {row}"
            item = RecordedPayload.from_canonical(line, what=what, max_bytes=MAX_RECORD_BYTES)
            yield item


def _unwritable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        "file/unwritable",
        f"cannot write {path}: {reason(error)}",
        hint="what is signed is written down there first; another place for it: [keys] record in the config",
    )
