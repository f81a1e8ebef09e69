"""Which language models start a classifier, and what is said where none can: no network is trained."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories import small_run

from pipeline.config.compose import baseline_of
from pipeline.config.fingerprint import fingerprint
from pipeline.config.schema import RunConfig, TokenizerConfig
from pipeline.config.tasks import Direction, LanguageConfig
from pipeline.data.language_texts import load_language_texts
from pipeline.errors import ConfigError
from pipeline.runs.language_start import check_same_texts
from pipeline.sweeps.check import find_starts
from pipeline.sweeps.plan import Plan, PlannedJob
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.tracking import Store, SweepPlan, track_run, track_sweep
from pipeline.tracking.language_models import LanguageModels, with_language_models

_TEXTS = ["the film was good", "the film was bad"]


def _finish(root: Path, loss: float = 4.0, texts: list[str] = _TEXTS, **changes: Any) -> str:
    """Track a language model that finishes under the name `lm`, and return its id."""
    given = {"name": "lm", "task": LanguageConfig()} | changes
    config = small_run(root, **given)
    tokenizer = train_tokenizer(texts, TokenizerConfig(), ended=True)
    held = load_language_texts(config.data, unlabelled=True)
    tokens = np.arange(5) + 3
    ids = [f"test/{number}" for number in range(5)]
    losses = {"review_id": ids, "tokens": tokens, "characters": tokens * 5, "unknown": 0}
    with track_run(Store.of(config), config, None) as recorder:
        recorder.data_set("clauses", held.fingerprint, {"train": 200, "test": 5}, "generated")
        metrics = {"val/loss": loss, "train/loss": loss, "train/tokens": 64.0}
        recorder.metrics(metrics | {"time/period_seconds": 1.5}, 1)
        recorder.metrics({"test/loss": loss, "test/perplexity": float(np.exp(loss))})
        recorder.metrics({"best/val_loss": loss, "best/step": 1, "model/parameters": 10})
        size = tokenizer.get_vocab_size()
        recorder.metrics({"data/vocab_size": size, "time/train_seconds": 3.0})
        recorder.table(pd.DataFrame(losses | {"words": tokens, "nats": tokens * loss}), LOSSES)
        recorder.text(tokenizer.to_str(pretty=True), "tokenizer.json")
        archive = root / "model.keras"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("config.json", "{}")
        recorder.file(archive, "model/data")
    return recorder.run_id


Key = tuple[float, int]  # a learning rate and a seed
LOSSES = "losses.parquet"
BACKWARD = LanguageConfig(direction=Direction.backward)


def _classifier(root: Path, **changes: Any) -> RunConfig:
    return small_run(root, **{"architecture__init": "lm"} | changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a store with one language model, to be read only."""
    folder = tmp_path_factory.mktemp("trained")
    _finish(folder)
    return folder


def _found(root: Path, **changes: Any) -> list[str]:
    (config,) = find_starts([_classifier(root, **changes)])
    return config.architecture.init_runs


def test_the_one_of_the_own_seed_starts_a_run_or_else_the_best_on_validation(tmp_path):
    ids = [_finish(tmp_path, loss, seed=seed) for seed, loss in enumerate((4.0, 3.0, 5.0))]
    assert [_found(tmp_path, seed=seed) for seed in (0, 1, 2, 3)] == [
        *([one] for one in ids),
        [ids[1]],
    ]
    start = LanguageModels(config := _classifier(tmp_path, seed=7)).choose(config)
    assert start.describe(7) == (
        f"lstm seed 1 (run {ids[1][:8]}), the best on validation, with a validation loss of 3.000"
    )
    assert "the same seed, with" in start.describe(1)
    assert start.tags == {"init_run": ids[1]}
    assert start.tokenizer.get_vocab_size() == 8


def test_of_a_tuned_sweep_the_value_chosen_on_validation_starts_a_run(tmp_path):
    """The own seed of another value has a lower loss, but the mean over the seeds decides."""
    losses = {(1e-3, 0): 4.0, (1e-3, 1): 4.1, (5e-3, 0): 3.9, (5e-3, 1): 4.9}

    def sweep(task: LanguageConfig, keys: Iterable[Key]) -> dict[Key, str]:
        given = {
            (rate, seed): {"train__learning_rate": rate, "seed": seed, "task": task}
            | {"tuned": ["learning_rate"], "name": "lm"}
            for rate, seed in keys
        }
        configs = [small_run(tmp_path, **one) for one in given.values()]
        with track_sweep(Store.of(configs[0]), SweepPlan.of(configs)):
            return {key: _finish(tmp_path, losses[key], **one) for key, one in given.items()}

    forward = sweep(LanguageConfig(), losses)
    backward = sweep(BACKWARD, [(1e-3, 0), (5e-3, 1)])
    assert _found(tmp_path, seed=0) == [forward[1e-3, 0]]
    both = _found(tmp_path, seed=7, architecture__bidirectional=True)
    assert both == [forward[1e-3, 0], backward[1e-3, 0]]
    given = forward[5e-3, 0]
    assert _found(tmp_path, architecture__init_runs=[given]) == [given]


def test_each_direction_is_started_by_a_model_that_reads_so(tmp_path):
    forward = _finish(tmp_path)
    with pytest.raises(ConfigError, match=r"no finished backward .*task\.direction=backward"):
        _found(tmp_path, architecture__bidirectional=True)
    backward = _finish(tmp_path, task=BACKWARD)
    assert _found(tmp_path) == [forward]
    assert _found(tmp_path, architecture__bidirectional=True) == [forward, backward]


def test_two_directions_of_different_vocabularies_start_nothing(tmp_path):
    _finish(tmp_path)
    _finish(tmp_path, task=BACKWARD, texts=[*_TEXTS, "another"])
    with pytest.raises(ConfigError, match="have different vocabularies"):
        _found(tmp_path, architecture__bidirectional=True)


def test_another_language_model_makes_another_run(tmp_path):
    fresh = small_run(tmp_path)
    ids = [_finish(tmp_path, seed=seed) for seed in (0, 1)]
    runs = [_classifier(tmp_path, architecture__init_runs=[one]) for one in ids]
    (found,) = find_starts([_classifier(tmp_path)])
    skipgram = small_run(tmp_path, architecture__init="skipgram")
    assert len({fingerprint(one) for one in (*runs, fresh, skipgram)}) == 4
    assert fingerprint(found) == fingerprint(runs[0])
    (found,) = find_starts([runs[1]])  # which is seed 0
    assert fingerprint(found) == fingerprint(runs[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture__units": 9}, r"architecture\.units 8, not 9; .* architecture\.units=9 "),
        ({"architecture__cell": "gru"}, r"architecture\.cell lstm, not gru; .*architecture=gru "),
        ({"architecture__embedding_dim": 4}, r"architecture\.embedding_dim 8, not 4; "),
        ({"architecture__num_layers": 2}, r"architecture\.num_layers 1, not 2; "),
        ({"tokenizer__vocab_size": 50}, r"tokenizer\.vocab_size null, not 50; "),
        (
            {"data__seed": 3},
            r"data\.seed 0, not 3, so that it may have read texts .* data\.seed=3 ",
        ),
        ({"data__validation_fraction": 0.3}, r"data\.validation_fraction 0\.1, not 0\.3, so that"),
        (
            {"architecture__init_runs": ["abc"]},
            r"no finished forward language model with the id abc",
        ),
        (
            {"architecture__init": "nolm"},
            r"^architecture\.init is nolm: there is no such experiment",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_both_values_and_the_command(trained, changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        _found(trained, **changes)
    assert "python -m experiments.compare name=" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_changes_no_held_out_text_may_differ(tmp_path):
    forward = _finish(tmp_path)
    assert _found(tmp_path, data__length_edges=[5], tokenizer__max_length=9) == [forward]


def test_without_a_store_or_a_finished_language_model_nothing_starts(tmp_path):
    with pytest.raises(ConfigError, match="there is no such experiment in"):
        _found(tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    config = small_run(tmp_path, name="lm")
    with track_run(Store.of(config), config, None):
        pass
    with pytest.raises(ConfigError, match="has no finished forward language model under that name"):
        _found(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "config.yaml", LOSSES])
def test_a_damaged_language_model_starts_nothing(tmp_path, name):
    run_id = _finish(tmp_path)
    (file,) = tmp_path.glob(f"mlartifacts/**/{name}")
    file.write_bytes(file.read_bytes()[:-9] + b"}" * 9)
    with pytest.raises(ConfigError, match=rf"^architecture\.init is lm: .*{run_id}.*{name} was"):
        _found(tmp_path)


def test_a_network_that_cannot_be_read_starts_nothing(tmp_path):
    _finish(tmp_path)
    for file in tmp_path.glob("mlartifacts/**/model.keras"):
        file.unlink()
    with pytest.raises(ConfigError, match="its model cannot be read"):
        _found(tmp_path)


def test_other_texts_under_the_same_settings_are_refused(tmp_path):
    _finish(tmp_path)
    config = _classifier(tmp_path)
    start = LanguageModels(config).choose(config)
    check_same_texts(config, start)
    start.forward.tags["data_fingerprint"] = "of other texts"
    with pytest.raises(ConfigError, match="was trained on other texts, or on another split"):
        check_same_texts(config, start)


def test_only_classifiers_of_texts_look_for_language_models(tmp_path):
    baseline = baseline_of(_classifier(tmp_path))
    language = _classifier(tmp_path, task=LanguageConfig())
    assert find_starts([baseline, language]) == [baseline, language]
    fresh = small_run(tmp_path)
    assert with_language_models(fresh) is fresh


def test_a_further_seed_of_a_sweep_is_started_by_its_own_language_model(tmp_path):
    ids = [_finish(tmp_path, seed=seed) for seed in (0, 1)]
    for overrides, expected in (
        (["seed=0"], ids),
        ([f"architecture.init_runs=[{ids[0]}]"], ids[:1]),
    ):
        given = [] if len(expected) == 2 else expected
        job = PlannedJob(_classifier(tmp_path, architecture__init_runs=given), overrides)
        plan = Plan([job], tmp_path, 1, False)
        plan = plan.with_configs(find_starts(plan.configs)).with_another_seed()
        found = [one.architecture.init_runs for one in find_starts(plan.configs)]
        assert found == [[expected[0]], [expected[-1]]]
