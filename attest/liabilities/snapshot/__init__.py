"""Liability snapshots on disk: their format, how one is built and opened, and the proofs made from it."""
