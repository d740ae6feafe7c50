"""What an exchange does to attest a month: its config, readings, ledger, control, statement and publication."""
