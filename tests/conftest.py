"""What the tests share: one thread for TensorFlow, a sweep, and the real reviews where they are."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import time
from pathlib import Path

# Before anything imports TensorFlow, which fixes its threads at first use.
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS="1")
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow", TF_ENABLE_ONEDNN_OPTS="1")

import pytest
from factories import ROOT, SMALL
from factories.programs import run_program
from filelock import FileLock

LONG = ("slow", "server", "slurm")


STARTED = time.monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long-minutes",
        type=float,
        help="begin no long test after so many minutes, where a slow machine would not end in time; "
        "the others come first then",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files of long tests, so that no worker waits for the last of them at the end.

    With `--long-minutes` end with them: what is left out are then long ones alone.
    """
    long = {item.path for item in items if _is_long(item)}
    last = config.getoption("--long-minutes") is not None
    items.sort(key=lambda item: (item.path in long) == last)


@pytest.hookimpl(tryfirst=True)  # before the fixtures, which take longest
def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = item.config.getoption("--long-minutes")
    if minutes is not None and _is_long(item) and time.monotonic() - STARTED > 60 * minutes:
        pytest.skip(f"{minutes:g} minutes are over; make test-all runs it")


def _is_long(item: pytest.Item) -> bool:
    return any(map(item.get_closest_marker, LONG))


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """A folder where TFDS has prepared the real reviews."""
    beside = ROOT.parent / "shared" / "tfds"
    folder = Path(os.environ.get("TFDS_DATA_DIR", beside))
    if not (folder / "imdb_reviews" / "plain_text" / "1.0.0" / "dataset_info.json").exists():
        pytest.skip(f"TFDS has not prepared imdb_reviews in {folder}")
    return folder


@pytest.fixture(scope="session")
def swept(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A sweep of which half of the runs diverge and the others, and the baseline, finish.

    It takes long, so the first worker that asks for it makes it for all. It is there to be looked at;
    who writes takes `copied_sweep`.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    root, ended = shared / "swept", shared / "swept.pickle"
    with FileLock(shared / "swept.lock"):
        if not ended.exists():
            rates = "train.learning_rate=1e-3,3e38"
            probes = "probe.kinds=[quiz,gates]"
            done = run_program(root, "-m", *SMALL, "architecture=lstm,bi_gru", rates, probes)
            ended.write_bytes(pickle.dumps(done))
    return root, pickle.loads(ended.read_bytes())


@pytest.fixture(scope="module")
def copied_sweep(
    swept: tuple[Path, subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The sweep's store and report, copied to a folder of their own."""
    return shutil.copytree(swept[0], tmp_path_factory.mktemp("copied") / "root")
