"""Commands that check: verify, inspect, evidence, history, policy."""
