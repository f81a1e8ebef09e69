"""Where training stands after an epoch, on disk, so that a run that was cut off goes on from there.

A checkpoint is one file, replaced as a whole: whenever a process dies, the file is that of an epoch.
"""

from __future__ import annotations

import json
import logging
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """arrays: lists of arrays by name, in a fixed order; facts: what JSON can hold."""

    arrays: dict[str, list[np.ndarray]]
    facts: dict[str, Any]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes `path` as a whole; a full disk leaves the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    named = {"facts": np.array(json.dumps(checkpoint.facts))} | {
        f"{name}/{number:04}": array
        for name, arrays in checkpoint.arrays.items()
        for number, array in enumerate(arrays)
    }
    try:
        with beside.open("wb") as file:
            np.savez(file, allow_pickle=False, **named)
            file.flush()
            os.fsync(file.fileno())  # the name must not be on the disk before the content
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`; None where there is none, or none that can be read."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            arrays: dict[str, list[np.ndarray]] = {}
            for key in sorted(set(file.files) - {"facts"}):
                arrays.setdefault(key.split("/")[0], []).append(file[key])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("The checkpoint %s cannot be read (%s): training begins anew", path.name, error)
        return None
    return Checkpoint(arrays, facts)
