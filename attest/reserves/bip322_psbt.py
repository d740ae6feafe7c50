"""Messages signed by PSBT (BIP-322, BIP-174), as several signers of one wallet sign, together or one after another.

To a wallet that knows nothing of messages, signing one is spending an output, for nothing. Nobody can broadcast it,
because there is no such output.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from attest.errors import MalformedError, VerificationError
from attest.reserves.bitcoin_networks import Network, network
from attest.reserves.bitcoin_scripts import address_script, descriptor_scripts
from attest.reserves.control_bitcoin import MAX_SIGNATURE, message_bytes

if TYPE_CHECKING:
    from btclib_wallet.psbt import Psbt

MAX_PSBTS: Final = 20  # BIP-383: a script has no more signers

_EXTENDED_KEY: Final = re.compile(r"(?<=[(,\]])[1-9A-HJ-NP-Za-km-z]{111,112}\b")
_VERSION_BYTES: Final = 4
_OP_RETURN: Final = b"\x6a"
_TOLD: Final = 200
_CHECKMULTISIG: Final = 0xAE
_OP_0_PLUS: Final = 0x50  # OP_1 is 0x51
_OP_16: Final = 16
_SMALLEST_MULTISIG: Final = 37  # OP_1, a key, OP_1, OP_CHECKMULTISIG


def psbt_to_sign(chain: str, address: str, message: str, *, descriptor: str, index: int | None = None) -> str:
    """A PSBT in base64 which the keys of `descriptor` sign in order to sign `message` with `address`.

    It tells signers the message, their keys and where these come from. `index` is the address's in a descriptor with
    a *. Raises `MalformedError` when the descriptor does not stand for the address there.
    """
    from btclib.script.script_pub_key import ScriptPubKey, is_segwit
    from btclib_wallet.bip322 import to_sign_psbt
    from btclib_wallet.descriptors import parse

    script = address_script(chain, address)
    if ("*" in descriptor) != (index is not None):
        raise MalformedError("control/descriptor", "a descriptor takes an index exactly when it has a *")
    if descriptor_scripts(descriptor, (index or 0, index or 0), chain) != (script,):
        at = "" if index is None else f" at index {index}"
        raise MalformedError(
            "control/descriptor",
            f"the descriptor does not stand for {address}{at}",
            hint="give the descriptor of the wallet that holds the address, and its index there",
        )
    of, data = network(chain), message_bytes(message)
    try:
        keys = parse(_with_plain_keys(descriptor, of), "testnet" if of.test else "mainnet")
        psbt = to_sign_psbt(data, ScriptPubKey(script).address)
        psbt = keys.update_psbt_input(psbt, 0, index or 0)
        to_spend = psbt.inputs[0].non_witness_utxo
        if to_spend is not None and is_segwit(psbt.inputs[0].redeem_script or script):
            psbt.inputs[0].witness_utxo = to_spend.vout[0]  # some signers of segwit inputs look for nothing else
        psbt.assert_signable()
        return psbt.b64encode()
    except Exception as error:  # noqa: BLE001 (it refuses with several unrelated types)
        raise MalformedError(
            "control/descriptor", f"no PSBT can be made for this descriptor: {str(error)[:_TOLD]}"
        ) from None


def signature_of_psbts(psbts: Sequence[str]) -> str:
    """The BIP-322 signature, with its prefix, in what signers made of one PSBT (base64), each of it or in turn.

    It is for `verify_message` to say whether it is valid. Raises `MalformedError` for what is no PSBT, and
    `VerificationError` when they are of different messages or sign no message at all (`control/psbt`), or when
    signatures are missing or wrong (`control/incomplete`).
    """
    from btclib_wallet.bip322 import Sig
    from btclib_wallet.descriptors import miniscript_solver
    from btclib_wallet.psbt import combine, extract_tx, finalize

    if not 0 < len(psbts) <= MAX_PSBTS:
        raise MalformedError("control/psbt", f"a message is signed by 1 to {MAX_PSBTS} PSBTs")
    parsed = [_message_psbt(text) for text in psbts]
    try:
        combined = combine(parsed)
    except Exception as error:  # noqa: BLE001 (it refuses with several unrelated types)
        raise VerificationError(
            "control/psbt",
            f"these are not PSBTs of one message: {str(error)[:_TOLD]}",
            hint="every signer signs the PSBT of the same challenge",
        ) from None
    try:
        signed = finalize(combined, solver=miniscript_solver)
        to_sign = extract_tx(signed, verify_scripts=False, max_fee_rate=None)
    except Exception as error:  # noqa: BLE001 (as above)
        raise VerificationError(
            "control/incomplete",
            _too_few(combined) or "signatures are missing or wrong",
            hint="add the PSBTs of as many signers as the wallet asks for",
            details=(str(error)[:_TOLD],),
        ) from None
    (spend,) = to_sign.vin
    # Only a simple signature leaves all else out.
    is_simple = not (spend.script_sig or spend.sequence or to_sign.version or to_sign.lock_time)
    return Sig(spend.script_witness if is_simple else to_sign).b64encode()


def _too_few(psbt: Psbt) -> str | None:
    """How many signatures are there of how many, where the script says so and they are too few."""
    (spent,) = psbt.inputs
    script = bytes(spent.witness_script or spent.redeem_script)
    if len(script) < _SMALLEST_MULTISIG or script[-1] != _CHECKMULTISIG:
        return None
    needed, there = script[0] - _OP_0_PLUS, len(spent.partial_sigs)
    return f"{there} of {needed} signatures are there" if 0 < needed <= _OP_16 and there < needed else None


def _message_psbt(text: str) -> Psbt:
    from btclib_wallet.psbt import Psbt

    if len(text) > MAX_SIGNATURE:
        raise MalformedError("control/psbt", f"a PSBT of a message has at most {MAX_SIGNATURE:,} characters")
    try:
        psbt = Psbt.b64decode(text)
    except Exception as error:  # noqa: BLE001 (its parsers raise several unrelated types)
        raise MalformedError("control/psbt", f"this is not a PSBT in base64: {str(error)[:_TOLD]}") from None
    tx = psbt.tx
    outputs = [(output.value, output.script_pub_key.script) for output in tx.vout]
    if len(tx.vin) != 1 or outputs != [(0, _OP_RETURN)]:
        raise VerificationError(
            "control/psbt",
            "this PSBT is a payment, not a message",
            hint="do not publish it; sign the PSBT of the challenge",
        )
    return psbt


def _with_plain_keys(descriptor: str, network: Network) -> str:
    """A valid descriptor without its checksum, with the extended keys of SLIP-132 spelled as BIP-32 does."""
    import wallycore

    def plain(match: re.Match[str]) -> str:
        payload = bytes(wallycore.base58check_to_bytes(match[0]))
        return str(wallycore.base58check_from_bytes(network.xpub + payload[_VERSION_BYTES:]))

    return _EXTENDED_KEY.sub(plain, descriptor.partition("#")[0])
