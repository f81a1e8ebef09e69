"""What several tests make; here a small run, the presets, and where the project stands."""

from __future__ import annotations

from pathlib import Path

import yaml

from pipeline.cells import cells
from pipeline.config.data import ClausesConfig
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import (
    ArchitectureConfig,
    DeviceConfig,
    RunConfig,
    TokenizerConfig,
    TrackingConfig,
    TrainConfig,
)
from pipeline.config.tasks import ClassifyConfig

ROOT = Path(__file__).resolve().parents[2]
CELLS = [cell.name for cell in cells()]


# The same as overrides of the command line.
SMALL = (
    "data.train_size=200 data.validation_size=100 data.test_size=120 data.max_distance=10 "
    "architecture.units=8 architecture.embedding_dim=8 train.epochs=2 train.batch_size=64 "
    "name=small probe=none"
).split()
PRESETS = sorted(path.stem for path in (ROOT / "conf" / "architecture").glob("*.yaml"))


def read_preset(name: str, **changes: object) -> ArchitectureConfig:
    values = yaml.safe_load((ROOT / "conf" / "architecture" / f"{name}.yaml").read_text())
    values.pop("defaults")
    return ArchitectureConfig(**(values | changes))


def small_run(folder: Path, **changes: object) -> RunConfig:
    """A run of seconds on generated text; `changes` by attribute, such as `train__epochs=1`."""
    config = RunConfig(
        data=ClausesConfig(train_size=200, validation_size=100, test_size=120, max_distance=10),
        task=ClassifyConfig(),
        tokenizer=TokenizerConfig(),
        architecture=ArchitectureConfig(name="lstm", cell="lstm", units=8, embedding_dim=8),
        train=TrainConfig(epochs=2, batch_size=64),
        probe=ProbeConfig(kinds=[]),
        device=DeviceConfig(threads=1),
        tracking=TrackingConfig(),
        name="small",
        root=str(folder),
    )
    for path, value in changes.items():
        *parents, leaf = path.split("__")
        target: object = config
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, leaf, value)
    return config
