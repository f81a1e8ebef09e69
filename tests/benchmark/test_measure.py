"""The benchmark: its variants compute the same thing, turns count right, and the table is whole."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.benchmark.measure import COLUMNS, TOLERANCE, check_logits, has_torch, plan
from pipeline.benchmark.report import HEADER, TITLES, TUTORIAL, summarise, table_rows, write
from pipeline.benchmark.timing import Turn, Turns
from pipeline.benchmark.variants import BUILDERS, Variant, endless_batches, flops_per_token
from pipeline.benchmark.workload import Workload, as_split
from pipeline.config.compose import load_architectures
from pipeline.config.schema import ArchitectureConfig
from pipeline.errors import Failure

VOCAB_SIZE = 30
TINY = ArchitectureConfig(name="bi_lstm", cell="lstm", units=4, embedding_dim=3, bidirectional=True)
LIMIT, RATE = 50e9, 100_000.0


class Pipe:
    """A parent that gives the turns it was made with, and then ends the worker."""

    def __init__(self, *turns: Turn) -> None:
        self.turns = list(turns)
        self.answers: list[tuple[int, float]] = []

    def send(self, answer: tuple[int, float]) -> None:
        self.answers.append(answer)

    def recv(self) -> Turn | None:
        return self.turns.pop(0) if self.turns else None

    def poll(self) -> bool:
        return True


@pytest.fixture(scope="module")
def workload() -> Workload:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 12, 40)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    token_ids = rng.integers(1, VOCAB_SIZE, offsets[-1], np.int32)
    texts = [" ".join(f"w{token}" for token in row) for row in np.split(token_ids, offsets[1:-1])]
    split = as_split(token_ids, offsets, rng.integers(0, 2, (40, 1), np.int32))
    return Workload(split, texts, VOCAB_SIZE, batch_size=8)


@pytest.fixture(scope="module")
def plain_logits(workload: Workload) -> np.ndarray:
    plain = BUILDERS["masked"](Variant("masked", "masked", TINY), workload).plain
    assert plain is not None
    assert np.ptp(plain) > 100 * TOLERANCE  # or else agreement would mean nothing
    return plain


def _try_out(kind: str, workload: Workload) -> tuple[Any, list[tuple[int, float]]]:
    """The logits of an variant, and what it answers after its warm-up and after two steps."""
    built = BUILDERS[kind](Variant(kind, kind, TINY), workload)
    pipe = Pipe(Turn(steps=2))
    with pytest.raises(SystemExit):
        built.train(Turns(pipe))
    return built.logits, pipe.answers


@pytest.mark.parametrize("kind", ["project", "masked", "tutorial", "torch"])
def test_every_variant_computes_the_same_and_trains(
    kind: str, workload: Workload, plain_logits: np.ndarray
) -> None:
    if kind == "torch":
        if not has_torch():
            pytest.skip("PyTorch, an extra, is not installed")
        # In a process of its own, as in the benchmark: beside TensorFlow it crashes.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            logits, answers = pool.submit(_try_out, kind, workload).result()
    else:
        logits, answers = _try_out(kind, workload)
    np.testing.assert_allclose(logits, plain_logits, atol=TOLERANCE, rtol=0)
    _, (tokens, seconds) = answers
    assert 0 < tokens <= 2 * 8 * 12
    assert seconds > 0


def test_useful_tokens_are_those_that_are_not_padding(workload: Workload) -> None:
    batches = endless_batches(workload)
    counted = [next(iter(batches)) for _ in range(5)]
    assert sum(batch.tokens for batch in counted) == workload.split.lengths.sum()


def test_a_turn_counts_neither_sleep_nor_validation() -> None:
    class SlowPipe(Pipe):
        def recv(self) -> Turn | None:
            time.sleep(0.2)
            return super().recv()

    pipe = SlowPipe(Turn(epochs=1), Turn(steps=1))
    turns = Turns(pipe)
    for _ in range(4):
        turns.on_step(100)  # the warm-up
    turns.on_step(10)
    time.sleep(0.2)
    turns.on_epoch()
    with pytest.raises(SystemExit):
        turns.on_step(1)
    assert [tokens for tokens, _ in pipe.answers] == [400, 10, 1]
    assert all(seconds < 0.1 for _, seconds in pipe.answers)


def test_variants_that_disagree_are_refused() -> None:
    pair = [Variant("plain", "masked", TINY), Variant("other", "torch", TINY)]
    plain = np.zeros((3, 1), np.float32)
    apart = check_logits(pair, [(plain, plain), (plain + TOLERANCE / 2, None)])
    assert apart == [0, pytest.approx(TOLERANCE / 2)]
    for wrong in (plain + 2 * TOLERANCE, plain + np.nan):
        with pytest.raises(Failure, match="other, bi_lstm"):
            check_logits(pair, [(plain, plain), (wrong, None)])


def test_operations_are_those_of_the_products() -> None:
    lstm = ArchitectureConfig(name="lstm", cell="lstm", units=64, embedding_dim=64)
    assert flops_per_token(lstm) == 3 * 2 * (64 + 64) * 256
    stacked = ArchitectureConfig(name="s", cell="gru", units=8, num_layers=2, embedding_dim=4)
    assert flops_per_token(stacked) == 3 * 2 * (4 + 8 + 8 + 8) * 24


def make_turns() -> pd.DataFrame:
    """Turns as `measure_everything` gives them: the second of three is the slowest of each."""
    rows = []
    for part, variants, _, rounds in plan(load_architectures(), 1.0, 3):
        for variant in variants:
            for processes in range(1, variant.processes + 1):
                architecture = variant.architecture
                known = (part, variant.name, architecture.cell)
                known += (flops_per_token(architecture), np.nan if part == "limit" else 1e-7)
                threads = variant.threads
                # A second thread is worth less than a second process.
                rate = LIMIT if part == "limit" else RATE * processes * threads**0.5
                for number, factor in zip(range(1, rounds + 1), (1.0, 0.5, 1.1), strict=False):
                    rows.append((*known, processes, threads, number, rate * factor, 500.0))
    return pd.DataFrame(rows, columns=["part", *COLUMNS])


def test_the_table_holds_medians_their_spread_and_the_share_of_the_limit() -> None:
    table = summarise(make_turns())
    assert set(table.part) == set(TITLES)
    ours = table[(table.name == "bi_lstm") & (table.part == "architecture")].iloc[0]
    assert (ours["median"], ours.low, ours.high) == (RATE, RATE / 2, pytest.approx(1.1 * RATE))
    assert ours.limit_share == pytest.approx(RATE * 2 * 6 * 4 * 64 * 128 / LIMIT)
    pair = table[(table.name == "this project") & (table.processes == 2)].iloc[0]
    assert pair.against_tutorial == pytest.approx(2**0.5)
    assert pair.against_torch == 1 or not has_torch()
    jobs = table[(table.name == TUTORIAL) & (table.processes == 1)].set_index("threads")
    assert list(jobs.against_tutorial) == [1, 1]
    assert np.isnan(jobs.limit_share[2])
    assert np.isnan(pair.limit_share)
    epochs = table[table.part == "epoch"]
    assert list(epochs.name.str.split().str[0]) == ["first", "second"]
    assert all(len(cells) == len(HEADER) for part in TITLES for cells in table_rows(table, part))


def test_what_is_written_is_whole(tmp_path: Path) -> None:
    table = summarise(make_turns())
    write(table, ["Load: none"], tmp_path / "benchmark")
    names = sorted(path.name for path in (tmp_path / "benchmark").iterdir())
    assert names == ["benchmark.csv", "benchmark.md", "benchmark.svg"]
    assert len(pd.read_csv(tmp_path / "benchmark" / "benchmark.csv")) == len(table)
    svg = (tmp_path / "benchmark" / "benchmark.svg").read_text()
    assert svg.startswith("<svg")
    assert "stacked_bi_lstm" in svg
    assert "- Load: none" in (tmp_path / "benchmark" / "benchmark.md").read_text()
