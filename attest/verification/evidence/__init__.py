"""Steps 9, 11 and 12: the records, recomputed offline and read again from nodes."""
