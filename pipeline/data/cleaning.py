"""Clean published texts."""

from __future__ import annotations

import html
import re
import unicodedata
from html.entities import html5

# Without its semicolon only what can hardly be meant otherwise: "a?b=1&copy=2" is no copyright sign.
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    r"|&(?:amp|lt|gt|quot|nbsp)(?![A-Za-z0-9=;])"
)
_MOST_LAYERS = 5  # of entities of entities

# What a browser does not show: scripts, comments, declarations.
_HIDDEN = re.compile(
    r"<(script|style)\b[^<>]*>.*?</\1\s*>|<!--.*?-->|<!\[CDATA\[|\]\]>|<[!?][A-Za-z][^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
# A name, then attributes with values: "a <b and c> d" and "<3" are no tags.
_TAG = re.compile(
    r"</?([A-Za-z][\w:.-]*)(?:\s+[\w:@.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>]+))*\s*/?>"
    r"|<(br)\s*/?$",  # a text that was cut off
    re.IGNORECASE,
)
_WITHIN_WORDS = frozenset("b i em strong u s small big sub sup mark font span wbr tt".split())

# White space is none of these; "\n" typed as two characters stands for a line break in many tables.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0e-\x1b\x7f]|\\[rn]")
# Invisible: soft hyphen, zero-width characters, directional marks, fillers, variation selectors, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\U000e0000-\U000e0fff]+"
)
_JOINER = re.compile("[\u200c\u200d]+")
_MISREAD = re.compile("[\x80-\x9f]")  # cp1252 that was read as Latin-1: “don\x92t”


def clean_text(text: str) -> str:
    """Return a text without markup, entities, invisible characters and repeated white space."""
    if "&" in text:
        text = _resolve_entities(text)
    if "<" in text:
        text = _TAG.sub(_after_tag, _HIDDEN.sub(" ", text))
    return drop_invisible(text)


def drop_invisible(text: str) -> str:
    """Return a text without invisible characters and repeated white space, its markup as it is."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    text = " ".join(text.split())
    # Most texts end here: these checks are many times faster than the search for what they exclude.
    if "\\" not in text and text.isprintable():
        return text
    text = _CONTROL.sub(" ", text)
    text = _JOINER.sub(_keep_within_word, _MISREAD.sub(_read_again, text))
    return " ".join(text.split())


def _resolve_entities(text: str) -> str:
    for _ in range(_MOST_LAYERS):
        resolved = _ENTITY.sub(_resolve_entity, text)
        if resolved == text:
            break
        text = resolved
    return text


def _resolve_entity(entity: re.Match[str]) -> str:
    known = entity[0][1] == "#" or entity[0].removeprefix("&").rstrip(";") + ";" in html5
    return html.unescape(entity[0]) if known else entity[0]


def _after_tag(tag: re.Match[str]) -> str:
    return "" if (tag[1] or "").lower() in _WITHIN_WORDS else " "


def _read_again(character: re.Match[str]) -> str:
    return character[0].encode("latin-1").decode("cp1252", "replace").replace("\ufffd", " ")


def _keep_within_word(joiner: re.Match[str]) -> str:
    """Return a joiner between letters, as Persian and Hindi write it, and nothing elsewhere."""
    text, start, end = joiner.string, joiner.start(), joiner.end()
    around = text[start - 1 : start] + text[end : end + 1]
    letters = [unicodedata.category(one)[0] in "LM" for one in around]
    return joiner[0] if len(letters) == 2 and all(letters) else ""
