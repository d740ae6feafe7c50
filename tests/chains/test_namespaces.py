"""The family of a chain id, built in or of another package."""

from __future__ import annotations

from contextlib import nullcontext
from importlib.metadata import EntryPoint

import pytest

from attest.chains import namespaces
from attest.chains.family import Family, families, family, signing
from attest.chains.namespaces import ENTRY_POINTS, ChainId
from attest.documents import Document
from attest.errors import MalformedError, UnavailableError

BITCOIN, ETHEREUM = "bip122:000000000019d6689c085ae165831e93", "eip155:1"


class Held(Document):
    chain: ChainId


def entry(namespace: str, value: str) -> dict[str, EntryPoint]:
    return {namespace: EntryPoint(namespace, value, ENTRY_POINTS)}


@pytest.mark.parametrize("chain", [BITCOIN, ETHEREUM])
def test_a_built_in_family_is_found_and_whole(chain: str) -> None:
    found = family(chain)
    assert isinstance(found, Family)
    assert found.is_chain(chain)
    assert chain.startswith(f"{found.namespace}:")
    assert signing(chain) is found.signing
    assert families([chain, chain]) == [found]


@pytest.mark.parametrize(
    "chain", [BITCOIN, ETHEREUM, "eip155:0", "eip155:01", "bip122:00", "eip155:", f"{ETHEREUM}\n", "eip155:" + "1" * 33]
)
def test_documents_take_the_ids_that_the_built_in_families_take(chain: str) -> None:
    taken = "\n" not in chain and family(chain).is_chain(chain)
    with nullcontext() if taken else pytest.raises(MalformedError):
        assert Held.from_value({"chain": chain}, what="held").chain == chain


def test_a_namespace_without_a_family_is_malformed() -> None:
    with pytest.raises(MalformedError, match="knows chains like 'solana:1'"):
        family("solana:1")
    with pytest.raises(MalformedError, match="'solana:1' does not have the form"):
        Held.from_value({"chain": "solana:1"}, what="held")


@pytest.mark.parametrize("value", ["attest.no_such_module:FAMILY", "attest.errors:exit_code", "attest.errors:no_such"])
def test_a_family_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(namespaces, "_installed", lambda: entry("broken", value))
    with pytest.raises(UnavailableError, match="the family of broken chains cannot be loaded"):
        Held.from_value({"chain": "broken:1"}, what="held")


def test_no_package_takes_the_place_of_a_built_in_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "_installed", lambda: entry("eip155", "attest.chains.bitcoin.family:FAMILY"))
    assert family(ETHEREUM).namespace == "eip155"


def test_a_family_has_the_namespace_of_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespaces, "_installed", lambda: entry("other", "attest.chains.bitcoin.family:FAMILY"))
    with pytest.raises(UnavailableError, match="no family of that namespace"):
        family("other:1")
