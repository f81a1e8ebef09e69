"""Which runs are compared: a tuned value is chosen on validation alone, and nothing is hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.pages import Page
from factories.tracked import make_tracked
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.frames import rows_of
from pipeline.analysis.selection import LOSS, SETTINGS, select_runs
from pipeline.analysis.tracked import TrackedRuns
from pipeline.report import write_report
from pipeline.report.figures.accuracy import draw_curves

RATES = (3e-4, 1e-3, 3e-3)


def make_tuned(
    validation: Callable[[str, float, int], float],
    architectures: tuple[str, ...] = ("lstm", "gru"),
    seeds: int = 2,
) -> TrackedRuns:
    """A sweep over `RATES`; `validation` gives the accuracy of an architecture, rate and seed."""
    plain = make_tracked(architectures, seeds, reviews=200)
    runs, predictions, history = [], [], []
    for rate in RATES:

        def of_rate(table: pd.DataFrame, rate: float = rate) -> pd.DataFrame:
            return table.assign(run_id=table.run_id + f"@{rate:g}")

        scores = [validation(row.architecture, rate, row.seed) for row in rows_of(plain.runs)]
        runs.append(of_rate(plain.runs).assign(learning_rate=rate, val_accuracy=scores))
        predictions.append(of_rate(plain.predictions))
        history.append(of_rate(plain.history))
    return TrackedRuns(
        plain.experiment,
        pd.concat(runs, ignore_index=True),
        pd.concat(predictions, ignore_index=True),
        pd.concat(history, ignore_index=True),
        replace(plain.sweep, tuned=("learning_rate",)),
    )


def judge(tracked: TrackedRuns) -> Comparison:
    return compare(tracked, np.random.default_rng(0), replicates=50)


def chosen(comparison: Comparison) -> dict[str, float]:
    assert comparison.tuning is not None
    rows = comparison.tuning.chosen
    return dict(zip(rows.architecture, rows.learning_rate, strict=True))


def test_every_architecture_gets_its_own_value_and_keeps_its_plain_name() -> None:
    best = {"lstm": 1e-3, "gru": 3e-3}
    comparison = judge(make_tuned(lambda name, rate, seed: 0.8 + 0.1 * (rate == best[name])))
    assert chosen(comparison) == best
    assert sorted(comparison.summary.architecture) == ["gru", "lstm"]
    assert comparison.summary.runs.tolist() == comparison.summary.planned.tolist() == [2, 2]
    compared = comparison.runs[comparison.runs.compared]
    assert set(zip(compared.architecture, compared.learning_rate, strict=True)) == set(best.items())
    assert len(comparison.runs) == 12
    note, on_baseline = comparison.notes
    assert "baseline is not tracked" in on_baseline
    for said in ("validation, never on the test", "6 runs", "0.0003, 0.001, 0.003"):
        assert said in note
    assert "0.003 for gru" in note
    assert "At an end of the grid, so a wider grid may give a better value: gru." in note


def test_validation_chooses_where_the_test_would_choose_otherwise() -> None:
    tracked = make_tuned(lambda name, rate, seed: 0.9 if rate == 3e-4 else 0.8)
    flattered = tracked.predictions.run_id.str.endswith("@0.003")
    predictions = tracked.predictions.copy()
    predictions["correct"] = predictions.correct | flattered
    predictions["predicted"] = predictions.predicted.where(~flattered, predictions.label)
    runs = tracked.runs.copy()
    runs.loc[runs.learning_rate == 3e-3, "test_accuracy"] = 1.0
    comparison = judge(replace(tracked, runs=runs, predictions=predictions))
    assert set(chosen(comparison).values()) == {3e-4}
    rows = predictions[predictions.run_id.str.endswith("@0.0003")]
    expected = rows[rows.run_id.isin(runs.run_id[runs.architecture == "lstm"])].correct.mean()
    summary = comparison.summary.set_index("architecture")
    assert summary.accuracy["lstm"] == pytest.approx(expected)
    assert summary.accuracy.max() < 1


def test_of_equals_the_smaller_value_is_chosen() -> None:
    comparison = judge(make_tuned(lambda name, rate, seed: 0.7 if rate == 3e-4 else 0.8))
    assert set(chosen(comparison).values()) == {1e-3}


def test_a_value_counts_by_its_mean_over_the_seeds() -> None:
    def validation(name: str, rate: float, seed: int) -> float:
        return {3e-4: 0.8, 1e-3: (0.9, 0.6)[seed], 3e-3: 0.79}[rate]

    assert set(chosen(judge(make_tuned(validation))).values()) == {3e-4}


def _lose(tracked: TrackedRuns, lost: pd.Series, status: str) -> TrackedRuns:
    runs = tracked.runs.copy()
    runs.loc[lost, ["status", "failure"]] = [status, "the loss is not finite"]
    runs.loc[lost, "val_accuracy"] = pd.NA
    kept = tracked.predictions[~tracked.predictions.run_id.isin(runs.run_id[lost])]
    return replace(tracked, runs=runs, predictions=kept)


def test_a_value_at_which_a_seed_diverged_comes_after_those_at_which_none_did() -> None:
    # The seed that is left at 0.003 has the best validation accuracy of all.
    tracked = make_tuned(lambda name, rate, seed: 0.8 + 10 * rate)
    runs = tracked.runs
    lost = (runs.architecture == "lstm") & (runs.learning_rate == 3e-3) & (runs.seed == 0)
    comparison = judge(_lose(tracked, lost, "diverged"))
    assert chosen(comparison) == {"lstm": 1e-3, "gru": 3e-3}
    assert (comparison.runs.status == "diverged").sum() == 1
    assert comparison.tuning is not None
    assert comparison.tuning.grid.diverged.sum() == 1


def test_a_run_that_failed_otherwise_leaves_its_value_to_the_other_seeds() -> None:
    tracked = make_tuned(lambda name, rate, seed: 0.8 + 10 * rate)
    lost = (tracked.runs.learning_rate == 3e-3) & (tracked.runs.seed == 0)
    comparison = judge(_lose(tracked, lost, "failed"))
    assert set(chosen(comparison).values()) == {3e-3}
    assert comparison.summary.runs.tolist() == [1, 1]
    assert comparison.summary.planned.tolist() == [2, 2]


def test_an_architecture_all_of_whose_values_failed_is_listed(tmp_path: Path) -> None:
    tracked = make_tuned(lambda name, rate, seed: 0.8 + 10 * rate)
    comparison = judge(_lose(tracked, tracked.runs.architecture == "gru", "diverged"))
    assert chosen(comparison) == {"lstm": 3e-3}
    assert "No run finished of gru." in comparison.notes[0]
    page = write_report(comparison, tracked, tmp_path / "report").read_text()
    assert "gru seed 1, learning_rate 0.0003" in page


def test_the_page_holds_the_grid_and_the_budget(tmp_path: Path) -> None:
    tracked = make_tuned(lambda name, rate, seed: 0.8 + 0.1 * (rate == 1e-3))
    lost = (tracked.runs.learning_rate == 3e-3) & (tracked.runs.seed == 0)
    tracked = _lose(tracked, lost, "diverged")
    comparison = judge(tracked)
    page = Page(write_report(comparison, tracked, tmp_path / "report").read_text()).text
    assert comparison.notes[0] in page
    assert "Tuning of learning_rate: mean validation accuracy of every value" in page
    assert "2 runs diverged: gru seed 0, learning_rate 0.003 and lstm seed 0" in page
    # None of the runs that a number rests on is missing.
    assert "Accuracies are those of the finished runs alone." not in page
    grid = pd.read_csv(tmp_path / "report" / "tuning.csv")
    assert grid.runs.tolist() == [2] * 6
    assert grid[grid.chosen].learning_rate.tolist() == [1e-3, 1e-3]
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert comparison.notes[0] in markdown
    assert "| chosen |" in markdown
    # A line for each compared run, not for each that was tried.
    (curves,) = draw_curves(comparison, tracked.history)
    assert len(curves.table.rows) == 4 * 5
    runs = pd.read_csv(tmp_path / "report" / "runs.csv")
    assert runs.compared.sum() == 4
    assert len(runs) == 12


def test_a_run_that_never_began_counts_in_the_budget() -> None:
    tracked = make_tuned(lambda name, rate, seed: 0.8 + 10 * rate)
    runs = tracked.runs.copy()
    runs.loc[0, ["run_id", "status", "val_accuracy"]] = [pd.NA, "missing", pd.NA]
    comparison = judge(replace(tracked, runs=runs))
    assert comparison.tuning is not None
    assert comparison.tuning.grid.groupby("architecture").runs.sum().tolist() == [6, 6]


def test_what_was_not_tuned_makes_another_architecture() -> None:
    tracked = make_tuned(lambda name, rate, seed: 0.8)
    comparison = judge(replace(tracked, sweep=replace(tracked.sweep, tuned=())))
    assert comparison.tuning is None
    assert "lstm, learning_rate 0.0003" in set(comparison.summary.architecture)
    assert comparison.runs.compared.all()


def test_one_value_is_no_tuning() -> None:
    tracked = make_tracked(("lstm", "gru"), 2, 200)
    sweep = replace(tracked.sweep, tuned=("learning_rate",))
    comparison = judge(replace(tracked, sweep=sweep))
    assert comparison.tuning is None
    (note,) = comparison.notes
    assert "baseline is not tracked" in note


def test_two_settings_are_tuned_together() -> None:
    tracked = make_tuned(lambda name, rate, seed: 0.8 + 10 * rate)
    runs = tracked.runs.assign(dropout=np.where(tracked.runs.learning_rate == 1e-3, 0.5, 0.0))
    sweep = replace(tracked.sweep, tuned=("learning_rate", "dropout"))
    comparison = judge(replace(tracked, runs=runs, sweep=sweep))
    assert "learning_rate and dropout: tuned" in comparison.notes[0]
    assert "0.003 with 0 for gru, lstm" in comparison.notes[0]


SCORES = st.sampled_from([0.5, 0.6, 0.7, 0.8])
ROWS = st.lists(
    st.tuples(st.sampled_from(["finished", "diverged", "failed"]), SCORES, SCORES),
    min_size=12,
    max_size=12,
)


def _frame(rows: list[tuple[str, float, float]]) -> pd.DataFrame:
    places = [(name, rate, seed) for name in ("a", "b") for rate in RATES for seed in (0, 1)]
    table = pd.DataFrame(places, columns=["architecture", "learning_rate", "seed"])
    table["run_id"] = [str(number) for number in range(12)]
    table[["status", "val_accuracy", "test_accuracy"]] = rows
    table.loc[table.status != "finished", ["val_accuracy", "test_accuracy"]] = np.nan
    columns = dict.fromkeys([*table.columns, "started", *SETTINGS])
    return table.reindex(columns=list(columns))


def _select(runs: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
    predictions = runs[runs.status == "finished"][["run_id"]]
    selected, tuning, _ = select_runs(runs, predictions, ["learning_rate"])
    return selected, tuning


@settings(max_examples=25, deadline=None)
@given(ROWS, st.permutations(range(12)))
def test_the_choice_is_one_value_of_each_and_follows_nothing_but_validation(rows, order) -> None:
    runs = _frame(rows)
    selected, tuning = _select(runs)
    for name, group in selected.groupby("architecture"):
        finished = group[group.status == "finished"]
        values = group[group.chosen].learning_rate.unique()
        assert len(values) == (1 if len(finished) else 0), name
        if len(finished):
            grid = tuning.grid[(tuning.grid.architecture == name) & (tuning.grid.finished > 0)]
            best = grid[grid.chosen].iloc[0]
            rivals = grid[grid.diverged <= best.diverged]
            assert best.val_accuracy == rivals.val_accuracy.max()
    pd.testing.assert_series_equal(
        selected.compared,
        selected.chosen & (selected.status == "finished"),
        check_names=False,
    )
    blind, _ = _select(runs.assign(test_accuracy=runs.test_accuracy.to_numpy()[::-1]))
    assert blind.chosen.tolist() == selected.chosen.tolist()
    shuffled, _ = _select(runs.iloc[list(order)])
    assert shuffled.run_id.tolist() == selected.run_id.tolist()
    assert shuffled.chosen.tolist() == selected.chosen.tolist()


def test_by_a_loss_each_architecture_gets_the_rate_with_the_lowest_mean() -> None:
    losses = {("lstm", 1e-3): 5.0, ("lstm", 4e-3): 4.0, ("simple_rnn", 1e-3): 5.5}
    losses[("simple_rnn", 4e-3)] = 6.0
    rows = [
        {
            "run_id": f"{name}{rate}{seed}",
            "architecture": name,
            "seed": seed,
            "status": "finished",
            "started": pd.NaT,
            "learning_rate": rate,
            "val_loss": loss + 0.1 * seed,
        }
        for (name, rate), loss in losses.items()
        for seed in range(2)
    ]
    frame = pd.DataFrame(rows)
    runs, tuning, notes = select_runs(frame, frame[["run_id"]], ["learning_rate"], LOSS)
    assert tuning is not None
    best = dict(zip(tuning.chosen.architecture, tuning.chosen.learning_rate, strict=True))
    assert best == {"lstm": 4e-3, "simple_rnn": 1e-3}
    assert runs[runs.compared].groupby("architecture").learning_rate.unique().map(
        list
    ).to_dict() == {name: [rate] for name, rate in best.items()}
    assert tuning.grid.val_loss.tolist() == pytest.approx([5.05, 4.05, 5.55, 6.05])
    assert "At an end of the grid" in notes[0]
