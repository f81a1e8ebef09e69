"""Find or download the IMDB reviews of TensorFlow Datasets, and read and clean them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import requests
from filelock import FileLock
from numpy.typing import NDArray

from pipeline.config.data import ImdbConfig
from pipeline.config.fingerprint import code_fingerprint
from pipeline.data.cleaning import clean_text
from pipeline.errors import DataError
from pipeline.files import cached


class ImdbPart(NamedTuple):
    """Hold n cleaned texts and their labels <int32>[n]: 1 positive, 0 negative, -1 unknown."""

    texts: list[str]
    labels: NDArray[np.int32]


def read_imdb(config: ImdbConfig, parts: list[str], cache: Path | None = None) -> list[ImdbPart]:
    """Return the reviews of each part, a split name of TFDS, in the order of its files.

    Reading and cleaning a part takes seconds; with `cache` it is done once for all runs. Processes that
    start at the same time wait for the first one.

    Raises:
      DataError: the data set is missing and cannot be downloaded.
    """
    builder = _prepared(config)
    return [_read_cached(builder, part, cache) if cache else _read(builder, part) for part in parts]


def _read_cached(builder: Any, part: str, cache: Path) -> ImdbPart:
    states = [(Path(path), os.stat(path)) for path in builder.info.splits[part].filepaths]
    settings = [part, *((path.name, s.st_size, s.st_mtime_ns) for path, s in states)]
    file = cache / "reviews" / f"{_key(settings)}.parquet"

    def write(place: Path) -> None:
        pd.DataFrame(_read(builder, part)._asdict()).to_parquet(place)

    return cached(file, _open, write)


def _open(file: Path) -> ImdbPart:
    table = pd.read_parquet(file)
    return ImdbPart(table.texts.to_list(), table.labels.to_numpy(np.int32))


def _key(settings: list[Any]) -> str:
    return code_fingerprint(settings, [clean_text.__module__, __name__], follow_imports=False)


def _read(builder: Any, part: str) -> ImdbPart:
    import tensorflow_datasets as tfds

    # A single batch in the order of the files: fast and deterministic.
    rows = tfds.as_numpy(builder.as_dataset(split=part, batch_size=-1, shuffle_files=False))
    texts = [clean_text(text.decode("utf-8")) for text in rows["text"]]
    return ImdbPart(texts, rows["label"].astype(np.int32))


def _prepared(config: ImdbConfig) -> Any:
    import tensorflow_datasets as tfds

    tfds.display_progress_bar(enable=False)
    builder = tfds.builder("imdb_reviews/plain_text", data_dir=config.data_dir)
    if builder.is_prepared():
        return builder
    # Parallel workers prepare it once. The lock file is outside the folder that a failure removes.
    place = hashlib.blake2b(str(builder.data_dir).encode(), digest_size=8).hexdigest()
    with FileLock(Path(tempfile.gettempdir()) / f"imdb-reviews-{place}.lock"):
        builder = tfds.builder("imdb_reviews/plain_text", data_dir=config.data_dir)
        if not builder.is_prepared():
            _prepare(builder)
    return builder


def _prepare(builder: Any) -> None:
    """Download and prepare the data set; remove incomplete files after a failure."""
    folder = Path(builder.data_dir)
    missing = [path for path in folder.parents if not path.exists()]
    there = folder.exists()
    try:
        # TFDS retries an unreachable host for minutes; a short request fails at once.
        for url in builder.url_infos:
            requests.head(url, timeout=10, allow_redirects=True).raise_for_status()
        builder.download_and_prepare()
    except BaseException as error:
        _remove_own(folder, missing, keep=there)
        if not isinstance(error, Exception):  # interrupted
            raise
        raise DataError(
            f"IMDB is not prepared at {folder}, and its download failed "
            f"({type(error).__name__}: {' '.join(str(error).split())[:160]}). Connect this machine to "
            "the internet, set data.data_dir or TFDS_DATA_DIR to a folder where TFDS has prepared "
            "imdb_reviews, or use the generated texts with data=clauses"
        ) from error


def _remove_own(folder: Path, missing: list[Path], *, keep: bool) -> None:
    """Remove what a failed preparation left, but nothing that another process may have created.

    TFDS writes into a folder `<version>.incomplete_<random>` beside the final one and removes it, and
    keeps downloads for the next attempt. Only this process, which holds the lock, uses `folder`.

    Parameters:
      missing: the parent folders that did not exist before, innermost first.
      keep: whether `folder` existed before.
    """
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    for path in missing:
        with suppress(OSError):  # not empty, or removed already
            path.rmdir()
