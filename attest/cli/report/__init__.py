"""Commands that show a month to people: reports, the site, the page."""
