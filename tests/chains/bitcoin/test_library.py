"""bitcoinlib is loaded without a file of its own being written, so that no disk decides what an address is."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from attest.chains.bitcoin import scripts as bitcoin_scripts
from attest.chains.bitcoin.scripts import address_script
from attest.errors import MalformedError, UnavailableError, refuse_machine

MAIN = "bip122:000000000019d6689c085ae165831e93"
GOOD = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
READ = f"""
from attest.chains.bitcoin.scripts import address_script
from attest.errors import AttestError
import sys
def watch(event, arguments):
    if event in ("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link") or (
        event == "open" and (arguments[1] or "r")[0] in "wax" and "__pycache__" not in str(arguments[0])
    ):
        if not (event == "os.mkdir" and str(arguments[0]).endswith("bitcoinlib-settings")):
            print("WROTE", event, arguments[0])
sys.addaudithook(watch)
print(address_script({MAIN!r}, {GOOD!r}).hex())
try:
    address_script({MAIN!r}, {GOOD[:-1]!r})
except AttestError as error:
    print(error.code)
"""
SAID = "0014751e76e8199196d454941c45d1b3a323f1433bd6\nbitcoin/address\n"


@pytest.mark.parametrize(
    "surroundings",
    [
        lambda _: {"TMPDIR": "/nonexistent"},
        lambda _: {"HOME": "/nonexistent"},
        lambda _: {"HOME": ""},
        lambda _: {"BCL_DATA_DIR": "/nonexistent/bitcoinlib"},
        lambda folder: {"BCL_DATA_DIR": str(folder / "file")},
        lambda folder: {"TMPDIR": str(folder / "file"), "HOME": str(folder / "file")},
        lambda folder: {"TMPDIR": str(folder), "HOME": str(folder)},
    ],
)
def test_an_address_is_read_without_a_place_to_write_in_and_nothing_is_left(
    surroundings: Callable[[Path], dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **surroundings(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", READ], env=environment, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == (SAID, 0), ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_locale_that_the_library_refuses_makes_no_address_malformed() -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = subprocess.run([sys.executable, "-c", READ], env=environment, capture_output=True, text=True, check=False)
    assert "UnavailableError: bitcoinlib" in ran.stderr
    assert "LC_ALL" not in ran.stdout


def test_the_networks_are_those_of_the_installed_bitcoinlib() -> None:
    found = importlib.util.find_spec("bitcoinlib")
    assert found is not None
    assert found.submodule_search_locations is not None
    theirs = Path(found.submodule_search_locations[0]) / "data" / "networks.json"
    ours = bitcoin_scripts._SETTINGS / "networks.json"
    assert json.loads(ours.read_bytes()) == json.loads(theirs.read_bytes())


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), ImportError("no libgmp"), KeyError("x")])
def test_a_library_that_cannot_be_loaded_says_nothing_of_the_address(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "bitcoinlib":
                raise failure

    for name in [name for name in sys.modules if name.partition(".")[0] == "bitcoinlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Failing(), *sys.meta_path])
    bitcoin_scripts._bitcoinlib.cache_clear()
    try:
        with pytest.raises(UnavailableError, match="cannot be loaded") as caught:
            address_script(MAIN, GOOD)
        assert caught.value.code == "bitcoin/library"
    finally:
        bitcoin_scripts._bitcoinlib.cache_clear()


@pytest.mark.parametrize(
    ("error", "raised"),
    [(MemoryError(), MemoryError), (OSError(28, "full"), UnavailableError), (ImportError("x"), UnavailableError)],
)
def test_what_the_machine_lacks_is_no_fault_of_the_data(error: Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        refuse_machine(error)
    refuse_machine(ValueError("the data's own"))


def test_memory_that_runs_out_makes_no_address_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted:
        def deserialize_address(self, *_: object, **__: object) -> None:
            raise MemoryError

    monkeypatch.setattr(bitcoin_scripts, "_bitcoinlib", Exhausted)
    with pytest.raises(MemoryError):
        address_script(MAIN, GOOD)
    monkeypatch.undo()
    with pytest.raises(MalformedError, match="is not an address"):
        address_script(MAIN, GOOD + "q")
