"""`attest key new`, killed at every operation on files: what is there is a pair or will be one, and nothing is lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from attest.cli import main
from attest.signing.keys import PublicKey, Signer

OPERATIONS = {"open", "os.link", "os.rename", "os.remove", "os.mkdir", "os.chmod"}
PHRASE = "correct horse battery"


def killed(number: int, folder: Path, *arguments: str) -> bool:
    """Run a command in a process of its own, which is killed at its file operation `number` in the folder."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    seen = 0

    def step() -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def operation(event: str, given: tuple[Any, ...]) -> None:
        if event in OPERATIONS and str(folder) in str(given[0]):
            step()

    sync = os.fsync

    def synced(descriptor: int) -> None:
        step()
        sync(descriptor)
        step()

    os.fsync = synced
    sys.addaudithook(operation)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        main(arguments)
    except SystemExit as error:
        os._exit(int(error.code or 0))
    finally:
        os._exit(99)


def kills(folder: Path, *arguments: str) -> Iterator[int]:
    """Each operation at which the command can be killed, after it was, until it comes to its end."""
    for number in count(1):
        if not killed(number, folder, *arguments):
            return
        yield number


def fingerprint(private: Path) -> str:
    return Signer.from_pem(private.read_bytes(), passphrase=lambda: PHRASE, what="x").public.fingerprint


def is_pair(private: Path) -> bool:
    public = PublicKey.from_pem(private.with_name(f"{private.name}.pub").read_bytes(), what="x")
    return public.fingerprint == fingerprint(private)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATTEST_PASSPHRASE", PHRASE)
    return tmp_path


def cleared(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize("options", [(), ("--no-passphrase",), ("--scheme", "ecdsa-p256-sha256")])
def test_a_key_that_was_half_made_is_made_whole_by_the_next_run(
    options: tuple[str, ...], attest: Any, folder: Path
) -> None:
    key, public = folder / "x.pem", folder / "x.pem.pub"
    new = ("key", "new", str(key), *options)
    states = set()
    for _ in kills(folder, *new):
        states.add((key.exists(), public.exists()))
        assert key.exists() or not public.exists()  # a public key is never there alone
        before = fingerprint(key) if key.exists() else None
        whole = key.exists() and public.exists()
        ran = attest(*new, "--json")
        assert ran.code == (4 if whole else 0)
        assert is_pair(key)
        assert before in {None, fingerprint(key)}  # what was there is never replaced
        if not whole:
            assert ran.document["completed"] == (before is not None)
            assert ran.document["fingerprint"] == fingerprint(key)
        assert {path.name for path in folder.iterdir()} == {"x.pem", "x.pem.pub"}
        assert key.stat().st_mode & 0o777 == 0o600
        cleared(folder)
    assert states == {(False, False), (True, False), (True, True)}


def test_a_key_that_is_replaced_is_there_before_and_after_every_kill(attest: Any, folder: Path) -> None:
    key, public = folder / "x.pem", folder / "x.pem.pub"
    states = set()
    assert attest("key", "new", key).code == 0
    old = fingerprint(key)
    for _ in kills(folder, "key", "new", str(key), "--force"):
        assert key.exists()
        states.add((fingerprint(key) == old, public.exists()))
        if public.exists():
            assert is_pair(key)
        else:
            assert attest("key", "new", key, "--json").document["completed"] is True
        assert is_pair(key)
        old = fingerprint(key)
    assert states == {(True, True), (True, False), (False, False), (False, True)}


def test_a_public_key_alone_is_not_touched(attest: Any, folder: Path) -> None:
    key, public = folder / "x.pem", folder / "x.pem.pub"
    assert attest("key", "new", key).code == 0
    before = public.read_bytes()
    key.unlink()
    ran = attest("key", "new", key)
    assert (ran.code, f"{public} is there without {key}, which may be kept elsewhere" in ran.err) == (4, True)
    assert (key.exists(), public.read_bytes()) == (False, before)


@pytest.mark.parametrize(
    ("options", "changed", "code", "said"),
    [
        (("--scheme", "ecdsa-p256-sha256"), {}, "key/other", "of the scheme ed25519"),
        (("--no-passphrase",), {}, "key/other", "and is encrypted"),
        ((), {"ATTEST_PASSPHRASE": "another phrase"}, "key/passphrase", "the passphrase does not open"),
    ],
)
def test_a_private_key_alone_that_is_another_than_is_asked_for_stays_as_it_is(
    options: tuple[str, ...],
    changed: dict[str, str],
    code: str,
    said: str,
    attest: Any,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, public = folder / "x.pem", folder / "x.pem.pub"
    assert attest("key", "new", key).code == 0
    public.unlink()
    before = key.read_bytes()
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    ran = attest("key", "new", key, *options, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (4, code)
    assert said in ran.document["error"]["message"]
    assert "is there without x.pem.pub" in ran.document["error"]["message"]
    assert (key.read_bytes(), public.exists()) == (before, False)


def test_a_key_without_a_passphrase_is_not_taken_for_one_with(attest: Any, folder: Path) -> None:
    key = folder / "x.pem"
    assert attest("key", "new", key, "--no-passphrase").code == 0
    (folder / "x.pem.pub").unlink()
    ran = attest("key", "new", key, "--json")
    assert (ran.code, "and is not encrypted" in ran.document["error"]["message"]) == (4, True)


@pytest.mark.parametrize("data", [b"", b"notes of mine", bytes(100_000)])
def test_another_file_of_that_name_is_not_taken_for_a_key(data: bytes, attest: Any, folder: Path) -> None:
    (folder / "x.pem").write_bytes(data)
    ran = attest("key", "new", folder / "x.pem", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (4, "file/exists")
    assert [path.name for path in folder.iterdir()] == ["x.pem"]
    assert (folder / "x.pem").read_bytes() == data
