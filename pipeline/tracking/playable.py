"""Read trained networks as arrays, without TensorFlow.

A `.keras` file is a zip archive: the layers in `config.json`, and their weights in an HDF5 file, in
which a layer stands under the name of its class and says its own name in an attribute.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from pipeline.analysis.playable import Playable
from pipeline.config.schema import ArchitectureConfig
from pipeline.config.tasks import LanguageConfig
from pipeline.tracking.artifacts import MODEL, Artifacts
from pipeline.tracking.store import Store
from pipeline.tracking.trained import load_config

_KERAS, _READING = f"{MODEL}/data/model.keras", f"{MODEL}/data/reading.json"
_WEIGHTS = "model.weights.h5"


def read_playable(store: Store, run_id: str) -> Playable:
    """Return the network of a finished run.

    Raises:
      DamagedRun: an artifact is missing or cannot be read.
    """
    artifacts = Artifacts(store, store.client.get_run(run_id))
    config = load_config(artifacts)
    tokenizer = artifacts.needed("tokenizer.json")
    content = artifacts.needed(_KERAS)
    reading: Mapping[str, Any] = {"heads": {}, "kept_ends": None}  # of a language model
    with artifacts.reading(MODEL):
        weights = read_weights(content, config.architecture)
        if weights["heads"]:
            reading = json.loads(artifacts.needed(_READING))
        kept = reading["kept_ends"]
        return Playable(
            run_id=run_id,
            seed=config.seed,
            architecture=config.architecture,
            heads=reading["heads"],
            tokenizer=tokenizer.decode("utf-8"),
            kept_ends=None if kept is None else (int(kept[0]), int(kept[1])),
            is_backward=isinstance(config.task, LanguageConfig) and config.task.is_backward,
            weights=weights,
        )


def read_weights(content: bytes, config: ArchitectureConfig) -> dict[str, Any]:
    """Return the weights in a `.keras` file as `Playable` has them.

    Raises:
      KeyError, OSError, zipfile.BadZipFile: they are not there.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        stored = archive.read(_WEIGHTS)
    with h5py.File(io.BytesIO(stored)) as file:
        groups: Any = file["layers"]
        layers = {group["vars"].attrs["name"]: group for group in groups.values()}
        numbers = range(1, config.num_layers + 1)
        heads = [name for name in layers if name.startswith("head_")]
        return {
            "embedding": _arrays(layers["embedding"])[0],
            "layers": [_directions(layers[f"recurrent_{number}"]) for number in numbers],
            "heads": [_dense(layers[f"head_{number}"]) for number in range(1, len(heads) + 1)],
            "projection": _dense(layers["projection"]) if "projection" in layers else None,
            "output": _arrays(layers["output"])[0] if "output" in layers else None,
        }


def _directions(layer: Any) -> list[dict[str, np.ndarray]]:
    """Return the weights of a recurrent layer, forward and, if it has both directions, backward."""
    both = [layer[name] for name in ("forward_layer", "backward_layer") if name in layer]
    named = []
    for one in both or [layer]:
        kernel, recurrent, bias = _arrays(one["cell"])
        named.append({"kernel": kernel, "recurrent": recurrent, "bias": np.atleast_2d(bias)})
    return named


def _dense(layer: Any) -> dict[str, np.ndarray]:
    kernel, bias = _arrays(layer)
    return {"kernel": kernel, "bias": np.atleast_2d(bias)}


def _arrays(group: Any) -> list[np.ndarray]:
    """Return the variables of a layer or cell in the order in which it created them."""
    held = group["vars"]
    return [np.asarray(held[name], np.float32) for name in sorted(held, key=int)]
