"""Run a sweep: open its parent run, train the baseline, and describe the jobs to launch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pipeline.config.command_line import at_end
from pipeline.config.compose import baseline_of
from pipeline.config.data import AddingConfig
from pipeline.config.machine import available_cores
from pipeline.config.programs import say
from pipeline.config.schema import RunConfig
from pipeline.errors import ConfigError, DataError
from pipeline.processes import use_scratch
from pipeline.runs.start import describe_done, find_done
from pipeline.runs.status import JobState, update_status
from pipeline.sweeps.check import find_starts
from pipeline.sweeps.cores import run_jobs
from pipeline.sweeps.job import JobDescription, LauncherProcess
from pipeline.sweeps.live_table import LiveTable, can_show_table, list_jobs
from pipeline.sweeps.plan import Plan
from pipeline.sweeps.watch import JobResult, record_result
from pipeline.tracking import Store, SweepPlan, end_abandoned_runs, track_sweep, write_plan
from pipeline.tracking.store import Run

log = logging.getLogger(__name__)


class Sweep:
    """Open the parent run of a plan, and hold its claim until this process ends."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.first = plan.configs[0]
        # The adding problem has no text for the baseline to read.
        has_text = not isinstance(self.first.data, AddingConfig)
        self.baselines = [baseline_of(self.first)] if has_text else []
        self.store = open_store(self.first)
        self.tracking = ExitStack()
        self.parent = self.tracking.enter_context(
            track_sweep(self.store, SweepPlan.of([*plan.configs, *self.baselines]))
        )
        self.shows_table = can_show_table()
        self.table: LiveTable | None = None

    def begin(self) -> None:
        """Announce the sweep, train the baseline, and show the live table on a terminal."""
        plan = self.plan
        log.warning(
            "Sweep %s: %d runs, %d at a time, tracked in %s",
            *(self.first.name, len(plan.jobs), plan.parallel_jobs, self.store.shown_uri),
        )
        if not plan.on_cluster and plan.parallel_jobs < min(
            self.first.device.workers, len(plan.jobs)
        ):
            log.warning("More at a time would not fit into the memory of this machine")
        if plan.on_cluster:
            _warn_about_sqlite(self.store)
        else:
            _warn_about_threads(self.first, plan.parallel_jobs)
        if self.shows_table:
            print(f"Output of each run: {plan.folder}/*/output.log")
        self._train_baseline()
        if self.shows_table:
            rows, title = list_jobs(plan.configs, plan.folder)
            self.table = at_end.enter_context(LiveTable(rows, title, plan.parallel_jobs))

    def _train_baseline(self) -> None:
        """Train the baseline before the networks.

        Their probes need the caches that its probes write, and it must not slow down networks that are
        being timed.

        Raises:
          DataError: it finds that the data cannot be used, which every network would find too.
        """
        folder = self.plan.folder / "baseline"
        # The table shows epochs, which the baseline does not have: its lines are printed instead.
        described = [self._describe(config, folder, 1) for config in self.baselines]
        jobs = self._drop_done([replace(job, echo_output=True) for job in described])
        if jobs:
            say("Training the baseline first")
        run_jobs(jobs, 1, _record_baseline)

    def describe_jobs(
        self, job_overrides: Sequence[Sequence[str]], first: int
    ) -> list[JobDescription]:
        """Write the description of each job to its folder, and return the jobs that are not done.

        Raises:
          ConfigError: Hydra launches other jobs than planned.
        """
        planned = self.plan.jobs[first : first + len(job_overrides)]
        if [list(overrides) for overrides in job_overrides] != [job.overrides for job in planned]:
            raise ConfigError("hydra/sweeper launches other jobs than planned; leave it out")
        parallel_jobs = 1 if self.plan.on_cluster else self.plan.parallel_jobs
        jobs = [
            self._describe(job.config, self.plan.folder / str(number), parallel_jobs)
            for number, job in enumerate(planned, first)
        ]
        return self._drop_done(jobs)

    def add_seeds(self) -> None:
        """Add a seed of every architecture to the plan while the contrasts are not precise enough.

        The rule looks at the widths of the intervals alone, never at the differences: looking at these
        would make chance differences more likely to be found.
        """
        precision, seeds = self.first.precision, len({config.seed for config in self.plan.configs})
        if precision is None or not self.baselines:  # without texts nothing is asked
            return
        # Imported only now: it takes seconds, and memory that the jobs can use.
        from pipeline.sweeps.precision import widest_contrast

        name, width = widest_contrast(self.store, self.parent.run_id)
        if not name:
            log.warning("No question of this sweep has an answer yet, so no seeds are added")
            return
        if width <= precision:
            log.warning("Precise enough: %s is known to ± %.2f points", name, width)
            return
        if seeds >= self.first.max_seeds:
            log.warning(
                "Not as precise as asked: %s is known to ± %.2f points with %d seeds, the most that "
                "max_seeds allows",
                *(name, width, seeds),
            )
            return
        log.warning("%s is known to ± %.2f points: adding seed %d", name, width, seeds + 1)
        plan = self.plan.with_another_seed()
        self.plan = plan.with_configs(find_starts(plan.configs))
        held = SweepPlan.of([*self.plan.configs, *self.baselines])
        write_plan(self.store, self.parent, held)
        if self.table is not None:
            self.table.jobs, self.table.title = list_jobs(self.plan.configs, self.plan.folder)

    def _describe(self, config: RunConfig, folder: Path, concurrent_runs: int) -> JobDescription:
        here, echo_output = LauncherProcess.here(), not self.shows_table
        run_id = self.parent.run_id
        job = JobDescription(folder, config, run_id, concurrent_runs, here, echo_output)
        job.write()
        return job

    def _drop_done(self, jobs: list[JobDescription]) -> list[JobDescription]:
        """Return the jobs whose result is not in the store; report the others as done."""
        found = [(job, find_done(self.store, job.config)) for job in jobs]
        for job, done in found:
            if done is not None:
                _report_done(job, done)
        return [job for job, done in found if done is None]

    def stop(self, reason: str) -> None:
        """End the sweep and its interrupted runs in the store. The jobs must have been ended before."""
        self.parent.end("stopped", reason)
        # Jobs that survived exit by themselves within a second.
        end_abandoned_runs(self.store, patience=3)

    def finish(self) -> int:
        """Write the report, and return the exit status."""
        say("Loading what compares the runs")
        # Imported only now: it takes seconds, and 100 MB that the jobs can use.
        from pipeline.sweeps.finish import end_sweep

        return end_sweep(self.store, self.parent)


def open_store(config: RunConfig) -> Store:
    """Open the tracking store, and say so: a new one takes several seconds."""
    is_new = config.tracking.uri is None and not Path(config.root, "mlflow.db").exists()
    say(f"{'Creating' if is_new else 'Opening'} the tracking store")
    use_scratch(Path(config.root))
    return Store.of(config)


def _record_baseline(job: JobDescription, result: JobResult) -> None:
    record_result(replace(job, echo_output=job.echo_output and not result.has_no_data), result)
    if result.has_no_data:
        raise DataError(result.reason.removeprefix("Failed: "))


def _report_done(job: JobDescription, done: Run) -> None:
    finished, metrics = done.data.tags["outcome"] == "finished", done.data.metrics
    update_status(
        job.folder,
        state=JobState.done_before if finished else JobState.diverged,
        val_accuracy=metrics.get("best/val_accuracy"),
        test_accuracy=metrics.get("test/accuracy"),
        val_perplexity=metrics.get("best/val_perplexity"),
        test_perplexity=metrics.get("test/perplexity"),
    )
    if job.echo_output:
        print(describe_done(done), flush=True)


def _warn_about_sqlite(store: Store) -> None:
    if store.is_local:
        log.warning(
            "All runs write to one SQLite file, which is unsafe from several machines: if the runs use "
            "several, set tracking.uri=http://... to the address of an MLflow server"
        )


def _warn_about_threads(config: RunConfig, parallel_jobs: int) -> None:
    threads = config.device.threads or max(1, available_cores() // parallel_jobs)
    if parallel_jobs * threads > available_cores():
        log.warning(
            "%d concurrent runs with %d threads each exceed the %d cores and will be slower: lower "
            "device.workers or device.threads",
            *(parallel_jobs, threads, available_cores()),
        )
