"""The statement, its signatures, and their verification."""
