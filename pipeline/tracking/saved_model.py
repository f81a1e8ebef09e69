"""Save a network in MLflow's Keras format, with all that it takes to give it texts elsewhere."""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipeline.tracking import text_model
from pipeline.tracking.text_model import TextReading

_REQUIRED = ["tensorflow", "keras"]
_REQUIRED_FOR_TEXTS = ["numpy", "pandas", "tokenizers"]
_EXAMPLE = ["A quiet film, and a good one.", "I left before the end."]
_IMPORT = re.compile(r"^from (pipeline\.[\w.]+) import", re.MULTILINE)


def save_network(model: Any, path: Path, reading: TextReading | None = None) -> None:
    """Write a model that `mlflow.keras` and `mlflow.pyfunc` load without this project.

    By `mlflow.keras` it is the Keras model, and by `mlflow.pyfunc` the same or, with `reading`, a model
    from texts to labels and probabilities, whose code is saved with it.
    """
    import numpy as np
    import pandas as pd
    from mlflow.keras import save_model
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    (given,) = model.inputs
    shape = tuple(-1 if size is None else size for size in given.shape)
    example: Any = None if reading is None else pd.DataFrame({"text": _EXAMPLE})
    required = _REQUIRED if reading is None else [*_REQUIRED, *_REQUIRED_FOR_TEXTS]
    saved = Model()
    path.mkdir(parents=True)
    save_model(
        model,
        str(path),
        mlflow_model=saved,
        signature=ModelSignature(Schema([TensorSpec(np.dtype(given.dtype), shape)])),
        input_example=example,
        pip_requirements=[f"{name}=={version(name)}" for name in required],
    )
    if reading is not None:
        _add_reading(saved, path, reading)


def _add_reading(saved: Any, path: Path, reading: TextReading) -> None:
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import add_to_model
    from mlflow.types import ColSpec, Schema

    reading.save(path / "data")
    environment = saved.flavors["python_function"]["env"]
    add_to_model(
        saved,
        loader_module=_copy_code(text_model.__name__, path / "code"),
        data="data",
        code="code",
        conda_env=environment["conda"],
        python_env=environment["virtualenv"],
    )
    # No schema of the inputs: MLflow's can ask for texts or for ids, and this model takes both.
    outputs = Schema([ColSpec(kind, name) for name, kind in reading.columns().items()])
    saved.signature = ModelSignature(outputs=outputs)
    saved.save(str(path / "MLmodel"))


def _copy_code(module: str, folder: Path) -> str:
    """Copy a module and what it imports of this project as a package, and return the package's name.

    The digest in the name keeps the models of several versions apart in one process.
    """
    sources = _sources(module)
    digest = hashlib.blake2b(repr(sorted(sources.items())).encode(), digest_size=4).hexdigest()
    package = folder / f"rnn_vs_lstm_text_model_{digest}"
    package.mkdir(parents=True)
    for name, source in sources.items():
        file = "__init__" if name == module else _last(name)
        local = _IMPORT.sub(lambda found: f"from .{_last(found[1])} import", source)
        (package / f"{file}.py").write_text(local, encoding="utf-8")
    return package.name


def _sources(module: str) -> dict[str, str]:
    """Return the source of a module and of those of this project that it imports, by dotted name."""
    found: dict[str, str] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in found:
            spec = find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            found[name] = Path(spec.origin).read_text(encoding="utf-8")
            pending += _IMPORT.findall(found[name])
    return found


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]
