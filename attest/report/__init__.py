"""What the public, the press and the regulator look at: a month as a page and as a PDF, and the site of all months."""
