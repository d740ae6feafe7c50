"""The limits of the house: no folder and no function grows until nobody finds their way, and a chain is one folder.

`python -m tests.house` prints the figures themselves.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import (
    KINDS,
    Module,
    circles,
    family_arrows,
    folder_arrows,
    folder_sizes,
    namespace_branches,
    read_house,
)

MAX_FILES = 16
MAX_LINES = 60
MAX_PARAMETERS = 7
MAX_FAMILY_ARROWS = 4  # the union of all records and that of all readings name those of each family


@pytest.fixture(scope="module")
def house() -> list[Module]:
    return read_house()


def test_no_folder_holds_more_files_than_one_sees_at_once() -> None:
    assert [name for name, counts in folder_sizes().items() if max(counts) > MAX_FILES] == []


def test_no_function_is_long_without_a_reason(house: list[Module]) -> None:
    """The reason is a sentence of its docstring that begins "Long because"."""
    functions = [function for module in house for function in module.functions]
    assert [it.name for it in functions if it.lines > MAX_LINES and not it.reason] == []


def test_no_function_takes_many_parameters(house: list[Module]) -> None:
    """What click calls takes one for each option."""
    functions = [function for module in house for function in module.functions if not function.of_click]
    assert [it.name for it in functions if it.parameters > MAX_PARAMETERS] == []


def test_no_function_takes_what_mypy_cannot_see(house: list[Module]) -> None:
    assert [it.name for module in house for it in module.functions if it.carries_any] == []


def test_no_modules_import_each_other(house: list[Module]) -> None:
    assert circles(house, *KINDS) == []


def test_hardly_anything_knows_a_chain_family(house: list[Module]) -> None:
    assert {module.family for module in house} > {None}
    assert len(family_arrows(house)) <= MAX_FAMILY_ARROWS


def test_only_one_module_looks_at_the_namespace_of_a_chain(house: list[Module]) -> None:
    assert namespace_branches(house) == []


def test_the_figures_are_those_of_the_code(tmp_path: Path) -> None:
    for name, source in SMALL_HOUSE.items():
        path = tmp_path / "attest" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    house = read_house(tmp_path)
    functions = {it.name: it for module in house for it in module.functions}
    assert folder_sizes(tmp_path) == {
        "attest": (2, 1),
        "attest/chains": (1, 0),
        "attest/chains/bitcoin": (2, 0),
        "attest/chains/nodes": (1, 0),
    }
    assert folder_arrows(house) == {
        ("attest", "attest.chains.bitcoin"): 2,
        ("attest", "attest.chains.nodes"): 1,
        ("attest.chains", "attest.chains.bitcoin"): 1,
        ("attest.chains.bitcoin", "attest"): 1,
        ("attest.chains.bitcoin", "attest.chains.nodes"): 1,
    }
    assert family_arrows(house) == [
        ("attest.chains.namespaces", "attest.chains.bitcoin.reader"),
        ("attest.one", "attest.chains.bitcoin"),
        ("attest.one", "attest.chains.bitcoin.records"),
    ]
    assert namespace_branches(house) == ["attest/one.py:10", "attest/one.py:11", "attest/one.py:13", "attest/one.py:15"]
    assert circles(house, "load") == []
    assert circles(house, "load", "types") == [["attest.chains.bitcoin.records", "attest.one"]]
    assert circles(house, "call") == []
    assert [module.name for module in house if module.any] == ["attest.one", "attest.two"]
    assert [(it.lines, it.parameters, it.of_click, it.carries_any, it.reason) for it in functions.values()] == [
        (2, 1, False, False, False),
        (7, 2, False, False, True),
        (2, 6, False, True, False),
        (2, 1, True, False, False),
        (1, 0, False, False, False),
    ]
    assert list(functions)[1:3] == ["attest/one.py: One.chain", "attest/one.py: One.of"]


SMALL_HOUSE = {
    "words.toml": "",
    "chains/__init__.py": "",
    "chains/namespaces.py": """
import attest.chains.bitcoin.reader

def family(chain: str) -> bool:
    return chain.startswith("bip122:")
""",
    "chains/bitcoin/__init__.py": "READERS = 1\n",
    "chains/bitcoin/reader.py": "from attest.chains.nodes import rpc\n",
    "chains/bitcoin/records.py": """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from attest.one import One
BITCOIN = "bip122" == "eip155"
""",
    "chains/nodes/rpc.py": "import attest_other\n",
    "one.py": '''from attest.chains.bitcoin import READERS, records

class One:
    def chain(self, chain: str, *rest: str) -> int:
        """The number of a chain.

        It stands for itself. Long because
        each is told apart by hand.
        """
        if chain.startswith("bip122:"): return 1
        if chain.partition(":")[0] == "eip155": return 2
        match chain:
            case "solana": return 3
        if rest == ("startswith",): return 4
        return chain in ("xrpl:0", "xrpl:1")

    @classmethod
    def of(cls, a, /, b, *c: int, d: int, e: int = 0, **f: Any) -> None:
        from attest.chains.bitcoin import records
''',
    "two.py": """
@cli.command("two")
def two(option: Any) -> None:
    from attest.chains.nodes.rpc import call
def three() -> None: pass
""",
}
