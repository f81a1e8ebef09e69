"""Write a report's folder: the page, its Markdown, its tables and its figures."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline import vega
from pipeline.analysis.comparison import Comparison
from pipeline.analysis.tracked import TrackedRuns
from pipeline.config.programs import say
from pipeline.errors import ReportError
from pipeline.report import look
from pipeline.report.blocks import Content, PageSection, figures_of, tables_of
from pipeline.report.exports import CSV_FILES, TableOf, write_figures, write_latex, write_tables
from pipeline.report.figures.drawing import looks_of
from pipeline.report.folder import staging_folder
from pipeline.report.formats import pluralise
from pipeline.report.glossary import TERMS, Glossary, Term
from pipeline.report.markdown import as_markdown
from pipeline.report.prose import answer, sweep
from pipeline.report.prose.advice import advise
from pipeline.report.prose.contrasts import answers_of_contrasts
from pipeline.report.prose.headline import headline_of_sweep
from pipeline.report.prose.memory import answer_how_far_back
from pipeline.report.prose.recommendation import recommend
from pipeline.report.sections import LEAD, build
from pipeline.report.slim import slim_spec

PLAYGROUND = "playground.html"  # beside the page
_TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    comparison: Comparison,
    tracked: TrackedRuns,
    folder: Path,
    leagues: Sequence[Comparison] = (),
    playground: str | None = None,
) -> Path:
    """Write `index.html`, `report.md`, the tables and the figures.

    Everything is written to a temporary folder first and then moved, so that no page is seen half
    written.

    Args:
      comparison: the result of `compare`.
      tracked: the sweep itself, for its learning curves and its provenance.
      folder: the target, created if missing.
      leagues: sweeps over the same texts that hold something else equal, shown beside this one.
      playground: the page that runs the networks, written beside this one and linked from it.

    Returns:
      The page's path.

    Raises:
      ReportError: the folder cannot be written, or a league was trained on other data.
    """
    _check_leagues(comparison, leagues)
    shown = Content(comparison, tracked, leagues)
    title = {"title": f"{comparison.experiment}: recurrent networks compared"}
    return write_pages(
        title | _gather(shown),
        build(shown),
        looks_of(shown.comparison),
        (CSV_FILES, comparison),
        folder,
        playground=playground,
    )


def write_pages(
    content: dict[str, Any],
    sections: Sequence[PageSection],
    looks: Sequence[look.Look],
    tables: tuple[Mapping[str, TableOf], object],
    folder: Path,
    terms: Iterable[Term] = TERMS,
    playground: str | None = None,
) -> Path:
    """Write the page, its Markdown and its tables, as a whole, and return the page's path.

    Args:
      content: what stands above the sections.
      tables: the CSV files, and the results that they are taken from.
      terms: that the page may explain.
      playground: the page that runs the networks, None if there is none.

    Raises:
      ReportError: the folder cannot be written.
    """
    lead = [section for section in sections if section.id == LEAD]
    with staging_folder(folder) as built:
        content = {
            **content,
            "lead": lead[0].blocks if lead else (),
            "csv_files": write_tables(*tables, built),
            "playground": None if playground is None else PLAYGROUND,
        }
        if playground is not None:
            (built / PLAYGROUND).write_text(playground, encoding="utf-8")
        content |= write_page(content, sections, looks, built, terms)
        markdown = _render_markdown(content, sections)
        (built / "report.md").write_text(markdown, encoding="utf-8")
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
        "headline": headline_of_sweep(whole),
        "short_answers": [
            *(answers_of_contrasts(comparison) or answer.answers_by_length(comparison)),
            *answer_how_far_back(comparison),
        ],
        "recommendation": recommend(comparison),
        "cautions": [
            *answer.where_tuning_matters(comparison, content.leagues),
            *sweep.cautions(whole),
            *advise(whole, content.tracked),
        ],
    }


def write_page(
    content: dict[str, Any],
    sections: Sequence[PageSection],
    looks: Sequence[look.Look],
    folder: Path,
    terms: Iterable[Term] = TERMS,
) -> dict[str, Any]:
    """Write the page, its figures and its tables as LaTeX.

    Where figures cannot be drawn their tables take their place.

    Returns:
      What the page adds to its content: `terms`, those of the glossary that it uses; `is_drawn`; and
      `cautions`.
    """
    figures = figures_of(sections)
    if figures:
        _drawing_library()  # starts bundling meanwhile
    write_latex(tables_of(sections), folder)
    say(f"Drawing {pluralise(len(figures), 'figure')}")
    svgs, library, cautions = {}, "", content["cautions"]
    try:
        if figures:
            svgs, library = write_figures(figures, folder), _drawing_library().result()
    except vega.CannotDrawError as error:
        cautions = [*cautions, _NOT_DRAWN.format(error)]
        say(cautions[-1])
    say("Writing the page")
    glossary = Glossary([one.architecture for one in looks], terms)
    content = {**content, "cautions": cautions}
    page = render_page(content, sections, looks, svgs, library, glossary)
    (folder / "index.html").write_text(page, encoding="utf-8")
    return {"terms": glossary.used, "is_drawn": bool(svgs), "cautions": cautions}


_NOT_DRAWN = (
    "The figures could not be drawn: {}. Their tables stand in their place; a report that is written "
    "again without that limit has them."
)


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
    sections: Sequence[PageSection],
    looks: Sequence[look.Look],
    svgs: dict[str, str],
    library: str,
    glossary: Glossary,
) -> str:
    """Render the page as one file with its styles and scripts, which fetches nothing.

    svgs: of each figure by name, or of none, and library: the script that draws them, if they can be
    drawn; otherwise their tables are shown.
    """
    drawn = figures_of(sections) if svgs else []
    environment = make_environment(autoescape=True)
    environment.filters["terms"] = glossary.link
    return environment.get_template("page.html.j2").render(
        content,
        sections=sections,
        looks=looks,
        glossary=glossary,
        svgs={name: Markup(svg) for name, svg in svgs.items()},
        specs=as_script({figure.name: slim_spec(figure.for_page()) for figure in drawn}),
        on_dark=as_script(look.ON_DARK),
        drawing=Markup(library),
        style=_template("page.css"),
        behaviour=_template("tip.js") + _template("page.js"),
        charts=_template("figures.js"),
    )


def _template(name: str) -> Markup:
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))


def _render_markdown(content: dict[str, Any], sections: Sequence[PageSection]) -> str:
    environment = make_environment(autoescape=False)
    environment.filters["md"] = as_markdown
    environment.filters["address"] = functools.partial(quote, safe=":/#?=&%")
    text = environment.get_template("report.md.j2").render(content, sections=sections)
    return re.sub(r"\n{3,}", "\n\n", text)


def as_script(value: Any) -> Markup:
    """Return JSON for a script element, escaped so that no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@functools.cache
def _drawing_library() -> Future[str]:
    """Return the script that draws on the page, which is made while the figures are drawn."""
    executor = ThreadPoolExecutor(1)
    script = executor.submit(vega.bundle)
    executor.shutdown(wait=False)
    return script
