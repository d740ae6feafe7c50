"""Liabilities, what the exchange owes its customers: the ledger, the Merkle-sum trees over it, inclusion proofs."""
