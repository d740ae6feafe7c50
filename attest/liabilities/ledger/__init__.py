"""The exchange's ledger: where it lies, how each kind of it is read, and the check of every row."""
