"""The launcher for the cores of this machine: how jobs end, and that nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from factories import small_run

from pipeline.runs.status import JobState, read_status
from pipeline.sweeps import watch
from pipeline.sweeps.cores import run_jobs
from pipeline.sweeps.job import JobDescription, LauncherProcess
from pipeline.sweeps.watch import JobResult, record_result
from pipeline.tracking import Store


@pytest.fixture
def programs(monkeypatch) -> dict[str, str]:
    """By the name of a job's folder, the program that its process runs in place of a training."""
    found: dict[str, str] = {}
    real = subprocess.Popen

    def begin(command: list[str], **rest):
        if "pipeline.sweeps.job" in command:
            command = [sys.executable, "-c", found[Path(command[-1]).name], command[-1]]
        return real(command, **rest)

    monkeypatch.setattr(watch.subprocess, "Popen", begin)
    return found


def _jobs(root: Path, names: list[str], *, echo_output: bool = True) -> list[JobDescription]:
    config, here = small_run(root), LauncherProcess.here()
    jobs = [JobDescription(root / name, config, None, 1, here, echo_output) for name in names]
    for job in jobs:
        job.write()
    return jobs


def _run(jobs: list[JobDescription], workers: int = 1) -> dict[str, JobResult]:
    results: dict[str, JobResult] = {}
    run_jobs(jobs, workers, lambda job, result: results.update({job.folder.name: result}))
    return results


def test_a_description_survives_being_written_and_read(tmp_path):
    (job,) = _jobs(tmp_path, ["0"])
    assert JobDescription.read(tmp_path / "0") == job


def test_every_way_to_end_is_told_apart_and_none_stops_the_others(tmp_path, programs):
    programs |= {
        "done": "",
        "diverged": "raise SystemExit(3)",
        "failed": "print('first'); print('the last line'); raise SystemExit(1)",
        "silent": "raise SystemExit(1)",
        "strange": "raise SystemExit(77)",
        "without data": "print('no texts'); raise SystemExit(5)",
        "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    }
    assert _run(_jobs(tmp_path, list(programs)), workers=2) == {
        "done": JobResult(JobState.done),
        "diverged": JobResult(JobState.diverged),
        "failed": JobResult(JobState.failed, "the last line"),
        "silent": JobResult(JobState.failed, "the job failed without output"),
        "strange": JobResult(JobState.failed, "the job's process exited with status 77"),
        "without data": JobResult(JobState.failed, "no texts", has_no_data=True),
        "killed": JobResult(
            JobState.failed,
            "the job's process was ended by SIGKILL, possibly out of memory",
            was_killed=True,
        ),
    }
    assert (tmp_path / "failed" / "output.log").read_text() == "first\nthe last line\n"


@pytest.mark.parametrize("echo_output", [True, False])
def test_lines_are_kept_and_repeated_behind_the_name_unless_a_table_is_shown(
    tmp_path, programs, capsys, echo_output
):
    programs["0"] = "print('a line')"
    (job,) = _jobs(tmp_path, ["0"], echo_output=echo_output)
    _run([job])
    assert capsys.readouterr().out == (
        f"{job.title}  Starting\n{job.title}  a line\n" if echo_output else ""
    )
    assert job.output.read_text() == "a line\n"


def test_a_job_that_is_killed_is_resumed_once_after_the_others(tmp_path, programs, capsys):
    touch = "import os, pathlib, signal, sys; marks = pathlib.Path(sys.argv[1]).parent / 'marks'\n"
    touch += "name = pathlib.Path(sys.argv[1]).name\n"
    touch += "before = marks.read_text() if marks.exists() else ''\n"
    touch += "marks.write_text(before + name)\n"
    die = "os.kill(os.getpid(), signal.SIGKILL)"
    programs |= {"0": f"{touch}name in before or {die}", "1": f"{touch}{die}", "2": touch}
    results = _run(_jobs(tmp_path, ["0", "1", "2"]))
    assert (tmp_path / "marks").read_text() == "01201"
    states = {name: result.state for name, result in results.items()}
    assert states == {"0": JobState.done, "1": JobState.failed, "2": JobState.done}
    assert capsys.readouterr().out.count("it is resumed after the other runs") == 2


def test_a_job_that_is_killed_twice_is_recorded_with_its_reason(tmp_path, programs, capsys):
    programs["0"] = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    jobs = _jobs(tmp_path, ["0"])
    run_jobs(jobs, 1, record_result)
    (run,) = Store.of(jobs[0].config).runs()
    assert run.info.status == "FAILED"
    assert "SIGKILL" in run.data.tags["failure"]
    status = read_status(tmp_path / "0")
    assert status is not None
    assert (status.state, status.reason) == (JobState.failed, run.data.tags["failure"])
    assert f"SIGKILL, possibly out of memory; see {jobs[0].output}" in capsys.readouterr().out


def test_a_process_that_cannot_be_started_is_a_failure_of_its_job_alone(tmp_path, programs):
    programs["1"] = ""  # and none for the first
    results = _run(_jobs(tmp_path, ["0", "1"]))
    assert [results[name].state for name in ("0", "1")] == [JobState.failed, JobState.done]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_stops_the_launch_ends_all_jobs_at_once_and_starts_no_other(tmp_path, programs, error):
    begin = "import pathlib, sys, time; folder = pathlib.Path(sys.argv[1])"
    half = "(folder / 'progress.json.0.tmp').touch()"  # it is killed while it writes its status
    touch = f"{begin}; {half}; (folder / 'began').touch()"
    programs |= {"0": "", "1": f"{touch}; time.sleep(600)", "3": touch}
    programs["2"] = programs["1"]

    def stop(job: JobDescription, result: JobResult) -> None:
        while not (tmp_path / "1" / "began").exists():
            time.sleep(0.01)
        raise error

    began = time.monotonic()
    with pytest.raises(error):
        run_jobs(_jobs(tmp_path, ["0", "1", "2", "3"]), 2, stop)
    assert time.monotonic() - began < 300
    assert not (tmp_path / "3" / "began").exists()
    status = read_status(tmp_path / "1")
    assert status is not None
    assert status.state == JobState.waiting  # for the next launch: it has not failed
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_job_hears_no_interrupt(tmp_path, programs):
    programs["0"] = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('alive')"
    assert _run(_jobs(tmp_path, ["0"])) == {"0": JobResult(JobState.done)}
    assert (tmp_path / "0" / "output.log").read_text() == "alive\n"


def test_a_launcher_that_has_ended_is_noticed_and_one_elsewhere_is_not_judged():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = LauncherProcess.here()
    assert not here.is_gone()
    assert LauncherProcess(here.host, ended.pid, here.batch).is_gone()
    assert not LauncherProcess("elsewhere", ended.pid, here.batch).is_gone()
    assert not LauncherProcess(here.host, ended.pid, "another job of Slurm's").is_gone()
    assert not LauncherProcess(here.host, os.getppid(), here.batch).is_gone()
