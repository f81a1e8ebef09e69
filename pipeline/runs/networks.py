"""Open the networks of tracked runs."""

from __future__ import annotations

from typing import Any

from pipeline.models.architectures import forward_for, layer_class
from pipeline.probes import Network
from pipeline.runs.device import DeviceFacts
from pipeline.tracking import TrainedRun
from pipeline.tracking.artifacts import MODEL


def open_network(run: TrainedRun, device: DeviceFacts) -> Network:
    """Load the network of a run, with the fastest forward function for the device.

    Raises:
      DamagedRun: it cannot be loaded, or is another's.
    """
    architecture = run.config.architecture
    model = load_model(run)
    return Network(model, forward_for(model, architecture, device.kind), architecture)


def load_model(run: TrainedRun) -> Any:
    """Load the `keras.Model` of a run.

    Raises:
      DamagedRun: it cannot be loaded, or is another's.
    """
    layer_class(run.config.architecture.cell)  # registers it with Keras, which can then open it
    run.artifacts.check_model()
    with run.artifacts.reading(MODEL):
        return run.model()
