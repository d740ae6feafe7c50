"""Ethereum and the other chains whose accounts and contracts an EVM keeps."""
