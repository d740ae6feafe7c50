"""Files of private keys: the work to open an encrypted one, and the users who may read one that is not."""

from __future__ import annotations

import logging
import os
import re
import stat
from pathlib import Path
from typing import Final

from attest.documents import parse_base64
from attest.errors import AttestError, MalformedError
from attest.signing.der import Part, parts

ENCRYPTED: Final = b"ENCRYPTED PRIVATE KEY"
MAX_ITERATIONS: Final = 10_000_000  # some seconds; openssl writes 2,048, and OWASP asks for 600,000
MAX_SCRYPT: Final = 1 << 23  # of the product N r p of RFC 7914; 128 N r bytes of memory are at most 1 GiB

_log: Final = logging.getLogger(__name__)
_BLOCK: Final = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----([^-]*+)-----END")
_INTEGER: Final = 0x02
_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")


def refuse_costly(pem: bytes, what: str) -> None:
    """Raise `MalformedError` for an encrypted private key (PKCS #8) that would take too much work to open.

    `pem`: the bytes of the file.
    `what`: the name of the key in errors.
    The parameters of the key derivation are read before the library works through them, because a file can name any: at
    most `MAX_ITERATIONS` of PBKDF2 or N r p up to `MAX_SCRYPT` of scrypt are allowed. A key in no known form is
    malformed too.
    """
    for block in _BLOCK.findall(pem):
        try:
            scrypt, numbers = _work(parse_base64(b"".join(block.split()).decode("ascii")))
        except (AttestError, IndexError, ValueError):
            raise MalformedError("key/malformed", f"{what} is not a PEM private key (PKCS#8)") from None
        if scrypt:
            cost, limit, said = numbers[0] * numbers[1] * numbers[2], MAX_SCRYPT, "N times r times p of scrypt"
        else:
            cost, limit, said = numbers[0], MAX_ITERATIONS, "the number of iterations"
        if not 0 < cost <= limit or min(numbers) < 0:
            raise MalformedError(
                "key/costly",
                f"{what} cannot be opened: {said} in it is {_shown(cost)}; the limit is {limit:,}",
                hint="a key that you encrypted yourself asks for far less: encrypt it again, with openssl pkcs8 -topk8",
            )


def tell_readers(path: Path, pem: bytes) -> None:
    """Log a warning for a private key that is not encrypted and whose file group or others may use.

    `path`: the file of the key.
    `pem`: its bytes.
    Nothing is said on Windows, because file modes there do not tell who may use a file.
    """
    if os.name != "posix" or ENCRYPTED in pem or b"PRIVATE KEY" not in pem:
        return
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if mode & 0o077:
        _log.warning(
            "the private key %s is not encrypted, and others on this machine may use its file (mode %04o): "
            "chmod 600 it, and make a new key if anyone may have read it",
            path,
            mode,
        )


def _work(der: bytes) -> tuple[bool, list[int]]:
    """The key derivation of an EncryptedPrivateKeyInfo in DER: whether it is scrypt, and its integers.

    The integers begin with the number of iterations (RFC 8018), or with N, r and p of scrypt (RFC 7914).
    Raises `ValueError` or `IndexError` for any other content.
    """
    (whole,) = parts(der, Part(0, 0, len(der)))
    algorithm, _ = parts(der, whole)
    kind, parameters = parts(der, algorithm)
    if der[kind.inner : kind.end] == _PBES2:
        derivation, _ = parts(der, parameters)
        kind, parameters = parts(der, derivation)
    numbers = [
        int.from_bytes(der[part.inner : part.end], signed=True)
        for part in parts(der, parameters)
        if der[part.start] == _INTEGER
    ]
    scrypt = der[kind.inner : kind.end] == _SCRYPT
    if len(numbers) < (3 if scrypt else 1):
        raise ValueError
    return scrypt, numbers


def _shown(number: int) -> str:
    return f"{number:,}" if abs(number) < 1 << 64 else "a number of more than 64 bits"
