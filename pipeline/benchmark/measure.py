"""Measure how fast the project trains, compared with its peers and with the machine's limit.

Each variant trains in its own worker process with one thread; the tutorial's recipe also runs
unmodified, in one process with a thread for each core. Workers take turns of a few seconds, A B C A B C
..., and sleep in between, so that any disturbance of the machine affects all alike. Tracing and first
steps are done before the first turn. Before anything is timed, equal weights must give equal logits.
Throughput is in useful tokens (not padding) per second of whole training steps: batching, forward and
backward pass, clipping and Adam.

The share of the machine's limit is throughput times `variants.flops_per_token` (for each layer and
direction 6 G U (F + U), with G gates, U units, F inputs) divided by the rate at which one thread
computes the matrix products of a recurrent step of that cell.

Writes `reports/benchmark/benchmark.csv`, `.md` and `.svg`. The exit status is 1 if variants disagree or
one of them fails.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pipeline.benchmark.report import (
    ARCHITECTURES,
    BY_EPOCH,
    BY_LENGTH,
    BY_REVIEWS,
    LIMITS,
    TUTORIAL,
    VARIANTS,
    describe_run,
    show,
    summarise,
    write,
)
from pipeline.benchmark.timing import PEAK, Turn
from pipeline.benchmark.variants import Variant
from pipeline.benchmark.workload import prepare_texts
from pipeline.cells import cells
from pipeline.config.compose import load_architectures
from pipeline.config.machine import available_cores
from pipeline.config.schema import ArchitectureConfig
from pipeline.errors import Failure

TOLERANCE = 1e-4  # the largest difference of logits with equal weights

REVIEWS = (1_000, 5_000, 25_000)

LENGTHS = (100, 200, 400, 800, 1_600)

_EPOCH_REVIEWS = 5_000

COLUMNS = (
    "name",
    "cell",
    "flops",
    "logits_apart",
    "processes",
    "threads",
    "round",
    "rate",
    "peak_mb",
)

_SPAWN = multiprocessing.get_context("spawn")  # never fork a process that has imported TensorFlow


def benchmark(seconds: float, rounds: int, folder: Path) -> None:
    """Measure everything; print and write the results.

    Raises:
      Failure: variants disagree, or a worker ended early.
    """
    started, load = time.perf_counter(), os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as prepared:
        with ProcessPoolExecutor(1, mp_context=_SPAWN) as pool:
            facts = pool.submit(prepare_texts, Path(prepared)).result()
        facts += describe_run(seconds, rounds, load, has_torch())
        print(*facts, sep="\n", flush=True)
        table = summarise(measure_everything(Path(prepared), seconds, rounds))
    facts.append(f"Took {time.perf_counter() - started:,.0f} s")
    show(table)
    print(f"Written to {write(table, facts, folder)}")


def measure_everything(prepared: Path, seconds: float, rounds: int) -> pd.DataFrame:
    """Measure all parts; return a row for each turn: part and `COLUMNS`.

    Rates are in tokens (for limits, in operations) per second.
    """
    parts = []
    for part, variants, turn, times in plan(load_architectures(), seconds, rounds):
        print(f"Measuring by {part}: {', '.join(one.name for one in variants)}", flush=True)
        parts.append(measure(variants, prepared, turn, times).assign(part=part))
    return pd.concat(parts, ignore_index=True)


def plan(
    architectures: dict[str, ArchitectureConfig], seconds: float, rounds: int
) -> Iterator[tuple[str, list[Variant], Turn, int]]:
    """Yield each part with its variants, its turn and its number of rounds.

    The compared variants have the longest turns, because a step of the tutorial's recipe takes a second.
    """
    bi_lstm = architectures["bi_lstm"]
    shorter, fewer = Turn(seconds=seconds * 2 / 3), min(rounds, 3)
    yield VARIANTS, list_variants(bi_lstm), Turn(seconds=seconds), rounds
    named = architectures.items()
    yield ARCHITECTURES, [Variant(name, "project", a) for name, a in named], shorter, rounds
    first = {a.cell: a for a in reversed(architectures.values())}  # of each cell
    products = [
        Variant(one.name, "product", first[one.name]) for one in cells() if one.name in first
    ]
    yield LIMITS, products, Turn(seconds=seconds / 3), rounds
    again = Variant("", "project", bi_lstm, checked=False)
    sizes = [dataclasses.replace(again, name=f"{size:,}", reviews=size) for size in REVIEWS]
    yield BY_REVIEWS, sizes, shorter, fewer
    lengths = [dataclasses.replace(again, name=f"{n:,}", row_length=n) for n in LENGTHS]
    yield BY_LENGTH, lengths, shorter, fewer
    size = _EPOCH_REVIEWS
    epoch = dataclasses.replace(again, name=f"of {size:,}", reviews=size)
    yield BY_EPOCH, [epoch], Turn(epochs=1), 2


def list_variants(bi_lstm: ArchitectureConfig) -> list[Variant]:
    """List the variants to compare: each alone, and the four main ones also on two cores."""
    both = min(2, available_cores())
    dropped = dataclasses.replace(bi_lstm, dropout=0.5)
    compared = [
        Variant("this project", "project", bi_lstm, processes=both),
        Variant("Keras with masks", "masked", bi_lstm, processes=both),
        Variant(TUTORIAL, "tutorial", bi_lstm, processes=both),
    ]
    if has_torch():
        compared.append(Variant("PyTorch", "torch", bi_lstm, processes=both))
    if both > 1:  # the tutorial as its users run it
        compared.append(Variant(TUTORIAL, "tutorial", bi_lstm, threads=both))
    return [
        *compared,
        Variant("this project, dropout 0.5", "project", dropped),
        Variant("tutorial, cut to 400 tokens", "tutorial", bi_lstm, max_length=400),
    ]


def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


class Measured(Protocol):
    """Describe what is measured, as `Variant` does.

    compared: what the variants with equal logits have in common; flops: operations of a token.
    """

    @property
    def name(self) -> str: ...

    @property
    def architecture(self) -> ArchitectureConfig: ...

    @property
    def processes(self) -> int: ...

    @property
    def threads(self) -> int: ...

    @property
    def compared(self) -> Any: ...

    @property
    def flops(self) -> int: ...

    def work(self, folder: Path, pipe: Any, barrier: Any) -> None:
        """Send logits, those by plain layers, and then train in turns."""
        ...


class Worker:
    """A process that trains one variant when told to."""

    def __init__(self, variant: Measured, prepared: Path, barrier: Any) -> None:
        self.variant = variant
        self.pipe, theirs = _SPAWN.Pipe()
        arguments = (prepared, theirs, barrier)
        self.process = _SPAWN.Process(target=variant.work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()

    def receive(self) -> Any:
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join()
            status = self.process.exitcode
            raise Failure(f"{self.variant.name}: its worker ended, status {status}") from None

    def ask(self, question: Any) -> Any:
        self.pipe.send(question)
        return self.receive()

    def end(self) -> None:
        self.process.terminate()
        self.process.join()


@contextmanager
def start_workers(
    variants: Sequence[Measured], prepared: Path
) -> Iterator[list[tuple[Measured, float, list[Worker]]]]:
    """Yield each variant, the difference of its logits from plain Keras's, and its warmed-up workers."""
    with ExitStack() as stack:

        def start(variant: Measured) -> tuple[list[Worker], Any]:
            barrier = _SPAWN.Barrier(variant.processes)
            workers = []
            for _ in range(variant.processes):
                workers.append(Worker(variant, prepared, barrier))
                stack.callback(workers[-1].end)
            logits = [worker.receive() for worker in workers]
            for worker in workers:
                worker.receive()  # the turn that warms it up
            return workers, logits[0]

        with ThreadPoolExecutor(available_cores()) as pool:
            started = list(pool.map(start, variants))
        apart = check_logits(variants, [logits for _, logits in started])
        yield list(zip(variants, apart, [workers for workers, _ in started], strict=True))


def check_logits(variants: Sequence[Measured], computed: Sequence[tuple[Any, Any]]) -> list[float]:
    """Return the largest difference of each variant's logits from plain Keras's, with equal weights.

    Args:
      variants: the variants.
      computed: for each variant its logits, if any, and those of plain layers, if it has TensorFlow.

    Raises:
      Failure: a difference is larger than `TOLERANCE`.
    """
    keys = [one.compared for one in variants]
    plain = {
        key: expected
        for key, (_, expected) in zip(keys, computed, strict=True)
        if expected is not None
    }
    apart = []
    for variant, key, (logits, _) in zip(variants, keys, computed, strict=True):
        apart.append(np.nan if logits is None else float(np.abs(logits - plain[key]).max()))
        if logits is not None and not apart[-1] <= TOLERANCE:
            raise Failure(
                f"{variant.name}, {variant.architecture.name}: with equal weights its logits differ "
                f"by {apart[-1]:.2g} from those of plain Keras layers; {TOLERANCE:g} is allowed"
            )
    return apart


def measure(variants: Sequence[Measured], prepared: Path, turn: Turn, rounds: int) -> pd.DataFrame:
    """Measure variants in turn; return a row for each turn, with `COLUMNS`."""
    rows = []
    with start_workers(variants, prepared) as started:
        several = [entry for entry in started if entry[0].processes > 1]
        turns = [(one, apart, workers[:1]) for one, apart, workers in started] + several
        for number, (one, apart, workers) in itertools.product(range(1, rounds + 1), turns):
            known = (one.name, one.architecture.cell, one.flops)
            rate = run_turn(workers, turn)
            peak = workers[0].ask(PEAK)
            rows.append((*known, apart, len(workers), one.threads, number, rate, peak))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def run_turn(workers: Sequence[Worker], turn: Turn) -> float:
    """Let workers train at the same time; return their total of useful tokens per second."""
    together = len(workers) > 1
    for worker in workers:
        worker.pipe.send(dataclasses.replace(turn, together=together))
    counted = [worker.receive() for worker in workers]
    if together:  # all kept training until here, so that none was measured alone
        for worker in workers:
            worker.pipe.send("rest")
        for worker in workers:
            worker.receive()
    return sum(tokens / seconds for tokens, seconds in counted)
