"""A sweep declares what it asks before it starts, and adds seeds until it knows it precisely."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from factories import SMALL, small_run
from factories.programs import run_program
from factories.tracked import make_tracked

from pipeline.config.data import AddingConfig
from pipeline.config.schema import BASELINE, RunConfig
from pipeline.errors import ConfigError
from pipeline.sweeps import precision
from pipeline.sweeps.plan import Plan, PlannedJob, _check_contrasts
from pipeline.tracking import Store, SweepPlan, track_sweep


def make_plan(folder: Path, **changes: object) -> Plan:
    jobs = [
        PlannedJob(small_run(folder, seed=seed, **_cell(cell), **changes), [f"seed={seed}"])
        for cell in ("lstm", "gru")
        for seed in (0, 3)
    ]
    return Plan(jobs, folder, 1, on_cluster=False)


def _cell(name: str) -> dict[str, str]:
    return {"architecture__name": name, "architecture__cell": name}


def test_another_seed_is_that_of_every_architecture(tmp_path: Path) -> None:
    plan = make_plan(tmp_path).with_another_seed()
    added = plan.jobs[4:]
    assert [(job.config.architecture.name, job.config.seed) for job in added] == [
        ("lstm", 4),
        ("gru", 4),
    ]
    assert all(job.overrides == ["seed=4"] for job in added)


def test_a_plan_declares_the_same_whatever_its_seeds(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    declared = SweepPlan.of(plan.configs)
    assert [one["name"] for one in declared.contrasts] == ["lstm_vs_gru"]
    assert declared.variants == ["lstm", "lstm", "gru", "gru"]
    assert declared.margin == 0.01
    assert SweepPlan.of(plan.with_another_seed().configs).contrasts == declared.contrasts


def test_baselines_and_sequences_of_numbers_ask_nothing(tmp_path: Path) -> None:
    baseline = small_run(tmp_path, baseline=True, architecture__name=BASELINE)
    assert SweepPlan.of([baseline]).contrasts == []
    adding = [small_run(tmp_path, data=AddingConfig(), **_cell(one)) for one in ("lstm", "gru")]
    assert SweepPlan.of(adding).contrasts == []


def test_variants_are_named_by_what_is_varied_and_tuned_values_are_not(tmp_path: Path) -> None:
    configs = [
        small_run(
            tmp_path, train__learning_rate=rate, architecture__units=units, tuned=["learning_rate"]
        )
        for rate in (1e-3, 3e-3)
        for units in (8, 16)
    ]
    declared = SweepPlan.of(configs)
    assert declared.variants == ["lstm, units 8", "lstm, units 16"] * 2
    assert [one["name"] for one in declared.contrasts] == ["units_16_vs_8"]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (
            {"lstm": 1, "bi_lstm": -1},
            "names bi_lstm, which is not in this sweep; it may name lstm, gru",
        ),
        ({"lstm": 1, "gru": 1}, "is lstm 1, gru 1; its weights must sum to zero"),
        ({}, "its weights must sum to zero"),
    ],
)
def test_a_contrast_that_cannot_be_asked_is_refused(tmp_path: Path, weights, said) -> None:
    configs: list[RunConfig] = make_plan(tmp_path, contrasts={"mine": weights}).configs
    with pytest.raises(ConfigError, match=r"contrasts\.mine") as error:
        _check_contrasts(configs)
    assert said in str(error.value)


def test_a_second_launch_asks_what_the_first_declared_and_says_so(tmp_path: Path, caplog) -> None:
    plan = SweepPlan.of(make_plan(tmp_path).configs)
    store = Store(None, tmp_path, "small")
    with track_sweep(store, plan) as first:
        first.end("stopped")
    with track_sweep(store, plan) as again:
        again.end("stopped")
    assert caplog.messages == []
    with track_sweep(store, replace(plan, contrasts=[], margin=0.05)) as third:
        third.end("stopped")
    assert "contrasts and margin stay as declared" in caplog.text
    (parent,) = store.runs("tags.kind = 'sweep'")
    path = store.fetch(parent, "plan.json")
    assert path is not None
    known = json.loads(path.read_text())
    assert (known["margin"], len(known["contrasts"])) == (0.01, 1)


@pytest.mark.parametrize(("lost", "name"), [(True, ""), (False, "gated_vs_simple")])
def test_only_what_has_an_answer_can_be_made_more_precise(
    tmp_path: Path, monkeypatch, lost, name
) -> None:
    tracked = make_tracked(reviews=300)
    if lost:
        runs = tracked.runs.assign(status="failed")
        tracked = replace(tracked, runs=runs, predictions=tracked.predictions.iloc[:0])
    monkeypatch.setattr(precision, "load_runs", lambda store, sweep: tracked)
    found, width = precision.widest_contrast(Store(None, tmp_path, "small"), "parent")
    assert bool(found) == bool(name)
    assert width > 0 or not found


@pytest.mark.slow
def test_a_sweep_adds_seeds_until_it_is_precise_or_has_the_most(tmp_path: Path) -> None:
    words = ["-m", *SMALL, "architecture=lstm,simple_rnn", "seed=0,1", "train.epochs=1"]
    asked = "+contrasts.mine={lstm: 1, simple_rnn: -1}"
    done = run_program(tmp_path, *words, asked, "precision=0.001", "max_seeds=3")
    assert done.returncode == 0, done.stdout + done.stderr
    store = Store(None, tmp_path, "small")
    (parent,) = store.runs("tags.kind = 'sweep'")
    path = store.fetch(parent, "plan.json")
    assert path is not None
    plan = json.loads(path.read_text())
    assert plan["seeds"] == [0, 1, 0, 1, 2, 2, 0]  # the baseline is the last
    assert [one["name"] for one in plan["contrasts"]] == ["gated_vs_simple", "mine"]
    table = pd.read_csv(tmp_path / "reports" / "small" / "contrasts.csv")
    assert table.declared.all()
    accuracy = table[table.quantity == "accuracy"].set_index("contrast")
    assert accuracy.estimate["mine"] == pytest.approx(accuracy.estimate["gated_vs_simple"])
    assert parent.data.metrics["contrast/mine"] == pytest.approx(accuracy.estimate["mine"])
    again = run_program(tmp_path, *words, asked, "precision=100", "margin=3")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "stay as declared" in again.stdout + again.stderr
    assert len(store.runs("tags.kind = 'run'")) == 7
