"""Write a report's folder: the page, its Markdown, its tables and its figures."""

from __future__ import annotations

import functools
import html
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.pairwise import Breakdown
from pipeline.analysis.tracked import TrackedRuns
from pipeline.errors import ReportError
from pipeline.report import look
from pipeline.report.figures.drawing import Figure, looks_of
from pipeline.report.folder import staging_folder
from pipeline.report.prose import answer, sweep
from pipeline.report.prose.baseline import headline_of_baseline
from pipeline.report.prose.contrasts import answers_of_contrasts, headline_of_contrasts
from pipeline.report.prose.memory import answer_how_far_back
from pipeline.report.prose.recommendation import recommend
from pipeline.report.sections import LEAD, Content, PageSection, build, figures_of
from pipeline.report.slim import slim_spec, slim_svg

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    comparison: Comparison,
    tracked: TrackedRuns,
    folder: Path,
    leagues: Sequence[Comparison] = (),
) -> Path:
    """Write `index.html`, `report.md`, the tables as CSV and the figures as SVG.

    Everything is written to a temporary folder first and then moved, so that no page is seen half
    written.

    Args:
      comparison: the result of `compare`.
      tracked: the sweep itself, for its learning curves and its provenance.
      folder: the target, created if missing.
      leagues: sweeps over the same texts that hold something else equal, shown beside this one.

    Returns:
      The page's path.

    Raises:
      ReportError: the folder cannot be written, or a league was trained on other data.
    """
    _check_leagues(comparison, leagues)
    shown = Content(comparison, tracked, leagues)
    sections = build(shown)
    lead = [section for section in sections if section.id == LEAD]
    with staging_folder(folder) as built:
        csv_files = write_tables(CSV_FILES, comparison, built)
        content = {
            "title": f"{comparison.experiment}: recurrent networks compared",
            **_gather(shown),
            "lead": lead[0].blocks if lead else (),
            "csv_files": csv_files,
        }
        write_page(content, sections, looks_of(shown.comparison), built)
        (built / "report.md").write_text(_render_markdown(content, sections), encoding="utf-8")
    return folder / "index.html"


def _check_leagues(comparison: Comparison, leagues: Sequence[Comparison]) -> None:
    data = set(comparison.runs.data_fingerprint.dropna())
    for league in leagues:
        if set(league.runs.data_fingerprint.dropna()) != data:
            names = f"{comparison.experiment} and {league.experiment}"
            raise ReportError(f"{names} were trained on different data and cannot be compared")


def _gather(content: Content) -> dict[str, Any]:
    """Gather what is shown above the sections: of all architectures, or by name of those shown."""
    whole, comparison = content.whole, content.comparison
    return {
        "facts": sweep.describe_sweep(whole, content.tracked.sweep.started),
        "headline": " ".join(
            part
            for part in (
                headline_of_contrasts(whole) or answer.headline(whole),
                headline_of_baseline(whole),
            )
            if part
        ),
        "short_answers": [
            *(answers_of_contrasts(comparison) or answer.answers_by_length(comparison)),
            *answer_how_far_back(comparison),
        ],
        "recommendation": recommend(comparison),
        "cautions": [
            *answer.where_tuning_matters(comparison, content.leagues),
            *sweep.cautions(whole),
        ],
    }


def write_page(
    content: dict[str, Any],
    sections: Sequence[PageSection],
    looks: Sequence[look.Look],
    folder: Path,
) -> None:
    """Write the page and its figures."""
    drawn = figures_of(sections)
    page = render_page(content, sections, looks, write_figures(drawn, folder))
    (folder / "index.html").write_text(page, encoding="utf-8")


def write_figures(drawn: Sequence[Figure], folder: Path) -> dict[str, str]:
    """Write `figures/<name>.svg`; return the SVGs by name."""
    _drawing_library()  # starts bundling meanwhile
    svgs = {
        figure.name: slim_svg(vl_convert.vegalite_to_svg(figure.for_paper(), allowed_base_urls=[]))
        for figure in drawn
    }
    (folder / "figures").mkdir()
    for name, svg in svgs.items():
        (folder / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
    return svgs


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


# People build on these tables. Numbers are not rounded; None means that the sweep has no such table.
CSV_FILES: dict[str, Callable[[Any], pd.DataFrame | None]] = {
    "runs.csv": lambda c: c.runs,
    "contrasts.csv": lambda c: c.contrasts and c.contrasts.table,
    "pairwise.csv": lambda c: c.pairwise,
    "tuning.csv": lambda c: c.tuning and c.tuning.grid,
    "baseline.csv": lambda c: c.baseline and c.baseline.leads,
    "context.csv": lambda c: c.memory and c.memory.curves,
    "reach.csv": lambda c: c.memory and c.memory.reaches,
    "quiz.csv": lambda c: c.memory.quiz if c.memory and len(c.memory.quiz) else None,
    "retention.csv": lambda c: c.fading and c.fading.curves,
    "half_lives.csv": lambda c: c.fading and c.fading.half_lives,
    "time_constants.csv": lambda c: c.fading and c.fading.time_constants,
    **{
        f"by_{along}{suffix}.csv": _of_breakdown(along, take)
        for along in ("length", "distance")
        for suffix, take in (
            ("", _breakdown_rows(along)),
            ("_pairwise", lambda breakdown: breakdown.pairwise),
            ("_slopes", lambda breakdown: breakdown.trends.slopes),
            ("_gaps", lambda breakdown: breakdown.trends.gaps),
        )
    },
}


def write_tables(
    files: dict[str, Callable[[Any], pd.DataFrame | None]], results: object, folder: Path
) -> list[str]:
    """Write the files that have a frame; return their names."""
    frames = {name: take(results) for name, take in files.items()}
    frames = {name: frame for name, frame in frames.items() if frame is not None}
    for name, frame in frames.items():
        frame.to_csv(folder / name, index=False)
    return list(frames)


def make_environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(
    content: dict[str, Any],
    sections: Iterable[PageSection],
    looks: Sequence[look.Look],
    svgs: dict[str, str],
) -> str:
    """Render the page as one file with its styles and scripts, which fetches nothing."""
    drawn = figures_of(sections)
    return (
        make_environment(autoescape=True)
        .get_template("page.html.j2")
        .render(
            content,
            sections=sections,
            looks=looks,
            svgs={name: Markup(svg) for name, svg in svgs.items()},
            specs=_as_script({figure.name: slim_spec(figure.for_page()) for figure in drawn}),
            on_dark=_as_script(look.ON_DARK),
            drawing=Markup(_drawing_library().result()) if drawn else "",
            style=Markup((_TEMPLATES / "page.css").read_text(encoding="utf-8")),
            behaviour=Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
        )
    )


def _render_markdown(content: dict[str, Any], sections: Sequence[PageSection]) -> str:
    environment = make_environment(autoescape=False)
    environment.filters["md"] = _as_markdown
    environment.filters["address"] = functools.partial(quote, safe=":/#?=&%")
    text = environment.get_template("report.md.j2").render(content, sections=sections)
    return re.sub(r"\n{3,}", "\n\n", text)


def _as_markdown(text: str) -> str:
    """Escape text so that Markdown shows it as it is: no element, link, emphasis or new cell."""
    plain = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*\[\]|])", r"\\\1", plain)


def _as_script(value: Any) -> Markup:
    """Return JSON for a script element, escaped so that no text in it can end the element."""
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
    """Bundle Vega and Vega-Lite into one script, with the package that also draws the SVGs.

    Bundling takes seconds and holds the GIL, so it runs in another process while figures are drawn.
    """

    def bundle() -> str:
        command = [sys.executable, "-c", _BUNDLE]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()

    executor = ThreadPoolExecutor(1)
    script = executor.submit(bundle)
    executor.shutdown(wait=False)
    return script
