"""What shows who controls addresses: signatures, samples, confirmations of custodians (protocol.md, section 8)."""
