"""The figures of the page, a file a theme; `drawing` is what they share."""
