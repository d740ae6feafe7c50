"""The liability snapshot on disk: its format, how it is built, opened and proven from."""
