"""Nodes of chains: JSON-RPC, what their refusals mean, and how several must agree."""
