"""Classify texts with a saved network, for MLflow's Python function: this file travels with the model.

MLflow imports it from the folder of the model, where this project need not be installed. It may import
numpy, pandas, tokenizers and MLflow, and of this project only modules that import nothing else of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from tokenizers import Tokenizer

from pipeline.data.cleaning import clean_text

_TOKENIZER, _READING = "tokenizer.json", "reading.json"  # beside the Keras model
_TEXT = "text"  # the column that is read of a frame with several
_BATCH_SIZE = 64


@dataclass(frozen=True)
class TextReading:
    """Say how a network reads texts and what its outputs mean.

    heads: the classes of each head by its name; kept_ends: how many tokens of a longer text are read at
    its start and at its end, None: all; unknown: the id that stands for a text without any token.
    """

    tokenizer: Tokenizer
    heads: Mapping[str, Sequence[str]]
    kept_ends: tuple[int, int] | None
    unknown: int

    def save(self, folder: Path) -> None:
        facts = {"heads": dict(self.heads), "kept_ends": self.kept_ends, "unknown": self.unknown}
        (folder / _READING).write_text(json.dumps(facts), encoding="utf-8")
        self.tokenizer.save(str(folder / _TOKENIZER), pretty=False)

    @classmethod
    def load(cls, folder: Path) -> TextReading:
        facts = json.loads((folder / _READING).read_text(encoding="utf-8"))
        return cls(Tokenizer.from_file(str(folder / _TOKENIZER)), **facts)

    def columns(self) -> dict[str, str]:
        """Return the type of each column of an answer by its name: string or double."""
        return {
            column: kind
            for head, classes in self.heads.items()
            for column, kind in [
                (head, "string"),
                *((_probability_of(head, label), "double") for label in classes),
            ]
        }

    def encode(self, text: str) -> np.ndarray:
        """Return the token ids of a text that the network reads, <int32>[tokens], at least one."""
        self.tokenizer.encode_special_tokens = True  # the characters "[PAD]" are not padding
        ids = self.tokenizer.encode(clean_text(text)).ids or [self.unknown]
        if self.kept_ends is not None and len(ids) > sum(self.kept_ends):
            first, last = self.kept_ends
            ids = ids[:first] + ids[len(ids) - last :]
        return np.array(ids, dtype=np.int32)


class TextModel:
    """Read texts as in training, and name their classes.

    Parameters:
      network: the Keras model, from token ids to logits.
    """

    def __init__(self, network: Any, reading: TextReading) -> None:
        self.network, self.reading = network, reading

    def predict(self, data: Any) -> pd.DataFrame:
        """Return, for each head, the label in a column of its name, and the probability of each class.

        data: texts, as a list, a series, an array or a column of a frame; or token ids, right-padded
          with 0, as an array, a frame of integers or lists, which are read as they are.

        Raises:
          MlflowException: a row is neither; a text is missing; an id is unknown.
        """
        values, index = _rows_of(data)
        rows = [self._ids(row, number) for number, row in enumerate(values, start=1)]
        logits = self._logits(rows)
        columns: dict[str, Any] = {}
        for (head, classes), scores in zip(self.reading.heads.items(), logits, strict=True):
            probabilities = _probabilities(scores)
            columns[head] = np.array(classes, dtype=object)[probabilities.argmax(axis=1)]
            for label, column in zip(classes, probabilities.T, strict=True):
                columns[_probability_of(head, label)] = column
        return pd.DataFrame(columns, index=index)

    def _ids(self, row: Any, number: int) -> np.ndarray:
        """Return the token ids of a text or of a padded row, <int32>[tokens], at least one."""
        if isinstance(row, str):
            return self.reading.encode(row)
        ids = np.asarray(row)
        if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
            raise _refusal(f"row {number} is neither a text nor a list of token ids: {row!r:.60}")
        return self._checked(ids, number)

    def _checked(self, ids: np.ndarray, number: int) -> np.ndarray:
        length = int(np.count_nonzero(ids))
        if not length or not ids[:length].all():
            raise _refusal(
                f"row {number} of the token ids must begin with one and be padded with 0 at its end"
            )
        known = self.network.get_layer("embedding").input_dim
        if ids.min() < 0 or ids.max() >= known:
            raise _refusal(f"row {number} has a token id that is not from 0 to {known - 1}")
        return ids[:length].astype(np.int32)

    def _logits(self, rows: list[np.ndarray]) -> list[np.ndarray]:
        """Return the logits of each head, <float64>[rows, outputs]."""
        sizes = [len(classes) for classes in self.reading.heads.values()]
        logits = [np.empty((len(rows), 1 if size == 2 else size)) for size in sizes]
        for places, batch in _batches(rows):
            found = self.network.predict_on_batch(batch)
            for head, values in zip(logits, found if len(sizes) > 1 else [found], strict=True):
                head[places] = values
        return logits


def _probability_of(head: str, label: str) -> str:
    return f"{head}/{label}"


def _refusal(message: str) -> MlflowException:
    """Return an error that a model server answers in one line."""
    return MlflowException.invalid_parameter_value(message)


def _rows_of(data: Any) -> tuple[Sequence[Any], pd.Index | None]:
    """Return the rows of any input, each a text or a list of ids, and its index if it has one."""
    if isinstance(data, str) or (isinstance(data, np.ndarray) and data.ndim == 0):
        return [str(data)], None
    if isinstance(data, dict):
        data = pd.DataFrame({name: list(values) for name, values in data.items()})
    if isinstance(data, pd.Series):
        return data.tolist(), data.index
    if not isinstance(data, pd.DataFrame):
        return list(data), None
    numeric = [pd.api.types.is_integer_dtype(kind) for kind in data.dtypes]
    if len(data.columns) and all(numeric):
        return list(data.to_numpy()), data.index
    if len(data.columns) != 1 and _TEXT not in data:
        names = ", ".join(map(str, data.columns[:5]))
        raise _refusal(f"give one column of texts, or name it {_TEXT!r}; there are: {names}")
    return (data[_TEXT] if _TEXT in data else data.iloc[:, 0]).tolist(), data.index


def _batches(rows: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the places of rows of similar length, and their ids, right-padded with 0."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), _BATCH_SIZE):
        places = order[start : start + _BATCH_SIZE]
        ids = np.zeros((len(places), lengths[places].max()), dtype=np.int32)
        for place, row in enumerate(places):
            ids[place, : lengths[row]] = rows[row]
        yield places, ids


def _probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the probability of each class, <float64>[rows, classes]; one logit is of two classes."""
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _load_pyfunc(path: str) -> TextModel:
    """Load a saved model for MLflow. path: the folder of its data."""
    from mlflow.keras import load_model

    folder = Path(path)
    return TextModel(load_model(str(folder.parent)), TextReading.load(folder))
