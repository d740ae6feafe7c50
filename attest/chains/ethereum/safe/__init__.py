"""Safes: their owners in storage, and what owners sign."""
