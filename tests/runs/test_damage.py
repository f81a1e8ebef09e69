"""Every file of a finished run, damaged in every way: each program names the run in one line."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from factories import small_run
from factories.programs import run_program
from mlflow.entities import Run

from pipeline.analysis.tracked import TrackedRuns
from pipeline.config.schema import DeviceConfig, RunConfig
from pipeline.data.reviews import load_reviews
from pipeline.errors import PipelineError, TrackingError
from pipeline.runs.device import prepare_device
from pipeline.runs.request import ExplainRequest, choose_runs
from pipeline.runs.start import find_done
from pipeline.sweeps.finish import load_tracked
from pipeline.tracking import DamagedRun, Store, find_damage, finished_runs


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def _replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _write_by_another_program(path: Path) -> None:
    import pandas as pd

    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        table.drop(columns=table.columns[-1]).to_parquet(path)
    else:
        path.write_text('{"a": [1, 2]}')


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "flipped": _flip,
    "removed": lambda path: path.unlink(),
    "a folder": _replace_by_folder,
    "written by another program": _write_by_another_program,
}
MODEL = "model/data/model.keras"
# What each program reads of a run. A sweep that is launched again looks at all that a report needs.
READ = {
    "report": ["predictions.parquet", "probes/quiz.parquet", "probes/gates.parquet"],
    "explain": ["config.yaml", "tokenizer.json", "heads.json", MODEL],
    "probe": ["config.yaml", "tokenizer.json", MODEL],
    "sweep": [
        *("config.yaml", "tokenizer.json", "heads.json", "predictions.parquet"),
        *("probes/quiz.parquet", "probes/gates.parquet", MODEL),
    ],
}
CASES = [
    (program, artifact, damage)
    for program, artifacts in READ.items()
    for artifact in artifacts
    for damage in DAMAGES
]


@pytest.fixture(scope="module")
def opened(copied_sweep: Path) -> tuple[Store, Run]:
    """The store, and a finished network in it."""
    store = Store.to_read(_config(copied_sweep))
    runs = store.runs("tags.outcome = 'finished' and tags.architecture = 'lstm'")
    return store, runs[0]


def _config(root: Path) -> RunConfig:
    return small_run(root)


@pytest.fixture
def restored(opened: tuple[Store, Run]) -> Iterator[None]:
    """Undo what a test does to the artifacts and the database."""
    root = opened[0].root
    kept = root.with_name("kept")
    shutil.copytree(root / "mlartifacts", kept / "mlartifacts")
    _copy_database(root, kept)
    yield
    shutil.rmtree(root / "mlartifacts")
    shutil.copytree(kept / "mlartifacts", root / "mlartifacts")
    _copy_database(kept, root)
    shutil.rmtree(kept)


def _copy_database(source: Path, target: Path) -> None:
    """Copy it by SQLite, so that connections that are open notice."""
    with (
        contextlib.closing(sqlite3.connect(source / "mlflow.db")) as old,
        contextlib.closing(sqlite3.connect(target / "mlflow.db")) as new,
    ):
        old.backup(new)


def _edit(store: Store, statement: str, *values: str) -> None:
    with sqlite3.connect(store.root / "mlflow.db") as connection:
        connection.execute(statement, values)


def _explain(store: Store, run: Run) -> None:
    from pipeline.runs.reading import explain_text

    request = ExplainRequest("it was good", None, None, "lstm", None, None)
    runs = choose_runs(_config(store.root), request)
    explain_text("it was good", runs, prepare_device(DeviceConfig(threads=1), 1))


def _probe(store: Store, run: Run) -> None:
    from pipeline.runs.probing import open_subject

    loaded, damaged = finished_runs(store)
    for error in damaged:
        raise error
    for one in loaded:
        if not one.config.baseline:
            reviews = load_reviews(one.config.data, store.root / ".cache")
            device = prepare_device(DeviceConfig(threads=1), 1)
            open_subject(one, reviews, store.root / ".cache", device)


def _launch_again(store: Store, run: Run) -> None:
    damage = find_damage(store, run)
    if damage is not None:
        raise damage


PROGRAMS: dict[str, Callable[[Store, Run], object]] = {
    "report": lambda store, run: load_tracked(store),
    "explain": _explain,
    "probe": _probe,
    "sweep": _launch_again,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_sound_store_is_read(opened, program):
    PROGRAMS[program](*opened)


@pytest.mark.parametrize(("program", "artifact", "damage"), CASES)
@pytest.mark.usefixtures("restored")
def test_a_damaged_file_names_its_run(opened, program, artifact, damage):
    store, run = opened
    path = store.fetch(run, artifact)
    DAMAGES[damage](path)
    with pytest.raises(DamagedRun) as raised:
        PROGRAMS[program](store, run)
    said = str(raised.value)
    assert run.info.run_id in said
    assert artifact.split("/")[0] in said
    assert "rerun=true" in said
    assert "\n" not in said
    assert len(said) < 400


@pytest.mark.parametrize(
    "artifact",
    ["config.yaml", "heads.json", "predictions.parquet", "probes/quiz.parquet", MODEL],
)
@pytest.mark.usefixtures("restored")
def test_a_file_of_another_run_is_noticed(opened, artifact):
    store, run = opened
    (other,) = store.runs("tags.outcome = 'finished' and tags.architecture = 'bi_gru'")
    if artifact == "heads.json":
        store.fetch(other, artifact).write_text('[{"name": "a", "classes": ["x", "y"]}]')
    shutil.copy(store.fetch(other, artifact), store.fetch(run, artifact))
    error = find_damage(store, run)
    assert error is not None
    assert f"its {artifact} was altered" in str(error)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.usefixtures("restored")
def test_a_damaged_plan_names_the_sweep(opened, damage):
    store, _ = opened
    (sweep,) = store.runs("tags.kind = 'sweep'")
    DAMAGES[damage](store.fetch(sweep, "plan.json"))
    with pytest.raises(DamagedRun, match=rf"{sweep.info.run_id}.*plan\.json.*launching .* again"):
        load_tracked(store)


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "flipped"])
@pytest.mark.usefixtures("restored")
def test_damaged_excerpts_are_made_again(opened, damage, caplog):
    store, _ = opened
    (sweep,) = store.runs("tags.kind = 'sweep'")
    path = store.fetch(sweep, "excerpts.json")
    if path is None:
        folder = store.fetch(sweep, "plan.json").parent
        path = folder / "excerpts.json"
        path.write_text('{"test/1": [{"kind": "text", "text": "good"}]}')
    DAMAGES[damage](path)
    tracked = load_tracked(store)
    assert isinstance(tracked, TrackedRuns)
    assert not tracked.excerpts
    if damage != "removed":
        assert "excerpts.json" in caplog.text


@pytest.mark.usefixtures("restored")
def test_many_damaged_runs_are_named_in_one_line(opened):
    store, _ = opened
    finished = store.runs("tags.outcome = 'finished' and tags.kind = 'run'")
    for run in finished:
        store.fetch(run, "predictions.parquet").unlink()
    with pytest.raises(
        TrackingError, match=r"^3 finished runs are damaged: .*rerun=true"
    ) as raised:
        load_tracked(store)
    assert all(run.info.run_id in str(raised.value) for run in finished)


@pytest.mark.usefixtures("restored")
def test_one_damaged_run_does_not_stop_the_probing_or_explaining_of_others(opened, caplog):
    store, run = opened
    store.fetch(run, "config.yaml").unlink()
    loaded, damaged = finished_runs(store)
    assert [one.config.architecture.name for one in loaded if not one.config.baseline] == ["bi_gru"]
    assert [one.run_id for one in damaged] == [run.info.run_id]
    caplog.set_level(logging.WARNING)
    request = ExplainRequest("good", None, None, "bi_gru", None, None)
    assert len(choose_runs(_config(store.root), request)) == 1


@pytest.mark.usefixtures("restored")
def test_a_damaged_run_is_computed_again(opened, caplog):
    store, run = opened
    (loaded,), _ = finished_runs(store, run.info.run_id)
    done = find_done(store, loaded.config)
    if done is None:
        pytest.skip("the code that decides its numbers has changed meanwhile")
    assert done.info.run_id == run.info.run_id
    DAMAGES["flipped"](store.fetch(run, "predictions.parquet"))
    assert find_done(store, loaded.config) is None
    assert f"(run {run.info.run_id}) is computed again: its predictions.parquet" in caplog.text


EDITS = {
    "no metrics": "DELETE FROM latest_metrics",
    "no accuracy": "DELETE FROM latest_metrics WHERE key = 'test/accuracy'",
    "another accuracy": "UPDATE latest_metrics SET value = 0.99 WHERE key = 'test/accuracy'",
    "words for a number": "UPDATE latest_metrics SET value = 'high' WHERE key = 'best/epoch'",
    "no parameters": "DELETE FROM params",
    "no seed": "DELETE FROM params WHERE key = 'seed'",
    "words for a seed": "UPDATE params SET value = 'first' WHERE key = 'seed'",
    "words for a setting": "UPDATE params SET value = 'many' WHERE key = 'units'",
    "words for threads": "UPDATE tags SET value = 'many' WHERE key = 'threads'",
    "no digests": "UPDATE tags SET value = '{' WHERE key = 'digests'",
    "no curves": "DELETE FROM metrics",
    "no address": "UPDATE runs SET artifact_uri = NULL",
    "a wrong address": "UPDATE runs SET artifact_uri = 'nowhere'",
    "no start": "UPDATE runs SET start_time = NULL",
    "a wrong start": "UPDATE runs SET start_time = 'today'",
    "a wrong declaration": "UPDATE tags SET value = 'today' WHERE key = 'declared'",
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.usefixtures("restored")
def test_a_store_edited_by_hand_is_refused_in_a_line(opened, edit):
    store, _ = opened
    _edit(store, EDITS[edit])
    with pytest.raises(PipelineError) as raised:
        load_tracked(Store.to_read(_config(store.root)))
    assert "\n" not in str(raised.value)


HARMLESS = {
    "no outcome": "DELETE FROM tags WHERE key = 'outcome' AND run_uuid = ?",
    "a strange outcome": "UPDATE tags SET value = 'banana' WHERE key = 'outcome' AND run_uuid = ?",
    "running": "UPDATE runs SET status = 'RUNNING' WHERE run_uuid = ?",
    "another fingerprint": "UPDATE tags SET value = 'ab' WHERE key = 'fingerprint' AND run_uuid = ?",
    "deleted": "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?",
}


@pytest.mark.parametrize("edit", HARMLESS)
@pytest.mark.usefixtures("restored")
def test_of_a_run_edited_by_hand_the_report_says_what_it_is(opened, edit):
    store, run = opened
    _edit(store, HARMLESS[edit], run.info.run_id)
    runs = load_tracked(store).runs
    expected = {"running": "finished", "no outcome": "failed", "a strange outcome": "failed"}
    said = runs.status[runs.architecture == "lstm"]
    assert sorted(said) == sorted(["diverged", expected.get(edit, "missing")])


@pytest.mark.usefixtures("restored")
def test_the_program_ends_with_one_line_and_keeps_the_page(opened):
    store, run = opened
    page = store.root / "reports" / "small" / "index.html"
    before = page.read_bytes()
    store.fetch(run, "predictions.parquet").unlink()
    done = run_program(store.root, "name=small", program="report")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"Failed: lstm seed 0 (run {run.info.run_id}): its predictions.parquet is"
    )
    assert "rerun=true" in line
    assert page.read_bytes() == before
