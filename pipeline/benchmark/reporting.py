"""Measure what a report costs: seconds and memory, for simulated sweeps of ever more runs.

Every report is made by the program that a person starts, in a process of its own, from a store of its
own with tables as large as those of runs on IMDB. Seconds include the start of Python. Memory is the
largest resident set of the process, as the system counts it.

Writes `reports/benchmark/report.csv`.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.benchmark.simulated import NAME, simulate_sweep
from pipeline.config.probes import ProbeConfig
from pipeline.errors import Failure
from pipeline.files import replacing

# (architectures, seeds): nine presets, and a setting that is swept over them.
SWEEPS = ((9, 5), (50, 3), (9, 50), (45, 10), (150, 3))
REVIEWS = 25_000
_SPAWN = multiprocessing.get_context("spawn")
TO_MB = 1e6 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes


@dataclass(frozen=True)
class ReportCost:
    """What one report cost. cpu_seconds: of the process and those it started; page_mb: of the page."""

    runs: int
    architectures: int
    seeds: int
    reviews: int
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    page_mb: float


def benchmark_reports(
    folder: Path,
    sweeps: Sequence[tuple[int, int]] = SWEEPS,
    reviews: int = REVIEWS,
    probe: ProbeConfig | None = None,
) -> pd.DataFrame:
    """Measure a report of each sweep; print and write the results.

    Raises:
      Failure: a report was not written.
    """
    say_load()
    costs = []
    for architectures, seeds in sweeps:
        runs = architectures * seeds
        print(f"Simulating {runs} runs: {architectures} architectures, {seeds} seeds", flush=True)
        with tempfile.TemporaryDirectory(prefix="benchmark-") as root:
            arguments = (Path(root), architectures, seeds, reviews, probe or ProbeConfig())
            in_a_process(simulate_sweep, *arguments)
            print(f"Writing the report of {runs} runs", flush=True)
            costs.append(measure_report(Path(root), architectures, seeds, reviews))
    table = pd.DataFrame([asdict(cost) for cost in costs])
    _show(table)
    write_costs(table, folder / "report.csv")
    return table


def say_load() -> None:
    load = ", ".join(f"{part:.2f}" for part in os.getloadavg())
    print(f"Load before the start (1, 5, 15 minutes): {load}", flush=True)


def in_a_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a new process: the peak memory of this one counts what it held before."""
    with ProcessPoolExecutor(1, mp_context=_SPAWN) as pool:
        return pool.submit(function, *arguments).result()


def write_costs(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    print(f"Written to {path}")


def measure_report(root: Path, architectures: int, seeds: int, reviews: int) -> ReportCost:
    """Write the report of the simulated sweep in `root`, and return what it cost."""
    command = [sys.executable, "-m", "experiments.report", "experiment=imdb", f"name={NAME}"]
    started = time.perf_counter()
    with (root / "report.log").open("w+") as log:
        process = subprocess.Popen([*command, f"root={root}"], stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode:
            log.seek(0)
            raise Failure(f"the report was not written: {log.read()[-1000:]}")
    return ReportCost(
        runs=architectures * seeds,
        architectures=architectures,
        seeds=seeds,
        reviews=reviews,
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory_mb=usage.ru_maxrss / TO_MB,
        page_mb=(root / "reports" / NAME / "index.html").stat().st_size / 1e6,
    )


def _show(table: pd.DataFrame) -> None:
    shown = Table(
        title=f"A report, by runs of {table.reviews.iloc[0]:,} test reviews", title_justify="left"
    )
    for name in ("runs", "architectures", "seeds", "seconds", "of CPU", "peak memory", "page"):
        shown.add_column(name, justify="right")
    for row in table.itertuples():
        shown.add_row(
            *(f"{row.runs:,}", str(row.architectures), str(row.seeds)),
            *(f"{row.seconds:.0f}", f"{row.cpu_seconds:.0f}"),
            *(f"{row.peak_memory_mb:,.0f} MB", f"{row.page_mb:.1f} MB"),
        )
    Console().print(shown)
