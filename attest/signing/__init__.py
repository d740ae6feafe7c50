"""Keys, signatures and their time (protocol.md, section 7).

Signing keys and the places where they are kept, DSSE envelopes, trust roots, and timestamps (RFC 3161). Nothing here
knows what a statement says.
"""
