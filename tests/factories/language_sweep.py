"""A tracked sweep of language models that no network was trained for, with losses that are known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from factories.fading import make_gates, make_retention
from factories.language_tables import make_language_probes
from pipeline.analysis.frames import rows_of
from pipeline.analysis.language import LanguageRuns
from pipeline.analysis.tracked import SweepFacts

# name: cell, num_layers, parameters, mean loss in nats a token
ARCHITECTURES = {
    "simple_rnn": ("simple_rnn", 1, 4_100_000, 5.00),
    "lstm": ("lstm", 1, 4_600_000, 4.80),
    "gru": ("gru", 1, 4_450_000, 4.81),
    "kneser_ney": (None, None, 2_000_000, 5.05),
}
PROMPTS = ("The plot of this film", "I loved the acting, but")


def make_language_runs(
    architectures: tuple[str, ...] = ("simple_rnn", "lstm", "gru", "kneser_ney"),
    seeds: int = 3,
    texts: int = 400,
    *,
    experiment: str = "language_imdb",
    probes: bool = True,
    **changes: Any,
) -> LanguageRuns:
    """A sweep with believable numbers, the same each time; `changes` are columns of its runs."""
    rng = np.random.default_rng(11)
    words = np.exp(rng.normal(5.0, 0.6, texts)).clip(10, 1500).astype(int)
    tokens = (words * 1.15).astype(int) + 1
    hardness = rng.normal(0, 0.25, texts)
    traits = pd.DataFrame(
        {
            "review_id": [f"test/{number}" for number in range(texts)],
            "tokens": tokens,
            "characters": (words * 5.6).astype(int),
            "unknown": rng.binomial(tokens, 0.02),
            "words": words,
        }
    )
    rows, losses, history, samples = [], [], [], []
    for name in architectures:
        cell, layers, parameters, loss = ARCHITECTURES[name]
        for seed in range(seeds if cell else 1):
            run_id = hashlib.md5(f"{name} {seed}".encode()).hexdigest()
            own = loss + (seed - (seeds - 1) / 2) * 0.004 * bool(cell)
            noise = rng.normal(0, 0.02, texts)
            nats = tokens * (own + hardness + noise - np.average(hardness + noise, weights=tokens))
            losses.append(traits.assign(run_id=run_id, nats=nats))
            samples += [
                (run_id, prompt, number, f"{prompt} of {name} was number {number}.")
                for prompt in PROMPTS
                for number in range(2)
            ]
            if cell:
                steps = np.arange(1, 11) * 500
                val = own + 2.2 * np.exp(-steps / 1200)
                history.append(
                    pd.DataFrame(
                        {
                            "run_id": run_id,
                            "step": steps,
                            "tokens": steps * 6144,
                            "train_loss": val + 0.05,
                            "val_loss": val,
                            "seconds": 60.0,
                        }
                    )
                )
            rows.append(
                {
                    "run_id": run_id,
                    "architecture": name,
                    "seed": seed,
                    "status": "finished",
                    "failure": pd.NA,
                    "fingerprint": run_id[::-1],
                    "data": "imdb",
                    "data_fingerprint": "5" * 16,
                    "cell": cell,
                    "num_layers": layers,
                    "bidirectional": False if cell else pd.NA,
                    "units": 256 if cell else pd.NA,
                    "test_loss": nats.sum() / tokens.sum(),
                    "val_loss": own - 0.01,
                    "best_step": 5000 if cell else pd.NA,
                    "best_tokens": 5000 * 6144 if cell else pd.NA,
                    "vocabulary": 20_000,
                    "unknown_share_train": 0.018,
                    "parameters": parameters,
                    "recurrent_parameters": 200_000 if cell else pd.NA,
                    "train_seconds": 900.0 + parameters / 1e4 + 5 * seed if cell else 40.0,
                    "tokens_per_second": 34_000.0 if cell else pd.NA,
                    "peak_memory_mb": 1500.0,
                    "device": "cpu",
                    "threads": 1,
                    "concurrent_runs": 2 if cell else 1,
                    "git_commit": "a" * 40,
                    "git_dirty": False,
                    "versions": "python 3.11, tensorflow 2.20.0, keras 3.11",
                    "started": pd.Timestamp("2026-01-01", tz="UTC"),
                    **changes,
                }
            )
    runs = pd.DataFrame(rows).convert_dtypes()
    facts = SweepFacts("parent", "2026-01-01 00:00 UTC", (), "mlflow.db")
    return LanguageRuns(
        experiment,
        runs,
        pd.concat(losses, ignore_index=True),
        pd.concat(history, ignore_index=True) if history else pd.DataFrame(),
        facts,
        _make_probes(runs) if probes else {},
        pd.DataFrame(samples, columns=["run_id", "prompt", "sample", "text"]),
    )


def make_tuned_language(
    losses: Mapping[str, Mapping[float, float]], seeds: int = 2, **options: Any
) -> LanguageRuns:
    """A sweep that tunes the learning rate; `losses` are the validation losses by architecture and rate.

    Seeds differ by 0.1. The test losses are those of `make_language_runs`, whatever the rate.
    """
    plain = make_language_runs((*losses, "kneser_ney"), seeds, **options)
    is_network = plain.runs.cell.notna()
    runs, own = [plain.runs[~is_network]], plain.runs[is_network]
    rates = sorted({rate for of_rate in losses.values() for rate in of_rate})
    for rate in rates:
        scores = [losses[row.architecture][rate] + 0.1 * row.seed for row in rows_of(own)]
        of_rate = own.assign(learning_rate=rate, val_loss=scores, run_id=own.run_id + f"@{rate:g}")
        runs.append(of_rate.assign(fingerprint=of_rate.run_id))

    def at_each_rate(table: pd.DataFrame) -> pd.DataFrame:
        of_networks = table.run_id.isin(own.run_id)
        tables = [table[of_networks].assign(run_id=table.run_id + f"@{rate:g}") for rate in rates]
        return pd.concat([table[~of_networks], *tables], ignore_index=True)

    return replace(
        plain,
        runs=pd.concat(runs, ignore_index=True).convert_dtypes(),
        losses=at_each_rate(plain.losses),
        history=at_each_rate(plain.history),
        samples=at_each_rate(plain.samples),
        probes={name: at_each_rate(table) for name, table in plain.probes.items()},
        sweep=replace(plain.sweep, tuned=("learning_rate",)),
    )


def without_results(tracked: LanguageRuns, lost: pd.Series, status: str) -> LanguageRuns:
    """Return a sweep in which runs ended otherwise. lost: marks them."""
    runs = tracked.runs.copy()
    runs.loc[lost, ["status", "failure"]] = [status, "the loss is not finite"]
    runs.loc[lost, "val_loss"] = pd.NA
    kept = ~tracked.losses.run_id.isin(runs.run_id[lost])
    return replace(tracked, runs=runs, losses=tracked.losses[kept])


def _make_probes(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every probe, those of the inside of the networks too."""
    networks = runs[runs.cell.notna()]
    gated = networks[networks.cell != "simple_rnn"]
    fading = {"lstm": 20.0, "gru": 8.0, "simple_rnn": 2.0}
    half_lives = dict(zip(networks.run_id, networks.cell.map(fading), strict=True))
    return make_language_probes(runs) | {
        "gates": make_gates({run: [2.0, 5.0, 40.0] for run in gated.run_id}),
        "retention": make_retention(half_lives),
    }
