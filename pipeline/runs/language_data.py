"""Load what language models read, for training, for probes and for the baseline alike."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.programs import quiet
from pipeline.config.schema import RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.data.language_texts import LanguageTexts, load_language_texts
from pipeline.models.language_model import LanguageNetwork, LanguageReader, open_language_model
from pipeline.models.ngram_baseline import NgramReader, fit_ngram
from pipeline.probes.language import LanguageSubject
from pipeline.runs.networks import load_model
from pipeline.tokens.language import LanguageTokens, encode_language
from pipeline.tokens.streams import in_order_of_reading
from pipeline.tracking import TrainedRun

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LanguageData:
    """Hold the texts of language models and their tokens."""

    texts: LanguageTexts
    tokens: LanguageTokens

    @property
    def fingerprint(self) -> str:
        return self.texts.fingerprint

    @property
    def counts(self) -> dict[str, int]:
        """Return how many texts each split has."""
        return _count_texts(self.texts)


def _count_texts(texts: LanguageTexts) -> dict[str, int]:
    return {name: len(getattr(texts, name)) for name in ("train", "validation", "test")}


def load_language(config: RunConfig, cache: Path) -> LanguageData:
    """Return the texts of a run and their tokens.

    Raises:
      DataError: the data cannot be found or used.
    """
    assert isinstance(config.task, LanguageConfig)
    with quiet("pipeline.data.labels"):  # which say nothing of texts without labels
        texts = load_language_texts(config.data, unlabelled=config.task.unlabelled, cache=cache)
    sizes = (f"{count:,} in {name}" for name, count in _count_texts(texts).items())
    log.info("Texts, read without labels: %s", ", ".join(sizes))
    log.info("Encoding the texts")
    return LanguageData(texts, encode_language(texts, config.tokenizer, cache))


def count_ngrams(data: LanguageData, *, backward: bool) -> NgramReader:
    """Return the baseline, fitted to the training texts in the order in which they are read."""
    log.info("Counting n-grams")
    train = in_order_of_reading(data.tokens.train, backward)
    return NgramReader(fit_ngram(train, data.tokens.tokenizer.get_vocab_size()))


def open_language(run: TrainedRun, data: LanguageData) -> LanguageSubject:
    """Return a tracked language model, or the baseline, as a subject of probes."""
    config = run.config
    assert isinstance(config.task, LanguageConfig)
    if config.baseline:
        return as_subject(count_ngrams(data, backward=config.task.is_backward), data, config)
    return as_subject(open_language_model(load_model(run), config.architecture), data, config)


def as_subject(reader: LanguageReader, data: LanguageData, config: RunConfig) -> LanguageSubject:
    """Return a model with the texts that it is probed with."""
    assert isinstance(config.task, LanguageConfig)
    network = reader if isinstance(reader, LanguageNetwork) else None
    direction = config.task.direction
    return LanguageSubject(reader, data.tokens, data.texts.test, config.data, direction, network)
