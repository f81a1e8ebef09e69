"""A sweep: its plan checked before any work, its jobs each in a process of their own, its end a report.

Hydra's callback opens the sweep's parent run and leaves word of it in the sweep's folder, where every
job finds it, on this machine or another: what a callback changes in the configuration does not reach
the jobs.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from experiments.compare import find_done
from experiments.job import DIVERGED, FAILED, FINISHED
from experiments.program import report_error
from pipeline.config import (
    ConfigError,
    RunConfig,
    as_plain,
    available_cores,
    build,
    control_of,
)

log = logging.getLogger(__name__)


class SweepCallback(Callback):
    """Checks every configuration first; frames a sweep. Leaves with the exit status by `SystemExit`,
    for Hydra turns any other exception of a callback into a warning.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _leaving_on_error():
            build(_without_hydra(config))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _leaving_on_error():
            self.configs = plan_jobs(config)
            self._open(config)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        with _leaving_on_error():
            sys.exit(self._close())

    def _open(self, config: DictConfig) -> None:
        from pipeline.tracking import Store, SweepPlan, open_sweep

        first = self.configs[0]
        control = control_of(first)
        self.store = Store.of(first)
        self.parent = open_sweep(self.store, SweepPlan.of([*self.configs, control]))
        at_a_time = min(first.device.workers, len(self.configs))
        word = {"parent_run_id": self.parent.run_id, "concurrent_runs": at_a_time}
        folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sweep.json").write_text(json.dumps(word))
        log.warning(
            "Sweep %s: %d runs, %d at a time, into %s",
            *(first.name, len(self.configs), at_a_time, self.store.shown_uri),
        )
        _warn_of_crowding(first, at_a_time)
        # Ahead of the networks: its probes leave behind what theirs need, and nothing is timed yet.
        run_job(control, folder, folder / "control")

    def _close(self) -> int:
        from experiments.report import make_report
        from pipeline.tracking import load_runs

        tracked = load_runs(self.store, self.parent.run_id)
        failed = tracked.runs[tracked.runs.status != "finished"]
        self.parent.end("finished" if failed.empty else "failed", _counted(failed))
        comparison, page = make_report(tracked, Path(self.configs[0].root))
        self.parent.metrics(_aggregate(comparison.runs))
        print(f"\nReport: {page}\nCompare the runs in MLflow: make ui")
        for run in failed.itertuples():
            print(f"Not finished: {run.architecture} seed {run.seed}: {run.status}, {run.failure}")
        return 0 if failed.empty else 1


def plan_jobs(config: DictConfig) -> list[RunConfig]:
    """The checked configuration of every job that Hydra's basic sweeper will launch.

    Raises:
      ConfigError: the first value, of the first job, that its key may not hold, or that differs
        between jobs where all must share it.
    """
    loader = GlobalHydra.instance().config_loader()
    params = OmegaConf.to_container(config.hydra.sweeper.get("params") or OmegaConf.create({}))
    assert isinstance(params, dict)
    arguments = [f"{key}={value}" for key, value in params.items()]
    arguments += list(config.hydra.overrides.task)
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(arguments)
    jobs = BasicSweeper.split_arguments(overrides, max_batch_size=None)[0]
    configs = [build(compose("config", overrides=job)) for job in jobs]
    for key in ("name", "root", "tracking", "device", "data", "probe"):
        if any(getattr(config, key) != getattr(configs[0], key) for config in configs):
            raise ConfigError(
                f"{key} holds several values; one sweep, which is one report, has one"
            )
    return configs


def run_job(config: RunConfig, sweep_dir: Path, job_dir: Path) -> int:
    """Runs one job in a process of its own and repeats its lines behind its name; the exit status.

    A job that dies without a word is recorded as failed, with what the system says of its end.
    """
    if find_done(config) is not None:
        return 0
    word = json.loads((sweep_dir / "sweep.json").read_text())
    job_dir.mkdir(parents=True, exist_ok=True)
    description = job_dir / "job.json"
    description.write_text(json.dumps({"config": as_plain(config)} | word, indent=1))
    output = job_dir / "output.log"
    status = _run_process(description, output, _name(config))
    if status not in (FINISHED, DIVERGED):
        from pipeline.tracking import Store, ensure_failed

        reason = _last_line(output) if status == FAILED else _reason(status)
        ensure_failed(Store.of(config), config, word["parent_run_id"], reason)
        print(f"{_name(config)}  {reason}; see {output}", flush=True)
    # The sweep goes on; its end finds in the store what failed.
    return 0


def _run_process(description: Path, output: Path, name: str) -> int:
    command = [sys.executable, "-m", "experiments.job", str(description)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "100"}
    with (
        output.open("w") as kept,
        subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            kept.write(line)
            kept.flush()
            print(f"{name}  {line}", end="", flush=True)
    return process.returncode


def _last_line(output: Path) -> str:
    lines = output.read_text().strip().splitlines()
    return lines[-1][:500] if lines else "failed without a word"


def _reason(status: int) -> str:
    if status >= 0:
        return f"its process ended with status {status}"
    name = signal.Signals(-status).name
    hint = ", as when memory runs out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{hint}"


def _name(config: RunConfig) -> str:
    return f"{config.architecture.name} seed {config.seed}".ljust(26)


def _warn_of_crowding(config: RunConfig, at_a_time: int) -> None:
    threads = config.device.threads or max(1, available_cores() // at_a_time)
    if at_a_time * threads > available_cores():
        log.warning(
            "%d runs at a time with %d threads each are more than the %d cores: they will be slower",
            *(at_a_time, threads, available_cores()),
        )


def _aggregate(runs: Any) -> dict[str, float]:
    """Mean, spread and best test accuracy of each architecture and setting, for the compare page.

    `runs`: those of a comparison, which names architectures by the settings they differ in.
    """
    metrics = {}
    finished = runs[runs.status == "finished"]
    for architecture, group in finished.groupby("architecture"):
        accuracies = group.test_accuracy.astype(float)
        name = re.sub(r"[^\w./ -]", "", str(architecture))  # what MLflow takes in a name
        metrics[f"mean/{name}"] = accuracies.mean()
        metrics[f"best/{name}"] = accuracies.max()
        if len(accuracies) > 1:
            metrics[f"spread/{name}"] = accuracies.std(ddof=1)
    return metrics


def _counted(failed: Any) -> str:
    return "" if failed.empty else f"partial: {len(failed)} runs not finished"


def _without_hydra(config: DictConfig) -> DictConfig:
    copy = config.copy()
    with read_write(copy), open_dict(copy):
        del copy["hydra"]
    return copy


@contextmanager
def _leaving_on_error() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        sys.exit(report_error(error))
