"""Leads over the simple cells: with whom each network is compared, and by how much it is ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from factories.tracked import ARCHITECTURES, make_tracked

from pipeline.analysis.above_simple import ALL, SIMPLE, choose_yardstick, leads_over
from pipeline.analysis.comparison import compare
from pipeline.analysis.frames import rows_of
from pipeline.analysis.statistics import RunEstimates


def test_a_gated_cell_is_compared_with_the_simple_one_of_its_shape() -> None:
    yardstick = choose_yardstick(make_tracked(tuple(ARCHITECTURES), 1, 20).runs)
    assert yardstick.name == SIMPLE
    simple = ("simple_rnn", "bi_simple_rnn", "stacked_simple_rnn")
    assert yardstick.others == {
        "lstm": ("simple_rnn",),
        "gru": ("simple_rnn",),
        "bi_lstm": ("bi_simple_rnn",),
        "bi_gru": ("bi_simple_rnn",),
        "stacked_lstm": ("stacked_simple_rnn",),
        "stacked_bi_lstm": simple,
    }
    assert yardstick.unmatched == ("stacked_bi_lstm",)


@pytest.mark.parametrize("tuned", [(), ("learning_rate",)])
def test_a_tuned_setting_does_not_part_a_match(tuned: tuple[str, ...]) -> None:
    runs = make_tracked(seeds=1, reviews=20).runs
    runs["learning_rate"] = runs.learning_rate.where(runs.cell == "simple_rnn", 3e-3)
    assert choose_yardstick(runs, tuned).unmatched == (() if tuned else ("lstm", "gru"))


def test_without_simple_cells_the_mean_of_all_is_the_yardstick() -> None:
    yardstick = choose_yardstick(make_tracked(("lstm", "gru", "bi_gru"), 1, 20).runs)
    assert yardstick.name == ALL
    assert yardstick.others["gru"] == ("lstm", "gru", "bi_gru")
    assert choose_yardstick(make_tracked(("lstm",), 1, 20).runs).others == {}
    values = np.array([0.6, 0.9, 0.9])
    estimates = RunEstimates(values, np.diag([4e-4, 1e-4, 1e-4]))
    members = {name: [row] for row, name in enumerate(yardstick.others)}
    leads = leads_over(yardstick, estimates, members, 1000)
    assert list(leads.difference) == pytest.approx(list(values - values.mean()))
    # lstm weighs 2/3, as it is part of the mean; the third architecture as the second.
    wide = 2 * 1.959964 * np.sqrt((4 * 4e-4 + 1e-4 + 1e-4) / 9 + 1 / 1002**2)
    assert leads.ci_high[0] - leads.ci_low[0] == pytest.approx(wide, rel=1e-5)
    assert set(leads.against) == {ALL}


def test_leads_are_the_differences_of_accuracies_with_paired_intervals() -> None:
    comparison = compare(make_tracked(seeds=3, reviews=600), np.random.default_rng(0))
    breakdown: Any = comparison.by_length
    accuracy = breakdown.accuracy.set_index(["architecture", "low"]).accuracy
    pairs = breakdown.pairwise.set_index(["architecture_a", "architecture_b", "low"])
    assert set(breakdown.above_simple.architecture) == {"lstm", "gru"}
    for row in rows_of(breakdown.above_simple):
        simple = accuracy["simple_rnn", row.low]
        assert row.difference == pytest.approx(accuracy[row.architecture, row.low] - simple)
        pair = pairs.loc[(row.architecture, "simple_rnn", row.low)]
        assert (row.ci_low, row.ci_high) == pytest.approx((pair.ci_low, pair.ci_high))
        assert row.against == "simple_rnn"
