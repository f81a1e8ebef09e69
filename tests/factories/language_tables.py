"""Probe tables of language models whose memory is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.analysis.frames import rows_of

CONTEXTS = [1, 2, 5, 10, 20, 50, 100, 200, 400]
REVIEWS, DISTURBED, TARGETS = 100, 40, 3
# The shortest context that is enough, and up to which distance a read word is recalled.
EFFECTIVE = {"lstm": 200, "gru": 100, "simple_rnn": 10, "kneser_ney": 2}
RECALL = {"lstm": 300, "gru": 100, "simple_rnn": 10, "kneser_ney": 0}
SUBJECTS = {"lstm": 0.9, "gru": 0.7, "simple_rnn": 0.3, "kneser_ney": 1 / 6}


def make_contexts(runs: pd.DataFrame, effective: list[int]) -> pd.DataFrame:
    """Losses of 4 nats for each token with enough context, and of up to half as much more with less."""
    rng = np.random.default_rng(3)
    own = 4 * rng.lognormal(0, 0.3, REVIEWS)  # some texts are harder, for all
    own *= 4 / own.mean()
    parts = []
    for run_id, enough in zip(runs.run_id, effective, strict=True):
        texts = own * rng.normal(1, 0.005, REVIEWS)
        for condition, count in (
            ("cut", REVIEWS),
            ("shuffled", DISTURBED),
            ("replaced", DISTURBED),
        ):
            contexts = [0, *CONTEXTS] if condition == "cut" else CONTEXTS[:-1]
            for context in contexts:
                lost = 0.5 / context if 0 < context < enough else 0.0
                # At least three times the tolerance of one in a hundred.
                factor = 1 + (max(lost, 0.03) if lost else 0.0)
                nats = TARGETS * texts[:count] * factor * rng.normal(1, 0.001, count)
                parts.append(
                    pd.DataFrame(
                        {
                            "run_id": run_id,
                            "review_id": [f"test-{number:03d}" for number in range(count)],
                            "condition": condition,
                            "context": context,
                            "targets": TARGETS,
                            "nats": TARGETS * texts[:count] if context == 0 else nats,
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


def make_recall(runs: pd.DataFrame) -> pd.DataFrame:
    """Gains of 2 nats up to a distance, and of nothing beyond."""
    rng = np.random.default_rng(4)
    distances = np.repeat([1, 5, 8, 15, 30, 80, 150, 300], [20, 20, 40, 40, 40, 40, 40, 40])
    pairs = np.arange(len(distances))
    base = rng.normal(8, 2, len(pairs))
    parts = []
    for run in rows_of(runs):
        for condition in ("repeated", "erased", "first"):
            gain = 2.0 * (distances <= RECALL[run.architecture]) * (condition == "repeated")
            parts.append(
                pd.DataFrame(
                    {
                        "run_id": run.run_id,
                        "review_id": [f"test-{pair // 2:03d}" for pair in pairs],
                        "pair": pairs,
                        "token": 100 + pairs % 50,
                        "condition": condition,
                        "distance": distances,
                        "nats": base - gain + rng.normal(0, 0.2, len(pairs)),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def make_subjects(runs: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    count = 120
    parts = []
    for run in rows_of(runs):
        level = SUBJECTS[run.architecture]
        parts.append(
            pd.DataFrame(
                {
                    "run_id": run.run_id,
                    "review_id": [f"test-{number:03d}" for number in range(count)],
                    "distance": 7 + np.arange(count) * 53 // (count - 1),
                    "subject": np.array(["film", "acting", "plot", "music", "dialogue", "camera"])[
                        np.arange(count) % 6
                    ],
                    "probability": np.clip(rng.normal(level, 0.02, count), 0, 1),
                    "right": rng.random(count) < level,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def make_language_probes(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {
        "language_context": make_contexts(runs, [EFFECTIVE[name] for name in runs.architecture]),
        "word_recall": make_recall(runs),
        "subject_recall": make_subjects(runs),
    }
