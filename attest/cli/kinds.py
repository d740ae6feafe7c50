"""Which kind of file somebody gave, in words, where it is another than a command takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from attest.errors import AttestError, MalformedError

BUNDLE, PROOF, TRUST_ROOT = "a bundle", "an inclusion proof", "a trust root"

_MAX_BYTES: Final = 16 * 1024 * 1024
_FORMATS: Final = {
    "attest/bundle/v1": BUNDLE,
    "attest/inclusion-proof/v1": PROOF,
    "attest/reserves/v1": "a reading of the reserves",
    "attest/liability-snapshot/v1": "the manifest of a liability snapshot",
    "attest/challenges/v1": "a list of challenges",
}
_STATEMENTS: Final = {
    "urn:attest-por:proof-of-reserves:v1": "a statement without its bundle",
    "urn:attest-por:auditor-report:v1": "an auditor's report without its bundle",
}


class _Other(NamedTuple):
    """A kind of file that is no JSON: how it begins, what it is called, and what reads it."""

    begins: re.Pattern[bytes]
    kind: str
    hint: str | None


_OTHERS: Final = (
    _Other(re.compile(rb"-----BEGIN PUBLIC KEY"), "a public key", "attest key show FILE shows it"),
    _Other(re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY"), "a private key", "keep it to yourself"),
    _Other(re.compile(rb"-----BEGIN CERTIFICATE"), "a certificate", None),
    _Other(re.compile(rb"psbt\xff|cHNidP"), "a PSBT", "a wallet signs it, and attest control add takes it back"),
    _Other(re.compile(rb"\x28\xb5\x2f\xfd"), "a file compressed with zstd", "zstd -dc FILE shows it, a proof a line"),
    _Other(re.compile(rb"attest/v1 proof of control\n"), "the text of a challenge", "attest inspect FILE shows it"),
)
_TOML: Final = _Other(re.compile(rb""), "a file in TOML", "attest policy show FILE shows the rules of a policy")


def refuse_other_than_json(data: bytes, path: Path, wanted: str = "JSON") -> None:
    """Raise `MalformedError` when `data`, read from `path`, is recognised as no JSON at all."""
    found = [item for item in _OTHERS if item.begins.match(data)]
    if path.suffix == ".toml":
        found.append(_TOML)
    if found:
        raise MalformedError("file/kind", f"{path} is {found[0].kind}, not {wanted}", hint=found[0].hint)


def explained(error: AttestError, *given: tuple[Path | None, str]) -> AttestError:
    """What to say instead of `error`: by the first of the files `given` that is not of the kind beside it.

    That is `error` itself where each may be of its kind. A pipe is not read again.
    """
    from attest.files import is_file, read_bounded

    if isinstance(error, MalformedError):
        for path, wanted in given:
            if path is not None and is_file(path):
                try:
                    _refuse_other(read_bounded(path, _MAX_BYTES), path, wanted)
                except AttestError as found:
                    return found
    return error


def _refuse_other(data: bytes, path: Path, wanted: str) -> None:
    from attest.canonical import loads

    refuse_other_than_json(data, path, wanted)
    kind = _kind(loads(data, what=str(path), max_bytes=_MAX_BYTES))
    if kind not in {None, wanted}:
        raise MalformedError("file/kind", f"{path} is {kind}, not {wanted}")


def _kind(value: Any) -> str | None:
    """What a document says that it is; nothing where it may be anything."""
    from attest.attestation.trust import TRUST_ROOT_TYPE

    match value:
        case {"format": str(name)}:
            return _FORMATS.get(name)
        case {"predicateType": str(name)}:
            return _STATEMENTS.get(name)
        case {"payloadType": str(name)} if name == TRUST_ROOT_TYPE:
            return TRUST_ROOT
    return None
