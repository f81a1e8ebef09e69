"""Tables with known answers -> LanguageMemory."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from factories.fading import make_runs
from factories.language_tables import (
    EFFECTIVE,
    RECALL,
    make_contexts,
    make_language_probes,
    make_recall,
    make_subjects,
)

from pipeline.analysis.frames import rows_of
from pipeline.analysis.language_memory import (
    EFFECTIVE_COLUMNS,
    LOSS_COLUMNS,
    RECALL_COLUMNS,
    SUBJECT_COLUMNS,
    LanguageMemory,
    resample_items,
    summarise_language_memory,
)

RUNS = make_runs(lstm=3, gru=3, simple_rnn=3, kneser_ney=1)


def _summarise(probes: dict[str, pd.DataFrame], runs: pd.DataFrame = RUNS) -> LanguageMemory:
    found = summarise_language_memory(probes, runs, np.random.default_rng(0))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def found() -> LanguageMemory:
    return _summarise(make_language_probes(RUNS))


def test_every_frame_has_its_columns(found):
    assert list(found.losses.columns) == list(LOSS_COLUMNS)
    assert list(found.effective.columns) == list(EFFECTIVE_COLUMNS)
    assert list(found.recall.columns) == list(RECALL_COLUMNS)
    assert list(found.subjects.columns) == list(SUBJECT_COLUMNS)
    assert found.notes == ()


@pytest.mark.parametrize("condition", ["cut", "shuffled", "replaced"])
@pytest.mark.parametrize("name", EFFECTIVE)
def test_an_effective_context_is_the_one_that_was_made(found, name, condition):
    rows = found.effective.set_index(["architecture", "condition"])
    row = rows.loc[(name, condition)]
    if condition == "cut":
        assert row.value == EFFECTIVE[name]
        assert row.furthest == 400
    else:  # of which the longest is 200
        assert row.value == (math.inf if EFFECTIVE[name] > 200 else EFFECTIVE[name])
    assert row.low <= row.value <= row.high


def test_losses_are_relative_to_the_whole_text_on_the_same_tokens(found):
    losses = found.losses.set_index(["architecture", "condition", "context"])
    whole = losses.loc[("lstm", "cut", 0)]
    assert whole.relative == whole.relative_low == whole.relative_high == 1
    assert whole.loss == pytest.approx(4.0, abs=0.2)
    assert losses.loc[("lstm", "cut", 1)].relative == pytest.approx(1.5, abs=0.01)
    assert losses.loc[("lstm", "shuffled", 1)].relative == pytest.approx(1.5, abs=0.01)
    assert (losses.reviews.xs("cut", level=1) == 100).all()
    assert (losses.reviews.xs("shuffled", level=1) == 40).all()
    assert (losses.targets == 3 * losses.reviews).all()
    assert (losses.runs.xs("kneser_ney") == 1).all()
    # What all conditions share, texts of their own difficulty, is in the loss alone.
    at_two = losses.loc[("lstm", "cut", 2)]
    assert at_two.relative_high - at_two.relative_low < (at_two.loss_high - at_two.loss_low) / 8
    assert not losses.index.duplicated().any()


def test_seeds_that_disagree_widen_the_interval_of_the_effective_context():
    runs = make_runs(lstm=3)
    alike = _summarise({"language_context": make_contexts(runs, [20, 20, 20])}, runs)
    unlike = _summarise({"language_context": make_contexts(runs, [5, 20, 100])}, runs)
    (one,), (other,) = (
        rows_of(f.effective[f.effective.condition == "cut"]) for f in (alike, unlike)
    )
    assert (one.low, one.value, one.high) == (20, 20, 20)
    assert other.low < 20 < other.high
    single = _summarise({"language_context": make_contexts(runs[:1], [20])}, runs[:1])
    assert len(single.effective) == 3


def test_equal_losses_everywhere_need_the_shortest_context():
    runs = make_runs(uniform=2)
    table = make_contexts(runs, [1, 1]).assign(nats=3 * np.log(1000))
    found = _summarise({"language_context": table}, runs)
    assert (found.effective[["value", "low", "high"]] == 1).all(axis=None)
    np.testing.assert_allclose(found.losses[["relative", "relative_low", "relative_high"]], 1)


@pytest.mark.parametrize("against", ["erased", "first"])
def test_the_gain_is_the_one_that_was_made(found, against):
    rows = found.recall[found.recall.against == against]
    for name, reach in RECALL.items():
        own = rows[rows.architecture == name]
        near, far = own[(own.high <= reach) & (own.low > 1)], own[own.low > reach]
        assert (near.gain_low > 1.5).all()
        np.testing.assert_allclose(near.gain, 2, atol=0.3)
        np.testing.assert_allclose(far.gain, 0, atol=0.1)
        assert (far.gain_low < 0.02).all()
        assert (far.gain_high > -0.02).all()
        np.testing.assert_allclose(own.other - own.repeated, own.gain)


def test_ranges_of_distances_cover_every_pair_once(found):
    own = found.recall[(found.recall.architecture == "lstm") & (found.recall.against == "first")]
    every, *ranges = rows_of(own)
    assert (every.low, every.high) == (1, 300)
    assert every.pairs == sum(one.pairs for one in ranges) == 280
    assert [one.low for one in ranges] == [1, 6, 11, 21, 51, 101, 201]
    assert ranges[-1].high == 300
    assert all(a.high + 1 == b.low for a, b in itertools.pairwise(ranges))


def test_a_range_of_few_texts_is_left_out_but_counts_in_all():
    runs = make_runs(gru=2)
    table = make_recall(runs)
    far = table[(table.distance < 300) | (table.pair % 40 < 18)]
    rows = _summarise({"word_recall": far}, runs).recall
    assert rows.low.max() == 101
    assert rows.high.max() == 300
    assert rows.pairs.max() == 258


def test_pairs_of_one_text_are_drawn_together():
    rng = np.random.default_rng(0)
    texts = np.repeat(np.arange(20), 10)
    scores = np.repeat(rng.normal(0, 1, 20), 10)[None]  # a text decides all its pairs
    group = np.ones((1, 200), dtype=bool)
    together = resample_items(scores, texts, group, rng).draws.std()
    alone = resample_items(scores, np.arange(200), group, rng).draws.std()
    assert together > 2.5 * alone


def test_the_subject_is_as_probable_as_it_was_made(found):
    assert found.chance == pytest.approx(1 / 6)
    for name, level in (("lstm", 0.9), ("kneser_ney", 1 / 6)):
        own = found.subjects[found.subjects.architecture == name]
        every, *ranges = rows_of(own)
        assert (every.low, every.high, every.reviews) == (0, 60, 120)
        assert ranges[0].low == 10  # seven texts are nearer: too few to say how much texts differ
        assert sum(one.reviews for one in ranges) == 113
        np.testing.assert_allclose(own.probability, level, atol=0.05)
        assert ((own.ci_low >= 0) & (own.ci_low <= own.probability)).all()
        assert ((own.ci_high >= own.probability) & (own.ci_high <= 1)).all()
        assert ((own.right_low <= own.right) & (own.right <= own.right_high)).all()


def test_without_a_probe_its_frames_are_empty():
    runs = make_runs(gru=2)
    found = _summarise({"word_recall": make_recall(runs)}, runs)
    assert found.losses.empty
    assert found.effective.empty
    assert found.subjects.empty
    assert math.isnan(found.chance)
    assert len(found.recall)
    nothing = summarise_language_memory({"retention": found.recall}, runs, np.random.default_rng(0))
    assert nothing is None


def test_a_run_that_was_probed_otherwise_is_left_out_and_named():
    runs = make_runs(lstm=3)
    table = make_contexts(runs, [20, 20, 20])
    other = table[(table.run_id != "run2") | (table.context != 50)]
    found = _summarise({"language_context": other, "subject_recall": make_subjects(runs)}, runs)
    (note,) = found.notes
    assert "lstm (run2)" in note
    assert (found.losses.runs == 2).all()
    assert (found.subjects.runs == 3).all()
