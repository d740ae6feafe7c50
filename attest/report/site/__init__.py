"""The site of all months: plain files for any web server."""
