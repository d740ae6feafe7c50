"""The text that a wallet's keys sign to show that somebody holds them (protocol.md, section 8)."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from attest.chains.namespaces import ChainId
from attest.documents import Count, Digest, Document, Text
from attest.errors import MalformedError
from attest.periods import Period

_NO_NONCE: Final = "-"
MAX_SIGNATURE: Final = 2**18  # characters
MAX_CONFIRMED: Final = 20_000  # so that a confirmation fits into a line of the evidence
CHALLENGE_TITLE: Final = "attest/v1 proof of control"
_LINES: Final = re.compile(
    rf"{CHALLENGE_TITLE}\nentity: (?P<entity>[^\n]+)\nperiod: (?P<period>[^\n]+)\nchain: (?P<chain>[^\n]+)\n"
    r"address: (?P<address>[^\n]+)\nblock: (?P<height>0|[1-9][0-9]{0,15}) (?P<block_hash>[0-9a-f]{64})\n"
    r"nonce: (?P<nonce>[^\n]+)",
    re.ASCII,
)

Method = Literal["bip322-simple", "bip322-full", "bip322-proof-of-funds", "bip137", "eip191", "eip712", "eip1271-safe"]
ContractKind = Literal["safe", "contract", "delegated-key", "delegated-code"]
"""Whose word it is that a contract takes a signature; see `ContractAnswer`."""

_NonceText = Annotated[str, StringConstraints(pattern=r"^(?:-|(?:[0-9a-f]{2}){16,64})$")]


class Challenge(Document):
    """What one address has to sign for one period: by whom, where, not before which block, and an auditor's nonce.

    `entity` is the origin of the exchange, `nonce` the hex that an auditor drew, or `-`.
    """

    entity: Text
    period: Period
    chain: ChainId
    address: Text
    height: Count
    block_hash: Digest
    nonce: _NonceText

    @property
    def nonce_bytes(self) -> bytes | None:
        """What the auditor drew; None for a challenge without a nonce."""
        return None if self.nonce == _NO_NONCE else bytes.fromhex(self.nonce)

    @property
    def text(self) -> str:
        """The text that is signed: seven lines, without a line break after the last."""
        return (
            f"{CHALLENGE_TITLE}\nentity: {self.entity}\nperiod: {self.period}\nchain: {self.chain}\n"
            f"address: {self.address}\nblock: {self.height} {self.block_hash.hex()}\nnonce: {self.nonce}"
        )


class Confirmation(Document):
    """What a custodian signs: that it holds the keys of the addresses of `challenges`, for the entity in each.

    Being made of the challenges themselves, it is of no use for another entity, period, address, block or nonce.
    """

    format: Literal["attest/custody-confirmation/v1"]
    custodian: Text
    challenges: Annotated[tuple[Challenge, ...], Field(min_length=1, max_length=MAX_CONFIRMED, fail_fast=True)]


def parse_challenge(text: str, *, what: str) -> Challenge:
    """The challenge that `text` is, to the byte. Raises `MalformedError`."""
    match = _LINES.fullmatch(text)
    if match is None:
        raise MalformedError(
            "control/challenge",
            f"{what} is not the text of a challenge",
            hint="sign the file that attest control challenge wrote, without changing a byte of it",
        )
    fields = match.groupdict()
    value = {"blockHash": fields.pop("block_hash"), **fields, "height": int(fields["height"])}
    return Challenge.from_value(value, what=what)


def nonce_text(nonce: bytes | None) -> str:
    """The text that a challenge has for an auditor's nonce: lower-case hex, or `-` when none was drawn."""
    return _NO_NONCE if nonce is None else nonce.hex()


def parse_nonce(text: str | None) -> bytes | None:
    """An auditor's nonce of 16 to 64 bytes in lower-case hex; None where none is given. Raises `MalformedError`."""
    if text is None:
        return None
    if re.fullmatch(r"(?:[0-9a-f]{2}){16,64}", text, re.ASCII) is None:
        raise MalformedError("control/nonce", f"{text[:80]!r} is not a nonce of 16 to 64 bytes in lower-case hex")
    return bytes.fromhex(text)
