"""What commands print: a text for people and a document for programs, by subject."""
