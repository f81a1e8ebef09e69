"""Check a person's own texts and what networks start from, so that what cannot be used fails once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.config.programs import quiet, say
from pipeline.config.schema import RunConfig
from pipeline.config.tables import CsvConfig


def check_texts(config: RunConfig) -> None:
    """Read and split the texts of a person's own table as every run will.

    What is said of them stays with the first run, which says it too.

    Raises:
      DataError: they cannot be used.
    """
    if not isinstance(config.data, CsvConfig):
        return
    say(f"Checking {Path(config.data.path).name}")
    # Imported only now: it takes seconds.
    from pipeline.data.reviews import load_reviews

    with quiet("pipeline.data"):
        load_reviews(config.data, Path(config.root) / ".cache")


def find_starts(configs: Sequence[RunConfig]) -> list[RunConfig]:
    """Return runs with the language models that start them, if any do: see `architecture.init`.

    Raises:
      ConfigError: there is none for a run, or it has read other texts.
      TrackingError: the store cannot be read.
    """
    if not any(config.architecture.continues for config in configs):
        return list(configs)
    # Imported only now: it takes seconds.
    from pipeline.runs.language_start import check_same_texts
    from pipeline.tracking.language_models import LanguageModels, with_language_models

    models = {config.architecture.init: LanguageModels(config) for config in configs}
    found = [with_language_models(config, models[config.architecture.init]) for config in configs]
    with quiet("pipeline.data"), quiet("pipeline.tracking"):
        checked = set()
        for config in found:
            ids = tuple(config.architecture.init_runs)
            if isinstance(config.data, CsvConfig) and ids and ids not in checked:
                checked.add(ids)
                check_same_texts(config, models[config.architecture.init].choose(config))
    return found
