"""Write the page of the adding problem, with its tables and its figures."""

from __future__ import annotations

from pathlib import Path

from pipeline.analysis.adding import AddingResults, AddingRuns
from pipeline.report import adding_tables, look
from pipeline.report.figures.adding import draw_steps
from pipeline.report.folder import staging_folder
from pipeline.report.page import write_page, write_tables
from pipeline.report.prose import adding
from pipeline.report.sections import Block, PageSection, figures_of, provenance_section

CSV_FILES = {
    "runs.csv": lambda yardstick: yardstick.runs,
    "steps_to_solve.csv": lambda yardstick: yardstick.summary,
}


def write_adding_report(yardstick: AddingResults, tracked: AddingRuns, folder: Path) -> Path:
    """Write `index.html`, `runs.csv`, `steps_to_solve.csv` and the figures as SVG.

    Returns:
      The page's path.

    Raises:
      ReportError: the folder cannot be written.
    """
    sections = build(yardstick, tracked)
    looks = look.assign_looks(yardstick.architectures) if figures_of(sections) else []
    with staging_folder(folder) as built:
        content = {
            "title": f"{yardstick.experiment}: the adding problem",
            "facts": f"{len(yardstick.runs)} runs. Started {tracked.sweep.started}.",
            "headline": adding.headline(yardstick),
            "short_answers": [],
            "cautions": adding.cautions(yardstick),
            "csv_files": write_tables(CSV_FILES, yardstick, built),
        }
        write_page(content, sections, looks, built)
    return folder / "index.html"


def build(yardstick: AddingResults, tracked: AddingRuns) -> list[PageSection]:
    """Build the sections of the page."""
    runs = adding_tables.runs_table(yardstick.runs, tracked.sweep.run_url)
    figures = draw_steps(yardstick, tracked.history)
    return [
        PageSection(
            "steps",
            "Steps to solve the problem",
            (
                Block("table", table=adding_tables.steps_table(yardstick)),
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
            (Block("text", adding.describe_method(yardstick)),),
        ),
        provenance_section(yardstick.runs.assign(data="adding"), tracked.sweep),
    ]
