"""Write the page of a sweep over language models, with its tables and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.analysis.language import LanguageComparison, LanguageRuns
from pipeline.analysis.language_memory import CUT, ERASED, FIRST, REPLACED, SHUFFLED
from pipeline.report import inside_tables, language_tables
from pipeline.report.blocks import Block, PageSection, Section, build_sections, table_blocks
from pipeline.report.figures import contrasts, inside
from pipeline.report.figures import language as figures
from pipeline.report.figures import language_memory as memory
from pipeline.report.figures.drawing import looks_of
from pipeline.report.glossary import terms_of_language
from pipeline.report.page import write_pages
from pipeline.report.prose import language, sweep
from pipeline.report.prose.samples import make_cards
from pipeline.report.sections import LEAD, provenance_section, runs_blocks
from pipeline.report.tables import cost_table

CSV_FILES = {
    "runs.csv": lambda found: found.runs,
    "summary.csv": lambda found: found.summary,
    "contrasts.csv": lambda found: found.contrasts and found.contrasts.table,
    "pairwise.csv": lambda found: found.pairwise,
    "tuning.csv": lambda found: found.tuning and found.tuning.grid,
    "baseline.csv": lambda found: found.baseline and found.baseline.leads,
    "loss_by_context.csv": lambda found: found.memory and found.memory.losses,
    "effective_context.csv": lambda found: found.memory and found.memory.effective,
    "recall.csv": lambda found: found.memory and _or_none(found.memory.recall),
    "subject_recall.csv": lambda found: found.memory and _or_none(found.memory.subjects),
    "retention.csv": lambda found: found.fading and found.fading.curves,
    "half_lives.csv": lambda found: found.fading and found.fading.half_lives,
    "time_constants.csv": lambda found: found.fading and found.fading.time_constants,
}


def _or_none(frame: pd.DataFrame) -> pd.DataFrame | None:
    return frame if len(frame) else None


@dataclass(frozen=True)
class LanguageContent:
    """What the sections of the page are built from.

    comparison: of the architectures that the page shows; whole: of all.
    """

    whole: LanguageComparison
    tracked: LanguageRuns

    @cached_property
    def comparison(self) -> LanguageComparison:
        return self.whole.limited_to_shown()


def write_language_report(
    found: LanguageComparison, tracked: LanguageRuns, folder: Path, playground: str | None = None
) -> Path:
    """Write `index.html`, `report.md`, the tables and the figures.

    playground: the page that runs the networks, written beside this one and linked from it.

    Returns:
      The page's path.

    Raises:
      ReportError: the folder cannot be written.
    """
    shown = LanguageContent(found, tracked)
    return write_pages(
        _gather(shown),
        build(shown),
        looks_of(shown.comparison),
        (CSV_FILES, found),
        folder,
        terms_of_language(),
        playground,
    )


def _gather(content: LanguageContent) -> dict[str, Any]:
    """Gather what is shown above the sections."""
    whole = content.whole
    return {
        "title": f"{whole.experiment}: language models compared",
        "facts": language.describe_sweep(whole, content.tracked),
        "headline": language.headline(whole),
        "short_answers": language.short_answers(content.comparison),
        "recommendation": "",
        "cautions": [*sweep.cautions(whole), *language.cautions(whole, content.tracked)],
    }


def _context(content: LanguageContent) -> Iterator[Block]:
    if content.comparison.memory is not None:
        yield Block("text", language.READING_CONTEXT)


def _effective(content: LanguageContent) -> Iterator[Block]:
    if content.comparison.memory is not None:
        yield from table_blocks(language_tables.effective_table(content.comparison), "effective")


def _results(content: LanguageContent) -> Iterator[Block]:
    if content.whole.summary.empty:
        return
    yield from table_blocks(language_tables.perplexity_table(content.whole))
    yield Block("text", language.describe_reading(content.whole))


def _tokens(content: LanguageContent) -> Iterator[Block]:
    if not content.whole.summary.empty:
        yield Block("facts", rows=language_tables.tokens_facts(content.whole))


def _pairs(content: LanguageContent) -> Iterator[Block]:
    if len(content.comparison.pairwise):
        table = language_tables.pairs_table(content.comparison.pairwise)
        yield Block("folded", "Every pair of architectures", table, name="pairwise")


def _samples(content: LanguageContent) -> Iterator[Block]:
    found = content.comparison
    runs = found.runs[found.runs.compared]
    order = {name: place for place, name in enumerate(found.summary.architecture)}
    runs = runs.sort_values("architecture", key=lambda names: names.map(order), kind="stable")
    named = [runs[["run_id", "architecture"]]]
    if found.baseline is not None:
        named.append(found.baseline.run[["run_id", "architecture"]])
    cards = make_cards(content.tracked.samples, pd.concat(named))
    if cards:
        yield Block("text", language.READING_SAMPLES)
        yield Block("samples", samples=cards)


def _layers(content: LanguageContent) -> Iterator[Block]:
    table = inside_tables.fading_table(content.comparison)
    if table is not None:
        yield Block("folded", "Derivatives and gates of every layer", table, name="layers")


def _costs(content: LanguageContent) -> Iterator[Block]:
    if not content.whole.summary.empty:
        yield from table_blocks(cost_table(content.whole))


def _ends(content: LanguageContent) -> Iterator[Block]:
    if said := sweep.describe_ends(content.comparison):
        yield Block("text", said)


def _runs(content: LanguageContent) -> Iterator[Block]:
    scores = language_tables.TRIED_SCORES, language_tables.RUN_SCORES
    yield from runs_blocks(content.whole, content.tracked.sweep.run_url, *scores)


def _method(content: LanguageContent) -> Iterator[Block]:
    yield Block("text", language.describe_method(content.comparison))


def _provenance(content: LanguageContent) -> Sequence[Block]:
    return provenance_section(content.whole.runs, content.tracked.sweep).blocks


SECTIONS: tuple[Section[LanguageContent], ...] = (
    Section(LEAD, "What was asked", lambda content: contrasts.draw_contrasts(content.comparison)),
    Section(
        "context",
        "What they use of the context",
        lambda content: [
            *memory.draw_contexts(content.comparison, CUT),
            *memory.draw_subjects(content.comparison),
            *memory.draw_recall(content.comparison, ERASED),
        ],
        lambda content: [
            *memory.draw_contexts(content.comparison, SHUFFLED, REPLACED),
            *memory.draw_recall(content.comparison, FIRST),
        ],
        before=_context,
        after=_effective,
    ),
    Section(
        "results",
        "Perplexity",
        lambda content: figures.draw_perplexity(content.comparison),
        lambda content: figures.draw_bits(content.comparison),
        before=_results,
        after=lambda content: [*_pairs(content), *_tokens(content)],
    ),
    Section("samples", "What they write", before=_samples),
    Section(
        "inside",
        "Inside the networks",
        lambda content: inside.draw_derivatives_and_gates(content.comparison)[:1],
        lambda content: inside.draw_derivatives_and_gates(content.comparison)[1:],
        after=_layers,
    ),
    Section(
        "cost",
        "Cost",
        lambda content: figures.draw_cost(content.comparison)[:1],
        lambda content: figures.draw_cost(content.comparison)[1:],
        before=_costs,
    ),
    Section(
        "learning",
        "Learning",
        lambda content: figures.draw_curves_of_learning(
            content.comparison, content.tracked.history
        ),
        before=_ends,
    ),
    Section("runs", "Runs", before=_runs),
    Section("method", "How the numbers are made", before=_method),
    Section("provenance", "Provenance", before=_provenance),
)


def build(content: LanguageContent) -> list[PageSection]:
    """Build the sections of the page that have content."""
    return build_sections(SECTIONS, content)
