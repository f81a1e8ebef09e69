"""Keep a page small: leave out of its figures what nobody sees."""

from __future__ import annotations

import json
import re
from typing import Any

_DIGITS = 6  # of numbers that are drawn
_TAG = re.compile(r"<[^>]*>")
_SPOKEN = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')
_DECIMALS = re.compile(r"(\d\.\d\d)\d+(?!\d*e)")


def slim_svg(svg: str) -> str:
    """Round places to hundredths of a pixel, and drop what is spoken of each mark.

    The page describes a figure as a whole, so that nobody hears of single marks: half of the file.
    What is written as text stays as it is.
    """
    return _TAG.sub(lambda tag: _DECIMALS.sub(r"\1", _SPOKEN.sub("", tag.group())), svg)


def slim_spec(spec: Any) -> Any:
    """Leave out of a figure's data the columns that its drawing does not name, and round numbers."""
    if isinstance(spec, list):
        return [slim_spec(one) for one in spec]
    named = {key: value for key, value in spec.items() if key != "datasets"}
    words = set(re.findall(r"\w+", json.dumps(named)))
    datasets = {
        key: [{name: _round(row[name]) for name in row if name in words} for row in rows]
        for key, rows in spec.get("datasets", {}).items()
    }
    return named | ({"datasets": datasets} if datasets else {})


def _round(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
