"""`python -m attest` is `attest`."""

from attest.cli import main

main()
