"""Start a network with other weights than random ones: word vectors, or language models."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pipeline.config.schema import SKIPGRAM, RunConfig
from pipeline.data.language_texts import load_language_texts
from pipeline.errors import ConfigError, Failure
from pipeline.models.transfer import read_weights, set_vectors, start_from
from pipeline.runs.networks import load_model
from pipeline.tokens.skipgram import train_vectors
from pipeline.tracking import TrainedRun
from pipeline.tracking.language_models import Start

log = logging.getLogger(__name__)


def initialise(
    model: Any, config: RunConfig, tokenizer: Tokenizer, start: Start | None, cache: Path
) -> None:
    """Set the weights that a new network starts with, as `architecture.init` says.

    Parameters:
      tokenizer: of the network.
      start: the language models that it continues, if it does.

    Raises:
      ConfigError: their weights have other shapes.
      DamagedRun: they cannot be loaded.
    """
    if config.architecture.init == SKIPGRAM:
        texts = load_language_texts(config.data, unlabelled=True, cache=cache)
        sizes = config.architecture.embedding_dim, config.seed
        set_vectors(model, train_vectors(texts.train, texts.fingerprint, tokenizer, *sizes, cache))
    elif start is not None:
        log.info("Loading the language models")
        forward = _weights_of(start.forward)
        backward = None if start.backward is None else _weights_of(start.backward)
        try:
            start_from(model, forward, backward)
        except Failure as error:
            raise ConfigError(f"architecture.init is {config.architecture.init}: {error}") from None


def _weights_of(run: TrainedRun) -> dict[str, Any]:
    return read_weights(load_model(run))
