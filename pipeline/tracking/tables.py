"""Join the Parquet tables of many runs into one frame that is as small as it can be.

The same reviews return in every run. As text, the ids and answers of hundreds of runs would take
gigabytes; as categories, each distinct text is held once, and a row takes a few bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def join_tables(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """Return the rows of all tables with `run_id`; texts are categories, in their sorted order.

    A label and its prediction have the same categories, so that they can be compared.

    Args:
      tables: run id -> a table of that run, as from `read_table`.
    """
    filled = [_with_run_id(table, run_id) for run_id, table in tables.items() if len(table)]
    if not filled:
        return pd.DataFrame()
    joined = pa.concat_tables(filled, promote_options="permissive").unify_dictionaries()
    del filled
    # Each column is freed as soon as it is converted.
    frame = joined.to_pandas(split_blocks=True, self_destruct=True)
    del joined
    return _with_shared_categories(frame)


def read_table(content: bytes) -> pa.Table:
    """Return a Parquet file with each distinct text held once, and whole numbers halved."""
    # pandas would restore its own types from the metadata, and texts as texts.
    table = pq.read_table(pa.BufferReader(content)).replace_schema_metadata(None)
    columns = zip(table.column_names, table.columns, strict=True)
    return pa.table({name: _compact(column) for name, column in columns})


def _with_run_id(table: pa.Table, run_id: str) -> pa.Table:
    same = pa.array(np.zeros(len(table), dtype=np.int32))
    return table.append_column("run_id", pa.DictionaryArray.from_arrays(same, pa.array([run_id])))


def _compact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.string()).dictionary_encode()
    return column.cast(pa.int32()) if pa.types.is_int64(column.type) else column


def _with_shared_categories(frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame.columns[frame.dtypes == "category"]:
        pair = {name, name.replace("predicted", "label"), name.replace("label", "predicted")}
        texts = [frame[one].cat.categories for one in sorted(pair & set(frame.columns))]
        union = texts[0] if len(texts) == 1 else texts[0].union(texts[1])
        frame[name] = frame[name].cat.set_categories(sorted(union.astype(object)))
    return frame
