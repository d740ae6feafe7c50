"""What a reading has got so far, on disk, so that one which failed goes on at the same pinned blocks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from attest.chains.read import AnyRead, WithRecords, family_of
from attest.chains.records import NodeAgreement
from attest.chains.wallets import Pin, Unlisted, Unproven
from attest.documents import Digest, Document, Text
from attest.errors import MalformedError, UnavailableError
from attest.evidence.record import Record
from attest.files import SECRET_MODE, create, make_parent, reason, sync

_FORMAT: Final = "attest/journal/v1"
_MAX_ENTRY_BYTES: Final = 1 << 30
_OF_WINDOW: Final = " window "  # between what a key says and the height of a block of the window


class _Head(Document):
    format: Literal["attest/journal/v1"]
    register_digest: Digest
    parts: dict[Text, Digest] | None = None


class _Entry(WithRecords):
    """A block; or records under a key, and the nodes that agreed on everything up to them.

    `failed` names the others that gave no answer, rather than another one. Or what does not count, or what is not
    proven and why, under the key of a chain.
    """

    pin: Pin | None = None
    window: Pin | None = None
    key: Text | None = None
    records: tuple[AnyRead, ...] | None = None
    nodes: NodeAgreement | None = None
    failed: Annotated[tuple[Text, ...], Field(min_length=1, max_length=64)] | None = None
    unlisted: tuple[Unlisted, ...] | None = None
    unproven: tuple[Unproven, ...] | None = None

    @classmethod
    def records_field(cls) -> str:
        return "records"

    @classmethod
    def keeping(cls, key: str, records: Sequence[Record], nodes: NodeAgreement, failed: Sequence[str]) -> _Entry:
        """Records that `nodes` agreed on, under `key`."""
        found = family_of(records[0]) if records else None
        model = cls if found is None else cls.of_family(found)
        more = {"failed": tuple(failed)} if failed else {}
        return model.model_validate({"key": key, "records": tuple(records), "nodes": nodes, **more})

    @model_validator(mode="after")
    def _keeps_one_thing(self) -> Self:
        given = {name for name, value in self if value is not None}
        if given not in (
            {"pin"},
            {"window"},
            {"key", "records", "nodes"},
            {"key", "records", "nodes", "failed"},
            {"key", "unlisted"},
            {"key", "unproven"},
        ):
            raise ValueError(
                "an entry is a block, or a key with records and nodes, with what does not count, or is not proven"
            )
        return self


class Journal:
    """Pins by chain and records by key, each on the disk before anything goes on.

    `register` is a digest of what is read: a journal of another config or period is refused. `parts` are digests of
    its parts by name, which say what differs. Raises `MalformedError`, `UnavailableError`.
    """

    def __init__(self, path: Path, register: bytes, parts: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self._path = path
        self._head = _Head(format=_FORMAT, register_digest=register, **({"parts": dict(parts)} if parts else {}))
        self._pins: dict[str, Pin] = {}
        self._windows: dict[tuple[str, int], Pin] = {}
        self._records: dict[str, tuple[Record, ...]] = {}
        self._agreements: dict[str, NodeAgreement] = {}
        self._failed: dict[str, tuple[str, ...]] = {}
        self._unlisted: dict[str, tuple[Unlisted, ...]] = {}
        self._unproven: dict[str, tuple[Unproven, ...]] = {}
        try:
            lines = self._lines()
        except OSError as error:
            raise UnavailableError("journal/unusable", f"cannot use {path}: {reason(error)}") from None
        if not lines:
            return
        head = _Head.from_json(lines[0], what=f"{path.name} row 1", max_bytes=_MAX_ENTRY_BYTES)
        if head.register_digest != register:
            before = head.parts or {}
            differs = [name for name, digest in parts.items() if before.get(name) != digest] if before else []
            raise MalformedError(
                "journal/other",
                f"{path} is an unfinished reading of another month or config; what differs: {', '.join(differs)}"
                if differs
                else f"{path} is an unfinished reading of another period, or of other chains and wallets",
                hint="move it away to read anew",
            )
        for row, line in enumerate(lines[1:], start=2):
            self._remember(_Entry.from_json(line, what=f"{path.name} row {row}", max_bytes=_MAX_ENTRY_BYTES))

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def pins(self) -> tuple[Pin, ...]:
        """The blocks that were pinned before this reading began, so that it goes on there."""
        return tuple(self._pins.values())

    def pin(self, chain: str) -> Pin | None:
        """The block of `chain` that was pinned before."""
        return self._pins.get(chain)

    def agreement(self, chain: str) -> NodeAgreement | None:
        """The nodes of `chain` that agreed on all its readings that were kept; None when none were."""
        return self._agreements.get(chain)

    def failed(self, chain: str) -> tuple[str, ...]:
        """The nodes of `chain` that are not among those that agreed because they gave no answer, and no other one."""
        return self._failed.get(chain, ())

    def kept(self, chain: str) -> Iterator[tuple[Pin, tuple[Record, ...]]]:
        """All records of `chain` that nodes agreed on, with the block that they are of. Raises `MalformedError`."""
        for key, records in self._records.items():
            name, _, height = key.partition(_OF_WINDOW)
            if name.split(" ")[0] == chain:
                pin = self._windows.get((chain, int(height))) if height.isdecimal() else self._pins.get(chain)
                if pin is None:
                    raise MalformedError(
                        "journal/block",
                        f"{self._path} holds what was read at a block that it does not name",
                        hint="move it away to read anew",
                    )
                yield pin, records

    def keep_pin(self, pin: Pin) -> None:
        """Keep the block of a chain."""
        self._append(_Entry(pin=pin))

    def window_pin(self, chain: str, height: int) -> Pin | None:
        """The block at `height` of the window of `chain` at which was read before."""
        return self._windows.get((chain, height))

    def keep_window_pin(self, pin: Pin) -> None:
        """Keep a block of a chain's window."""
        self._append(_Entry(window=pin))

    def records(self, key: str) -> tuple[Record, ...] | None:
        """What was kept under `key`."""
        return self._records.get(key)

    def pinned(self, key: str) -> tuple[Record, ...] | None:
        """What was kept under `key` of the pin."""
        return self._records.get(key)

    def keep(
        self, key: str, records: Iterable[Record], nodes: NodeAgreement, failed: Iterable[str] = ()
    ) -> tuple[Record, ...]:
        """Keep `records`, which `nodes` agreed on, under `key`, and return them; `failed` gave no answer."""
        kept = tuple(records)
        self._append(_Entry.keeping(key, kept, nodes, tuple(failed)))
        return kept

    def unlisted(self, chain: str) -> tuple[Unlisted, ...] | None:
        """What was found at the wallets of `chain` and does not count; None when nobody has looked for it."""
        return self._unlisted.get(chain)

    def keep_unlisted(self, chain: str, unlisted: Iterable[Unlisted]) -> tuple[Unlisted, ...]:
        """Keep what lies at the wallets of `chain` and does not count, and return it."""
        kept = tuple(unlisted)
        self._append(_Entry(key=chain, unlisted=kept))
        return kept

    def unproven(self, chain: str) -> tuple[Unproven, ...]:
        """What of the tokens of `chain` is not proven at its pin, and why."""
        return self._unproven.get(chain, ())

    def keep_unproven(self, chain: str, unproven: Iterable[Unproven]) -> None:
        """Keep what of the tokens of `chain` is not proven, beside what was kept of it before."""
        self._append(_Entry(key=chain, unproven=tuple(dict.fromkeys([*self.unproven(chain), *unproven]))))

    def discard(self) -> None:
        """Remove the journal: the reading is complete, or void."""
        self._path.unlink(missing_ok=True)

    def _lines(self) -> list[bytes]:
        """The whole lines; one that a crash cut short is taken off the file."""
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if not whole:
            self._path.unlink()
        elif len(whole) != len(data):
            os.truncate(self._path, len(whole))
        return whole.split(b"\n")[:-1]

    def _remember(self, entry: _Entry) -> None:
        if entry.pin is not None:
            self._pins[entry.pin.chain] = entry.pin
        if entry.window is not None:
            self._windows[entry.window.chain, entry.window.height] = entry.window
        if entry.key is not None and entry.records is not None and entry.nodes is not None:
            self._records[entry.key] = entry.records
            self._agreements[entry.nodes.chain] = entry.nodes
            self._failed[entry.nodes.chain] = entry.failed or ()
        if entry.key is not None and entry.unlisted is not None:
            self._unlisted[entry.key] = entry.unlisted
        if entry.key is not None and entry.unproven is not None:
            self._unproven[entry.key] = entry.unproven

    def _append(self, entry: _Entry) -> None:
        """Write `entry` to the file, which is made with its first one."""
        self._remember(entry)
        # Nothing signs a journal: pydantic writes JSON several times as fast as RFC 8785 is written.
        line = entry.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
        try:
            if self._path.exists():
                with self._path.open("ab") as file:
                    file.write(line)
                    sync(file)
                return
            make_parent(self._path)
            with create(self._path, mode=SECRET_MODE) as file:
                file.write(self._head.to_bytes() + b"\n" + line)
                sync(file)
        except OSError as error:
            raise UnavailableError("journal/unusable", f"cannot write {self._path}: {reason(error)}") from None


class Shelf(NamedTuple):
    """What a journal keeps of one block of a window, apart from what it keeps of the pin."""

    journal: Journal
    height: int

    def records(self, key: str) -> tuple[Record, ...] | None:
        """What was kept under `key`."""
        return self.journal.records(f"{key}{_OF_WINDOW}{self.height}")

    def pinned(self, key: str) -> tuple[Record, ...] | None:
        """What the journal keeps under `key` of the pin."""
        return self.journal.pinned(key)

    def keep_unproven(self, chain: str, unproven: Iterable[Unproven]) -> None:
        """Keep nothing: what is not proven is said of the pin."""

    def keep(
        self, key: str, records: Iterable[Record], nodes: NodeAgreement, failed: Iterable[str] = ()
    ) -> tuple[Record, ...]:
        """Keep `records`, which `nodes` agreed on, under `key`, and return them; `failed` gave no answer."""
        return self.journal.keep(f"{key}{_OF_WINDOW}{self.height}", records, nodes, failed)
