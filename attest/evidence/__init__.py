"""What a record of the evidence is, and the tree over all records (protocol.md, section 4)."""
