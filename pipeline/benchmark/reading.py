"""Measure what it costs to read a table: seconds and memory, for tables of ever more texts.

Every table is generated, read, cleaned, cut into splits and encoded in processes of their own, first
without a cache and then with the one that the first has left, as the later runs of a sweep find it.
Seconds do not include the start of Python. Memory is the largest resident set of the process, as the
system counts it. Nothing generated is kept.

Writes `reports/benchmark/reading.csv`.
"""

from __future__ import annotations

import csv
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.benchmark.reporting import TO_MB, in_a_process, say_load, write_costs
from pipeline.config.schema import TokenizerConfig
from pipeline.config.tables import CsvConfig

SIZES = (10_000, 100_000, 1_000_000)
_WORDS = 60_000  # different ones in the generated texts
_MEAN_WORDS = 215  # of a text, some 1.3 kB
_PART = 5_000  # texts that are generated at a time


@dataclass(frozen=True)
class ReadingCost:
    """What one table cost.

    seconds: of reading, cleaning and splitting; encoding_seconds: of its vocabulary and ids;
    cached_seconds, cached_memory_mb: of all of this again, from the caches.
    """

    texts: int
    table_mb: float
    seconds: float
    encoding_seconds: float
    peak_memory_mb: float
    cached_seconds: float
    cached_memory_mb: float


def benchmark_reading(folder: Path, sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """Measure the reading of a table of each size; print and write the results."""
    say_load()
    costs = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as place:
            table = Path(place) / "texts.csv"
            print(f"Generating {size:,} texts", flush=True)
            in_a_process(write_table, table, size)
            print(f"Reading {size:,} texts", flush=True)
            seconds, encoding, peak = in_a_process(read_table, table, Path(place) / "cache")
            again = in_a_process(read_table, table, Path(place) / "cache")
            size_mb = table.stat().st_size / 1e6
        cached = (again[0] + again[1], again[2])
        costs.append(ReadingCost(size, size_mb, seconds, encoding, peak, *cached))
    found = pd.DataFrame([asdict(cost) for cost in costs])
    _show(found)
    write_costs(found, folder / "reading.csv")
    return found


def write_table(path: Path, texts: int, seed: int = 0) -> None:
    """Write a table of so many different texts, with Zipf-like word frequencies and two labels."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    lengths = rng.integers(3, 8, _WORDS)
    words = np.array(["".join(rng.choice(letters, length)) for length in lengths], dtype=object)
    frequencies = 1 / (np.arange(_WORDS) + 2.7)
    cumulated = np.cumsum(frequencies / frequencies.sum())
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for start in range(0, texts, _PART):
            count = min(_PART, texts - start)
            sizes = rng.lognormal(np.log(_MEAN_WORDS) - 0.77**2 / 2, 0.77, count).clip(10, 2_500)
            ends = np.cumsum(sizes.astype(int))
            drawn = words[np.searchsorted(cumulated, rng.random(ends[-1])).clip(0, _WORDS - 1)]
            for row, chosen in enumerate(np.split(drawn, ends[:-1]), start=start):
                writer.writerow(
                    [f"{' '.join(chosen)}, number {row}.<br />", "pos" if row % 2 else "neg"]
                )


def read_table(table: Path, cache: Path) -> tuple[float, float, float]:
    """Return the seconds until the texts are split, those until they are encoded, and the peak in MB."""
    from pipeline.data.reviews import load_reviews
    from pipeline.tokens.encoding import encode_splits

    started = time.perf_counter()
    splits = load_reviews(CsvConfig(path=str(table)), cache)
    loaded = time.perf_counter()
    encode_splits(splits, TokenizerConfig(), cache)
    ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / TO_MB
    return loaded - started, ended - loaded, peak


def _show(found: pd.DataFrame) -> None:
    shown = Table(title="A table, by its texts; again: from the caches", title_justify="left")
    for name in ("texts", "table", "read", "encoded", "peak memory", "again", "peak memory"):
        shown.add_column(name, justify="right")
    for row in found.itertuples():
        shown.add_row(
            *(f"{row.texts:,}", f"{row.table_mb:,.0f} MB"),
            *(
                f"{row.seconds:.1f} s",
                f"{row.encoding_seconds:.1f} s",
                f"{row.peak_memory_mb:,.0f} MB",
            ),
            *(f"{row.cached_seconds:.1f} s", f"{row.cached_memory_mb:,.0f} MB"),
        )
    Console().print(shown)
