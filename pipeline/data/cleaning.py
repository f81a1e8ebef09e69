"""Clean published texts."""

from __future__ import annotations

import html
import re

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def clean_text(text: str) -> str:
    """Return a text without HTML line breaks, HTML entities and repeated white space."""
    return " ".join(html.unescape(_BREAK.sub(" ", text)).split())
