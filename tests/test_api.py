"""The front door: what `attest.__all__` has, that it is typed and lazy, and that what is shown of it in Python runs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import attest as package
from attest.cli import main

README = Path(__file__).parent.parent / "README.md"


def test_every_name_is_there_and_typed_for_checkers_too() -> None:
    checked = re.findall(
        r"^    from attest\S* import (.*)$", inspect.getsource(package).split("__version__")[0], re.MULTILINE
    )
    assert sorted(name.strip() for names in checked for name in names.split(",")) == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name).__doc__, name
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def annotations(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each annotation of a function, or of the fields and public methods that a class itself has, as it is written."""
    if inspect.isclass(value):
        yield from ((f"{name}.{field}", str(said)) for field, said in vars(value).get("__annotations__", {}).items())
        for method, member in vars(value).items():
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if inspect.isfunction(function) and not method.startswith("_"):
                yield from annotations(f"{name}.{method}", function)
    else:
        for parameter, said in value.__annotations__.items():
            yield f"{name}({parameter})", str(said)
        needless = {"self", "cls"}
        for parameter in inspect.signature(value).parameters:
            assert parameter in needless or parameter in value.__annotations__, f"{name}({parameter}) has no type"


def test_no_type_of_the_front_door_is_any() -> None:
    said = [item for name in package.__all__ for item in annotations(name, getattr(package, name))]
    assert len(said) > len(package.__all__)
    assert [place for place, text in said if re.search(r"\bAny\b|\bobject\b", text)] == []


def test_importing_attest_imports_nothing_of_it() -> None:
    code = "import sys, attest; print([name for name in sys.modules if name.startswith('attest.')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `attest-demo` is, as `attest demo` makes it."""
    folder = tmp_path_factory.mktemp("door")
    with pytest.MonkeyPatch.context() as patcher, pytest.raises(SystemExit) as ended:
        patcher.chdir(folder)
        main(["demo", "--json"])
    assert ended.value.code == 0
    return folder


def shown() -> Iterator[tuple[str, str]]:
    """The Python that the package's docstring and the README show."""
    lines = inspect.getdoc(package) or ""
    yield "docstring", textwrap.dedent("\n".join(re.findall(r"^(?:    .*|)$", lines, re.MULTILINE)))
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)):
        yield f"README {number}", block


@pytest.mark.parametrize(("where", "code"), list(shown()), ids=[where for where, _ in shown()])
def test_what_is_shown_in_python_runs(
    where: str, code: str, demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(demo)
    exec(compile(code, where, "exec"), {})  # noqa: S102 (our own words)
    assert capsys.readouterr().out.strip(), "it shows something"
