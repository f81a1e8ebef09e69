"""Save the state of training after each epoch, so that an interrupted run can be resumed.

A checkpoint is one file that is replaced atomically: it is complete even if the process is killed.
"""

from __future__ import annotations

import json
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import replacing

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """Hold the state of training. arrays: lists of arrays by name; facts: JSON values."""

    arrays: dict[str, list[np.ndarray]]
    facts: dict[str, Any]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Replace `path` atomically; if the disk is full, the previous checkpoint remains.

    Only the run that it belongs to may write it.
    """
    named = {"facts": np.array(json.dumps(checkpoint.facts))} | {
        f"{name}/{number:04}": array
        for name, arrays in checkpoint.arrays.items()
        for number, array in enumerate(arrays)
    }
    with replacing(path, durable=True, alone=True) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **named)


def load_checkpoint(path: Path) -> Checkpoint | None:
    """Return the checkpoint at `path`, or None if there is none that can be read."""
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            arrays: dict[str, list[np.ndarray]] = {}
            for key in sorted(set(file.files) - {"facts"}):
                arrays.setdefault(key.split("/")[0], []).append(file[key])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("Cannot read the checkpoint %s (%s): training starts again", path.name, error)
        return None
    return Checkpoint(arrays, facts)
