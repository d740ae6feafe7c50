"""A request's deadline, connection, thread and TLS, by a loopback server that abuses them."""

from __future__ import annotations

import base64
import ipaddress
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from attest import wire
from attest.chains.nodes.rpc import Node
from attest.errors import UnavailableError
from tests.world.faults import FaultServer, honest, reply, whole_answer

DEADLINE = 0.25
PIECE_SECONDS = 0.02
PIECES = 100  # together take far longer than DEADLINE


def drip(server: FaultServer, handler: BaseHTTPRequestHandler, *pieces: bytes) -> None:
    """Send each of `pieces` as slowly as a reader that waits DEADLINE for each would bear."""
    for piece in pieces:
        if server.closing.wait(PIECE_SECONDS):
            return
        handler.wfile.write(piece)


def drip_all(server: FaultServer, handler: BaseHTTPRequestHandler, request: Any) -> None:
    drip(server, handler, b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * PIECES)
    handler.wfile.write(b"\r\n" + whole_answer(request).partition(b"\r\n")[2])


def drip_body(server: FaultServer, handler: BaseHTTPRequestHandler, request: Any) -> None:
    header, _, body = whole_answer(request).rpartition(b"\r\n\r\n")
    length = b"%d" % (PIECES + len(body))
    handler.wfile.write(header.replace(b"%d" % len(body), length) + b"\r\n\r\n")
    drip(server, handler, *[b" "] * PIECES)
    handler.wfile.write(body)


def drip_until_closed(server: FaultServer, handler: BaseHTTPRequestHandler, request: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    drip(server, handler, *[b" "] * PIECES)
    handler.wfile.write(whole_answer(request).rpartition(b"\r\n\r\n")[2])
    handler.close_connection = True


def drip_continue(server: FaultServer, handler: BaseHTTPRequestHandler, request: Any) -> None:
    drip(server, handler, *[b"HTTP/1.1 100 Continue\r\n\r\n"] * PIECES)
    honest(handler, request)


def drip_nothing(server: FaultServer, handler: BaseHTTPRequestHandler, request: Any) -> None:
    server.closing.wait(PIECES * PIECE_SECONDS)
    honest(handler, request)


Slow = Callable[[FaultServer, BaseHTTPRequestHandler, Any], None]
# Each is a right answer to whoever waits for it, past the deadline.
SLOW: list[Slow] = [drip_all, drip_body, drip_until_closed, drip_continue, drip_nothing]


def answering(server: FaultServer, slow: Slow) -> threading.Event:
    """Make the server slow; the event tells that it has come to the end of an answer."""
    answered = threading.Event()

    def behaviour(handler: BaseHTTPRequestHandler, request: Any) -> None:
        with suppress(OSError):  # the client has hung up
            slow(server, handler, request)
            answered.set()

    server.behaviour = behaviour
    return answered


@pytest.mark.parametrize("slow", SLOW)
def test_a_request_ends_at_its_deadline_and_its_late_answer_is_nobodys(slow: Slow, server: FaultServer) -> None:
    node = Node("n1", server.url, deadline=DEADLINE)
    answered = answering(server, slow)
    with pytest.raises(UnavailableError, match=r"node n1: no answer in time \(tries: 1\)") as caught:
        node.call("eth_getBalance", 1)
    assert not answered.is_set()
    assert caught.value.code == "node/unreachable"
    server.behaviour = honest
    assert node.batch([("eth_getBalance", [7]), ("eth_getBalance", [8])]) == ["0x7", "0x8"]


@pytest.mark.parametrize("slow", SLOW)
def test_a_call_may_have_a_deadline_of_its_own(slow: Slow, server: FaultServer) -> None:
    node = Node("n1", server.url)
    answered = answering(server, slow)
    with pytest.raises(UnavailableError, match="node n1: no answer in time"):
        node.call("eth_getBalance", 1, deadline=DEADLINE)
    assert not answered.is_set()


@contextmanager
def dripping_port(data: bytes) -> Iterator[int]:
    """A port that takes connections and sends `data`, one byte at a time, to each."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)  # a deadline may pass before anyone connects

        def serve() -> None:
            with suppress(OSError):
                taken, _ = listener.accept()
                with taken:
                    for byte in data:
                        if closing.wait(PIECE_SECONDS):
                            return
                        taken.sendall(bytes([byte]))
                    closing.wait(PIECES * PIECE_SECONDS)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            closing.set()
            thread.join(20)


@pytest.mark.parametrize("data", [b"", b"\x16\x03\x03\x40\x00" + bytes(PIECES)], ids=["nothing", "a handshake"])
def test_a_slow_tls_handshake_ends_at_the_deadline(data: bytes) -> None:
    with dripping_port(data) as port:
        node = Node("n1", f"https://127.0.0.1:{port}", deadline=DEADLINE)
        with pytest.raises(UnavailableError, match=r"node n1: no answer in time \(tries: 1\)"):
            node.call("eth_chainId")


def test_a_slow_name_lookup_ends_at_the_deadline(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = threading.Event()
    real = socket.getaddrinfo

    def slow(*args: Any) -> Any:
        looked_up.wait(PIECES * PIECE_SECONDS)
        return real(*args)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    node = Node("n1", server.url, deadline=DEADLINE)
    with pytest.raises(UnavailableError, match=r"node n1: no answer in time \(tries: 1\)"):
        node.call("eth_getBalance", 1)
    looked_up.set()


def test_tries_and_waits_share_one_deadline(server: FaultServer) -> None:
    node = Node("n1", server.url, deadline=DEADLINE)
    server.behaviour = lambda handler, _: reply(handler, b"busy", 503)
    with pytest.raises(UnavailableError, match="node n1: HTTP status 503") as caught:
        node.call("eth_getBalance", 1)
    assert "(tries: 6)" not in caught.value.message


def test_ctrl_c_ends_a_wait_and_the_late_answer_is_nobodys(server: FaultServer) -> None:
    node = Node("n1", server.url)
    waiting = threading.get_ident()
    server.behaviour = lambda handler, request: drip_nothing(server, handler, request)
    threading.Timer(DEADLINE, signal.pthread_kill, (waiting, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        node.call("eth_getBalance", 1)
    server.behaviour = honest
    assert node.call("eth_getBalance", 7) == "0x7"


def new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread not in before and thread.name == "attest-wire"]


def test_no_thread_outlives_its_node_or_waits_on_for_an_answer_that_nobody_wants(server: FaultServer) -> None:
    before = set(threading.enumerate())
    node = Node("n1", server.url, deadline=DEADLINE)
    server.behaviour = lambda handler, _: drip(server, handler, b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 100_000)
    with pytest.raises(UnavailableError, match="in time"):
        node.call("eth_getBalance", 1)
    for thread in new_threads(before):
        thread.join(10)
    assert new_threads(before) == []
    server.behaviour = honest
    assert node.call("eth_getBalance", 7) == "0x7"
    (thread,) = new_threads(before)
    del node
    thread.join(10)
    assert not thread.is_alive()


def test_the_process_ends_although_a_node_is_still_connected(server: FaultServer) -> None:
    program = (
        "import sys; from attest.chains.nodes.rpc import Node\n"
        "node = Node('n1', sys.argv[1]); print(node.call('eth_getBalance', 7))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, server.url], capture_output=True, text=True, check=True, timeout=30
    )
    assert (ran.stdout, ran.stderr) == ("0x7\n", "")


def test_requests_share_one_connection(server: FaultServer) -> None:
    node = Node("n1", server.url)
    assert [node.call("eth_getBalance", value) for value in range(5)] == [hex(value) for value in range(5)]
    assert (server.requests, server.connections) == (5, 1)


def test_a_connection_that_the_server_has_closed_is_opened_again_at_once(server: FaultServer) -> None:
    def closing(handler: BaseHTTPRequestHandler, request: Any) -> None:
        honest(handler, request)
        handler.close_connection = True

    slept: list[float] = []
    node = Node("n1", server.url, sleep=slept.append)
    server.behaviour = closing
    for value in range(3):
        assert node.call("eth_getBalance", value) == hex(value)
        assert server.closed.acquire(timeout=10)
    assert (server.connections, slept) == (3, [])


def test_what_a_server_sends_unasked_is_no_answer(server: FaultServer) -> None:
    answered, forged = threading.Event(), threading.Event()

    def forging(handler: BaseHTTPRequestHandler, request: Any) -> None:
        honest(handler, request)
        answered.wait(10)
        handler.wfile.write(whole_answer({"id": request["id"] + 1, "params": [666]}))
        forged.set()

    node = Node("n1", server.url)
    server.behaviour = forging
    assert node.call("eth_getBalance", 1) == "0x1"
    answered.set()
    assert forged.wait(10)
    server.behaviour = honest
    assert node.call("eth_getBalance", 2) == "0x2"


def test_nodes_in_several_threads_do_not_mix_their_answers(server: FaultServer) -> None:
    def read(first: int) -> list[Any]:
        node = Node(f"n{first}", server.url)
        return [node.batch([("eth_getBalance", [first + i])])[0] for i in range(20)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(0, 800, 100))) == [[hex(i + j) for j in range(20)] for i in range(0, 800, 100)]


def test_neither_a_proxy_nor_a_login_that_the_config_does_not_name_is_used(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert Node("n1", server.url).call("eth_getBalance", 7) == "0x7"
    assert server.headers["Authorization"] is None
    assert server.headers["User-Agent"] == "attest"


@pytest.mark.parametrize(
    ("login", "sent"),
    [("user:p%40ss@", "user:p@ss"), ("user:@", "user:"), ("user@", "user:"), (":key@", ":key"), ("ü:秘@", "ü:秘")],
)
def test_the_login_of_the_url_is_sent_decoded(login: str, sent: str, server: FaultServer) -> None:
    Node("n1", f"http://{login}127.0.0.1:{server.port}").call("eth_getBalance", 7)
    assert server.headers["Authorization"] == "Basic " + base64.b64encode(sent.encode()).decode()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127.0.0.1:8545/x", ("127.0.0.1", 8545)),
        ("http://localhost", ("localhost", 80)),
        ("http://[::1]", ("::1", 80)),
        ("https://[::1]:8545", ("::1", 8545)),
        ("https://user:password@Node.Example/x:1", ("node.example", 443)),
    ],
)
def test_the_host_and_port_of_the_url_are_asked(
    url: str, place: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []

    def look_up(host: str, port: int, *_: Any) -> Any:
        looked_up.append((host, port))
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(UnavailableError, match="node n1: no complete answer"):
        Node("n1", url, sleep=lambda _: None).call("eth_chainId")
    assert set(looked_up) == {place}


@pytest.mark.parametrize(
    ("written", "sent"),
    [("", "/"), ("/v3/a%2Fb?key=c%26d#e", "/v3/a%2Fb?key=c%26d"), ("?k", "/?k"), ("/ü x", "/%C3%BC%20x")],
)
def test_the_path_of_the_url_is_asked_for(written: str, sent: str, server: FaultServer) -> None:
    Node("n1", server.url + written).call("eth_getBalance", 7)
    assert server.target == sent


def certificate(name: x509.GeneralName, folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate that `folder` / pem makes trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    signed = (
        builder.add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "pem").write_bytes(pem)
    (folder / "key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pem", folder / "key")
    return context


@pytest.mark.parametrize(
    ("name", "trusted", "right"),
    [
        (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), True, True),
        (x509.IPAddress(ipaddress.ip_address("127.0.0.1")), False, False),
        (x509.IPAddress(ipaddress.ip_address("127.0.0.2")), True, False),
        (x509.DNSName("node.example"), True, False),
    ],
    ids=["trusted", "not trusted", "another address", "another name"],
)
def test_tls_needs_a_trusted_certificate_for_the_name(
    name: x509.GeneralName, *, trusted: bool, right: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FaultServer(certificate(name, tmp_path))
    if trusted:
        context = ssl.create_default_context(cafile=tmp_path / "pem")
        monkeypatch.setattr(wire, "_trust", lambda: context)
    node = Node("n1", server.url, sleep=lambda _: None)
    if right:
        assert [node.call("eth_getBalance", value) for value in range(3)] == ["0x0", "0x1", "0x2"]
        assert server.connections == 1
    else:
        with pytest.raises(UnavailableError, match=r"node n1: no complete answer \(SSLCertVerificationError\)"):
            node.call("eth_getBalance", 1)
        assert server.requests == 0
    server.close()


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """Something like an HTTP reply, damaged."""
    whole = bytearray(whole_answer({"id": 1, "params": [1]}))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(whole)))
        whole[start : start + draw(st.integers(0, 5))] = draw(st.binary(max_size=3))
    return bytes(whole)


def test_whatever_bytes_come_only_our_own_errors_leave(server: FaultServer) -> None:
    @given(data=st.binary() | replies())
    def check(data: bytes) -> None:
        def damaged(handler: BaseHTTPRequestHandler, _: Any) -> None:
            handler.wfile.write(data)
            handler.close_connection = True

        server.behaviour = damaged
        with suppress(UnavailableError):
            Node("n1", server.url, deadline=5, sleep=lambda _: None).call("eth_getBalance", 1)

    check()
