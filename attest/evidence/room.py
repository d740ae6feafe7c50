"""How much memory the records of one evidence may take, whoever made them."""

from __future__ import annotations

from typing import Any, Final

from attest.documents import Document
from attest.errors import UnavailableError

MAX_RECORDS: Final = 1 << 20
MAX_WEIGHT: Final = 640 * 1024 * 1024
_FIELD: Final = 16  # bytes of memory for a field or an item of a list
_VALUE: Final = 48  # bytes of memory for a value besides its content
_WIDE: Final = 4  # bytes of memory for a character of a text that is not all ASCII

# Which fields of a document were given, by that itself: as many sets as records would take more than the records.
_GIVEN: Final[dict[frozenset[str], set[str]]] = {}


class Room:
    """The memory left for the records of one evidence, of which there are several files.

    The weight of a record is about the bytes of memory that it takes, by a rule that gives one number on every machine.
    """

    def __init__(self) -> None:
        self._left = MAX_WEIGHT

    def take(self, what: str, record: Document) -> None:
        """Make room for a record, called `what`. Raises `UnavailableError` when there is too little left."""
        self._left -= _weight(record)
        if self._left < 0:
            raise UnavailableError(
                "evidence/too-large",
                f"{what}: the records up to here take more than {MAX_WEIGHT >> 20:,} MiB of memory",
                hint="so much evidence cannot be checked, and an exchange with more publishes fewer records: one of "
                "many small outputs sweeps them into fewer",
            )


def _weight(value: Any) -> int:
    if isinstance(value, str):
        return _VALUE + len(value) * (1 if value.isascii() else _WIDE)
    if isinstance(value, bytes):
        return _VALUE + len(value)
    if isinstance(value, tuple):
        return _VALUE + sum(_FIELD + _weight(item) for item in value)
    if isinstance(value, Document):
        given = value.model_fields_set
        object.__setattr__(value, "__pydantic_fields_set__", _GIVEN.setdefault(frozenset(given), given))
        return 2 * _VALUE + sum(_FIELD + _weight(item) for name, item in vars(value).items() if name in given)
    return _VALUE
