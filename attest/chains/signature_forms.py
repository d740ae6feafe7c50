"""The forms in which wallets write one signature, put into the one that is published (protocol.md, section 8).

Who verifies takes that one form alone. Nothing here decides whether a signature holds, and nobody can make one here:
each form is the signature of the key that made the other.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from attest.documents import format_base64
from attest.errors import refuse_machine

_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1
_WORD: Final = 32
_EVM_BYTES: Final = 65
_COMPACT_BYTES: Final = 64  # EIP-2098
_V: Final = 27
_EIP_155: Final = 35  # what some signers of transactions add to the parity instead of 27
_BIP137_BYTES: Final = 65
_BIP137_FIRST: Final = 27
_BIP137_LAST: Final = 42
_BIP322: Final = re.compile(r"(smp|ful|pof)?(.*)", re.DOTALL)
_HEX: Final = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)")
_SHORTEST_HEX: Final = 2 * _BIP137_BYTES  # base64 that is shorter could be hex by chance
_PSBT: Final = b"psbt\xff"
_VERSIONS: Final = {version.to_bytes(4, "little") for version in range(3)}


def hex_bytes(text: str) -> bytes | None:
    """The bytes of hex in either case, with or without 0x before it; None for anything else."""
    match = _HEX.fullmatch(text)
    return None if match is None else bytes.fromhex(match[1])


def evm_forms(signature: bytes) -> list[bytes]:
    """r, s and v of 65 bytes, with s in the lower half and v 27 or 28, that a wallet may have meant, likeliest first.

    Wallets write v as 27 or 28, as 0 or 1, as a transaction has it (EIP-155), in the highest bit of s (EIP-2098), or
    not at all. The last two have 64 bytes, and only the key can tell which they are. Empty for other lengths and v.
    """
    r, s = signature[:_WORD], int.from_bytes(signature[_WORD : 2 * _WORD])
    if len(signature) == _EVM_BYTES:
        v = signature[-1]
        if v >= _EIP_155:
            return [_evm(r, s, (v - _EIP_155) % 2)]
        return [_evm(r, s, v % _V)] if v % _V in {0, 1} else []
    if len(signature) == _COMPACT_BYTES:
        compact = s % (1 << 255)
        return [_evm(r, compact, s >> 255), _evm(r, s, 0), _evm(r, s, 1)]
    return []


def bitcoin_form(text: str) -> str:
    """The base64 of a Bitcoin signature, with the prefix of BIP-322 where it says which kind it is.

    It is taken from base64 with or without padding, or from hex. `text` comes back as it is when it is neither.
    A PSBT without a prefix stays one; see `is_psbt`.
    """
    match = _BIP322.fullmatch(text)
    prefix, data = (match[1] or "", _bitcoin_bytes(match[2])) if match else ("", None)
    if data is None:
        prefix, data = "", _bitcoin_bytes(text)
    if data is None:
        return text
    if not prefix and len(data) == _BIP137_BYTES:
        return format_base64(_low_bip137(data))
    if not prefix and data[:4] in _VERSIONS:
        # A transaction: a witness, of which a simple signature consists, never begins with so many zeros.
        prefix = "ful"
    return prefix + format_base64(data)


def nested_form(script: bytes, message: bytes, signature: str) -> str:
    """A simple signature for a P2SH-P2WPKH `script` as the full one of BIP-322, which has no simple one for it.

    Wallets of before its version 2 write the witness alone, from whose key the rest follows. Any other signature or
    script comes back as it is.
    """
    from btclib_wallet.bip322 import Sig, to_sign, to_spend
    from wallycore import hash160

    text = signature if signature[:3] == "smp" else f"smp{signature}"
    try:
        witness = Sig.b64decode(text).payload
        _, key = witness.stack  # type: ignore[union-attr]
    except Exception as error:  # noqa: BLE001 (its parsers raise several unrelated types)
        refuse_machine(error)
        return signature
    redeem = b"\x00\x14" + bytes(hash160(key))
    if script != b"\xa9\x14" + bytes(hash160(redeem)) + b"\x87":
        return signature
    tx = to_sign(to_spend(message, script), witness=witness)  # type: ignore[arg-type]
    tx.vin[0].script_sig = bytes([len(redeem)]) + redeem
    return str(Sig(tx).b64encode())


def is_psbt(text: str) -> bool:
    """Whether the base64 `text` is a PSBT (BIP-174) rather than a signature."""
    return text.startswith(base64.b64encode(_PSBT)[:6].decode())


def _evm(r: bytes, s: int, parity: int) -> bytes:
    if s > _ORDER // 2 and s < _ORDER:  # of the two signatures of one key, only that with the lower s counts (EIP-2)
        s, parity = _ORDER - s, 1 - parity
    return r + s.to_bytes(_WORD) + bytes([_V + parity])


def _low_bip137(data: bytes) -> bytes:
    """The signature of BIP-137 with its s in the lower half of the order, where bitcoind puts it."""
    first, s = data[0], int.from_bytes(data[1 + _WORD :])
    if not (_BIP137_FIRST <= first <= _BIP137_LAST and _ORDER // 2 < s < _ORDER):
        return data
    parity = (first - _BIP137_FIRST) ^ 1
    return bytes([_BIP137_FIRST + parity]) + data[1 : 1 + _WORD] + (_ORDER - s).to_bytes(_WORD)


def _bitcoin_bytes(text: str) -> bytes | None:
    if len(text) >= _SHORTEST_HEX and (data := hex_bytes(text)) is not None:
        return data
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data or None
