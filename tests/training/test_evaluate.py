"""Test predictions, a row per review, and metrics against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    roc_auc_score,
)

from pipeline.data.splits import Head, Reviews, predicted_classes
from pipeline.tokens.split import EncodedSplit
from pipeline.training.classify import predicted_classes_in_graph
from pipeline.training.evaluate import evaluate
from pipeline.training.scores import score_classes

TWO = (Head("sentiment", ("negative", "positive")),)
BOTH = (*TWO, Head("subject", ("film", "plot", "music")))


def _lookup_model(outputs: tuple[int, ...]):
    """Return a model that looks its logits up by the first token of each row, and its tables."""
    rng = np.random.default_rng(1)
    tables = [rng.normal(size=(50, size)).astype(np.float32) for size in outputs]

    def forward(token_ids):
        import tensorflow as tf

        return [tf.gather(table, token_ids[:, 0]) for table in tables]

    return forward, tables


def _data(heads: tuple[Head, ...], rows: int = 200) -> tuple[EncodedSplit, Reviews]:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, rows)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    token_ids = rng.integers(1, 50, offsets[-1]).astype(np.int32)
    labels = np.stack([rng.integers(0, len(head.classes), rows) for head in heads], axis=1)
    ids = np.array([f"test-{row}" for row in range(rows)])
    words = rng.integers(1, 1000, rows)
    split = EncodedSplit(token_ids, offsets, words, labels.astype(np.int32), ids)
    traits = pd.DataFrame({"distance": np.arange(rows)}) if len(heads) > 1 else None
    return split, Reviews(ids, ["a"] * rows, split.labels, traits)


def test_two_classes_agree_with_scikit_learn():
    split, reviews = _data(TWO)
    forward, tables = _lookup_model((1,))
    found = evaluate(forward, split, TWO, 16, [100, 500], reviews)
    logits = tables[0][split.token_ids[split.offsets[:-1]], 0].astype(float)
    probability = 1 / (1 + np.exp(-logits))
    truth = split.labels[:, 0]
    table = found.predictions
    assert list(table) == "review_id label predicted probability correct length kept_length".split()
    np.testing.assert_allclose(table.probability, probability, rtol=1e-5)
    assert found.metrics["accuracy"] == pytest.approx(accuracy_score(truth, probability > 0.5))
    assert found.metrics["roc_auc"] == pytest.approx(roc_auc_score(truth, probability))
    predicted = probability > 0.5
    balanced, macro = (
        balanced_accuracy_score(truth, predicted),
        f1_score(truth, predicted, average="macro"),
    )
    assert found.metrics["balanced_accuracy"] == pytest.approx(balanced)
    assert found.metrics["macro_f1"] == pytest.approx(macro)
    assert found.metrics["loss"] == pytest.approx(log_loss(truth, probability), rel=1e-5)
    assert (table.correct == (table.label == table.predicted)).all()
    assert (table.kept_length == split.lengths).all()


def test_several_heads_have_their_own_columns_and_all_must_be_right():
    split, reviews = _data(BOTH)
    forward, tables = _lookup_model((1, 3))
    found = evaluate(forward, split, BOTH, 16, [], reviews)
    table, metrics = found.predictions, found.metrics
    first = split.token_ids[split.offsets[:-1]]
    subject = tables[1][first].argmax(axis=1)
    assert table.subject_predicted.tolist() == [BOTH[1].classes[index] for index in subject]
    right = (table.label == table.predicted) & (table.subject_label == table.subject_predicted)
    assert (table.correct == right).all()
    assert metrics["accuracy"] == pytest.approx(right.mean())
    assert metrics["accuracy/subject"] == pytest.approx((subject == split.labels[:, 1]).mean())
    assert {"roc_auc/sentiment", "roc_auc/subject"} <= set(metrics)
    assert table.distance.tolist() == list(range(200))


def test_accuracy_by_length_is_grouped_by_words_of_the_whole_text():
    split, reviews = _data(TWO)
    forward, _ = _lookup_model((1,))
    found = evaluate(forward, split, TWO, 16, [100, 500], reviews)
    table = found.predictions
    inside = (split.words >= 100) & (split.words <= 499)
    assert found.metrics["accuracy/length_100_499"] == pytest.approx(table.correct[inside].mean())
    assert {"accuracy/length_0_99", "accuracy/length_500_up"} <= set(found.metrics)


def test_a_training_step_predicts_the_same_classes():
    rng = np.random.default_rng(0)
    logits = [rng.integers(-2, 3, (300, size)).astype(np.float32) for size in (1, 2, 3)]
    predicted = predicted_classes(logits)
    assert predicted.dtype == np.int32
    assert (predicted[:, 0] == (logits[0][:, 0] > 0)).all()
    assert (predicted[:, 2] == logits[2].argmax(axis=1)).all()  # the first in a tie
    np.testing.assert_array_equal(
        predicted_classes_in_graph([tf.constant(part) for part in logits]), predicted
    )


def test_without_edges_there_is_one_group():
    split, reviews = _data(TWO)
    metrics = evaluate(_lookup_model((1,))[0], split, TWO, 16, [], reviews).metrics
    assert metrics["accuracy/length_0_up"] == metrics["accuracy"]


@pytest.mark.parametrize("rare", [0, 1])
def test_always_answering_the_commonest_label_has_no_better_scores_than_it_deserves(rare):
    labels = np.where(np.arange(120) % 12 == 0, rare, 1 - rare)
    never = score_classes(labels, np.full(120, 1 - rare), 2)
    common = 2 * 110 / 230  # the F1 of the common label: all found, and ten more
    assert never == pytest.approx(
        {"balanced_accuracy": 0.5, "macro_f1": common / 2, "rare_f1": 0.0}
    )
    assert set(score_classes(labels, labels, 2).values()) == {1.0}


def test_a_class_that_no_text_has_counts_only_as_a_mistake():
    labels, predicted = np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2])
    scores = score_classes(labels, predicted, 3)
    assert scores == pytest.approx({"balanced_accuracy": 0.75, "macro_f1": (2 / 3 + 1) / 2})


def test_auc_is_left_out_where_a_class_is_missing_and_everything_else_is_finite():
    split, reviews = _data(TWO)
    split.labels[:] = 1
    forward, _ = _lookup_model((1,))
    metrics = evaluate(forward, split, TWO, 16, [10_000], reviews).metrics
    assert "roc_auc" not in metrics
    assert "accuracy/length_10000_up" not in metrics
    assert np.isfinite(list(metrics.values())).all()
