"""Keep cleaned texts with their labels in a cache, so that a sweep reads and cleans them once."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.config.fingerprint import code_fingerprint
from pipeline.files import cached

log = logging.getLogger(__name__)

_SCHEMA = pa.schema([("row", pa.int64()), ("text", pa.string()), ("label", pa.string())])
_ROWS = 20_000  # that are written and read at a time: a few MB
_SAID = b"said"
_Said = list[tuple[int, str]]  # levels and lines of a log


@dataclass(frozen=True)
class LabelledTexts:
    """Hold the usable texts of a source.

    rows: <int64>[n], their numbers in the source; texts: n cleaned texts, none empty; labels: the names
    of their n classes, none empty but where the source has none.
    """

    rows: NDArray[np.int64]
    texts: list[str]
    labels: list[str]

    def __len__(self) -> int:
        return len(self.texts)


def cleaned_once(
    cache: Path, source: Any, module: str, clean: Callable[[], LabelledTexts]
) -> LabelledTexts:
    """Return the texts that `clean` returns, from the cache if possible.

    Processes that start at the same time wait for the first. What is said of the texts while they are
    cleaned, such as how many had to be left out, is logged whenever they are read from the cache.

    Parameters:
      cache: the folder of caches.
      source: JSON values that say all that decides the texts, the state of their files above all.
      module: where `clean` stands. The entry counts for as long as the code does not change.
    """

    def write(place: Path) -> None:
        with _listening() as said:
            found = clean()
        _write(place, found, said)

    file = cache / "reviews" / f"{code_fingerprint(source, [module])}.parquet"
    found, said = cached(file, _read, write)
    _say(said)
    return found


def _write(place: Path, found: LabelledTexts, said: _Said) -> None:
    schema = _SCHEMA.with_metadata({_SAID: json.dumps(said).encode()})
    with pq.ParquetWriter(place, schema, compression="zstd", compression_level=1) as writer:
        for start in range(0, max(len(found), 1), _ROWS):
            part = slice(start, start + _ROWS)
            columns = [found.rows[part], found.texts[part], found.labels[part]]
            arrays = [pa.array(one, kind) for one, kind in zip(columns, schema.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _read(file: Path) -> tuple[LabelledTexts, _Said]:
    rows: list[NDArray[np.int64]] = []
    texts: list[str] = []
    labels: list[str] = []
    names: dict[str, str] = {}  # one object for each label, not one for each row
    with pq.ParquetFile(file) as source:
        said = [
            (int(level), str(line))
            for level, line in json.loads(source.schema_arrow.metadata[_SAID])
        ]
        for batch in source.iter_batches(_ROWS):
            rows.append(batch["row"].to_numpy())
            texts += batch["text"].to_numpy(zero_copy_only=False).tolist()
            found = batch["label"].to_numpy(zero_copy_only=False).tolist()
            labels += [names.setdefault(label, label) for label in found]
    return LabelledTexts(np.concatenate(rows), texts, labels), said


class _Listener(logging.Handler):
    """Collect what is logged for people."""

    def __init__(self) -> None:
        super().__init__()
        self.said: _Said = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.levelno, record.getMessage()))


@contextmanager
def _listening() -> Iterator[_Said]:
    """Yield a list that takes up the lines that this package logs within the block, in place of the log.

    They are logged at once if the block fails.
    """
    package = logging.getLogger(__name__.rpartition(".")[0])
    listener, level, propagate = _Listener(), package.level, package.propagate
    package.addHandler(listener)
    package.setLevel(logging.INFO)
    package.propagate = False
    failed = True
    try:
        yield listener.said
        failed = False
    finally:
        package.removeHandler(listener)
        package.setLevel(level)
        package.propagate = propagate
        if failed:
            _say(listener.said)


def _say(said: _Said) -> None:
    for level, line in said:
        log.log(level, "%s", line)
