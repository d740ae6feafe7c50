"""A key management service on loopback that speaks as AWS does (MiniStack), asked over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from attest.demo.recording import on_loopback

ALIAS = "alias/exchange"
REGION = "eu-central-1"
SECRET = "secret of the service"  # noqa: S105 (the service on loopback takes any)


def credentials(folder: Path, url: str) -> dict[str, str]:
    """What the environment must have to ask the service at `url`, as nobody who has an account."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": str(folder / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }


@contextmanager
def key_service(folder: Path) -> Iterator[str]:
    """The URL of a fresh service without keys, in a process of its own that knows whose credentials to refuse."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "SERVICES": "kms",
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{folder / 'no-docker'}",
        "LOG_LEVEL": "ERROR",
    }
    with socket.create_server(("127.0.0.1", 0)) as listening:
        handle, port = listening.fileno(), listening.getsockname()[1]
        # It takes over the socket, so that whoever asks before it is up waits and is not refused.
        command = f"hypercorn --bind fd://{handle} --log-level ERROR ministack.app:app"
        process = subprocess.Popen(
            [sys.executable, "-m", *command.split()],
            env=environment,
            cwd=folder,
            pass_fds=(handle,),
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """The URL of a service that always answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay silent."""

    with on_loopback(Handler) as url:
        yield url
