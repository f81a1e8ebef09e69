"""A sweep: its plan checked before any work, its jobs each in a process of their own, its end a report.

Hydra's callback opens the sweep's parent run and leaves word of it in the sweep's folder, where every
job finds it, on this machine or another: what a callback changes in the configuration does not reach
the jobs.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from pipeline.config.command_line import at_end, report_error
from pipeline.config.compose import available_cores, baseline_of, build
from pipeline.config.schema import AddingConfig, RunConfig
from pipeline.errors import ConfigError, TrackingError
from pipeline.runs.status import State, update_standing
from pipeline.sweeps.isolated import padded_name, run_job
from pipeline.sweeps.job import launcher
from pipeline.sweeps.live_table import Board, can_show_board, list_jobs
from pipeline.sweeps.slurm import need_sbatch, refuse_single_run, uses_slurm, warn_of_one_file

log = logging.getLogger(__name__)


class SweepCallback(Callback):
    """Checks every configuration first; frames a sweep. Leaves with the exit status by `SystemExit`,
    for Hydra turns any other exception of a callback into a warning.
    """

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: what it holds is of this process, and Hydra sends the callbacks to every worker."""
        return {}

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _leaving_on_error():
            build(_without_hydra(config))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _leaving_on_error():
            self.configs = plan_jobs(config)
            need_sbatch(config.hydra.launcher)
            self._open(config)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        at_end.close()
        with _leaving_on_error():
            sys.exit(self._close())

    def _open(self, config: DictConfig) -> None:
        from pipeline.tracking import Store, SweepPlan, track_sweep

        first = self.configs[0]
        # There is nothing to read in numbers without an order.
        baselines = [] if isinstance(first.data, AddingConfig) else [baseline_of(first)]
        self.store = Store.of(first)
        self.tracking = ExitStack()
        self.parent = self.tracking.enter_context(
            track_sweep(self.store, SweepPlan.of([*self.configs, *baselines]))
        )
        _open_sweeps.append(self)
        on_cluster = uses_slurm(config.hydra.launcher)
        most = config.hydra.launcher.array_parallelism if on_cluster else first.device.workers
        at_a_time = min(most, len(self.configs))
        with_board = can_show_board()
        word = {
            "parent_run_id": self.parent.run_id,
            "concurrent_runs": 1 if on_cluster else at_a_time,
            "launcher": launcher(),
            "lines": not with_board,
        }
        self.folder = folder = Path(config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sweep.json").write_text(json.dumps(word))
        log.warning(
            "Sweep %s: %d runs, %d at a time, into %s",
            *(first.name, len(self.configs), at_a_time, self.store.shown_uri),
        )
        if on_cluster:
            warn_of_one_file(self.store)
        else:
            _warn_of_crowding(first, at_a_time)
        if with_board:
            print(f"The lines of each run: {folder}/*/output.log")
        for baseline in baselines:
            # Ahead of the networks: its probes leave behind what theirs need, and nothing is timed yet.
            if with_board:  # in which it would have no epochs to show
                print("The order-free baseline comes first", flush=True)
            run_job(baseline, folder, folder / "baseline")
        if with_board:
            at_end.enter_context(Board(*list_jobs(self.configs, folder), at_a_time))

    def stop(self, reason: str) -> None:
        """Leaves the store without a run that only seems to be running."""
        from pipeline.tracking import settle

        self.parent.end("stopped", reason)
        settle(self.store, patience=3)  # the jobs end themselves, within a second

    def _close(self) -> int:
        from pipeline.analysis.adding import AddingRuns
        from pipeline.analysis.selection import describe_run
        from pipeline.sweeps.finish import (
            aggregate_accuracies,
            aggregate_steps,
            load_tracked,
            make_report,
            make_yardstick,
        )

        _open_sweeps.remove(self)
        try:
            tracked = load_tracked(self.store, self.parent.run_id)
        except TrackingError as error:
            self.parent.end("failed", str(error))
            raise
        failed = tracked.runs[tracked.runs.status != "finished"]
        self.parent.end("finished" if failed.empty else "failed", _counted(failed))
        if isinstance(tracked, AddingRuns):
            settings = ("length",)
            yardstick, page = make_yardstick(tracked, self.store)
            self.parent.metrics(aggregate_steps(yardstick))
        else:
            settings = tracked.sweep.tuned
            comparison, page = make_report(tracked, self.store)
            self.parent.metrics(aggregate_accuracies(comparison.runs))
        self.parent.file(page, "report")  # so that it is also where only the server is seen
        print(f"\nReport: {page}\nCompare the runs in MLflow: {_pages(self.store)}")
        for run in failed.itertuples():
            name = describe_run(run, settings)
            print(f"Not finished: {name}: {run.status}, {run.failure}")
        return 0 if failed.empty else 1


_open_sweeps: list[SweepCallback] = []


def stop_sweep(reason: str) -> None:
    """Ends the sweep of this process, if it is in one, after its jobs were told to stop."""
    while _open_sweeps:
        _open_sweeps.pop().stop(reason)


def fail_job(number: int, reason: str) -> None:
    """Records the failure of a job that could not do so itself, for a launcher that saw it die."""
    from pipeline.tracking import ensure_failed

    for sweep in _open_sweeps:
        config = sweep.configs[number]
        ensure_failed(sweep.store, config, sweep.parent.run_id, reason)
        job_dir = sweep.folder / str(number)
        update_standing(job_dir, state=State.failed, reason=reason, ended=time.time())
        print(f"{padded_name(config)}  {reason}", flush=True)


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
    for key in ("name", "root", "tracking", "device", "data", "probe", "tuned"):
        if any(_shared(config, key) != _shared(configs[0], key) for config in configs):
            raise ConfigError(
                f"{key} holds several values; one sweep, which is one report, has one"
            )
    return configs


def _shared(config: RunConfig, key: str) -> Any:
    """What the runs of a sweep have in common, which the length of the adding problem need not be."""
    value = getattr(config, key)
    return replace(value, length=2) if isinstance(value, AddingConfig) else value


def _warn_of_crowding(config: RunConfig, at_a_time: int) -> None:
    threads = config.device.threads or max(1, available_cores() // at_a_time)
    if at_a_time * threads > available_cores():
        log.warning(
            "%d runs at a time with %d threads each are more than the %d cores: they will be slower",
            *(at_a_time, threads, available_cores()),
        )


def _pages(store: Any) -> str:
    return "make ui" if store.is_local else store.shown_uri


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


def compare(tree: DictConfig) -> int:
    """Computes the composed configuration as one run, or as one job of a sweep; the exit status."""
    hydra = HydraConfig.get()
    config = build(tree)
    try:
        if hydra.mode == RunMode.MULTIRUN:
            from pipeline.sweeps.isolated import run_job

            return run_job(config, Path(hydra.sweep.dir), Path(hydra.runtime.output_dir))
        refuse_single_run(hydra.launcher)
        from pipeline.runs.start import run
        from pipeline.tracking import Store, settle

        settle(Store.of(config))
        return 0 if run(config) == "finished" else 1
    except Exception as error:
        return report_error(error)
