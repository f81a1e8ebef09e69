"""What is said about GPUs and set for them, with a TensorFlow that pretends to have some or none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from factories import ROOT

from pipeline.config.schema import Device, DeviceConfig
from pipeline.errors import ConfigError
from pipeline.runs import gpu

INSTALL = "pip install -e '.[gpu]' brings"


class FakeTensorFlow:
    """Stand for TensorFlow with some GPUs, and record what is set."""

    __version__ = "2.21.0"

    def __init__(self, cards: int = 0) -> None:
        self.cards = [SimpleNamespace(name=f"/physical_device:GPU:{n}") for n in range(cards)]
        self.growing: list[Any] = []
        self.limits: dict[str, list[Any]] = {}
        self.tf32: bool | None = None
        self.sysconfig = SimpleNamespace(get_build_info=lambda: {"cuda_version": "12.5.1"})
        self.config = SimpleNamespace(
            list_physical_devices=self._list,
            LogicalDeviceConfiguration=lambda memory_limit: memory_limit,
            set_logical_device_configuration=lambda card, limits: self.limits.update(
                {card.name: limits}
            ),
            experimental=SimpleNamespace(
                set_memory_growth=lambda card, on: self.growing.append(card.name),
                enable_tensor_float_32_execution=self._set_tf32,
            ),
        )

    def _list(self, kind: str = "") -> list[Any]:
        return (
            self.cards
            if kind == "GPU"
            else [SimpleNamespace(name="/physical_device:CPU:0"), *self.cards]
        )

    def _set_tf32(self, on: bool) -> None:
        self.tf32 = on


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "gpu_devices", list)
    monkeypatch.setattr(gpu.shutil, "which", lambda name: None)


def _nvidia_smi(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(gpu.shutil, "which", lambda name: str(program))


def test_a_gpu_that_is_asked_for_and_not_there_says_what_was_found_and_what_brings_cuda():
    with pytest.raises(ConfigError) as error:
        gpu.prepare_gpus(FakeTensorFlow(), DeviceConfig(kind=Device.gpu))
    assert str(error.value).startswith(
        "device.kind is gpu, but TensorFlow 2.21.0, built for CUDA 12.5.1, finds only CPU:0. "
        "The machine shows no NVIDIA GPU either"
    )
    assert f"{INSTALL} CUDA, or use device=cpu" in str(error.value)


def test_the_extra_that_the_message_names_brings_cuda():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert any("[and-cuda]" in one for one in project["optional-dependencies"]["gpu"])


@pytest.mark.parametrize("kind", [Device.auto, Device.gpu])
def test_a_gpu_that_tensorflow_cannot_use_is_named(kind, tmp_path, monkeypatch, caplog):
    _nvidia_smi(tmp_path, "echo 'NVIDIA H100 80GB HBM3'", monkeypatch)
    if kind == Device.gpu:
        with pytest.raises(ConfigError, match="brings the CUDA libraries that TensorFlow needs"):
            gpu.prepare_gpus(FakeTensorFlow(), DeviceConfig(kind=kind))
        return
    assert gpu.prepare_gpus(FakeTensorFlow(), DeviceConfig(kind=kind)) == []
    (said,) = caplog.messages
    assert said.startswith("This machine has a GPU (NVIDIA H100 80GB HBM3), but TensorFlow 2.21.0")
    assert f"{INSTALL} the CUDA libraries" in said
    assert "With device=cpu this is not said" in said


@pytest.mark.parametrize("script", ["exit 9", "exit 0"])
def test_a_device_of_the_driver_counts_where_nvidia_smi_says_nothing(script, tmp_path, monkeypatch):
    _nvidia_smi(tmp_path, script, monkeypatch)
    assert gpu.find_card() == ""
    monkeypatch.setattr(gpu, "gpu_devices", lambda: ["/dev/nvidia0", "/dev/nvidia1"])
    assert gpu.find_card() == "/dev/nvidia0"


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_gpu_is_no_surprise_unless_it_is_asked_for(hidden, monkeypatch, caplog):
    monkeypatch.setattr(gpu, "gpu_devices", lambda: ["/dev/nvidia0"])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    gpu.prepare_gpus(FakeTensorFlow(), DeviceConfig(kind=Device.auto))
    assert caplog.messages == []
    with pytest.raises(ConfigError, match=f"CUDA_VISIBLE_DEVICES={hidden} hides every GPU"):
        gpu.prepare_gpus(FakeTensorFlow(), DeviceConfig(kind=Device.gpu))


def test_memory_grows_unless_it_is_limited(caplog):
    free = FakeTensorFlow(cards=2)
    assert gpu.prepare_gpus(free, DeviceConfig()) == free.cards
    assert (len(free.growing), free.limits) == (2, {})
    limited = FakeTensorFlow(cards=1)
    gpu.prepare_gpus(limited, DeviceConfig(memory_mb=4_000))
    assert (limited.growing, limited.limits) == ([], {"/physical_device:GPU:0": [4_000]})
    assert limited.tf32 is False
    assert caplog.messages == []
    gpu.prepare_gpus(FakeTensorFlow(), DeviceConfig(memory_mb=4_000))
    assert caplog.messages == ["device.memory_mb has no effect: this run is computed on the CPU"]


PRECISION = """
import logging
logging.basicConfig(format="%(message)s")
from pipeline.config.schema import Device, DeviceConfig
from pipeline.runs.device import prepare_device
{before}
prepare_device(DeviceConfig(kind=Device.cpu, threads=1), concurrent_runs=1)
import keras
print(keras.layers.Dense(3).compute_dtype, keras.config.floatx())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "before", "said"),
    [
        ('{"floatx": "float16"}', "", "Keras is set to float16"),
        (
            "",
            "import keras; keras.config.set_dtype_policy('mixed_float16')",
            "set to mixed_float16",
        ),
        ('{"floatx": "float32"}', "", ""),
        ("no JSON", "", ""),
    ],
)
def test_half_precision_is_not_used_and_it_is_said_why(settings, before, said, tmp_path):
    (tmp_path / "keras.json").write_text(settings)
    done = subprocess.run(
        [sys.executable, "-c", PRECISION.format(before=before)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"KERAS_HOME": str(tmp_path)},
    )
    assert said in done.stderr
    assert done.stdout.split() == ["float32", "float32"]
    assert ("float32 is used all the same" in done.stderr) == bool(said)
