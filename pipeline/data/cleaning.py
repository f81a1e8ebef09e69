"""Clean published texts, and define what counts as a word."""

from __future__ import annotations

import html
import re

# A word with its inner apostrophes, or a single punctuation mark; the same for every model.
WORD_PATTERN = r"\w+(?:['’]\w+)*|[^\w\s]"
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def clean_text(text: str) -> str:
    """Return a text without HTML line breaks, HTML entities and repeated white space."""
    return " ".join(html.unescape(_BREAK.sub(" ", text)).split())
