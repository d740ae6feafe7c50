"""Faults made on purpose: kills, errors of file systems, nodes gone bad, hostile files.

A part is a module with `cases()`, which yields a name and what to do in an empty folder; what is done returns its
figures, or raises `AssertionError` where attest did wrong. The tests run some cases of each part, `tests/release` all.
"""
