"""The customer's page: built, run in node and in browsers, and held against the verifier in Python."""
