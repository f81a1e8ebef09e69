"""Cut a text to what a page has room for: its beginning, its end, and the sentence that decides it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

_WHOLE = 80  # words of a text that is shown whole
_AROUND = 12  # words kept at each end of what stands before or after the evidence
_ENDS = 35  # words kept at each end of a text without evidence
# Characters of a word on average; a text with longer ones has no spaces and is cut by characters.
_LONG_WORDS = 20
_CHARACTERS = 4  # that take the room of a word there


@dataclass(frozen=True)
class Piece:
    """A piece of an excerpt: text, the evidence, or how much was cut here, such as "140 words"."""

    kind: Literal["text", "evidence", "cut"]
    text: str


# Characters that would turn the words around them from right to left, or back.
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])

Excerpt = tuple[Piece, ...]


def abridge(text: str, evidence: str = "") -> Excerpt:
    """Return a text with its middle cut out, if it is long; its evidence stays whole."""
    text, evidence = text.translate(_TURNING), evidence.translate(_TURNING)
    before, found, after = text.partition(evidence) if evidence else (text, "", "")
    if not found:
        return _cut(text, _ENDS)
    ends = _AROUND if len(text.split()) > _WHOLE else _WHOLE
    return (*_cut(before, ends), Piece("evidence", found), *_cut(after, ends))


def _cut(text: str, ends: int) -> Excerpt:
    """Keep so many words at each end, unless hardly any would be cut."""
    words = text.split()
    text = " ".join(words)
    if len(text) > _LONG_WORDS * len(words):
        kept, most = ends * _CHARACTERS, ends * _CHARACTERS * 5 // 2
        if len(text) <= most:
            return _as_text(text)
        cut = Piece("cut", f"{len(text) - 2 * kept:,} characters")
        return (Piece("text", text[:kept]), cut, Piece("text", text[-kept:]))
    if len(words) <= ends * 5 // 2:
        return _as_text(text)
    room = ends * _LONG_WORDS  # for one endless word among short ones
    head, tail = " ".join(words[:ends])[:room], " ".join(words[-ends:])[-room:]
    cut = Piece("cut", f"{len(words) - 2 * ends:,} words")
    return (Piece("text", head), cut, Piece("text", tail))


def _as_text(text: str) -> Excerpt:
    return (Piece("text", text),) if text else ()


def as_json(excerpts: Mapping[str, Excerpt]) -> str:
    plain = {key: [asdict(piece) for piece in excerpt] for key, excerpt in excerpts.items()}
    return json.dumps(plain, indent=1, ensure_ascii=False)


def from_json(text: str) -> dict[str, Excerpt]:
    """Return the excerpts that `as_json` wrote."""
    plain = json.loads(text)
    return {key: tuple(Piece(**piece) for piece in pieces) for key, pieces in plain.items()}
