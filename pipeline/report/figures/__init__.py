"""Draw the figures of the page, one module per theme; `drawing` holds what they share."""
