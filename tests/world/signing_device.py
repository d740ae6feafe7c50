"""A signing device that holds one seed: what it wants to be told before it signs a message in a PSBT, and how it does.

Its rules are those of Coldcard's firmware (docs/proof-of-reserves-bip-322.md, shared/psbt.py), the strictest that is
known; Ledger's application and HWI also look keys up by where the PSBT says that they come from. libwally signs.
"""

from __future__ import annotations

from typing import Any

import wallycore
from btclib_wallet.bip322 import to_spend
from btclib_wallet.psbt import Psbt

MAX_MESSAGE = 330


class DeviceError(Exception):
    """What the device shows on its screen instead of a message to confirm."""


class Device:
    """A device with the keys of one seed. What it returns has its signatures and the fields that it was given."""

    def __init__(self, seed: int, version: int = wallycore.BIP32_VER_MAIN_PRIVATE) -> None:
        self.master = wallycore.bip32_key_from_seed(bytes((seed,)) * 32, version, 0)
        self.fingerprint = bytes(wallycore.bip32_key_get_fingerprint(self.master)).hex()

    def key(self, path: str) -> Any:
        return wallycore.bip32_key_from_parent_path_str(self.master, path, 0, wallycore.BIP32_FLAG_KEY_PRIVATE)

    def public(self, path: str) -> str:
        return bytes(wallycore.bip32_key_get_pub_key(self.key(path))).hex()

    def account(self, path: str) -> str:
        return str(wallycore.bip32_key_to_base58(self.key(path), wallycore.BIP32_FLAG_KEY_PUBLIC))

    def sign(self, text: str) -> str:
        """The PSBT with this device's signature. Raises `DeviceError` when the device does not offer to sign."""
        psbt = Psbt.b64decode(text)
        self._check(psbt)
        signed = wallycore.psbt_from_base64(text, 0)
        (item,) = psbt.inputs
        for origin in [*item.hd_key_paths.values(), *(path for _, path in item.taproot_hd_key_paths.values())]:
            if origin.master_fingerprint.hex() == self.fingerprint:
                key = wallycore.bip32_key_from_parent_path(
                    self.master, list(origin.der_path), wallycore.BIP32_FLAG_KEY_PRIVATE
                )
                wallycore.psbt_sign(signed, bytes(wallycore.bip32_key_get_priv_key(key)), wallycore.EC_FLAG_GRIND_R)
        return str(wallycore.psbt_to_base64(signed, 0))

    def _check(self, psbt: Psbt) -> None:
        message = psbt.signed_message
        if message is None:
            raise DeviceError("msg")
        _check_text(message)
        (item,) = psbt.inputs
        origins = [*item.hd_key_paths.values(), *(origin for _, origin in item.taproot_hd_key_paths.values())]
        if not origins:
            raise DeviceError("PSBT inputs do not contain any key path information.")
        if self.fingerprint not in {origin.master_fingerprint.hex() for origin in origins}:
            raise DeviceError("None of the keys involved in this transaction belong to this Coldcard")
        spend = item.non_witness_utxo
        if spend is None or spend != to_spend(message, spend.vout[0].script_pub_key.script):
            raise DeviceError("i0: invalid BIP-322 'to_spend'")
        if (psbt.version, psbt.tx.version, psbt.tx.vin[0].sequence, item.sig_hash_type) != (0, 0, 0, None):
            raise DeviceError("bad txn version")
        script = spend.vout[0].script_pub_key.script
        if (script[:2], bool(item.redeem_script)) == (b"\xa9\x14", False):
            raise DeviceError("missing redeem script")
        if (script[:2], bool(item.witness_script)) == (b"\x00\x20", False):
            raise DeviceError("missing witness script")


def _check_text(message: bytes) -> None:
    if len(message) > MAX_MESSAGE:
        raise DeviceError("msg too long (max. 330)")
    if not all(32 <= byte < 127 or byte in b"\t\n" for byte in message) or b"   " in message:
        raise DeviceError("must be ascii")
    if message.strip() != message:
        raise DeviceError("leading or trailing space")
