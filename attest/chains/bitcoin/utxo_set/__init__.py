"""The set of all unspent outputs: Bitcoin Core's dump, read, hashed, and confirmed by nodes."""
