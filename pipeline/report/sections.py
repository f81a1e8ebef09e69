"""Declare the sections of a sweep's page, and fill them.

A section without content is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from pipeline.analysis.compared import Compared
from pipeline.analysis.tracked import SweepFacts
from pipeline.report import class_tables, inside_tables, probe_tables, run_tables, tables
from pipeline.report.blocks import (
    Block,
    Content,
    PageSection,
    Section,
    build_sections,
    table_blocks,
)
from pipeline.report.figures import (
    accuracy,
    breakdowns,
    classes,
    contrasts,
    inside,
    ladder,
    lesson,
    memory,
)
from pipeline.report.figures.drawing import Figure
from pipeline.report.formats import MISSING
from pipeline.report.prose import answer, sweep
from pipeline.report.prose import memory as probes
from pipeline.report.prose.inside import READING_MEASURES, describe_measures
from pipeline.report.prose.parting import describe_parting, group_cards
from pipeline.report.tables import Column

_PUBLISHED = Path(__file__).parent / "published_results.csv"


def _memory_figures(content: Content) -> list[Figure]:
    """Draw how far back, by distance where it is known, else by length; and by neutral words."""
    comparison = content.comparison
    by_distance = breakdowns.draw_by_distance(comparison)
    return [
        *(by_distance[:1] or breakdowns.draw_above_simple(comparison)),
        *memory.draw_distances(comparison, "both"),
    ]


def _further_on_memory(content: Content) -> list[Figure]:
    comparison = content.comparison
    by_distance = breakdowns.draw_by_distance(comparison)
    return [
        *by_distance[1:],
        *(breakdowns.draw_above_simple(comparison) if by_distance else ()),
        *breakdowns.draw_by_length(comparison),
        *memory.draw_distances(comparison, "after", "before"),
        *memory.draw_contexts(comparison),
        *breakdowns.draw_leads(comparison),
        *breakdowns.draw_quiz(comparison),
    ]


def _probes(content: Content) -> Iterator[Block]:
    """Say once what the probes do, with a drawing, and how far every architecture reaches."""
    comparison = content.comparison
    if comparison.memory is not None:
        made = set(comparison.memory.curves.probe)
        if "distance" in made:
            said = probes.describe_neutral_words(comparison.memory)
            yield Block("drawing", said, name="neutral_words")
        if "context" in made:
            yield Block("drawing", probes.CUTTING, name="cutting")
        if comparison.unlearnt:
            yield Block("text", probes.describe_unlearnt(comparison.unlearnt))
    yield from table_blocks(probe_tables.reach_table(comparison), "reach")


def _measures(content: Content) -> Iterator[Block]:
    """Say why the measures of memory part, with the numbers of this sweep."""
    name, said = describe_measures(content.comparison)
    if said:
        yield Block("text", READING_MEASURES.format(name=name))
        yield Block("items", rows=said)
    yield from table_blocks(inside_tables.measures_table(content.comparison), "measures")


def _layers(content: Content) -> Iterator[Block]:
    for name, title, table in (
        ("half_lives", "Derivatives and gates of every layer", inside_tables.fading_table),
        ("unit_times", "How slowly the units of every layer move", inside_tables.unit_times_table),
    ):
        made = table(content.comparison)
        if made is not None:
            yield Block("folded", title, made, name=name)


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
        name = title.lower().replace(" ", "_")
        yield Block("folded", title, table, name=name)


def _texts(content: Content) -> Iterator[Block]:
    parting, excerpts = content.comparison.parting, content.tracked.excerpts
    if parting is None or not excerpts:
        return
    yield Block("text", describe_parting(parting, content.comparison.reviews, excerpts))
    for heading, cards in group_cards(parting, excerpts):
        yield Block("heading", heading)
        yield Block("texts", texts=cards)


def _class_tables(content: Content) -> Iterator[Block]:
    found = content.comparison.classes
    if found is not None:
        yield Block("text", class_tables.READING)
        for head in found.heads:
            if said := class_tables.describe_commonest(found, head):
                yield Block("text", said)
            yield from table_blocks(class_tables.summary_table(found, head))


def _classes_one_by_one(content: Content) -> Iterator[Block]:
    found = content.comparison.classes
    if found is None:
        return
    yield Block("text", class_tables.READING_SCORES)
    for head in found.heads:
        yield Block("folded", f"Every class: {head}", class_tables.scores_table(found, head))


def _results(content: Content) -> Iterator[Block]:
    comparison, leagues = content.whole, content.leagues
    if comparison.summary.empty:
        return
    yield from table_blocks(tables.summary_table(comparison))
    yield Block("text", sweep.describe_reading(comparison))
    if leagues:
        yield Block("heading", "Leagues side by side")
        yield Block("text", sweep.READING_LEAGUES)
        yield Block("items", rows=answer.describe_leagues([comparison, *leagues]))
        yield from table_blocks(tables.league_table(comparison, leagues), "leagues")


def _ends(content: Content) -> Iterator[Block]:
    if said := sweep.describe_ends(content.comparison):
        yield Block("text", said)


def _pairs(content: Content) -> Iterator[Block]:
    if len(content.comparison.pairwise):
        table = tables.pair_table(content.comparison.pairwise)
        yield Block("table", table=table, on_paper=True)


def _costs(content: Content) -> Iterator[Block]:
    if not content.whole.summary.empty:
        yield from table_blocks(tables.cost_table(content.whole))


def _published(content: Content) -> Iterator[Block]:
    """Show published results, which exist for IMDB only."""
    if set(content.comparison.runs.data.dropna()) == {"imdb"}:
        table = run_tables.published_table(pd.read_csv(_PUBLISHED), content.comparison)
        yield Block("text", sweep.READING_PUBLISHED)
        yield Block("folded", "This sweep and published results", table)


def _runs(content: Content) -> Iterator[Block]:
    yield from runs_blocks(content.whole, content.tracked.sweep.run_url)


def runs_blocks(
    comparison: Compared, run_url: str | None, *scores: Sequence[Column]
) -> Iterator[Block]:
    """Show which runs are missing, every value that was tried, and every run.

    scores: the columns of a value that was tried, then those of a run; none: those of classifiers.
    """
    unfinished = run_tables.unfinished_table(comparison, run_url)
    if unfinished.rows:
        yield from table_blocks(unfinished, "unfinished")
    else:
        yield Block("text", sweep.describe_complete(comparison))
    if comparison.tuning:
        table = run_tables.tuning_table(comparison.tuning, *scores[:1])
        yield Block("folded", "All values tried", table, name="tuning")
    table = run_tables.runs_table(comparison, run_url, *scores[1:])
    yield Block("folded", f"All {len(table.rows)} runs", table)


def _method(content: Content) -> Iterator[Block]:
    comparison = content.comparison
    yield Block("text", sweep.describe_method(comparison))
    if comparison.memory is not None and (lean := probes.describe_lean(comparison.memory)):
        yield Block("text", lean)


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
SECTIONS: tuple[Section[Content], ...] = (
    Section(LEAD, "What was asked", lambda content: contrasts.draw_contrasts(content.comparison)),
    Section("ladder", "Recipes", lambda content: ladder.draw_ladder(content.whole)),
    Section(
        "memory",
        "Memory",
        _memory_figures,
        _further_on_memory,
        before=_probes,
        after=_trends,
    ),
    Section("texts", "Texts they part on", before=_texts),
    Section(
        "inside",
        "Inside the networks",
        lambda content: [
            *inside.draw_slow_units(content.comparison),
            *lesson.draw_lesson(content.comparison),
        ],
        lambda content: inside.draw_derivatives_and_gates(content.comparison),
        before=_measures,
        after=_layers,
    ),
    Section(
        "results",
        "Accuracy",
        lambda content: accuracy.draw_accuracy(content.comparison),
        lambda content: accuracy.draw_pairs(content.comparison),
        before=_results,
        after=_pairs,
    ),
    Section(
        "classes",
        "By class",
        lambda content: classes.draw_classes(content.comparison, "best"),
        lambda content: classes.draw_classes(content.comparison, "worst"),
        before=_class_tables,
        after=_classes_one_by_one,
    ),
    Section(
        "cost",
        "Cost",
        lambda content: accuracy.draw_cost(content.comparison)[:1],
        lambda content: accuracy.draw_cost(content.comparison)[1:],
        before=_costs,
    ),
    Section(
        "learning",
        "Learning",
        lambda content: accuracy.draw_curves(content.comparison, content.tracked.history),
        before=_ends,
    ),
    Section("published", "Published results", before=_published),
    Section("runs", "Runs", before=_runs),
    Section(
        "method",
        "How the numbers are made",
        before=_method,
    ),
    Section("provenance", "Provenance", before=_provenance),
)


def build(content: Content) -> list[PageSection]:
    """Build the sections of a sweep's page that have content."""
    return build_sections(SECTIONS, content)
