"""Evaluate a model on a split: predictions for each review, and metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, softmax
from sklearn.metrics import roc_auc_score

from pipeline.analysis.groups import rising_groups
from pipeline.data.splits import Head, Reviews, predicted_classes
from pipeline.tokens.split import EncodedSplit
from pipeline.training.classify import losses, read_logits
from pipeline.training.loop import Forward
from pipeline.training.scores import score_classes


@dataclass(frozen=True)
class Evaluation:
    """Hold predictions, a row per review, and metrics by name without the split, all finite."""

    predictions: pd.DataFrame
    metrics: dict[str, float]


def evaluate(
    forward: Forward,
    split: EncodedSplit,
    heads: tuple[Head, ...],
    batch_size: int,
    length_edges: list[int],
    reviews: Reviews,
) -> Evaluation:
    """Return the predictions, probabilities and metrics of a model on a split."""
    logits = read_logits(forward, split, heads, batch_size)
    return evaluate_logits(logits, split, heads, length_edges, reviews)


def evaluate_logits(
    logits: list[np.ndarray],
    split: EncodedSplit,
    heads: tuple[Head, ...],
    length_edges: list[int],
    reviews: Reviews,
) -> Evaluation:
    """Return the evaluation of logits <float>[n, outputs] of each head, from any model.

    Columns of the predictions: review_id; label, predicted and probability of the first head (the
    probability of `classes[1]` for two classes, else of the predicted class); the same columns of other
    heads, prefixed with the name of the head; correct (every head right); length (words of the whole
    review); kept_length (tokens after truncation); and the traits of the reviews, if any.
    """
    table = pd.DataFrame({"review_id": split.review_ids})
    correct = np.ones(len(split), dtype=bool)
    metrics: dict[str, float] = {}
    classes = predicted_classes(logits)
    for number, (head, values) in enumerate(zip(heads, logits, strict=True)):
        prefix = "" if number == 0 else f"{head.name}_"
        labels, probabilities = split.labels[:, number], _probabilities(values)
        predicted = classes[:, number]
        shown = probabilities[:, 1] if head.outputs == 1 else probabilities.max(axis=1)
        table[f"{prefix}label"] = np.array(head.classes, dtype=object)[labels]
        table[f"{prefix}predicted"] = np.array(head.classes, dtype=object)[predicted]
        table[f"{prefix}probability"] = shown
        correct &= predicted == labels
        suffix = f"/{head.name}" if len(heads) > 1 else ""
        if suffix:
            metrics[f"accuracy{suffix}"] = float(np.mean(predicted == labels))
        scores = score_classes(labels, predicted, len(head.classes))
        metrics |= {f"{name}{suffix}": value for name, value in scores.items()}
        metrics |= _roc_auc(labels, probabilities, suffix)
    table["correct"] = correct
    table["length"] = split.words
    table["kept_length"] = split.lengths
    if reviews.traits is not None:
        table = pd.concat([table, reviews.traits.reset_index(drop=True)], axis=1)
    # The accuracy first: MLflow's compare page plots the first metric that all runs have.
    metrics = {"accuracy": float(correct.mean()), **metrics}
    metrics["loss"] = float(losses(split.labels, logits, heads).mean())
    metrics |= _accuracy_by_length(table, length_edges)
    return Evaluation(table, metrics)


def _accuracy_by_length(table: pd.DataFrame, edges: list[int]) -> dict[str, float]:
    metrics = {}
    for group in rising_groups(table.length, edges):
        name = f"length_{group.low}_{'up' if group.high is None else group.high}"
        metrics[f"accuracy/{name}"] = float(table.correct[group.members].mean())
    return metrics


def _probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the probability of every class, <float>[n, classes]."""
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        positive = expit(logits[:, 0])
        return np.stack([1 - positive, positive], axis=1)
    return np.asarray(softmax(logits, axis=1))


def _roc_auc(labels: np.ndarray, probabilities: np.ndarray, suffix: str) -> dict[str, float]:
    """Return ROC AUC (one against the rest for more than two classes) if it is defined."""
    classes = probabilities.shape[1]
    if len(np.unique(labels)) < classes:
        return {}
    scores = probabilities[:, 1] if classes == 2 else probabilities
    return {f"roc_auc{suffix}": float(roc_auc_score(labels, scores, multi_class="ovr"))}
