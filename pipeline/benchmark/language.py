"""Measure how fast language models train, beside the best arrangement of PyTorch that is known here.

Both train the same network on the same streams of tokens, with the same candidates of a sampled
softmax, clipping and Adam. Each is measured alone in one thread, in two processes of one thread, and in
one process of two threads; what counts on two cores is the better of these. Before anything is
timed, equal weights must give equal logits and an equal loss. PyTorch carries the state past the end of
a text, which `torch.nn.LSTM` cannot avoid; the project sets it to zero there.

Writes `reports/benchmark/language.csv`.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.analysis.frames import rows_of
from pipeline.benchmark.language_variants import PROJECT, TORCH, LanguageVariant
from pipeline.benchmark.language_workload import LanguageTask, prepare_tokens
from pipeline.benchmark.measure import has_torch, measure
from pipeline.benchmark.report import describe_run
from pipeline.benchmark.timing import Turn
from pipeline.config.machine import available_cores
from pipeline.config.schema import ArchitectureConfig
from pipeline.files import replacing

_SPAWN = multiprocessing.get_context("spawn")


def list_tasks() -> list[LanguageTask]:
    lstm = ArchitectureConfig(name="lstm", cell="lstm", units=256, embedding_dim=128)
    tied = dataclasses.replace(lstm, tie_embeddings=True)
    others = [dataclasses.replace(tied, name=cell, cell=cell) for cell in ("gru", "simple_rnn")]
    return [
        *(LanguageTask(one, 20_000, 64) for one in (lstm, tied, *others)),
        *(LanguageTask(one, 30_000, 96) for one in (lstm, tied)),
    ]


def list_variants(task: LanguageTask) -> list[LanguageVariant]:
    both = min(2, available_cores())
    names = [PROJECT, TORCH] if has_torch() else [PROJECT]
    alone = [LanguageVariant(name, task, processes=both) for name in names]
    threaded = [LanguageVariant(name, task, threads=both) for name in names] if both > 1 else []
    return alone + threaded


def benchmark_language(
    seconds: float, rounds: int, folder: Path, tasks: list[LanguageTask] | None = None
) -> pd.DataFrame:
    """Measure language models; print and write the results.

    Raises:
      Failure: the variants disagree, or a worker ended early.
    """
    tasks, load, parts = tasks or list_tasks(), os.getloadavg(), []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as prepared:
        sizes = sorted({task.vocab_size for task in tasks})
        with ProcessPoolExecutor(1, mp_context=_SPAWN) as pool:
            source = pool.submit(prepare_tokens, Path(prepared), sizes).result()
        print(f"Texts: {source}", *describe_run(seconds, rounds, load, has_torch())[:3], sep="\n")
        for task in tasks:
            print(f"Measuring {task}", flush=True)
            turns = measure(list_variants(task), Path(prepared), Turn(seconds=seconds), rounds)
            parts.append(turns.assign(task=str(task)))
    table = summarise(pd.concat(parts, ignore_index=True))
    show(table)
    with replacing(folder / "language.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    print(f"Written to {folder}")
    return table


def summarise(turns: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each task and number of cores in use, with its best arrangements.

    project, torch: median tokens a second of the faster arrangement, with its processes; ratio: of the
    two; peak_mb: peak memory of one of its processes.
    """
    turns = turns.assign(cores=turns.processes * turns.threads)
    keys = ["task", "cores", "name", "processes"]
    medians = turns.groupby(keys, sort=False).agg(
        rate=("rate", "median"),
        low=("rate", "min"),
        high=("rate", "max"),
        peak_mb=("peak_mb", "max"),
    )
    medians = medians.reset_index()
    best = medians.loc[medians.groupby(["task", "cores", "name"], sort=False).rate.idxmax()]
    torch = best[best.name == TORCH].set_index(["task", "cores"]).rate
    medians["fastest"] = medians.index.isin(best.index)
    at = pd.MultiIndex.from_frame(medians[["task", "cores"]])
    medians["against_torch"] = medians.rate / torch.reindex(at).to_numpy()
    return medians


def show(table: pd.DataFrame) -> None:
    shown = Table(title="Language models, tokens per second", title_justify="left")
    for place, name in enumerate(
        (
            "task",
            "variant",
            "processes × threads",
            "median",
            "range over turns",
            "× PyTorch",
            "MB each",
        )
    ):
        shown.add_column(name, justify="right" if place > 1 else "left")
    for row in rows_of(table):
        arranged = f"{row.processes} × {row.cores // row.processes}"
        ratio = "" if pd.isna(row.against_torch) else f"{row.against_torch:.2f}"
        rates = f"{row.rate:,.0f}", f"{row.low:,.0f} to {row.high:,.0f}"
        shown.add_row(row.task, row.name, arranged, *rates, ratio, f"{row.peak_mb:,.0f}")
    Console(width=None if Console().is_terminal else 140).print(shown)
