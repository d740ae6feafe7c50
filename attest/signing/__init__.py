"""Keys, signatures and time: signing keys and where they live, DSSE envelopes, trust roots, timestamps (RFC 3161)."""
