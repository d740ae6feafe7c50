"""Every type of record of the evidence, and those that a journal keeps (protocol.md, section 4).

These are the types of the families that come with attest. A family of another package has its own, each of which names
its chain, and by that its family.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, Self, Union, get_args

from pydantic import Field, create_model

from attest.attestation.document_records import (
    CoverDocument,
    DeclarationRecord,
    DeclaredBalance,
    MoneyDocument,
    PriceList,
)
from attest.chains.bitcoin.records import BitcoinDescriptor, BitcoinHeader, BitcoinUtxos, BitcoinUtxoSet
from attest.chains.ethereum.records import (
    EthereumBalance,
    EthereumHeader,
    EthereumSafe,
    EthereumTokenAnswer,
    EthereumTokenBalance,
    TrieNodes,
)
from attest.chains.family import Family, family
from attest.chains.namespaces import find, is_built_in
from attest.chains.records import NodeAgreement, Window
from attest.control.records import ChallengeBlock, ContractControl, ControlProof, ControlSample, CustodyConfirmation
from attest.documents import Document
from attest.evidence.record import Record
from attest.reserves.records import OwnWallet

AnyRead = Annotated[
    EthereumBalance | EthereumTokenBalance | EthereumTokenAnswer | EthereumSafe | BitcoinUtxos | BitcoinUtxoSet,
    Field(discriminator="type"),
]
AnyRecord = Annotated[
    EthereumHeader
    | BitcoinHeader
    | NodeAgreement
    | TrieNodes
    | EthereumBalance
    | EthereumTokenBalance
    | EthereumTokenAnswer
    | EthereumSafe
    | BitcoinUtxos
    | BitcoinUtxoSet
    | Window
    | BitcoinDescriptor
    | OwnWallet
    | ChallengeBlock
    | ControlProof
    | ContractControl
    | CustodyConfirmation
    | ControlSample
    | MoneyDocument
    | DeclaredBalance
    | CoverDocument
    | PriceList
    | DeclarationRecord,
    Field(discriminator="type"),
]
_TYPES: Final = frozenset(
    name for model in get_args(get_args(AnyRecord)[0]) for name in get_args(model.model_fields["type"].annotation)
)


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
    return None if record.type_name in _TYPES else family(str(getattr(record, "chain", "")))


def _foreign(record: object) -> Family | None:
    """The family of a parsed record whose type does not come with attest; None where it has none."""
    if not isinstance(record, dict) or record.get("type") in _TYPES or not isinstance(record.get("type"), str):
        return None
    chain = record.get("chain")
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
