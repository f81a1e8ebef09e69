"""Language models in a store that no network was trained for: what is loaded, and what is damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import small_run
from factories.language_tables import make_contexts

from pipeline.analysis.language import LanguageRuns, compare_language
from pipeline.config.compose import baseline_of
from pipeline.config.schema import ArchitectureConfig, RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.sweeps.finish import (
    aggregate_contrasts,
    aggregate_perplexities,
    end_sweep,
    load_tracked,
)
from pipeline.tracking import DamagedRun, Store, SweepPlan, find_damage, track_run, track_sweep
from pipeline.tracking.load import load_language
from pipeline.tracking.planned import kind_of_sweep

_TEXTS = 30
_LOSSES = {"lstm": 4.5, "simple_rnn": 4.7, "kneser_ney": 4.9}


def _losses(loss: float) -> pd.DataFrame:
    tokens = np.arange(_TEXTS) + 10
    return pd.DataFrame(
        {
            "review_id": [f"test/{number}" for number in range(_TEXTS)],
            "tokens": tokens,
            "characters": tokens * 5,
            "unknown": 0,
            "words": tokens - 2,
            "nats": tokens * loss,
        }
    )


def _finish(store: Store, config: RunConfig, parent: str | None = None) -> str:
    """Track a language model that finishes, and return its id."""
    name = config.architecture.name
    loss = _LOSSES[name]
    with track_run(store, config, parent) as recorder:
        recorder.data_set("clauses", "abc123", {"train": 200, "test": _TEXTS}, "generated")
        for step in () if config.baseline else (100, 200):
            metrics = {
                "val/loss": loss + 10 / step,
                "train/loss": loss,
                "train/tokens": 64.0 * step,
            }
            recorder.metrics(metrics | {"time/period_seconds": 1.5}, step)
        recorder.metrics({"test/loss": loss, "test/perplexity": float(np.exp(loss))})
        recorder.metrics({"best/val_loss": loss, "best/step": 200, "model/parameters": 10})
        recorder.metrics({"data/vocab_size": 500, "time/train_seconds": 3.0})
        recorder.table(_losses(loss), "losses.parquet")
        recorder.table(
            pd.DataFrame({"prompt": ["The"], "sample": [0], "text": [f"The {name}"]}),
            "samples.parquet",
        )
        runs = pd.DataFrame({"run_id": [recorder.run_id]})
        context = make_contexts(runs, [5]).drop(columns="run_id")
        recorder.table(context, "probes/language_context.parquet")
    return recorder.run_id


def _configs(root: Path) -> list[RunConfig]:
    cells = ("lstm", "simple_rnn")
    networks = [
        small_run(
            root,
            task=LanguageConfig(),
            architecture=ArchitectureConfig(name=cell, cell=cell, units=8, embedding_dim=8),
            seed=seed,
        )
        for cell in cells
        for seed in (0, 1)
    ]
    return [*networks, baseline_of(networks[0])]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    configs = _configs(tmp_path)
    store = Store.of(configs[0])
    with track_sweep(store, SweepPlan.of(configs)) as parent:
        for config in configs:
            _finish(store, config, parent.run_id)
        parent.end("finished")
    return store


def test_a_sweep_is_loaded_with_its_losses_curves_probes_and_samples(store: Store) -> None:
    assert kind_of_sweep(store) == "language"
    tracked = load_tracked(store)
    assert isinstance(tracked, LanguageRuns)
    assert sorted(tracked.runs.architecture) == ["kneser_ney", *["lstm"] * 2, *["simple_rnn"] * 2]
    assert set(tracked.runs.status) == {"finished"}
    assert set(tracked.runs.task_bptt.dropna()) == {64}
    assert len(tracked.losses) == 5 * _TEXTS
    assert set(tracked.probes) == {"language_context"}
    assert set(tracked.samples.text.astype(str)) == {"The lstm", "The simple_rnn", "The kneser_ney"}
    history = tracked.history[tracked.history.run_id == tracked.runs.run_id.iloc[0]]
    assert list(history.step) == [100, 200]
    assert list(history.tokens) == [6400, 12800]
    assert tracked.sweep.contrasts is not None
    assert "gated_vs_simple" in {one.name for one in tracked.sweep.contrasts}


def test_what_was_loaded_is_compared_and_summed_up_for_mlflow(store: Store) -> None:
    found = compare_language(load_language(store), np.random.default_rng(0), replicates=50)
    assert list(found.summary.architecture) == ["lstm", "simple_rnn"]
    assert found.baseline is not None
    metrics = aggregate_contrasts(found) | aggregate_perplexities(found)
    assert metrics["perplexity/lstm"] == pytest.approx(np.exp(4.5))
    assert metrics["contrast/gated_vs_simple"] == pytest.approx(-0.2)


def test_a_sweep_ends_with_its_report_also_if_a_run_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It tunes, so that a run is named by its rate, which the baseline has not."""
    networks = [
        replace(config, tuned=["learning_rate"], train=replace(config.train, learning_rate=rate))
        for config in _configs(tmp_path)[:-1:2]
        for rate in (1e-3, 5e-3)
    ]
    baseline = baseline_of(networks[0])
    plan, store = SweepPlan.of([*networks, baseline]), Store.of(baseline)
    assert plan.tuned == {"learning_rate": [1e-3, 5e-3, 1e-3, 5e-3, None]}
    assert plan.variants == ["lstm", "lstm", "simple_rnn", "simple_rnn", "kneser_ney"]
    with track_sweep(store, plan) as parent:
        for config in (*networks[:-1], baseline):
            _finish(store, config, parent.run_id)
        assert end_sweep(store, parent) == 1
    printed = capsys.readouterr().out
    assert "Gated cells have a perplexity 18.1% lower than simple cells" in printed
    assert "Not finished: simple_rnn seed 0, learning_rate 0.005: missing" in printed
    assert "learning_rate chosen on validation: 0.001 for lstm, simple_rnn." in printed
    for name in ("summary.csv", "tuning.csv"):
        assert (tmp_path / "reports" / "small" / name).exists()
    data = store.client.get_run(parent.run_id).data
    assert data.metrics["perplexity/lstm"] == pytest.approx(np.exp(4.5))
    assert "| lstm | 90.02 |" in data.tags["mlflow.note.content"]
    tracked = load_language(store)
    assert tracked.sweep.tuned == ("learning_rate",)
    rates = tracked.runs.set_index("architecture").learning_rate
    assert rates["simple_rnn"].tolist() == [1e-3, 5e-3]
    assert pd.isna(rates["kneser_ney"])


def test_losses_that_are_not_those_of_the_tracked_loss_are_damage(store: Store) -> None:
    run = store.runs("tags.kind = 'run' and tags.architecture = 'lstm'")[0]
    assert find_damage(store, run) is None
    path = store.fetch(run, "losses.parquet")
    assert path is not None
    _losses(4.6).to_parquet(path)
    store.client.delete_tag(run.info.run_id, "digests")
    with pytest.raises(DamagedRun, match=r"has a loss of 4\.6000, but 4\.5000 was tracked"):
        load_language(store)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "its losses.parquet is missing"),
        (lambda path: path.write_bytes(b"PAR1"), "its losses.parquet was altered or is damaged"),
    ],
)
def test_a_damaged_file_names_its_run(store: Store, spoil, said: str) -> None:
    run = store.runs("tags.kind = 'run' and tags.architecture = 'lstm'")[0]
    spoil(store.fetch(run, "losses.parquet"))
    error = find_damage(store, run)
    assert error is not None
    assert said in str(error)
    with pytest.raises(DamagedRun, match=run.info.run_id):
        load_language(store)


def test_losses_without_a_column_are_damage(store: Store) -> None:
    run = store.runs("tags.kind = 'run' and tags.architecture = 'lstm'")[0]
    path = store.fetch(run, "losses.parquet")
    assert path is not None
    _losses(4.5).drop(columns="characters").to_parquet(path)
    store.client.delete_tag(run.info.run_id, "digests")
    with pytest.raises(DamagedRun, match=r"its losses\.parquet lacks the column characters"):
        load_language(store)
