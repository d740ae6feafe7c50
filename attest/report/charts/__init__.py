"""Charts drawn as small SVG: bars against 100 %, stacked shares, and lines over months."""
