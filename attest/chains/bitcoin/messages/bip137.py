"""Signed messages of BIP-137, for P2PKH addresses."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from attest.chains.bitcoin.networks import Network
from attest.documents import format_base64
from attest.errors import VerificationError, refuse_machine

SIGNATURE_BYTES: Final = 65

_HASH: Final = slice(3, 23)  # in the script, between its commands
_UNCOMPRESSED: Final = range(27, 31)
_COMPRESSED: Final = range(31, 35)
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # secp256k1


def check_bip137(network: Network, script: bytes, message: bytes, signature: bytes) -> None:
    """Check that the key of the P2PKH `script` made the 65 bytes `signature` of `message`.

    The first byte says whether the key is compressed, as the script's hash is of one of the two forms. Raises
    `VerificationError`, also for a signature that anyone could have changed into this one (high s), and for the
    other kinds of addresses: their BIP-137 signatures say nothing about the script, or are read differently by
    different wallets.
    """
    import wallycore

    if wallycore.scriptpubkey_get_type(script) != wallycore.WALLY_SCRIPT_TYPE_P2PKH:
        raise VerificationError(
            "control/kind",
            "a signature of BIP-137 shows control of a P2PKH address only, and this is another kind of address",
            hint="sign with a wallet that writes BIP-322 signatures, which begin with smp, ful or pof, or have the "
            "device sign the .psbt file that attest control challenge wrote beside the text",
        )
    header, s = signature[0], int.from_bytes(signature[33:])
    if header not in _UNCOMPRESSED and header not in _COMPRESSED:
        raise _not_signed(f"its first byte, {header}, is none of a P2PKH address's")
    if s > _ORDER // 2:
        raise _not_signed("its s is in the upper half of the order, and only the one in the lower half counts")
    coin = network.name.split()[0]
    if not _recovers(coin, script, message, signature) or not _bitcoinlib_agrees(coin, script, message, signature):
        raise _not_signed("it is of another message or by another key")


def _recovers(coin: str, script: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key that libsecp256k1 finds in the signature is the script's."""
    import wallycore

    parts = f"{coin} Signed Message:\n".encode(), message
    signed = b"".join(bytes(wallycore.varint_to_bytes(len(part))) + part for part in parts)
    digest = sha256(sha256(signed).digest()).digest()
    try:
        key = bytes(wallycore.ec_sig_to_public_key(digest, signature))
    except ValueError:
        return False
    if signature[0] in _UNCOMPRESSED:
        key = bytes(wallycore.ec_public_key_decompress(key))
    return script == bytes(wallycore.scriptpubkey_p2pkh_from_bytes(wallycore.hash160(key), 0))


def _bitcoinlib_agrees(coin: str, script: bytes, message: bytes, signature: bytes) -> bool:
    import wallycore

    # Reading the address has imported it already, in the one way in which it leaves nothing behind.
    from bitcoinlib.keys import verify_message
    from bitcoinlib.networks import Network as BitcoinlibNetwork

    # The network decides how a message begins, and Bitcoin's test networks begin it as Bitcoin does.
    network = BitcoinlibNetwork(coin.lower())
    address = wallycore.base58check_from_bytes(network.prefix_address + script[_HASH])
    try:
        return verify_message(message, format_base64(signature), address, network) is True
    except Exception as error:  # noqa: BLE001 (it raises several unrelated types)
        refuse_machine(error)
        return False


def _not_signed(why: str) -> VerificationError:
    return VerificationError(
        "control/invalid",
        f"the signature does not show that the address's key signed the message: {why}",
        hint="sign the challenge as it stands, every line of it, with the key of the address it names",
    )
