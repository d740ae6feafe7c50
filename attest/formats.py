"""The forms of files that are no document of attest, told by their first bytes.

A customer's file is only named for what it is; nothing is unpacked, and none is converted into another form by guess.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

AGAIN: Final = "save it again as it came, byte for byte: not through an editor, nor through > in PowerShell"
_DOWNLOAD: Final = "download it once more"
_UNPACK: Final = "take the file out of it, and give that"
_LOOK: Final = 4096  # bytes at the beginning by which a form is told
_KIND: Final = "file/kind"


class Form(NamedTuple):
    """A form of files.

    `code`: for programs.
    `said`: the words that complete "FILE is ...".
    `hint`: what to do about it; None when there is nothing to advise.
    """

    code: str
    said: str
    hint: str | None = None

    def refused(self, what: str, wanted: str) -> str:
        """The sentence that refuses a file of this form.

        `what`: the name of the file.
        `wanted`: the kind of file that is taken.
        """
        if self.code == _KIND:
            return f"{what} is {self.said}, not {wanted}"
        return f"{what} is {self.said}, and cannot be read as {wanted}"


EMPTY: Final = Form("file/empty", "empty", _DOWNLOAD)
CUT_OFF: Final = Form("file/cut-off", "cut off in the middle of what it says", _DOWNLOAD)
NOT_UTF8: Final = Form("file/encoding", "text in another encoding than UTF-8", AGAIN)
_ZEROS: Final = Form("file/empty", "nothing but zero bytes, as a download that broke off leaves it", _DOWNLOAD)
_SEVERAL: Final = Form(_KIND, "several documents, a line each", "give one of them, in a file of its own")
_TEXT: Final = Form(_KIND, "text that is no JSON", None)
_TABLE: Final = Form(_KIND, "a table (CSV)", None)
_BINARY: Final = Form(_KIND, "binary data of a kind that attest does not know", _DOWNLOAD)


def _kind(begins: bytes, said: str, hint: str | None = None) -> tuple[re.Pattern[bytes], Form]:
    return re.compile(begins, re.DOTALL | re.IGNORECASE), Form(_KIND, said, hint)


_MAGIC: Final = (
    _kind(rb"\x1f\x8b", "a file compressed with gzip", "gunzip it, or open it with what unpacks archives"),
    _kind(rb"\x28\xb5\x2f\xfd", "a file compressed with zstd", "zstd -dc FILE shows it, a proof a line"),
    _kind(rb"BZh[1-9]", "a file compressed with bzip2", _UNPACK),
    _kind(rb"\xfd7zXZ\0", "a file compressed with xz", _UNPACK),
    _kind(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a ZIP archive, or a document of an office program", _UNPACK),
    _kind(rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    _kind(rb"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    _kind(rb".{257}ustar", "a tar archive", _UNPACK),
    _kind(rb"%PDF-", "a PDF"),
    _kind(rb"\x89PNG\r\n", "a picture (PNG)"),
    _kind(rb"\xff\xd8\xff", "a picture (JPEG)"),
    _kind(rb"GIF8[79]a", "a picture (GIF)"),
    _kind(rb"RIFF.{4}WEBP", "a picture (WebP)"),
    _kind(rb"....ftyp(?:heic|heix|mif1|avif)", "a picture (HEIF)"),
    _kind(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an old office program"),
    _kind(rb"\{\\rtf", "a document of a word processor (RTF)", AGAIN),
    _kind(rb"SQLite format 3\0", "a SQLite database"),
    _kind(rb"PAR1", "a Parquet file"),
    _kind(rb"psbt\xff|cHNidP", "a PSBT", "a wallet signs it, and attest control add takes it back"),
    _kind(rb"-----BEGIN PUBLIC KEY", "a public key", "attest key show FILE shows it"),
    _kind(rb"-----BEGIN [A-Z ]*PRIVATE KEY", "a private key", "keep it to yourself"),
    _kind(rb"-----BEGIN CERTIFICATE", "a certificate"),
    _kind(rb"-----BEGIN PGP", "an OpenPGP message", "decrypt it, and give what is in it"),
    _kind(rb"-----BEGIN ", "a PEM file"),
    _kind(rb"\x30[\x80-\x84].+", "a certificate, key or signature in DER"),
    _kind(rb"attest/v1 proof of control\r?\n", "the text of a challenge", "attest inspect FILE shows it"),
    _kind(
        rb"\s*+(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype html|html|head|body|script|meta)",
        "a web page (HTML), such as one that asks to log in",
        "log in where you got it from, and download it once more",
    ),
    _kind(rb"\s*+<(?:\?xml|[a-z][a-z0-9:]*[ >])", "a document in XML or HTML", _DOWNLOAD),
    _kind(
        rb"(?:(?:Received|Return-Path|Delivered-To|MIME-Version|From|To|Subject|Date): [^\n]*\r?\n){2}",
        "an e-mail",
        "save the file that is attached to it, and give that",
    ),
)
_MARKS: Final = (  # byte order marks; those of UTF-32 first, because they begin with those of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_WIDE: Final = (  # text without a mark, whose first two characters are ASCII among zero bytes
    (re.compile(rb"(?:[\t\n\r -~]\0\0\0){2}|(?:\0\0\0[\t\n\r -~]){2}"), "UTF-32"),
    (re.compile(rb"(?:[\t\n\r -~]\0){2}|(?:\0[\t\n\r -~]){2}"), "UTF-16"),
)
_BLANK: Final = b"\0 \t\n\r\v\f"
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def foreign(data: bytes, *, wanted: str = "") -> Form | None:
    """The form of `data`; None when it is JSON or other text that may be a document of attest.

    `wanted`: the `said` of a form that the caller takes; None is returned for it too.
    """
    content = data.removeprefix(codecs.BOM_UTF8).strip()
    if not content.strip(b"\0"):
        return _ZEROS if content else EMPTY
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    encoding = encoding or next((name for begins, name in _WIDE if begins.match(data)), None)
    if encoding is not None:
        writers = "PowerShell's > and some editors" if encoding == "UTF-16" else "some programs"
        return Form("file/encoding", f"text in {encoding}, which {writers} write", AGAIN)
    text = data[:_LOOK].removeprefix(codecs.BOM_UTF8)
    found = next((form for begins, form in _MAGIC if begins.match(text)), None)
    if found is not None and found.said == wanted:
        return None
    if found is None and data.startswith(codecs.BOM_UTF8):
        return Form("file/encoding", "text with a byte order mark before it, as some editors put it there", AGAIN)
    if found is None and not _is_json(text) and _CONTROL.search(text) is not None:
        return _BINARY
    return found


def changed_on_its_way(pieces: Iterable[bytes], digest: bytes) -> str | None:
    """The words for how a file was damaged on its way, such as by other line ends, when nobody changed what it says.

    `pieces`: its bytes as they came.
    `digest`: the SHA-256 of the file as it was sent.
    None when no damage explains the difference: the file may be a forgery then.
    """
    state = sha256()
    begins, pending = b"", b""
    blank = True
    for piece in pieces:
        begins = begins or piece
        blank = blank and not piece.strip(_BLANK)
        text = pending + piece
        pending = b"\r" if text.endswith(b"\r") else b""
        state.update(text.removesuffix(pending).replace(b"\r\n", b"\n"))
    state.update(pending)
    form = foreign(begins) if blank or begins.strip(_BLANK) else None
    if form is not None:
        return f"is {form.said}"
    return "has other line ends (CRLF)" if state.digest() == digest else None


def _is_json(data: bytes) -> bool:
    """Whether `data` begins like an object or array of JSON."""
    return data.lstrip()[:1] in {b"{", b"["}


def other_text(data: bytes) -> Form | None:
    """The form of text for which `foreign` has none: several documents, a table, or other text; None for JSON."""
    lines = data.split(b"\n", 2)
    if len(lines) > 1 and lines[0].startswith(b"{") and lines[0].rstrip().endswith(b"}") and lines[1].startswith(b"{"):
        return _SEVERAL
    if _is_json(data):
        return None
    rows = data[:_LOOK].splitlines()
    commas = [separator for separator in (b",", b";", b"\t") if separator in rows[0]]
    table = len(rows) > 1 and any(rows[0].count(comma) == rows[1].count(comma) for comma in commas)
    return _TABLE if table else _TEXT
