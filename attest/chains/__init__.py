"""Chains: what is asked of any of them, and a folder for each family."""
