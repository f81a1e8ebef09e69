"""What Hydra calls: the check of every configuration before any work, and the start and end of a sweep.

What imports MLflow and pandas, which takes seconds, is imported after the check.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from pipeline.config.command_line import at_end, report_error
from pipeline.config.compose import build
from pipeline.sweeps.plan import make_plan, reject_single_run

if TYPE_CHECKING:
    from pipeline.sweeps.sweep import Sweep

_open_sweeps: list[Sweep] = []


class SweepCallback(Callback):
    """Checks every configuration first; opens and finishes a sweep. Leaves with the exit status by
    `SystemExit`, for Hydra turns any other exception of a callback into a warning.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _exit_on_error():
            build(_without_hydra(config))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _exit_on_error():
            plan = make_plan(config)
            from pipeline.sweeps.sweep import Sweep

            _open_sweeps.append(Sweep(plan))
            _open_sweeps[-1].begin()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        at_end.close()
        with _exit_on_error():
            sys.exit(_open_sweeps.pop().finish())


def current_sweep() -> Sweep:
    """The sweep of this process, for the sweeper and the launcher that Hydra makes."""
    return _open_sweeps[-1]


def stop_sweep(reason: str) -> None:
    """Ends the sweep of this process, if it is in one, after its jobs were ended."""
    while _open_sweeps:
        _open_sweeps.pop().stop(reason)


def compare(tree: DictConfig) -> int:
    """Computes the composed configuration as one run; returns the exit status."""
    config = build(tree)
    try:
        reject_single_run(HydraConfig.get().launcher)
        from pipeline.runs.start import run
        from pipeline.tracking import Store, end_abandoned_runs

        end_abandoned_runs(Store.of(config))
        return 0 if run(config) == "finished" else 1
    except Exception as error:
        return report_error(error)


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
        with contextlib.suppress(Exception):  # such as a store that does not answer
            stop_sweep(" ".join(str(error).split())[:500])
        sys.exit(report_error(error))
