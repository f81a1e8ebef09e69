"""Tables of probes with answers that are known, and a tracked sweep that holds them all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from factories.fading import make_gates, make_retention, make_slow_units
from factories.tracked import make_tracked
from pipeline.analysis.frames import rows_of
from pipeline.analysis.tracked import TrackedRuns
from pipeline.config.schema import BASELINE
from pipeline.data.lexicon import LESSON

REVIEWS = 200
DISTANCES = [25, 50, 100, 200, 400, 800]
LENGTHS = [10, 25, 50, 100, 200, 400]
HALF_LIVES = {"lstm": np.inf, "gru": 150.0, "simple_rnn": 30.0, BASELINE: np.inf}
CONTEXTS = {"lstm": 200, "gru": 100, "simple_rnn": 25, BASELINE: 400}


def _rows(run_id: str, condition: str, distance: int | None, margin: np.ndarray) -> pd.DataFrame:
    count = len(margin)
    truth = np.where(np.arange(count) % 2, "pos", "neg")
    other = np.where(np.arange(count) % 2, "neg", "pos")
    return pd.DataFrame(
        {
            "run_id": run_id,
            "review_id": [f"test/{number}" for number in range(count)],
            "condition": condition,
            "distance": pd.array([distance] * count, dtype="Int64"),
            "agrees": margin > 0,
            "correct": margin > 0,
            "label": truth,
            "predicted": np.where(margin > 0, truth, other),
            "margin": margin,
        }
    )


def make_distance(run_id: str, half_life: float, rng: np.random.Generator) -> pd.DataFrame:
    """Margins of 2 on average that halve after so many words, whichever side these are on."""
    own = 2 + rng.normal(0, 0.3, REVIEWS)
    parts = [_rows(run_id, "plain", 0, own)]
    for side in ("after", "before", "both"):
        for distance in DISTANCES:
            parts.append(_rows(run_id, side, distance, own * 0.5 ** (distance / half_life)))
    coin = rng.permutation(np.where(np.arange(REVIEWS) % 2, 1.0, -1.0))
    parts.append(_rows(run_id, "alone", 800, coin))
    return pd.concat(parts, ignore_index=True)


def make_context(run_id: str, context: int, rng: np.random.Generator) -> pd.DataFrame:
    """Right on nine in ten from `context` tokens on, on seven in ten below."""
    order = rng.permutation(REVIEWS)

    def margins(share: float) -> np.ndarray:
        return np.where(order < share * REVIEWS, 1.0, -1.0)

    parts = [_rows(run_id, "whole", None, margins(0.9))]
    for end in ("tail", "head"):
        parts += [
            _rows(run_id, end, length, margins(0.9 if length >= context else 0.7))
            for length in LENGTHS
        ]
    return pd.concat(parts, ignore_index=True)


def _of_cell(known: dict[str, Any], name: str) -> Any:
    """What is known of an architecture's cell, with which its name ends."""
    return next(value for cell, value in known.items() if name.endswith(cell))


def make_probes(runs: pd.DataFrame, seed: int = 0) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    names = list(zip(runs.run_id, runs.architecture, strict=True))
    distance = [make_distance(run, _of_cell(HALF_LIVES, name), rng) for run, name in names]
    context = [make_context(run, _of_cell(CONTEXTS, name), rng) for run, name in names]
    return {"distance": pd.concat(distance), "context": pd.concat(context)}


def make_quiz(run_id: str, reach: int, rng: np.random.Generator) -> pd.DataFrame:
    """Both answers right on nine in ten of the texts with up to `reach` words after, then on a fifth."""
    distance = np.arange(REVIEWS) * 4
    right = rng.random(REVIEWS) < np.where(distance <= reach, 0.9, 0.2)
    table = _rows(run_id, "test", 0, np.where(right, 1.0, -1.0)).assign(
        distance=distance,
        distractors=np.arange(REVIEWS) % 3,
        contradicted=np.arange(REVIEWS) % 2 == 0,
        sentiment_correct=right,
        subject_correct=right | (rng.random(REVIEWS) < 0.3),
    )
    lesson = table.head(20).assign(
        condition="lesson", review_id=[f"lesson-{number}" for number in range(20)], distractors=0
    )
    return pd.concat([table, lesson], ignore_index=True)


def make_lesson(runs: pd.DataFrame) -> pd.DataFrame:
    words = LESSON.replace(",", " ,").replace(".", " .").split()
    shown = pd.DataFrame({"place": range(len(words)), "word": words, "unknown": False})
    parts = []
    for number, row in enumerate(rows_of(runs)):
        chance = np.linspace(0.5, 0.1 + 0.01 * number, len(words))
        parts.append(
            shown.assign(
                run_id=row.run_id, measure="answer", head="sentiment", name="positive", value=chance
            )
        )
        if not row.architecture.endswith("simple_rnn"):
            gate = {"name": "forget gate", "layer": 1, "direction": "forward"}
            parts.append(shown.assign(run_id=row.run_id, measure="gate", value=1 - chance, **gate))
    return pd.concat(parts, ignore_index=True)


def make_probed(architectures: tuple[str, ...] = ("simple_rnn", "lstm", "gru")) -> TrackedRuns:
    """A sweep with the baseline beside it, and every probe."""
    tracked = make_tracked(architectures, seeds=3, reviews=400)
    own = tracked.predictions[tracked.predictions.run_id == tracked.runs.run_id.iloc[0]]
    right = np.random.default_rng(5).random(len(own)) < 0.8
    flipped = np.where(own.label == "pos", "neg", "pos")
    baseline_answers = own.assign(
        run_id=BASELINE, correct=right, predicted=np.where(right, own.label, flipped)
    )
    row = tracked.runs.iloc[:1].assign(
        run_id=BASELINE, architecture=BASELINE, seed=0, fingerprint=BASELINE
    )
    row["cell"] = pd.NA
    runs = pd.concat([tracked.runs, row], ignore_index=True)
    probes = make_probes(runs) | {"lesson": make_lesson(tracked.runs)}
    rng = np.random.default_rng(7)
    asked = zip(tracked.runs.run_id, tracked.runs.architecture, strict=True)
    probes["quiz"] = pd.concat(
        [make_quiz(run, _of_cell(CONTEXTS, name), rng) for run, name in asked]
    )
    gated = tracked.runs[tracked.runs.cell != "simple_rnn"]
    probes["gates"] = make_gates({run: [2.0, 5.0, 40.0] for run in gated.run_id})
    fading = {"lstm": 20.0, "gru": 8.0, "simple_rnn": 2.0}
    half_lives = dict(zip(tracked.runs.run_id, tracked.runs.cell.map(fading), strict=True))
    probes["slow_units"] = make_slow_units(dict.fromkeys(tracked.runs.run_id, (0.7, 0.1)))
    states = make_retention(half_lives)
    answers = states.assign(kind="logit", head="sentiment")
    probes["retention"] = pd.concat([states, answers], ignore_index=True)
    predictions = pd.concat([tracked.predictions, baseline_answers], ignore_index=True)
    return replace(tracked, runs=runs, predictions=predictions, probes=probes)
