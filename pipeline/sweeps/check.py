"""Check a person's own texts before any work, so that a file that cannot be used fails once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.config.programs import say
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

    with _quiet(logging.getLogger(load_reviews.__module__.rpartition(".")[0])):
        load_reviews(config.data, Path(config.root) / ".cache")


@contextmanager
def _quiet(package: logging.Logger) -> Iterator[None]:
    """Keep the lines of a package from the terminal, but not from its cache, which holds them too."""
    unheard, package.propagate = logging.NullHandler(), False
    package.addHandler(unheard)
    try:
        yield
    finally:
        package.propagate = True
        package.removeHandler(unheard)
