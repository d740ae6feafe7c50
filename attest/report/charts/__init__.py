"""Charts as small SVG of our own: bars against 100 %, stacked shares, and lines over months."""
