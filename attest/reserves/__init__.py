"""What the exchange holds: balances read from the chains, and the evidence for them."""
