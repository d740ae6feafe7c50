"""What a wallet puts into a file when it signs a text: the signature, and often the text and the address beside it.

Most wallets show the signature alone. Others wrap it as mail programs do ("-----BEGIN BITCOIN SIGNED MESSAGE-----":
Coldcard, Trezor Suite, Electrum's ancestors), or in JSON (MyEtherWallet, MyCrypto, trezorctl, the answer of a node).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from attest.chains.challenge import Challenge
from attest.chains.family import signing
from attest.errors import MalformedError, VerificationError

_MARKER: Final = re.compile(r"-{3,8} ?(BEGIN|END) ([A-Z0-9 ]{1,60}?) ?-{3,8}")
_HEADER: Final = re.compile(r"(Version|Comment|Charset|Hash|Address|MessageID): (.*)", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"[1-9A-HJ-NP-Za-km-z]{25,36}"  # base58
    r"|[a-z]{2,6}1[02-9ac-hj-np-z]{8,90}|[A-Z]{2,6}1[02-9AC-HJ-NP-Z]{8,90}"  # bech32
    r"|0x[0-9a-fA-F]{40}"
)
_ENCODINGS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The names that wallets, their libraries and nodes give to a field, in the order in which they are looked for.
_SIGNATURES: Final = ("sig", "signature", "fullsig", "signedmessage", "payload", "result")
_MESSAGES: Final = ("msg", "message")
_ADDRESSES: Final = ("address", "account")
_WORD_BYTES: Final = 32
_SHOWN: Final = 80
_MAX_BRACKETS: Final = 64


class Written(NamedTuple):
    """A signature without white space, and the text and address that its file says it is of, where it says so."""

    signature: str
    message: str | None = None
    address: str | None = None


def parse_written(data: bytes) -> Written:
    """The signature in a file as a wallet or a text editor wrote it. Raises `MalformedError`."""
    text = _text(data)
    if not text:
        raise MalformedError(
            "control/malformed", "the file is empty", hint="copy the signature into it, as the wallet shows it"
        )
    if _MARKER.match(text):
        return _armoured(text)
    if text[0] in '{["':
        return _of_json(text)
    if text[0] == text[-1] and text[0] in "'`":
        text = text[1:-1]
    return Written("".join(text.split()))


def check_named(challenge: Challenge, written: Written) -> None:
    """See that a file which names its text and address names those of the challenge. Raises `VerificationError`."""
    if written.address is not None and not signing(challenge.chain).is_address(challenge, written.address):
        raise VerificationError(
            "control/other-address",
            f"the file says that {_shown(written.address)} signed, and the challenge is for {challenge.address}",
            hint="choose the key of that address in the wallet, and sign again",
        )
    if written.message is not None:
        _check_message(challenge.text, written.message)


def _check_message(expected: str, message: str) -> None:
    found = [line.rstrip() for line in message.strip().splitlines()]
    wanted = expected.split("\n")
    if found == wanted:
        return
    place = next((at for at, (one, other) in enumerate(zip(found, wanted, strict=False)) if one != other), None)
    if place is None:
        what = f"the text in the file has {len(found)} lines, and that of the challenge has {len(wanted)}"
    else:
        what = (
            f"the file is of another text: its line {place + 1} is {_shown(found[place])!r}, "
            f"and that of the challenge is {_shown(wanted[place])!r}"
        )
    raise VerificationError(
        "control/other-message", what, hint="sign the .txt file of this challenge as it is, every line of it"
    )


def _text(data: bytes) -> str:
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding).strip().strip("\ufeff").strip()
    except UnicodeDecodeError:
        raise MalformedError(
            "control/malformed",
            "this is not text",
            hint="a signature is text: copy it from the wallet into a plain text file; a PSBT in binary ends in .psbt",
        ) from None


def _armoured(text: str) -> Written:
    """The parts of a text between lines of dashes."""
    message: list[str] | None = None
    signature: list[str] | None = None
    part: list[str] = []
    for line in text.splitlines():
        if (marker := _MARKER.fullmatch(line.strip())) is None:
            part.append(line)
            continue
        part = []
        if marker[1] == "BEGIN" and marker[2].endswith("SIGNED MESSAGE"):
            message = part
        elif marker[1] == "BEGIN" and marker[2].endswith("SIGNATURE"):
            signature = part
    if signature is None:
        raise MalformedError(
            "control/malformed",
            "the file begins as a signed message and has no line -----BEGIN BITCOIN SIGNATURE-----",
            hint="copy all of what the wallet wrote, from -----BEGIN to the last -----END",
        )
    lines = [line.strip() for line in signature if line.strip()]
    named = {match[1].lower(): match[2] for line in lines if (match := _HEADER.fullmatch(line))}
    lines = [line for line in lines if not _HEADER.fullmatch(line)]
    address = named.get("address")
    if address is None and len(lines) > 1 and _ADDRESS.fullmatch(lines[0]):
        address = lines.pop(0)
    # RFC 4880, 7.1: a line that begins with a dash stands behind another dash and a space.
    shown = None if message is None else "\n".join(line.removeprefix("- ") for line in message)
    return Written("".join("".join(lines).split()), shown, address)


def _of_json(text: str) -> Written:
    nested = text.count("{") + text.count("[") > _MAX_BRACKETS  # Python's parser goes as deep as they lead
    try:
        value = None if nested else json.loads(text, strict=False)
    except ValueError:
        raise MalformedError(
            "control/malformed",
            "the file begins as JSON and is none",
            hint="copy the signature alone into the file, as the wallet shows it",
        ) from None
    found = _fields(value)
    signature = _joined(found) if {"r", "s"} <= found.keys() else _first(found, _SIGNATURES)
    if isinstance(value, str):
        signature = value
    if signature is None:
        raise MalformedError(
            "control/malformed",
            "the JSON in the file has no field sig or signature",
            hint="copy the signature alone into the file, as the wallet shows it",
        )
    return Written("".join(signature.split()), _message(_first(found, _MESSAGES)), _first(found, _ADDRESSES))


def _fields(value: object) -> dict[str, Any]:
    """The fields of an object by their names in lower case, with those of an object that is the signature itself."""
    if not isinstance(value, Mapping):
        return {}
    fields = {str(name).lower(): item for name, item in value.items()}
    for name in _SIGNATURES:
        if isinstance(inner := fields.get(name), Mapping):
            return {**fields, name: None, **_fields(inner)}
    return fields


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), None)


def _message(text: str | None) -> str | None:
    """The text, which some wallets write in hex."""
    if text is not None and re.fullmatch(r"0x(?:[0-9a-fA-F]{2})+", text):
        return bytes.fromhex(text[2:]).decode("utf-8", "replace")
    return text


def _joined(fields: Mapping[str, Any]) -> str | None:
    """r, s and, where it is there, v as one number in hex."""
    r, s, v = (_number(fields.get(name)) for name in ("r", "s", "v"))
    v = _number(fields.get("yparity", fields.get("recoveryparam"))) if v is None else v
    if r is None or s is None or max(r, s) >> (8 * _WORD_BYTES) or (v or 0) >> 8:
        return None
    return f"0x{r:064x}{s:064x}" + ("" if v is None else f"{v:02x}")


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if isinstance(value, str) and len(value) <= 2 * _WORD_BYTES + 2:
        hexadecimal = value.lower().removeprefix("0x")
        decimal = value.isascii() and value.isdecimal() and len(value) <= 3  # noqa: PLR2004 (v; r and s are longer)
        if decimal:
            return int(value)
        return int(hexadecimal, 16) if re.fullmatch(r"[0-9a-f]+", hexadecimal) else None
    return None


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
