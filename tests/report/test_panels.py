"""Figures of many architectures: one order, a panel for each family, labels that do not overlap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.memory import make_probed
from factories.tracked import ARCHITECTURES, make_tracked

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.tracked import TrackedRuns
from pipeline.report import look
from pipeline.report.blocks import Content
from pipeline.report.families import FEW, by_family, name_families
from pipeline.report.figures import accuracy, breakdowns, lesson, memory
from pipeline.report.figures.drawing import Figure, Style, looks_of
from pipeline.report.figures.panels import label_ends, spread
from pipeline.report.sections import SECTIONS

ORDER = (
    *("simple_rnn", "bi_simple_rnn", "stacked_simple_rnn"),
    *("lstm", "bi_lstm", "stacked_lstm", "stacked_bi_lstm"),
    *("gru", "bi_gru"),
)


@pytest.fixture(scope="module")
def nine() -> tuple[Comparison, TrackedRuns]:
    tracked = make_probed(tuple(ARCHITECTURES))
    return compare(tracked, np.random.default_rng(0), replicates=50), tracked


@pytest.fixture(scope="module")
def three() -> Comparison:
    return compare(make_probed(), np.random.default_rng(0), replicates=50)


def _curves(comparison: Comparison) -> list[Figure]:
    return [
        *breakdowns.draw_above_simple(comparison),
        *breakdowns.draw_by_length(comparison),
        *breakdowns.draw_leads(comparison),
        *memory.draw_distances(comparison, "after", "before", "both"),
        *memory.draw_contexts(comparison),
    ]


def _rows(spec: dict[str, Any], *columns: str) -> list[dict[str, Any]]:
    """The rows of all data of a specification that have these columns."""
    data = spec["datasets"].values()
    return [row for rows in data for row in rows if set(columns) <= set(row)]


def _domains(spec: Any) -> list[list[float]]:
    """Every domain of y in a specification."""
    if isinstance(spec, list):
        return [found for one in spec for found in _domains(one)]
    if not isinstance(spec, dict):
        return []
    own = spec.get("y") if isinstance(spec.get("y"), dict) else {}
    scale = (own or {}).get("scale") or {}
    own_domain = [scale["domain"]] if "domain" in scale else []
    return own_domain + [found for one in spec.values() for found in _domains(one)]


def test_architectures_have_one_order_by_family(nine: tuple[Comparison, TrackedRuns]) -> None:
    comparison, _ = nine
    assert tuple(by_family(comparison.summary).architecture) == ORDER
    assert tuple(one.architecture for one in looks_of(comparison)) == (*ORDER, "nb_bigrams")
    shuffled = comparison.summary.sample(frac=1, random_state=1)
    assert tuple(by_family(shuffled).architecture) == ORDER
    (figure,) = accuracy.draw_accuracy(comparison)
    place = figure.for_paper()["layer"][0]["encoding"]["y"]
    assert place["sort"] == [*comparison.summary.architecture, "nb_bigrams"]
    assert "the most accurate stands first" in figure.sentence


def test_many_architectures_have_a_panel_for_each_family(
    nine: tuple[Comparison, TrackedRuns],
) -> None:
    comparison, tracked = nine
    figures = [*_curves(comparison), *accuracy.draw_curves(comparison, tracked.history)]
    assert len(figures) == 9
    for figure in figures:
        titles = [panel.title for panel in figure.panels]
        assert figure.sentence.endswith(" Grey lines are the other networks.")
        gated = figure.name == "above_simple"  # whose zero are the simple cells
        assert titles == ["SimpleRNN", "LSTM", "GRU"][gated:], figure.name
        specs = figure.for_page()
        assert len(specs) == len(figure.for_paper()["concat"]) == len(titles)
        labels = [{row["label"] for row in _rows(spec, "label")} for spec in specs]
        assert labels[-2] - {"nb_bigrams"} == {"lstm", "bi", "stacked", "stacked_bi"}
        assert labels[-1] - {"nb_bigrams"} == {"gru", "bi"}
        domains = [domain for spec in specs for domain in _domains(spec)]
        assert len(domains) >= len(specs)
        assert all(domain == domains[0] for domain in domains), figure.name
        # The other families stand behind: every panel has all that there is something of.
        known = [{row["architecture"] for row in _rows(spec, "architecture")} for spec in specs]
        assert all(names == known[0] for names in known)
        assert len(known[0]) >= 6


def test_few_architectures_share_one_panel(three: Comparison) -> None:
    for figure in _curves(three):
        assert len(figure.panels) == len(figure.for_page()) == 1
        assert "Grey lines" not in figure.sentence
        (spec,) = figure.for_page()
        labels = {row["label"] for row in _rows(spec, "label")}
        assert {"lstm", "gru"} <= labels <= {"lstm", "gru", "simple_rnn", "nb_bigrams"}


def test_a_large_family_is_divided() -> None:
    summary = compare(
        make_tracked(tuple(ARCHITECTURES), 1, 50), np.random.default_rng(0), replicates=20
    ).summary
    lstm = summary[summary.architecture == "lstm"]
    sizes = [lstm.assign(architecture=f"lstm units={2**n}") for n in range(6)]
    rows = [next(one.itertuples(index=False)) for one in sizes]
    bi = next(summary[summary.architecture == "bi_lstm"].itertuples(index=False))
    families = name_families([*rows, bi])
    titles = ["LSTM, one layer (1 of 2)", "LSTM, one layer (2 of 2)", "LSTM, two directions"]
    assert list(dict.fromkeys(families.values())) == titles
    assert max(list(families.values()).count(title) for title in titles) <= FEW
    looks = look.assign_looks(sizes[0])
    assert looks[0].label == "units=1"


def test_labels_are_spread_as_little_as_needed() -> None:
    apart = [0.1, 0.9, 0.5]
    assert list(spread(apart, [0, 1], 200)) == apart
    gap = 13 / 200
    close = spread([0.5, 0.5, 0.5], [0, 1], 200)
    assert list(close) == pytest.approx([0.5 + gap, 0.5, 0.5 - gap])  # the first stands above
    top = spread([1.0, 1.0, 0.99], [0, 1], 200)
    assert max(top) == pytest.approx(1.0)  # none leaves the panel at its top
    assert sorted(np.diff(sorted(top))) == pytest.approx([gap, gap])
    assert len(spread([], [0, 1], 200)) == 0


def test_the_dip_of_a_gate_is_seen_on_the_scale_of_its_row(three: Comparison) -> None:
    """A GRU that keeps little must not fill the scale on which an LSTM dips."""
    assert three.fading is not None
    found = three.fading.lesson.copy()
    gate = found.measure == "gate"
    found.loc[gate & (found.architecture == "gru"), "value"] = 0.2
    lstm = gate & (found.architecture == "lstm")
    found.loc[lstm, "value"] = np.where(found.word[lstm] == "terrible", 0.9, 0.95)
    comparison = replace(three, fading=replace(three.fading, lesson=found))
    figure = lesson.draw_lesson(comparison)[-1]
    rows = [row for row in _rows(figure.for_paper(), "of_row") if row["architecture"] == "lstm"]
    assert {row["of_row"] for row in rows if row["word"] == "terrible"} == {0}
    assert min(row["of_row"] for row in rows if row["word"] != "terrible") == pytest.approx(1)
    assert {row["of_row"] for row in _rows(figure.for_paper(), "of_row")} == {0, 1}


def test_a_section_shows_two_figures_at_most(nine: tuple[Comparison, TrackedRuns]) -> None:
    content = Content(*nine)
    for section in SECTIONS:
        if section.id in ("memory", "results", "cost", "learning"):
            assert 1 <= len(list(section.figures(content))) <= 2, section.id
    (known,) = [section for section in SECTIONS if section.id == "memory"]
    assert [one.name for one in known.figures(content)] == ["above_simple", "distance_both"]
    assert "by_length" in [one.name for one in known.further(content)]


def test_a_rule_is_within_the_panels(three: Comparison) -> None:
    """A line at zero, a half or chance would else make room for itself beyond the axis."""
    for figure in [
        *breakdowns.draw_above_simple(three),
        *memory.draw_distances(three, "both"),
        *breakdowns.draw_leads(three),
    ]:
        (spec,) = figure.for_page()
        (low, high), *_ = _domains(spec)
        at = 0.5 if figure.name == "distance_both" else 0
        assert low <= at <= high
        assert Style(looks_of(three)).is_split is False


def _label_ends(comparison: Comparison, linear: float | None, *values: float) -> dict[str, float]:
    """Where the names of lines stand that end at these values, between 0 and 1."""
    names = list(comparison.summary.architecture)[: len(values)]
    ends = pd.Series(dict(zip(names, values, strict=True)))
    chart = label_ends(ends, Style(looks_of(comparison)), "excess", [0.0, 1.0], 300, linear)
    (rows,) = chart.to_dict(validate=False)["datasets"].values()
    return {row["architecture"]: row["excess"] for row in rows}


@pytest.mark.parametrize("linear", [None, 0.01])
def test_names_stand_at_the_ends_of_lines_on_either_axis(three, linear: float | None) -> None:
    assert sorted(_label_ends(three, linear, 0.5, 0.01, 0.1).values()) == pytest.approx(
        [0.01, 0.1, 0.5]
    )


def test_names_are_moved_apart_by_what_is_seen_on_a_logarithmic_axis(three) -> None:
    lower, upper = sorted(_label_ends(three, 0.01, 0.2, 0.2).values())
    between = np.log1p(upper / 0.01) - np.log1p(lower / 0.01)
    assert 300 * between / np.log1p(1 / 0.01) == pytest.approx(13)
