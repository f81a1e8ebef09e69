"""A sweep that dies or is stopped at any moment is gone on with, and ends as if it never had been."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.tracking import Store
from tests.sweeps.kill_sweep import SWEEP, Metrics, Place, kill_after, recorded

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def uncut(tmp_path_factory) -> Metrics:
    place = Place(tmp_path_factory.mktemp("uncut"))
    place.finish("compare", *SWEEP)
    return recorded(place.root)


def _checkpoints(root: Path) -> list[Path]:
    return list(root.glob(".cache/checkpoints/*.npz"))


def _wait_for_an_epoch(root: Path, process) -> None:
    while not _checkpoints(root):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def _descendants(group: int) -> list[str]:
    """The commands of the processes of a group that are still there.

    Zombies are not, nor is what has given up its memory and is about to be one: it has no command.
    """
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found += filter(None, [stat.with_name("cmdline").read_text()])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_after_a_kill_the_next_launch_ends_as_if_there_had_been_none(uncut, tmp_path):
    place = Place(tmp_path)
    process = place.launch("compare", *SWEEP)
    _wait_for_an_epoch(place.root, process)
    kill_after(process, 0, group=False)  # its jobs end with it, within two seconds
    said = place.finish("compare", *SWEEP)
    assert "Resuming after epoch" in said
    assert recorded(place.root) == uncut
    assert _checkpoints(place.root) == []
    place.check(alone=False)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("whole_group", [True, False])  # Ctrl-C; SIGTERM to the first process
def test_stopped_by_hand_a_sweep_leaves_no_process_and_no_run_that_is_running(
    uncut, tmp_path, whole_group
):
    place = Place(tmp_path)
    process = place.launch("compare", *SWEEP)
    _wait_for_an_epoch(place.root, process)
    if whole_group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        os.kill(process.pid, signal.SIGTERM)
    said, _ = process.communicate()
    assert process.returncode == 130, said
    assert said.strip().splitlines()[-1].startswith("Stopped")
    assert "Traceback" not in said, said
    assert _descendants(process.pid) == []
    runs = Store(None, place.root, "killed").runs()
    assert {run.info.status for run in runs} <= {"KILLED", "FINISHED"}
    place.finish("compare", *SWEEP)
    assert recorded(place.root) == uncut
    place.check(alone=False)
