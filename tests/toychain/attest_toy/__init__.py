"""The family of toy chains: accounts in a list of blocks, each of which is believed by the word of its nodes."""
