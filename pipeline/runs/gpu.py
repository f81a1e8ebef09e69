"""Prepare TensorFlow's GPUs, and say what keeps it from one that is there or asked for."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from typing import Any

from pipeline.config.machine import gpu_devices
from pipeline.config.programs import describe_install
from pipeline.config.schema import Device, DeviceConfig
from pipeline.errors import ConfigError

log = logging.getLogger(__name__)


def prepare_gpus(tf: Any, config: DeviceConfig) -> list[Any]:
    """Return the GPUs that TensorFlow finds, with the memory that a run may take.

    Without `memory_mb` memory is allocated as needed, so that other processes can use the card too.

    Raises:
      ConfigError: a GPU is requested and TensorFlow finds none.
    """
    cards = [] if config.kind == Device.cpu else tf.config.list_physical_devices("GPU")
    if not cards:
        _explain_none(tf, config)
    for card in cards:
        if config.memory_mb is None:
            tf.config.experimental.set_memory_growth(card, True)
        else:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=config.memory_mb)
            tf.config.set_logical_device_configuration(card, [limit])
    # Products with a mantissa of ten bits would give a GPU other numbers than a CPU.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    return cards


def _explain_none(tf: Any, config: DeviceConfig) -> None:
    """Raise if a GPU is requested; warn if there is one that TensorFlow cannot use."""
    card = "" if config.kind == Device.cpu else find_card()
    if config.kind == Device.gpu:
        raise ConfigError(
            f"device.kind is gpu, but {_found(tf)}. {_way_out(card)}, or use device=cpu"
        )
    if card:
        log.warning(
            "This machine has a GPU (%s), but %s, and computes on the CPU. %s. With device=cpu this is "
            "not said, and one run is computed on each core",
            *(card, _found(tf), _way_out(card)),
        )
    if config.memory_mb is not None:
        log.warning("device.memory_mb has no effect: this run is computed on the CPU")


def _found(tf: Any) -> str:
    devices = [
        one.name.removeprefix("/physical_device:") for one in tf.config.list_physical_devices()
    ]
    cuda = tf.sysconfig.get_build_info().get("cuda_version")
    built = f"built for CUDA {cuda}" if cuda else "built without CUDA"
    return f"TensorFlow {tf.__version__}, {built}, finds only {', '.join(devices)}"


def _way_out(card: str) -> str:
    if _are_hidden():
        hidden = os.environ["CUDA_VISIBLE_DEVICES"]
        return f"CUDA_VISIBLE_DEVICES={hidden} hides every GPU: unset it"
    install = describe_install("gpu")
    if card:
        return f"{install} brings the CUDA libraries that TensorFlow needs beside the driver"
    return (
        "The machine shows no NVIDIA GPU either (no /dev/nvidia0, no answer from nvidia-smi). Where it "
        f"has one with its driver, {install} brings CUDA"
    )


def find_card() -> str:
    """Return the name of an NVIDIA GPU of this machine, or nothing if none is seen or all are hidden."""
    if _are_hidden():
        return ""
    program = shutil.which("nvidia-smi")
    if program is not None:
        try:
            done = subprocess.run(
                [program, "--query-gpu=name", "--format=csv,noheader"],
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            pass
        else:
            if names := done.stdout.strip().splitlines():
                return names[0][:60]
    return next(iter(gpu_devices()), "")


def _are_hidden() -> bool:
    return os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
