"""Recipes of training: what each adds is a paired difference on validation, and the page shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories.pages import report
from factories.tracked import make_tracked
from scipy import stats

from pipeline.analysis.ladder import climb
from pipeline.analysis.tracked import TrackedRuns
from pipeline.report.prose.ladder import describe_ladder

RECIPES = ("plain", "dropped", "averaged")  # not in alphabetical order
ADDED = {"plain": 0.0, "dropped": 0.02, "averaged": 0.021}


def _runs(seeds: int = 3) -> pd.DataFrame:
    """Runs whose seeds differ by far more than recipes do, but alike for all recipes."""
    rows = [
        {
            "base": base,
            "recipe": recipe,
            "seed": seed,
            "compared": True,
            "val_accuracy": 0.8 + 0.03 * seed + ADDED[recipe] + (0.001 if seed == 1 else 0),
            "train_seconds": 60.0 + seed,
        }
        for base in ("lstm", "simple_rnn")
        for recipe in RECIPES
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def _of(ladder: pd.DataFrame | None, base: str, recipe: str) -> pd.Series:
    assert ladder is not None
    (row,) = (row for _, row in ladder.iterrows() if (row.base, row.recipe) == (base, recipe))
    return row


def test_recipes_stand_in_the_order_of_the_sweep():
    ladder = climb(_runs(), RECIPES)
    assert ladder is not None
    assert ladder.recipe.tolist() == [*RECIPES, *RECIPES]
    assert ladder.base.tolist() == ["lstm"] * 3 + ["simple_rnn"] * 3


def test_a_mean_has_the_interval_of_student_over_seeds():
    row = _of(climb(_runs(), RECIPES), "lstm", "plain")
    scores = np.array([0.8, 0.831, 0.86])
    low, high = stats.t.interval(0.95, 2, scores.mean(), stats.sem(scores))
    assert (row.val_accuracy, row.low, row.high) == pytest.approx((scores.mean(), low, high))
    assert (row.spread, row.seconds, row.seeds) == pytest.approx((scores.std(ddof=1), 61, 3))
    assert np.isnan(row.step)


def test_a_step_is_paired_by_seed():
    runs = _runs()
    noise = (runs.recipe == "dropped") & (runs.seed == 0)
    runs = runs.assign(val_accuracy=runs.val_accuracy + 0.001 * noise)
    row = _of(climb(runs, RECIPES), "lstm", "dropped")
    steps = np.array([0.021, 0.02, 0.02])
    expected = stats.t.interval(0.95, 2, steps.mean(), stats.sem(steps))
    assert (row.step, row.step_low, row.step_high) == pytest.approx((steps.mean(), *expected))
    assert row.step_low > 0.018  # although the seeds of a recipe lie 6 points apart


def test_a_step_takes_the_seeds_that_both_recipes_have():
    runs = _runs()
    runs.loc[(runs.recipe == "plain") & (runs.seed == 2), "compared"] = False
    row = _of(climb(runs, RECIPES), "lstm", "dropped")
    assert row.step == pytest.approx(0.02)
    assert _of(climb(runs, RECIPES), "lstm", "plain").seeds == 2


def test_one_seed_has_no_interval_and_a_missing_recipe_no_row():
    ladder = climb(_runs(seeds=1), [*RECIPES, "never trained"])
    assert ladder is not None
    assert ladder.recipe.tolist() == [*RECIPES, *RECIPES]
    row = _of(ladder, "lstm", "dropped")
    assert row.step == pytest.approx(0.02)
    assert np.isnan([row.low, row.high, row.step_low, row.step_high, row.spread]).all()


def test_a_sweep_without_recipes_has_no_ladder():
    assert climb(_runs(), ()) is None
    assert climb(_runs().drop(columns="recipe"), RECIPES) is None


def test_what_helps_and_what_harms_is_said():
    runs = _runs()
    worse = runs.recipe == "averaged"
    ladder = climb(runs.assign(val_accuracy=runs.val_accuracy - 0.05 * worse), RECIPES)
    flat = climb(_runs(seeds=1), RECIPES)
    assert ladder is not None
    assert flat is not None
    said = describe_ladder(ladder)
    assert "With lstm, dropped has the best validation accuracy: 85.0%." in said
    assert "dropped adds 2.0 points (+2.0 to +2.0)." in said
    assert "averaged costs 4.9 points (−4.9 to −4.9)." in said
    assert "No single step" not in said
    assert describe_ladder(flat).count("No single step is shown to change anything.") == 2


def _swept() -> TrackedRuns:
    """A sweep over two recipes, which differ in two settings."""
    plain = make_tracked(("lstm", "simple_rnn"), 3, reviews=200)
    dropped = plain.runs.assign(
        run_id=plain.runs.run_id + "@dropped", dropout=0.5, word_dropout=0.1
    )
    both = [
        plain.runs.assign(recipe="plain", dropout=0.0, word_dropout=0.0),
        dropped.assign(recipe="dropped", val_accuracy=plain.runs.val_accuracy + 0.01),
    ]
    known = plain.predictions
    predictions = [known, known.assign(run_id=known.run_id + "@dropped")]
    return replace(
        plain,
        runs=pd.concat(both, ignore_index=True),
        predictions=pd.concat(predictions, ignore_index=True),
        sweep=replace(plain.sweep, recipes=("plain", "dropped")),
    )


def test_the_page_names_runs_by_their_recipe_and_shows_the_ladder(tmp_path: Path):
    comparison, page = report(_swept(), tmp_path)
    names = {"lstm, recipe plain", "lstm, recipe dropped"}
    assert names < set(comparison.summary.architecture)
    assert not comparison.summary.architecture.str.contains("dropout").any()
    assert "What each recipe adds on validation" in page.text
    assert page.text.count("dropped adds 1.0 points") == 2
    written = pd.read_csv(tmp_path / "ladder.csv")
    assert written.recipe.tolist() == ["plain", "dropped"] * 2
    assert written.step.dropna().tolist() == pytest.approx([0.01, 0.01])
