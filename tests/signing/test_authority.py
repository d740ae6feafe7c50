"""What an authority says in the place of a timestamp reaches the one who asked, and nobody takes it for one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from attest.demo.recording import on_loopback
from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.signing.authority import ask
from attest.signing.timestamp import check_answer, parse_authorities, query, refusal, verify_timestamp
from tests.world.authority import Authority, make_authority

SIGNATURE = bytes(range(64))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority") / "a")


def refused(response: bytes, authority: Authority) -> str:
    """Why the authority made none, told alike to the one who asked and to readers of a bundle that has it."""
    roots = parse_authorities(authority.root, what="root")
    with pytest.raises(UnavailableError) as caught:
        check_answer(query(SIGNATURE), response, roots)
    assert caught.value.code == "timestamp/refused"
    with pytest.raises(VerificationError) as kept:
        verify_timestamp(response, SIGNATURE, roots)
    assert kept.value.code == "timestamp/invalid"
    said = caught.value.message.removeprefix("the timestamp authority made no timestamp: ")
    assert kept.value.message == f"a timestamp does not hold: the authority made none; {said}"
    return said


def test_a_real_authoritys_refusal_is_told_in_its_words(authority: Authority, tmp_path: Path) -> None:
    ask_sha1 = ["openssl", "ts", "-query", "-digest", "00" * 20, "-sha1", "-out", tmp_path / "query"]
    subprocess.run(ask_sha1, check=True, capture_output=True)
    assert refused(authority.answer((tmp_path / "query").read_bytes()), authority) == (
        "it refused to make a timestamp; it does not know the algorithm (badAlg); "
        "it says 'Message digest algorithm is not supported.'"
    )
    subprocess.run(
        [*ask_sha1[:4], "00" * 32, "-sha256", "-tspolicy", "1.2.3", *ask_sha1[-2:]], check=True, capture_output=True
    )
    assert "it does not support the policy (unacceptedPolicy); it says '" in refused(
        authority.answer((tmp_path / "query").read_bytes()), authority
    )
    assert "(badDataFormat); it says 'Bad request format or system error.'" in refused(
        authority.answer(b"x"), authority
    )


def sequence(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    assert len(content) < 0x80
    return bytes((tag, len(content))) + content


def status(number: int, *words: str, bit: int | None = None) -> bytes:
    """A TimeStampResp without a token (RFC 3161, section 2.4.2)."""
    said = [sequence(0x30, *(sequence(0x0C, text.encode()) for text in words))] if words else []
    failure = []
    if bit is not None:
        failure = [sequence(0x03, bytes((7 - bit % 8,)), bytes(bit // 8), bytes((0x80 >> bit % 8,)))]
    return sequence(0x30, sequence(0x30, sequence(0x02, bytes((number,))), *said, *failure))


REASONS = {
    0: "badAlg",
    2: "badRequest",
    5: "badDataFormat",
    14: "timeNotAvailable",
    15: "unacceptedPolicy",
    16: "unacceptedExtension",
    17: "addInfoNotAvailable",
    25: "systemFailure",
}


@pytest.mark.parametrize("bit", REASONS)
def test_each_reason_of_a_refusal_is_told_and_no_other(bit: int, authority: Authority) -> None:
    said = refused(status(2, bit=bit), authority)
    assert [name for name in REASONS.values() if f"({name})" in said] == [REASONS[bit]]


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (status(2), "it refused to make a timestamp"),
        (status(3, "later"), "it asks to wait; it says 'later'"),
        (status(2, "時計が", "止まった"), "it refused to make a timestamp; it says '時計が 止まった'"),
        (status(2, "a\n\x1b[2Jb"), "it refused to make a timestamp; it says 'a \\x1b[2Jb'"),
        (status(9), "it answered with the status 9"),
        (status(1), "it granted another timestamp than was asked for"),
    ],
)
def test_a_refusal_is_told_whatever_it_says(response: bytes, said: str, authority: Authority) -> None:
    assert refused(response, authority) == said


def test_what_was_granted_is_no_refusal(authority: Authority) -> None:
    assert refusal(authority.answer(query(SIGNATURE).body)) is None
    with pytest.raises(MalformedError):
        refusal(b"\x30\x01")


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with on_loopback(Handler) as url:
        yield f"{url}/tsr"


PAGE = b"<html><head><style>b{}</style><title>Log in</title></head><body>to <b>go</b> on &amp; out</body></html>"
ANSWERS = [
    (503, PAGE, "it answers with HTTP status 503 (Service Unavailable): 'Log in to go on & out'", "try again later"),
    (500, b"", "it answers with HTTP status 500 (Internal Server Error)", "try again later"),
    (502, b'{"error": "quota"}', "it answers with HTTP status 502 (Bad Gateway): '{\"error\": \"quota\"}'", "later"),
    (429, b"slow down\n", "it answers with HTTP status 429 (Too Many Requests): 'slow down'", "it says after 60"),
    (401, b"", "it answers with HTTP status 401 (Unauthorized)", "a name and password go into the URL"),
    (403, b"no\0\x1b[2J", "it answers with HTTP status 403 (Forbidden): 'no [2J'", "a name and password"),
    (302, b"", "it answers with HTTP status 302 (Found)", "sends you on to another address, which is not followed"),
    (404, b"", "it answers with HTTP status 404 (Not Found)", "is this the address"),
    (418, b"x" * 9000, f"HTTP status 418 (I'm a Teapot): '{'x' * 200}'", "is this the address"),
    (599, b"", "it answers with HTTP status 599", "try again later"),
    (400, status(2, "busy"), "400 (Bad Request); it refused to make a timestamp; it says 'busy'", "is this"),
    (400, b"0\x01", "it answers with HTTP status 400 (Bad Request)", "is this the address"),
    (200, PAGE, "its answer is a web page (HTML), such as one that asks to log in: 'Log in to go on & out'", "address"),
    (200, b"", "its answer is empty", "is this the address"),
    (200, b"{}", "it answers with what is not a timestamp", "is this the address"),
    (200, b"hello", "it answers with what is not a timestamp: 'hello'", "is this the address"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "said", "hint"), ANSWERS)
def test_an_answer_over_http_that_is_no_timestamp_is_told_in_its_words(
    status: int, body: bytes, said: str, hint: str
) -> None:
    with answering(status, body, Retry_After="60") as url, pytest.raises(UnavailableError) as caught:
        ask(url, query(SIGNATURE).body)
    assert caught.value.code == "timestamp/unanswered"
    assert caught.value.message.startswith("the timestamp authority made no timestamp: ")
    assert caught.value.message.endswith(said)
    assert hint in (caught.value.hint or "")
