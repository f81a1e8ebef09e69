"""Connect Hydra to this project: check every configuration, then start and finish runs and sweeps.

Modules that import MLflow or pandas are imported after the check, because that takes seconds.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from pipeline.config.command_line import at_end, report_error, running_program
from pipeline.config.compose import build
from pipeline.config.machine import check_device, check_memory, make_folders
from pipeline.config.programs import say, steps_after
from pipeline.config.schema import RunConfig
from pipeline.errors import TrackingError
from pipeline.sweeps.check import check_texts, find_starts
from pipeline.sweeps.plan import make_plan, reject_single_run

if TYPE_CHECKING:
    from pipeline.sweeps.sweep import Sweep

_open_sweeps: list[Sweep] = []


class SweepCallback(Callback):
    """Check every configuration before any work, and start and finish a sweep.

    Exits by `SystemExit`: Hydra turns any other exception of a callback into a warning.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _exit_on_error():
            checked = build(_without_hydra(config))
            if running_program().computes:
                check_device(checked.device)
            if running_program().trains:
                reject_single_run(config.hydra.launcher)
                check_memory(checked)
            else:
                _check_store(checked)
            make_folders(checked, "hydra.run.dir", Path(config.hydra.run.dir).resolve())

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _exit_on_error():
            plan = make_plan(config)
            make_folders(plan.configs[0], "hydra.sweep.dir", plan.folder)
            check_texts(plan.configs[0])
            say("Loading MLflow")
            plan = plan.with_configs(find_starts(plan.configs))
            from pipeline.sweeps.sweep import Sweep

            _open_sweeps.append(Sweep(plan))
            _open_sweeps[-1].begin()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        at_end.close()
        with _exit_on_error():
            sys.exit(_open_sweeps.pop().finish())


def current_sweep() -> Sweep:
    """Return the sweep of this process, for the sweeper and the launcher that Hydra creates."""
    return _open_sweeps[-1]


def stop_sweep(reason: str) -> None:
    """End the sweep of this process, if there is one. Its jobs must have been ended before."""
    while _open_sweeps:
        _open_sweeps.pop().stop(reason)


def compare(tree: DictConfig) -> int:
    """Compute the composed configuration as one run, and return the exit status."""
    config = build(tree)
    try:
        check_texts(config)
        say("Loading MLflow")
        (config,) = find_starts([config])
        from pipeline.runs.start import run
        from pipeline.sweeps.sweep import open_store
        from pipeline.tracking import end_abandoned_runs

        end_abandoned_runs(open_store(config))
        outcome = run(config)
    except Exception as error:
        return report_error(error)
    print("\nNext:")
    for what, command in steps_after(config, outcome):
        print(f"  {what + ':':<25}{command}")
    return 0 if outcome == "finished" else 1


def _check_store(config: RunConfig) -> None:
    """Raise `TrackingError` where a program that only reads finds no store, before it makes folders."""
    database = Path(config.root, "mlflow.db")
    if config.tracking.uri is None and not database.exists():
        raise TrackingError(f"there is no store at {database}: run a comparison first")


def _without_hydra(config: DictConfig) -> DictConfig:
    copy = config.copy()
    with read_write(copy), open_dict(copy):
        del copy["hydra"]
    return copy


@contextlib.contextmanager
def _exit_on_error() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        with contextlib.suppress(Exception):  # for example, the store does not answer
            stop_sweep(" ".join(str(error).split())[:500])
        sys.exit(report_error(error))
