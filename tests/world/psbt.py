"""PSBTs of challenges, as devices sign them."""

from __future__ import annotations

import wallycore
from btclib_wallet.psbt import Psbt, ecdsa_sig_hash
from ecc.ecc import dsa

from attest.chains.bitcoin.networks import network
from tests.world.bitcoin_signing import ALL, public

BITCOIN = "bip122:000000000019d6689c085ae165831e93"
INDEX = 7
SEEDS = (1, 2, 3)


def extended(seed: int, version: bytes) -> str:
    master = wallycore.bip32_key_from_seed(bytes((seed,)) * 32, wallycore.BIP32_VER_MAIN_PRIVATE, 0)
    payload = bytes(wallycore.bip32_key_serialize(master, wallycore.BIP32_FLAG_KEY_PUBLIC))
    return str(wallycore.base58check_from_bytes(version + payload[4:]))


def private(seed: int) -> int:
    """The private key of the seed's extended key at 0/INDEX."""
    master = wallycore.bip32_key_from_seed(bytes((seed,)) * 32, wallycore.BIP32_VER_MAIN_PRIVATE, 0)
    child = wallycore.bip32_key_from_parent_path(master, [0, INDEX], wallycore.BIP32_FLAG_KEY_PRIVATE)
    return int.from_bytes(wallycore.bip32_key_get_priv_key(child))


COLD = "wsh(sortedmulti(2,{0}/0/*,{1}/0/*,{2}/0/*))"


def described(form: str = COLD, chain: str = BITCOIN, version: bytes | None = None) -> str:
    return form.format(*(extended(seed, version or network(chain).xpub) for seed in SEEDS))


def signed(psbt: str, *signers: int, hash_type: int = ALL) -> str:
    """What a signer returns: the PSBT with signatures by the keys of some seeds."""
    parsed = Psbt.b64decode(psbt)
    for seed in signers:
        digest = ecdsa_sig_hash(parsed, 0, hash_type=hash_type)
        key = private(seed)
        parsed.inputs[0].partial_sigs[public(key)] = dsa.sign_(digest, key).serialize() + bytes((hash_type,))
    return parsed.b64encode()
