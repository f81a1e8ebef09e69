"""Read the texts and select the networks for `experiments.explain` and `experiments.generate`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.compose import absolute_path
from pipeline.config.programs import find_with
from pipeline.config.schema import RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.data.cleaning import clean_text
from pipeline.errors import ConfigError, Failure
from pipeline.tracking import Store, TrainedRun, find_runs, finished_runs
from pipeline.tracking.tuned import without_rejected

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


@dataclass(frozen=True)
class GenerateRequest:
    """Hold the arguments of `experiments.generate` but those of drawing; None: not given."""

    prompt: str | None
    file: str | None
    runs: str | None
    architectures: str | None
    seeds: str | None
    page: str | None


@dataclass(frozen=True)
class Use:
    """Describe what a program does with networks.

    seed_word: its argument that selects by seed. refuse: return why it cannot use a run, and what to do
    instead, or None.
    """

    seed_word: str
    refuse: Callable[[TrainedRun, RunConfig], str | None]


def read_text(request: ExplainRequest) -> str:
    """Return the text to explain, cleaned like a review.

    Raises:
      ConfigError: no text is given, or two are, or it cannot be read.
    """
    found = _read_given("text", request.text, request.file)
    if found is None:
        raise ConfigError('no text; give text="...", file=review.txt, or text on standard input')
    text, where = found
    cleaned = clean_text(text)
    if not cleaned:
        raise ConfigError(f"{where} is empty; give at least one word")
    return cleaned


def read_prompts(request: GenerateRequest) -> tuple[str, ...]:
    """Return the prompts, cleaned like reviews: one, or those of a file, a line each.

    An empty prompt begins a text, and so does a terminal on which none is given.

    Raises:
      ConfigError: two ways are given, or it cannot be read, or a file holds nothing.
    """
    found = _read_given("prompt", request.prompt, request.file)
    if found is None:
        return ("",)
    text, where = found
    if request.prompt is not None:
        return (clean_text(text),)
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if not text:
        raise ConfigError(f"{where} is empty; give a prompt a line: an empty line begins a text")
    return tuple(map(clean_text, lines))


def _read_given(word: str, value: str | None, file: str | None) -> tuple[str, str] | None:
    """Return what is given by a word, in a file or as standard input, and what to call that place.

    None: nothing is given, on a terminal.
    """
    if value is not None and file is not None:
        raise ConfigError(f"both {word} and file are given; give only one")
    if value is not None:
        return _decode(os.fsencode(value), word), word
    if file not in (None, "-"):
        return _read_file(absolute_path(str(file))), f"file {file}"
    if file is None and (sys.stdin is None or sys.stdin.isatty()):
        return None
    return _decode(sys.stdin.buffer.read(), "standard input"), "standard input"


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


def refuse_to_explain(run: TrainedRun, config: RunConfig) -> str | None:
    """Return why a run answers nothing about a text, or None if it does."""
    if run.config.baseline:
        return "is the baseline; explain needs a recurrent network"
    if isinstance(run.config.task, LanguageConfig):
        instead = find_with("generate", config, [f"run={run.run_id[:8]}"])
        return f'is a language model, which writes and answers nothing; use {instead} prompt="..."'
    return None


def refuse_to_write(run: TrainedRun, config: RunConfig) -> str | None:
    """Return why a run cannot write on from a prompt, or None if it can."""
    if not isinstance(run.config.task, LanguageConfig):
        reason = "is no language model: it classifies texts and writes none"
        if run.config.baseline:
            return reason
        return f'{reason}; use {find_with("explain", config, [f"run={run.run_id[:8]}"])} text="..."'
    if run.config.baseline:
        return "is the baseline; generate needs a recurrent network"
    if run.config.task.is_backward:
        return (
            "reads texts from their end (task.direction=backward), so it cannot write on from a prompt; "
            "choose a run that was trained with task.direction=forward"
        )
    return None


EXPLAIN = Use("seed", refuse_to_explain)
GENERATE = Use("trained_seed", refuse_to_write)


def choose_runs(
    config: RunConfig, request: ExplainRequest | GenerateRequest, use: Use = EXPLAIN
) -> list[TrainedRun]:
    """Return the requested runs, in the order of the request.

    Of a tuned architecture only runs of its chosen value are considered.

    Raises:
      ConfigError: the arguments contradict each other, or a run named by its id is of no use.
      TrackingError, Failure: there is no such run.
    """
    log.info("Reading the tracked runs")
    store = Store.to_read(config)
    if request.runs is not None:
        if request.architectures or request.seeds:
            raise ConfigError(
                f"run selects the networks already; leave out architecture and {use.seed_word}"
            )
        runs = find_runs(store, _split_names("run", request.runs))
        for run in runs:
            if (reason := use.refuse(run, config)) is not None:
                raise ConfigError(f"run {run.run_id} {reason}")
        return runs
    loaded, damaged = finished_runs(store)
    newest_first = _keep_useful(loaded[::-1], use, config)
    known = sorted({run.config.architecture.name for run in newest_first})
    if damaged and not known:
        raise damaged[0]
    newest_first = without_rejected(store, newest_first)
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
        by_seed = {str(run.config.seed): run for run in reversed(same)}  # the newest counts
        smallest = min(by_seed, key=int)
        asked = [smallest] if request.seeds is None else _split_names(use.seed_word, request.seeds)
        for seed in asked:
            if seed not in by_seed:
                seeds = ", ".join(sorted(by_seed, key=int))
                raise Failure(
                    f"no finished run of {name} has seed {seed!r}; finished seeds: {seeds}"
                )
            chosen.append(by_seed[seed])
    return chosen


def _keep_useful(runs: list[TrainedRun], use: Use, config: RunConfig) -> list[TrainedRun]:
    """Return the runs that a program can use.

    Raises:
      Failure: it can use none of the networks among them.
    """
    reasons = {run.run_id: use.refuse(run, config) for run in runs}
    useful = [run for run in runs if reasons[run.run_id] is None]
    if runs and not useful:
        first = next((run for run in runs if not run.config.baseline), runs[0])
        raise Failure(f"{first.name} (run {first.run_id}) {reasons[first.run_id]}")
    return useful


def _split_names(key: str, value: str) -> list[str]:
    words = [word.strip() for word in value.split(",")]
    if not all(words):
        raise ConfigError(f"{key} is {value!r}; it takes names separated by commas")
    return list(dict.fromkeys(words))
