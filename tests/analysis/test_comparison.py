"""What is said of a sweep: the right verdicts, the same reviews for all, and no run hidden."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.analysis.comparison import Comparison, SweepFacts, TrackedRuns, compare
from pipeline.analysis.pairwise import PAIR_COLUMNS
from pipeline.errors import ReportError

# name: cell, num_layers, bidirectional, parameters, accuracy in log odds, loss for a doubling
ARCHITECTURES = {
    "simple_rnn": ("simple_rnn", 1, False, 1_288_321, 0.9, -0.45),
    "lstm": ("lstm", 1, False, 1_313_089, 1.95, -0.15),
    "gru": ("gru", 1, False, 1_305_025, 1.97, -0.14),
    "bi_simple_rnn": ("simple_rnn", 1, True, 1_296_641, 1.1, -0.4),
    "bi_lstm": ("lstm", 1, True, 1_346_177, 2.0, -0.14),
    "bi_gru": ("gru", 1, True, 1_330_049, 2.0, -0.14),
    "stacked_simple_rnn": ("simple_rnn", 2, False, 1_296_577, 0.8, -0.5),
    "stacked_lstm": ("lstm", 2, False, 1_346_113, 1.97, -0.15),
    "stacked_bi_lstm": ("lstm", 2, True, 1_444_993, 2.05, -0.13),
}


def make_tracked(
    architectures: tuple[str, ...] = ("simple_rnn", "lstm", "gru"),
    seeds: int = 3,
    reviews: int = 1500,
    *,
    two_heads: bool = False,
    experiment: str = "imdb",
) -> TrackedRuns:
    """A sweep with believable numbers, the same each time."""
    rng = np.random.default_rng(7)
    length = np.exp(rng.normal(5.2, 0.65, reviews)).clip(10, 2400).astype(int)
    if two_heads:
        distance = rng.integers(0, 201, reviews)
        length = distance + rng.integers(12, 30, reviews)
    else:
        distance = length
    traits = pd.DataFrame({"review_id": [f"test/{i}" for i in range(reviews)], "length": length})
    traits["label"] = np.where(rng.random(reviews) < 0.5, "pos", "neg")
    traits["subject_label"] = rng.choice(["film", "plot", "music", "acting"], reviews)
    hardness = rng.normal(0, 1.5, reviews)
    rows, predictions, history = [], [], []
    for name in architectures:
        cell, layers, both_ways, parameters, ability, loss = ARCHITECTURES[name]
        for seed in range(seeds):
            run_id = hashlib.md5(f"{name} {seed}".encode()).hexdigest()
            skill = 1.4 * ability + rng.normal(0, 0.05) + hardness
            skill = skill + 1.5 * loss * np.log2((distance + 1) / 180)
            right = rng.random(reviews) < 1 / (1 + np.exp(-skill))
            table = traits.assign(run_id=run_id, kept_length=np.minimum(length, 400))
            flipped = np.where(table.label == "pos", "neg", "pos")
            table["predicted"] = np.where(right, table.label, flipped)
            table["probability"] = np.where(right, 0.9, 0.3)
            if two_heads:
                also = right | (rng.random(reviews) < 0.3)
                table["subject_predicted"] = table.subject_label.where(also, "scenery")
                table["subject_probability"] = 0.8
                table["distance"] = distance
                table["distractors"], table["contradicted"] = 1, False
                right = right & also
            else:
                table = table.drop(columns="subject_label")
            table["correct"] = right
            predictions.append(table)
            seconds = parameters / 1e4 * (1 + 0.6 * both_ways) * layers + rng.normal(0, 2)
            row = {
                "run_id": run_id,
                "architecture": name,
                "seed": seed,
                "status": "finished",
                "failure": pd.NA,
                "fingerprint": run_id[::-1],
                "data": "clauses" if two_heads else "imdb",
                "data_fingerprint": "d5f0a1c2b3e4",
                "cell": cell,
                "units": 64,
                "num_layers": layers,
                "bidirectional": both_ways,
                "embedding_dim": 64,
                "parameters": parameters,
                "recurrent_parameters": parameters - 1_280_065,
                "max_length": 400,
                "vocab_size": 20_000,
                "learning_rate": 1e-3,
                "batch_size": 64,
                "test_accuracy": right.mean(),
                "test_loss": 0.35,
                "test_roc_auc": 0.93,
                "val_accuracy": right.mean() + rng.normal(0.004, 0.003),
                "best_epoch": 3,
                "epochs": 5,
                "train_seconds": seconds * 5,
                "epoch_seconds": seconds,
                "tokens_per_second": 5.6e6 / seconds,
                "peak_memory_mb": 900 + parameters / 1e4,
                "device": "cpu",
                "threads": 1,
                "concurrent_runs": 1,
                "git_commit": "4f0c2d1e",
                "git_dirty": False,
                "versions": "tensorflow 2.20.0, keras 3.11",
                "started": pd.Timestamp("2025-06-01") + pd.Timedelta(hours=len(rows)),
            }
            if two_heads:
                row["test_accuracy_sentiment"] = (table.label == table.predicted).mean()
                row["test_accuracy_subject"] = (
                    table.subject_label == table.subject_predicted
                ).mean()
            rows.append(row)
            for epoch in range(1, 6):
                rise = (1 - 0.5**epoch) * (right.mean() - 0.5) + 0.5
                history.append(
                    {
                        "run_id": run_id,
                        "epoch": epoch,
                        "train_loss": 0.7 * 0.7**epoch,
                        "train_accuracy": rise + 0.02 * epoch,
                        "val_loss": 0.4 + 0.02 * (epoch - 3) ** 2,
                        "val_accuracy": rise + rng.normal(0, 0.004) - 0.01 * (epoch > 3),
                        "seconds": seconds,
                    }
                )
    sweep = SweepFacts(
        parent_run_id="0123456789abcdef0123456789abcdef",
        started="2025-06-01 12:00",
        length_edges=(50, 100, 150, 200) if two_heads else (100, 200, 400, 800),
        tracking_uri="sqlite:////data/mlflow.db",
        run_url="http://127.0.0.1:5000/#/experiments/1/runs/",
        provenance=(("Processor", "2 cores, x86_64"), ("Operating system", "Linux")),
    )
    return TrackedRuns(
        experiment,
        pd.DataFrame(rows).convert_dtypes(),
        pd.concat(predictions, ignore_index=True) if predictions else pd.DataFrame(),
        pd.DataFrame(history),
        sweep,
    )


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
    assert (np.maximum(-tied.ci_low, tied.ci_high) < compared.tie_margin).all()
    unclear = compared.pairwise[compared.pairwise.verdict == "not enough runs"]
    assert (np.maximum(-unclear.ci_low, unclear.ci_high) >= compared.tie_margin).all()


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
