"""Groups of options that several commands take, each read into one value."""
