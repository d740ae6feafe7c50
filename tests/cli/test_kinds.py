"""Files given in the place of others: what they are is said, and which one it was."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from attest.canonical import dumps
from attest.signing.keys import Signer
from tests.conftest import Exchange

KEY = Signer.generate("ed25519")
OF_A_BUNDLE = "; nothing in it was looked at, and nothing was found wrong"
OF_A_PROOF = "; the account was not looked up, and nothing was found wrong"

OTHERS: dict[str, tuple[bytes, str, str]] = {
    "own.toml": (b'id = "x"\n', "a file in TOML", "attest policy show FILE"),
    "x.pub": (KEY.public.to_pem(), "a public key", "attest key show FILE"),
    "x.pem": (KEY.to_pem(None), "a private key", "keep it to yourself"),
    "x.psbt": (b"psbt\xff\x00", "a PSBT", "attest control add"),
    "base64.psbt": (b"cHNidP8AAA==", "a PSBT", "attest control add"),
    "proofs-00.jsonl.zst": (zstandard.compress(b"{}"), "a file compressed with zstd", "zstd -dc FILE"),
}


@pytest.fixture
def verify(attest: Any, exchange: Exchange) -> Callable[..., Any]:
    """Verify the demo exchange's bundle, or another file in its place, with some options."""

    def run(*options: object, bundle: Path = exchange.outcome.bundle, trust: str = "--key") -> Any:
        anchor = (trust, exchange.folder / "keys" / "exchange.pem.pub") if trust == "--key" else ()
        return attest("verify", bundle, *anchor, *options)

    return run


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_json_is_called_what_it_is(
    name: str, attest: Any, verify: Callable[..., Any], tmp_path: Path
) -> None:
    data, kind, hint = OTHERS[name]
    path = tmp_path / name
    path.write_bytes(data)
    shown = attest("inspect", path)
    assert (shown.code, shown.out) == (3, "")
    assert f"{path} is {kind}, not JSON\nattest: hint: " in shown.err
    assert hint in shown.err
    assert f"{path} is {kind}, not a bundle{OF_A_BUNDLE}\n" in verify(bundle=path).err
    assert f"{path} is {kind}, not an inclusion proof{OF_A_PROOF}\n" in verify("--proof", path).err
    assert f"{path} is {kind}, not a trust root\n" in verify("--trust-root", path, trust="").err


def test_documents_in_each_others_place_are_called_what_they_are(
    verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    proof, bundle = tmp_path / "proof.json", exchange.outcome.bundle
    proof.write_bytes(exchange.proof())
    statement = exchange.outcome.private / "statement.json"
    reading = exchange.outcome.private / "reserves.json"
    manifest = exchange.outcome.private / "liabilities" / "manifest.json"
    envelope = tmp_path / "envelope.json"
    envelope.write_bytes(dumps(json.loads(exchange.bundle)["envelope"]))
    for path, kind in (
        (proof, "an inclusion proof"),
        (statement, "a statement without its bundle"),
        (envelope, "a signed statement without its bundle"),
        (reading, "a reading of the reserves"),
        (manifest, "the manifest of a liability snapshot"),
    ):
        ran, told = verify(bundle=path), f"{path} is {kind}, not a bundle{OF_A_BUNDLE}"
        assert (ran.code, f"attest: error: {told}\n" in ran.err, "unknown field" in ran.err) == (3, True, False)
        row = next(line for line in ran.out.splitlines() if line.startswith("   0   NOT CHECKED"))
        assert row.endswith(told)
    given = verify("--proof", bundle)
    told = f"{bundle} is a bundle, not an inclusion proof{OF_A_PROOF}"
    assert (given.code, given.err) == (3, f"attest: error: {told}\n")
    pinned = verify("--trust-root", bundle, trust="")
    assert (pinned.code, pinned.out) == (3, "")
    assert pinned.err == f"attest: error: {bundle} is a bundle, not a trust root\n"


def test_what_is_no_strict_json_is_named_by_its_path(verify: Callable[..., Any], tmp_path: Path) -> None:
    junk = tmp_path / "junk.json"
    junk.write_bytes(b'{"format":"attest/bundle/v1","format":1}')
    for ran in (verify(bundle=junk), verify("--proof", junk), verify("--trust-root", junk, trust="")):
        assert (ran.code, ran.err.startswith(f"attest: error: {junk} is not strict JSON: field 'format' ")) == (3, True)


def test_a_wrong_field_of_the_right_kind_is_told_as_it_is(
    verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_bytes(exchange.bundle.replace(b'"timestamps"', b'"stamps"'))
    assert "the bundle: timestamps: missing" in verify(bundle=tmp_path / "x.json").err


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes with names")
def test_a_pipe_that_held_something_else_is_not_read_again(verify: Callable[..., Any], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"junk",), daemon=True)
    writer.start()
    ran = verify("--proof", pipe)
    writer.join(10)
    assert (ran.code, f"{pipe} is text that is no JSON, not an inclusion proof" in ran.err) == (3, True)


def test_prove_says_which_folder_it_takes(attest: Any, exchange: Exchange) -> None:
    for folder in (exchange.outcome.publication, exchange.outcome.private / "liabilities"):
        ran = attest("prove", folder, "--account", "x")
        assert (ran.code, "attest: hint: SNAPSHOT is the private folder of a month" in ran.err) == (4, True)
    unknown = attest("prove", exchange.outcome.private, "--account", "x")
    assert "SNAPSHOT" not in unknown.err
