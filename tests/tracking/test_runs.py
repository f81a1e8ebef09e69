"""The store: opened over versions and by many at once, written whole, and read back typed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from factories import small_run
from factories.store import finish
from mlflow.utils.validation import _validate_metric_name
from sqlalchemy import event

from pipeline.analysis.selection import select_runs
from pipeline.config.compose import baseline_of
from pipeline.config.fingerprint import fingerprint
from pipeline.config.schema import RunConfig, TokenizerKind
from pipeline.errors import TrackingError
from pipeline.tracking import (
    RunRecorder,
    Store,
    SweepPlan,
    end_abandoned_runs,
    ensure_failed,
    is_done,
    track_run,
    track_sweep,
)
from pipeline.tracking import provenance as origin
from pipeline.tracking.load import load_runs
from pipeline.tracking.planned import find_sweep
from pipeline.tracking.record import safe_name


def test_a_run_is_read_back_with_its_types(store, tmp_path):
    config = small_run(tmp_path, seed=3)
    run_id = finish(store, config, 0.75)
    tracked = load_runs(store)
    row = tracked.runs.iloc[0]
    assert row.run_id == run_id
    assert row.status == "finished"
    assert row.architecture == "lstm"
    assert (row.seed, row.units, row.best_epoch) == (3, 8, 2)
    assert row.test_accuracy == 0.75
    assert row.learning_rate == 1e-3
    assert row.fingerprint == fingerprint(config)
    assert row.data_fingerprint == "abc123"
    assert set(tracked.predictions.run_id) == {run_id}
    assert tracked.history.epoch.tolist() == [1, 2]
    assert tracked.history.train_loss.tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("key", "values", "names"),
    [
        ("architecture__cell", ["lstm", "gru"], ["lstm, cell gru", "lstm, cell lstm"]),
        (
            "tokenizer__kind",
            [TokenizerKind.word, TokenizerKind.bpe],
            ["lstm, tokenizer bpe", "lstm, tokenizer word"],
        ),
        ("train__patience", [1, 3], ["lstm, patience 1", "lstm, patience 3"]),
    ],
)
def test_a_sweep_over_a_setting_compares_two_variants(store, tmp_path, key, values, names):
    for value in values:
        for seed in (0, 1):
            finish(store, small_run(tmp_path, seed=seed, **{key: value}), 0.5)
    tracked = load_runs(store)
    runs, _, notes = select_runs(tracked.runs, tracked.predictions)
    assert runs[runs.compared].architecture.tolist() == [names[0]] * 2 + [names[1]] * 2
    assert notes == []


def test_a_run_of_an_older_store_that_lacks_parameters_is_a_seed_of_the_same(
    store, tmp_path, monkeypatch
):
    older = {"architecture": "lstm", "seed": 0, "data": "clauses", "cell": "lstm", "units": 8}
    older |= {"epochs": 2, "batch_size": 64}
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.tracking.runs._params", lambda config: older)
        finish(store, small_run(tmp_path), 0.5)
    finish(store, small_run(tmp_path, seed=1), 0.5)
    tracked = load_runs(store)
    runs, _, notes = select_runs(tracked.runs, tracked.predictions)
    assert runs.architecture.tolist() == ["lstm", "lstm"]
    assert runs.compared.all()
    assert notes == []


def test_nothing_that_is_not_finite_is_logged(store, tmp_path):
    with track_run(store, small_run(tmp_path), None) as recorder:
        recorder.metrics(
            {"train/loss": float("nan"), "val/loss": float("inf"), "val/accuracy": 0.5}
        )
    assert set(store.client.get_run(recorder.run_id).data.metrics) == {"val/accuracy"}


def test_parameters_are_few_flat_and_what_the_compare_page_needs(store, tmp_path):
    run_id = finish(store, small_run(tmp_path), 0.5)
    params = store.client.get_run(run_id).data.params
    assert {"architecture", "cell", "units", "seed", "learning_rate", "max_length"} <= set(params)
    assert len(params) < 45
    assert not any("." in key or "/" in key for key in params)


def test_the_data_set_stands_with_its_counts(store, tmp_path):
    run_id = finish(store, small_run(tmp_path), 0.5)
    (entry,) = store.client.get_run(run_id).inputs.dataset_inputs
    assert entry.dataset.name == "clauses"
    assert "200" in entry.dataset.profile


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [(ValueError("too\nbad"), "FAILED", "failed"), (KeyboardInterrupt(), "KILLED", "stopped")],
)
def test_a_run_that_breaks_off_never_stays_running(store, tmp_path, error, status, outcome):
    with (
        pytest.raises(type(error)),
        track_run(store, small_run(tmp_path), None) as recorder,
    ):
        raise error
    run = store.client.get_run(recorder.run_id)
    assert run.info.status == status
    assert run.data.tags["outcome"] == outcome
    assert "\n" not in run.data.tags["failure"]


def test_what_a_dead_process_left_running_is_ended_with_its_reason(store, tmp_path):
    config = small_run(tmp_path)
    tags = {"kind": "run", "fingerprint": fingerprint(config)}
    left = store.client.create_run(store.experiment_id, tags=tags)
    ensure_failed(store, config, None, "ended by SIGKILL")
    run = store.client.get_run(left.info.run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["failure"] == "ended by SIGKILL"
    ensure_failed(store, small_run(tmp_path, seed=9), None, "never began")
    assert len(store.runs("attributes.status = 'FAILED'")) == 2


def test_a_result_is_found_by_its_fingerprint(store, tmp_path):
    config = small_run(tmp_path)
    assert store.newest_run(fingerprint(config)) is None
    with pytest.raises(ValueError, match="oops"), track_run(store, config, None):
        raise ValueError("oops")
    assert not is_done(store.newest_run(fingerprint(config)))
    run_id = finish(store, config, 0.5)
    found = store.newest_run(fingerprint(config))
    assert found is not None
    assert is_done(found)
    assert found.info.run_id == run_id
    assert len(store.runs()) == 1  # it went on in the run that had failed


def test_a_run_that_was_cut_off_goes_on_in_the_same_run_and_nothing_is_doubled(store, tmp_path):
    config = small_run(tmp_path)
    with track_run(store, config, "the first sweep") as recorder:
        recorder.metrics({"val/accuracy": 0.25}, 1)
        recorder.end("stopped", "stopped by hand")
    with track_run(store, config, "the second sweep") as again:
        again.metrics({"val/accuracy": 0.25, "time/epoch_seconds": 1.0}, 1)
        again.metrics({"val/accuracy": 0.5}, 2)
        assert store.client.get_run(again.run_id).info.status == "RUNNING"
        assert "failure" not in store.client.get_run(again.run_id).data.tags
    assert again.run_id == recorder.run_id
    history = store.client.get_metric_history(again.run_id, "val/accuracy")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.25), (2, 0.5)]
    assert len(store.client.get_metric_history(again.run_id, "time/epoch_seconds")) == 1
    tags = store.client.get_run(again.run_id).data.tags
    assert (tags["outcome"], tags["continued"]) == ("finished", "1")
    assert tags["mlflow.parentRunId"] == "the second sweep"


def test_rerun_begins_anew_and_what_it_leaves_decides(store, tmp_path):
    config = small_run(tmp_path)
    first = finish(store, config, 0.5)
    config.rerun = True
    with pytest.raises(ValueError, match="oops"), track_run(store, config, None) as recorder:
        raise ValueError("oops")
    assert recorder.run_id != first
    newest = store.newest_run(fingerprint(config))
    assert newest is not None
    assert newest.info.run_id == recorder.run_id


def test_what_is_running_without_a_process_is_ended_and_what_has_one_is_left(store, tmp_path):
    configs = [small_run(tmp_path, seed=seed) for seed in (0, 1)]
    runs = [
        store.client.create_run(
            store.experiment_id, tags={"kind": "run", "fingerprint": fingerprint(config)}
        )
        for config in configs
    ]
    with store.claim(fingerprint(configs[0])) as ours:
        assert ours
        end_abandoned_runs(store)
    found = [store.client.get_run(run.info.run_id) for run in runs]
    assert [run.info.status for run in found] == ["RUNNING", "KILLED"]
    assert found[1].data.tags["failure"] == "interrupted"


def test_on_a_server_only_runs_begun_here_are_ended_and_gone_on_with(store, tmp_path, monkeypatch):
    config = small_run(tmp_path)
    tags = {"kind": "run", "fingerprint": fingerprint(config), "place": "another machine"}
    store.client.create_run(store.experiment_id, tags=tags)
    monkeypatch.setattr(store, "is_local", False)
    end_abandoned_runs(store)
    assert store.newest_run(fingerprint(config)) is None
    run_id = finish(store, config, 0.5)
    statuses = {run.info.run_id: run.info.status for run in store.runs()}
    assert sorted(statuses.values()) == ["FINISHED", "RUNNING"]
    assert statuses[run_id] == "FINISHED"


def test_a_claim_is_for_one_at_a_time(store):
    with store.claim("a") as first:
        assert first
        with store.claim("a", patience=0) as second, store.claim("b", patience=0) as other:
            assert not second
            assert other
    with store.claim("a", patience=0) as again:
        assert again


def test_a_sweep_launched_again_goes_on_under_the_same_parent(store, tmp_path):
    plan = SweepPlan.of([small_run(tmp_path, seed=seed) for seed in (0, 1)])
    with track_sweep(store, plan) as first, pytest.raises(TrackingError, match="another process"):
        track_sweep(store, plan).__enter__()
    # Its process dies here; the same sweep, in another order, is the same sweep.
    with track_sweep(store, SweepPlan.of([small_run(tmp_path, seed=s) for s in (1, 0)])) as second:
        assert second.run_id == first.run_id
        second.end("finished")
    assert [run.info.status for run in store.runs()] == ["FINISHED"]


def test_the_recipes_of_a_sweep_are_loaded_in_its_order(store, tmp_path):
    configs = [
        small_run(tmp_path, recipe=recipe, architecture__dropout=dropout)
        for recipe, dropout in (("plain", 0.0), ("dropped", 0.5))
    ]
    plain = small_run(tmp_path)  # the same as the first, of no recipe
    run_id = finish(store, plain, 0.5)
    with track_sweep(store, SweepPlan.of(configs)) as parent:
        finish(store, configs[1], 0.5, parent.run_id)
        parent.end("finished")
    tracked = load_runs(store)
    assert tracked.sweep.recipes == ("plain", "dropped")
    recipes = tracked.runs.set_index("run_id").recipe
    assert recipes[run_id] == "plain"
    assert sorted(recipes) == ["dropped", "plain"]


def test_a_wider_sweep_takes_over_the_runs_of_the_narrower_and_leaves_those_of_others(
    store, tmp_path
):
    def sweep(*seeds: int):
        return track_sweep(store, SweepPlan.of([small_run(tmp_path, seed=seed) for seed in seeds]))

    def parent_of(run_id: str) -> str:
        return store.client.get_run(run_id).data.tags["mlflow.parentRunId"]

    with sweep(0) as narrow:
        run = finish(store, small_run(tmp_path, seed=0), 0.5, narrow.run_id)
    with sweep(5, 6) as other:
        not_wanted = finish(store, small_run(tmp_path, seed=6), 0.5, other.run_id)
    with sweep(0, 1, 5) as wide:
        assert parent_of(run) == wide.run_id
        assert parent_of(not_wanted) == other.run_id


def test_the_store_is_asked_as_often_for_many_runs_as_for_few(store, tmp_path):
    asked: list[str] = []
    engine = store.client._tracking_client.store.engine

    @event.listens_for(engine, "before_cursor_execute")
    def count(connection, cursor, statement, *others):
        asked.append(statement)

    counts = []
    for seeds in (range(2), range(2, 8)):
        for seed in seeds:
            finish(store, small_run(tmp_path, seed=seed), 0.9)
        asked.clear()
        tracked = load_runs(store)
        counts.append(len(asked))
    assert tracked.history.run_id.nunique() == 8
    assert list(tracked.history.val_accuracy) == [0.9] * 16
    assert 0 < counts[0] == counts[1]


def _sweep_and_train(store: Store, folder: Path, cells: tuple[str, ...], seeds: tuple[int, ...]):
    """Launch a sweep, train what is not yet trained, and return how many runs were known before."""
    configs = [
        small_run(folder, seed=seed, architecture__name=cell, architecture__cell=cell)
        for cell in cells
        for seed in seeds
    ]
    with track_sweep(store, SweepPlan.of(configs)) as sweep:
        for config in configs:
            if not is_done(store.newest_run(fingerprint(config))):
                finish(store, config, 0.5, sweep.run_id)
        sweep.end("finished")
    return load_runs(store).sweep.known_before


def test_runs_of_a_sweep_that_asked_the_same_were_declared(store, tmp_path):
    assert _sweep_and_train(store, tmp_path, ("lstm", "gru"), (0,)) == 0
    assert _sweep_and_train(store, tmp_path, ("lstm", "gru"), (0, 1)) == 0


def test_runs_that_began_before_anybody_asked_are_counted(store, tmp_path):
    assert _sweep_and_train(store, tmp_path, ("lstm",), (0, 1)) == 0
    assert _sweep_and_train(store, tmp_path, ("lstm", "gru"), (0, 1, 2)) == 2
    # What was asked later stays late, however often it is asked.
    assert _sweep_and_train(store, tmp_path, ("lstm", "gru"), (0, 1, 2)) == 2
    assert _sweep_and_train(store, tmp_path, ("lstm", "gru"), (0, 1, 2, 3)) == 2


def test_a_plan_without_questions_declares_them_when_it_gets_them(store, tmp_path):
    config = small_run(tmp_path)
    plan = SweepPlan.of([config])
    with track_sweep(store, plan) as sweep:
        old = json.loads(plan.as_json())
        del old["contrasts"], old["margin"]
        sweep.text(json.dumps(old), "plan.json")
        store.client.delete_tag(sweep.run_id, "declared")
        finish(store, config, 0.5, sweep.run_id)
        sweep.end("finished")
    assert load_runs(store).sweep.known_before == 0  # as nothing is declared
    with track_sweep(store, plan) as sweep:
        sweep.end("finished")
    assert load_runs(store).sweep.known_before == 1


def test_a_sweep_is_its_plan_the_best_run_of_each_and_what_is_missing(store, tmp_path):
    configs = [small_run(tmp_path, seed=seed) for seed in (0, 1, 2)]
    with track_sweep(store, SweepPlan.of(configs)) as parent:
        pass
    finish(store, small_run(tmp_path, seed=9), 0.1)  # not of this sweep
    first = finish(store, configs[0], 0.5, parent.run_id)
    with pytest.raises(ValueError, match="oops"), track_run(store, configs[0], parent.run_id):
        raise ValueError("oops")  # later than the one that finished
    with track_run(store, configs[1], parent.run_id) as recorder:
        recorder.end("diverged", "the loss was no longer finite")
    tracked = load_runs(store)
    assert tracked.runs.status.tolist() == ["finished", "diverged", "missing"]
    assert tracked.runs.run_id[0] == first
    assert tracked.runs.seed.tolist() == [0, 1, 2]
    child = store.client.get_run(first)
    assert child.data.tags["mlflow.parentRunId"] == parent.run_id
    assert tracked.sweep.length_edges == (50, 100, 150, 200)


def test_the_baseline_finished_over_the_same_data_stands_beside_a_sweep_that_has_none(
    store, tmp_path
):
    network = small_run(tmp_path)
    baseline = baseline_of(network)
    with track_sweep(store, SweepPlan.of([network])) as sweep:
        finish(store, network, 0.5, sweep.run_id)
    assert load_runs(store).runs.architecture.tolist() == ["lstm"]
    with pytest.raises(ValueError, match="oops"), track_run(store, baseline, None):
        raise ValueError("oops")
    assert load_runs(store).runs.architecture.tolist() == ["lstm"]
    finish(store, baseline, 0.6)
    tracked = load_runs(store)
    assert tracked.runs.architecture.tolist() == ["lstm", "nb_bigrams"]
    assert tracked.runs.test_accuracy.tolist() == [0.5, 0.6]


def test_a_baseline_that_failed_in_a_sweep_is_among_its_runs(store, tmp_path):
    network = small_run(tmp_path)
    baseline = baseline_of(network)
    with track_sweep(store, SweepPlan.of([network, baseline])) as sweep:
        with (
            pytest.raises(ValueError, match="oops"),
            track_run(store, baseline, sweep.run_id),
        ):
            raise ValueError("oops")
        finish(store, network, 0.5, sweep.run_id)
    runs = load_runs(store).runs.set_index("architecture")
    assert runs.status.to_dict() == {"lstm": "finished", "nb_bigrams": "failed"}
    assert "oops" in runs.failure["nb_bigrams"]


def test_a_sweep_carries_what_it_tuned_for_the_runs_that_never_began_too(store, tmp_path):
    configs = [
        small_run(tmp_path, train__learning_rate=rate, tuned=["learning_rate"])
        for rate in (1e-3, 3e-3)
    ]
    with track_sweep(store, SweepPlan.of(configs)) as parent:
        run_id = finish(store, configs[0], 0.5, parent.run_id)
    tracked = load_runs(store)
    assert tracked.sweep.tuned == ("learning_rate",)
    assert tracked.runs.status.tolist() == ["finished", "missing"]
    assert tracked.runs.learning_rate.tolist() == [1e-3, 3e-3]
    assert store.client.get_run(run_id).info.run_name == "lstm seed 0, learning_rate 0.001"


def test_the_newest_sweep_of_which_a_network_was_trained_on_the_same_data_is_found(store, tmp_path):
    def sweep(*configs: RunConfig):
        return track_sweep(store, SweepPlan.of([*configs, baseline_of(configs[0])]))

    assert find_sweep(store, "abc123") is None
    first, second = (small_run(tmp_path, seed=seed) for seed in (0, 1))
    with sweep(first) as old:
        finish(store, baseline_of(first), 0.5, old.run_id)
        assert find_sweep(store, "abc123") is None
        finish(store, first, 0.5, old.run_id)
    with sweep(first, second) as new:
        pass
    with sweep(second):  # nothing of it has run but the baseline that all have
        pass
    assert find_sweep(store, "abc123") == new.run_id
    assert find_sweep(store, "other") is None


def test_a_sweep_that_was_killed_before_its_plan_stood_hides_no_run(store, tmp_path):
    config = small_run(tmp_path)
    with track_sweep(store, SweepPlan.of([config])) as parent:
        run = finish(store, config, 0.5, parent.run_id)
    store.create_run({"kind": "sweep"}, "killed")
    assert load_runs(store).runs.run_id.tolist() == [run]
    assert find_sweep(store, "abc123") == parent.run_id


def test_an_experiment_beside_is_looked_for_and_not_made(store, tmp_path):
    assert store.find_experiment("equal_units") is None
    Store(None, tmp_path, "equal_units")
    beside = store.find_experiment("equal_units")
    assert beside is not None
    assert (beside.uri, beside.name) == (store.uri, "equal_units")
    beside.client.delete_experiment(beside.experiment_id)
    assert store.find_experiment("equal_units") is None


def test_an_epoch_that_the_budget_cut_short_does_not_count_for_the_time_of_one(store, tmp_path):
    for seed, times in enumerate([(4.0, 6.0, 1.0), (3.0,)]):
        config = small_run(tmp_path, seed=seed, train__max_seconds=11.0)
        finish(store, config, 0.5, seconds=times)
    runs = load_runs(store).runs.set_index("seed")
    assert runs.epoch_seconds[0] == 5.0
    assert pd.isna(runs.epoch_seconds[1])
    assert runs.max_seconds.tolist() == [11.0, 11.0]


def test_what_does_nothing_is_no_parameter(store, tmp_path):
    def params(config: RunConfig) -> dict[str, str]:
        return store.client.get_run(finish(store, config, 0.5)).data.params

    lstm = params(small_run(tmp_path))
    gru = params(small_run(tmp_path, architecture__cell="gru", seed=1))
    baseline = params(baseline_of(small_run(tmp_path)))
    assert lstm["forget_bias"] == "unit"
    assert "forget_bias" not in gru
    assert "None" not in {*lstm.values(), *gru.values()}
    assert baseline == {"architecture": "nb_bigrams", "seed": "0", "data": "clauses"}


def test_the_model_opens_again_in_safe_mode_with_its_requirements_given(store, tmp_path):
    from pipeline.data.splits import Head
    from pipeline.models.architectures import build_model

    config = small_run(tmp_path, architecture__cell="gru")
    model = build_model(config.architecture, 20, (Head("label", ("a", "b")),), 0)
    with track_run(store, config, None) as recorder:
        recorder.model(model)
    folder = Path(store.client.download_artifacts(recorder.run_id, "model"))
    loaded: Any = keras.saving.load_model(folder / "data" / "model.keras", safe_mode=True)
    ids = np.array([[3, 4, 0]], dtype=np.int32)
    np.testing.assert_array_equal(model(ids), loaded(ids))
    requirements = (folder / "requirements.txt").read_text().split()
    assert [name.split("==")[0] for name in requirements] == ["mlflow", "tensorflow", "keras"]


def test_an_experiment_without_runs_says_what_to_do(store):
    with pytest.raises(TrackingError, match="no runs are tracked under 'small'"):
        load_runs(store)


@pytest.mark.parametrize(
    "label", ["R&B", "C++", "a//b", "../x", "/", "<b>", "é", "x" * 300, "a\nb"]
)
def test_any_label_makes_a_name_that_mlflow_takes(label: str) -> None:
    names = {safe_name(f"probe/filler_alone/{text}") for text in (label, f"{label}?", f"{label}!")}
    assert len(names) == 3
    for name in names:
        _validate_metric_name(name)
    assert safe_name("val/accuracy") == "val/accuracy"


@pytest.mark.parametrize(
    "name", ["Liked it?", "a/b: c", "../..", "🙂", "x" * 300, "q\"'", "a\nb", " a"]
)
def test_any_column_or_label_may_be_in_a_tag_a_parameter_or_a_metric(store, tmp_path, name):
    with track_run(store, small_run(tmp_path), None) as recorder:
        recorder.tags({f"probe/distance/half_life_{name}": "beyond 200"})
        recorder.metrics({f"test/accuracy/{name}": 0.5})
        recorder.params({f"of {name}": name})
    data = store.client.get_run(recorder.run_id).data
    assert data.tags[safe_name(f"probe/distance/half_life_{name}")] == "beyond 200"
    assert data.metrics[safe_name(f"test/accuracy/{name}")] == 0.5
    assert data.params[safe_name(f"of {name}")] == name


def test_without_a_sweep_lengths_are_cut_as_the_runs_say(store, tmp_path):
    finish(store, small_run(tmp_path, data__length_edges=[5, 9]), 0.5)
    assert load_runs(store).sweep.length_edges == (5, 9)


@pytest.mark.parametrize("in_clone", [True, False])
def test_an_installed_copy_does_not_name_the_commit_of_the_repository_around_it(
    tmp_path, monkeypatch, in_clone
):
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)
    monkeypatch.setattr(origin, "CODE", tmp_path)
    monkeypatch.setattr(origin, "IN_CLONE", in_clone)
    told = origin.provenance.__wrapped__()
    assert (told["git_commit"] == "unknown") == (not in_clone)


def test_a_sweep_that_is_launched_again_writes_only_the_metrics_that_have_changed(tmp_path):
    store = Store(None, tmp_path, "demo")
    run_id = store.create_run({}, "sweep").info.run_id
    launches = ({"mean/lstm": 0.5, "best/lstm": 0.75}, {"mean/lstm": 0.5, "best/lstm": 0.875})
    for values in (*launches, launches[-1]):
        RunRecorder(store, run_id).renew({**values, "spread/lstm": float("nan")})

    def history(name: str) -> list[tuple[int, float]]:
        return [(one.step, one.value) for one in store.client.get_metric_history(run_id, name)]

    assert history("mean/lstm") == [(0, 0.5)]
    assert history("best/lstm") == [(0, 0.75), (1, 0.875)]
    assert history("spread/lstm") == []


def test_the_page_says_where_the_texts_come_from(store, tmp_path):
    finish(store, small_run(tmp_path, seed=3), 0.75)
    told = dict(load_runs(store).sweep.provenance)
    assert told["Texts"] == "generated: 200 in train, 40 in test"
