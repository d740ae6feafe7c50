"""Trust roots, signatures and timestamps from the command line; tests/verification/test_ceremony.py runs the whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from attest.attestation.bundle import parse_bundle
from attest.attestation.statement import PAYLOAD_TYPE
from attest.chains.challenge import Challenge
from attest.demo.recording import on_loopback
from attest.documents import format_time
from attest.errors import MalformedError, UnavailableError
from attest.files import write_file
from attest.signing.authority import ask
from attest.signing.envelope import sign
from attest.signing.keys import Signer
from attest.signing.signers import open_signer
from attest.signing.timestamp import MAX_RESPONSE_BYTES
from attest.wire import Reply, Wire
from tests.conftest import Exchange, signed_bundle
from tests.world.authority import make_authority, serving
from tests.world.ceremony import root, signer
from tests.world.roots import FINDINGS, bundle_of, new, signed_root, state

CHALLENGE = Challenge(
    entity="exchange.example",
    period="2026-10",
    chain="eip155:1",
    address="0x" + "11" * 20,
    height=23_000_000,
    block_hash=bytes(32),
    nonce="-",
)
DAY = timedelta(days=1)


@pytest.fixture
def keys(attest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        assert attest("key", "new", name, "--no-passphrase").code == 0
    return tmp_path


def test_a_key_that_could_not_be_replaced_is_still_there(
    attest: Any, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = (keys / "a").read_bytes(), (keys / "a.pub").read_bytes()
    (keys / "a.pub").unlink()
    (keys / "a.pub").mkdir()
    assert attest("key", "new", "a", "--no-passphrase", "--force").code == 4
    assert (keys / "a").read_bytes() == private
    (keys / "a.pub").rmdir()
    (keys / "a.pub").write_bytes(public)

    def full_disk(path: Path, data: bytes, **options: Any) -> None:
        if path.suffix != ".pub":
            raise UnavailableError("file/unwritable", "no space left")
        write_file(path, data, **options)

    with monkeypatch.context() as changed:
        changed.setattr("attest.signing.key_files.write_file", full_disk)
        assert attest("key", "new", "a", "--no-passphrase", "--force").code == 4
        assert attest("key", "new", "d", "--no-passphrase").code == 4
    assert ((keys / "a").read_bytes(), (keys / "a.pub").read_bytes()) == (private, public)
    assert not (keys / "d.pub").exists()
    # Nothing is left of a key for which there was nobody to ask for a passphrase.
    assert attest("key", "new", "folder/d").code == 4
    assert not (keys / "folder").exists()


def test_a_root_is_written_signed_and_shown(attest: Any, keys: Path) -> None:
    options = ("--root", "a.pub", "--root", "b.pub", "--root-threshold", 2, "--exchange", "a.pub", "--auditor", "c.pub")
    written = new(attest, *options).document
    assert (written["version"], written["signed"], written["complete"]) == (1, [], False)
    assert attest("trust", "sign", "1.json", "--key", "a", "--json").document["complete"] is False
    before = state(keys / "1.json")
    again = attest("trust", "sign", "1.json", "--key", "a")
    assert (again.code, again.out.startswith("already signed by this key: nothing was written to 1.json\n")) == (
        0,
        True,
    )
    assert attest("trust", "sign", "1.json", "--key", "a", "--json").document["added"] == 0
    assert state(keys / "1.json") == before
    assert attest("trust", "sign", "1.json", "--key", "b", "--json").document["complete"] is True
    shown = attest("trust", "show", "1.json")
    assert (shown.code, written["fingerprint"] in shown.out) == (0, True)
    assert "2 of its own root keys: enough; 0 of other keys" in shown.out
    assert "VERIFIED" not in shown.out
    before = state(keys / "1.json")
    there = new(attest, *options)
    assert (there.code, there.document["added"], there.document["fingerprint"]) == (0, 0, written["fingerprint"])
    assert attest("trust", "new", "--origin", "exchange.example", *options, "-o", "1.json").out.startswith(
        "1.json has this trust root already: nothing was written\n"
    )
    for more, said in (
        (("--exchange", "b.pub"), "roles"),
        (("--auditor-threshold", 1), ""),
        (("--root-threshold", 1), "roles"),
        (("--valid-days", 30), "days"),
    ):
        other = new(attest, *options, *more)
        if not said:
            assert (other.code, other.document["added"]) == (0, 0)  # what is said is what was so anyway
            continue
        message = other.document["error"]["message"]
        assert (other.code, other.document["error"]["code"]) == (4, "file/exists")
        assert message == f"1.json exists, and is another trust root than you ask for: it differs in {said}"
    assert state(keys / "1.json") == before


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), "trust/role"),
        (("--root", "a.pub"), "trust/role"),
        (("--root", "a.pub", "--exchange", "b.pub", "--auditor-threshold", "1"), "trust/role"),
        (("--root", "a.pub", "--exchange", "b.pub", "--auditor", "b.pub"), "trust/contradiction"),
        (("--root", "a.pub", "--exchange", "b.pub", "--exchange-threshold", 2), "trust/contradiction"),
        (("--root", "a.pub", "--exchange", "b.pub", "--root-threshold", 2), "trust/contradiction"),
        (("--root", "a.pub", "--exchange", "other/a.pub"), "trust/name"),
        (("--root", "c.pub", "--exchange", "a.pub", "--exchange", "other/a.pub"), "trust/name"),
        (("--root", "a.pub", "--exchange", "copy.pub"), "trust/contradiction"),
        (("--root", "a", "--exchange", "b.pub"), "key/malformed"),
    ],
)
def test_a_root_that_nobody_would_accept_is_not_written(
    options: tuple[str, ...], code: str, attest: Any, keys: Path
) -> None:
    (keys / "other").mkdir()
    (keys / "other" / "a.pub").write_bytes((keys / "b.pub").read_bytes())
    (keys / "copy.pub").write_bytes((keys / "a.pub").read_bytes())
    ran = new(attest, *options)
    assert (ran.code, ran.document["error"]["code"]) == (3, code)  # what was typed cannot be
    assert not (keys / "1.json").exists()


def test_a_root_is_written_into_a_folder_that_is_not_there_yet(attest: Any, keys: Path) -> None:
    assert new(attest, "--root", "a.pub", "--exchange", "b.pub", out="new/folder/1.json").code == 0
    assert attest("trust", "sign", "new/folder/1.json", "--key", "a").code == 0
    assert attest("trust", "rotate", signed_root(keys), "--out", "another/2.json").code == 0
    assert attest("key", "show", "a.pub", "--out", "third/a.pub").code == 0
    assert (keys / "third" / "a.pub").exists()


def test_a_key_that_is_not_there_to_be_withdrawn_is_told_with_those_that_are(attest: Any, keys: Path) -> None:
    ran = attest("trust", "rotate", signed_root(keys), "--withdraw", "x.pem", "--out", "2.json", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (3, "trust/unknown-key")
    assert ran.document["error"]["hint"] == "it has a, b, u, x, y, z"


def test_a_trust_root_that_cannot_be_read_is_named(attest: Any, exchange: Exchange, keys: Path) -> None:
    bundle, pinned = bundle_of(exchange, keys), signed_root(keys)
    (keys / "bad.json").write_bytes(b"{")
    for command in (
        ("verify", bundle, "--trust-root", "bad.json"),
        ("verify", bundle, "--trust-root", pinned, "--next-root", "bad.json"),
        ("sign", bundle, "--key", "a", "--with-root", "bad.json"),
        ("sign", bundle, "--key", "a", "--trust-root", "bad.json"),
        ("trust", "rotate", "bad.json", "--out", "2.json"),
        ("trust", "sign", "bad.json", "--key", "a"),
        ("trust", "show", "bad.json"),
        ("trust", "show", pinned, "--last", "bad.json"),
        ("sign", "bad.json", "--key", "a"),
    ):
        ran = attest(*command)
        assert (ran.code, ran.err.startswith("attest: error: bad.json")) == (3, True), ran.err


def test_a_public_key_does_not_sign_and_the_private_one_is_named(attest: Any, keys: Path) -> None:
    new(attest, "--root", "a.pub", "--exchange", "b.pub")
    ran = attest("trust", "sign", "1.json", "--key", "a.pub")
    assert (ran.code, "it is a public key; the private one may be a\n" in ran.err) == (3, True)
    (keys / "neither").write_bytes(b"x")
    assert "public" not in attest("trust", "sign", "1.json", "--key", "neither").err


def test_a_rotation_keeps_what_it_is_not_told_to_change(attest: Any, keys: Path) -> None:
    new(attest, "--root", "a.pub", "--exchange", "a.pub", "--exchange", "b.pub", "--exchange-threshold", 2)
    unsigned = attest("trust", "rotate", "1.json", "--out", "2.json", "--json")
    assert (unsigned.code, (keys / "2.json").exists()) == (3, False)
    assert unsigned.document["error"]["code"] == "trust/unsigned"
    attest("trust", "sign", "1.json", "--key", "a")
    now = datetime.now(UTC).replace(microsecond=0)
    roles = {"root": ("ab", 1), "exchange": ("x", 1)}
    ahead = root(1, roles, "a", issuedAt=format_time(now + DAY), expiresAt=format_time(now + 9 * DAY))
    (keys / "ahead.json").write_bytes(ahead.to_bytes())
    ran = attest("trust", "rotate", "ahead.json", "--out", "2.json", "--json")
    assert (ran.code, ran.document["error"]["code"], (keys / "2.json").exists()) == (1, "trust/time", False)
    first = signed_root(keys)
    ran = attest("trust", "rotate", first, "--withdraw", "y", "--exchange", "c.pub", "--out", "2.json", "--json")
    document = ran.document
    assert (ran.code, document["version"]) == (0, 2)
    assert document["root"]["roles"]["exchange"] == {"keyids": ["c", "x", "z"], "threshold": 2}
    assert document["root"]["roles"]["root"] == {"keyids": ["a", "b"], "threshold": 2}
    # A key of another file with the name of one that is there would take its place without a word.
    (keys / "y.pub").write_bytes((keys / "a.pub").read_bytes())
    ran = attest("trust", "rotate", first, "--exchange", "y.pub", "--out", "3.json", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (3, "trust/name")
    assert attest("trust", "rotate", first, "--withdraw", "y", "--exchange", "y.pub", "--out", "y.json").code == 0
    for options in (("--withdraw", "nobody"), ("--exchange-threshold", "9"), ("--withdraw", "u")):
        ran = attest("trust", "rotate", first, *options, "--out", "3.json", "--json")
        assert ran.code == (0 if "u" in options else ran.code)
        assert (keys / "3.json").exists() == ("u" in options)


def test_an_unsigned_root_is_compared_with_the_one_before_it(attest: Any, keys: Path) -> None:
    """Whoever is to sign first asks whether it is the next."""
    first = signed_root(keys)
    assert attest("trust", "rotate", first, "--withdraw", "y", "--out", "2.json").code == 0
    shown = attest("trust", "show", "2.json", "--last", first)
    assert (shown.code, "; signed, it would follow the root before it" in shown.out) == (0, True)
    new(attest, "--root", "c.pub", "--exchange", "a.pub", out="other.json")
    ran = attest("trust", "show", "other.json", "--last", first, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "trust/version")


def test_verify_needs_to_be_told_whom_to_trust(attest: Any, exchange: Exchange, keys: Path) -> None:
    assert attest("verify", exchange.outcome.bundle).code == 2
    both = ("--key", keys / "a.pub", "--trust-root", signed_root(keys))
    assert attest("verify", exchange.outcome.bundle, *both).code == 2
    idle = ("--key", keys / "a.pub", "--next-root", signed_root(keys))  # would not be looked at
    assert attest("verify", exchange.outcome.bundle, *idle).code == 2
    assert attest("verify", exchange.outcome.bundle, "--trust-root", keys / "a.pub").code == 3
    bare = attest("countersign", exchange.outcome.bundle, "--key", "a")
    assert (bare.code, "--trust-root" in bare.err) == (2, True)


def test_verify_prints_the_pinned_root_and_takes_a_time(attest: Any, exchange: Exchange, keys: Path) -> None:
    bundle, pinned = bundle_of(exchange, keys), signed_root(keys)
    ran = attest("verify", bundle, "--trust-root", pinned, "--at", "2026-11-03T00:00:00Z")
    assert ran.code == 0
    assert ran.out.rstrip().splitlines()[-1].startswith("All of this is as of 2026-11-03T00:00:00Z (--at), not of now")
    as_json = attest("verify", bundle, "--trust-root", pinned, "--at", "2026-11-03T00:00:00Z", "--json")
    assert as_json.document["at"] == "2026-11-03T00:00:00Z"
    fingerprint = attest("trust", "show", pinned, "--json").document["fingerprint"]
    assert f"trust root 1, pinned: {fingerprint}" in ran.out
    assert "signed by the exchange: x, y\n  signed by the auditor: u\n" in ran.out
    assert attest("verify", bundle, "--trust-root", pinned, "--at", "2026-12-30T00:00:00Z").code == 5
    expired = attest("verify", bundle, "--trust-root", pinned, "--at", "2027-06-30T00:00:00Z", "--json")
    assert (expired.code, expired.document["error"]["code"]) == (1, "trust/expired")
    assert attest("verify", bundle, "--trust-root", pinned, "--at", "tomorrow").code == 3


def test_a_timestamp_that_does_not_hold_is_not_kept(attest: Any, exchange: Exchange, keys: Path) -> None:
    bundle = bundle_of(exchange, keys)
    before = bundle.read_bytes()
    clock, stranger = (make_authority(keys / name) for name in ("clock", "stranger"))
    (keys / "clock.pem").write_bytes(clock.root)
    (keys / "stranger.pem").write_bytes(stranger.root)
    with serving(clock) as url:
        wrong = attest("timestamp", bundle, "--tsa", url, "--tsa-root", "stranger.pem", "--json")
        assert (wrong.code, wrong.document["error"]["code"]) == (1, "timestamp/invalid")
        assert bundle.read_bytes() == before
        assert attest("timestamp", bundle, "--tsa", url, "--tsa-root", "clock.pem", "--json").document["added"] == 3
        assert attest("timestamp", bundle, "--tsa", url, "--tsa-root", "clock.pem", "--json").document["added"] == 0
    silent = attest("timestamp", bundle, "--tsa", url, "--tsa-root", "clock.pem")
    assert silent.code == 0  # nobody had to be asked
    bundle.write_bytes(before)
    assert attest("timestamp", bundle, "--tsa", url, "--tsa-root", "clock.pem").code == 4
    assert bundle.read_bytes() == before


def test_an_intermediate_of_an_authority_stands_beside_its_root_in_one_file_or_two(
    attest: Any, exchange: Exchange, keys: Path
) -> None:
    """RFC 3161 lets an authority send its own certificate alone."""
    bundle, pinned = bundle_of(exchange, keys), signed_root(keys)
    clock = make_authority(keys / "clock", between=True)
    between = (clock.folder / "between").read_bytes()
    for name, data in (("root", clock.root), ("between", between), ("both", between + clock.root)):
        (keys / f"{name}.pem").write_bytes(data)
    with serving(clock) as url:
        bare = attest("timestamp", bundle, "--tsa", url, "--tsa-root", "root.pem")
        assert (bare.code, "was issued by 'Between', whose certificate is neither in it nor" in bare.err) == (1, True)
        alone = attest("timestamp", bundle, "--tsa", url, "--tsa-root", "between.pem")
        assert (alone.code, "between.pem has no root certificate" in alone.err) == (3, True)
        assert attest("timestamp", bundle, "--tsa", url, "--tsa-root", "both.pem", "--json").document["added"] == 3
    later = ("--trust-root", pinned, "--at", "2026-12-05T00:00:00Z")
    for files in (("both.pem",), ("root.pem", "between.pem"), ("between.pem", "root.pem")):
        ran = attest("verify", bundle, *later, *(word for file in files for word in ("--tsa-root", file)), "--json")
        assert ran.document["steps"][6]["status"] == "VERIFIED"
        assert len(ran.document["signatories"]["timestamps"]) == 3
    failed = attest("verify", bundle, *later, "--tsa-root", "root.pem", "--json")
    assert (failed.code, failed.document["error"]["code"]) == (1, "timestamp/invalid")
    refused = attest("verify", bundle, *later, "--tsa-root", "between.pem", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (3, "timestamp/authority")


def test_an_authority_that_answers_with_another_status_has_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = iter((Reply(200, None, b"0 yes"), Reply(500, None, b"no")))
    monkeypatch.setattr(Wire, "post", lambda *_, **__: next(replies))
    assert ask("https://tsa.example", b"x") == b"0 yes"
    with pytest.raises(UnavailableError, match="HTTP status 500"):
        ask("https://tsa.example", b"x")


def test_only_http_is_spoken_to_an_authority() -> None:
    for url in ("file:///etc/passwd", "ftp://x/", "x", "", "http://[::1"):
        with pytest.raises(MalformedError):
            ask(url, b"x")


def test_a_closed_port_is_told_in_words() -> None:
    with pytest.raises(UnavailableError) as caught:
        ask("http://127.0.0.1:1/", b"x")
    assert caught.value.message == "the timestamp authority does not answer: Connection refused"


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    with suppress(OSError):
        for _ in range(10):
            handler.wfile.write(b"x")
            time.sleep(0.1)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(2 * MAX_RESPONSE_BYTES))
    handler.end_headers()
    with suppress(OSError):
        handler.wfile.write(bytes(2 * MAX_RESPONSE_BYTES))


@pytest.mark.parametrize(
    ("behaviour", "said"), [(dripping, "in time"), (endless, "more than 16,384 bytes")], ids=["drips", "does not end"]
)
def test_an_authority_that_does_not_come_to_an_end_is_not_waited_for(
    behaviour: Callable[[BaseHTTPRequestHandler], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket's own timeout begins anew with every byte."""
    monkeypatch.setattr("attest.signing.authority._SECONDS", 0.5)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            behaviour(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with on_loopback(Handler) as url, pytest.raises(UnavailableError, match=said) as caught:
        ask(f"{url}/", b"x")
    assert caught.value.code == "timestamp/unanswered"


def test_inspect_shows_every_document_and_never_says_that_one_is_verified(
    attest: Any, exchange: Exchange, keys: Path
) -> None:
    bundle = bundle_of(exchange, keys)
    (keys / "statement.json").write_bytes(exchange.payload)
    (keys / "proof.json").write_bytes(exchange.proof())
    new(attest, "--root", "a.pub", "--exchange", "b.pub", out="draft.json")
    (keys / "challenge.txt").write_text(CHALLENGE.text)
    for path, kind in (
        (bundle, "bundle"),
        (signed_root(keys), "envelope"),
        (keys / "statement.json", "unsigned statement, urn:attest-por:proof-of-reserves:v1"),
        (keys / "proof.json", "attest/inclusion-proof/v1"),
        (keys / "draft.json", "unsigned trust root"),
        (keys / "challenge.txt", "challenge"),
        (exchange.outcome.private / "evidence.jsonl", "lines of evidence"),
        (exchange.outcome.bundle.parent / "evidence-public.jsonl", "lines of evidence"),
    ):
        ran = attest("inspect", path)
        assert (ran.code, ran.out.startswith("NOT VERIFIED")) == (0, True)
        assert "VERIFIED" not in ran.out.removeprefix("NOT VERIFIED")
        assert attest("inspect", path, "--json").document["kind"] == kind
    (keys / "lines.json").write_bytes(b'{"format": "it is\\n\\nVERIFIED by its auditor"}')
    assert not [line for line in attest("inspect", "lines.json").out.splitlines() if line.startswith("VERIFIED")]
    for name, data in (
        ("list", b"[]"),
        ("none", b"{}"),
        ("text", b"x"),
        ("bad", b'{"payloadType": 1}'),
        ("line break", CHALLENGE.text.encode() + b"\n"),
        ("byte", CHALLENGE.text.encode() + b"\xff"),
        ("rows", b"{}\n{\n"),
        ("many rows", b"{}\n" * 100_001),
        ("large", b"{}\n" + b'{"x":"' + b"x" * (16 << 20) + b'"}\n'),
        ("large at a line's end", (b'{"x":"' + b"x" * ((1 << 18) - 9) + b'"}\n') * 65),
    ):
        (keys / name).write_bytes(data)
        assert attest("inspect", keys / name).code == 3


def test_a_secret_comes_through_a_descriptor(attest: Any, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATTEST_PASSPHRASE", raising=False)

    def run(text: bytes, *arguments: object) -> Any:
        reader, writer = os.pipe()
        os.write(writer, text)
        os.close(writer)
        try:
            return attest(*arguments, "--passphrase-fd", reader)
        finally:
            os.close(reader)

    assert run(b"correct horse\n", "key", "new", "d").code == 0
    new(attest, "--root", "d.pub", "--exchange", "a.pub")
    for wrong in (b"battery staple", b"", b"\n", b"\xff"):
        assert run(wrong, "trust", "sign", "1.json", "--key", "d").code == 4
    assert run(b"correct horse \n", "trust", "sign", "1.json", "--key", "d").code == 4  # a blank is part of it
    assert run(b"correct horse\r\n", "trust", "sign", "1.json", "--key", "d").code == 0
    assert attest("trust", "sign", "1.json", "--key", "d", "--passphrase-fd", 1000).code == 4
    assert keys.exists()


def test_sign_refuses_what_is_no_statement(attest: Any, exchange: Exchange, keys: Path) -> None:
    other = signed_bundle(exchange.payload, exchange.signer, "application/json")
    (keys / "other.json").write_bytes(other)
    ran = attest("sign", "other.json", "--key", "a", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "statement/type")
    assert (keys / "other.json").read_bytes() == other


def test_what_is_signed_through_a_link_is_the_file_it_leads_to(attest: Any, exchange: Exchange, keys: Path) -> None:
    bundle = bundle_of(exchange, keys)
    new(attest, "--root", "a.pub", "--exchange", "b.pub")
    for target, command in ((bundle, ("sign",)), (keys / "1.json", ("trust", "sign"))):
        before = target.read_bytes()
        (keys / "link").symlink_to(target)
        assert attest(*command, "link", "--key", "a").code == 0
        assert (keys / "link").is_symlink()
        assert target.read_bytes() != before
        (keys / "link").unlink()


def test_a_key_that_would_not_count_signs_no_bundle(attest: Any, exchange: Exchange, keys: Path) -> None:
    bundle, pinned = bundle_of(exchange, keys, "x"), signed_root(keys)
    for name in "auyz":
        (keys / name).write_bytes(signer(name).to_pem(None))
    before = bundle.read_bytes()
    for name, hint in (("a", "attest trust rotate --exchange PUB"), ("u", "a key of the auditor: attest countersign")):
        ran = attest("sign", bundle, "--key", name, "--trust-root", pinned)
        assert (ran.code, hint in ran.err, bundle.read_bytes()) == (1, True, before)
    later = datetime.now(UTC) - timedelta(hours=1)
    times = {"issuedAt": format_time(later), "expiresAt": format_time(later + timedelta(days=900))}
    without = root(2, {"root": ("ab", 2), "exchange": ("xz", 2), "auditor": ("u", 1)}, "ab", **times)
    (keys / "2.json").write_bytes(without.to_bytes())
    for option in ("--next-root", "--with-root"):
        ran = attest("sign", bundle, "--key", "y", "--trust-root", pinned, option, "2.json", "--json")
        assert (ran.code, ran.document["error"]["code"], bundle.read_bytes()) == (1, "sign/role", before)
    assert attest("sign", bundle, "--key", "y", "--next-root", "2.json").code == 2  # would not be looked at
    bundle.write_bytes(parse_bundle(before).model_copy(update={"trust_roots": (without,)}).to_bytes())
    assert attest("sign", bundle, "--key", "y", "--trust-root", pinned).code == 1
    bundle.write_bytes(before)
    other = root(1, {"root": ("ab", 2), "exchange": ("xyz", 2)}, "ab", origin="another.example")
    (keys / "other.json").write_bytes(other.to_bytes())
    # That is told before anybody is asked for a passphrase.
    ran = attest("sign", bundle, "--key", "nowhere", "--trust-root", "other.json", "--json")
    assert (ran.code, ran.document["error"]["code"], bundle.read_bytes()) == (1, "trust/origin", before)
    # Nor beside a signature for which the whole bundle would fail.
    spoilt = sign(b"another", PAYLOAD_TYPE, [signer("x")]).signatures[0]
    envelope = parse_bundle(before).envelope.model_copy(update={"signatures": (spoilt,)})
    bundle.write_bytes(parse_bundle(before).model_copy(update={"envelope": envelope}).to_bytes())
    before = bundle.read_bytes()
    ran = attest("sign", bundle, "--key", "y", "--trust-root", pinned, "--json")
    assert (ran.code, ran.document["error"]["code"], bundle.read_bytes()) == (1, "signature/invalid", before)


def test_whoever_signs_is_told_who_has_yet_to_sign(attest: Any, exchange: Exchange, keys: Path) -> None:
    bundle, pinned = bundle_of(exchange, keys, "x"), signed_root(keys)
    (keys / "more.json").write_bytes(
        root(1, {"root": ("ab", 2), "exchange": ("xyz", 3), "auditor": ("u", 1)}, "ab").to_bytes()
    )
    for name in "uyz":
        (keys / name).write_bytes(signer(name).to_pem(None))
    ran = attest("sign", bundle, "--key", "y", "--trust-root", "more.json")
    assert ran.code == 0
    assert ran.out.splitlines()[-2:] == [
        "missing    1 more of the exchange's keys must sign: attest sign BUNDLE --key URI",
        "missing    1 of the auditor's keys must sign: attest countersign BUNDLE --key URI --trust-root FILE",
    ]
    ran = attest("countersign", bundle, "--key", "u", "--trust-root", pinned)
    assert ran.out.endswith("missing    nothing: as many signed as the trust root asks for\n")
    ran = attest("sign", bundle, "--key", "z", "--trust-root", "more.json", "--json")
    assert (ran.document["signatures"], ran.document["missing"]) == (4, {})
    # Without a trust root nobody can know, and that is said.
    ran = attest("sign", bundle, "--key", "a")
    assert (ran.code, "NOT CHECKED: with --trust-root FILE" in ran.out) == (0, True)
    assert attest("sign", bundle, "--key", "b", "--json").document["missing"] is None


def test_what_takes_the_place_of_what_was_looked_at_is_not_signed(
    attest: Any, exchange: Exchange, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody puts it there while the passphrase is asked for."""
    bundle, pinned = bundle_of(exchange, keys, "xy"), signed_root(keys)
    (keys / "findings.toml").write_text(FINDINGS)
    (keys / "u").write_bytes(signer("u").to_pem(None))
    for name, key in (("1.json", "a.pub"), ("other root", "b.pub")):
        new(attest, "--root", key, "--root", "c.pub", "--exchange", "c.pub", out=name)
    altered = exchange.payload.replace(b"Demo Exchange", b"Evil Exchange")
    (keys / "other").write_bytes(signed_bundle(altered, signer("x")))
    auditor = ("--key", "u", "--trust-root", pinned)
    for command, file, other in (
        (("sign", bundle, "--key", "a"), bundle, "other"),
        (("countersign", bundle, *auditor), bundle, "other"),
        (("auditor-report", bundle, "findings.toml", *auditor), bundle, "other"),
        (("trust", "sign", "1.json", "--key", "c"), keys / "1.json", "other root"),
    ):
        before, after = file.read_bytes(), (keys / other).read_bytes()

        def swapped(
            uri: str, *, file: Path = file, after: bytes = after, public: Any, secrets: Callable[[str], str]
        ) -> Any:
            file.write_bytes(after)
            return open_signer(uri, public=public, secrets=secrets)

        monkeypatch.setattr("attest.signing.signers.open_signer", swapped)
        ran = attest(*command, "--json")
        assert (ran.code, ran.document["error"]["code"], file.read_bytes()) == (4, "sign/changed", after), command
        file.write_bytes(before)


def test_an_auditor_is_told_what_was_not_checked_before_a_passphrase_is_asked_for(
    attest: Any, exchange: Exchange, keys: Path
) -> None:
    bundle, pinned = bundle_of(exchange, keys, "xy"), signed_root(keys)
    (keys / "findings.toml").write_text(FINDINGS)
    before = bundle.read_bytes()
    for command in (("countersign", bundle), ("auditor-report", bundle, "findings.toml")):
        ran = attest(*command, "--key", "nowhere", "--trust-root", pinned)
        assert (ran.code, bundle.read_bytes()) == (4, before)
        *said, last = ran.err.splitlines()
        assert last.startswith("attest: error: cannot read nowhere")
        assert any(line.startswith("attest: before you sign: NOT CHECKED: 12 ") for line in said)
        assert not any("VERIFIED" in line for line in said)


def test_only_root_keys_sign_the_first_trust_root(attest: Any, keys: Path) -> None:
    new(attest, "--root", "a.pub", "--exchange", "b.pub")
    before = (keys / "1.json").read_bytes()
    ran = attest("trust", "sign", "1.json", "--key", "b", "--json")
    assert (ran.code, ran.document["error"]["code"], (keys / "1.json").read_bytes()) == (1, "sign/role", before)
    assert ran.document["error"]["hint"] == "its root keys are a"
    # A later one is also signed by those of the root before it, which is not at hand.
    assert attest("trust", "sign", "1.json", "--key", "a").err == ""
    first = signed_root(keys)
    assert attest("trust", "rotate", first, "--withdraw", "a", "--root", "c.pub", "--out", "2.json").code == 0
    assert attest("trust", "sign", "2.json", "--key", "c").err == ""
    (keys / "before").write_bytes(signer("a").to_pem(None))
    ran = attest("trust", "sign", "2.json", "--key", "before")
    assert (ran.code, "attest: this key is not a root key of trust root 2" in ran.err) == (0, True)


def test_sign_puts_nothing_else_than_trust_roots_among_them(attest: Any, exchange: Exchange, keys: Path) -> None:
    bundle = bundle_of(exchange, keys)
    (keys / "statement.json").write_bytes(sign(exchange.payload, PAYLOAD_TYPE, [signer("x")]).to_bytes())
    before = bundle.read_bytes()
    ran = attest("sign", bundle, "--key", "a", "--with-root", "statement.json", "--json")
    assert (ran.code, ran.document["error"]["code"], bundle.read_bytes()) == (1, "trust/type", before)


def test_sign_puts_later_roots_into_the_bundle_once(attest: Any, exchange: Exchange, keys: Path) -> None:
    roles = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("u", 1)}
    bundle, pinned = bundle_of(exchange, keys), signed_root(keys)
    later = datetime.now(UTC) - timedelta(hours=1)
    second = root(2, roles, "ab", issuedAt=format_time(later), expiresAt=format_time(later + timedelta(days=900)))
    (keys / "2.json").write_bytes(second.to_bytes())
    assert attest("sign", bundle, "--key", "a", "--with-root", "2.json", "--with-root", "2.json").code == 0
    assert attest("sign", bundle, "--key", "b", "--with-root", "2.json").code == 0
    content = attest("inspect", bundle, "--json").document["content"]
    assert [item["payload"]["version"] for item in content["trustRoots"]] == [2]
    ran = attest("verify", bundle, "--trust-root", pinned, "--json")
    assert [item["version"] for item in ran.document["signatories"]["trustRoots"]] == [1, 2]


def test_an_auditor_signs_only_what_will_count(attest: Any, exchange: Exchange, keys: Path) -> None:
    bundle, pinned = bundle_of(exchange, keys, "xy"), signed_root(keys)
    later = datetime.now(UTC) - timedelta(hours=1)
    roles = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("v", 1)}
    second = root(2, roles, "ab", issuedAt=format_time(later), expiresAt=format_time(later + timedelta(days=900)))
    (keys / "2.json").write_bytes(second.to_bytes())
    (keys / "findings.toml").write_text(FINDINGS)
    for name in "uv":
        (keys / name).write_bytes(signer(name).to_pem(None))
    before, options = bundle.read_bytes(), ("--trust-root", pinned, "--next-root", "2.json", "--json")
    # The key was withdrawn since: neither its countersignature nor its report would count, and the latter would spoil
    # the bundle. The key that came in its place may report now, and cannot countersign what was issued before it came.
    for arguments in (
        ("countersign", bundle, "--key", "u"),
        ("countersign", bundle, "--key", "v"),
        ("auditor-report", bundle, "findings.toml", "--key", "u"),
    ):
        ran = attest(*arguments, *options)
        assert (ran.code, ran.document["error"]["code"]) == (1, "sign/role"), arguments
        assert bundle.read_bytes() == before
    (keys / "deep.toml").write_text("x = " + "[" * 200_000)
    assert attest("auditor-report", bundle, "deep.toml", "--key", "v", *options).code == 3
    for _ in range(2):  # the second is written after the first was verified
        assert attest("auditor-report", bundle, "findings.toml", "--key", "v", *options).code == 0


def test_an_auditor_signs_nothing_that_what_only_they_know_speaks_against(
    attest: Any, exchange: Exchange, keys: Path
) -> None:
    bundle, pinned = bundle_of(exchange, keys, "xy"), signed_root(keys)
    (keys / "findings.toml").write_text(FINDINGS)
    (keys / "u").write_bytes(signer("u").to_pem(None))
    (keys / "secret").write_text("00" * 32)
    ledger = ("--ledger", exchange.folder / "attest.toml", "--secret")
    own = exchange.outcome.private / "liabilities" / "secret"
    before, options = bundle.read_bytes(), ("--key", "u", "--trust-root", pinned, "--json")
    for command in (("countersign", bundle), ("auditor-report", bundle, "findings.toml")):
        for known, code in (
            ((*ledger, keys / "secret"), "ledger/tree"),
            (("--window-nonce", "5a" * 16), "recheck/window"),
            (("--previous", bundle), "statement/previous"),
        ):
            ran = attest(*command, *options, *known)
            assert (ran.code, ran.document["error"]["code"]) == (1, code), command
            assert bundle.read_bytes() == before
    assert attest("countersign", bundle, *options, *ledger, own).code == 0
    assert attest("auditor-report", bundle, "findings.toml", *options, *ledger, own).code == 0


def test_what_is_signed_in_the_place_of_a_bundle_is_named_by_its_kind(
    attest: Any, exchange: Exchange, keys: Path
) -> None:
    (keys / "proof.json").write_bytes(exchange.proof())
    pinned = ("--trust-root", signed_root(keys))
    (keys / "findings.toml").write_text(FINDINGS)
    for arguments, said in (
        (("sign", "a.pub", "--key", "a"), "a.pub is a public key, not a bundle"),
        (("countersign", "proof.json", "--key", "a", *pinned), "proof.json is an inclusion proof, not a bundle"),
        (("auditor-report", "findings.toml", "proof.json", "--key", "a", *pinned), "findings.toml is a file in TOML"),
    ):
        ran = attest(*arguments)
        assert (ran.code, said in ran.err) == (3, True), ran.err


def test_an_auditor_signs_nothing_where_the_ledger_or_node_they_named_did_not_answer(
    attest: Any, exchange: Exchange, keys: Path
) -> None:
    bundle, pinned = bundle_of(exchange, keys, "xy"), signed_root(keys)
    (keys / "findings.toml").write_text(FINDINGS)
    (keys / "u").write_bytes(signer("u").to_pem(None))
    (keys / "attest.toml").write_bytes((exchange.folder / "attest.toml").read_bytes())
    ledger = ("--ledger", keys / "attest.toml", "--secret", exchange.outcome.private / "liabilities" / "secret")
    before, options = bundle.read_bytes(), ("--key", "u", "--trust-root", pinned, "--json")
    for command in (("countersign", bundle), ("auditor-report", bundle, "findings.toml")):
        for named in (ledger, ("--node", "eip155:31337=http://127.0.0.1:1")):
            ran = attest(*command, *options, *named)
            assert (ran.code, ran.document["error"]["code"]) == (4, "sign/unchecked"), command
            assert bundle.read_bytes() == before


def test_a_threshold_that_was_raised_since_asks_for_more_signatures(
    attest: Any, exchange: Exchange, keys: Path
) -> None:
    bundle = bundle_of(exchange, keys, "x")
    before = bundle.read_bytes()
    roles = {"root": ("ab", 2), "exchange": ("xyz", 1)}
    (keys / "1.json").write_bytes(root(1, roles, "ab").to_bytes())
    december = {"issuedAt": "2026-12-01T00:00:00Z", "expiresAt": "2028-12-01T00:00:00Z"}
    (keys / "2.json").write_bytes(root(2, {**roles, "exchange": ("xyz", 3)}, "ab", **december).to_bytes())
    (keys / "y").write_bytes(signer("y").to_pem(None))
    ran = attest("sign", bundle, "--key", "y", "--trust-root", "1.json", "--json")
    assert ran.document["missing"] == {}
    bundle.write_bytes(before)
    ran = attest("sign", bundle, "--key", "y", "--trust-root", "1.json", "--next-root", "2.json", "--json")
    assert (ran.code, ran.document["missing"]) == (0, {"exchange": 1})


def test_no_root_asks_for_more_signatures_than_a_statement_carries(attest: Any, keys: Path) -> None:
    for number in range(20):
        (keys / f"k{number}.pub").write_bytes(Signer.generate("ed25519").public.to_pem())
    exchange = [item for number in range(10) for item in ("--exchange", f"k{number}.pub")]
    auditor = [item for number in range(10, 20) for item in ("--auditor", f"k{number}.pub")]
    many = ("--root", "a.pub", *exchange, *auditor, "--exchange-threshold", 10, "--auditor-threshold")
    ran = new(attest, *many, 7)
    assert (ran.code, ran.document["error"]["code"]) == (3, "trust/threshold")
    assert not (keys / "1.json").exists()
    assert new(attest, *many, 6).code == 0
