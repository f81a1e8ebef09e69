"""Kills a small sweep at random moments and launches it again: is anything lost, doubled or left behind?

PYTHONPATH=tests python -m tests.sweeps.kill_sweep [kills] [seed]

For each kill a sweep begins on an empty store, and something dies by SIGKILL, start-up included. In
turn: the whole process group; its first process alone; one of its jobs, which the sweep has to survive;
and, of a finished sweep, a report that is written again. No process of a first process may be alive two
seconds later. Then the sweep is launched again (or the report written). The store must hold one
FINISHED run for each configuration, no run that is RUNNING, and the metrics of a sweep that was never
interrupted, each once; the page is whole; no output has a traceback; and no temporary file is left,
neither in the folder for such, nor in shared memory, nor beside the reports. A moment at which there was
nothing left to kill does not count. `kill_sweep.txt` is the output over forty kills, on a machine that
did nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from factories import ROOT

from pipeline.tracking import Store

SWEEP = (
    "-m name=killed data.train_size=400 data.validation_size=100 data.test_size=120 "
    "data.max_distance=10 architecture=lstm,simple_rnn architecture.units=8 "
    "architecture.embedding_dim=8 architecture.dropout=0.2 train.epochs=4 device.workers=2 "
    "probe.kinds=[quiz]"
).split()
RUNS = ["lstm seed 0", "nb_bigrams seed 0", "simple_rnn seed 0"]
SHARED_MEMORY = Path("/dev/shm")
Metrics = dict[str, list[tuple[str, int, float]]]


class Place:
    """A root and a folder for temporary files, both watched for what is left behind."""

    def __init__(self, folder: Path) -> None:
        self.root, self.temporary = folder / "root", folder / "tmp"
        self.temporary.mkdir(parents=True)
        self.said: list[str] = []
        self.shared = _names(SHARED_MEMORY)

    def launch(self, program: str, *settings: str) -> subprocess.Popen[str]:
        """A program in a process group of its own, which heeds a Ctrl-C even where this one does not."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", f"experiments.{program}", *settings, f"root={self.root}"],
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(self.temporary)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def finish(self, program: str, *settings: str) -> str:
        """Launches a program and waits for its end; what it said.

        Raises:
          AssertionError: it did not end with everything done.
        """
        return self.end(self.launch(program, *settings))

    def end(self, process: subprocess.Popen[str]) -> str:
        said, _ = process.communicate()
        assert process.returncode == 0, said
        self.said.append(said)
        return said

    def check(self, *, alone: bool = True) -> None:
        """Raises AssertionError if something is left behind, or a program showed a traceback.

        alone: whether nothing else on the machine may have put anything into shared memory.
        """
        assert not any("Traceback" in said for said in self.said), self.said
        assert not _names(self.temporary), _names(self.temporary)
        left = {*filter(_is_left, _names(SHARED_MEMORY) - self.shared)}
        assert not (alone and left), left
        assert not list((self.root / "reports").glob(".*"))
        left = [str(path) for path in self.root.rglob("*.tmp")]
        assert not left, left
        scratch = self.root / ".cache" / "scratch"
        assert not scratch.exists() or not _names(scratch), _names(scratch)


def _is_left(name: str) -> bool:
    """Return whether what is in shared memory has no living owner; names hold the owner's number."""
    owner = re.search(r"(?<!\d)\d{1,7}(?!\d)", name)
    return owner is None or not psutil.pid_exists(int(owner[0]))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def kill_after(process: subprocess.Popen[str], seconds: float, *, group: bool) -> float | None:
    """Kills a program after so many seconds; how long its processes then lived, None if it had ended.

    Raises:
      AssertionError: one of them is alive after two seconds, or holds the pipe of the first.
    """
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        tree = psutil.Process(process.pid).children(recursive=True)
        (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)
        began = time.monotonic()
        while alive := [one for one in tree if is_alive(one)]:
            assert time.monotonic() - began < 2, alive
            time.sleep(0.01)
        lived = time.monotonic() - began
        process.communicate(timeout=1)
        return lived
    process.communicate()
    return None


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process does anything; what the system has only not yet forgotten does not."""
    try:
        return process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def kill_job(process: subprocess.Popen[str], seconds: float) -> str:
    """Kills the first job there is after so many seconds; its number, or nothing if none is left."""
    time.sleep(seconds)
    while process.poll() is None:
        jobs = [
            one
            for one in psutil.Process(process.pid).children()
            if "pipeline.sweeps.job" in one.cmdline()
        ]
        if jobs:
            name = Path(jobs[0].cmdline()[-1]).name
            jobs[0].kill()
            return name
        time.sleep(0.05)
    return ""


def recorded(root: Path) -> Metrics:
    """By run name, every recorded value but those of time and memory.

    Raises:
      AssertionError: a run is missing, doubled or not finished.
    """
    store = Store(None, root, "killed")
    runs = store.runs("tags.kind = 'run'")
    names = sorted(run.info.run_name or "" for run in runs)
    assert names == RUNS, names
    assert {run.info.status for run in store.runs()} == {"FINISHED"}
    metrics: Metrics = {}
    for run in store.runs():
        keys = sorted(key for key in run.data.metrics if not key.startswith(("time/", "memory/")))
        history = [store.client.get_metric_history(run.info.run_id, key) for key in keys]
        values = [(m.key, m.step, m.value) for values in history for m in values]
        name = (run.info.run_name or "").split(" 20")[0]  # of a sweep it ends with its time
        metrics[name] = sorted(values)
    return metrics


def kill_sweep(place: Place, seconds: float, *, group: bool) -> str:
    lived = kill_after(place.launch("compare", *SWEEP), seconds, group=group)
    said = place.finish("compare", *SWEEP)
    if lived is None:
        return ""
    before, resumed = said.count("already finished"), said.count("Resuming after epoch")
    return f"gone after {lived:.1f} s, {before} done before, {resumed} resumed"


def kill_one_job(place: Place, seconds: float) -> str:
    process = place.launch("compare", *SWEEP)
    which = kill_job(process, seconds)
    said = place.end(process)
    again = said.count("resumed after the other runs")
    assert again == bool(which), said
    return f"job {which}, which the sweep resumed by itself" if which else ""


def kill_report(place: Place, seconds: float) -> str:
    whole = place.root.parent.parent / "whole" / "root"
    shutil.copytree(whole, place.root, symlinks=True)
    page = place.root / "reports" / "killed" / "index.html"
    size = page.stat().st_size
    lived = kill_after(place.launch("report", "name=killed"), seconds, group=False)
    assert page.stat().st_size == size
    place.finish("report", "name=killed")
    assert page.stat().st_size == size
    return "" if lived is None else f"gone after {lived:.1f} s, the page whole"


# What dies; each returns what came of it, and nothing if there was nothing left to kill.
KINDS: dict[str, Callable[[Place, float], str]] = {
    "all": partial(kill_sweep, group=True),
    "the first process": partial(kill_sweep, group=False),
    "a job": kill_one_job,
    "a report": kill_report,
}


def main() -> None:
    given = [int(argument) for argument in sys.argv[1:]]
    moments, seed = given + [40, 0][len(given) :]
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        whole = Place(Path(folder) / "whole")
        durations = []
        for program, settings in (("compare", SWEEP), ("report", ["name=killed"])):
            began = time.monotonic()
            whole.finish(program, *settings)
            durations.append(time.monotonic() - began)
        whole.check()
        expected = recorded(whole.root)
        print(f"Uninterrupted: {len(RUNS)} runs in {durations[0]:.0f} s", flush=True)
        kills = 0
        while kills < moments:
            kind, kill = list(KINDS.items())[kills % len(KINDS)]
            place, share = Place(Path(folder) / f"{kills}-{rng.integers(2**32)}"), rng.uniform(0, 1)
            said = kill(place, share * durations[kind == "a report"])
            kills += bool(said)
            place.check()
            found = recorded(place.root)
            differing = [(name, {*expected[name]} ^ {*found[name]}) for name in expected]
            assert found == expected, f"other metrics than without the kill: {differing}"
            if said:
                print(f"{kills:2}  killed {kind} at {share:.0%}: {said}", flush=True)
            shutil.rmtree(place.root)


if __name__ == "__main__":
    main()
