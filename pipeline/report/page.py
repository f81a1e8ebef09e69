"""A folder with the report: the page, its tables and its figures, each whole before it is seen."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.comparison import Breakdown, Comparison, ReportError, TrackedRuns
from pipeline.report import figures, look, tables, wording

_HERE = Path(__file__).parent


def write_report(comparison: Comparison, tracked: TrackedRuns, folder: Path) -> Path:
    """Writes `index.html`, `report.md`, the tables as CSV and the figures as SVG.

    Everything is written beside `folder` first and then takes its place file by file, so that a
    reader never meets half a page; files of other names in the folder stay.

    Args:
      comparison: what `compare` made of the sweep.
      tracked: the sweep itself, for its learning curves and its provenance.
      folder: where to; made where it is missing.

    Returns:
      The page's path.

    Raises:
      ReportError: the folder cannot be written.
    """
    drawn = figures.draw(comparison, tracked.history)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as beside:
            built = Path(beside)
            _write_tables(comparison, built)
            (built / "figures").mkdir()
            svgs = {figure.name: _as_svg(figure) for figure in drawn}
            for name, svg in svgs.items():
                (built / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
            page = _render("page.html.j2", comparison, tracked, drawn, svgs)
            (built / "index.html").write_text(page, encoding="utf-8")
            _move_into(built, folder)
    except OSError as error:
        raise ReportError(f"the report cannot be written to {folder}: {error}") from error
    return folder / "index.html"


def _move_into(built: Path, folder: Path) -> None:
    """Renames each file over its predecessor."""
    for source in sorted(built.rglob("*")):
        target = folder / source.relative_to(built)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)


def _as_svg(figure: figures.Figure) -> str:
    return vl_convert.vegalite_to_svg(figure.for_paper(), allowed_base_urls=[])


def _write_tables(comparison: Comparison, folder: Path) -> None:
    """The tables of the contract, with the numbers in full."""
    comparison.runs.to_csv(folder / "runs.csv", index=False)
    comparison.pairwise.to_csv(folder / "pairwise.csv", index=False)
    for name, breakdown, along in (
        ("by_length", comparison.by_length, "length"),
        ("by_distance", comparison.by_distance, "distance"),
    ):
        if breakdown is not None:
            _breakdown_rows(breakdown, along).to_csv(folder / f"{name}.csv", index=False)


def _breakdown_rows(breakdown: Breakdown, along: str) -> pd.DataFrame:
    rows = breakdown.accuracy.rename(columns={"low": f"{along}_low", "high": f"{along}_high"})
    return rows[[*(c for c in rows if c != "question"), "question"]]


def _as_script(value: Any) -> Markup:
    """JSON that may stand in a script element: no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _render(
    template: str,
    comparison: Comparison,
    tracked: TrackedRuns,
    drawn: list[figures.Figure],
    svgs: dict[str, str],
) -> str:
    environment = Environment(
        loader=PackageLoader("pipeline", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    run_url = tracked.sweep.run_url
    has_results = not comparison.summary.empty
    return environment.get_template(template).render(
        comparison=comparison,
        tracked=tracked,
        looks=look.assign_looks(comparison.summary) if has_results else [],
        headline=wording.headline(comparison),
        readers=wording.readers(comparison),
        cautions=wording.cautions(comparison),
        figures=drawn,
        svgs={name: Markup(svg) for name, svg in svgs.items()},
        specs=_as_script({figure.name: figure.for_page() for figure in drawn}),
        on_dark=_as_script(look.ON_DARK),
        bundle=Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
        if drawn
        else "",
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        behaviour=Markup((_HERE / "page.js").read_text(encoding="utf-8")),
        summary=tables.summary_table(comparison) if has_results else None,
        cost=tables.cost_table(comparison) if has_results else None,
        unfinished=tables.unfinished_table(comparison.runs, run_url),
        runs=tables.runs_table(comparison, run_url),
        trends=[
            (title, tables.trend_table(breakdown, unit))
            for title, breakdown, unit in (
                ("Accuracy as the distance doubles", comparison.by_distance, "words in between"),
                ("Accuracy as the length doubles", comparison.by_length, "words"),
            )
            if breakdown is not None
        ],
        published=_published(comparison),
        provenance=_provenance(comparison, tracked),
    )


def _published(comparison: Comparison) -> tables.Table | None:
    """Only IMDB has published results to stand beside."""
    if set(comparison.runs.data.dropna()) != {"imdb"}:
        return None
    return tables.published_table(pd.read_csv(_HERE / "published_results.csv"), comparison)


def _provenance(comparison: Comparison, tracked: TrackedRuns) -> list[tuple[str, str]]:
    """Where the numbers come from; which run has which value is in the table of runs."""
    runs = comparison.runs

    def all_of(column: str) -> str:
        return ", ".join(sorted({str(value) for value in runs[column].dropna()})) or tables.MISSING

    dirty = runs.git_dirty.dropna().astype(bool)
    tree = "with changes not committed" if dirty.any() else "clean" if len(dirty) else "unknown"
    sweep = tracked.sweep
    return [
        ("Started", sweep.started),
        ("Data", f"{all_of('data')}, fingerprint {all_of('data_fingerprint')}"),
        ("Git commit", f"{all_of('git_commit')} ({tree})"),
        ("Versions", all_of("versions")),
        ("Device", f"{all_of('device')}, {all_of('threads')} threads for a run"),
        ("Runs at a time", all_of("concurrent_runs")),
        ("Tracking store", sweep.tracking_uri),
        ("Parent run", sweep.parent_run_id or tables.MISSING),
        *sweep.provenance,
    ]
