"""What is set for a run before TensorFlow is imported."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
from factories import ROOT

from pipeline.runs.device import DeviceFacts

FAULTS = """
import resource
import numpy as np
from pipeline.config.schema import Device, DeviceConfig
from pipeline.runs.device import prepare_device

if {prepared}:
    prepare_device(DeviceConfig(kind=Device.cpu, threads=1), concurrent_runs=1)

def count():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(2):
    before = count()
    for _ in range(10):
        np.ones(60_000_000, np.uint8)
print(count() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone can be told")
def test_what_a_step_frees_is_there_for_the_next_one() -> None:
    """Sixty megabytes are some fifteen thousand pages of 4 KiB."""
    faults = {}
    for prepared in (False, True):
        code = FAULTS.format(prepared=prepared)
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        faults[prepared] = int(done.stdout)
    assert faults[True] < 1_000 < faults[False]


PRODUCT = """
import sys
from pipeline.config.schema import Device, DeviceConfig
from pipeline.runs.device import prepare_device

print(prepare_device(DeviceConfig(kind=Device.cpu, threads=1), concurrent_runs=1))
assert not {"matplotlib", "sklearn"} & set(sys.modules)
import sklearn, tensorflow as tf

@tf.function
def multiply(a, b):
    return tf.matmul(a, b)

multiply(tf.ones([2, 64, 64]), tf.ones([2, 64, 256]))
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="of x86 alone")
@pytest.mark.parametrize(("asked", "multiplied"), [(None, True), ("False", False)])
def test_onednn_multiplies_unless_it_is_turned_off_which_the_device_says(
    asked: str | None, multiplied: bool
) -> None:
    """oneDNN writes a line for each of its products when it is told to be verbose."""
    environment = {name: value for name, value in os.environ.items() if "ONEDNN" not in name}
    environment |= {"ONEDNN_VERBOSE": "1"} | ({"TF_ENABLE_ONEDNN_OPTS": asked} if asked else {})
    done = subprocess.run(
        [sys.executable, "-c", PRODUCT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    lines = [line for line in done.stdout.splitlines() if "exec,cpu,matmul" in line]
    assert bool(lines) == multiplied
    assert ("oneDNN off" in done.stdout.splitlines()[0]) != multiplied


@pytest.mark.parametrize(
    ("threads", "said"), [(1, "1 thread"), (2, "2 threads"), (11, "11 threads"), (21, "21 threads")]
)
def test_threads_are_counted_in_words(threads, said):
    assert str(DeviceFacts("cpu", "name", threads, 1)) == f"CPU (name), {said}"
