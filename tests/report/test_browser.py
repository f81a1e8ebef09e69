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
from chromium import Visit, visit
from factories.adding import make_adding_runs
from factories.memory import make_probed
from factories.pages import HOSTILE, fold_figures
from factories.tracked import ARCHITECTURES, make_tracked
from factories.writing import make_writing
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
from pipeline.report.written import write_page as write_written

pytestmark = pytest.mark.browser

PAGES = ("report", "memory", "hostile", "adding", "folded", "explained", "written")
WITH_FIGURES = PAGES[:-2]
FOLDS = "main details, header details"  # the contents fold too, but not where they have room
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
    const label = mark.getAttribute("aria-label");
    const name = label.match(/Architecture: (.*?)(;|$)/)[1];
    for (const share of [0.5, 0.1]) {  // in the middle a number may stand
      const [x, y] = [box.x + box.width * share, box.y + box.height * share];
      if (document.elementFromPoint(x, y) === mark && !(name in places)) places[name] = { x, y, label };
    }
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


UNFOLD = f"open => document.querySelectorAll('{FOLDS}').forEach(one => {{ one.open = open; }})"


class Made(NamedTuple):
    folder: Path
    comparison: Comparison


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
    with pytest.MonkeyPatch.context() as patch:
        fold_figures(patch)
        write_report(comparison, tracked, folder / "folded")
    steps = make_adding_runs()
    write_adding_report(summarise(steps), steps, folder / "adding")
    write_explanation(_explain(), folder / "explained" / "index.html")
    write_written(make_writing(), folder / "written" / "index.html")
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
    """The report with every figure drawn, those that are folded too."""
    with opened(made, browser, "report") as seen:
        seen.page.evaluate(UNFOLD, True)
        seen.page.wait_for_selector(f"html[data-drawn='{len(_charts(seen))}']")
        yield seen


def _charts(seen: Visit) -> list[Any]:
    return seen.page.query_selector_all(".chart")


# What was asked is of groups of architectures and confusions are of one: none can be followed there.
OF_ARCHITECTURES = ".chart:not(#chart-contrasts, [id^='chart-confusion'])"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", WITH_FIGURES)
def test_every_figure_is_drawn_with_its_marks(
    made: Made, browser: Browser, name: str, scheme: str
) -> None:
    with opened(made, browser, name, color_scheme=scheme) as seen:
        seen.page.evaluate(UNFOLD, True)
        charts = _charts(seen)
        seen.page.wait_for_selector(f"html[data-drawn='{len(charts)}']")
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
        seen.page.evaluate(UNFOLD, True)
        seen.page.wait_for_selector(f"html[data-drawn='{len(_charts(seen))}']")
        for chart in seen.page.query_selector_all(OF_ARCHITECTURES):
            found = chart.evaluate(PLACES)
            assert found, chart.get_attribute("id")
            place = found[0]
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
    assert "Answer: a difference" in said


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
        known = {name for name, _ in before[chart]}
        assert {name for name, opacity in marks if opacity <= 0.3} == known - {"lstm"}
        simple = {
            name for name in ARCHITECTURES if "simple" in name
        }  # who lead themselves by nothing
        assert known == set(ARCHITECTURES) - (simple if chart == "chart-above_simple" else set())
    report.page.keyboard.press("Escape")
    _wait_for_dimmed(report, dimmed=False)
    assert button.get_attribute("aria-pressed") == "false"
    assert _opacities(report) == before


def test_several_are_followed_and_escape_follows_none(report: Visit) -> None:
    before = _opacities(report)
    names = {"lstm", "gru"}
    for name in names:
        report.page.get_by_role("button", name=name, exact=True).click()
    pressed = report.page.query_selector_all(".legend button[aria-pressed=true]")
    assert {one.get_attribute("value") for one in pressed} == names
    report.page.wait_for_function(
        "charts => [...document.querySelectorAll(charts)].every(chart => new Set("
        "[...chart.querySelectorAll('[role=graphics-symbol]')].filter(one => "
        "Number(getComputedStyle(one).opacity) > 0.3).map(one => "
        "one.getAttribute('aria-label')?.match(/\\barchitecture: (.*?)(;|$)/)?.[1]).filter(Boolean)"
        ").size === 2)",
        arg=OF_ARCHITECTURES,
    )
    for chart, marks in _opacities(report).items():
        assert {name for name, opacity in marks if opacity > 0.3} == names, chart
    report.page.get_by_role("button", name="gru", exact=True).click()
    pressed = report.page.query_selector_all(".legend button[aria-pressed=true]")
    assert [one.get_attribute("value") for one in pressed] == ["lstm"]
    report.page.keyboard.press("Escape")
    _wait_for_dimmed(report, dimmed=False)
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
        folded = seen.page.query_selector_all(FOLDS)
        assert len(folded) > len(_charts(seen))
        for one in folded:
            content, summary = one.query_selector("table, figure"), one.query_selector("summary")
            assert content
            assert summary
            assert not content.is_visible()
            summary.focus()
            seen.page.keyboard.press("Enter")
            assert content.is_visible()
            assert len(content.query_selector_all("tbody tr")) >= 1


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_page(
    made: Made, browser: Browser, name: str, width: int
) -> None:
    with opened(made, browser, name, width=width) as seen:
        for unfold in (False, True):
            seen.page.evaluate(UNFOLD, unfold)
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
        ("folded", 360, "light"),
        ("adding", 1280, "dark"),
        ("explained", 360, "light"),
        ("explained", 1280, "dark"),
        ("written", 360, "dark"),
        ("written", 1280, "light"),
    ],
)
def test_axe_finds_nothing_serious(
    made: Made, browser: Browser, name: str, width: int, scheme: str
) -> None:
    with opened(made, browser, name, width=width, color_scheme=scheme) as seen:
        seen.page.evaluate(UNFOLD, True)
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
    ("name", "scheme"),
    [("report", "light"), ("memory", "light"), ("folded", "light"), ("adding", "dark")],
)
def test_the_print_has_every_figure_and_every_table(
    made: Made, browser: Browser, name: str, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    with opened(made, browser, name, color_scheme=scheme) as seen:
        # One architecture is followed on the screen; paper shows all.
        seen.page.query_selector_all(".legend button")[0].click()
        captions = [one.text_content() or "" for one in seen.page.query_selector_all("caption")]
        titles = [one.text_content() or "" for one in seen.page.query_selector_all("figure h3")]
        charts = len(_charts(seen))
        seen.page.pdf(path=tmp_path / "page.pdf", format="A4")
        assert not seen.page.query_selector_all("main details[open]")  # as it was before
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


def _marked(seen: Visit, *titles: str) -> None:
    """Wait until the contents mark exactly these parts as read."""
    seen.page.wait_for_function(
        """titles => JSON.stringify(titles) === JSON.stringify([
          ...document.querySelectorAll(".contents [aria-current=true]")].map(one => one.textContent))""",
        arg=list(titles),
    )


def test_the_contents_mark_what_is_read(made: Made, browser: Browser) -> None:
    with opened(made, browser, "report") as seen:
        _marked(seen, "What was asked")
        links = seen.page.query_selector_all(".contents > details > ol > li > a")
        titles = [link.text_content() or "" for link in links]
        assert titles[-2:] == ["Provenance", "Glossary"]
        for link, title in zip(links[1:], titles[1:], strict=True):
            link.click()
            seen.page.wait_for_function(
                "title => document.querySelector('.contents [aria-current]').textContent === title",
                arg=title,
            )
            # Its heading is not behind the bar.
            bar = seen.page.eval_on_selector(".bar", "bar => bar.getBoundingClientRect().bottom")
            top = seen.page.evaluate(
                "document.querySelector(location.hash).getBoundingClientRect().top"
            )
            assert bar < top < bar + 40
        name = seen.page.eval_on_selector(
            "#section-memory > figure", "figure => { figure.scrollIntoView(); return figure.id; }"
        )
        figure = seen.page.locator(f".contents a[href='#{name}']").text_content() or ""
        _marked(seen, "Memory", figure)


def test_narrow_contents_take_one_line_until_they_are_opened(made: Made, browser: Browser) -> None:
    with opened(made, browser, "report", width=360) as seen:
        summary = seen.page.get_by_text("Contents", exact=True)
        link = seen.page.locator(".contents a[href='#section-cost']")
        assert not link.is_visible()
        assert seen.page.eval_on_selector(".bar", "bar => bar.offsetHeight") < 60
        summary.click()
        assert link.is_visible()
        link.click()
        assert not link.is_visible()
        _marked(seen, "Cost", "Accuracy against training time")


def test_a_folded_figure_is_drawn_when_it_is_opened(made: Made, browser: Browser) -> None:
    with opened(made, browser, "folded") as seen:
        folded = seen.page.locator("#section-memory details.further")
        chart = folded.locator("#chart-by_length")
        assert "still" in (chart.get_attribute("class") or "")
        seen.page.get_by_role("button", name="lstm", exact=True).click()
        folded.locator("> summary").click()
        seen.page.wait_for_selector("#chart-by_length .mark-symbol.role-mark path")
        assert "still" not in (chart.get_attribute("class") or "")
        assert chart.evaluate("chart => chart.querySelector('svg').clientWidth") > 200  # of a panel
        # It follows what was followed before it was drawn.
        seen.page.wait_for_function(
            "[...document.querySelectorAll('#chart-by_length [role=graphics-symbol]')].some("
            "mark => Number(getComputedStyle(mark).opacity) < 0.3)"
        )


def test_a_link_opens_what_it_leads_into(made: Made, browser: Browser) -> None:
    with opened(made, browser, "folded") as seen:
        assert not seen.page.is_visible("#by_length")
        seen.page.evaluate("location.hash = '#by_length'")
        seen.page.wait_for_selector("#chart-by_length .mark-symbol.role-mark path")
        assert seen.page.is_visible("#by_length")
        _marked(seen, "Memory", "Accuracy by the length of the review")


@pytest.mark.parametrize("by", ["pointer", "keyboard"])
def test_a_term_shows_its_definition_and_leads_to_it(made: Made, browser: Browser, by: str) -> None:
    with opened(made, browser, "memory", width=360) as seen:
        term = seen.page.locator("#section-memory a.term", has_text="half-life").first
        tip = seen.page.locator("#tip")
        assert not tip.is_visible()
        if by == "pointer":
            term.hover()
        else:
            seen.page.keyboard.press("Tab")
            term.focus()
        tip.wait_for()
        meaning = seen.page.locator("#meaning-half-life").text_content()
        assert tip.text_content() == meaning
        assert term.get_attribute("aria-describedby") == "meaning-half-life"
        _assert_within(seen, "#tip")
        seen.page.keyboard.press("Escape")
        tip.wait_for(state="hidden")
        term.click()
        assert seen.page.evaluate("location.hash") == "#term-half-life"
        assert seen.page.locator("#term-half-life").is_visible()


def _assert_within(seen: Visit, selector: str) -> None:
    box = seen.page.eval_on_selector(selector, "one => one.getBoundingClientRect().toJSON()")
    size = seen.page.viewport_size
    assert size
    assert 0 <= box["left"] < box["right"] <= size["width"]
    assert 0 <= box["top"] < box["bottom"] <= size["height"]


@pytest.mark.parametrize("name", ["memory", "hostile"])
def test_what_a_mark_says_is_wholly_shown_beside_the_pointer(
    made: Made, browser: Browser, name: str
) -> None:
    with opened(made, browser, name, width=360) as seen:
        for chart in seen.page.query_selector_all(OF_ARCHITECTURES):
            for place in chart.evaluate(PLACES):
                seen.page.mouse.move(place["x"], place["y"])
                seen.page.wait_for_selector("#tip")
                _assert_within(seen, "#tip")
                box, cut = seen.page.eval_on_selector(
                    "#tip",
                    "one => [one.getBoundingClientRect().toJSON(), one.scrollWidth > one.clientWidth]",
                )
                assert not cut
                across = box["left"] <= place["x"] <= box["right"]
                assert not (across and box["top"] <= place["y"] <= box["bottom"])
                seen.page.mouse.move(0, 0)
                seen.page.wait_for_selector("#tip", state="hidden")


def test_a_wide_table_shows_where_more_is_and_keeps_its_names(made: Made, browser: Browser) -> None:
    with opened(made, browser, "report", width=360) as seen:
        table = seen.page.locator("#section-results .scroll").first
        classes = "one => [...one.classList].filter(name => name.startsWith('more')).sort()"
        name = table.locator("tbody td").first
        left = name.evaluate("one => one.getBoundingClientRect().left")
        for scrolled, expected in ((0, ["more-right"]), (60, ["more-left", "more-right"])):
            table.evaluate("(one, by) => { one.scrollLeft = by; }", scrolled)
            seen.page.wait_for_function(
                f"([one, expected]) => JSON.stringify(({classes})(one)) === JSON.stringify(expected)",
                arg=[table.element_handle(), expected],
            )
            assert name.evaluate("one => one.getBoundingClientRect().left") == pytest.approx(left)
        table.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
        seen.page.wait_for_function(
            f"one => ({classes})(one).join() === 'more-left'", arg=table.element_handle()
        )
        assert "inset" in table.evaluate("one => getComputedStyle(one).boxShadow")


WRITTEN_TIP = """() => ({ open: !document.querySelector("#tip").hidden,
  rows: [...document.querySelectorAll("#tip tr")].map(row => row.textContent),
  chosen: [...document.querySelectorAll("#tip tr.chosen td:first-child")].map(one => one.textContent),
  word: document.querySelector(".word.shown")?.textContent })"""


def test_a_written_word_tells_what_else_was_likely(made: Made, browser: Browser) -> None:
    with opened(made, browser, "written") as seen:
        words = seen.page.query_selector_all(".text .word")
        words[2].hover()
        tip = seen.page.evaluate(WRITTEN_TIP)
        assert (tip["open"], tip["word"], len(tip["rows"])) == (True, words[2].text_content(), 5)
        assert all(row.endswith("%") for row in tip["rows"])
        assert tip["chosen"] in ([], [tip["word"]])
        seen.page.hover("h1")
        assert not seen.page.evaluate(WRITTEN_TIP)["open"]


def test_a_written_text_is_gone_through_by_keys(made: Made, browser: Browser) -> None:
    with opened(made, browser, "written") as seen:
        seen.page.keyboard.press("Tab")
        texts = seen.page.query_selector_all(".text")
        words = [one.text_content() for one in texts[0].query_selector_all(".word")]
        for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", -1)):
            seen.page.keyboard.press(key)
            tip = seen.page.evaluate(WRITTEN_TIP)
            assert (tip["open"], tip["word"]) == (True, words[place])
            described = "document.activeElement.getAttribute('aria-describedby')"
            assert seen.page.evaluate(described) == "tip"
        seen.page.keyboard.press("Escape")
        assert not seen.page.evaluate(WRITTEN_TIP)["open"]
        # A text is one stop, and the table below it the next.
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("Enter")
        table = texts[0].evaluate_handle("text => text.nextElementSibling").as_element()
        assert table is not None
        shown = table.query_selector_all("tbody th")
        assert [one.text_content() for one in shown] == words
