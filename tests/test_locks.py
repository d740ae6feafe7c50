"""The lists of versions in tests/locks: that they fit pyproject.toml, and that each way not to is told."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.locks.check import LOCKS, PROJECT, problems

LISTS = ("tests", "release", "tools", "floors")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads(PROJECT.read_text(encoding="utf-8"))


def text_of(name: str) -> str:
    return (LOCKS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LISTS)
def test_each_list_fits_pyproject(name: str, project: dict[str, Any]) -> None:
    assert not list(problems(name, text_of(name), project))


@pytest.mark.parametrize("name", LISTS)
def test_no_list_names_a_place_to_fetch_from(name: str) -> None:
    assert not re.findall(
        r"^\s*-.*|\S+://\S+|^.* @ .*|^.*/(?:tmp|root|home|work)/.*", _without_hashes(name), re.MULTILINE
    )


def test_a_release_has_the_versions_that_the_tests_have() -> None:
    assert _versions("release") <= _versions("tests")


def _without_hashes(name: str) -> str:
    return re.sub(r"^ +--hash=sha256:[0-9a-f]{64}(?: \\)?\n", "", text_of(name), flags=re.MULTILINE)


def _versions(name: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", text_of(name), re.MULTILINE))


def _ask(text: str, *, of: str = "dependencies") -> Callable[[Any], None]:
    def change(project: Any) -> None:
        place = project["project"]["dependencies"] if of == "dependencies" else _extra(project, of)
        name = re.split(r"[\[<>=;]", text)[0]
        place[:] = [item for item in place if re.split(r"[\[<>=;]", item)[0] != name] + [text]

    return change


def _extra(project: Any, name: str) -> Any:
    return project["project"]["optional-dependencies"][name]


def _forget(name: str) -> Callable[[Any], None]:
    def change(project: Any) -> None:
        place = project["project"]["dependencies"]
        place[:] = [item for item in place if not item.startswith(name)]

    return change


def _extras(project: Any) -> None:
    _extra(project, "test")[0] = "attest-por[awskms,gcpkms,hsm]"


@pytest.mark.parametrize(
    ("names", "change", "said"),
    [
        (("tests", "release", "floors"), _ask("kombu>=1.6"), "has no kombu, and pyproject.toml asks for kombu>=1.6"),
        (("tests", "floors"), _ask("kombu", of="test"), "has no kombu"),
        (("tests", "release"), _ask("click>=99"), r"has click [\d.]+, and pyproject.toml asks for click>=99"),
        (
            ("tests", "release", "floors"),
            _ask("web3>=7,<8"),
            r"has web3 8[\d.]*, and .* asks for web3<8,>=7",
        ),
        (("tests", "release", "floors"), _ask("click!=8.3.3,<8.4"), r"has click "),
        (("tests", "release", "floors"), _forget("web3"), "has web3, which pyproject.toml asks for no more"),
        (
            ("tests", "release", "floors"),
            _forget("btclib-wallet"),
            "has btclib-wallet, which .* asks for no more",
        ),
        (("tests", "release", "floors"), _ask("numpy[dev]>=2.1"), "has numpy without its extras"),
        (("tests", "floors"), _extras, "has securesystemslib without its extras"),
        (("tests", "release", "floors"), _ask("tzdata>=2025.2"), "has no tzdata, and pyproject.toml asks for tzdata>="),
        (
            ("tests", "release", "floors"),
            _ask("six; sys_platform == 'linux'"),
            "has (?:no six|six for others)",
        ),
        (("tests", "release", "floors"), _ask("winsign; platform_machine == 'aarch64'"), "has no winsign"),
        (("tests", "release", "floors"), _ask("old; python_version < '3.12'"), "has no old"),
        (
            ("floors",),
            _ask("eth-account>=0.13"),
            r"has eth-account 0.14.0, so what eth-account>=0.13 admits",
        ),
        (("floors",), _ask("click"), r"has click 8.3.3, so what click admits below that cannot be installed"),
    ],
)
def test_a_change_of_pyproject_makes_a_list_old(
    names: tuple[str, ...], change: Callable[[Any], None], said: str, project: dict[str, Any]
) -> None:
    changed = copy.deepcopy(project)
    change(changed)
    for name in names:
        found = list(problems(name, text_of(name), changed))
        assert [problem for problem in found if re.match(said, problem)], (name, found)


@pytest.mark.parametrize("change", [_ask("web3>=8,<10"), _ask("pyarrow>=26,!=25"), _ask("Cryptography>=50")])
def test_a_list_stays_as_long_as_its_versions_are_admitted(
    change: Callable[[Any], None], project: dict[str, Any]
) -> None:
    changed = copy.deepcopy(project)
    change(changed)
    assert not list(problems("tests", text_of("tests"), changed))


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://packages.example/simple",
        "--extra-index-url https://packages.example/simple",
        "--find-links wheels",
        "-e .",
        "./click.whl",
        "click @ https://packages.example/click.whl --hash=sha256:" + 64 * "0",
        "click",
        "click>=8.3.3 --hash=sha256:" + 64 * "0",
        "click==8.* --hash=sha256:" + 64 * "0",
        "click==8.5.1",
        "click==8.5.1 --hash=md5:" + 32 * "0",
        "click==8.5.1 --hash=sha256:" + 63 * "0",
        "click==8.5.1 --hash=sha256:" + 64 * "0" + " --hash=sha256:",
    ],
)
def test_a_list_has_nothing_but_versions_with_hashes(line: str, project: dict[str, Any]) -> None:
    found = list(problems("tests", f"{text_of('tests')}{line}\n", project))
    assert len(found) == 1, found
    assert found[0].startswith("has a line that is no version of a project with its hashes: ")


def test_an_old_list_is_told_with_the_command_that_makes_it_again(tmp_path: Path) -> None:
    shutil.copytree(LOCKS, tmp_path / "tests/locks", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests/__init__.py").touch()
    old = PROJECT.read_text(encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(old.replace('"web3>=8,<9"', '"web3>=9"'), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.locks.check"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == [
        "tests/locks/tests.txt has web3 8.0.0, and pyproject.toml asks for web3>=9",
        "tests/locks/release.txt has web3 8.0.0, and pyproject.toml asks for web3>=9",
        "tests/locks/floors.txt has web3 8.0.0, and pyproject.toml asks for web3>=9",
        "tests/locks does not fit pyproject.toml: run tests/locks/make, with a network to PyPI, and commit it",
    ]
