"""A sweep that runs: its parent run, the descriptions of its jobs, the baseline ahead of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pipeline.config.command_line import at_end
from pipeline.config.compose import available_cores, baseline_of
from pipeline.config.schema import AddingConfig, RunConfig
from pipeline.errors import ConfigError
from pipeline.runs.start import describe_done, find_done
from pipeline.runs.status import JobState, update_status
from pipeline.sweeps.cores import run_jobs
from pipeline.sweeps.job import JobDescription, LauncherProcess
from pipeline.sweeps.live_table import LiveTable, can_show_table, list_jobs
from pipeline.sweeps.plan import Plan
from pipeline.sweeps.watch import record_result
from pipeline.tracking import Store, SweepPlan, end_abandoned_runs, track_sweep
from pipeline.tracking.store import Run

log = logging.getLogger(__name__)


class Sweep:
    """Opens the parent run of a plan, and holds it for as long as this process lives."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.first = plan.configs[0]
        # Numbers without an order hold nothing that a baseline could read.
        over_numbers = isinstance(self.first.data, AddingConfig)
        self.baselines = [] if over_numbers else [baseline_of(self.first)]
        self.store = Store.of(self.first)
        self.tracking = ExitStack()
        self.parent = self.tracking.enter_context(
            track_sweep(self.store, SweepPlan.of([*plan.configs, *self.baselines]))
        )
        self.shows_table = can_show_table()

    def begin(self) -> None:
        """Says what is launched, trains the baseline, and shows the table where there is a terminal."""
        plan = self.plan
        log.warning(
            "Sweep %s: %d runs, %d at a time, into %s",
            *(self.first.name, len(plan.jobs), plan.parallel_jobs, self.store.shown_uri),
        )
        if plan.on_cluster:
            _warn_about_sqlite(self.store)
        else:
            _warn_about_threads(self.first, plan.parallel_jobs)
        if self.shows_table:
            print(f"The lines of each run: {plan.folder}/*/output.log")
        self._train_baseline()
        if self.shows_table:
            rows, title = list_jobs(plan.configs, plan.folder)
            at_end.enter_context(LiveTable(rows, title, plan.parallel_jobs))

    def _train_baseline(self) -> None:
        """Before the networks: its probes write what theirs need, and nothing is timed yet."""
        if self.baselines and self.shows_table:  # in which it would have no epochs to show
            print("The order-free baseline comes first", flush=True)
        folder = self.plan.folder / "baseline"
        jobs = [self._describe(config, folder, 1) for config in self.baselines]
        run_jobs(self._drop_done(jobs), 1, record_result)

    def describe_jobs(
        self, job_overrides: Sequence[Sequence[str]], first: int
    ) -> list[JobDescription]:
        """Writes the description of each job into its folder; returns those that are left to run.

        Raises:
          ConfigError: what Hydra launches are other jobs than those of the plan.
        """
        planned = self.plan.jobs[first : first + len(job_overrides)]
        if [list(overrides) for overrides in job_overrides] != [job.overrides for job in planned]:
            raise ConfigError("hydra/sweeper launches other jobs than were planned; leave it out")
        parallel_jobs = 1 if self.plan.on_cluster else self.plan.parallel_jobs
        jobs = [
            self._describe(job.config, self.plan.folder / str(number), parallel_jobs)
            for number, job in enumerate(planned, first)
        ]
        return self._drop_done(jobs)

    def _describe(self, config: RunConfig, folder: Path, concurrent_runs: int) -> JobDescription:
        here, echo_output = LauncherProcess.here(), not self.shows_table
        run_id = self.parent.run_id
        job = JobDescription(folder, config, run_id, concurrent_runs, here, echo_output)
        job.write()
        return job

    def _drop_done(self, jobs: list[JobDescription]) -> list[JobDescription]:
        """The jobs whose result the store lacks; the table and a line tell of the others."""
        found = [(job, find_done(self.store, job.config)) for job in jobs]
        for job, done in found:
            if done is not None:
                _report_done(job, done)
        return [job for job, done in found if done is None]

    def stop(self, reason: str) -> None:
        """Ends in the store what only seems to be running, after the jobs were ended."""
        self.parent.end("stopped", reason)
        end_abandoned_runs(
            self.store, patience=3
        )  # jobs that were not ended end themselves within a second

    def finish(self) -> int:
        """Writes the report; returns the exit status."""
        # Imported at the end, for it takes seconds, and 100 MB that the jobs can use.
        from pipeline.sweeps.finish import end_sweep

        return end_sweep(self.store, self.parent)


def _report_done(job: JobDescription, done: Run) -> None:
    finished, metrics = done.data.tags["outcome"] == "finished", done.data.metrics
    update_status(
        job.folder,
        state=JobState.done_before if finished else JobState.diverged,
        val_accuracy=metrics.get("best/val_accuracy"),
        test_accuracy=metrics.get("test/accuracy"),
    )
    if job.echo_output:
        print(describe_done(done), flush=True)


def _warn_about_sqlite(store: Store) -> None:
    if store.is_local:
        log.warning(
            "All runs write into one SQLite file: where they run on several machines, launch with "
            "tracking.uri=http://..., the address of an MLflow server"
        )


def _warn_about_threads(config: RunConfig, parallel_jobs: int) -> None:
    threads = config.device.threads or max(1, available_cores() // parallel_jobs)
    if parallel_jobs * threads > available_cores():
        log.warning(
            "%d runs at a time with %d threads each are more than the %d cores: they will be slower",
            *(parallel_jobs, threads, available_cores()),
        )
