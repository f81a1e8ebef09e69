"""Keep a page small: leave out of its figures what nobody sees."""

from __future__ import annotations

import json
import re
from typing import Any

_DIGITS = 6  # of numbers that are drawn
_INHERITED = ("encoding", "transform", "params", "facet")  # by the layers of a chart
_TAG = re.compile(r"<[^>]*>")
# What is spoken of each mark, and what is so without being said.
_IDLE = re.compile(r' (?:(?:role|aria-[a-z]+|pointer-events)="[^"]*"|opacity="1")')
_EMPTY = re.compile(r'<path class="(?:fore|back)ground" d="(?:M0,0h0v0h0Z)?"[^>]*/>')
_DECIMALS = re.compile(r"(\d\.\d\d)\d+(?!\d*e)")


def slim_svg(svg: str) -> str:
    """Round places to hundredths of a pixel, and drop what draws nothing.

    The page describes a figure as a whole, so that nobody hears of single marks: half of the file.
    What is written as text stays as it is.
    """

    def slim(tag: re.Match[str]) -> str:
        return "" if _EMPTY.fullmatch(tag.group()) else _round_places(_IDLE.sub("", tag.group()))

    return _TAG.sub(slim, svg)


def _round_places(tag: str) -> str:
    return _DECIMALS.sub(r"\1", tag)


def slim_spec(spec: Any) -> Any:
    """Leave out of a figure's data the columns that its drawing does not name, and round numbers."""
    if isinstance(spec, list):
        return [slim_spec(one) for one in spec]
    named: dict[str, set[str]] = {}
    drawing = {key: value for key, value in spec.items() if key != "datasets"}
    _find_columns(drawing, set(), named)
    datasets = {
        key: [
            {name: _round(row[name]) for name in row if name in named.get(key, ())} for row in rows
        ]
        for key, rows in spec.get("datasets", {}).items()
    }
    return drawing | ({"datasets": datasets} if datasets else {})


def _find_columns(part: Any, around: set[str], named: dict[str, set[str]]) -> None:
    """Collect, for each dataset, the words of the layers that draw it and of what they inherit."""
    if isinstance(part, list):
        for one in part:
            _find_columns(one, around, named)
    if not isinstance(part, dict):
        return
    name = part.get("data", {}).get("name")
    if name is not None:
        named.setdefault(name, set()).update(around, _words(part))
    inherited = around | _words({key: part[key] for key in _INHERITED if key in part})
    for layers in ("layer", "concat", "hconcat", "vconcat", "spec"):
        _find_columns(part.get(layers), inherited, named)


def _words(part: Any) -> set[str]:
    return set(re.findall(r"\w+", json.dumps(part)))


def _round(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
