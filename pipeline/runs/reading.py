"""Explain how trained networks read one text, word by word."""

from __future__ import annotations

import logging

from pipeline.analysis.explanation import Explanation, NetworkReading
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import Head
from pipeline.errors import DataError, Failure
from pipeline.probes.reading import Words, cut_words, read_words
from pipeline.runs.device import DeviceFacts
from pipeline.runs.networks import open_network
from pipeline.tracking import TrainedRun

log = logging.getLogger(__name__)


def explain_text(text: str, runs: list[TrainedRun], device: DeviceFacts) -> Explanation:
    """Return the reading of a text by each network.

    Raises:
      DataError: none of its words is in any vocabulary.
    """
    cut = [cut_words(text, run.tokenizer()) for run in runs]
    if all(words.unknown.all() for words in cut):
        raise DataError(
            f"no word of this text is in the vocabulary of {' or '.join(run.name for run in runs)}: "
            "give a text with words from the training texts"
        )
    networks = [_read_text(run, words, device) for run, words in zip(runs, cut, strict=True)]
    words = tuple(text[start:end] for start, end in cut[0].spans)
    return Explanation(text, words, tuple(networks))


def _read_text(run: TrainedRun, words: Words, device: DeviceFacts) -> NetworkReading:
    log.info("Reading the text with %s", run.name)
    return read_words(words, open_network(run, device), _heads(run), run.config, run.run_id)


def _heads(run: TrainedRun) -> tuple[Head, ...]:
    """Return the heads of a network: as tracked, or derived from its texts for an old run."""
    heads = run.heads()
    if heads is not None:
        return heads
    reviews = load_reviews(run.config.data)
    if run.tags.get("data_fingerprint") != reviews.fingerprint:
        raise Failure(
            f"{run.name}: its texts have changed since it was trained ({run.config.data.source}), and "
            "the names of its classes are stored nowhere else: restore the texts, or train it again"
        )
    return reviews.heads
