"""Messages signed with the keys of a Bitcoin or Litecoin address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from attest.chains.bitcoin.messages.bip137 import SIGNATURE_BYTES, check_bip137
from attest.chains.bitcoin.messages.bip322 import SignedOutput, check_bip322
from attest.chains.bitcoin.networks import network
from attest.chains.bitcoin.scripts import address_script
from attest.documents import parse_base64
from attest.errors import MalformedError

MAX_MESSAGE: Final = 10_000
MAX_SIGNATURE: Final = 2**18

Kind = Literal["bip322-simple", "bip322-full", "bip322-proof-of-funds", "bip137"]

_PREFIXES: Final[dict[str, Kind]] = {"smp": "bip322-simple", "ful": "bip322-full", "pof": "bip322-proof-of-funds"}
_PREFIX_LENGTH: Final = 3


@dataclass(frozen=True, slots=True)
class SignedBy:
    """How a message was signed, and the outputs that a proof of funds says the same signer can spend."""

    kind: Kind
    outputs: tuple[SignedOutput, ...] = ()


def verify_message(chain: str, address: str, message: str, signature: str) -> SignedBy:
    """Check that the keys of `address`, on the network `chain` (CAIP-2), signed exactly `message`.

    `signature` is what BIP-322 (2.0) writes: smp, ful or pof before base64, or the base64 of a simple signature
    alone, as tools older than the prefixes write it. For a P2PKH address it may be the base64 of BIP-137.

    Raises `VerificationError` (`control/…`) for a signature that does not show it, and `MalformedError` for what is
    no signature or message at all, or no address of that network.
    """
    script = address_script(chain, address)
    data = message_bytes(message)
    if len(signature) > MAX_SIGNATURE:
        raise MalformedError("control/malformed", f"a signature has at most {MAX_SIGNATURE:,} characters")
    kind = _PREFIXES.get(signature[:_PREFIX_LENGTH])
    try:
        payload = parse_base64(signature[_PREFIX_LENGTH:] if kind else signature)
    except MalformedError:
        raise MalformedError(
            "control/malformed",
            "this is not a signature: not base64 with padding, with or without smp, ful or pof before it",
            hint="copy the whole signature as the wallet shows it, to its last character",
        ) from None
    if kind is None and len(payload) == SIGNATURE_BYTES:
        check_bip137(network(chain), script, data, payload)
        return SignedBy("bip137")
    return SignedBy(kind or "bip322-simple", check_bip322(script, data, signature))


def message_bytes(message: str) -> bytes:
    """The UTF-8 of a message, as it stands. Raises `MalformedError` when there is none, or too much of it."""
    if len(message) > MAX_MESSAGE:
        raise MalformedError("control/message", f"a message has at most {MAX_MESSAGE:,} characters")
    try:
        return message.encode()
    except UnicodeEncodeError:
        raise MalformedError("control/message", "the message holds half of a surrogate pair") from None
