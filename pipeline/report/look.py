"""How an architecture looks: one colour everywhere, its cell as a mark, its direction as a dash.

The colours keep apart for readers without red, green or blue cones (a test measures it) and stand
out from the page, light or dark. Warm is a SimpleRNN, blue an LSTM, green a GRU.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.analysis.frames import rows_of

# (cell, bidirectional, stacked): on a light page, on a dark page.
_COLOURS = {
    ("simple_rnn", False, False): ("#da2200", "#fdb362"),
    ("lstm", False, False): ("#3778c2", "#2279dd"),
    ("gru", False, False): ("#419f86", "#48d9b8"),
    ("simple_rnn", True, False): ("#c68713", "#ffe796"),
    ("lstm", True, False): ("#483bcf", "#b0b4fe"),
    ("gru", True, False): ("#47783f", "#a89d23"),
    ("simple_rnn", False, True): ("#862c13", "#b55f39"),
    ("lstm", False, True): ("#14285c", "#8296ce"),
    ("lstm", True, True): ("#963d86", "#ef4f8d"),
    ("gru", False, True): ("#03554f", "#81f3fe"),
}
_SHAPES = {"simple_rnn": "circle", "lstm": "square", "gru": "triangle-up"}
SOLID, DASHED, DOTTED = [1, 0], [6, 3], [2, 2]

# Of the figures' own furniture: on a light page, on a dark page.
INK, MUTED, RULE, PAPER = "#1b1f24", "#57606a", "#d0d7de", "#ffffff"
BETTER, TIED, WORSE, UNKNOWN = "#2166ac", "#b3bcc6", "#b2182b", "#eceff3"
ON_DARK = {
    **dict(_COLOURS.values()),
    INK: "#e6e8eb",
    MUTED: "#a0a8b2",
    RULE: "#363c45",
    PAPER: "#15181d",
    BETTER: "#6cb2ee",
    TIED: "#4c5661",
    WORSE: "#f08a7c",
    UNKNOWN: "#272c34",
}


@dataclass(frozen=True)
class Look:
    architecture: str
    colour: str
    shape: str
    dash: tuple[int, ...]

    @property
    def dark_colour(self) -> str:
        return ON_DARK[self.colour]


def look_of_baseline(name: str) -> Look:
    """The order-free baseline is no network: grey and dotted."""
    return Look(name, MUTED, "diamond", tuple(DOTTED))


def assign_looks(summary: pd.DataFrame) -> list[Look]:
    """A look for each architecture of a summary, in its order.

    The presets look the same in every report. What comes twice (two sizes of an LSTM), or is not
    known here, takes a colour that is left; after ten they repeat, with marks and dashes to go by.
    """
    rows = list(rows_of(summary.sort_values("architecture")))
    keys = {
        row.architecture: (
            row.cell,
            not pd.isna(row.bidirectional) and bool(row.bidirectional),
            not pd.isna(row.num_layers) and row.num_layers > 1,
        )
        for row in rows_of(summary)
    }
    taken: dict[str, tuple[str, str]] = {}
    for row in rows:
        wanted = _COLOURS.get(keys[row.architecture])
        if wanted and wanted not in taken.values():
            taken[row.architecture] = wanted
    left = [colours for colours in _COLOURS.values() if colours not in taken.values()]
    spare = left or list(_COLOURS.values())
    others = [row.architecture for row in rows if row.architecture not in taken]
    taken |= {name: spare[place % len(spare)] for place, name in enumerate(others)}
    return [
        Look(
            architecture=name,
            colour=taken[name][0],
            shape=_SHAPES.get(keys[name][0], "diamond"),
            dash=tuple(DASHED if keys[name][1] else SOLID),
        )
        for name in summary.architecture
    ]
