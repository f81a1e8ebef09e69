"""Read a user's own CSV or Parquet file, or say what is wrong with it and where."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from pipeline.errors import DataError


def read_cells(path: Path) -> pd.DataFrame:
    """Return the rows of a table below its header, indexed from 0.

    The cells of a CSV are texts, none of them missing, and its empty rows are left out.

    Raises:
      DataError: the file cannot be read; names row and column of a cell that is not UTF-8.
    """
    return _read_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _read_csv(path)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except Exception as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return _parse_csv(path, "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(_locate_bad_encoding(path, error.start)) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path} cannot be read as CSV: {str(error).strip()}") from error


def _parse_csv(path: Path, encoding: str) -> pd.DataFrame:
    # "NA" and "null" are ordinary texts here, and 0 and 1 are names of labels.
    with warnings.catch_warnings():
        # For rows longer than the header (an unquoted comma) pandas drops cells with only a warning.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        table = pd.read_csv(
            path,
            encoding=encoding,
            dtype=str,
            keep_default_na=False,
            index_col=False,
            skip_blank_lines=False,  # keeps row numbers those of the file
        )
    return table[~(table.isna() | (table == "")).all(axis=1)]


def _locate_bad_encoding(path: Path, byte: int) -> str:
    """Return a message with the cell that is not UTF-8, found by reading the file as Latin-1."""
    try:
        raw = _parse_csv(path, "latin-1")
    except (pd.errors.ParserError, pd.errors.ParserWarning):  # such as UTF-16
        return f"{path}, byte {byte}: not UTF-8; save the file as UTF-8"
    for number, row in enumerate(raw.itertuples(index=False), start=2):
        for column, cell in zip(raw.columns, row, strict=True):
            try:
                str(cell).encode("latin-1").decode("utf-8")
            except UnicodeDecodeError:
                return f"{path}, row {number}, column {column!r}: not UTF-8; save the file as UTF-8"
    return f"{path}, row 1: not UTF-8; save the file as UTF-8"
