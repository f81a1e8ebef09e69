"""The IMDB reviews that TensorFlow Datasets prepares: found or downloaded, read and cleaned."""

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

from pipeline.config.fingerprint import code_fingerprint
from pipeline.config.schema import ImdbConfig
from pipeline.data.cleaning import clean_text
from pipeline.errors import DataError
from pipeline.files import cached


class ImdbPart(NamedTuple):
    """texts: n cleaned texts; labels: <int32>[n], 1 where the review is positive, -1 where unknown."""

    texts: list[str]
    labels: NDArray[np.int32]


def read_imdb(config: ImdbConfig, parts: list[str], cache: Path | None = None) -> list[ImdbPart]:
    """The reviews of each part, named as TFDS names its splits, in the order of its files.

    To read and clean a part takes seconds, of every run: with `cache` it is done once for these files.
    Processes that start at once wait for the first to do it.

    Raises:
      DataError: the data set is not there and cannot be downloaded.
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

    # One batch of everything, in the order of the files: fast, and the same each time.
    rows = tfds.as_numpy(builder.as_dataset(split=part, batch_size=-1, shuffle_files=False))
    texts = [clean_text(text.decode("utf-8")) for text in rows["text"]]
    return ImdbPart(texts, rows["label"].astype(np.int32))


def _prepared(config: ImdbConfig) -> Any:
    import tensorflow_datasets as tfds

    tfds.display_progress_bar(enable=False)
    builder = tfds.builder("imdb_reviews/plain_text", data_dir=config.data_dir)
    if builder.is_prepared():
        return builder
    # Workers that start at once prepare it once; the lock lies outside of what a failure removes.
    place = hashlib.blake2b(str(builder.data_dir).encode(), digest_size=8).hexdigest()
    with FileLock(Path(tempfile.gettempdir()) / f"imdb-reviews-{place}.lock"):
        builder = tfds.builder("imdb_reviews/plain_text", data_dir=config.data_dir)
        if not builder.is_prepared():
            _prepare(builder)
    return builder


def _prepare(builder: Any) -> None:
    """Downloads and prepares the data set; after a failure nothing half-written is left behind."""
    folder = Path(builder.data_dir)
    missing = [path for path in folder.parents if not path.exists()]
    there = folder.exists()
    try:
        # TFDS retries an unreachable host for minutes; one short request finds out at once.
        for url in builder.url_infos:
            requests.head(url, timeout=10, allow_redirects=True).raise_for_status()
        builder.download_and_prepare()
    except BaseException as error:
        _remove_own(folder, missing, keep=there)
        if not isinstance(error, Exception):  # stopped by hand
            raise
        raise DataError(
            f"IMDB is not prepared at {folder}, and its download failed "
            f"({type(error).__name__}: {' '.join(str(error).split())[:160]}). Ways out: connect this "
            "machine to the internet; point data.data_dir or TFDS_DATA_DIR at a folder where TFDS has "
            "prepared imdb_reviews; or use the generated texts with data=clauses"
        ) from error


def _remove_own(folder: Path, missing: list[Path], *, keep: bool) -> None:
    """Remove what a failed preparation left, but nothing that another process may have made.

    TFDS writes into a folder `<version>.incomplete_<random>` beside the final one and removes it, and
    keeps downloads for the next try; `folder` is this process's alone, which holds the lock.

    Parameters:
      missing: the folders above that did not exist before, the innermost first.
      keep: whether `folder` existed before.
    """
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    for path in missing:
        with suppress(OSError):  # holds what another process made, or is removed already
            path.rmdir()
