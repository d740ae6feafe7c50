"""Which kind of file somebody gave, in words, where it is another than a command takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from attest.errors import AttestError, MalformedError
from attest.formats import Form, foreign, other_text

BUNDLE, PROOF, TRUST_ROOT = "a bundle", "an inclusion proof", "a trust root"
_PACK: Final = "a pack of a bundle and a proof"

_MAX_BYTES: Final = 16 * 1024 * 1024
_KINDS: Final = {
    "format": {
        "attest/bundle/v1": BUNDLE,
        "attest/inclusion-proof/v1": PROOF,
        "attest/pack/v1": _PACK,
        "attest/reserves/v1": "a reading of the reserves",
        "attest/liability-snapshot/v1": "the manifest of a liability snapshot",
        "attest/challenges/v1": "a list of challenges",
        "attest/custody-confirmation/v1": "a custodian's confirmation without its signature",
    },
    "predicateType": {
        "urn:attest-por:proof-of-reserves:v1": "a statement without its bundle",
        "urn:attest-por:auditor-report:v1": "an auditor's report without its bundle",
    },
    "payloadType": {
        "application/vnd.attest.trust-root+json": TRUST_ROOT,
        "application/vnd.in-toto+json": "a signed statement without its bundle",
        "application/vnd.attest.custody-confirmation+json": "a custodian's confirmation",
    },
}
_LATER: Final = re.compile(r"attest/[a-z-]+/v[0-9]+")
_TOML: Final = Form("file/kind", "a file in TOML", "attest policy show FILE shows the rules of a policy")


class OtherFileError(MalformedError):
    """A file that is not of the kind that was asked for, so that nothing in it was looked at, and nothing is wrong."""


def parsed(data: bytes, path: Path, wanted: str = "JSON") -> Any:
    """The strict JSON in `data`, read from `path`. Raises `OtherFileError` when it is no JSON at all, `MalformedError`.

    Where a document of a certain kind was asked for, `wanted` names it.
    """
    from attest.canonical import NotJsonError, loads

    form = foreign(data) or (_TOML if path.suffix == ".toml" else None)
    try:
        if form is None:
            return loads(data, what=str(path), max_bytes=_MAX_BYTES)
    except NotJsonError as error:
        form = error.form or other_text(data)
        if form is None:
            raise
    raise OtherFileError(form.code, form.refused(str(path), wanted), hint=form.hint)


def explained(error: AttestError, *given: tuple[Path | None, str]) -> AttestError:
    """What to say instead of `error`: by the first of the files `given` that is not of the kind beside it.

    That is `error` itself where each may be of its kind. A pipe is not read again.
    """
    from attest.files import is_file, read_bounded

    if isinstance(error, MalformedError):
        for path, wanted in given:
            if path is not None and is_file(path):
                try:
                    refuse_other(read_bounded(path, _MAX_BYTES), path, wanted)
                except AttestError as found:
                    return found
    return error


def refuse_other(data: bytes, path: Path, wanted: str) -> None:
    """Raise `OtherFileError` when `data`, read from `path`, is not of the kind `wanted` but something else.

    Raises `MalformedError` when it may be of that kind, and is no strict JSON.
    """
    value = parsed(data, path, wanted)
    fields = value if isinstance(value, dict) else {}
    says = {name: text for name in _KINDS if isinstance(text := fields.get(name), str)}
    kind, hint = next((_KINDS[name][text] for name, text in says.items() if text in _KINDS[name]), None), None
    if kind == _PACK:
        hint = "attest verify PACK takes it in the place of a bundle, with the proof in it"
    if kind is None and _LATER.fullmatch(says.get("format", "")):
        kind, hint = f"a document of the form {says['format']}, which this attest does not know", "use a newer attest"
    if kind is None and wanted == TRUST_ROOT and fields.keys() & {"payloadType", "roles"}:
        return
    if kind != wanted:
        raise OtherFileError("file/kind", f"{path} is {kind or 'another document in JSON'}, not {wanted}", hint=hint)
