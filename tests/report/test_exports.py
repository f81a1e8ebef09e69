"""What lies beside a page: numbers that any program reads, tables and figures for papers."""

from __future__ import annotations

import re
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest
from factories.adding import make_adding_runs
from factories.memory import make_probed
from factories.pages import HOSTILE, Page

from pipeline.analysis.adding import summarise
from pipeline.analysis.comparison import compare
from pipeline.analysis.frames import rows_of
from pipeline.report import write_adding_report, write_report
from pipeline.report.blocks import Content, tables_of
from pipeline.report.exports import disarm_formulas, flag_infinite
from pipeline.report.figures.drawing import Figure
from pipeline.report.latex import escape_latex, latex_of
from pipeline.report.sections import build
from pipeline.report.tables import Column, make_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report")
    write_report(
        compare(make_probed(), np.random.default_rng(0), replicates=50), make_probed(), made
    )
    return made


def test_no_number_in_a_csv_is_infinite(folder: Path) -> None:
    for path in folder.glob("*.csv"):
        assert not re.search(r"(^|,)-?inf(,|$)", path.read_text(), re.MULTILINE), path.name
    reach = pd.read_csv(folder / "reach.csv")
    half_lives = reach[reach.measure == "half_life_both"]
    rows = {row.architecture: row for row in rows_of(half_lives)}
    beyond, within = rows["lstm"], rows["gru"]
    assert pd.isna(beyond.value)
    assert beyond.value_is_infinite
    assert within.value == pytest.approx(150, rel=0.1)
    assert not within.value_is_infinite


def test_a_declared_column_has_its_flag_though_nothing_is_infinite(folder: Path) -> None:
    ends = {f"{name}_is_infinite" for name in ("lower", "median", "upper", "low", "high")}
    assert ends <= set(pd.read_csv(folder / "time_constants.csv").columns)
    frame = pd.DataFrame({"value": [1.0, np.nan], "other": [2.0, np.inf], "name": ["a", "b"]})
    flagged = flag_infinite(frame, ("value",))
    assert list(flagged) == [*frame, "value_is_infinite", "other_is_infinite"]
    assert flagged.value_is_infinite.tolist() == [False, False]
    assert flagged.other_is_infinite.tolist() == [False, True]
    assert flagged.other.isna().tolist() == [False, True]


def test_no_cell_is_a_formula() -> None:
    texts = ["=1+1", "@a", "+a", "-b c", "-1", "+2.5", "a=b", "\t=1"]
    frame = pd.DataFrame({"label": texts, "number": [-1.5] * len(texts)})
    written = disarm_formulas(frame)
    assert written.label.tolist() == ["'=1+1", "'@a", "'+a", "'-b c", "-1", "+2.5", "a=b", "'\t=1"]
    assert written.number.tolist() == frame.number.tolist()
    classes = frame.assign(label=pd.Categorical(texts))
    assert disarm_formulas(classes).label.tolist() == written.label.tolist()


def test_every_figure_is_there_in_three_formats(folder: Path) -> None:
    starts = {".svg": b"<svg", ".pdf": b"%PDF", ".png": b"\x89PNG"}
    for suffix, start in starts.items():
        files = list((folder / "figures").glob(f"*{suffix}"))
        assert len(files) > 10
        assert all(path.read_bytes().startswith(start) for path in files)


def test_what_the_page_links_to_lies_beside_it(folder: Path, tmp_path: Path) -> None:
    steps = make_adding_runs()
    write_adding_report(summarise(steps), steps, tmp_path)
    for place in (folder, tmp_path):
        page = Page((place / "index.html").read_text(encoding="utf-8"))
        links = [a["href"] or "" for tag, a in page.elements if tag == "a"]
        files = {link for link in links if not link.startswith(("#", "http"))}
        assert {Path(link).suffix for link in files} == {".svg", ".pdf", ".png", ".tex", ".csv"}
        assert [link for link in files if not (place / link).exists()] == []
        ids = {a["id"] for _, a in page.elements if "id" in a}
        assert {link[1:] for link in links if link.startswith("#")} <= ids


def test_every_table_has_a_file_of_its_own() -> None:
    tracked = make_probed()
    found = Content(compare(tracked, np.random.default_rng(0), replicates=50), tracked)
    names = [name for name, _ in tables_of(build(found))]
    assert len(names) == len(set(names)) > 20
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in names)


def test_latex_sets_text_as_it_is() -> None:
    assert escape_latex("50% of a_b & $1 #2 {x}") == r"50\% of a\_b \& \$1 \#2 \{x\}"
    assert escape_latex(r"~^\ <a> [b]") == (
        r"\textasciitilde{}\textasciicircum{}\textbackslash{} \textless{}a\textgreater{} {[}b]"
    )
    assert escape_latex("−1 to ≥2,\n3–4") == r"$-$1 to $\geq$2, 3--4"


def test_a_table_in_latex_has_a_line_for_each_row() -> None:
    columns = [Column("a_name", "name", words=True), Column("share (%)", "share")]
    frame = pd.DataFrame({"name": ["* one", HOSTILE], "share": ["50%", "1 & 2"]})
    text = latex_of(make_table("50% of all", columns, frame), "half_of_all")
    assert r"\caption{50\% of all}" in text
    assert r"\label{tab:half_of_all}" in text
    assert r"\begin{tabular}{lr}" in text
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")].splitlines()
    assert body[1] == r"a\_name & share (\%) \\"
    assert body[3] == r"{*} one & 50\% \\"
    assert body[4].endswith(r" & 1 \& 2 \\")
    assert len(body) == 5
    for row in body[1::2]:
        assert len(re.findall(r"(?<!\\)&", row)) == 1


@pytest.mark.parametrize(("letters", "columns"), [(3, 4), (18, 3), (40, 1), (200, 1)])
def test_a_legend_on_paper_has_room_for_its_names(letters: int, columns: int) -> None:
    legend = _legend_of("n" * letters)
    limit = legend["labelLimit"]
    assert isinstance(limit, (int, float))
    assert legend["columns"] == columns
    assert columns * (limit + 24) <= 620


def _legend_of(name: str) -> dict[str, object]:
    domain = alt.Scale(domain=[name, "b"])
    colour = alt.Color("architecture:N", scale=domain)
    chart = alt.LayerChart(layer=[alt.Chart(alt.InlineData([])).mark_point().encode(color=colour)])
    table = make_table("", [], pd.DataFrame())
    figure = Figure("name", "Title", "Sentence.", "Words.", table, chart, 100)
    return figure.for_paper()["config"]["legend"]
