"""Yardstick -> the page of the adding problem, its tables and its figures, in the look of the others."""

from __future__ import annotations

from pathlib import Path

from pipeline.analysis.adding import AddingRuns, Yardstick
from pipeline.report import adding_tables, look
from pipeline.report.figures.adding import draw_steps
from pipeline.report.folder import built_beside
from pipeline.report.page import write_page, write_tables
from pipeline.report.prose import adding
from pipeline.report.sections import Block, Built, figures_of, provenance_section

CSV_FILES = {
    "runs.csv": lambda yardstick: yardstick.runs,
    "steps_to_solve.csv": lambda yardstick: yardstick.summary,
}


def write_yardstick(yardstick: Yardstick, tracked: AddingRuns, folder: Path) -> Path:
    """Writes `index.html`, `runs.csv`, `steps_to_solve.csv` and the figures as SVG -> the page's path.

    Raises:
      ReportError: the folder cannot be written.
    """
    sections = build(yardstick, tracked)
    looks = look.assign_looks(yardstick.architectures) if figures_of(sections) else []
    with built_beside(folder) as built:
        content = {
            "title": f"{yardstick.experiment}: the adding problem",
            "facts": f"{len(yardstick.runs)} runs. Started {tracked.sweep.started}.",
            "headline": adding.headline(yardstick),
            "readers": [],
            "cautions": adding.cautions(yardstick),
            "csv_files": write_tables(CSV_FILES, yardstick, built),
        }
        write_page(content, sections, looks, built)
    return folder / "index.html"


def build(yardstick: Yardstick, tracked: AddingRuns) -> list[Built]:
    """The sections of the page."""
    runs = adding_tables.runs_table(yardstick.runs, tracked.sweep.run_url)
    figures = draw_steps(yardstick, tracked.history)
    return [
        Built(
            "steps",
            "Steps to solve it",
            (
                Block("table", table=adding_tables.steps_table(yardstick)),
                *(Block("figure", figure=figure) for figure in figures),
            ),
        ),
        Built(
            "published",
            "Published results",
            (
                Block("text", adding.READING_PUBLISHED),
                Block("table", table=adding_tables.published_table()),
            ),
        ),
        Built("runs", "Runs", (Block("folded", f"All {len(runs.rows)} runs", runs),)),
        Built(
            "method",
            "How the numbers are made",
            (Block("text", adding.describe_method(yardstick)),),
        ),
        provenance_section(yardstick.runs.assign(data="adding"), tracked.sweep),
    ]
