"""The records that a reading of chains makes, and documents that hold records of whichever family."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Self, Union, get_args

from pydantic import Field, create_model

from attest.chains.bitcoin.records import BitcoinUtxos, BitcoinUtxoSet
from attest.chains.ethereum.records import EthereumBalance, EthereumSafe, EthereumTokenAnswer, EthereumTokenBalance
from attest.chains.family import Family, family
from attest.chains.namespaces import find, is_built_in
from attest.documents import Document
from attest.evidence.record import Record

AnyRead = Annotated[
    EthereumBalance | EthereumTokenBalance | EthereumTokenAnswer | EthereumSafe | BitcoinUtxos | BitcoinUtxoSet,
    Field(discriminator="type"),
]


class WithRecords(Document):
    """A document of which one field is a record or a list of records, of whichever family of chains."""

    @classmethod
    def records_field(cls) -> str:
        """The name of that field."""
        raise NotImplementedError

    @classmethod
    def of_family(cls, found: Family) -> type[Self]:
        """The document with records of a family of another package."""
        return _of_types(cls, found.record_types)

    @classmethod
    def _validated(cls, text: str | bytes, value: object, what: str, place: Callable[[Any], str] | None = None) -> Self:
        held = value.get(cls.records_field()) if isinstance(value, dict) else None
        found = _foreign(held[0] if isinstance(held, list) and held else held)
        model = cls if found is None else cls.of_family(found)
        return super(WithRecords, model)._validated(text, value, what, place)


def family_of(record: Record) -> Family | None:
    """The family of another package whose type `record` is of; None for the types that come with attest."""
    found = _other_family(getattr(record, "chain", None))
    return found if found is not None and isinstance(record, found.record_types) else None


def _foreign(record: object) -> Family | None:
    """The family of another package that a parsed record is of; None where its type comes with attest."""
    if not isinstance(record, dict):
        return None
    found = _other_family(record.get("chain"))
    if found is None:
        return None
    types = {name for model in found.record_types for name in get_args(model.model_fields["type"].annotation)}
    said = record.get("type")
    return found if isinstance(said, str) and said in types else None


def _other_family(chain: object) -> Family | None:
    """The family of a chain that does not come with attest; None where it does, or there is none."""
    if not isinstance(chain, str) or is_built_in(chain) or find(chain) is None:
        return None
    return family(chain)


@cache
def _of_types(model: type[Any], types: tuple[type[Record], ...]) -> type[Any]:
    one_of: Any = Annotated[Union[types], Field(discriminator="type")] if len(types) > 1 else types[0]  # noqa: UP007
    name = model.records_field()
    several = name == "records"
    field: Any = (tuple[one_of, ...] | None, None) if several else (one_of, ...)
    made: type[Any] = create_model(model.__name__, __base__=model, **{name: field})
    return made
