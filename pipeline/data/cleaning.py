"""Texts as people publish them -> plain text; and what counts as a word of it."""

from __future__ import annotations

import html
import re

# A word with its inner apostrophes, or any other mark by itself: to every reader of the texts.
WORD = r"\w+(?:['’]\w+)*|[^\w\s]"
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def clean_text(text: str) -> str:
    """Line breaks written as HTML, HTML entities and runs of white space become plain text."""
    return " ".join(html.unescape(_BREAK.sub(" ", text)).split())
