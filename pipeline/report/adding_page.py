"""Write the page of the adding problem, with its tables and its figures."""

from __future__ import annotations

from pathlib import Path

from pipeline.analysis.adding import AddingResults, AddingRuns
from pipeline.report import adding_tables, look
from pipeline.report.blocks import Block, PageSection, figures_of
from pipeline.report.exports import write_tables
from pipeline.report.figures.adding import draw_steps
from pipeline.report.folder import staging_folder
from pipeline.report.page import write_page
from pipeline.report.prose import adding
from pipeline.report.sections import provenance_section

CSV_FILES = {
    "runs.csv": lambda results: results.runs,
    "steps_to_solve.csv": lambda results: results.summary,
}


def write_adding_report(results: AddingResults, tracked: AddingRuns, folder: Path) -> Path:
    """Write `index.html`, `runs.csv`, `steps_to_solve.csv`, the figures and the tables as LaTeX.

    Returns:
      The page's path.

    Raises:
      ReportError: the folder cannot be written.
    """
    sections = build(results, tracked)
    looks = look.assign_looks(results.architectures) if figures_of(sections) else []
    with staging_folder(folder) as built:
        content = {
            "playground": None,  # there is no text to type
            "title": f"{results.experiment}: the adding problem",
            "facts": f"{len(results.runs)} runs. Started {tracked.sweep.started}.",
            "headline": adding.headline(results),
            "lead": (),
            "short_answers": [],
            "recommendation": "",
            "cautions": adding.cautions(results),
            "csv_files": write_tables(CSV_FILES, results, built),
        }
        write_page(content, sections, looks, built)
    return folder / "index.html"


def build(results: AddingResults, tracked: AddingRuns) -> list[PageSection]:
    """Build the sections of the page."""
    runs = adding_tables.runs_table(results.runs, tracked.sweep.run_url)
    figures = draw_steps(results, tracked.history)
    return [
        PageSection(
            "steps",
            "Steps to solve the problem",
            (
                Block("table", table=adding_tables.steps_table(results)),
                *(Block("figure", figure=figure) for figure in figures),
            ),
        ),
        PageSection(
            "published",
            "Published results",
            (
                Block("text", adding.READING_PUBLISHED),
                Block("table", table=adding_tables.published_table()),
            ),
        ),
        PageSection("runs", "Runs", (Block("folded", f"All {len(runs.rows)} runs", runs),)),
        PageSection(
            "method",
            "How the numbers are made",
            (Block("text", adding.describe_method(results)),),
        ),
        provenance_section(results.runs.assign(data="adding"), tracked.sweep),
    ]
