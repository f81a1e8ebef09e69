"""Read the text and select the networks for `experiments.explain`."""

from __future__ import annotations

import logging
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pipeline.config.compose import absolute_path
from pipeline.config.schema import RunConfig
from pipeline.data.cleaning import clean_text
from pipeline.errors import ConfigError, Failure
from pipeline.tracking import Store, TrainedRun, find_runs, finished_runs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExplainRequest:
    """Hold the arguments of `experiments.explain` as given on the command line; None: not given."""

    text: str | None
    file: str | None
    runs: str | None
    architectures: str | None
    seeds: str | None
    page: str | None


def read_text(request: ExplainRequest) -> str:
    """Return the text to explain, cleaned like a review.

    Raises:
      ConfigError: no text is given, or two are, or it cannot be read.
    """
    if request.text is not None and request.file is not None:
        raise ConfigError("both text and file are given; give only one")
    if request.text is not None:
        text, where = _decode(os.fsencode(request.text), "text"), "text"
    elif request.file not in (None, "-"):
        text, where = _read_file(absolute_path(str(request.file))), f"file {request.file}"
    elif request.file is None and (sys.stdin is None or sys.stdin.isatty()):
        raise ConfigError('no text; give text="...", file=review.txt, or text on standard input')
    else:
        text, where = _decode(sys.stdin.buffer.read(), "standard input"), "standard input"
    cleaned = clean_text(text)
    if not cleaned:
        raise ConfigError(f"{where} is empty; give at least one word")
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
        raise ConfigError(
            f"{where} is not UTF-8 (at byte {error.start}); save it as UTF-8"
        ) from None


def choose_runs(config: RunConfig, request: ExplainRequest) -> list[TrainedRun]:
    """Return the requested runs, in the order of the request.

    Of a tuned architecture only runs of its chosen value are considered.

    Raises:
      ConfigError: the arguments contradict each other.
      TrackingError, Failure: there is no such run.
    """
    log.info("Reading the tracked runs")
    store = Store.to_read(config)
    if request.runs is not None:
        if request.architectures or request.seeds:
            raise ConfigError("run selects the networks already; leave out architecture and seed")
        runs = find_runs(store, _split_names("run", request.runs))
        for run in runs:
            if run.config.baseline:
                raise ConfigError(
                    f"run {run.run_id} is the baseline; explain needs a recurrent network"
                )
        return runs
    loaded, damaged = finished_runs(store)
    newest_first = [run for run in loaded[::-1] if not run.config.baseline]
    known = sorted({run.config.architecture.name for run in newest_first})
    if damaged and not known:
        raise damaged[0]
    names = (
        known
        if request.architectures is None
        else _split_names("architecture", request.architectures)
    )
    chosen = []
    for name in names:
        same = [run for run in newest_first if run.config.architecture.name == name]
        broken = [one for one in damaged if one.architecture == name]
        if broken and not same:
            raise broken[0]
        for one in broken:
            log.warning("Not read: %s: %s", one.name, one.what)
        if not same:
            raise Failure(
                f"no finished run of {name!r} is tracked under {store.name!r}; "
                f"finished: {', '.join(known)}"
            )
        same = keep_chosen_value(same)
        by_seed = {str(run.config.seed): run for run in reversed(same)}  # the newest counts
        smallest = min(by_seed, key=int)
        for seed in [smallest] if request.seeds is None else _split_names("seed", request.seeds):
            if seed not in by_seed:
                seeds = ", ".join(sorted(by_seed, key=int))
                raise Failure(
                    f"no finished run of {name} has seed {seed!r}; finished seeds: {seeds}"
                )
            chosen.append(by_seed[seed])
    return chosen


def keep_chosen_value(runs: list[TrainedRun]) -> list[TrainedRun]:
    """Return the runs of one architecture that have the tuned value chosen on validation.

    As in the report of a tuned sweep, the value with the most finished seeds is chosen, then the best
    mean validation accuracy, then the smaller value. Untuned runs are all returned.
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


def _split_names(key: str, value: str) -> list[str]:
    words = [word.strip() for word in value.split(",")]
    if not all(words):
        raise ConfigError(f"{key} is {value!r}; it takes names separated by commas")
    return list(dict.fromkeys(words))
