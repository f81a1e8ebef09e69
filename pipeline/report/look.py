"""How an architecture looks: one colour everywhere, its cell as a mark, its shape as a dash.

The colours keep apart for readers without red, green or blue cones (a test measures it) and stand
out from the page, light or dark. A cell brings its own: warm is a SimpleRNN, blue an LSTM, green a GRU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.analysis.frames import rows_of
from pipeline.analysis.labels import OfRun
from pipeline.cells import cells, find_cell, is_cell
from pipeline.report.families import name_families, shape_of

# (cell, bidirectional, stacked): on a light page, on a dark page.
_COLOURS = {
    (cell.name, *shape): cell.colours[shape]
    for shape in ((False, False), (True, False), (False, True), (True, True))
    for cell in cells()
    if shape in cell.colours
}
SOLID, DASHED, DOTTED = [1, 0], [6, 3], [2, 2]
_DASHES = {  # (bidirectional, stacked)
    (False, False): SOLID,
    (True, False): DASHED,
    (False, True): [12, 3],
    (True, True): [9, 3, 2, 3],
}

# Of the figures' own furniture: on a light page, on a dark page.
INK, MUTED, RULE, PAPER = "#1b1f24", "#57606a", "#d0d7de", "#ffffff"
BETTER, TIED, WORSE, UNKNOWN = "#2166ac", "#b3bcc6", "#b2182b", "#eceff3"
LIKELY_BETTER, LIKELY_WORSE = "#92c5de", "#f4a582"
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
    LIKELY_BETTER: "#2d5a80",
    LIKELY_WORSE: "#84443c",
}


@dataclass(frozen=True)
class Look:
    """The look of an architecture.

    family: the title of the panel that it shares with its like, "" of the baseline, which is in all.
    label: its name within the family, without the cell's.
    """

    architecture: str
    colour: str
    shape: str
    dash: tuple[int, ...]
    family: str = ""
    label: str = ""

    @property
    def dark_colour(self) -> str:
        return ON_DARK[self.colour]


def look_of_baseline(name: str) -> Look:
    """The order-free baseline is no network: grey and dotted."""
    return Look(name, MUTED, "diamond", tuple(DOTTED), label=name)


def assign_looks(summary: pd.DataFrame) -> list[Look]:
    """A look for each architecture of a summary, in its order.

    The presets look the same in every report. What comes twice (two sizes of an LSTM), or is not
    known here, takes a colour that is left; after ten they repeat, with marks and dashes to go by.
    """
    rows = list(rows_of(summary.sort_values("architecture")))
    keys = {row.architecture: (row.cell, *shape_of(row)) for row in rows}
    taken: dict[str, tuple[str, str]] = {}
    for row in rows:
        wanted = _COLOURS.get(keys[row.architecture])
        if wanted and wanted not in taken.values():
            taken[row.architecture] = wanted
    left = [colours for colours in _COLOURS.values() if colours not in taken.values()]
    spare = left or list(_COLOURS.values())
    others = [row.architecture for row in rows if row.architecture not in taken]
    taken |= {name: spare[place % len(spare)] for place, name in enumerate(others)}
    families = name_families(list(rows_of(summary)))
    return [
        Look(
            architecture=name,
            colour=taken[name][0],
            shape=_mark(keys[name][0]),
            dash=tuple(_DASHES[keys[name][1:]]),
            family=families[name],
            label=_without_cell(name, str(keys[name][0])),
        )
        for name in summary.architecture
    ]


def looks_of_networks(networks: Sequence[OfRun]) -> list[Look]:
    """Return the look of each network's architecture, the same as in any report."""
    summary = pd.DataFrame(
        [
            {
                "architecture": one.architecture.name,
                "cell": one.architecture.cell,
                "bidirectional": one.architecture.bidirectional,
                "num_layers": one.architecture.num_layers,
            }
            for one in networks
        ]
    ).drop_duplicates("architecture")
    by_name = {look.architecture: look for look in assign_looks(summary)}
    return [by_name[one.architecture.name] for one in networks]


def _without_cell(name: str, cell: str) -> str:
    """Return "bi" for "bi_lstm", and the whole name where nothing would be left."""
    return name.replace(cell, "").strip(" _,") or name


def _mark(cell: str) -> str:
    return find_cell(cell).mark if is_cell(cell) else "diamond"  # of a cell that is no longer here
