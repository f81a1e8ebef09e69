"""One text as trained networks read it: on the terminal and as a page.

python -m experiments.explain run=4f1d2c3a \\
    text="While watching the movie, I could only think of how terrible it was."
python -m experiments.explain text="..." architecture=lstm,gru experiment=imdb seed=0
python -m experiments.explain file=review.txt run=4f1d2c3a,9be07f10 page=explain.html
echo "..." | python -m experiments.explain experiment=quickstart

text, file   what to read; without either it is read from standard input (as with file=-)
run          ids of runs, or as much of each as tells it from the others
architecture, seed, experiment
             without run: the newest run of each of these; without architecture every one, without
             seed the smallest that finished
page         where to write, in place of reports/<experiment>/explain.html

Further words are settings as everywhere, such as root=... and tracking.uri=...
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from experiments.explain_table import show
from experiments.program import Failure, report_error, run_program, take_word
from pipeline.cleaning import clean_text
from pipeline.composition import build
from pipeline.config import ConfigError, DataError, RunConfig
from pipeline.explanation import Explanation
from pipeline.report.explained import write_explanation
from pipeline.reviews import Head

if TYPE_CHECKING:  # TensorFlow comes in after its threads are set
    from pipeline.device import DeviceFacts
    from pipeline.explanation import NetworkReading
    from pipeline.probes.reading import Words
    from pipeline.tracking import TrainedRun


@dataclass(frozen=True)
class Question:
    """What is asked on the command line, as it stands there; None: not said."""

    text: str | None
    file: str | None
    runs: str | None
    architectures: str | None
    seeds: str | None
    page: str | None


def main() -> None:
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(__doc__)
        return
    # Taken from the command line as they stand: in a text, a comma, a quote or a brace is itself, while
    # to Hydra each would be grammar, and several runs or architectures here are no sweep.
    question = Question(*map(take_word, ("text", "file", "run", "architecture", "seed", "page")))

    def task(tree: DictConfig) -> int:
        return explain(tree, question)

    run_program(task, mode="RUN")


def explain(tree: DictConfig, question: Question) -> int:
    """Reads the text with every network that is asked for, shows it and writes it; the exit status."""
    config = build(tree)
    try:
        text = read_text(question)
        runs = choose_runs(config, question)
        explanation = read(text, runs, config)
        path = Path(config.root) / "reports" / runs[0].config.name / "explain.html"
        page = write_explanation(explanation, Path(question.page) if question.page else path)
    except Exception as error:
        return report_error(error)
    show(explanation)
    print(f"Page: {page}")
    return 0


def read_text(question: Question) -> str:
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


def choose_runs(config: RunConfig, question: Question) -> list[TrainedRun]:
    """The runs asked for, in that order.

    Raises:
      ConfigError: what is asked contradicts itself. TrackingError, Failure: there is no such run.
    """
    from pipeline.tracking import Store, find_runs, finished_runs

    store = Store.of(config)
    if question.runs is not None:
        if question.architectures or question.seeds:
            raise ConfigError("run names the networks; leave out architecture and seed")
        runs = find_runs(store, _listed("run", question.runs))
        for run in runs:
            if run.config.control:
                raise ConfigError(
                    f"run {run.run_id} is the order-free control, which reads no order"
                )
        return runs
    newest_first = [run for run in finished_runs(store)[::-1] if not run.config.control]
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
        by_seed = {str(run.config.seed): run for run in reversed(same)}  # the newest counts
        smallest = min(by_seed, key=int)
        for seed in [smallest] if question.seeds is None else _listed("seed", question.seeds):
            if seed not in by_seed:
                there = ", ".join(sorted(by_seed, key=int))
                raise Failure(f"no finished run of {name} has seed {seed!r}; there is {there}")
            chosen.append(by_seed[seed])
    return chosen


def _listed(key: str, value: str) -> list[str]:
    words = [word.strip() for word in value.split(",")]
    if not all(words):
        raise ConfigError(f"{key} is {value!r}; it may hold names with commas between them")
    return list(dict.fromkeys(words))


def read(text: str, runs: list[TrainedRun], config: RunConfig) -> Explanation:
    """Every network's reading of a text.

    Raises:
      DataError: to all of them it is nothing but unknown words.
    """
    from pipeline.device import prepare_device

    device = prepare_device(config.device, 1)
    from pipeline.probes.reading import cut_words

    cut = [cut_words(text, run.tokenizer()) for run in runs]
    if all(words.unknown.all() for words in cut):
        raise DataError(
            f"no word of this text is in the vocabulary of {' or '.join(run.name for run in runs)}: "
            "give a text with words that stand in the training texts"
        )
    networks = [_read(run, words, device) for run, words in zip(runs, cut, strict=True)]
    words = tuple(text[start:end] for start, end in cut[0].spans)
    return Explanation(text, words, tuple(networks))


def _read(run: TrainedRun, words: Words, device: DeviceFacts) -> NetworkReading:
    from pipeline.architectures import forward_of
    from pipeline.kernels import fuse
    from pipeline.probes import Network
    from pipeline.probes.reading import read_words

    model, architecture = run.model(), run.config.architecture
    forward = fuse(model, architecture) if device.kind == "cpu" else forward_of(model)
    network = Network(model, forward, architecture)
    return read_words(words, network, _heads(run), run.config, run.run_id)


def _heads(run: TrainedRun) -> tuple[Head, ...]:
    """Its heads, out of its texts where the run does not hold them itself."""
    from pipeline.reviews import load_reviews

    heads = run.heads()
    if heads is not None:
        return heads
    reviews = load_reviews(run.config.data)
    if run.tags.get("data_fingerprint") != reviews.fingerprint:
        raise Failure(
            f"{run.name}: its texts are no longer what it was trained on ({run.config.data.source}), "
            "and what its answers mean stands nowhere else: put them back, or train it again"
        )
    return reviews.heads


if __name__ == "__main__":
    main()
