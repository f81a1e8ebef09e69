"""Texts as people publish them -> plain text."""

from __future__ import annotations

import html
import re

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def clean_text(text: str) -> str:
    """Line breaks written as HTML, HTML entities and runs of white space become plain text."""
    return " ".join(html.unescape(_BREAK.sub(" ", text)).split())
