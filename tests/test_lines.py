"""Files are read piece by piece, and what is too long in them is named before it is held in memory."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from attest import lines as lines_module
from attest.errors import AttestError
from attest.lines import bounded, chunks, digest, lines, open_beside, opened


def read(data: bytes, max_bytes: int = 5) -> list[bytes]:
    return list(lines(io.BytesIO(data), "it", max_bytes=max_bytes))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"\n\n", [b"", b""]),
        (b"a\n", [b"a"]),
        (b"12345\n\n12345\n", [b"12345", b"", b"12345"]),
        (b"a\r\n\x0b\x85\n", [b"a\r", b"\x0b\x85"]),
        (b"\0\n", [b"\0"]),
    ],
)
def test_lines_end_at_line_feeds_alone(data: bytes, found: list[bytes]) -> None:
    assert read(data) == found


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"a", "evidence/truncated", "it does not end"),
        (b"a\nb", "evidence/truncated", "it does not end"),
        (b"123456\n", "evidence/long-line", "it row 1 has more than 5 bytes"),
        (b"12345\n123456\n", "evidence/long-line", "it row 2 has more than 5 bytes"),
        (b"1" * 100 + b"\n", "evidence/long-line", "it row 1"),
    ],
)
def test_what_is_no_line_is_named(data: bytes, code: str, said: str) -> None:
    with pytest.raises(AttestError, match=said) as caught:
        read(data)
    assert caught.value.code == code


def test_no_line_is_returned_of_a_file_that_lost_its_end() -> None:
    with pytest.raises(AttestError, match="does not end"):
        next(lines(io.BytesIO(b"a\nb"), "it", max_bytes=5))


@pytest.mark.parametrize(
    "reads",
    [lambda file: digest(file, "it"), lambda file: list(lines(file, "it", max_bytes=5))],
    ids=["digest", "lines"],
)
def test_a_file_of_more_bytes_than_any_may_have_is_refused(
    reads: Callable[[io.BytesIO], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "MAX_FILE_BYTES", 10)
    reads(io.BytesIO(b"123\n56789\n"))
    with pytest.raises(AttestError, match="it has more than 10 bytes") as caught:
        reads(io.BytesIO(b"123\n5678\n0\n"))
    assert caught.value.code == "file/too-large"


def test_a_digest_is_that_of_all_bytes_wherever_the_file_stood_before() -> None:
    data = os.urandom(3 * 1024 * 1024 + 1)
    file = io.BytesIO(data)
    file.seek(77)
    assert digest(file, "it") == sha256(data).digest()
    assert b"".join(chunks(file, "it")) == data


def test_bytes_and_files_are_read_alike_and_no_further_than_asked() -> None:
    assert bounded(b"12345", "it", 3) == bounded(io.BytesIO(b"12345"), "it", 3) == b"1234"
    assert opened(b"12").read() == b"12"


def test_only_a_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("none")
    with open_beside(tmp_path, "file") as file:  # type: ignore[union-attr]
        assert file.read() == b"1"
    for name in ("pipe", "dangling", "none", "..", "a\0"):
        assert open_beside(tmp_path, name) is None


def test_a_disk_that_fails_while_it_is_read_accuses_nobody() -> None:
    class Failing(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    for reads in (lambda: digest(Failing(b"a\n"), "it"), lambda: list(lines(Failing(b"a\n"), "it", max_bytes=5))):
        with pytest.raises(AttestError, match="cannot read it: Input/output error") as caught:
            reads()
        assert caught.value.code == "file/unreadable"
