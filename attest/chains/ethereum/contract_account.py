"""The files of a challenge for a contract: what the owners of a Safe sign, and what they give back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from attest.chains.challenge import Challenge, Method
from attest.chains.contract_account import ContractAccount, Owners
from attest.chains.ethereum.contract_answers import MAX_SIGNATURE_BYTES
from attest.chains.ethereum.contracts import Contract
from attest.chains.ethereum.messages import eip191_digest, signature_bytes
from attest.chains.ethereum.proof import keccak
from attest.chains.ethereum.safe.challenge import combine_owners, safe_challenge, safe_challenge_signers, safe_form
from attest.chains.signature_forms import hex_bytes
from attest.errors import AttestError, MalformedError

SIGNERS: Final = ".signers.md"


def account_of(contract: Contract) -> ContractAccount:
    """What a challenge says of a contract."""
    if contract.safe is None:
        return ContractAccount()
    return ContractAccount(owners=contract.safe.owners, threshold=contract.safe.threshold)


def check(account: ContractAccount, challenge: Challenge, signature: str) -> Method | None:
    """How the contract's owners made `signature`; None when only the contract can say whether it takes it.

    Raises `VerificationError` when they did not make it, `MalformedError` for what is no signature.
    """
    if account.owners is not None and account.threshold is not None:
        signers = safe_challenge_signers(challenge, signature, account.owners, account.threshold)
        return "eip1271-safe" if len(signers.recovered) >= account.threshold else None
    if len(signature_bytes(signature)) > MAX_SIGNATURE_BYTES:
        raise MalformedError(
            "control/malformed", f"a contract is asked about a signature of at most {MAX_SIGNATURE_BYTES:,} bytes"
        )
    return None


def published(account: ContractAccount, challenge: Challenge, signature: str) -> str:
    """The one form of `signature` that is published. Of a contract that is no Safe, only its hex is spelled alike.

    `signature` is without white space, and comes back as it is when it is not hex. Of a contract that is no Safe
    it is hex only behind 0x, because nothing here can tell whether other text was meant so.
    """
    data = hex_bytes(signature)
    if data is None or (account.owners is None and signature[:2] not in {"0x", "0X"}):
        return signature
    return "0x" + (data if account.owners is None else safe_form(challenge, data, account.owners)).hex()


def combine(account: ContractAccount, challenge: Challenge, signatures: Mapping[str, str]) -> str:
    """The signature in files of these names: of a Safe each may be by one owner. Raises `AttestError`."""
    if len(signatures) == 1:
        return next(iter(signatures.values()))
    if account.owners is None:
        raise MalformedError(
            "control/name", f"{next(iter(signatures))} comes with others", hint="give one .sig for a contract"
        )
    for name, signature in signatures.items():
        try:
            combine_owners(challenge, [signature])
        except AttestError as error:
            raise error.within(name) from None
    return combine_owners(challenge, list(signatures.values()))


def files(account: ContractAccount, name: str, challenge: Challenge) -> dict[str, bytes]:
    """What goes with the text of the challenge to the signers."""
    if account.owners is None or account.threshold is None:
        return {f"{name}{SIGNERS}": _contract_text(name, challenge).encode()}
    document = safe_challenge(challenge)
    return {
        f"{name}.typed.json": json.dumps(document, indent=1).encode() + b"\n",
        f"{name}{SIGNERS}": _safe_text(name, challenge, account.owners, account.threshold).encode(),
    }


def _safe_text(name: str, challenge: Challenge, owners: Owners, threshold: int) -> str:
    from eth_account.messages import encode_typed_data

    signed = encode_typed_data(full_message=safe_challenge(challenge))
    listed = "\n".join(f"- {owner}" for owner in owners)
    return f"""# {name}: {threshold} of {len(owners)} owners sign for the Safe {challenge.address}

On {challenge.chain}, as of block {challenge.height}. These own it:

{listed}

Each of {threshold} signs `{name}.typed.json` (eth_signTypedData_v4) and puts the signature, 0x and hex, into a file of
its own, `{name}.<anything>.sig`. Or the signature as the Safe takes it goes into `{name}.sig`. All are added at once:

    attest control add FOLDER {name}.*.sig

What the document says is one hash, that of the text in `{name}.txt` as personal_sign signs it. A device may show:

- message         0x{eip191_digest(challenge.text).hex()}
- domain hash     0x{signed.header.hex()}
- message hash    0x{signed.body.hex()}
- hash to sign    0x{keccak(b"".join((bytes([25]), signed.version, signed.header, signed.body))).hex()}

Who owns the Safe, and how many must sign, is looked up again at the block at which the balances are read.
"""


def _contract_text(name: str, challenge: Challenge) -> str:
    return f"""# {name}: a contract

{challenge.address} on {challenge.chain} is a contract that is not known to be a Safe.
Sign `{name}.txt` in the way of this contract, and put the signature that it takes, 0x and hex, into `{name}.sig`. The
contract is asked whether it takes it (EIP-1271) at the block at which the balances are read, over the hash that
personal_sign signs of the text:

    0x{eip191_digest(challenge.text).hex()}

A contract may say yes to everything. What it says is published as what it is, and counts as no proof of control.
"""
