"""Choose the device of a run and set its threads before TensorFlow is imported.

TensorFlow fixes its thread counts at its first use, so every program calls `prepare_device` first.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipeline.config.machine import available_cores
from pipeline.config.schema import Device, DeviceConfig
from pipeline.runs.gpu import prepare_gpus

log = logging.getLogger(__name__)

# Parameters of glibc's `mallopt`, from its malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4

# What Keras imports where it is installed, for galleries of images and for wrappers as estimators, of
# which nothing is used here: more than a quarter of the seconds that importing TensorFlow takes.
_NEEDLESS = ("matplotlib", "sklearn")


@dataclass(frozen=True)
class DeviceFacts:
    """Describe the device of a run.

    kind: cpu or gpu; name: the device's model, with a note if oneDNN is off, which changes the speed
    and the rounding; threads: of this run; concurrent_runs: how many runs share the machine.
    """

    kind: str
    name: str
    threads: int
    concurrent_runs: int

    def __str__(self) -> str:
        share = f", {self.concurrent_runs} runs at a time" if self.concurrent_runs > 1 else ""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.kind.upper()} ({self.name}), {threads}{share}"


def prepare_device(config: DeviceConfig, concurrent_runs: int) -> DeviceFacts:
    """Import TensorFlow with the configured device and the threads of this run.

    Raises:
      ConfigError: a GPU is requested and TensorFlow finds none.
    """
    threads = config.threads or max(1, available_cores() // concurrent_runs)
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = (
        "1"  # the operations of a step form one chain: a second thread pool only costs time
    )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow turns oneDNN off on processors without AVX-512, although its matrix products are twice
    # as fast there, even for the small shapes of a recurrent step.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if config.kind == Device.cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    _keep_freed_memory()
    with native_stderr_suppressed(), _hidden(_NEEDLESS):
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")
    _compute_in_single_precision()
    cards = prepare_gpus(tf, config)
    # Makes results reproducible with several threads too, at no measurable cost here.
    tf.config.experimental.enable_op_determinism()
    if cards:
        name = tf.config.experimental.get_device_details(cards[0]).get("device_name", "GPU")
        return DeviceFacts("gpu", name, threads, concurrent_runs)
    off = os.environ["TF_ENABLE_ONEDNN_OPTS"].lower() in ("0", "false")  # as TensorFlow reads it
    name = _processor_name() + (", oneDNN off" if off else "")
    return DeviceFacts("cpu", name, threads, concurrent_runs)


def _compute_in_single_precision() -> None:
    """Set Keras to float32, whatever a file of settings or a program has set.

    Gradients through hundreds of steps overflow in half precision, and the kernels for a CPU are in
    single precision: the networks of a sweep could not be compared.
    """
    import keras

    found = {keras.config.floatx(), keras.config.dtype_policy().name} - {"float32"}
    if found:
        log.warning(
            "Keras is set to %s (floatx in ~/.keras/keras.json): float32 is used all the same, as "
            "gradients through hundreds of steps overflow in half precision",
            " and ".join(sorted(found)),
        )
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def _keep_freed_memory() -> None:
    """Make glibc keep the memory that TensorFlow frees after a step, for the next step.

    By default glibc returns large blocks to the system, and every step spends a tenth of its time on the
    page faults of allocating them again. The peak memory is the same. Does nothing without glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # such as on macOS
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_M_TOP_PAD, 64 * 2**20)


def peak_memory_mb() -> float:
    """Return the peak memory of this process in MB (10^6 bytes); 0 on Windows."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


@contextmanager
def _hidden(packages: Iterable[str]) -> Iterator[None]:
    """Make packages that are not imported yet look as if they were not installed."""
    modules: dict[str, Any] = sys.modules  # in which None is an ImportError
    hidden = [name for name in packages if name not in modules]
    modules |= dict.fromkeys(hidden)
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]


@contextmanager
def native_stderr_suppressed() -> Iterator[None]:
    """Suppress what native code writes to standard error while TensorFlow loads.

    TensorFlow's first lines ignore all log levels. They are shown if the block raises.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    import platform

    return names[0] if names else platform.processor() or platform.machine()
