"""Messages that keys of Bitcoin's kin sign: BIP-137, BIP-322, and PSBTs for devices."""
