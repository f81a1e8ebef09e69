"""Declare the sections of a page once, for HTML and Markdown alike.

A section without content is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import pandas as pd

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.tracked import SweepFacts, TrackedRuns
from pipeline.report import probe_tables, run_tables, tables
from pipeline.report.figures import accuracy, breakdowns, contrasts, inside, lesson, memory
from pipeline.report.figures.drawing import Figure
from pipeline.report.formats import MISSING
from pipeline.report.prose import answer, sweep
from pipeline.report.tables import Table

_PUBLISHED = Path(__file__).parent / "published_results.csv"


@dataclass(frozen=True)
class Content:
    """What the sections of a sweep's page are built from.

    comparison: of the architectures that the page shows; whole: of all.
    """

    whole: Comparison
    tracked: TrackedRuns
    leagues: Sequence[Comparison] = ()

    @cached_property
    def comparison(self) -> Comparison:
        return self.whole.limited_to_shown()


@dataclass(frozen=True)
class Block:
    """A piece of a section.

    text: the paragraph, the heading, or the title of a folded table. rows: (bold, plain) pairs.
    on_paper: shown in Markdown only, where no table can be folded under its figure.
    """

    kind: Literal["text", "heading", "table", "folded", "items", "facts", "figure"]
    text: str = ""
    table: Table | None = None
    rows: Sequence[tuple[str, str]] = ()
    figure: Figure | None = None
    on_paper: bool = False


@dataclass(frozen=True)
class Section:
    """A section as declared; `before` and `after` are its blocks before and after the figures."""

    id: str
    title: str
    figures: Callable[[Content], Iterable[Figure]] = lambda content: ()
    before: Callable[[Content], Iterable[Block]] = lambda content: ()
    after: Callable[[Content], Iterable[Block]] = lambda content: ()


@dataclass(frozen=True)
class PageSection:
    """A section as built for one page."""

    id: str
    title: str
    blocks: tuple[Block, ...] = field(default=())


def build(content: Content) -> list[PageSection]:
    """Build the sections that have content."""
    built = []
    for section in SECTIONS:
        figures = (Block("figure", figure=figure) for figure in section.figures(content))
        blocks = (*section.before(content), *figures, *section.after(content))
        built += [PageSection(section.id, section.title, blocks)] if blocks else []
    return built


def figures_of(sections: Iterable[PageSection]) -> list[Figure]:
    return [block.figure for one in sections for block in one.blocks if block.figure is not None]


def _table(table: Table | None) -> list[Block]:
    return [] if table is None else [Block("table", table=table)]


def _memory_figures(content: Content) -> list[Figure]:
    comparison = content.comparison
    return [
        *breakdowns.draw_breakdowns(comparison),
        *breakdowns.draw_quiz(comparison),
        *memory.draw_memory(comparison),
        *breakdowns.draw_leads(comparison),
    ]


def _trends(content: Content) -> Iterator[Block]:
    comparison = content.comparison
    groups = (
        ("As the distance doubles", comparison.by_distance, "words of distance"),
        ("As the length doubles", comparison.by_length, "words"),
    )
    found = [
        *((title, tables.trend_table(one.trends, unit)) for title, one, unit in groups if one),
        *probe_tables.trend_tables(comparison),
    ]
    if found:
        yield Block("heading", "Does the gap grow?")
        yield Block("text", sweep.READING_TRENDS)
    for title, table in found:
        yield Block("folded", title, table)


def _results(content: Content) -> Iterator[Block]:
    comparison, leagues = content.comparison, content.leagues
    if comparison.summary.empty:
        return
    yield from _table(tables.summary_table(comparison))
    yield Block("text", sweep.describe_reading(comparison))
    if leagues:
        yield Block("heading", "Leagues side by side")
        yield Block("text", sweep.READING_LEAGUES)
        yield Block("items", rows=answer.describe_leagues([comparison, *leagues]))
        yield from _table(tables.league_table(comparison, leagues))


def _pairs(content: Content) -> Iterator[Block]:
    if len(content.comparison.pairwise):
        table = tables.pair_table(content.comparison.pairwise)
        yield Block("table", table=table, on_paper=True)


def _costs(content: Content) -> Iterator[Block]:
    if not content.comparison.summary.empty:
        yield from _table(tables.cost_table(content.comparison))


def _published(content: Content) -> Iterator[Block]:
    """Show published results, which exist for IMDB only."""
    if set(content.comparison.runs.data.dropna()) == {"imdb"}:
        table = run_tables.published_table(pd.read_csv(_PUBLISHED), content.comparison)
        yield Block("text", sweep.READING_PUBLISHED)
        yield Block("folded", "This sweep and published results", table)


def _runs(content: Content) -> Iterator[Block]:
    comparison, run_url = content.whole, content.tracked.sweep.run_url
    unfinished = run_tables.unfinished_table(comparison, run_url)
    if unfinished.rows:
        yield from _table(unfinished)
    else:
        yield Block("text", sweep.describe_complete(comparison))
    if comparison.tuning:
        table = tables.tuning_table(comparison.tuning)
        yield Block("folded", "All values tried", table)
    table = run_tables.runs_table(comparison, run_url)
    yield Block("folded", f"All {len(table.rows)} runs", table)


def provenance_section(runs: pd.DataFrame, facts: SweepFacts) -> PageSection:
    rows = describe_provenance(runs, facts)
    return PageSection("provenance", "Provenance", (Block("facts", rows=rows),))


def describe_provenance(runs: pd.DataFrame, facts: SweepFacts) -> list[tuple[str, str]]:
    """List where the numbers come from; the table of runs says which run has which value."""

    def all_of(column: str) -> str:
        return ", ".join(sorted({str(value) for value in runs[column].dropna()})) or MISSING

    dirty = runs.git_dirty.dropna().astype(bool)
    tree = "with uncommitted changes" if dirty.any() else "clean" if len(dirty) else "unknown"
    return [
        ("Started", facts.started),
        ("Data", f"{all_of('data')}, fingerprint {all_of('data_fingerprint')}"),
        ("Git commit", f"{all_of('git_commit')} ({tree})"),
        ("Versions", all_of("versions")),
        ("Device", all_of("device")),
        ("Threads per run", all_of("threads")),
        ("Runs at a time", all_of("concurrent_runs")),
        ("Tracking store", facts.tracking_uri),
        ("Parent run", facts.parent_run_id or MISSING),
        *facts.provenance,
    ]


def _provenance(content: Content) -> Sequence[Block]:
    return provenance_section(content.whole.runs, content.tracked.sweep).blocks


LEAD = "questions"  # its figure stands above the short answers, in the first screenful
SECTIONS = (
    Section(LEAD, "What was asked", lambda content: contrasts.draw_contrasts(content.comparison)),
    Section(
        "memory",
        "Memory",
        _memory_figures,
        before=lambda content: _table(probe_tables.reach_table(content.comparison)),
        after=_trends,
    ),
    Section(
        "inside",
        "Inside the networks",
        lambda content: [
            *inside.draw_inside(content.comparison),
            *lesson.draw_lesson(content.comparison),
        ],
        before=lambda content: _table(probe_tables.fading_table(content.comparison)),
    ),
    Section(
        "results",
        "Accuracy",
        lambda content: accuracy.draw_accuracy(content.comparison),
        before=_results,
        after=_pairs,
    ),
    Section("cost", "Cost", lambda content: accuracy.draw_cost(content.comparison), before=_costs),
    Section(
        "learning",
        "Learning",
        lambda content: accuracy.draw_curves(content.comparison, content.tracked.history),
    ),
    Section("published", "Published results", before=_published),
    Section("runs", "Runs", before=_runs),
    Section(
        "method",
        "How the numbers are made",
        before=lambda content: [Block("text", sweep.describe_method(content.whole))],
    ),
    Section("provenance", "Provenance", before=_provenance),
)
