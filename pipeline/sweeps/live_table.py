"""Show a live table of a sweep on a terminal: the state and progress of each job, and the time left.

The launching process draws it from the files that the jobs write (`pipeline.runs.status`). It fits the
height of the terminal.
"""

from __future__ import annotations

import heapq
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.config.schema import RunConfig
from pipeline.config.settings import values_of
from pipeline.runs.status import JobState, JobStatus, read_status

_STYLES = {
    JobState.waiting: "dim",
    JobState.running: "cyan",
    JobState.done: "green",
    JobState.done_before: "green",
    JobState.diverged: "yellow",
    JobState.failed: "red",
}
_MAX_REASONS = 3
_MIN_PROGRESS = 0.05  # share of the epochs before which start-up dominates the pace of a job
_BAR = 8  # characters
_WIDE = 100  # characters: with room for the speed


@dataclass(frozen=True)
class JobRow:
    """Describe a row of the table.

    name: the architecture and the settings that vary, without the seed; folder: of the job's files.
    """

    name: str
    architecture: str
    seed: int
    folder: Path


class LiveTable:
    """Show the table while the context is open, and restore the terminal afterwards."""

    def __init__(self, jobs: list[JobRow], title: str, parallel_jobs: int) -> None:
        self.jobs, self.title, self.parallel_jobs = jobs, title, parallel_jobs
        self.statuses = [JobStatus() for _ in jobs]
        self.console = Console()
        self.live = Live(console=self.console, get_renderable=self.draw, refresh_per_second=2)

    def __enter__(self) -> LiveTable:
        self.live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.live.stop()

    def draw(self) -> RenderableType:
        """Return the table, drawn from the current files of the jobs."""
        new = [JobStatus()] * (len(self.jobs) - len(self.statuses))  # of seeds that were added
        self.statuses = [
            known if known.is_over else read_status(job.folder) or known
            for job, known in zip(self.jobs, [*self.statuses, *new], strict=True)
        ]
        width, height = self.console.size
        return draw_table(
            self.jobs, self.statuses, self.title, self.parallel_jobs, time.time(), (width, height)
        )


def can_show_table() -> bool:
    """Return whether standard output is a terminal that can redraw lines."""
    return sys.stdout.isatty() and Console().is_interactive


def list_jobs(configs: list[RunConfig], sweep_dir: Path) -> tuple[list[JobRow], str]:
    """Return the jobs, in the order of their numbers, and the heading of the column with their names.

    A name consists of the architecture and the settings in which jobs of one architecture differ.
    """
    settings = [values_of(config) | {"recipe": config.recipe} for config in configs]
    alike: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for config, values in zip(configs, settings, strict=True):
        alike.setdefault((config.architecture.name, config.recipe), []).append(values)
    differing = [
        key
        for key in settings[0]
        if any(len({str(v[key]) for v in group}) > 1 for group in alike.values())
    ]
    if len({config.recipe for config in configs}) > 1:  # it stands for what it sets
        differing.insert(0, "recipe")
    jobs = [
        JobRow(
            ", ".join([config.architecture.name, *(str(values[key]) for key in differing)]),
            config.architecture.name,
            config.seed,
            sweep_dir / str(number),
        )
        for number, (config, values) in enumerate(zip(configs, settings, strict=True))
    ]
    return jobs, ", ".join(["architecture", *differing])


def draw_table(
    jobs: list[JobRow],
    statuses: list[JobStatus],
    title: str,
    parallel_jobs: int,
    now: float,
    size: tuple[int, int],
) -> RenderableType:
    """Return the table; a line counts the jobs that do not fit.

    title: the heading of the column with the jobs' names; now: seconds since 1970; size: of the
    terminal, in (characters, lines).
    """
    width, height = size
    reasons = _failure_lines(jobs, statuses)
    left = time_left([job.architecture for job in jobs], statuses, parallel_jobs, now)
    footer = [_line(_summary(statuses, left), "bold"), *reasons]
    # One line each for the header and for the cursor below.
    shown = rows_shown(statuses, height - 2 - len(footer))
    hidden = Counter(status.state for row, status in enumerate(statuses) if row not in shown)
    if hidden:
        counts = ", ".join(f"{hidden[state]} {state.value}" for state in JobState if hidden[state])
        footer.insert(0, _line(f"and {counts}", "dim"))
    table = _table(title, width)
    for row in shown:
        table.add_row(*_cells(jobs[row], statuses[row], now, width))
    return Group(table, *footer)


def rows_shown(statuses: list[JobStatus], room: int) -> list[int]:
    """Return the indices of the jobs to show, in order.

    Running jobs have priority, then failed and diverged ones, then the latest done, then the next ones.

    room: lines for the rows and for the count of the other jobs.
    """
    if len(statuses) <= room:
        return list(range(len(statuses)))

    rank = {JobState.running: 0, JobState.failed: 1, JobState.diverged: 1, JobState.waiting: 3}

    def urgency(row: int) -> tuple[int, float, int]:
        status = statuses[row]
        return rank.get(status.state, 2), -(status.ended or 0.0), row

    return sorted(sorted(range(len(statuses)), key=urgency)[: max(0, room - 1)])


def time_left(
    architectures: list[str], statuses: list[JobStatus], parallel_jobs: int, now: float
) -> float | None:
    """Estimate the remaining seconds of the sweep; None while there is no information.

    A job is expected to take the mean time of the finished jobs of its architecture, else the mean
    estimate from the pace of its running jobs, else the mean over all architectures. A job that already
    took longer is estimated from its own pace. Waiting jobs go, in order, to the first free worker.
    """
    known = list(zip(architectures, statuses, strict=True))
    measured = [(name, s.seconds(now) or 0.0) for name, s in known if s.state == JobState.done]
    running = [(name, s) for name, s in known if s.state == JobState.running]
    estimated = [
        (name, s.expected_seconds(now))
        for name, s in running
        if s.progress_since_resume >= _MIN_PROGRESS
    ]
    if not measured and not estimated:
        return None

    def expect(name: str) -> float:
        same = ([t for other, t in times if other == name] for times in (measured, estimated))
        return fmean(next(filter(None, same), [t for _, t in measured or estimated]))

    free_in = []  # seconds until each worker is free
    for name, status in running:
        elapsed, expected = status.seconds(now) or 0.0, expect(name)
        total = expected if elapsed < expected else status.expected_seconds(now)
        free_in.append(total - elapsed)
    free_in += [0.0] * (parallel_jobs - len(free_in))
    heapq.heapify(free_in)
    for name, status in known:
        if status.state == JobState.waiting:
            heapq.heapreplace(free_in, free_in[0] + expect(name))
    return max(free_in)


def _table(title: str, width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column(_line(title), overflow="ellipsis")
    right = {"justify": "right", "no_wrap": True}
    table.add_column("seed", **right)  # pyright: ignore[reportArgumentType]
    table.add_column("state", no_wrap=True, min_width=len(JobState.diverged.value))
    table.add_column("epoch", **right)  # pyright: ignore[reportArgumentType]
    table.add_column("", no_wrap=True, width=_BAR)
    for name in ("val", "test", *(["tokens/s"] if width >= _WIDE else []), "time"):
        table.add_column(name, **right)  # pyright: ignore[reportArgumentType]
    return table


def _cells(job: JobRow, status: JobStatus, now: float, width: int) -> list[RenderableType]:
    seconds = status.seconds(now)
    running = status.state == JobState.running
    bar = ProgressBar(1.0, status.progress, _BAR) if running else ""
    speed = f"{status.tokens_per_second:,.0f}" if status.tokens_per_second else ""
    return [
        _line(job.name),
        str(job.seed),
        Text((running and status.stage) or status.state.value, _STYLES[status.state]),
        f"{status.epoch}/{status.epochs}" if status.epoch else "",
        bar,
        _score(status.val_accuracy, status.val_perplexity),
        _score(status.test_accuracy, status.test_perplexity),
        *([speed] if width >= _WIDE else []),
        "" if seconds is None else str(timedelta(seconds=int(seconds))),
    ]


def _score(accuracy: float | None, perplexity: float | None) -> str:
    """Format the accuracy of a classifier or the perplexity of a language model."""
    if accuracy is not None:
        return f"{accuracy:.4f}"
    return "" if perplexity is None else f"{perplexity:,.4g}" if perplexity < 1e4 else "> 10,000"


def _summary(statuses: list[JobStatus], left: float | None) -> str:
    counts = Counter(status.state for status in statuses)
    done = counts[JobState.done] + counts[JobState.done_before]
    words = [f"{done} of {len(statuses)} done"]
    words += [f"{counts[s]} {s.value}" for s in (JobState.failed, JobState.diverged) if counts[s]]
    words += [f"{counts[s]} {s.value}" for s in (JobState.running, JobState.waiting) if counts[s]]
    if counts[JobState.running] or counts[JobState.waiting]:
        words.insert(
            1, "time left not yet known" if left is None else f"{_format_seconds(left)} left"
        )
    return ", ".join(words)


def _format_seconds(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "under a minute"
    return f"about {minutes} min" if minutes < 100 else f"about {seconds / 3600:.1f} h"


def _failure_lines(jobs: list[JobRow], statuses: list[JobStatus]) -> list[Text]:
    """Return a line for each of the first few failures."""
    failed = [
        _line(f"{job.name} seed {job.seed}: {status.reason}", "red")
        for job, status in zip(jobs, statuses, strict=True)
        if status.reason
    ]
    return failed[:_MAX_REASONS]


def _line(text: str, style: str = "") -> Text:
    """Return untrusted text as one line, without markup or control characters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return Text(plain, style, no_wrap=True, overflow="ellipsis")
