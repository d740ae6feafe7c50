"""Step 13: what signatures, samples and confirmations show of who controls the coins."""
