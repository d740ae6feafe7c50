"""Bitcoin and the chains that work as it does."""
