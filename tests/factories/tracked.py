"""A tracked sweep that no network was trained for."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline.analysis.tracked import SweepFacts, TrackedRuns

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
    draw: int = 7,
) -> TrackedRuns:
    """A sweep with believable numbers, the same each time for the same `draw`."""
    rng = np.random.default_rng(draw)
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
                "padded_share": 0.021,
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


def make_crowd(settings: int, seeds: int = 2, reviews: int = 200) -> TrackedRuns:
    """All architectures at several values of dropout, of which the last is the best on validation."""
    parts = []
    for place in range(settings):
        part = make_tracked(tuple(ARCHITECTURES), seeds, reviews, draw=7 + place)
        ids = part.runs.run_id + f"-{place}"
        runs = part.runs.assign(run_id=ids, dropout=0.1 * place, val_accuracy=0.5 + 0.01 * place)
        renamed = dict(zip(part.runs.run_id, ids, strict=True))
        predictions = part.predictions.assign(run_id=part.predictions.run_id.map(renamed))
        # All are tested on the reviews of the first.
        same = parts[0].predictions if parts else predictions
        predictions = predictions.assign(length=same.length.to_numpy(), label=same.label.to_numpy())
        history = part.history.assign(run_id=part.history.run_id.map(renamed))
        parts.append(replace(part, runs=runs, predictions=predictions, history=history))
    return replace(
        parts[0],
        runs=pd.concat([part.runs for part in parts], ignore_index=True),
        predictions=pd.concat([part.predictions for part in parts], ignore_index=True),
        history=pd.concat([part.history for part in parts], ignore_index=True),
    )
