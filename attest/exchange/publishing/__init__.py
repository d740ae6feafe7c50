"""From an unsigned month to a published one, whatever stops in between."""
