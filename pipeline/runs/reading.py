"""One text as trained networks read it, word by word."""

from __future__ import annotations

from pipeline.analysis.explanation import Explanation, NetworkReading
from pipeline.data.reviews import Head, load_reviews
from pipeline.errors import DataError, Failure
from pipeline.models.execution import forward_on
from pipeline.probes import Network
from pipeline.probes.reading import Words, cut_words, read_words
from pipeline.runs.device import DeviceFacts
from pipeline.tracking import TrainedRun


def read(text: str, runs: list[TrainedRun], device: DeviceFacts) -> Explanation:
    """Returns every network's reading of a text.

    Raises:
      DataError: to all of them it is nothing but unknown words.
    """

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

    model, architecture = run.model(), run.config.architecture
    forward = forward_on(device.kind, model, architecture)
    network = Network(model, forward, architecture)
    return read_words(words, network, _heads(run), run.config, run.run_id)


def _heads(run: TrainedRun) -> tuple[Head, ...]:
    """Its heads, out of its texts where the run does not hold them itself."""

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
