"""The Safe, a wallet contract that several keys control: who they are by proof, and which of them signed.

Source: github.com/safe-global/safe-smart-account, versions 1.3.0 and 1.4.1, which keep their storage alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from attest.chains.contract_account import MAX_OWNERS
from attest.chains.ethereum.messages import SIGNATURE_BYTES, chain_id, recover_signer
from attest.chains.ethereum.proof import (
    Nodes,
    checksum_address,
    keccak,
    proven_code_hash,
    proven_storage_root,
    proven_word,
)
from attest.errors import MalformedError, VerificationError

CORRUPT: Final = "control/safe"  # the code of the error about a list of owners that is none
# Keccak-256 of what the proxy factories of Safe 1.3.0 and 1.4.1 deploy: build/artifacts/contracts/proxies of the npm
# packages @gnosis.pm/safe-contracts 1.3.0 and @safe-global/safe-contracts 1.4.1.
PROXIES: Final = frozenset(
    (
        "b89c1b3bdf2cf8827818646bce9a8f6e372885f8c55e5c07acbd307cb133b000",
        "d7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c",
    )
)
# The `codeHash` of gnosis_safe.json, gnosis_safe_l2.json, safe.json and safe_l2.json in the npm package
# @safe-global/safe-deployments 1.37, the same on every EVM chain; it is that of the npm packages above.
SINGLETONS: Final = {
    "bba688fbdb21ad2bb58bc320638b43d94e7d100f6f3ebaab0a4e4de6304b1c2e": "1.3.0",
    "21842597390c4c6e3c1239e434a682b054bd9548eee5e9b1d6a4482731023c0f": "1.3.0+L2",
    "1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4": "1.4.1",
    "b1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff": "1.4.1+L2",
}
# libraries/SafeStorage.sol; base/FallbackManager.sol.
_SINGLETON, _OWNERS, _OWNER_COUNT, _THRESHOLD = 0, 2, 3, 4
_HANDLER: Final = 0x6C9A6C4A39284E37ED1CF53D337577D14212A4870FB976A4366C693B939918D5
FIXED_SLOTS: Final = tuple(slot.to_bytes(32) for slot in (_SINGLETON, _OWNER_COUNT, _THRESHOLD, _HANDLER))
_ADDRESS_BITS: Final = 160
FIRST_OWNER: Final = 1  # where the list of owners begins and ends (base/OwnerManager.sol)
_WORD: Final = 32
# Safe.sol, checkNSignatures: what stands in the place of v.
_BY_CONTRACT, _APPROVED = 0, 1
ETH_SIGN: Final = 4  # is added to the v of a signature over `eth_sign_digest`


class Safe(NamedTuple):
    """A Safe as its storage has it at a block; `owners` in the order of its list, of whom `threshold` must sign.

    The singleton is the contract whose code runs, the handler the one that answers for it under EIP-1271.
    """

    version: str
    singleton: str
    handler: str
    owners: tuple[str, ...]
    threshold: int


class Signers(NamedTuple):
    """Owners whose keys were recovered from a signature, and those for whom only the contract can speak."""

    recovered: tuple[str, ...]
    unchecked: tuple[str, ...]


def find_safe(code_hash: Callable[[str], bytes], word: Callable[[bytes], int], address: str) -> Safe | None:
    """The Safe at `address`; None when its code and that of its singleton are not known to be those of a Safe.

    `code_hash` tells of the code at an address, `word` what is in a storage slot of `address`; both must be proven.
    Whoever makes a Safe may run code of their own on its storage once. An owner whom the list leaves out, or a module,
    either of which may move coins, does not show here, no more than in the Safe's own `getOwners`.
    Raises `VerificationError` when the list of owners is not one, and what the two functions raise.
    """
    if code_hash(address).hex() not in PROXIES:
        return None
    singleton = _address(word(FIXED_SLOTS[0]))
    if (version := SINGLETONS.get(code_hash(singleton).hex())) is None:
        return None
    count, threshold, handler = map(word, FIXED_SLOTS[1:])
    if not 1 <= threshold <= count <= MAX_OWNERS:
        raise _corrupt(address, f"{threshold} of {count} owners must sign")
    owners: list[str] = []
    following = _following(word, FIRST_OWNER)
    while following != FIRST_OWNER and len(owners) < count:
        owners.append(_address(following))
        following = _following(word, following)
    if following != FIRST_OWNER or len(owners) != count or _address(0) in owners:
        raise _corrupt(address, f"its list of owners does not have the {count} that it counts")
    return Safe(version, singleton, _address(handler), tuple(owners), threshold)


def proven_safe(state_root: bytes, address: str, nodes: Nodes) -> Safe | None:
    """The Safe that trie `nodes` show at `address`, as `find_safe` has it. Raises `VerificationError`."""
    return find_safe(
        lambda contract: proven_code_hash(state_root, contract, nodes),
        lambda slot: proven_word(proven_storage_root(state_root, address, nodes), slot, nodes),
        address,
    )


def safe_typed_data(chain: str, safe: str, message: bytes) -> dict[str, Any]:
    """What each owner of the Safe at `safe` signs for `message`, as `eth_signTypedData_v4` takes it (EIP-712).

    For EIP-1271 `message` is the digest that is asked about. An owner that is a Safe itself is asked, as its own
    `message`, about the bytes 0x1901, domain separator and struct hash of this document.
    Source: handler/CompatibilityFallbackHandler.sol. Raises `MalformedError`.
    """
    return {
        "types": {
            "EIP712Domain": [{"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
            "SafeMessage": [{"name": "message", "type": "bytes"}],
        },
        "primaryType": "SafeMessage",
        "domain": {"chainId": chain_id(chain), "verifyingContract": checksum_address(safe)},
        "message": {"message": "0x" + message.hex()},
    }


def safe_signers(owners: Sequence[str], threshold: int, digest: bytes, signature: bytes) -> Signers:
    """The owners who signed `digest`, that of `safe_typed_data`: at least `threshold`, none of them twice.

    `signature` is made of parts of 65 bytes in ascending order of their owners: by a key over the digest (v 27 or 28)
    or as `eth_sign` has it (31 or 32); by an owner that is a contract (0, its own signature is in what follows the
    parts) or by a hash approved on the chain (1). These last two are not checked here; the Safe checks them in the
    first `threshold` parts, and therefore they may stand only there.
    Raises `VerificationError` for too few, one twice, one in the wrong place or who is no owner, and a signature that
    is none; `MalformedError` for another form. Source: Safe.sol, `checkNSignatures`.
    """
    recovered: list[str] = []
    unchecked: list[str] = []
    last, start, end = 0, 0, len(signature)
    while start + SIGNATURE_BYTES <= end:
        part = signature[start : start + SIGNATURE_BYTES]
        if part[-1] in {_BY_CONTRACT, _APPROVED}:
            signer = _address(int.from_bytes(part[:_WORD]))
            if len(recovered) + len(unchecked) >= threshold:
                raise VerificationError(
                    "control/unchecked", f"the Safe does not look whether {signer} signed or approved"
                )
            unchecked.append(signer)
            if part[-1] == _BY_CONTRACT:
                end = min(end, int.from_bytes(part[_WORD:-1]))
        else:
            signer = _recover(digest, part)
            recovered.append(signer)
        if signer not in owners:
            raise VerificationError(
                "control/not-an-owner",
                f"{signer} signed or approved, but is no owner of the Safe",
                hint="an owner signs the .typed.json file of this challenge; a signature over anything else leads to "
                "an address that is nobody's",
            )
        if (place := int(signer, 16)) <= last:
            raise VerificationError(
                "control/signer-order",
                f"{signer} stands twice in the signature of the Safe, or not in its place",
                hint="put the signatures of different owners in ascending order of the owners' addresses",
            )
        last, start = place, start + SIGNATURE_BYTES
    if start != end:
        raise MalformedError(
            "control/signature", f"the signature of a Safe does not consist of parts of {SIGNATURE_BYTES} bytes"
        )
    if (signed := len(recovered) + len(unchecked)) < threshold:
        raise VerificationError(
            "control/too-few-signers",
            f"{signed} owners of the Safe signed, {threshold} must",
            hint="add the signatures of as many owners at once, each in a file of its own",
        )
    return Signers(tuple(recovered), tuple(unchecked))


def combined_signature(digest: bytes, parts: Sequence[bytes]) -> bytes:
    """The `parts` that keys of different owners made over `digest`, in the order that `safe_signers` asks for.

    Raises `MalformedError`, `VerificationError` for a part that no key made.
    """
    ordered = sorted(parts, key=lambda part: int(_recover(digest, part), 16))
    return b"".join(ordered)


def eth_sign_digest(digest: bytes) -> bytes:
    """The 32 bytes that `eth_sign` and `personal_sign` sign for the 32 bytes of `digest` (EIP-191)."""
    return keccak(b"\x19Ethereum Signed Message:\n32" + digest)


def owner_slot(owner: int) -> bytes:
    """The storage slot that names who follows `owner` in the list, which begins and ends with 1."""
    return keccak(owner.to_bytes(_WORD) + _OWNERS.to_bytes(_WORD))


def _recover(digest: bytes, part: bytes) -> str:
    v = part[-1] - ETH_SIGN if part else 0
    if v in {27, 28}:
        digest = eth_sign_digest(digest)
        part = part[:-1] + bytes([v])
    return recover_signer(digest, part)


def _following(word: Callable[[bytes], int], owner: int) -> int:
    return word(owner_slot(owner)) % (1 << _ADDRESS_BITS)


def _address(word: int) -> str:
    """The address in a word, as the EVM cuts it out."""
    return checksum_address(f"0x{word % (1 << _ADDRESS_BITS):040x}")


def _corrupt(address: str, text: str) -> VerificationError:
    return VerificationError(CORRUPT, f"the Safe at {address} is corrupt: {text}")
