"""Signs messages as wallets do, and as no wallet would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import wallycore
from btclib.hashes import hash160
from btclib.key import PubKeyData
from btclib.script import serialize
from btclib.script.script_pub_key import ScriptPubKey
from btclib.script.sig_hash import from_tx, taproot
from btclib.script.taproot import input_script_sig, leaf_hash, output_prvkey_from_merkle_root, output_pubkey
from btclib.script.taproot import serialize as serialize_leaf
from btclib.script.witness import Witness
from btclib.tx import OutPoint, Tx, TxIn, TxOut
from btclib_wallet.bip322 import Sig, to_sign, to_spend
from btclib_wallet.psbt import Psbt
from ecc.curves import bytes_from_prv_key_int
from ecc.ecc import dsa, ssa

from attest.chains.bitcoin.networks import network

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ALL = 1


def public(key: int, *, compressed: bool = True) -> bytes:
    return bytes_from_prv_key_int(key, compressed=compressed)


def multisig(needed: int, *keys: bytes) -> bytes:
    return serialize([f"OP_{needed}", *keys, f"OP_{len(keys)}", "OP_CHECKMULTISIG"])


def p2pkh(key: bytes) -> bytes:
    return b"\x76\xa9\x14" + hash160(key) + b"\x88\xac"


def p2sh(redeem_script: bytes) -> bytes:
    return b"\xa9\x14" + hash160(redeem_script) + b"\x87"


def p2wpkh(key: bytes) -> bytes:
    return b"\x00\x14" + hash160(key)


def p2wsh(witness_script: bytes) -> bytes:
    return ScriptPubKey.p2wsh(witness_script).script


def p2tr(key: int) -> bytes:
    return b"\x51\x20" + output_pubkey(PubKeyData(public(key)))[0]


class Leaf:
    """A taproot output with one script in its tree, and the key path closed but for `key`."""

    def __init__(self, key: int, script: list[Any], version: int = 0xC0) -> None:
        tree = [(version, script)]
        internal = PubKeyData(public(key))
        self.output = b"\x51\x20" + output_pubkey(internal, tree)[0]
        commands, self.control = input_script_sig(internal, tree, 0)
        self.script = serialize_leaf(commands)
        self.hash = leaf_hash(version, self.script)


def address_of(script: bytes, chain: str) -> str:
    """The address of a scriptPubKey on a network."""
    of = network(chain)
    if script[0] in {0, 0x51, 0x52, 0x60}:
        return str(wallycore.addr_segwit_from_bytes(script, of.prefix, 0))
    version, digest = (of.p2pkh, script[3:23]) if script[0] == 0x76 else (of.p2sh[0], script[2:22])
    return str(wallycore.base58check_from_bytes(bytes((version,)) + digest))


def high_s(signature: bytes) -> bytes:
    """The other ECDSA signature of the same, which anyone can compute; its hash type stays."""
    compact = bytes(wallycore.ec_sig_from_der(signature[:-1]))
    s = ORDER - int.from_bytes(compact[32:])
    integers = [b"\x02" + bytes((len(item),)) + item for item in map(_der_integer, (int.from_bytes(compact[:32]), s))]
    body = b"".join(integers)
    return b"\x30" + bytes((len(body),)) + body + signature[-1:]


def _der_integer(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1)


class Virtual:
    """The transaction that spends a message: to_sign of BIP-322, its first input of `script`, others if `extra`.

    `revealed` is the script behind the hash in `script`.
    """

    def __init__(
        self,
        script: bytes,
        message: str,
        revealed: bytes = b"",
        *,
        extra: Sequence[tuple[OutPoint, TxOut]] = (),
        **fields: int,
    ) -> None:
        self.to_spend = to_spend(message.encode(), script)
        inputs = [TxIn(outpoint) for outpoint, _ in extra]
        self.tx = to_sign(self.to_spend, extra_inputs=inputs, **fields)
        self.outputs = [*self.to_spend.vout, *(output for _, output in extra)]
        self._reveal(0, script, revealed)

    def _reveal(self, index: int, script: bytes, revealed: bytes) -> None:
        # What is signed of a script stands, while signing, where it will stand in the end.
        if script[:1] == b"\xa9":
            self.tx.vin[index].script_sig = serialize([revealed])
        elif script[:2] == b"\x00\x20":
            self.tx.vin[index].script_witness = Witness([revealed])

    def ecdsa(self, key: int, hash_type: int = ALL, index: int = 0) -> bytes:
        digest = from_tx(self.outputs, self.tx, index, hash_type)
        return dsa.sign_(digest, key).serialize() + bytes((hash_type,))

    def wrapped(self, key: int, witness_script: bytes) -> bytes:
        """A signature for the witness script of a P2WSH that is wrapped in P2SH."""
        self.tx.vin[0].script_witness = Witness([witness_script])
        return self.ecdsa(key)

    def schnorr(self, key: int, hash_type: int = 0, index: int = 0, leaf: Leaf | None = None) -> bytes:
        if leaf is None:
            key = output_prvkey_from_merkle_root(key)
            digest = taproot(self.tx, index, self.outputs, hash_type, 0, b"", b"")
        else:
            extension = leaf.hash + b"\x00\xff\xff\xff\xff"
            digest = taproot(self.tx, index, self.outputs, hash_type, 1, b"", extension)
        return ssa.sign_(digest, key).serialize() + (bytes((hash_type,)) if hash_type else b"")

    def simple(self, *stack: bytes) -> str:
        return Sig(Witness(stack)).b64encode()

    def full(self, script_sig: Sequence[Any], *stack: bytes) -> str:
        self.tx.vin[0].script_sig = serialize(list(script_sig))
        self.tx.vin[0].script_witness = Witness(stack)
        return Sig(self.tx).b64encode()

    def psbt(self) -> Psbt:
        """The proof of funds, unsigned."""
        psbt = Psbt.from_tx(
            Tx(self.tx.version, self.tx.lock_time, [TxIn(i.prev_out) for i in self.tx.vin], self.tx.vout)
        )
        psbt.inputs[0].non_witness_utxo = self.to_spend
        for index, output in list(enumerate(self.outputs))[1:]:
            psbt.inputs[index].witness_utxo = output
        return psbt
