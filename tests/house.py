"""The figures of the house: how the code of `attest/` is laid out, read from its syntax trees.

`python -m tests.house` prints them for this repository, `python -m tests.house PATH` for another checkout.
tests/test_house.py holds the limits of what is counted here.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

REPOSITORY: Final = Path(__file__).parents[1]
PACKAGE: Final = "attest"
CHAINS: Final = "attest.chains"
NOT_FAMILIES: Final = frozenset({"attest.chains.nodes"})
ASKS_FAMILIES: Final = "attest.chains.namespaces"  # the one module that may look at the namespace of a chain id
NAMESPACES: Final = frozenset(
    "bip122 cosmos eip155 hedera near polkadot solana stellar sui tezos tron tvm xrpl".split()
)
LONG: Final = re.compile(r"(?:^|\.\s+)Long because\s")
_NO_SOURCES: Final = frozenset({"__pycache__", "node_modules"})
_OF_CLICK: Final = frozenset({"argument", "callback", "command", "group", "option", "result_callback"})
_OF_TEXT: Final = frozenset({"startswith", "removeprefix", "partition", "split"})

Kind = Literal["load", "types", "call"]
KINDS: Final[tuple[Kind, ...]] = ("load", "types", "call")


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method, with what a limit may concern.

    `name`: file and qualified name, `attest/files.py: is_file`.
    `lines`: from `def` to its end, without the docstring.
    `parameters`: all but self and cls; *args and **kwargs are one each.
    `of_click`: whether click calls it, so that a parameter is an option.
    `carries_any`: whether it takes `**kwargs: Any`.
    `reason`: whether its docstring says why it is long, in a sentence that begins "Long because".
    """

    name: str
    lines: int
    parameters: int
    of_click: bool
    carries_any: bool
    reason: bool


@dataclass(slots=True)
class Module:
    """A Python file.

    `name`: dotted; an `__init__.py` bears the name of its folder.
    `folder`: the dotted name of the folder that holds the file.
    `path`: from the root of the repository, with slashes.
    `imports`: modules of the package, each with when it is imported: as this one loads, for type checkers, in a call.
    `any`: uses of the name `Any`.
    `namespaces`: the lines that compare a text with the namespace of a chain.
    """

    name: str
    folder: str
    path: str
    lines: int
    imports: dict[str, set[Kind]] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    any: int = 0
    namespaces: set[int] = field(default_factory=set)

    @property
    def family(self) -> str | None:
        """The folder of the chain family to which the module belongs, `attest.chains.bitcoin`, or None."""
        family = ".".join(self.folder.split(".")[:3])
        return family if family.startswith(f"{CHAINS}.") and family not in NOT_FAMILIES else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Fills `module` from its syntax tree; `names` are those of all modules."""

    module: Module
    names: frozenset[str]

    def read(self, node: ast.AST, kind: Kind = "load", within: str = "", *, method: bool = False) -> None:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.module.functions.append(_function(child, f"{self.module.path}: {within}", method=method))
                    self.read(child, "call", f"{within}{child.name}.")
                case ast.ClassDef():
                    self.read(child, kind, f"{within}{child.name}.", method=True)
                case ast.If(test=ast.Name("TYPE_CHECKING")):
                    self.read(child, "types", within)
                case _:
                    self._count(child, kind)
                    self.read(child, kind, within, method=method)

    def _count(self, node: ast.AST, kind: Kind) -> None:
        match node:
            case ast.Import(names):
                imported = [alias.name for alias in names]
            case ast.ImportFrom(str(source), names):
                deeper = [f"{source}.{alias.name}" for alias in names]
                imported = [name if name in self.names else source for name in deeper]
            case _:
                imported = []
        for name in imported:
            if name in self.names and name != self.module.name:
                self.module.imports.setdefault(name, set()).add(kind)
        self.module.any += _is_any(node)
        if _asks_namespace(node):
            self.module.namespaces.add(getattr(node, "lineno", 0))


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, where: str, *, method: bool) -> Function:
    docstring = ast.get_docstring(node, clean=False)
    told = node.body[0]
    of_docstring = 0 if docstring is None else (told.end_lineno or 0) - told.lineno + 1
    decorators = [call.func if isinstance(call, ast.Call) else call for call in node.decorator_list]
    bound = method and not any(isinstance(name, ast.Name) and name.id == "staticmethod" for name in decorators)
    given = node.args
    return Function(
        name=where + node.name,
        lines=(node.end_lineno or 0) - node.lineno + 1 - of_docstring,
        parameters=len([*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, [given.vararg, given.kwarg])])
        - bound,
        of_click=any(isinstance(name, ast.Attribute) and name.attr in _OF_CLICK for name in decorators),
        carries_any=given.kwarg is not None and _is_any(given.kwarg.annotation),
        reason=LONG.search(docstring or "") is not None,
    )


def _is_any(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and node.id == "Any"


def _asks_namespace(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=method), args=[text, *_]) if method in _OF_TEXT:
            compared = [text]
        case ast.Compare(left, _, others):
            compared = [left, *others]
        case ast.MatchValue(value):
            compared = [value]
        case _:
            return False
    constants = [part.value for side in compared for part in ast.walk(side) if isinstance(part, ast.Constant)]
    return any(str(text).partition(":")[0] in NAMESPACES for text in constants)


def read_house(root: Path = REPOSITORY) -> list[Module]:
    """Every module of the package `attest/` in the folder `root`."""
    house = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        here = path.relative_to(root)
        folder = ".".join(here.parts[:-1])
        name = folder if here.stem == "__init__" else f"{folder}.{here.stem}"
        house.append(Module(name, folder, here.as_posix(), path.read_text().count("\n")))
    names = frozenset(module.name for module in house)
    for module in house:
        _Reader(module, names).read(ast.parse((root / module.path).read_text()))
    return house


def folder_sizes(root: Path = REPOSITORY) -> dict[str, tuple[int, int]]:
    """For each folder of `attest/` its Python files without `__init__.py`, and its files of data."""
    files: Counter[tuple[str, bool]] = Counter()
    for path in (root / PACKAGE).rglob("*"):
        if path.is_file() and not _NO_SOURCES.intersection(path.parts) and path.name != "__init__.py":
            files[path.parent.relative_to(root).as_posix(), path.suffix == ".py"] += 1
    return {folder: (files[folder, True], files[folder, False]) for folder in sorted({folder for folder, _ in files})}


def folder_arrows(house: Iterable[Module]) -> Counter[tuple[str, str]]:
    """From which folder modules of which other one are imported, and by how many imports."""
    folders = {module.name: module.folder for module in house}
    arrows = ((module.folder, folders[name]) for module in house for name in module.imports)
    return Counter(arrow for arrow in arrows if arrow[0] != arrow[1])


def family_arrows(house: Iterable[Module]) -> list[tuple[str, str]]:
    """Which module imports which one of a chain family to which it does not belong itself."""
    families = {module.name: module.family for module in house}
    arrows = [(module, name) for module in house for name in module.imports]
    return [(module.name, name) for module, name in arrows if families[name] not in (None, module.family)]


def namespace_branches(house: Iterable[Module]) -> list[str]:
    """Where a namespace is asked for outside the families and the module that finds them, as `file:line`."""
    outside = (module for module in house if module.family is None and module.name != ASKS_FAMILIES)
    return [f"{module.path}:{line}" for module in outside for line in sorted(module.namespaces)]


def circles(house: Iterable[Module], *kinds: Kind) -> list[list[str]]:
    """Modules that import each other, directly or through others, by imports of these kinds: one list a circle.

    What the package itself names for type checkers is its front door, and no import.
    """
    arrows = {
        module.name: {name for name in module.imports if module.imports[name] & {*kinds} and module.name != PACKAGE}
        for module in house
    }
    reached = {name: _reached(name, arrows) for name in arrows}
    found = {frozenset(other for other in reached[name] if name in reached[other]) for name in arrows}
    return sorted(sorted(circle) for circle in found if circle)


def _reached(start: str, arrows: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = {start}
    while ahead:
        ahead = set().union(*(arrows[name] for name in ahead)) - reached
        reached |= ahead
    return reached


def _print(title: str, rows: Iterable[str]) -> None:
    print(title, *(f"    {row}" for row in rows), "", sep="\n")


def _most(title: str, limit: int, figures: Mapping[str, int]) -> None:
    over = sum(figure > limit for figure in figures.values())
    rows = sorted(figures.items(), key=lambda row: -row[1])[:10]
    _print(f"{title}, {over} over {limit}", (f"{figure:4}  {name}" for name, figure in rows))


def main(root: Path) -> None:
    house = read_house(root)
    print(f"{len(house)} modules, {sum(module.lines for module in house)} lines\n")
    sizes = [f"{code:4} {data:4}  {folder}" for folder, (code, data) in folder_sizes(root).items()]
    _print("Files in each folder: Python, data", sizes)
    between = folder_arrows(house)
    rows = [f"{count:4}  {one} -> {other}" for (one, other), count in sorted(between.items())]
    _print(f"Arrows between folders: {len(between)} by {between.total()} imports", rows)
    into = [f"{one} -> {other}" for one, other in family_arrows(house)]
    _print(f"Arrows from outside into a chain family: {len(into)}", into)
    for kinds in (KINDS[:1], KINDS[:2], KINDS):
        found = [" ".join(circle) for circle in circles(house, *kinds)]
        _print(f"Circles of imports at {', '.join(kinds)}: {len(found)}", found)
    branches = namespace_branches(house)
    _print(f"Branches on a namespace outside the families: {len(branches)}", branches)
    functions = [function for module in house for function in module.functions]
    _most(f"Longest of {len(functions)} functions", 60, {it.name: it.lines for it in functions})
    _most("Most parameters, click apart", 7, {it.name: it.parameters for it in functions if not it.of_click})
    _print("Functions with **kwargs: Any", (function.name for function in functions if function.carries_any))
    _most(f"Uses of Any: {sum(module.any for module in house)}", 0, {it.path: it.any for it in house})
    lines = {module.path: module.lines for module in house}
    _most(f"Longest files, {sum(it > 400 for it in lines.values())} over 400", 300, lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else REPOSITORY)
