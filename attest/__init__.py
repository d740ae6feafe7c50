"""attest: prove every month, to anyone, that what customers own is there.

- `attest.liabilities`: the ledger, the Merkle-sum trees over it, inclusion proofs.
- `attest.reserves`: balances read from the chains, with evidence that others can recheck.
- `attest.attestation`: the statement that binds both, its signatures, and their verification.
- `attest.cli`: the `attest` command.

`attest/protocol.md` specifies every byte that is hashed, signed or published.
"""

__version__ = "0.1.0"
