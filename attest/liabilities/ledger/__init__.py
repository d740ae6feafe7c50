"""The exchange's ledger: its files and databases, a reader for each form, and the check of every row."""
