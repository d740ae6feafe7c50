"""Names and passwords in URLs are in nothing that is said, however malformed the URL, whatever the other side does."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from attest.cli.redaction import credentials, hidden, without
from attest.demo.recording import on_loopback
from tests.cli.conftest import BITCOIN, replace
from tests.conftest import Exchange
from tests.world.authority import make_authority
from tests.world.roots import bundle_of

CANARY = "canary"
MALFORMED = (
    "http://user-canary:pass-canary@exa mple/",
    "http://user-canary:pass canary@exa mple/",
    "http://user-canary:pass-canary@[::1",
    "http://user-canary:pass-canary@host:port/",
    "http://user-canary:pass-canary@host:99999/",
    "http://user-canary:pass/canary@host/",
    "http://user-canary:pass?canary@host/",
    "http://user-canary:pass#canary@host/",
    "http://user/canary:pass-canary@host/",
    "http://user-canary:pass-canary@/",
    "http://user-canary:pass-canary@",
    "http:/user-canary:pass-canary@host/",
    "ftp://user-canary:pass-canary@host/",
    "htp://user-canary:pass-canary@host/",
    "user-canary:pass-canary@host/",
    "//user-canary:pass-canary@host/",
    "http://user-canary:pass%20canary@ho st/",
    "http://pass-canary@exa mple/",
    "http://user-canary:p@ss@canary@exa mple/",
    "http://user-canary:pass-canary@\udcff/",
    "",
)


def silent(ran: Any) -> None:
    """Nothing of the canary in anything that was said."""
    for stream in (ran.out, ran.err):
        assert CANARY not in stream.lower(), stream
        assert base64.b64encode(b"user-canary:pass-canary").decode() not in stream, stream


@pytest.fixture
def stamping(exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clock.pem").write_bytes(make_authority(tmp_path / "clock").root)
    return ("timestamp", bundle_of(exchange, tmp_path), "--tsa-root", "clock.pem")


@pytest.mark.parametrize("url", MALFORMED)
def test_a_malformed_url_of_an_authority_is_told_without_it(
    url: str, attest: Any, stamping: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in ((), ("--json",)):
        ran = attest(*stamping, "--tsa", url, *options)
        assert ran.code == 3
        silent(ran)
        assert "is not an http or https URL with a host" in ran.out + ran.err
        if "\udcff" not in url and url:
            monkeypatch.setenv("ATTEST_TSA", url)
            ran = attest(*stamping, *options)
            assert ran.code == 3
            silent(ran)
            monkeypatch.delenv("ATTEST_TSA")


@pytest.mark.parametrize("url", MALFORMED[:13])
def test_a_url_in_the_place_of_something_else_is_told_without_it(url: str, attest: Any, stamping: Any) -> None:
    for arguments in (
        (*stamping, url),  # one argument too many
        ("timestamp", url, "--tsa", "http://127.0.0.1:1", "--tsa-root", "clock.pem"),
        ("sign", url, "--key", "nowhere"),
        ("sign", stamping[1], "--key", url),
        ("key", "show", url),
        ("verify", url, "--key", url),
        ("evidence", "check", stamping[1], "--node", f"{BITCOIN}={url}"),
        (url,),
        ("run", "attest.toml", "--period", url),
    ):
        for options in ((), ("--json",)):
            ran = attest(*arguments, *options)
            assert ran.code in {1, 2, 3, 4}
            silent(ran)


def test_an_authority_is_taken_from_the_environment(
    attest: Any, stamping: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = attest(*stamping)
    assert (ran.code, "'--tsa' (env var: 'ATTEST_TSA')" in ran.err) == (2, True)
    assert "ATTEST_TSA" in attest("timestamp", "--help").out
    monkeypatch.setenv("ATTEST_TSA", "http://user-canary:pass-canary@127.0.0.1:1/tsr")
    ran = attest(*stamping)
    assert (ran.code, "the timestamp authority does not answer: Connection refused" in ran.err) == (4, True)
    silent(ran)


def echoing(status: int, content_type: str, *, location: str = "") -> Callable[[BaseHTTPRequestHandler], None]:
    """An authority that repeats what it was sent, as error pages do."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"]))
        sent = handler.headers["Authorization"]
        login = base64.b64decode(sent.split()[1]).decode()
        body = f"<p>No: {sent} {login} {login.partition(':')[2]} http://{login}@host{handler.path}".encode()
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Retry-After", login)
        if location:
            handler.send_header("Location", location)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def serving(behaviour: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            behaviour(self)

        def log_message(self, *_: object) -> None:
            pass

    with on_loopback(Handler) as url:
        yield url.replace("http://", "http://user-canary:pass-canary@")


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (echoing(401, "text/html"), "HTTP status 401"),
        (echoing(403, "text/html"), "ATTEST_TSA"),
        (echoing(407, "text/html"), "HTTP status 407"),
        (echoing(302, "text/html", location="http://user-canary:pass-canary@host/"), "which is not followed"),
        (echoing(200, "text/html"), "timestamp authority made no timestamp"),
        (echoing(200, "application/timestamp-reply"), "timestamp authority made no timestamp"),
        (echoing(429, "text/plain"), "try again later"),
        (echoing(503, "text/plain"), "try again later"),
    ],
    ids=["401", "403", "407", "redirect", "a page", "a page that calls itself a reply", "429", "503"],
)
def test_what_an_authority_repeats_is_told_without_name_and_password(
    behaviour: Callable[[BaseHTTPRequestHandler], None], said: str, attest: Any, stamping: tuple[object, ...]
) -> None:
    with serving(behaviour) as url:
        for options in ((), ("--json",)):
            ran = attest(*stamping, "--tsa", f"{url}/tsr", *options)
            assert (ran.code, said in ran.out + ran.err) == (4, True), ran
            silent(ran)
        # No TLS is spoken there.
        ran = attest(*stamping, "--tsa", url.replace("http:", "https:"), "--json")
        assert ran.code == 4
        silent(ran)


@pytest.mark.parametrize("url", [url for url in MALFORMED if "\udcff" not in url])
def test_a_malformed_url_of_a_node_is_told_without_it(
    url: str, attest: Any, config: Path, nodes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment, and in the config itself."""
    monkeypatch.setenv(next(iter(nodes)), url)
    read = ("reserves", "read", config, "--period", "2026-10", "-o", config.parent / "reading")
    ran = attest(*read, "--json")
    assert ran.code in {3, 4}
    silent(ran)
    replace(config, f"${{{next(iter(nodes))}}}", url)
    for options in ((), ("--json",)):
        ran = attest(*read, *options)
        assert ran.code in {3, 4}
        silent(ran)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user-canary:pass-canary@127.0.0.1:1/ledger",
        "postgresql://user-canary:pass%20canary@127.0.0.1:1/ledger?sslmode=require",
        "postgresql://user-canary:pass canary@127.0.0.1:1/ledger",
        "postgresql://user-canary:pass/canary@127.0.0.1:1/ledger",
        "postgresql://user-canary:pass#canary@127.0.0.1:1/ledger",
        "postgresql://user-canary:pass@canary@127.0.0.1:1/ledger",
        "postgresql://user-canary:pass?canary@127.0.0.1:1/ledger",
        "postgresql://127.0.0.1:1/ledger?user=user-canary&password=pass-canary",
        "postgres://user-canary:pass-canary@127.0.0.1:1/ledger",
        "postgresql:/user-canary:pass-canary@127.0.0.1:1/ledger",
        "mysql://user-canary:pass-canary@127.0.0.1:1/ledger",
    ],
)
def test_the_url_of_a_database_is_told_without_name_and_password(
    url: str, attest: Any, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(config, 'source = "ledger.csv"', f'source = "{url}"')
    build = ("liabilities", "build", config, "--period", "2026-10", "-o", config.parent / "built")
    for options in ((), ("--json",)):
        ran = attest(*build, *options)
        assert ran.code in {3, 4}
        silent(ran)
    replace(config, f'source = "{url}"', 'source = "${LEDGER_URL}"')
    monkeypatch.setenv("LEDGER_URL", url)
    ran = attest(*build, "--json")
    assert ran.code in {3, 4}
    silent(ran)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"])
@pytest.mark.parametrize("place", ["127.0.0.1:1", "exa mple", "127.0.0.1:port"])
def test_proxies_and_endpoints_are_told_without_name_and_password(
    variable: str, place: str, attest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "access-canary"),
        ("AWS_SECRET_ACCESS_KEY", "secret-canary"),
        ("AWS_MAX_ATTEMPTS", "1"),
        (variable, f"http://user-canary:pass-canary@{place}"),
    ):
        monkeypatch.setenv(name, value)
    for options in ((), ("--json",)):
        ran = attest("key", "show", "awskms:alias/x", *options)
        assert ran.code in {1, 3, 4}
        silent(ran)


def test_of_a_url_with_a_user_scheme_and_host_are_shown_and_nothing_else_is_changed() -> None:
    assert hidden("see http://u:p@host:80/path?key=x, or 'https://u@other'") == "see http://host:80, or 'https://other'"
    for plain in (
        "postgresql://host/db: row 5 (account 'hanako@example.jp')",
        "https://example.com/@name/article",
        "mail hanako@example.jp about http://host/",
        "eip155:1=https://host/?a=b@c",
    ):
        assert hidden(plain) == plain


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("http://user:password@host", ["user:password", "password"]),
        ("http://user:pa/ss@wo rd@ho st", ["user:pa/ss@wo rd", "pa/ss@wo rd"]),
        ("http://user:pa%40ss@host", ["user:pa%40ss", "user:pa@ss", "pa%40ss", "pa@ss"]),
        ("http://token@host", ["token"]),
        ("https://example.com/@name", []),
        ("http://host/", []),
        ("hanako@example.jp", []),
        ("a:b@example.jp", []),
        ("http://u:p@host", ["u:p"]),
    ],
)
def test_credentials_are_found_in_urls_that_nothing_else_could_read(value: str, found: list[str]) -> None:
    assert credentials([value]) == found
    for secret in found:
        said = without({"message": f"not a URL: {value!r}", "more": [value, 5, None]}, credentials([value]))
        assert secret not in str(said)
