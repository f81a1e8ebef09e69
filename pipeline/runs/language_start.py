"""Read what starts a classifier from elsewhere: the vocabulary of a language model, if one starts it."""

from __future__ import annotations

import logging
from pathlib import Path

from pipeline.config.programs import quiet
from pipeline.config.schema import RunConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.data.language_texts import load_language_texts
from pipeline.errors import ConfigError
from pipeline.tracking.language_models import LanguageModels, Start, describe_other_texts

log = logging.getLogger(__name__)


def find_start(config: RunConfig) -> Start | None:
    """Return the language models that start a run, or None if none does.

    Raises:
      ConfigError: none fits, or it has read other texts than this run's.
    """
    if not config.architecture.continues:
        return None
    start = LanguageModels(config).choose(config)
    log.info("Starting from %s", start.describe(config.seed))
    check_same_texts(config, start)
    return start


def check_same_texts(config: RunConfig, start: Start) -> None:
    """Check that language models were trained on the texts of a run, split as there.

    Raises:
      ConfigError: they were not, so that they may have read texts that are held out here.
      DataError: the texts cannot be read.
    """
    cache = Path(config.root) / ".cache"
    for run in filter(None, (start.forward, start.backward)):
        assert isinstance(run.config.task, LanguageConfig)
        unlabelled = run.config.task.unlabelled
        with quiet("pipeline.data"):  # the run says of these texts what there is to say
            texts = load_language_texts(config.data, unlabelled=unlabelled, cache=cache)
        if texts.fingerprint != run.tags.get("data_fingerprint"):
            raise ConfigError(describe_other_texts(config, run))
