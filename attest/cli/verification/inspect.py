"""`attest inspect`: what stands in a document, without a word on whether it is true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from attest.cli.options.kinds import parsed
from attest.cli.result import Result, json_option
from attest.errors import MalformedError

_MAX_BYTES: Final = 16 * 1024 * 1024
_MAX_ROWS: Final = 100_000
_OF_EVIDENCE: Final = "attest evidence show FOLDER lists evidence of any size"
_BANNER: Final = "NOT VERIFIED: this only shows what stands in the file; `attest verify` says what holds."


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def inspect(file: Path, *, as_json: bool) -> Result:  # noqa: ARG001
    """Show the document in FILE: a bundle, proof, pack, trust root, statement, report, challenge or evidence.

    Nothing is verified.
    """
    from attest.files import read_bounded

    kind, content = _read(read_bounded(file, _MAX_BYTES), str(file))
    # The kind may be what the file says: in one line, so that it says no more than that.
    line = json.dumps(kind, ensure_ascii=False)[1:-1]
    text = f"{_BANNER}\n\n{line}\n{json.dumps(content, ensure_ascii=False, indent=2)}"
    return Result({"command": "inspect", "status": "not verified", "kind": kind, "content": content}, text)


def _read(data: bytes, what: str) -> tuple[str, Any]:
    """The kind of the document in `data`, and what stands in it. Raises `MalformedError`."""
    from attest.canonical import loads
    from attest.chains.challenge import CHALLENGE_TITLE, parse_challenge

    if len(data) > _MAX_BYTES:
        raise MalformedError("inspect/too-large", f"{what} has more than {_MAX_BYTES:,} bytes", hint=_OF_EVIDENCE)
    if data.startswith(CHALLENGE_TITLE.encode()):
        return "challenge", parse_challenge(data.decode("utf-8", "replace"), what=what).to_value()
    lines = data.removesuffix(b"\n").split(b"\n")
    if len(lines) > 1 and all(line.startswith(b"{") for line in lines):
        if len(lines) > _MAX_ROWS:
            raise MalformedError("inspect/too-large", f"{what} has more than {_MAX_ROWS:,} rows", hint=_OF_EVIDENCE)
        rows = enumerate(lines, start=1)
        return "lines of evidence", [loads(line, what=f"{what} row {row}", max_bytes=_MAX_BYTES) for row, line in rows]
    return _shown(parsed(data, Path(what)))


def _shown(value: Any) -> tuple[str, Any]:
    """The kind of a document, and the document with what is encoded in it made legible."""
    from attest.canonical import loads

    fields = value if isinstance(value, dict) else {}
    match fields:
        case {"format": "attest/bundle/v1"}:
            from attest.attestation.bundle import Bundle

            bundle = Bundle.from_value(value, what="the bundle")
            return "bundle", {
                "envelope": _envelope(value["envelope"]),
                "timestamps": [_timestamp(stamp.to_value()) for stamp in bundle.timestamps],
                "trustRoots": [_envelope(root) for root in value["trustRoots"]],
                "auditorReports": [_envelope(report) for report in value["auditorReports"]],
            }
        case {"format": "attest/pack/v1"}:
            from attest.attestation.pack import Pack

            bundle_bytes, proof_bytes = Pack.from_value(value, what="the pack").files
            return "pack", {
                "bundle": _shown(loads(bundle_bytes, what="the bundle", max_bytes=_MAX_BYTES))[1],
                "proof": loads(proof_bytes, what="the inclusion proof", max_bytes=_MAX_BYTES),
            }
        case {"format": str(name)}:
            return name, value
        case {"payloadType": _}:
            return "envelope", _envelope(value)
        case {"predicateType": str(name)}:
            return f"unsigned statement, {name}", value
        case {"version": _, "roles": _}:
            return "unsigned trust root", value
        case _:
            raise MalformedError("inspect/unknown", "this is no document of ours")


def _envelope(value: Any) -> dict[str, Any]:
    from hashlib import sha256

    from attest.canonical import loads
    from attest.signing.envelope import Envelope

    envelope = Envelope.from_value(value, what="the envelope")
    return {
        "payloadType": envelope.payload_type,
        "sha256": sha256(envelope.payload).hexdigest(),
        "claimsToBeSignedBy": [signature.keyid for signature in envelope.signatures],
        "payload": loads(envelope.payload, what="the payload", max_bytes=_MAX_BYTES),
    }


def _timestamp(value: Any) -> dict[str, Any]:
    from attest.documents import parse_base64
    from attest.signing.timestamp import claimed_time

    try:
        time = str(claimed_time(parse_base64(value["response"])))
    except MalformedError as error:
        time = f"unreadable: {error.message}"
    return {"payload": value["payload"], "keyid": value["keyid"], "claimsToBeOf": time}
