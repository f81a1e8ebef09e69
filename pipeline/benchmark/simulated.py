"""Simulate a finished sweep on IMDB in a store of its own: tables of real size, and no training.

The runs are written by the project's own tracking code. Their answers follow a logistic model: a review
has a hardness, an architecture a skill that falls with the length, a run some luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from pipeline.cells import find_cell
from pipeline.config.compose import baseline_of, from_plain, load_architectures
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import ArchitectureConfig, RunConfig
from pipeline.data.lexicon import LESSON
from pipeline.tracking import RunRecorder, Store, SweepPlan, track_run, track_sweep

NAME = "simulated"  # of the experiment
_EPOCHS = 8
_CLASSES = np.array(["negative", "positive"])
_DROPOUTS = np.round(np.arange(20) * 0.04, 2)  # of a swept setting, in the order of the sweep
_DISTANCES = np.unique(np.round(np.geomspace(1, 400, 43)).astype(int) - 1)

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Texts:
    """The test reviews that all runs share.

    frame: review_id, label and lengths. hardness: <float>[reviews], in log odds.
    """

    frame: pd.DataFrame
    hardness: Numbers


def simulate_sweep(root: Path, variants: int, seeds: int, reviews: int, probe: ProbeConfig) -> None:
    """Write a sweep of `variants` (architectures, then values of a setting) and `seeds` of each."""
    rng = np.random.default_rng(0)
    texts = _draw_texts(reviews, rng)
    configs = list_configs(root, variants, seeds)
    store = Store.of(configs[0])
    with track_sweep(store, SweepPlan.of(configs)) as parent:
        for config in configs:
            with track_run(store, config, parent.run_id) as recorder:
                _write_run(recorder, config, texts, probe, rng)
        parent.end("finished")


def list_configs(root: Path, variants: int, seeds: int) -> list[RunConfig]:
    """List the baseline and the runs of the first of the architectures, at each value of dropout."""
    first = from_plain(
        {
            "data": {"kind": "imdb"},
            "name": NAME,
            "root": str(root),
            "architecture": {"name": "lstm", "cell": "lstm"},
        }
    )
    architectures = load_architectures().values()
    named = islice(product(_DROPOUTS, architectures), variants)
    networks = [
        replace(first, architecture=replace(one, dropout=float(dropout)), seed=seed)
        for dropout, one in named
        for seed in range(seeds)
    ]
    return [baseline_of(first), *networks]


def _draw_texts(reviews: int, rng: np.random.Generator) -> Texts:
    words = rng.lognormal(np.log(174), 0.77, reviews).clip(10, 2_500).astype(np.int32)
    frame = pd.DataFrame(
        {
            "review_id": [f"test-{number:05}" for number in range(reviews)],
            "label": _CLASSES[rng.integers(0, 2, reviews)],
            "length": words,
            "kept_length": np.minimum(words * 6 // 5, 400).astype(np.int64),
        }
    )
    return Texts(frame, rng.normal(0, 1.5, reviews))


def _write_run(
    recorder: RunRecorder,
    config: RunConfig,
    texts: Texts,
    probe: ProbeConfig,
    rng: np.random.Generator,
) -> None:
    """Write what a finished run has, as `pipeline.runs.network` does."""
    recorder.tags({"data_fingerprint": "5" * 16, "device": "cpu", "threads": 1})
    recorder.tags({"concurrent_runs": 1})
    skill = _skill(config) + rng.normal(0, 0.1)
    predictions = _predict(texts, skill, rng)
    accuracy = float(predictions.correct.mean())
    if not config.baseline:
        for epoch in range(1, _EPOCHS + 1):
            recorder.metrics(_epoch(accuracy, epoch, rng), epoch)
    recorder.metrics(_results(config, accuracy, rng))
    recorder.table(predictions, "predictions.parquet")
    for name, table in _probe(config.architecture, texts, skill, probe, rng).items():
        if not config.baseline or name in ("context", "distance"):
            recorder.table(table, f"probes/{name}.parquet")


def _skill(config: RunConfig) -> float:
    if config.baseline:
        return 2.6
    gated = find_cell(config.architecture.cell).keep_gate is not None
    both, deep = config.architecture.bidirectional, config.architecture.num_layers > 1
    return 1.8 + 0.9 * gated + 0.15 * both + 0.05 * deep + 0.1 * config.architecture.dropout


def _predict(texts: Texts, skill: float, rng: np.random.Generator) -> pd.DataFrame:
    frame = texts.frame
    slope = -0.3 * np.log2(frame.length.to_numpy() / 174)
    right = rng.random(len(frame)) < expit(skill + slope + texts.hardness)
    labels = (frame.label == _CLASSES[1]).to_numpy()
    sure = rng.uniform(0.5, 1, len(frame))
    return pd.DataFrame(
        {
            "review_id": frame.review_id,
            "label": frame.label,
            "predicted": _CLASSES[(labels == right).astype(int)],
            "probability": np.where(labels == right, sure, 1 - sure),
            "correct": right,
            "length": frame.length,
            "kept_length": frame.kept_length,
        }
    )


def _epoch(accuracy: float, epoch: int, rng: np.random.Generator) -> dict[str, float]:
    rise = 0.5 + (accuracy - 0.5) * (1 - 0.5**epoch)
    return {
        "train/loss": 0.7**epoch,
        "train/accuracy": min(rise + 0.01 * epoch, 1.0),
        "val/loss": 0.4 + 0.01 * (epoch - 4) ** 2,
        "val/accuracy": rise + rng.normal(0, 0.003),
        "time/epoch_seconds": 40.0,
    }


def _results(config: RunConfig, accuracy: float, rng: np.random.Generator) -> dict[str, float]:
    weights = 1_280_000 + 33_000 * config.architecture.num_layers
    found = {"test/accuracy": accuracy, "test/loss": 0.35, "test/roc_auc": 0.94}
    if config.baseline:
        return found | {"time/train_seconds": 20.0, "model/parameters": 900_000}
    return found | {
        "best/epoch": 4,
        "best/val_accuracy": accuracy + rng.normal(0, 0.003),
        "model/parameters": weights,
        "model/recurrent_parameters": weights - 1_280_000,
        "time/train_seconds": 320 + rng.normal(0, 5),
        "time/tokens_per_second": 1.4e5,
        "memory/peak_mb": 1_500,
    }


def _probe(
    architecture: ArchitectureConfig,
    texts: Texts,
    skill: float,
    probe: ProbeConfig,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Return the tables of all probes that apply to IMDB."""
    gated = find_cell(architecture.cell).keep_gate is not None
    lasts = 400.0 if gated else 40.0
    long = texts.frame.index[texts.frame.length >= probe.context_min_words]
    short = texts.frame.index[texts.frame.length <= probe.distance_max_words]
    lengths, distances = probe.context_lengths, probe.distances
    context = [("whole", None, 1.0)]
    context += [(end, n, 1 - 0.9**n) for end in ("head", "tail") for n in lengths]
    moved = [("plain", 0, 1.0)]
    moved += [(s, d, np.exp(-d / lasts)) for s in ("before", "after", "both") for d in distances]
    moved += [("alone", d, 0.0) for d in distances]
    read = texts.frame.index[: probe.retention_reviews]
    places = list(
        product(range(1, architecture.num_layers + 1), _directions(architecture.bidirectional))
    )
    tables = {
        "context": _read(texts, long[: probe.context_reviews], context, skill, rng),
        "distance": _read(texts, short[: probe.distance_reviews], moved, skill, rng),
        "retention": _retain(texts.frame.review_id[read], places, gated, lasts, rng),
        "lesson": _read_lesson(places, gated, rng),
    }
    if gated:
        tables["gates"] = _gates(texts.frame.review_id[read], places, architecture.units, rng)
    return tables


def _directions(both: bool) -> Sequence[str]:
    return ("forward", "backward") if both else ("forward",)


def _read(
    texts: Texts,
    rows: pd.Index,
    conditions: Sequence[tuple[str, int | None, float]],
    skill: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the answers to the same reviews under each condition, which leaves a share of the skill."""
    names, distances, left = zip(*conditions, strict=True)
    count, times = len(rows), len(conditions)
    noise = rng.normal(0, 0.7, count * times)
    own = np.repeat(np.array(left), count) * np.tile(skill + texts.hardness[rows], times)
    margin = own + noise
    labels = np.tile((texts.frame.label[rows] == _CLASSES[1]).to_numpy(), times)
    right = margin > 0
    return pd.DataFrame(
        {
            "review_id": np.tile(texts.frame.review_id[rows].to_numpy(), times),
            "condition": np.repeat(np.array(names), count),
            "distance": pd.array(np.repeat(np.array(distances, object), count), dtype="Int64"),
            "agrees": right == np.tile(right[:count], times),
            "correct": right,
            "label": _CLASSES[labels.astype(int)],
            "predicted": _CLASSES[(labels == right).astype(int)],
            "margin": margin,
        }
    )


def _retain(
    review_ids: pd.Series,
    places: Sequence[tuple[int, str]],
    gated: bool,
    lasts: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return what is left of every signal at rising distances."""
    kinds = [("state", "", *place) for place in places]
    kinds += [("gate", "", *place) for place in places] if gated else []
    kinds += [("logit", "label", 0, side) for side in dict.fromkeys(side for _, side in places)]
    count = len(review_ids)
    falls = np.repeat(np.exp(-_DISTANCES / (lasts / 8)), count)
    parts = [
        pd.DataFrame(
            {
                "review_id": np.tile(review_ids, len(_DISTANCES)),
                "kind": kind,
                "head": head,
                "layer": layer,
                "direction": direction,
                "distance": np.repeat(_DISTANCES, count),
                "value": falls * rng.lognormal(0, 0.3, len(falls)),
            }
        )
        for kind, head, layer, direction in kinds
    ]
    return pd.concat(parts, ignore_index=True)


def _gates(
    review_ids: pd.Series,
    places: Sequence[tuple[int, str]],
    units: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    count = len(review_ids)
    means = rng.normal(-1.5, 1, units)
    parts = [
        pd.DataFrame(
            {
                "review_id": np.repeat(review_ids.to_numpy(), units),
                "layer": layer,
                "direction": direction,
                "unit": np.tile(np.arange(units), count),
                "log_gate": -np.exp(np.tile(means, count) + rng.normal(0, 0.2, count * units)),
            }
        )
        for layer, direction in places
    ]
    return pd.concat(parts, ignore_index=True)


def _read_lesson(
    places: Sequence[tuple[int, str]], gated: bool, rng: np.random.Generator
) -> pd.DataFrame:
    words = LESSON.replace(",", " ,").replace(".", " .").split()
    shown = pd.DataFrame({"place": np.arange(len(words)), "word": words, "unknown": False})

    def measured(**facts: Any) -> pd.DataFrame:
        return shown.assign(value=rng.uniform(0, 1, len(words)), **facts)

    parts = [measured(measure="answer", head="label", name="positive")]
    if gated:
        for layer, direction in places:
            gate = {"name": "forget gate", "layer": layer, "direction": direction}
            parts.append(measured(measure="gate", **gate))
    return pd.concat(parts, ignore_index=True)
