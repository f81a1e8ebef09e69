"""Write what lies beside a page: its tables as CSV and LaTeX, its figures as SVG, PDF and PNG."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import vega
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.pairwise import Breakdown
from pipeline.report.figures.drawing import Figure
from pipeline.report.latex import latex_of
from pipeline.report.slim import slim_svg
from pipeline.report.tables import Table


def write_figures(drawn: Sequence[Figure], folder: Path) -> dict[str, str]:
    """Write `figures/<name>` as .svg, .pdf and .png; return the SVGs by name.

    Raises:
      CannotDrawError: they cannot be drawn here.
    """
    place = folder / "figures"
    place.mkdir()
    try:
        vega.draw({figure.name: figure.for_paper() for figure in drawn}, place)
    except vega.CannotDrawError:
        shutil.rmtree(place)
        raise
    svgs = {}
    for figure in drawn:
        path = place / f"{figure.name}.svg"
        svgs[figure.name] = slim_svg(path.read_text(encoding="utf-8"))
        path.write_text(svgs[figure.name], encoding="utf-8")
    return svgs


def write_latex(tables: Iterable[tuple[str, Table]], folder: Path) -> None:
    """Write `tables/<name>.tex`."""
    (folder / "tables").mkdir()
    for name, table in tables:
        path = folder / "tables" / f"{name}.tex"
        path.write_text(latex_of(table, name), encoding="utf-8")


def _of_breakdown(
    along: str, take: Callable[[Breakdown], pd.DataFrame]
) -> Callable[[Comparison], pd.DataFrame | None]:
    def table(comparison: Comparison) -> pd.DataFrame | None:
        breakdown: Breakdown | None = getattr(comparison, f"by_{along}")
        return None if breakdown is None else take(breakdown)

    return table


def _breakdown_rows(along: str) -> Callable[[Breakdown], pd.DataFrame]:
    def rows(breakdown: Breakdown) -> pd.DataFrame:
        found = breakdown.accuracy.rename(columns={"low": f"{along}_low", "high": f"{along}_high"})
        return found[[*(c for c in found if c != "head"), "head"]]

    return rows


TableOf = Callable[[Any], pd.DataFrame | None]  # results -> a table of them, if they have it
# People build on these tables. Numbers are not rounded; None means that the sweep has no such table.
CSV_FILES: dict[str, TableOf] = {
    "runs.csv": lambda c: c.runs,
    "contrasts.csv": lambda c: c.contrasts and c.contrasts.table,
    "pairwise.csv": lambda c: c.pairwise,
    "tuning.csv": lambda c: c.tuning and c.tuning.grid,
    "ladder.csv": lambda c: c.ladder,
    "baseline.csv": lambda c: c.baseline and c.baseline.leads,
    "context.csv": lambda c: c.memory and c.memory.curves,
    "reach.csv": lambda c: c.memory and c.memory.reaches,
    "quiz.csv": lambda c: c.memory.quiz if c.memory and len(c.memory.quiz) else None,
    "retention.csv": lambda c: c.fading and c.fading.curves,
    "classes.csv": lambda c: c.classes and c.classes.scores,
    "confusion.csv": lambda c: c.classes and c.classes.confusion,
    "half_lives.csv": lambda c: c.fading and c.fading.half_lives,
    "time_constants.csv": lambda c: c.fading and c.fading.time_constants,
    "slow_units.csv": lambda c: c.slow_units and c.slow_units.shares,
    "unit_times.csv": lambda c: c.slow_units and c.slow_units.times,
    **{
        f"by_{along}{suffix}.csv": _of_breakdown(along, take)
        for along in ("length", "distance")
        for suffix, take in (
            ("", _breakdown_rows(along)),
            ("_pairwise", lambda breakdown: breakdown.pairwise),
            ("_slopes", lambda breakdown: breakdown.trends.slopes),
            ("_gaps", lambda breakdown: breakdown.trends.gaps),
            ("_above_simple", lambda breakdown: breakdown.above_simple),
        )
    },
}


# Columns in which a number may be infinite: beyond all that was measured.
_ENDS = ("value", "low", "high")
_INFINITE = {
    "reach.csv": _ENDS,
    "effective_context.csv": _ENDS,
    "half_lives.csv": _ENDS,
    "time_constants.csv": ("lower", "median", "upper", "low", "high", "p90", "slowest"),
    "unit_times.csv": ("median", "p90", "slowest"),
}


def write_tables(files: Mapping[str, TableOf], results: object, folder: Path) -> list[str]:
    """Write the files that have a frame; return their names."""
    frames = {name: take(results) for name, take in files.items()}
    frames = {name: frame for name, frame in frames.items() if frame is not None}
    for name, frame in frames.items():
        written = flag_infinite(disarm_formulas(frame), _INFINITE.get(name, ()))
        written.to_csv(folder / name, index=False)
    return list(frames)


def disarm_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before texts that a spreadsheet would compute, such as a label "=1+1".

    Numbers with a sign stay as they are.
    """
    texts = frame.select_dtypes(include=["object", "string", "category"]).columns
    return frame.assign(**{name: frame[name].map(_disarm) for name in map(str, texts)})


def _disarm(value: object) -> object:
    if isinstance(value, str) and _FORMULA.match(value) and not _SIGNED.fullmatch(value):
        return f"'{value}"
    return value


_FORMULA = re.compile(r"[=+\-@\t\r]")
_SIGNED = re.compile(r"[+-]\d+([.,]\d+)?")


def flag_infinite(frame: pd.DataFrame, declared: Sequence[str] = ()) -> pd.DataFrame:
    """Empty infinite numbers and flag them in `<column>_is_infinite`, as few programs read "inf".

    declared: columns that have a flag even if none of their numbers is infinite.
    """
    floats = map(str, frame.select_dtypes("float").columns)
    found = [name for name in floats if np.isinf(frame[name]).any()]
    flagged = [name for name in map(str, frame.columns) if name in declared or name in found]
    infinite = {name: np.isinf(frame[name].astype(float)) for name in flagged}
    return frame.assign(
        **{name: frame[name].mask(infinite[name]) for name in flagged},
        **{f"{name}_is_infinite": infinite[name] for name in flagged},
    )
