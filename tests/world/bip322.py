"""Proofs of funds by BIP-322."""

from __future__ import annotations

from collections.abc import Callable

from btclib.script import serialize
from btclib.script.witness import Witness
from btclib.tx import OutPoint, Tx, TxIn, TxOut
from btclib_wallet.bip322 import Sig
from btclib_wallet.psbt import Psbt

from tests.world.bitcoin_signing import ALL, Virtual, p2pkh, p2tr, p2wpkh, public

MESSAGE = "attest/v1 proof of control\nentity: demo.example\n"
A, B, C, STRANGER = 11, 12, 13, 14
KEYS = tuple(map(public, (A, B, C)))
# The outputs that a proof of funds adds: of one P2WPKH key, of one P2PKH key, of a multisig script.
FUNDING = Tx(
    2, 0, [TxIn(OutPoint(b"\7" * 32, 1))], [TxOut(5_000, p2pkh(KEYS[1])), TxOut(7, b"\x6a"), TxOut(9, p2pkh(KEYS[1]))]
)
EXTRA = [
    (OutPoint(b"\3" * 32, 5), TxOut(1_000, p2wpkh(KEYS[0]))),
    (OutPoint(FUNDING.id, 0), FUNDING.vout[0]),
    (OutPoint(FUNDING.id, 2), FUNDING.vout[2]),
    (OutPoint(b"\4" * 32, 0), TxOut(70_000, p2tr(C))),
]


def proof_of_funds(
    change: Callable[[Psbt], None] = lambda _: None, virtual: Virtual | None = None, hash_type: int = ALL
) -> str:
    """A proof of the EXTRA outputs by A's P2WPKH, but for what is changed when it has been signed."""
    virtual = virtual or Virtual(p2wpkh(KEYS[0]), MESSAGE, extra=EXTRA)
    psbt = virtual.psbt()
    for index, item in enumerate(psbt.inputs):
        script = virtual.outputs[index].script_pub_key.script
        if script == p2wpkh(KEYS[0]):
            item.final_script_witness = Witness([virtual.ecdsa(A, hash_type if index else ALL, index), KEYS[0]])
        elif script == p2pkh(KEYS[1]):
            item.final_script_sig = serialize([virtual.ecdsa(B, index=index), KEYS[1]])
            item.witness_utxo = None
        else:
            item.final_script_witness = Witness([virtual.schnorr(C, index=index)])
    if len(psbt.inputs) > 2:
        psbt.inputs[2].non_witness_utxo = FUNDING  # it is not repeated in the next input, which it speaks for too
    change(psbt)
    return Sig(psbt).b64encode(check_validity=False)
