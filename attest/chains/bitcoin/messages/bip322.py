"""Signed messages of BIP-322 (2.0): whatever can spend from a script can sign with it.

The message becomes a virtual transaction that pays to the script, and a signature is a second one that spends it.
btclib runs the scripts under the rules of the BIP. A valid spend is refused here all the same when it does not show
that somebody holds the keys now: when nobody signed, one key counted twice, or a lock time had to pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from attest.errors import AttestError, MalformedError, VerificationError, refuse_machine

if TYPE_CHECKING:
    from btclib.tx import Tx, TxIn, TxOut
    from btclib_wallet.bip322 import Sig
    from btclib_wallet.psbt import Psbt

_OP_PUSHDATA1: Final = 0x4C
_OP_PUSHDATA4: Final = 0x4E
_OP_CHECKLOCKTIMEVERIFY: Final = 0xB1
_OP_CHECKSEQUENCEVERIFY: Final = 0xB2
_HASH_BYTES: Final = 20  # of a key; a script pushes nothing shorter that names one
_RELATIVE: Final = 0xFFFF  # BIP-68: these bits of a sequence are blocks or units of 512 s, unless
_NOT_RELATIVE: Final = 1 << 31  # this one is set
_RELATIVE_VERSION: Final = 2
_TOLD: Final = 200


class SignedOutput(NamedTuple):
    """An output that a proof of funds spends beside the message, as the proof states it.

    `txid` is in the byte order in which nodes print it, `amount` in satoshi. Only a node knows whether the chain has
    such an output and whether it is unspent.
    """

    txid: bytes
    vout: int
    amount: int
    script: bytes


def check_bip322(script: bytes, message: bytes, signature: str) -> tuple[SignedOutput, ...]:
    """Check that `signature` spends the scriptPubKey `script` for `message`; the outputs a proof of funds adds.

    `signature` is smp, ful or pof and base64, or the base64 of a simple signature. Raises `MalformedError` when it
    is none, and `VerificationError` when it is not valid, whatever the reason, or shows no control of the keys.
    """
    from btclib.exceptions import InconclusiveError
    from btclib.script.script_pub_key import ScriptPubKey
    from btclib_wallet import bip322

    try:
        parsed = bip322.Sig.b64decode(signature)
    except Exception as error:  # noqa: BLE001 (its parsers raise several unrelated types)
        refuse_machine(error)
        raise MalformedError(
            "control/malformed",
            f"this is no signature of BIP-322: {_told(error)}",
            hint="only a simple signature may go without its prefix smp; the others begin with ful or pof",
        ) from None
    try:
        # The script alone is signed, so that it may stand for an address of another network that btclib does not know.
        bip322.assert_as_valid(message, ScriptPubKey(script).address, parsed)
        tx, outputs = _transaction(parsed, bip322.to_spend(message, script))
        _check_control(tx, outputs)
    except AttestError:
        raise
    except InconclusiveError as error:
        raise VerificationError(
            "control/inconclusive",
            f"the signature is neither valid nor invalid, as its script has no full meaning yet: {_told(error)}",
            hint="sign in the way in which the wallet spends, with version, lock time and sequence 0",
        ) from None
    except Exception as error:  # noqa: BLE001 (what it finds wrong has several unrelated types)
        refuse_machine(error)
        raise VerificationError(
            "control/invalid",
            f"the signature does not show that the address's keys signed the message: {_told(error)}",
            hint="sign the challenge as it stands, every line of it, with the keys of the address it names",
        ) from None
    return tuple(
        SignedOutput(tx_in.prev_out.tx_id, tx_in.prev_out.vout, output.value, output.script_pub_key.script)
        for tx_in, output in zip(tx.vin[1:], outputs[1:], strict=True)
    )


def _transaction(signature: Sig, to_spend: Tx) -> tuple[Tx, list[TxOut]]:
    """The transaction that a signature is, and the outputs that its inputs spend."""
    from btclib.script.witness import Witness
    from btclib.tx import Tx
    from btclib_wallet.bip322 import to_sign
    from btclib_wallet.psbt import extract_tx

    if isinstance(signature.payload, Witness):
        return to_sign(to_spend, witness=signature.payload), list(to_spend.vout)
    if isinstance(signature.payload, Tx):
        return signature.payload, list(to_spend.vout)
    tx = extract_tx(signature.payload, verify_scripts=False, max_fee_rate=None)
    return tx, [*to_spend.vout, *_stated(signature.payload)[1:]]


def _stated(psbt: Psbt) -> list[TxOut]:
    """The outputs that a proof of funds says its inputs spend.

    The transaction they are of may stand in the first input that spends one of them. Where it is there it decides,
    because its hash is in the outpoint.
    """
    transactions: dict[bytes, Tx] = {}
    outputs = []
    for item in psbt.inputs:
        if item.non_witness_utxo is not None:
            transactions[item.non_witness_utxo.id] = item.non_witness_utxo
        transaction = transactions.get(item.prev_out.tx_id)
        output = item.witness_utxo if transaction is None else transaction.vout[item.prev_out.vout]
        if output is not None:  # a proof without it was not valid
            outputs.append(output)
    return outputs


def _check_control(tx: Tx, outputs: list[TxOut]) -> None:
    """Refuse a valid transaction when one of its inputs shows no control of keys."""
    from btclib.script.engine import verify_input
    from btclib.script.sig_hash import PrecomputedTxData
    from btclib_wallet.bip322 import REQUIRED_RULES

    shared = PrecomputedTxData(tx, outputs)
    for index, (tx_in, output) in enumerate(zip(tx.vin, outputs, strict=True)):
        script = _revealed_script(tx_in, output)
        if script is None:
            continue
        hash_types: list[int] = []
        signers: list[tuple[bytes, bytes]] = []
        verify_input(outputs, tx, index, REQUIRED_RULES, shared, hash_types, signers)
        if not hash_types:
            raise VerificationError(
                "control/no-key",
                "the script is satisfied without any signature, which shows control of no key",
                hint="sign by a branch of the script that asks for a key",
            )
        commands = list(_commands(script))
        # Who made a Schnorr signature is not told: there no key may stand in the script twice.
        keys = [_x(key) for key, _ in signers] or [data for _, data in commands if len(data) >= _HASH_BYTES]
        if len(set(keys)) < len(keys):
            raise VerificationError(
                "control/one-key",
                "one key signs for two of the script's signers",
                hint="a multisig wallet is controlled by as many different keys as it asks for",
            )
        if _waits(tx, tx_in, {command for command, _ in commands}):
            raise VerificationError(
                "control/locked",
                "the signature holds only after a lock time of the script, so these keys may not move the coins yet",
                hint="sign with the keys that need not wait, and with lock time and sequence 0",
            )


def _revealed_script(tx_in: TxIn, output: TxOut) -> bytes | None:
    """The script behind the hash in an address; None when there is one key and nothing else, which must have signed."""
    from btclib.script.engine import taproot_get_annex
    from btclib.script.script_pub_key import type_and_payload

    script = output.script_pub_key.script
    if type_and_payload(script)[0] == "p2sh":
        *_, (_, script) = _commands(tx_in.script_sig)
    match type_and_payload(script)[0]:
        case "p2pkh" | "p2wpkh":
            return None
        case "p2wsh":
            return tx_in.script_witness.stack[-1]
        case "p2tr":
            _, stack = taproot_get_annex(tx_in.script_witness)
            return stack[-2] if len(stack) > 1 else None
        case _:
            return script


def _commands(script: bytes) -> Iterator[tuple[int, bytes]]:
    """Each command of a script that has run, with the data that it pushes."""
    at = 0
    while at < len(script):
        command = script[at]
        at += 1
        size = command if command < _OP_PUSHDATA1 else 0
        if _OP_PUSHDATA1 <= command <= _OP_PUSHDATA4:
            digits = 1 << (command - _OP_PUSHDATA1)
            size = int.from_bytes(script[at : at + digits], "little")
            at += digits
        yield command, script[at : at + size]
        at += size


def _x(key: bytes) -> bytes:
    """What a key shares with its negative, which the same person can sign with."""
    return key[1:33]


def _waits(tx: Tx, tx_in: TxIn, commands: set[int]) -> bool:
    """Whether the script can ask for a lock time, and the transaction has one that it can ask for (BIP-65, BIP-112)."""
    relative = tx.version >= _RELATIVE_VERSION and not tx_in.sequence & _NOT_RELATIVE and tx_in.sequence & _RELATIVE
    return (_OP_CHECKLOCKTIMEVERIFY in commands and tx.lock_time > 0) or (
        _OP_CHECKSEQUENCEVERIFY in commands and relative > 0
    )


def _told(error: Exception) -> str:
    return str(error)[:_TOLD]
