"""The months of a history as rows, and what is drawn and exported of them."""
