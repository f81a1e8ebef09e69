"""Print what a sweep found when it ends: its answer, and a table with a row for each architecture.

The numbers and sentences are those of the page, of the same results.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import rich.table
from rich.console import Console
from rich.text import Text

from pipeline.analysis.adding import AddingResults
from pipeline.analysis.compared import Compared
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.language import LanguageComparison
from pipeline.analysis.selection import describe_choices
from pipeline.report import language_tables
from pipeline.report.adding_tables import steps_table
from pipeline.report.formats import MISSING, format_count, join_names
from pipeline.report.markdown import as_markdown, table_as_markdown
from pipeline.report.probe_tables import main_reach_column
from pipeline.report.prose import adding, language
from pipeline.report.prose.headline import headline_of_sweep
from pipeline.report.prose.recommendation import recommend
from pipeline.report.prose.sweep import describe_marks, describe_shown
from pipeline.report.tables import (
    ACCURACY,
    ARCHITECTURE,
    STARRED_INTERVAL,
    STARRED_TRAINING,
    Column,
    Table,
    make_table,
)
from pipeline.report.terminal import plain

Results = Comparison | AddingResults | LanguageComparison
_STAR = " *"  # behind a number that a note explains
_WIDEST = 100  # characters of a line that is still read with ease


class _Ending(NamedTuple):
    """Hold the headline of a sweep, what it recommends, its table, and the notes on that."""

    headline: str
    recommendation: str
    table: Table
    notes: list[str]


def show_results(found: Results, console: Console | None = None) -> None:
    """Print the answer of a sweep, its architectures and the baseline, or the steps to solve."""
    _show(_ending(found), console)


def describe_results(found: Results, report: str) -> str:
    """Return the same as Markdown, for MLflow's pages, which show the first lines only.

    report: the address of the report.
    """
    ending = _ending(found)
    link = f"[Read the report]({report})"
    parts = [
        f"{link}. {as_markdown(ending.recommendation)}".strip(),
        as_markdown(ending.headline),
        table_as_markdown(ending.table) if ending.table.rows else "",
        *map(as_markdown, ending.notes),
    ]
    return "\n\n".join(part for part in parts if part)


def _ending(found: Results) -> _Ending:
    if isinstance(found, AddingResults):
        table = steps_table(found)
        return _Ending(adding.headline(found), "", table, [table.caption])
    if isinstance(found, LanguageComparison):
        table = language_tables.results_table(found.limited_to_shown())
        return _Ending(language.headline(found), "", table, _notes(found) if table.rows else [])
    shown = found.limited_to_shown()
    table = results_table(shown)
    notes = _notes(found) if table.rows else []
    return _Ending(headline_of_sweep(found), recommend(shown), table, notes)


def _notes(found: Compared) -> list[str]:
    """Explain the table: which architectures it has, what was chosen for them, and its marks."""
    chosen = []
    if found.tuning is not None:
        settings = join_names(found.tuning.settings)
        chosen = [f"{settings} chosen on validation: {describe_choices(found.tuning)}."]
    return [*describe_shown(found), *chosen, *describe_marks(found)]


def results_table(comparison: Comparison) -> Table:
    """Show accuracy, memory, cost and seeds of every architecture, then of the baseline."""
    costs = comparison.cost[["architecture", "train_seconds", "alone"]]
    frame = comparison.summary.merge(costs, on="architecture")
    frame = frame.assign(
        seeds=[_count_seeds(*one) for one in zip(frame.runs, frame.planned, strict=True)]
    )
    reach = main_reach_column(comparison)
    columns = [
        ARCHITECTURE,
        ACCURACY,
        STARRED_INTERVAL,
        *([reach] if reach else []),
        STARRED_TRAINING,
        Column("seeds", "seeds"),
    ]
    rows = pd.concat([frame, _baseline_row(comparison)], ignore_index=True)
    return make_table("Every architecture", columns, rows)


def _count_seeds(finished: int, planned: int) -> str:
    return f"{finished} of {planned}" if finished < planned else format_count(finished)


def _baseline_row(comparison: Comparison) -> pd.DataFrame:
    baseline = comparison.baseline
    if baseline is None:
        return pd.DataFrame()
    scores = baseline.scores
    own = scores[(scores.along == "all") & (scores["head"] == comparison.heads[0])]
    return own[["accuracy", "ci_low", "ci_high"]].assign(
        architecture=baseline.name,
        seeds_counted=True,  # it has none, so none is left out
        train_seconds=baseline.run.train_seconds.iloc[0],
        alone=True,
        seeds=MISSING,
    )


def _show(ending: _Ending, console: Console | None) -> None:
    console = console or Console(highlight=False)
    width = min(console.width, _WIDEST)
    for text in filter(None, (ending.headline, ending.recommendation)):
        console.print()
        console.print(_wrapped(text, width))
    if ending.table.rows:
        console.print()
        console.print(_drawn(ending.table), width=width)
    for note in ending.notes:
        console.print(_wrapped(note, width), style="dim")
    console.print()


def _wrapped(text: str, width: int) -> Text:
    return Text("\n").join(map(plain, textwrap.wrap(text, width)))


def _drawn(table: Table) -> rich.table.Table:
    """Draw a table without lines; words may go on in a second line."""
    drawn = rich.table.Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    cells = []
    for column, entries in zip(table.columns, zip(*table.rows, strict=True), strict=True):
        justify = "left" if column.words else "right"
        drawn.add_column(plain(column.heading), justify=justify, overflow="fold")
        texts = [entry.text for entry in entries]
        cells.append([*map(plain, texts)] if column.words else _aligned(texts, len(column.heading)))
    for row in zip(*cells, strict=True):
        drawn.add_row(*row)
    return drawn


def _aligned(texts: Sequence[str], width: int) -> list[Text]:
    """Return the cells of a column; where some have a star, numbers stand under numbers."""
    if not any(text.endswith(_STAR) for text in texts):
        return [plain(text) for text in texts]
    padded = [text if text.endswith(_STAR) else text + " " * len(_STAR) for text in texts]
    width = max(width, *map(len, padded))
    aligned = [plain(text.rjust(width)) for text in padded]
    for cell in aligned:
        cell.justify = "left"
    return aligned
