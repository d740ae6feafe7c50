"""Namespaces of chains (CAIP-2), and the family of each: the one module that looks into a chain's id."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Final, Protocol, runtime_checkable

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from attest.errors import UnavailableError

ENTRY_POINTS: Final = "attest.chains"
_BUILT_IN: Final = {"bip122": "attest.chains.bitcoin.family", "eip155": "attest.chains.ethereum.family"}
_FORM: Final = r"^(?:bip122:[0-9a-f]{32}|eip155:[1-9][0-9]{0,31})$"  # of the families that come with attest
_CAIP_2: Final = r"^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$"


@runtime_checkable
class Namespace(Protocol):
    """What a family says of the ids of its chains."""

    @property
    def namespace(self) -> str:
        """The part of their CAIP-2 ids before the colon."""

    def is_chain(self, chain: str) -> bool:
        """Whether `chain`, an id of this namespace by CAIP-2, has the form that the namespace gives to its ids."""


def namespace_of(chain: str) -> str:
    """The part of a chain's id before the colon."""
    return chain.partition(":")[0]


def is_built_in(chain: str) -> bool:
    """Whether the family of a chain id comes with attest."""
    return namespace_of(chain) in _BUILT_IN


def find(chain: str) -> Namespace | None:
    """The family of a chain id; None where no family has its namespace.

    A family that comes with attest is found by its name, any other by an entry point of the group `attest.chains` that
    bears the name of the namespace. Raises `UnavailableError` for one that cannot be loaded.
    """
    namespace = namespace_of(chain)
    if (module := _BUILT_IN.get(namespace)) is not None:
        found: Namespace = import_module(module).FAMILY
        return found
    return None if (entry := _installed().get(namespace)) is None else _loaded(entry)


@cache
def _installed() -> Mapping[str, EntryPoint]:
    """The entry points of families that other packages have, by namespace."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


@cache
def _loaded(entry: EntryPoint) -> Namespace:
    try:
        found = entry.load()
    except Exception as error:  # noqa: BLE001 (what another package raises when it is imported)
        why = f"{type(error).__name__}: {error}"
    else:
        if isinstance(found, Namespace) and found.namespace == entry.name:
            return found
        why = f"{entry.value} is no family of that namespace"
    raise UnavailableError(
        "chain/family",
        f"the family of {entry.name} chains cannot be loaded: {why}",
        hint="mend or remove the package that has it",
    )


def _of_installed(chain: str) -> str:
    found = None if is_built_in(chain) else find(chain)
    if found is None or not found.is_chain(chain):
        raise ValueError("no family has such chains")
    return chain


class _Form:
    """The validation of a chain id: by the families that come with attest first, which costs no call of Python."""

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        of_installed = core_schema.no_info_after_validator_function(
            _of_installed, core_schema.str_schema(pattern=_CAIP_2)
        )
        one_of = core_schema.union_schema(
            [core_schema.str_schema(pattern=_FORM), of_installed],
            mode="left_to_right",
            custom_error_type="string_pattern_mismatch",
            custom_error_context={"pattern": _FORM},
        )
        return core_schema.chain_schema([core_schema.str_schema(), one_of])

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": _FORM}


ChainId = Annotated[str, _Form()]
"""The CAIP-2 id of a chain whose namespace has a family.

The JSON Schemas know those that come with attest alone, because a document with others is for whoever has their family.
"""
