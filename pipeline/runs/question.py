"""What is asked about one text: the text, and the networks that are to read it."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pipeline.config.schema import RunConfig
from pipeline.data.cleaning import clean_text
from pipeline.errors import ConfigError, Failure
from pipeline.tracking import Store, TrainedRun, find_runs, finished_runs


@dataclass(frozen=True)
class ExplainRequest:
    """What is asked on the command line, as it stands there; None: not said."""

    text: str | None
    file: str | None
    runs: str | None
    architectures: str | None
    seeds: str | None
    page: str | None


def read_text(question: ExplainRequest) -> str:
    """The text, cleaned as every review is.

    Raises:
      ConfigError: there is none, or two, or it cannot be read.
    """
    if question.text is not None and question.file is not None:
        raise ConfigError("text and file are both given; give one of them")
    if question.text is not None:
        text, where = _decode(os.fsencode(question.text), "text"), "text"
    elif question.file not in (None, "-"):
        text, where = _read_file(Path(question.file)), f"file {question.file}"
    elif question.file is None and sys.stdin.isatty():
        raise ConfigError('no text; give text="...", file=review.txt, or text on standard input')
    else:
        text, where = _decode(sys.stdin.buffer.read(), "standard input"), "standard input"
    cleaned = clean_text(text)
    if not cleaned:
        raise ConfigError(f"{where} is empty; give at least a word")
    return cleaned


def _read_file(path: Path) -> str:
    try:
        return _decode(path.read_bytes(), f"file {path}")
    except OSError as error:
        raise ConfigError(f"file {path} cannot be read: {error.strerror}") from None


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}, byte {error.start}: not UTF-8; save it as UTF-8") from None


def choose_runs(config: RunConfig, question: ExplainRequest) -> list[TrainedRun]:
    """The runs asked for, in that order; of a tuned architecture those of the value chosen for it.

    Raises:
      ConfigError: what is asked contradicts itself. TrackingError, Failure: there is no such run.
    """
    store = Store.of(config)
    if question.runs is not None:
        if question.architectures or question.seeds:
            raise ConfigError("run names the networks; leave out architecture and seed")
        runs = find_runs(store, _listed("run", question.runs))
        for run in runs:
            if run.config.baseline:
                raise ConfigError(
                    f"run {run.run_id} is the order-free baseline, which reads no order"
                )
        return runs
    newest_first = [run for run in finished_runs(store)[::-1] if not run.config.baseline]
    known = sorted({run.config.architecture.name for run in newest_first})
    names = (
        known if question.architectures is None else _listed("architecture", question.architectures)
    )
    chosen = []
    for name in names:
        same = [run for run in newest_first if run.config.architecture.name == name]
        if not same:
            raise Failure(
                f"no finished run of {name!r} is tracked under {store.name!r}; it has {', '.join(known)}"
            )
        same = keep_chosen_value(same)
        by_seed = {str(run.config.seed): run for run in reversed(same)}  # the newest counts
        smallest = min(by_seed, key=int)
        for seed in [smallest] if question.seeds is None else _listed("seed", question.seeds):
            if seed not in by_seed:
                there = ", ".join(sorted(by_seed, key=int))
                raise Failure(f"no finished run of {name} has seed {seed!r}; there is {there}")
            chosen.append(by_seed[seed])
    return chosen


def keep_chosen_value(runs: list[TrainedRun]) -> list[TrainedRun]:
    """Return those runs of one architecture that have the value chosen for it on validation.

    As in the report of a tuned sweep it is the value with the best mean validation accuracy, after all
    values at which more seeds finished, and of equals the smaller one. Runs that tune nothing stay.
    """
    by_value: dict[tuple[float, ...], list[TrainedRun]] = {}
    for run in runs:
        by_value.setdefault(tuple(run.config.tuned_values().values()), []).append(run)

    def rank(value: tuple[float, ...]) -> tuple[int, float, tuple[float, ...]]:
        same = by_value[value]
        accuracies = [run.val_accuracy for run in same if run.val_accuracy is not None]
        seeds = len({run.config.seed for run in same})
        return -seeds, -fmean(accuracies) if accuracies else math.inf, value

    return by_value[min(by_value, key=rank)]


def _listed(key: str, value: str) -> list[str]:
    words = [word.strip() for word in value.split(",")]
    if not all(words):
        raise ConfigError(f"{key} is {value!r}; it may hold names with commas between them")
    return list(dict.fromkeys(words))
