"""Messages signed by PSBT (BIP-322, BIP-174), as several signers of one wallet sign, together or one after another.

To a wallet that knows nothing of messages, signing one is spending an output, for nothing. Nobody can broadcast it,
because there is no such output.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from attest.chains.bitcoin.messages.message import MAX_SIGNATURE, message_bytes
from attest.chains.bitcoin.networks import Network, network
from attest.chains.bitcoin.scripts import address_script, descriptor_scripts
from attest.errors import MalformedError, VerificationError, refuse_machine

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


def psbt_to_sign(
    chain: str, address: str, message: str, *, descriptor: str | None = None, index: int | None = None
) -> str:
    """A PSBT in base64 which the keys of `address` sign in order to sign `message` with it.

    It tells signers the message, and with the `descriptor` of the address their keys, scripts and where the keys come
    from, which most devices ask for; `index` is the address's in a descriptor with a *. Without one, a wallet has to
    know the address as its own. Raises `MalformedError` when the descriptor does not stand for the address there.
    """
    from btclib.script.script_pub_key import ScriptPubKey, is_segwit
    from btclib_wallet.bip322 import to_sign_psbt
    from btclib_wallet.descriptors import parse

    script = address_script(chain, address)
    if descriptor is not None:
        _check_stands_for(descriptor, index, chain, address, script)
    of, data = network(chain), message_bytes(message)
    try:
        psbt = to_sign_psbt(data, ScriptPubKey(script).address)
        if descriptor is not None:
            keys = parse(_with_plain_keys(descriptor, of), "testnet" if of.test else "mainnet")
            psbt = keys.update_psbt_input(psbt, 0, index or 0)
        to_spend = psbt.inputs[0].non_witness_utxo
        if to_spend is not None and is_segwit(psbt.inputs[0].redeem_script or script):
            psbt.inputs[0].witness_utxo = to_spend.vout[0]  # some signers of segwit inputs look for nothing else
        psbt.assert_signable()
        return psbt.b64encode()
    except Exception as error:  # noqa: BLE001 (it refuses with several unrelated types)
        refuse_machine(error)
        raise MalformedError(
            "control/descriptor", f"no PSBT can be made for this descriptor: {str(error)[:_TOLD]}"
        ) from None


def _check_stands_for(descriptor: str, index: int | None, chain: str, address: str, script: bytes) -> None:
    if ("*" in descriptor) != (index is not None):
        raise MalformedError("control/descriptor", "a descriptor takes an index exactly when it has a *")
    if descriptor_scripts(descriptor, (index or 0, index or 0), chain) != (script,):
        at = "" if index is None else f" at index {index}"
        raise MalformedError(
            "control/descriptor",
            f"the descriptor does not stand for {address}{at}",
            hint="give the descriptor of the wallet that holds the address, and its index there",
        )


def signature_of_psbts(psbts: Sequence[str], asked: str | None = None) -> str:
    """The BIP-322 signature, with its prefix, in what signers made of one PSBT (base64), each of it or in turn.

    `asked` is the PSBT that they were given, from which those come that a signer left out what it was told.
    It is for `verify_message` to say whether the signature is valid. Raises `MalformedError` for what is no PSBT, and
    `VerificationError` when they are of different messages or sign no message at all (`control/psbt`), or when
    signatures are missing or wrong (`control/incomplete`).
    """
    from btclib_wallet.bip322 import Sig
    from btclib_wallet.descriptors import miniscript_solver
    from btclib_wallet.psbt import combine, extract_tx, finalize

    if not 0 < len(psbts) <= MAX_PSBTS:
        raise MalformedError("control/psbt", f"a message is signed by 1 to {MAX_PSBTS} PSBTs")
    parsed = [_message_psbt(text) for text in psbts]
    if asked is not None:
        parsed += _asked(_message_psbt(asked), parsed)
    try:
        combined = combine(parsed)
    except Exception as error:  # noqa: BLE001 (it refuses with several unrelated types)
        refuse_machine(error)
        raise VerificationError(
            "control/psbt",
            f"these PSBTs cannot be put together: {str(error)[:_TOLD]}",
            hint="every signer signs a copy of the PSBT of the same challenge, or what another signer made of it",
        ) from None
    _reveal_key(combined)
    try:
        signed = finalize(combined, solver=miniscript_solver)
        to_sign = extract_tx(signed, verify_scripts=False, max_fee_rate=None)
    except Exception as error:  # noqa: BLE001 (as above)
        refuse_machine(error)
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


def _asked(asked: Psbt, returned: Sequence[Psbt]) -> list[Psbt]:
    """The PSBT that was to be signed, where it can complete the returned ones: some signers write another version.

    Raises `VerificationError` when what was returned is of another challenge.
    """
    if any(psbt.tx.vin[0].prev_out != asked.tx.vin[0].prev_out for psbt in returned):
        raise VerificationError(
            "control/psbt",
            "this PSBT is of another text or address than the challenge",
            hint="sign the PSBT that lies beside this challenge's text",
        )
    return [asked] if all(psbt.tx.id == asked.tx.id for psbt in returned) else []


def _reveal_key(psbt: Psbt) -> None:
    """Put in the script behind the hash of a P2SH-P2WPKH address, where the signer whose key it is left it out."""
    from btclib.hashes import hash160

    (spent,) = psbt.inputs
    if spent.redeem_script or spent.non_witness_utxo is None:
        return
    script = spent.non_witness_utxo.vout[0].script_pub_key.script
    for key in spent.partial_sigs:
        redeem = b"\x00\x14" + hash160(key)
        if script == b"\xa9\x14" + hash160(redeem) + b"\x87":
            spent.redeem_script = redeem


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
        psbt = psbt if psbt.version == 0 else psbt.to_v0()  # BIP-370, as some wallets write it back
    except Exception as error:  # noqa: BLE001 (its parsers raise several unrelated types)
        refuse_machine(error)
        raise MalformedError(
            "control/psbt",
            f"this is not a PSBT: {str(error)[:_TOLD]}",
            hint="a PSBT is a file in binary, or text in base64 or hex",
        ) from None
    tx = psbt.tx
    pays = [(output.value, output.script_pub_key.script) for output in tx.vout] != [(0, _OP_RETURN)]
    if len(tx.vin) != 1 or pays:
        what = f"spends {len(tx.vin)}" if len(tx.vin) != 1 else "pays"
        raise VerificationError(
            "control/psbt",
            f"this PSBT is not that of a message, which spends one output and pays nothing: it {what}",
            hint="if it is a payment, do not publish it; sign the PSBT of the challenge. "
            "A proof of funds goes into a .sig file: pof and then base64",
        )
    return psbt


def _with_plain_keys(descriptor: str, network: Network) -> str:
    """A valid descriptor without its checksum, with the extended keys of SLIP-132 spelled as BIP-32 does."""
    import wallycore

    def plain(match: re.Match[str]) -> str:
        payload = bytes(wallycore.base58check_to_bytes(match[0]))
        return str(wallycore.base58check_from_bytes(network.xpub + payload[_VERSION_BYTES:]))

    return _EXTENDED_KEY.sub(plain, descriptor.partition("#")[0])
