"""Score answers so that a rare class counts as much as a frequent one."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import f1_score, recall_score


def score_classes(labels: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, float]:
    """Return scores over the classes that occur among the labels, both <int>[n].

    balanced_accuracy: the mean of their recalls; macro_f1: the mean of their F1; and for two classes
    rare_f1: the F1 of the one with fewer texts, of the second if they have as many.
    """
    present = np.unique(labels)
    among: dict[str, Any] = {"labels": present, "average": "macro", "zero_division": 0}
    scores = {
        "balanced_accuracy": float(recall_score(labels, predicted, **among)),
        "macro_f1": float(f1_score(labels, predicted, **among)),
    }
    if classes == 2 and len(present) == 2:
        without: dict[str, Any] = {"zero_division": 0}
        rare = int(np.mean(labels) <= 0.5)
        scores["rare_f1"] = float(f1_score(labels == rare, predicted == rare, **without))
    return scores
