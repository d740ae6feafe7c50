"""The documents that an exchange's config names: of banks, custodians, insurers and management, and prices."""
