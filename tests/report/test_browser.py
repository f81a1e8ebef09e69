"""The pages in a real browser without a network: drawn, followed, unfolded, narrow, read aloud, printed.

Skipped where Chromium is not installed (Debian: apt-get install chromium).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest

pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")

from axe_playwright_python.sync_playwright import Axe
from chromium import Visit, open_chromium, visit
from factories.adding import make_adding_runs
from factories.memory import make_probed
from factories.pages import HOSTILE
from factories.tracked import ARCHITECTURES, make_tracked
from playwright.sync_api import Browser
from pypdf import PdfReader

from pipeline.analysis.adding import summarise
from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.explanation import Explanation, GateReading, HeadReading, NetworkReading
from pipeline.analysis.frames import rows_of
from pipeline.config.schema import ArchitectureConfig
from pipeline.report import look, write_adding_report, write_report
from pipeline.report.explained import write_explanation
from pipeline.report.formats import format_share

pytestmark = pytest.mark.browser

PAGES = ("report", "memory", "hostile", "adding", "explained")
WITH_FIGURES = PAGES[:-1]
WIDTHS = (360, 1280)
NAMED = re.compile(r"\barchitecture: (.*?)(?:;|$)")

# The marks of a figure that stand for data, with what the figure says of each.
MARKS = """chart => [...chart.querySelectorAll("[role=graphics-symbol][aria-label]")]
  .filter(mark => mark.closest(".role-mark") && mark.getBBox().width + mark.getBBox().height > 0)
  .map(mark => ({ label: mark.getAttribute("aria-label"),
                  opacity: Number(getComputedStyle(mark).opacity) }))"""
# Where a pointer meets a mark that answers to it, for each architecture the first such place.
PLACES = """chart => {
  chart.scrollIntoView({ block: "center", behavior: "instant" });
  const places = {};
  for (const mark of chart.querySelectorAll("[role=graphics-symbol][aria-label*='Architecture: ']")) {
    if (mark.getAttribute("aria-roledescription") === "line mark") continue;  // it is many places
    const box = mark.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const label = mark.getAttribute("aria-label");
    const name = label.match(/Architecture: (.*?)(;|$)/)[1];
    if (document.elementFromPoint(x, y) === mark && !(name in places)) places[name] = { x, y, label };
  }
  return Object.values(places);
}"""
TOOLTIP = """Object.fromEntries([...document.querySelectorAll("#tip tr")].map(
  row => [...row.children].map(cell => cell.textContent.trim().replace(/:$/, ""))))"""
# The texts of a figure that are not wholly on it.
CUT_OFF = """chart => {
  const edge = chart.getBoundingClientRect();
  return [...chart.querySelectorAll("svg text")].filter(text => {
    const box = text.getBoundingClientRect();
    return box.width > 0 && (box.left < edge.left - 1 || box.right > edge.right + 1);
  }).map(text => text.textContent);
}"""


class Made(NamedTuple):
    folder: Path
    comparison: Comparison


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Every kind of page, each in a folder of its name."""
    folder = tmp_path_factory.mktemp("pages")
    tracked = make_tracked(tuple(ARCHITECTURES), 2, 300, two_heads=True, experiment="quickstart")
    comparison = compare(tracked, np.random.default_rng(0), replicates=50)
    write_report(comparison, tracked, folder / "report")
    probed = compare(make_probed(), np.random.default_rng(0), replicates=50)
    write_report(probed, make_probed(), folder / "memory")
    _write_hostile(folder / "hostile")
    steps = make_adding_runs()
    write_adding_report(summarise(steps), steps, folder / "adding")
    write_explanation(_explain(), folder / "explained" / "index.html")
    return Made(folder, comparison)


def _write_hostile(folder: Path) -> None:
    """Names that are markup and do not break, in every place that others fill."""
    tracked = make_tracked(("lstm", "gru"), 2, 200)
    names = {"lstm": f"lstm {HOSTILE}", "gru": "gru_" * 30}
    runs = tracked.runs.assign(
        architecture=tracked.runs.architecture.map(names), versions=HOSTILE, git_commit="f" * 200
    )
    sweep = replace(tracked.sweep, tracking_uri=HOSTILE, provenance=((HOSTILE, HOSTILE),))
    tracked = replace(tracked, experiment=HOSTILE, runs=runs, sweep=sweep)
    write_report(compare(tracked, np.random.default_rng(0), replicates=50), tracked, folder)


def _explain() -> Explanation:
    words = ("<b>While</b>", *"watching the movie , I could only think how terrible it was".split())
    share = np.linspace(0.9, 0.02, len(words))
    head = HeadReading(
        "sentiment", "positive", "negative", "negative", share, np.linspace(0.1, -2, len(words))
    )
    network = NetworkReading(
        ArchitectureConfig(name="lstm", cell="lstm", units=8, embedding_dim=8),
        *("quickstart", "0123456789abcdef", 0, (head,)),
        (GateReading("forget gate", 1, "forward", share),),
        *(np.zeros(len(words), bool), np.arange(len(words)) == 3, ("never saw “movie”",)),
    )
    return Explanation(" ".join(words), words, (network,))


@contextmanager
def opened(made: Made, browser: Browser, name: str, **settings: Any) -> Iterator[Visit]:
    """A page with its figures drawn; when the block ends, nothing was asked for and nothing said."""
    address = (made.folder / name / "index.html").as_uri()
    with visit(browser, offline=True, **settings) as seen:
        seen.page.goto(address)
        if name in WITH_FIGURES:
            seen.page.wait_for_selector("html[data-drawn]")
        yield seen
        assert seen.complaints == []
        assert seen.asked == [address]


@pytest.fixture(scope="module")
def report(made: Made, browser: Browser) -> Iterator[Visit]:
    with opened(made, browser, "report") as seen:
        yield seen


def _charts(seen: Visit) -> list[Any]:
    return seen.page.query_selector_all(".chart")


# The figure of what was asked shows groups of architectures, none of which can be followed.
OF_ARCHITECTURES = ".chart:not(#chart-contrasts)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", WITH_FIGURES)
def test_every_figure_is_drawn_with_its_marks(
    made: Made, browser: Browser, name: str, scheme: str
) -> None:
    with opened(made, browser, name, color_scheme=scheme) as seen:
        charts = _charts(seen)
        assert len(charts) == len(list((made.folder / name / "figures").glob("*.svg")))
        assert len(charts) == len(seen.page.query_selector_all("figure")) >= 3
        for chart in charts:
            marks = chart.evaluate(MARKS)
            assert len(marks) >= 2, chart.get_attribute("id")
            # What stands there for readers without scripts has marks too.
            assert "still" not in chart.get_attribute("class").split()
            # The words for those who do not see it outlive the drawing.
            assert len(chart.get_attribute("aria-label").split()) > 3


def test_figures_turn_with_the_page_from_light_to_dark(made: Made, browser: Browser) -> None:
    by_name = {one.architecture: one for one in look.assign_looks(made.comparison.summary)}
    point = "#chart-accuracy .mark-symbol.role-mark path[aria-label*='architecture: lstm;']"
    with opened(made, browser, "report", color_scheme="light") as seen:
        before = seen.page.get_attribute(point, "fill")
        seen.page.emulate_media(color_scheme="dark")
        dark = by_name["lstm"].dark_colour
        seen.page.wait_for_selector(f"{point}[fill='{dark}']", state="attached")
        ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert before == by_name["lstm"].colour != dark
    paper = look.ON_DARK[look.PAPER]
    assert ground == f"rgb({int(paper[1:3], 16)}, {int(paper[3:5], 16)}, {int(paper[5:], 16)})"


def _hover(seen: Visit, place: dict[str, Any]) -> dict[str, str]:
    """What the page says of the mark at a place."""
    seen.page.mouse.move(place["x"], place["y"])
    seen.page.wait_for_selector("#tip")
    said = seen.page.evaluate(TOOLTIP)
    seen.page.mouse.move(0, 0)
    seen.page.wait_for_selector("#tip", state="hidden")
    return said


def test_hovering_a_mark_says_what_it_is(made: Made, report: Visit) -> None:
    means = [
        {
            "Architecture": row.architecture,
            "Accuracy (95% interval)": f"{format_share(row.accuracy)} "
            f"({format_share(row.ci_low)} to {format_share(row.ci_high)})",
        }
        for row in rows_of(made.comparison.summary)
    ]
    seeds = [
        {
            "Architecture": row.architecture,
            "Seed": str(row.seed),
            "Accuracy": format_share(row.test_accuracy),
        }
        for row in rows_of(made.comparison.runs)
    ]
    chart = report.page.query_selector("#chart-accuracy")
    assert chart is not None
    said = [_hover(report, place) for place in chart.evaluate(PLACES)]
    assert {one["Architecture"] for one in said} == set(ARCHITECTURES)
    assert [one for one in said if one not in means + seeds] == []


@pytest.mark.parametrize("name", ["report", "memory", "hostile"])
def test_every_figure_answers_to_the_pointer(made: Made, browser: Browser, name: str) -> None:
    with opened(made, browser, name) as seen:
        buttons = seen.page.query_selector_all(".legend button")
        names = {one.get_attribute("value") for one in buttons}
        for chart in seen.page.query_selector_all(OF_ARCHITECTURES):
            place = chart.evaluate(PLACES)[0]
            said = _hover(seen, place)
            assert said["Architecture"] in names
            assert len(said) >= 2
            # What is read aloud says the same.
            assert all(f"{what}: {value}" in place["label"] for what, value in said.items())
        if name == "hostile":
            assert names == {f"lstm {HOSTILE}", "gru_" * 30}


def test_hovering_a_question_says_its_answer(made: Made, report: Visit) -> None:
    contrasts = made.comparison.contrasts
    assert contrasts is not None
    (first,) = [row for row in rows_of(contrasts.table) if row.quantity == "accuracy"][:1]
    said = report.page.eval_on_selector(
        "#chart-contrasts [aria-roledescription='point mark'], #chart-contrasts .mark-symbol path",
        "mark => mark.getAttribute('aria-label')",
    )
    assert "Question: gated cells" in said
    assert first.verdict == "yes"
    assert "Verdict: a difference" in said


def _opacities(seen: Visit) -> dict[str, list[tuple[str, float]]]:
    """For each figure, the architecture and the opacity of each mark that has one."""
    found = {}
    for chart in seen.page.query_selector_all(OF_ARCHITECTURES):
        marks = [(NAMED.search(one["label"]), one["opacity"]) for one in chart.evaluate(MARKS)]
        found[chart.get_attribute("id")] = [(name[1], opacity) for name, opacity in marks if name]
    return found


def _wait_for_dimmed(seen: Visit, *, dimmed: bool) -> None:
    """Until the figures, which are drawn anew one after the other, have (no) faint marks in each."""
    seen.page.wait_for_function(
        """([dimmed, charts]) => [...document.querySelectorAll(charts)].every(chart =>
          [...chart.querySelectorAll("[role=graphics-symbol]")].some(
            mark => Number(getComputedStyle(mark).opacity) < 0.3) === dimmed)""",
        arg=[dimmed, OF_ARCHITECTURES],
    )


def test_the_legend_follows_one_architecture_through_all_figures(report: Visit) -> None:
    before = _opacities(report)
    button = report.page.get_by_role("button", name="lstm", exact=True)
    button.click()
    _wait_for_dimmed(report, dimmed=True)
    assert button.get_attribute("aria-pressed") == "true"
    for chart, marks in _opacities(report).items():
        assert {name for name, opacity in marks if opacity > 0.3} == {"lstm"}, chart
        assert len({name for name, opacity in marks if opacity <= 0.3}) == len(ARCHITECTURES) - 1
    report.page.keyboard.press("Escape")
    _wait_for_dimmed(report, dimmed=False)
    assert button.get_attribute("aria-pressed") == "false"
    assert _opacities(report) == before


def test_a_mark_is_followed_when_it_is_clicked(report: Visit) -> None:
    chart = report.page.query_selector("#chart-learning_curves")
    assert chart is not None
    place = chart.evaluate(PLACES)[0]
    name = place["label"].split("Architecture: ")[1].split(";")[0]
    report.page.mouse.click(place["x"], place["y"])
    _wait_for_dimmed(report, dimmed=True)
    assert {n for n, o in _opacities(report)["chart-accuracy"] if o > 0.3} == {name}
    report.page.get_by_role("button", name=name, exact=True).click()
    _wait_for_dimmed(report, dimmed=False)


@pytest.mark.parametrize("name", WITH_FIGURES)
def test_everything_folded_unfolds_by_keyboard(made: Made, browser: Browser, name: str) -> None:
    with opened(made, browser, name) as seen:
        folded = seen.page.query_selector_all("details")
        assert len(folded) > len(_charts(seen))
        for one in folded:
            table, summary = one.query_selector("table"), one.query_selector("summary")
            assert table
            assert summary
            assert not table.is_visible()
            summary.focus()
            seen.page.keyboard.press("Enter")
            assert table.is_visible()
            assert len(table.query_selector_all("tbody tr")) >= 1


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_page(
    made: Made, browser: Browser, name: str, width: int
) -> None:
    with opened(made, browser, name, width=width) as seen:
        for unfold in (False, True):
            seen.page.evaluate(
                "open => document.querySelectorAll('details').forEach(one => { one.open = open; })",
                unfold,
            )
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        for chart in _charts(seen):
            assert chart.evaluate("chart => chart.scrollWidth <= chart.clientWidth")
            if name != "hostile":
                assert chart.evaluate(CUT_OFF) == [], chart.get_attribute("id")


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        ("report", 1280, "light"),
        ("report", 360, "dark"),
        ("memory", 1280, "dark"),
        ("memory", 360, "light"),
        ("adding", 1280, "dark"),
        ("explained", 360, "light"),
        ("explained", 1280, "dark"),
    ],
)
def test_axe_finds_nothing_serious(
    made: Made, browser: Browser, name: str, width: int, scheme: str
) -> None:
    with opened(made, browser, name, width=width, color_scheme=scheme) as seen:
        seen.page.evaluate(
            "document.querySelectorAll('details').forEach(one => { one.open = true; })"
        )
        found = Axe().run(seen.page).response
    assert len(found["passes"]) > 10
    serious = [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def _letters(text: str) -> str:
    """Text as it may be compared: a PDF breaks lines and joins letters as it likes."""
    return "".join(unicodedata.normalize("NFKC", text).split())


@pytest.mark.parametrize(
    ("name", "scheme"), [("report", "light"), ("memory", "light"), ("adding", "dark")]
)
def test_the_print_has_every_figure_and_every_table(
    made: Made, browser: Browser, name: str, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    with opened(made, browser, name, color_scheme=scheme) as seen:
        # One architecture is followed on the screen; paper shows all.
        seen.page.query_selector_all(".legend button")[0].click()
        _wait_for_dimmed(seen, dimmed=True)
        captions = [one.text_content() or "" for one in seen.page.query_selector_all("caption")]
        titles = [one.text_content() or "" for one in seen.page.query_selector_all("figure h3")]
        charts = len(_charts(seen))
        seen.page.pdf(path=tmp_path / "page.pdf", format="A4")
        assert not seen.page.query_selector_all("details[open]")  # as it was before
        seen.page.emulate_media(media="print", color_scheme=scheme)
        shown = seen.page.query_selector_all("figure svg")
        shown = [one for one in shown if one.is_visible()]
        assert len(shown) == charts
        for one in shown:
            texts = [text.text_content() for text in one.query_selector_all("text")]
            faint = one.query_selector_all("[opacity='0.08'], [opacity='0.25']")
            fills = {text.get_attribute("fill") for text in one.query_selector_all("text")}
            assert len(texts) > 5
            assert not faint
            assert not fills & set(look.ON_DARK.values()) - set(look.ON_DARK)
    printed = _letters(
        "".join(page.extract_text() for page in PdfReader(tmp_path / "page.pdf").pages)
    )
    for text in [*titles, *captions]:
        assert _letters(text) in printed
    for svg in (made.folder / name / "figures").glob("*.svg"):
        words = re.findall(r"<text[^>]*>([^<]{12,})</text>", svg.read_text(encoding="utf-8"))
        assert all(_letters(word) in printed for word in words), svg.name
