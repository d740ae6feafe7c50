"""Liabilities as columns: millions of leaves hashed at once, and what does not fit in memory."""
