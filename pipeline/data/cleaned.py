"""Keep cleaned texts with their labels in a cache, so that a sweep reads and cleans them once.

The texts of a source are a table of the columns row (its number in the source), text (cleaned) and label
(the name of its class).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config.fingerprint import code_fingerprint
from pipeline.files import cached

log = logging.getLogger(__name__)

_SCHEMA = pa.schema([("row", pa.int64()), ("text", pa.string()), ("label", pa.string())])
_ROWS = 20_000  # that are written and read at a time: a few MB
_SAID = b"said"
_Said = list[tuple[int, str]]  # levels and lines of a log


def cleaned_once(
    cache: Path | None, source: Any, module: str, clean: Callable[[], pd.DataFrame]
) -> pd.DataFrame:
    """Return the table that `clean` returns, from the cache if possible.

    Processes that start at the same time wait for the first. What is logged while the texts are cleaned,
    such as how many had to be left out, is logged again whenever they are read from the cache.

    Parameters:
      cache: the folder of caches; None: clean them in any case.
      source: JSON values that say all that decides the table, the state of its files above all.
      module: where `clean` stands. The entry counts for as long as the code does not change.
    """
    if cache is None:
        return clean()
    made = []

    def write(place: Path) -> None:
        with _listening() as said:
            table = clean()
        made.append(True)
        _write(place, table, said)

    file = cache / "reviews" / f"{code_fingerprint(source, [module])}.parquet"
    table, said = cached(file, _read, write)
    if not made:
        for level, line in said:
            log.log(level, "%s", line)
    return table


def as_table(rows: list[int] | np.ndarray, texts: list[str], labels: list[str]) -> pd.DataFrame:
    """Return a table of cleaned texts, without a copy of them."""
    kept = {"text": pd.Series(texts, dtype=object), "label": pd.Series(labels, dtype=object)}
    return pd.DataFrame({"row": np.asarray(rows, dtype=np.int64), **kept})


def _write(place: Path, table: pd.DataFrame, said: _Said) -> None:
    schema = _SCHEMA.with_metadata({_SAID: json.dumps(said).encode()})
    with pq.ParquetWriter(place, schema, use_dictionary=["label"]) as writer:
        for start in range(0, max(len(table), 1), _ROWS):
            part = table.iloc[start : start + _ROWS]
            columns = [pa.array(part[name].tolist(), kind) for name, kind in _columns()]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _read(file: Path) -> tuple[pd.DataFrame, _Said]:
    rows, texts, labels = [], [], []
    names: dict[str, str] = {}  # one object for each label, not one for each row
    with pq.ParquetFile(file) as source:
        said = [
            (int(level), str(line))
            for level, line in json.loads(source.schema_arrow.metadata[_SAID])
        ]
        for batch in source.iter_batches(_ROWS):
            rows.append(batch["row"].to_numpy())
            texts += batch["text"].to_pylist()
            labels += [names.setdefault(label, label) for label in batch["label"].to_pylist()]
    return as_table(np.concatenate(rows) if rows else np.empty(0), texts, labels), said


def _columns() -> Iterator[tuple[str, pa.DataType]]:
    return ((field.name, field.type) for field in _SCHEMA)


class _Listener(logging.Handler):
    """Collect what is logged for people, without what only says how far the work is."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: _Said = []

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "passing", False):
            self.said.append((record.levelno, record.getMessage()))


@contextmanager
def _listening() -> Iterator[_Said]:
    """Yield a list that receives the lines that this package logs within the block."""
    package = logging.getLogger(__name__.rpartition(".")[0])
    listener = _Listener()
    package.addHandler(listener)
    try:
        yield listener.said
    finally:
        package.removeHandler(listener)
