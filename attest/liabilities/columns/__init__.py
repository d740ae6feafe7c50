"""Balances, leaves and nodes as numpy arrays: SHA-256 over whole columns, and rows that may exceed memory."""
