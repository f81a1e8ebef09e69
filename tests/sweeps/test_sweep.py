"""Whole programs on generated text: one run, a sweep, its failures, its report."""

from __future__ import annotations

import pandas as pd
import pytest
from factories import SMALL
from factories.programs import run_program

from pipeline.analysis.frames import rows_of
from pipeline.config.schema import BASELINE
from pipeline.tracking import Store
from pipeline.tracking.pages import VIEW_TAG


def test_a_sweep_goes_on_past_a_run_that_diverges_and_says_so_at_its_end(swept):
    root, done = swept
    assert done.returncode == 1
    runs = Store(None, root, "small").runs("tags.kind = 'run'")
    outcomes = sorted((run.data.tags["architecture"], run.data.tags["outcome"]) for run in runs)
    assert outcomes == [
        ("bi_gru", "diverged"),
        ("bi_gru", "finished"),
        ("lstm", "diverged"),
        ("lstm", "finished"),
        (BASELINE, "finished"),
    ]
    last = done.stdout.strip().splitlines()[-2:]
    assert all("Not finished" in line and "diverged" in line for line in last)
    assert "Traceback" not in done.stdout + done.stderr


def test_the_runs_of_a_sweep_are_nested_under_one_parent_with_the_aggregates(swept):
    root, _ = swept
    store = Store(None, root, "small")
    (parent,) = store.runs("tags.kind = 'sweep'")
    children = store.runs(f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert len(children) == 5
    assert parent.info.status == "FAILED"
    # Settings in which an architecture differs are never averaged over, so they are in its name; the
    # baseline is no architecture.
    assert {key for key in parent.data.metrics if key.startswith("mean/")} == {
        "mean/lstm learning_rate 0.001",
        "mean/bi_gru learning_rate 0.001",
    }


def test_mlflow_says_what_came_of_every_run_and_of_the_sweep(swept):
    root, _ = swept
    store = Store(None, root, "small")
    (parent,) = store.runs("tags.kind = 'sweep'")
    experiment = store.client.get_experiment(store.experiment_id)
    note = parent.data.tags["mlflow.note.content"]
    assert note == experiment.tags["mlflow.note.content"]
    assert note.startswith("[Read the report](#/experiments/")
    assert VIEW_TAG in experiment.tags
    for run in store.runs("tags.kind = 'run' and tags.outcome = 'finished'"):
        accuracy = f"**{run.data.metrics['test/accuracy']:.1%}** of"
        assert accuracy in run.data.tags["mlflow.note.content"]
        assert f"| {100 * run.data.metrics['test/accuracy']:.1f}% |" in note
        assert run.data.tags["mlflow.source.name"] == "python -m experiments.compare"


def test_a_finished_run_holds_all_that_was_promised(swept):
    root, _ = swept
    store = Store(None, root, "small")
    (run,) = store.runs("tags.architecture = 'lstm' and tags.outcome = 'finished'")
    artifacts = {entry.path for entry in store.client.list_artifacts(run.info.run_id)}
    assert artifacts >= {
        "config.yaml",
        "model",
        "model_summary.txt",
        "predictions.parquet",
        "probes",
        "tokenizer.json",
    }
    probes = store.client.list_artifacts(run.info.run_id, "probes")
    assert {entry.path for entry in probes} == {"probes/quiz.parquet", "probes/gates.parquet"}
    for tag in ("git_commit", "versions", "device", "threads", "data_fingerprint", "fingerprint"):
        assert run.data.tags[tag]
    for metric in ("test/accuracy", "test/accuracy/subject", "best/val_accuracy", "memory/peak_mb"):
        assert metric in run.data.metrics
    path = store.client.download_artifacts(run.info.run_id, "predictions.parquet")
    predictions = pd.read_parquet(path)
    assert len(predictions) == 120
    assert predictions.correct.mean() == pytest.approx(run.data.metrics["test/accuracy"])


def test_the_baseline_is_trained_ahead_once_and_probed_as_far_as_it_has_an_inside(swept):
    root, done = swept
    store = Store(None, root, "small")
    *networks, baseline = store.runs("tags.kind = 'run'")  # newest first
    assert baseline.data.tags["architecture"] == BASELINE
    ended = baseline.info.end_time
    assert ended is not None
    assert all(run.info.start_time > ended for run in networks)
    assert done.stdout.count("without their order") == 1
    assert baseline.data.tags["concurrent_runs"] == "1"
    (probe,) = store.client.list_artifacts(baseline.info.run_id, "probes")
    assert probe.path == "probes/quiz.parquet"


def test_every_stage_is_said_before_it_begins(swept):
    _, done = swept
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "Checking the configuration",
        "Loading MLflow",
        "Creating the tracking store",
    ]
    said = [line.removeprefix(f"{BASELINE} seed 0").strip() for line in lines if BASELINE in line]
    stages = [
        *(
            "Starting",
            "Loading MLflow",
            "Opening the tracking store",
            "Loading TensorFlow",
            "Computing on ",
        ),
        *("Reading the texts", "Encoding the texts", "Fitting the baseline"),
        *("Testing the baseline", "Probing quiz", "Probe quiz: ", "Probing gates"),
    ]
    places = [next(n for n, line in enumerate(said) if line.startswith(one)) for one in stages]
    assert places == sorted(places)
    for stage in ("Building the network", "Training for at most 2 epochs of", "Saving the network"):
        assert any(line.startswith("lstm seed 0") and stage in line for line in lines)


def test_a_sweep_ends_with_its_report_and_the_tables_of_the_contract(swept):
    root, done = swept
    folder = root / "reports" / "small"
    *_, ui, _, _ = done.stdout.splitlines()  # the two that diverged have the last lines
    assert ui == f"Compare the runs in MLflow: python -m experiments.ui --root {root}"
    runs = pd.read_csv(folder / "runs.csv")
    assert len(runs) == 4
    assert runs.status.value_counts().to_dict() == {"finished": 2, "diverged": 2}
    assert runs.padded_share.between(0, 0.5, inclusive="neither").all()
    by_length = pd.read_csv(folder / "by_length.csv")
    columns = "architecture length_low length_high reviews accuracy ci_low ci_high".split()
    assert set(columns) <= set(by_length)
    assert (folder / "pairwise.csv").exists()
    assert "diverged" in (folder / "index.html").read_text()


def test_a_sweep_ends_with_a_page_that_plays_what_it_trained(swept):
    root, _ = swept
    folder = root / "reports" / "small"
    page = (folder / "playground.html").read_text()
    assert '"name":"bi_gru, learning_rate 0.001"' in page
    assert 'href="playground.html"' in (folder / "index.html").read_text()
    store = Store(None, root, "small")
    (parent,) = store.runs("tags.kind = 'sweep'")
    held = store.client.list_artifacts(parent.info.run_id, "report")
    assert {entry.path for entry in held} == {"report/index.html", "report/playground.html"}


def test_a_sweep_ends_with_its_answer_and_its_numbers(swept):
    root, done = swept
    ending = done.stdout.partition("Writing the page\n")[2]
    assert "\x1b" not in ending  # no colour in a pipe
    assert max(map(len, ending.partition("Report: ")[0].splitlines())) <= 80
    answer, table, *_ = ending.strip().split("\n\n")
    assert " ".join(answer.split()) in (root / "reports" / "small" / "report.md").read_text()
    runs = pd.read_csv(root / "reports" / "small" / "runs.csv")
    finished = runs[runs.status == "finished"]
    rows = {line.split()[0]: line for line in table.splitlines()}
    for run in rows_of(finished):
        assert f"{100 * run.test_accuracy:.1f}%" in rows[run.architecture.split()[0]]
    assert rows[BASELINE].rstrip().endswith("–")


def test_a_second_launch_runs_nothing_that_is_done_and_says_so(copied_sweep):
    again = run_program(copied_sweep, *SMALL, "architecture=lstm")
    assert again.returncode == 0
    assert "already finished" in again.stdout
    assert "Epoch" not in again.stdout
    words = f"name=small root={copied_sweep}"
    assert again.stdout.splitlines()[-4:] == [
        "Next:",
        f"  Write its report:        python -m experiments.report {words}",
        f"  See how it reads a text: python -m experiments.explain {words} architecture=lstm seed=0 "
        'text="..."',
        f"  Compare runs in MLflow:  python -m experiments.ui --root {copied_sweep}",
    ]


def test_the_report_is_made_again_without_training(copied_sweep):
    page = copied_sweep / "reports" / "small" / "index.html"
    page.unlink()
    done = run_program(copied_sweep, "name=small", program="report")
    assert done.returncode == 0, done.stderr
    assert page.exists()
    headline = " ".join(done.stdout.partition("\n\n")[2].partition("\n\n")[0].split())
    assert headline in page.with_name("report.md").read_text()
    played = page.with_name("playground.html")
    assert done.stdout.splitlines()[-3:-1] == [
        f"Report: {page}",
        f"Play with its networks: {played}",
    ]


def test_a_second_sweep_takes_the_baseline_of_the_first(copied_sweep):
    again = run_program(copied_sweep, "-m", *SMALL, "architecture=lstm")
    assert again.returncode == 0, again.stderr
    assert "without their order" not in again.stdout
    (_,) = Store(None, copied_sweep, "small").runs(f"tags.architecture = '{BASELINE}'")


def test_data_that_no_run_can_use_end_a_sweep_with_the_baseline(tmp_path):
    words = "-m name=mine data=tfds data.name=no_such_set architecture=lstm,gru".split()
    done = run_program(tmp_path, *words, f"data.data_dir={tmp_path}")
    assert done.returncode == 1
    assert done.stderr.count("no_such_set") == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Failed: data.name is no_such_set, which TFDS does not know")
    assert "lstm seed 0" not in done.stdout
    runs = Store(None, tmp_path, "mine").runs()
    assert {run.data.tags["kind"]: run.info.status for run in runs} == {
        "run": "FAILED",
        "sweep": "KILLED",
    }


def test_a_report_of_nothing_says_what_to_do(tmp_path):
    done = run_program(tmp_path, "name=nothing", program="report")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Failed: there is no store at {tmp_path / 'mlflow.db'}: run a")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_persons_own_table_goes_all_the_way(tmp_path):
    rows = [
        f'"a {word} evening, number {n}",{word}' for n in range(60) for word in ("fine", "dull")
    ]
    (tmp_path / "my.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    done = run_program(
        tmp_path,
        "data=csv",
        f"data.path={tmp_path / 'my.csv'}",
        "name=mine",
        "architecture.units=8",
        "train.epochs=1",
    )
    assert done.returncode == 0, done.stderr
    assert "Test accuracy" in done.stdout


def test_data_that_cannot_be_used_ends_with_one_line_and_status_1(tmp_path):
    (tmp_path / "my.csv").write_text("words,label\na,b\n")
    done = run_program(tmp_path, "data=csv", f"data.path={tmp_path / 'my.csv'}", "name=mine")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("Failed: ")
    assert "no column 'text'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mlflow.db").exists()
