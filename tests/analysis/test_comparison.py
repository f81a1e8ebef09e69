"""What is said of a sweep: the right verdicts, the same reviews for all, and no run hidden."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.tracked import ARCHITECTURES, make_tracked

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.pairwise import PAIR_COLUMNS
from pipeline.analysis.tracked import TrackedRuns
from pipeline.errors import ReportError


@pytest.fixture(scope="module")
def imdb() -> TrackedRuns:
    return make_tracked(tuple(ARCHITECTURES), seeds=3)


@pytest.fixture(scope="module")
def compared(imdb: TrackedRuns) -> Comparison:
    return compare(imdb, np.random.default_rng(0))


def judge(tracked: TrackedRuns, **options) -> Comparison:
    return compare(tracked, np.random.default_rng(0), replicates=200, **options)


def verdict(comparison: Comparison, a: str, b: str) -> str:
    pairs: Any = comparison.pairwise.set_index(["architecture_a", "architecture_b"]).verdict
    if (a, b) in pairs.index:
        return pairs[a, b]
    return {"better": "worse", "worse": "better"}.get(str(pairs[b, a]), str(pairs[b, a]))


def test_a_large_difference_is_shown_and_a_small_one_is_not(compared: Comparison) -> None:
    assert verdict(compared, "lstm", "simple_rnn") == "better"
    assert verdict(compared, "simple_rnn", "lstm") == "worse"
    assert verdict(compared, "bi_lstm", "bi_gru") in {"tied", "not enough runs"}


def test_the_gap_grows_with_length() -> None:
    compared = judge(make_tracked(reviews=4000))
    assert compared.by_length is not None
    gaps = compared.by_length.trends.gaps.set_index(["architecture_a", "architecture_b"])
    gap: Any = gaps.loc["lstm", "simple_rnn"]
    assert gap.p_holm < 0.05
    assert gap.change_low > 0
    slopes = compared.by_length.trends.slopes.set_index("architecture").slope
    assert gap.slope == pytest.approx(slopes["lstm"] - slopes["simple_rnn"])


def test_tiers_are_not_ranks(compared: Comparison) -> None:
    tiers = compared.summary.set_index("architecture").tier
    assert tiers["lstm"] == tiers["gru"] == 1
    assert tiers["simple_rnn"] > 1


def test_means_are_those_of_the_predictions(imdb: TrackedRuns, compared: Comparison) -> None:
    lstm = imdb.runs[imdb.runs.architecture == "lstm"].run_id
    rows = imdb.predictions[imdb.predictions.run_id.isin(lstm)]
    summary = compared.summary.set_index("architecture")
    assert summary.accuracy["lstm"] == pytest.approx(rows.correct.mean())
    assert compared.by_length is not None
    group: Any = compared.by_length.accuracy.query("architecture == 'lstm' and low == 200").iloc[0]
    within = rows[rows.length.between(200, 399)]
    assert group.accuracy == pytest.approx(within.correct.mean())
    assert group.reviews == within.review_id.nunique()
    assert group.high == 399


def test_every_review_is_in_one_group(compared: Comparison) -> None:
    assert compared.by_length is not None
    counts = compared.by_length.accuracy.groupby("architecture").reviews.sum()
    assert set(counts) == {compared.reviews}


def test_the_same_generator_gives_the_same_numbers(imdb: TrackedRuns, compared: Comparison) -> None:
    again = compare(imdb, np.random.default_rng(0))
    pd.testing.assert_frame_equal(again.pairwise, compared.pairwise)
    other = compare(imdb, np.random.default_rng(1))
    assert (other.pairwise.ci_low != compared.pairwise.ci_low).any()


def test_the_order_of_rows_does_not_matter(imdb: TrackedRuns, compared: Comparison) -> None:
    shuffled = replace(
        imdb,
        runs=imdb.runs.sample(frac=1, random_state=1),
        predictions=imdb.predictions.sample(frac=1, random_state=1),
    )
    again = compare(shuffled, np.random.default_rng(0))
    pd.testing.assert_frame_equal(again.pairwise, compared.pairwise)


def test_one_seed_gives_no_verdict(imdb: TrackedRuns) -> None:
    comparison = judge(make_tracked(seeds=1))
    assert set(comparison.pairwise.verdict) == {"not enough runs"}
    assert comparison.pairwise.p_value.isna().all()
    assert comparison.summary.tier.isna().all()
    assert not comparison.summary.seeds_counted.any()
    # These very networks can still be told apart.
    assert comparison.pairwise.mcnemar_p.min() < 1e-6


def test_a_tie_needs_a_narrow_interval(compared: Comparison) -> None:
    tied = compared.pairwise[compared.pairwise.verdict == "tied"]
    assert (np.maximum(-tied.ci_low, tied.ci_high) < compared.margin).all()
    unclear = compared.pairwise[compared.pairwise.verdict == "not enough runs"]
    assert (np.maximum(-unclear.ci_low, unclear.ci_high) >= compared.margin).all()


def test_two_heads_are_right_together_and_alone() -> None:
    comparison = judge(make_tracked(two_heads=True))
    assert comparison.heads == ("both", "sentiment", "subject")
    assert comparison.by_distance is not None
    both, sentiment, subject = (
        comparison.by_distance.accuracy.query("head == @head").accuracy.to_numpy()
        for head in comparison.heads
    )
    assert (both <= np.minimum(sentiment, subject)).all()
    assert comparison.summary.accuracy_subject.between(0, 1).all()
    assert comparison.chance[0] == pytest.approx(0.14, abs=0.03)
    assert list(comparison.by_distance.accuracy.low.unique()) == list(range(0, 200, 25))
    assert comparison.by_distance.accuracy.high.max() == 200


def test_two_sizes_of_an_architecture_are_not_averaged(imdb: TrackedRuns) -> None:
    runs = imdb.runs.copy()
    runs.loc[(runs.architecture == "lstm") & (runs.seed == 2), "units"] = 128
    comparison = judge(replace(imdb, runs=runs))
    names = set(comparison.summary.architecture)
    assert {"lstm, units 64", "lstm, units 128"} <= names
    assert "lstm" not in names


def test_a_repeated_run_counts_once(imdb: TrackedRuns) -> None:
    again = imdb.runs[imdb.runs.architecture == "lstm"].head(1)
    again = again.assign(run_id="later", started=pd.Timestamp("2025-07-01"))
    first = imdb.runs[imdb.runs.architecture == "lstm"].run_id.iloc[0]
    answers = imdb.predictions[imdb.predictions.run_id == first].assign(run_id="later")
    comparison = judge(
        replace(
            imdb,
            runs=pd.concat([imdb.runs, again]),
            predictions=pd.concat([imdb.predictions, answers]),
        )
    )
    assert comparison.summary.set_index("architecture").runs["lstm"] == 3
    assert not comparison.runs.set_index("run_id").compared[first]
    assert any(first in note for note in comparison.notes)


def test_failed_runs_are_kept_in_sight(imdb: TrackedRuns) -> None:
    runs = imdb.runs.copy()
    exploded = (runs.architecture == "simple_rnn") & (runs.seed == 1)
    runs.loc[exploded, ["status", "failure"]] = ["diverged", "the loss is not finite"]
    left = imdb.predictions[~imdb.predictions.run_id.isin(runs[exploded].run_id)]
    comparison = judge(replace(imdb, runs=runs, predictions=left))
    row: Any = comparison.summary.set_index("architecture").loc["simple_rnn"]
    assert (row.runs, row.planned) == (2, 3)
    assert len(comparison.runs) == len(runs)


def test_other_data_are_refused_by_name(imdb: TrackedRuns) -> None:
    runs = imdb.runs.copy()
    runs.loc[runs.architecture == "gru", "data_fingerprint"] = "another"
    mixed = replace(imdb, runs=runs)
    with pytest.raises(ReportError, match=r"different data.*another: gru seed 0") as refusal:
        judge(mixed)
    assert "\n" not in str(refusal.value)
    comparison = judge(mixed, allow_different_data=True)
    assert any("different data" in note for note in comparison.notes)


def test_other_reviews_are_refused_by_name(imdb: TrackedRuns) -> None:
    last = imdb.runs.run_id.iloc[-1]
    some = imdb.predictions.query("run_id != @last or review_id != 'test/5'")
    with pytest.raises(ReportError, match=f"{last}.*different reviews"):
        judge(replace(imdb, predictions=some))


def test_nothing_planned_is_an_error(imdb: TrackedRuns) -> None:
    with pytest.raises(ReportError, match="no runs"):
        judge(replace(imdb, runs=imdb.runs.head(0)))


@pytest.mark.parametrize("status", ["failed", "diverged", "running", "missing"])
def test_nothing_finished_is_no_error(imdb: TrackedRuns, status: str) -> None:
    runs = imdb.runs.assign(status=status)
    comparison = judge(replace(imdb, runs=runs, predictions=pd.DataFrame()))
    assert comparison.summary.empty
    assert tuple(comparison.pairwise.columns) == PAIR_COLUMNS
    assert len(comparison.runs) == 27


def test_one_architecture_has_no_pairs() -> None:
    comparison = judge(make_tracked(("lstm",), seeds=2))
    assert comparison.pairwise.empty
    assert comparison.summary.tier.tolist() == [1]


def test_other_versions_of_tensorflow_or_keras_are_said_and_of_nothing_else() -> None:
    tracked = make_tracked(("lstm", "gru"), seeds=2, reviews=200)
    version = "python 3.12.{}, tensorflow 2.18.{}, keras 3.8.0, mlflow 2.2{}"

    def notes(versions: list[str]) -> str:
        runs = tracked.runs.assign(versions=versions)
        compared = compare(replace(tracked, runs=runs), np.random.default_rng(0), replicates=20)
        return " ".join(compared.notes)

    assert "different versions" not in notes([version.format(n, 0, n) for n in range(4)])
    said = notes([version.format(0, int(n == 3), 0) for n in range(4)])
    assert "different versions" in said
    assert "tensorflow 2.18.1, keras 3.8.0: gru seed 1" in said
