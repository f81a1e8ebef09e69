"""A page of many runs stays small, and says what it leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories.pages import report
from factories.tracked import ARCHITECTURES, make_crowd, make_tracked

from pipeline.analysis.comparison import compare
from pipeline.analysis.crowd import MOST_SHOWN
from pipeline.report.figures.accuracy import draw_curves
from pipeline.report.slim import slim_spec, slim_svg


@pytest.mark.slow
def test_a_page_of_many_architectures_is_small_and_its_tables_have_all(tmp_path: Path) -> None:
    comparison, page = report(make_crowd(6), tmp_path / "report")
    every = 9 * 6
    assert (tmp_path / "report" / "index.html").stat().st_size < 5e6
    legend = [found for tag, found in page.elements if tag == "button" and "aria-pressed" in found]
    assert len(legend) == MOST_SHOWN
    assert f"Figures show {MOST_SHOWN} of {every} architectures" in page.text
    pairs = pd.read_csv(tmp_path / "report" / "pairwise.csv")
    assert len(pairs) == every * (every - 1) // 2
    assert pd.read_csv(tmp_path / "report" / "by_length.csv").architecture.nunique() == every
    assert f"All {len(comparison.runs)} runs" in page.text


def test_of_many_runs_the_means_of_their_learning_curves_are_drawn() -> None:
    few, many = make_tracked(reviews=100), make_tracked(tuple(ARCHITECTURES), 12, 100)
    figures = [
        draw_curves(compare(one, np.random.default_rng(0), replicates=20), one.history)[0]
        for one in (few, many)
    ]
    assert figures[0].sentence.startswith("Each line is a run.")
    assert figures[1].sentence.startswith("Each line is the mean over the runs")
    assert [len(one.table.rows) for one in figures] == [9 * 5, len(ARCHITECTURES) * 5]


def test_a_small_sweep_is_shown_whole(tmp_path: Path) -> None:
    _, page = report(make_tracked(reviews=200), tmp_path / "report")
    assert "architectures: the best on validation" not in page.text
    assert "Each line is a run." in page.text
    svg = (tmp_path / "report" / "figures" / "accuracy.svg").read_text()
    assert "Accuracy (95% interval)" not in svg  # which each mark would repeat


def test_data_keep_the_columns_that_a_drawing_names() -> None:
    spec = {
        "data": {"name": "one"},
        "encoding": {"x": {"field": "length"}, "opacity": {"test": "datum.architecture === 'a'"}},
        "datasets": {"one": [{"length": 1 / 3, "architecture": "a", "run_id": "1", "seed": 0}]},
    }
    expected = [{"length": 0.333333, "architecture": "a"}]
    assert slim_spec(spec) == spec | {"datasets": {"one": expected}}
    assert slim_spec([spec]) == [slim_spec(spec)]


def test_each_layer_keeps_what_itself_draws_of_its_data() -> None:
    """What stands around a layer counts for it, what stands in another does not."""
    rows = [{"x": 1, "low": 2, "high": 3, "note": "a"}]
    spec = {
        "encoding": {"x": {"field": "x"}},
        "layer": [
            {"data": {"name": "one"}, "encoding": {"y": {"field": "low"}}},
            {"layer": [{"data": {"name": "two"}, "encoding": {"y": {"field": "high"}}}]},
        ],
        "datasets": {"one": rows, "two": rows},
    }
    assert slim_spec(spec)["datasets"] == {
        "one": [{"x": 1, "low": 2}],
        "two": [{"x": 1, "high": 3}],
    }


def test_places_are_rounded_and_words_are_not() -> None:
    svg = '<path d="M1.23456,-0.98765L1e-7,12" aria-label="a: 1"/><text x="3.999">0.123456</text>'
    assert slim_svg(svg) == '<path d="M1.23,-0.98L1e-7,12"/><text x="3.99">0.123456</text>'
