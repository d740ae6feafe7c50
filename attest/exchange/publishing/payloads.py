"""The record of payloads: every statement that a key of the exchange was asked to sign, so that it signs one a month.

A payload is written to the record, and is on the disk, before a key is asked to sign it. Lines are only ever added.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NoReturn

from attest.attestation.statement import Origin, parse_statement, statement_digest
from attest.documents import Count, Digest, Document, Time, format_time
from attest.errors import MalformedError, UnavailableError
from attest.exchange.config import Config
from attest.exchange.own_keys import require_key
from attest.exchange.surroundings import Surroundings
from attest.files import SECRET_MODE, open_new_or_old, read_bounded, real_path, reason, sync, sync_folder
from attest.folders import make_folders, remove_empty
from attest.locks import held
from attest.periods import Period
from attest.signing.signers import key_file

MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
_CORRECT: Final = (
    "if it must not stand, publish it all the same, and correct it by the next statement. Where nothing of it is left, "
    "take its line out of the record, and know that whoever has it can show two statements"
)
_ANEW: Final = (
    "Only if there is none: --new-record writes it from the months that are published; a statement that was signed and "
    "not published is then unknown"
)


class PayloadTakenError(UnavailableError):
    """Another payload of this sequence or period is in the record."""


class RecordedPayload(Document):
    """One line of the record: a payload by its digest.

    `format`: the name and version of this form.
    `origin`: the exchange that the statement is of.
    `sequence`: the number of the statement.
    `period`: the month of the statement.
    `statement`: the SHA-256 of the payload, 32 bytes.
    `recorded_at`: when the line was written.
    """

    format: Literal["attest/recorded-payload/v1"]
    origin: Origin
    sequence: Count
    period: Period
    statement: Digest
    recorded_at: Time


@contextmanager
def alone_with_record(config: Config, holder: str, around: Surroundings) -> Iterator[PayloadRecord]:
    """A context in which this run alone signs statements, and which gives the record.

    `config`: says where the record is, and of which exchange.
    `holder`: the name of this run, which another run that comes meanwhile shows to its user.
    Raises `UnavailableError` when another run holds the record or its file cannot be read or written, `MalformedError`
    when it is malformed or the config does not say where it is.
    """
    path = real_path(record_path(config, around.folder))
    with ExitStack() as stack:
        try:
            stack.callback(remove_empty, make_folders(path.parent, 0o700))
            lock = path.with_name(f"{path.name}.lock")
            stack.enter_context(
                held(lock, f"{holder} of {config.entity.origin}", "another run is making a statement", around.tell)
            )
        except OSError as error:
            raise _unwritable(path, error) from None
        yield PayloadRecord(path, config.entity.origin)


def record_path(config: Config, folder: Path) -> Path:
    """The path of the record: the one in the config, or else a name beside the key file.

    `folder`: of the config, from which paths in it start.
    Raises `MalformedError` when the config names neither a record nor a key file, `UnavailableError` when there is no
    key file.
    """
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
    """The record of the statements of one exchange.

    `path`: of its file; it may not exist yet.
    `origin`: the exchange. Lines of others are ignored.
    `is_there`: whether the file exists.

    Of several lines of one sequence or period the first counts. Only two runs at once, on a disk without locks, can
    write them.
    """

    def __init__(self, path: Path, origin: str) -> None:
        self.path = path
        self._origin = origin
        self._payloads: list[RecordedPayload] = []
        self._end, self._ended = 0, True
        self._read()

    def holds(self, statement: bytes) -> bool:
        """Whether the record has a payload, as the one of its sequence and of its period.

        `statement`: the SHA-256 of the payload, 32 bytes.
        """
        return any(item.statement == statement for item in self._payloads)

    def refuse_lost(self, published: str) -> NoReturn:
        """Raise `UnavailableError`, because a month is published and the record is missing.

        `published`: the month.
        """
        raise UnavailableError(
            "record/missing",
            f"{self.path} is missing, which says what was ever signed, and {published} is published",
            hint=f"put it back, or name where it is: [keys] record. {_ANEW}",
        )

    def require(self, statement: bytes, published: str) -> None:
        """Check that the record has the statement of a published month. Raises `UnavailableError` otherwise.

        `statement`: the SHA-256 of its payload, 32 bytes.
        `published`: the month.
        """
        if not self.is_there:
            self.refuse_lost(published)
        if not self.holds(statement):
            raise UnavailableError(
                "record/stale",
                f"{self.path} does not have the statement of {published}, which is published: it is an older copy, or "
                "another record",
                hint=f"put back the newest, or name where it is: [keys] record. {_ANEW}",
            )

    def refuse_second(self, sequence: int, period: str, statement: bytes | None = None) -> None:
        """Check that the record has no other payload of this sequence or period. Raises `PayloadTakenError` otherwise.

        `statement`: the SHA-256 of the payload that may be there; None for none.
        """
        for item in self._payloads:
            if item.statement != statement and (item.sequence == sequence or item.period == period):
                raise PayloadTakenError(
                    "record/second",
                    f"{self.path}: statement {item.sequence} of {item.period} was to be signed on "
                    f"{format_time(item.recorded_at)} ({item.statement.hex()}); another one of that number or month "
                    "would be equivocation",
                    hint=f"put back what was made of it, published or unfinished, and run that month again; {_CORRECT}",
                )

    def add(self, payload: bytes, now: datetime) -> None:
        """Write a payload to the record. When this returns, it is on the disk, and no other has its sequence or period.

        `now`: when it is written.
        Raises `PayloadTakenError` when another payload has its sequence or period, `UnavailableError` when the file
        cannot be read or written, `MalformedError` when the file is malformed.
        """
        predicate, statement = parse_statement(payload).predicate, statement_digest(payload)
        self._read()
        if not self.holds(statement):
            self.refuse_second(predicate.sequence, predicate.period)
            self._append([_recorded(payload, now)])
            self._read()
            self.refuse_second(predicate.sequence, predicate.period, statement)

    def begin(self, payloads: Iterable[bytes], now: datetime) -> None:
        """Write those of `payloads` that the record does not have, as when it is made from published months.

        `now`: when they are written.
        Raises `UnavailableError` when the file cannot be written.
        """
        self._append([_recorded(item, now) for item in payloads if not self.holds(statement_digest(item))])

    def _append(self, items: Sequence[RecordedPayload]) -> None:
        """Write lines after the last whole line, over what a crash left of another."""
        # They count from here on, because they may be on the disk even when writing them fails.
        self._payloads += items
        lines = b"".join(item.to_bytes() + b"\n" for item in items)
        try:
            with open_new_or_old(self.path, SECRET_MODE) as file:
                file.seek(self._end)
                file.write((b"" if self._ended else b"\n") + lines)
                file.truncate()
                sync(file)
            sync_folder(self.path.parent)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self.is_there = True

    def _read(self) -> None:
        """Read the file anew: `_end` is where its last whole line ends, `_ended` whether a line break ends it."""
        self.is_there = os.path.lexists(self.path)
        data = read_bounded(self.path, MAX_RECORD_BYTES) if self.is_there else b""
        if len(data) > MAX_RECORD_BYTES:
            raise MalformedError("record/size", f"{self.path} has more than {MAX_RECORD_BYTES:,} bytes")
        *lines, rest = data.split(b"\n")
        items = [self._parsed(line, row) for row, line in enumerate(lines, start=1)]
        self._end, self._ended = len(data) - len(rest), True
        if rest:
            # Cut short by a crash, so that no key was asked for it; or whole, and its line break was lost.
            with suppress(MalformedError):
                items.append(self._parsed(rest, len(lines) + 1))
                self._end, self._ended = len(data), False
        self._payloads = []
        for item in items:
            taken = any(item.sequence == other.sequence or item.period == other.period for other in self._payloads)
            if item.origin == self._origin and not taken:
                self._payloads.append(item)

    def _parsed(self, line: bytes, row: int) -> RecordedPayload:
        try:
            return RecordedPayload.from_canonical(line, what=f"row {row}", max_bytes=MAX_RECORD_BYTES)
        except MalformedError as error:
            raise MalformedError(
                "record/malformed", f"{self.path}: {error.message}", hint="put it back from where you keep copies of it"
            ) from None


def _recorded(payload: bytes, now: datetime) -> RecordedPayload:
    predicate = parse_statement(payload).predicate
    return RecordedPayload(
        format="attest/recorded-payload/v1",
        origin=predicate.entity.origin,
        sequence=predicate.sequence,
        period=predicate.period,
        statement=statement_digest(payload),
        recorded_at=now,
    )


def _unwritable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        "file/unwritable",
        f"cannot write {path}: {reason(error)}",
        hint="what is signed is written down there first; another place for it: [keys] record in the config",
    )
