"""A sweep on Slurm: how jobs are waited for and kept from its signals; and, opt-in, on a real Slurm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from factories import ROOT

from pipeline.config.machine import available_cores
from pipeline.config.schema import BASELINE
from pipeline.sweeps import slurm, watch
from pipeline.tracking import Store
from pipeline.tracking.store import Run

SMALL = (
    "data.train_size=200 data.validation_size=100 data.test_size=120 data.max_distance=10 "
    "architecture.units=8 architecture.embedding_dim=8 train.epochs=2 probe=none "
    "name=small hydra/launcher=slurm hydra.launcher.cpus_per_task=1 hydra.launcher.mem_gb=2"
).split()
SWEEP = ["-m", *SMALL, "architecture=lstm,gru"]
LONG = "train.epochs=300 train.patience=300".split()  # longer than Slurm takes to kill a job


def real_slurm(test: Any) -> Any:
    """Marks a test that starts a Slurm of its own, which it does where it is asked to alone."""
    reason = (
        "starts a Slurm of its own: apt-get install slurm-wlm munge, then "
        "RUN_SLURM=1 make test-all ARGS=tests/sweeps/test_slurm.py"
    )
    asked = "RUN_SLURM" in os.environ
    return pytest.mark.slurm(pytest.mark.skipif(not asked, reason=reason)(test))


def _launch(root: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.compare", *arguments, f"root={root}"],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_sbatch_a_sweep_ends_with_one_line_before_anything_is_written(tmp_path):
    process = _launch(tmp_path / "root", *SWEEP, PATH=str(tmp_path))
    said, complaint = process.communicate()
    assert process.returncode == 2
    assert said.splitlines() == ["Checking the configuration"]
    (line,) = complaint.splitlines()
    assert "this machine has no sbatch" in line
    assert not (tmp_path / "root").exists()


def test_one_run_is_not_computed_where_a_sweep_is_launched(tmp_path):
    process = _launch(tmp_path, *SMALL, "architecture=lstm")
    _, complaint = process.communicate()
    assert process.returncode == 2
    assert "add -m" in complaint


def test_a_run_uses_no_more_cores_than_slurm_gave_it(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    assert available_cores() == 8
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "2")
    assert available_cores() == 2


@pytest.mark.parametrize(("executor", "status"), [("slurm", 0), ("local", -signal.SIGTERM)])
def test_only_in_a_job_of_slurm_is_a_process_deaf_to_warnings(monkeypatch, executor, status):
    monkeypatch.setenv("SUBMITIT_EXECUTOR", executor)
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    with watch.signals_blocked():
        process = subprocess.Popen([sys.executable, "-c", code])
    assert process.wait() == status
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _job(folder: Path, number: int, error: str | None = None) -> SimpleNamespace:
    paths = SimpleNamespace(stdout=folder / f"{number}.out", result_pickle=folder / f"{number}.pkl")
    return SimpleNamespace(job_id=f"7_{number}", paths=paths, exception=lambda: error)


def test_waiting_repeats_lines_and_goes_on_past_jobs_that_die(tmp_path, monkeypatch, capsys):
    ended, raised, killed, requeued = jobs = [
        _job(tmp_path, number, error) for number, error in enumerate((None, "oops", None, None))
    ]
    for job in (ended, raised):
        job.paths.result_pickle.touch()
    ended.paths.stdout.write_text("submitit INFO - Starting\nEpoch 1\nEpoch")
    # Slurm does not answer, calls one dead for a moment that begins again, and forgets another.
    answers = iter([None, {"7_3": "FAILED"}, {"7_3": "PENDING"}, {"7_3": "FAILED"}])

    def ask(number: str) -> dict[str, str] | None:
        assert number == "7"
        answer = next(answers, {"7_3": "RUNNING"})
        if answer == {"7_3": "RUNNING"}:
            requeued.paths.result_pickle.touch()
        return answer

    monkeypatch.setattr(slurm, "_query_states", ask)
    monkeypatch.setattr(slurm, "_POLL_SECONDS", 0)
    monkeypatch.setattr(slurm, "_SQUEUE_SECONDS", 0)
    deaths = dict(slurm.wait(jobs))  # pyright: ignore[reportArgumentType]
    assert sorted(deaths) == [1, 2]
    assert deaths[1].startswith("the job failed")
    assert deaths[2].startswith(f"Slurm ended job {killed.job_id}: gone from the queue")
    assert capsys.readouterr().out == "Epoch 1\n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[str]:
    """A Slurm of its own on loopback; where its configuration is."""
    folder = tmp_path_factory.mktemp("slurm")
    script = str(ROOT / "tests" / "slurm_cluster.sh")
    subprocess.run([script, "start", str(folder)], check=True)
    yield str(folder / "slurm.conf")
    subprocess.run([script, "stop", str(folder)], check=True)


def _slurm(cluster: str, *command: str) -> str:
    environment = os.environ | {"SLURM_CONF": cluster}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    print("$", *command, done.stdout.strip(), sep="\n" if "\n" in done.stdout else " ")
    return done.stdout


def _queue(cluster: str) -> dict[str, str]:
    """Job -> state of what waits or runs."""
    listed = _slurm(cluster, "squeue", "--noheader", "--array", "--format=%i %T")
    return dict(line.split() for line in listed.splitlines())


def _until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Waits for a condition, as long as the sweep lives."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(1)


def _said(root: Path, number: int) -> str:
    (output,) = root.glob(f"outputs/small/*/{number}/output.log")
    return output.read_text()


def _networks(root: Path) -> list[Run]:
    """The runs of the jobs; the baseline is trained where the sweep is launched."""
    condition = f"tags.kind = 'run' and tags.architecture != '{BASELINE}'"
    return Store(None, root, "small").runs(condition)


def _are_training(root: Path) -> bool:
    outputs = [path.read_text() for path in root.glob("outputs/small/*/[0-9]/output.log")]
    return len(outputs) == 2 and all("Epoch 2/" in text for text in outputs)


@real_slurm
def test_a_sweep_on_slurm_ends_as_one_on_this_machine_does(cluster, tmp_path):
    process = _launch(tmp_path, *SWEEP, SLURM_CONF=cluster)
    said, complaint = process.communicate()
    assert process.returncode == 0, said + complaint
    runs = _networks(tmp_path)
    assert sorted(run.data.tags["architecture"] for run in runs) == ["gru", "lstm"]
    for run in runs:
        assert run.info.status == "FINISHED"
        assert (run.data.tags["threads"], run.data.tags["concurrent_runs"]) == ("1", "1")
        assert f"{run.info.run_name}  ".ljust(26) in said
    assert said.count("Test accuracy") == 3  # that of the baseline too, which is no job of Slurm's
    assert f"Report: {tmp_path / 'reports' / 'small' / 'index.html'}" in said


@real_slurm
def test_jobs_that_are_killed_and_put_into_the_queue_again_go_on_in_the_same_run(cluster, tmp_path):
    process = _launch(tmp_path, *SWEEP, *LONG, SLURM_CONF=cluster)
    _until(lambda: _are_training(tmp_path), process)
    store = Store(None, tmp_path, "small")
    before = {run.info.run_id for run in _networks(tmp_path)}
    requeued, preempted = sorted(_queue(cluster))
    _slurm(cluster, "scontrol", "requeue", requeued)  # as an administrator does
    _slurm(cluster, "scancel", "--signal=USR2", preempted)  # as Slurm warns of preemption
    _until(lambda: list(_queue(cluster).values()) == ["PENDING", "PENDING"], process)
    for job in (requeued, preempted):
        _slurm(cluster, "scontrol", "update", f"JobId={job}", "StartTime=now")  # not in two minutes
    said, complaint = process.communicate()
    print(said)
    assert process.returncode == 0, said + complaint
    runs = _networks(tmp_path)
    assert {run.info.run_id for run in runs} == before
    for run in runs:
        assert run.info.status == "FINISHED"
        assert run.data.tags["continued"] == "1"
        history = store.client.get_metric_history(run.info.run_id, "val/accuracy")
        assert sorted(metric.step for metric in history) == list(range(1, 301))
    assert all("Resuming after epoch" in _said(tmp_path, number) for number in (0, 1))


@real_slurm
def test_a_job_that_is_cancelled_is_recorded_and_does_not_stop_the_other(cluster, tmp_path):
    process = _launch(tmp_path, *SWEEP, *LONG, SLURM_CONF=cluster)
    _until(lambda: _are_training(tmp_path), process)
    _slurm(cluster, "scancel", sorted(_queue(cluster))[0])
    said, _ = process.communicate()
    print(said)
    assert process.returncode == 1
    runs = _networks(tmp_path)
    outcomes = {run.data.tags["architecture"]: run.data.tags["outcome"] for run in runs}
    assert outcomes == {"lstm": "failed", "gru": "finished"}
    last = said.splitlines()[-1]
    assert last.startswith("Not finished: lstm")
    assert "Slurm ended job" in last


@real_slurm
def test_a_job_that_is_out_of_time_once_too_often_is_recorded_with_that(cluster, tmp_path):
    # Slurm warns up to half a minute early: in the third minute, when the runs are in training.
    limit = "timeout_min=4 max_num_timeout=0 signal_delay_s=60".split()
    limits = [f"hydra.launcher.{value}" for value in limit]
    endless = ["train.epochs=99999", "train.patience=99999"]
    process = _launch(tmp_path, *SWEEP, *endless, *limits, SLURM_CONF=cluster)
    said, _ = process.communicate()
    print(said)
    assert process.returncode == 1
    last = said.splitlines()[-2:]
    assert all("Not finished" in line and "timed-out too many times" in line for line in last)


@real_slurm
def test_stopping_the_sweep_cancels_its_jobs(cluster, tmp_path):
    process = _launch(tmp_path, *SWEEP, *LONG, SLURM_CONF=cluster)
    _until(lambda: _are_training(tmp_path), process)
    process.terminate()  # does what Ctrl-C does, also where a test's own parent ignores that
    _, complaint = process.communicate()
    assert process.returncode == 130
    assert complaint.strip() == "Stopped; the next launch resumes from here"
    assert _queue(cluster) == {}
    (sweep,) = Store(None, tmp_path, "small").runs("tags.kind = 'sweep'")
    assert {run.info.status for run in [sweep, *_networks(tmp_path)]} == {"KILLED"}
