"""A folder with the report: the page, its tables and its figures, each whole before it is seen."""

from __future__ import annotations

import functools
import html
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.analysis.comparison import Comparison, SweepFacts, TrackedRuns
from pipeline.analysis.pairwise import Breakdown
from pipeline.errors import ReportError
from pipeline.report import (
    answer,
    baseline,
    figures,
    inside,
    lesson,
    look,
    memory,
    quiz,
    tables,
    wording,
)
from pipeline.report.cells import MISSING, Table
from pipeline.report.drawing import SECTIONS, Figure, looks_of

_HERE = Path(__file__).parent
_TEMPLATES = _HERE / "templates"


def write_report(
    comparison: Comparison,
    tracked: TrackedRuns,
    folder: Path,
    leagues: Sequence[Comparison] = (),
) -> Path:
    """Writes `index.html`, `report.md`, the tables as CSV and the figures as SVG.

    Everything is written beside `folder` first and then takes its place file by file, so that a
    reader never meets half a page; files of other names in the folder stay.

    Args:
      comparison: what `compare` made of the sweep.
      tracked: the sweep itself, for its learning curves and its provenance.
      folder: where to; made where it is missing.
      leagues: sweeps over the same texts that hold something else equal, to stand beside this one.

    Returns:
      The page's path.

    Raises:
      ReportError: the folder cannot be written, or a league was trained on other data.
    """
    _check_leagues(comparison, leagues)
    drawn = _draw(comparison, tracked)
    content = _gather(comparison, tracked, drawn, leagues)
    looks = looks_of(comparison)
    with built_beside(folder) as built:
        _write_tables(comparison, built)
        svgs = write_figures(drawn, built)
        (built / "report.md").write_text(_render_markdown(content), encoding="utf-8")
        page = render_page("page.html.j2", content, looks, svgs)
        (built / "index.html").write_text(page, encoding="utf-8")
    return folder / "index.html"


def _draw(comparison: Comparison, tracked: TrackedRuns) -> list[Figure]:
    drawn = [
        *figures.draw(comparison, tracked.history),
        *quiz.draw_quiz(comparison),
        *memory.draw_memory(comparison),
        *baseline.draw_leads(comparison),
        *inside.draw_inside(comparison),
        *lesson.draw_lesson(comparison),
    ]
    return sorted(drawn, key=lambda figure: SECTIONS.index(figure.section))


@contextmanager
def built_beside(folder: Path) -> Iterator[Path]:
    """A folder to write into, whose files take their places in `folder` when the block has ended.

    Raises:
      ReportError: it cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            yield Path(beside)
            _move_into(Path(beside), folder)
    except OSError as error:
        raise ReportError(f"the report cannot be written to {folder}: {error}") from error


def _check_leagues(comparison: Comparison, leagues: Sequence[Comparison]) -> None:
    data = set(comparison.runs.data_fingerprint.dropna())
    for league in leagues:
        if set(league.runs.data_fingerprint.dropna()) != data:
            names = f"{comparison.experiment} and {league.experiment}"
            raise ReportError(f"{names} were trained on different data and do not stand together")


def _move_into(built: Path, folder: Path) -> None:
    """Renames each file over its predecessor."""
    for source in sorted(built.rglob("*")):
        target = folder / source.relative_to(built)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)


def write_figures(drawn: Sequence[Figure], folder: Path) -> dict[str, str]:
    """Writes `figures/<name>.svg` -> the same by name."""
    _drawing_library()  # begins
    svgs = {
        figure.name: vl_convert.vegalite_to_svg(figure.for_paper(), allowed_base_urls=[])
        for figure in drawn
    }
    (folder / "figures").mkdir()
    for name, svg in svgs.items():
        (folder / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
    return svgs


def _write_tables(comparison: Comparison, folder: Path) -> None:
    """The tables of the contract, with the numbers in full."""
    comparison.runs.to_csv(folder / "runs.csv", index=False)
    comparison.pairwise.to_csv(folder / "pairwise.csv", index=False)
    if comparison.tuning is not None:
        comparison.tuning.grid.to_csv(folder / "tuning.csv", index=False)
    for name, table in _further_tables(comparison):
        table.to_csv(folder / f"{name}.csv", index=False)
    for name, breakdown, along in (
        ("by_length", comparison.by_length, "length"),
        ("by_distance", comparison.by_distance, "distance"),
    ):
        if breakdown is not None:
            _breakdown_rows(breakdown, along).to_csv(folder / f"{name}.csv", index=False)
            breakdown.pairwise.to_csv(folder / f"{name}_pairwise.csv", index=False)
            breakdown.trends.slopes.to_csv(folder / f"{name}_slopes.csv", index=False)
            breakdown.trends.gaps.to_csv(folder / f"{name}_gaps.csv", index=False)


def _further_tables(comparison: Comparison) -> Iterator[tuple[str, pd.DataFrame]]:
    """What the probes and the baseline give."""
    if comparison.baseline is not None:
        yield "baseline", comparison.baseline.leads
    if comparison.memory is not None:
        yield "context", comparison.memory.curves
        yield "reach", comparison.memory.reaches
    if comparison.memory is not None and len(comparison.memory.quiz):
        yield "quiz", comparison.memory.quiz
    if comparison.fading is not None:
        yield "retention", comparison.fading.curves
        yield "half_lives", comparison.fading.half_lives
        yield "time_constants", comparison.fading.time_constants


def _breakdown_rows(breakdown: Breakdown, along: str) -> pd.DataFrame:
    rows = breakdown.accuracy.rename(columns={"low": f"{along}_low", "high": f"{along}_high"})
    return rows[[*(c for c in rows if c != "question"), "question"]]


def _gather(
    comparison: Comparison,
    tracked: TrackedRuns,
    drawn: list[Figure],
    leagues: Sequence[Comparison],
) -> dict[str, Any]:
    """What both the page and the Markdown say, as a template takes it."""
    run_url = tracked.sweep.run_url
    has_results = not comparison.summary.empty
    return {
        "comparison": comparison,
        "facts": wording.describe_sweep(comparison, tracked.sweep.started),
        "headline": f"{answer.headline(comparison)} {baseline.headline_of_baseline(comparison)}".strip(),
        "readers": [*answer.readers(comparison), *memory.answer_reader(comparison)],
        "cautions": [
            *answer.where_tuning_matters(comparison, leagues),
            *wording.cautions(comparison),
        ],
        "reading": wording.describe_reading(comparison),
        "method": wording.describe_method(comparison),
        "figures": drawn,
        "sections": [name for name in SECTIONS if any(f.section == name for f in drawn)],
        "leagues": tables.league_table(comparison, leagues) if leagues else None,
        "leagues_said": answer.describe_leagues([comparison, *leagues]),
        "tuning": tables.tuning_table(comparison.tuning) if comparison.tuning else None,
        "summary": tables.summary_table(comparison) if has_results else None,
        "cost": tables.cost_table(comparison) if has_results else None,
        "pairs": tables.pair_table(comparison.pairwise),
        "reach": memory.reach_table(comparison),
        "fading": inside.fading_table(comparison),
        "trends": [
            (title, tables.trend_table(breakdown.trends, unit))
            for title, breakdown, unit in (
                ("As the distance doubles", comparison.by_distance, "words in between"),
                ("As the length doubles", comparison.by_length, "words"),
            )
            if breakdown is not None
        ]
        + memory.trend_tables(comparison),
        "published": _published(comparison),
        "unfinished": tables.unfinished_table(comparison, run_url),
        "runs": tables.runs_table(comparison, run_url),
        "provenance": describe_provenance(comparison.runs, tracked.sweep),
    }


def make_environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(
    template: str, content: dict[str, Any], looks: Sequence[look.Look], svgs: dict[str, str]
) -> str:
    """One file: what it shows, how it looks and what draws it; it asks for nothing else."""
    drawn = content["figures"]
    return (
        make_environment(autoescape=True)
        .get_template(template)
        .render(
            content,
            looks=looks,
            svgs={name: Markup(svg) for name, svg in svgs.items()},
            specs=_as_script({figure.name: figure.for_page() for figure in drawn}),
            on_dark=_as_script(look.ON_DARK),
            drawing=Markup(_drawing_library().result()) if drawn else "",
            style=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
            behaviour=Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
        )
    )


def _render_markdown(content: dict[str, Any]) -> str:
    environment = make_environment(autoescape=False)
    environment.filters["md"] = _as_markdown
    environment.filters["address"] = functools.partial(quote, safe=":/#?=&%")
    text = environment.get_template("report.md.j2").render(content)
    return re.sub(r"\n{3,}", "\n\n", text)


def _as_markdown(text: str) -> str:
    """Text that Markdown shows as it is, in a table too: no element, link, emphasis or new cell."""
    plain = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*\[\]|])", r"\\\1", plain)


def _as_script(value: Any) -> Markup:
    """JSON that may stand in a script element: no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


_BUNDLE = """
import sys, vl_convert
sys.stdout.buffer.write(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").encode())
"""


@functools.cache
def _drawing_library() -> Future[str]:
    """Vega and Vega-Lite as one script, from the package that also draws the SVGs.

    It takes that package seconds, in which Python stands still; so it is bundled in another process,
    beside the drawing of the figures.
    """

    def bundle() -> str:
        command = [sys.executable, "-c", _BUNDLE]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()

    with_one = ThreadPoolExecutor(1)
    begun = with_one.submit(bundle)
    with_one.shutdown(wait=False)
    return begun


def _published(comparison: Comparison) -> Table | None:
    """Only IMDB has published results to stand beside."""
    if set(comparison.runs.data.dropna()) != {"imdb"}:
        return None
    return tables.published_table(pd.read_csv(_HERE / "published_results.csv"), comparison)


def describe_provenance(runs: pd.DataFrame, sweep: SweepFacts) -> list[tuple[str, str]]:
    """Where the numbers come from; which run has which value is in the table of runs."""

    def all_of(column: str) -> str:
        return ", ".join(sorted({str(value) for value in runs[column].dropna()})) or MISSING

    dirty = runs.git_dirty.dropna().astype(bool)
    tree = "with changes not committed" if dirty.any() else "clean" if len(dirty) else "unknown"
    return [
        ("Started", sweep.started),
        ("Data", f"{all_of('data')}, fingerprint {all_of('data_fingerprint')}"),
        ("Git commit", f"{all_of('git_commit')} ({tree})"),
        ("Versions", all_of("versions")),
        ("Device", all_of("device")),
        ("Threads for a run", all_of("threads")),
        ("Runs at a time", all_of("concurrent_runs")),
        ("Tracking store", sweep.tracking_uri),
        ("Parent run", sweep.parent_run_id or MISSING),
        *sweep.provenance,
    ]
