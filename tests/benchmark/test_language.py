"""The benchmark of language models: both ways compute the same, train, and are compared fairly."""

from __future__ import annotations

import dataclasses
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.benchmark.language import list_tasks, list_variants, summarise
from pipeline.benchmark.language_torch import build_torch
from pipeline.benchmark.language_variants import PROJECT, TORCH, build_project
from pipeline.benchmark.language_workload import (
    LanguageTask,
    as_tokens,
    endless_steps,
    expected_loss,
    sample_of,
)
from pipeline.benchmark.measure import TOLERANCE, has_torch
from pipeline.benchmark.timing import Turn, Turns
from pipeline.config.schema import ArchitectureConfig

SIZE, ROWS = 5_000, 4
LSTM = ArchitectureConfig(name="lstm", cell="lstm", units=6, embedding_dim=4)


def make_tokens() -> Any:
    rng = np.random.default_rng(0)
    lengths = rng.integers(13, 90, 60)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.minimum(rng.zipf(1.2, offsets[-1]), SIZE - 2).astype(np.int32)
    ids[offsets[1:] - 1] = SIZE - 1
    return as_tokens(ids, offsets, SIZE)


class Pipe:
    """A parent that asks for one turn of two steps."""

    def __init__(self) -> None:
        self.turns: list[Any] = [Turn(steps=2), "peak memory", None]
        self.answers: list[Any] = []

    def send(self, answer: Any) -> None:
        self.answers.append(answer)

    def recv(self) -> Any:
        return self.turns.pop(0)

    def poll(self) -> bool:
        return True


def try_out(kind: str, task: LanguageTask) -> tuple[Any, Any, list[Any]]:
    """Return what a way computes, what plain layers do, and its answers to the warm-up and a turn."""
    tokens = make_tokens()
    built = build_project(task, tokens) if kind == PROJECT else build_torch(task, tokens, 1)
    pipe = Pipe()
    with pytest.raises(SystemExit):
        built.train(Turns(pipe))
    return built.logits, built.plain, pipe.answers


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
def test_both_ways_compute_the_same_and_train(cell: str, tied: bool) -> None:
    config = dataclasses.replace(LSTM, name=cell, cell=cell, tie_embeddings=tied)
    task = LanguageTask(config, SIZE, ROWS)
    ours, plain, answers = try_out(PROJECT, task)
    found = [(ours, answers)]
    if has_torch():
        context = multiprocessing.get_context("spawn")  # beside TensorFlow it crashes
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            theirs, _, turns = pool.submit(try_out, TORCH, task).result()
        found.append((theirs, turns))
    assert np.ptp(plain[:-1]) > 100 * TOLERANCE  # or else agreement would mean nothing
    for values, (_, (tokens, seconds), peak) in found:
        np.testing.assert_allclose(values, plain, atol=TOLERANCE, rtol=0)
        assert tokens == 2 * ROWS * 64
        assert seconds > 0
        assert peak > 10


def test_the_expected_loss_is_that_of_the_whole_softmax_when_all_are_candidates() -> None:
    batch = sample_of(make_tokens())
    logits = np.random.default_rng(0).normal(size=(len(batch.targets), SIZE))
    every = np.arange(SIZE)
    whole = batch._replace(candidates=every, corrections=np.zeros(SIZE))
    own = logits[np.arange(len(logits)), batch.targets]
    expected = np.mean(np.log(np.exp(logits).sum(axis=1)) - own)
    assert expected_loss(logits, whole) == pytest.approx(expected)


def test_the_sample_begins_texts_and_steps_go_on() -> None:
    tokens = make_tokens()
    batch = sample_of(tokens)
    assert (batch.inputs[:, 0] == tokens.end).all()
    assert not (batch.inputs[:, 1:] == tokens.end).any()  # where only the project resets the state
    steps = endless_steps(LanguageTask(LSTM, SIZE, ROWS), tokens)
    first, second = next(steps), next(steps)
    assert first.inputs.shape == (ROWS, 64)
    np.testing.assert_array_equal(first.targets.reshape(64, ROWS)[-1], second.inputs[:, 0])


def test_the_better_arrangement_counts() -> None:
    rates = {(PROJECT, 1, 1): 30, (PROJECT, 2, 1): 50, (PROJECT, 1, 2): 40}
    rates |= {(TORCH, 1, 1): 20, (TORCH, 2, 1): 30, (TORCH, 1, 2): 40}
    rows = [
        ("t", name, processes, threads, rate * factor, 100.0)
        for (name, processes, threads), rate in rates.items()
        for factor in (1.0, 0.5, 1.2)
    ]
    columns = ["task", "name", "processes", "threads", "rate", "peak_mb"]
    table = summarise(pd.DataFrame(rows, columns=columns))
    ratios = table.set_index(["name", "processes", "cores"]).against_torch
    assert ratios[PROJECT, 1, 1] == 30 / 20
    assert ratios[PROJECT, 2, 2] == 50 / 40
    assert ratios[TORCH, 2, 2] == 30 / 40
    fastest = table[table.fastest].set_index(["name", "cores"]).processes
    assert fastest.to_dict() == {(PROJECT, 1): 1, (PROJECT, 2): 2, (TORCH, 1): 1, (TORCH, 2): 1}


def test_every_task_is_tried_on_one_core_and_on_two() -> None:
    for task in list_tasks():
        variants = list_variants(task)
        assert len({str(one.task) for one in variants}) == 1
        assert {one.threads for one in variants} <= {1, 2}
    assert len({str(task) for task in list_tasks()}) == len(list_tasks())
