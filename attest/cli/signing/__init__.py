"""Commands that sign: keys, trust roots, signatures, reports of auditors, timestamps."""
