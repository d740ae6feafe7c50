"""The site of all months of an exchange: plain files that any web server can serve."""
