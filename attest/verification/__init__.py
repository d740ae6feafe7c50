"""How a month is verified, by anyone (protocol.md, section 9)."""
