"""Where a run is computed: chosen, and threads set, before TensorFlow is imported.

TensorFlow fixes its thread counts at its first use, so every program calls `prepare_device` first.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipeline.config.compose import available_cores
from pipeline.config.schema import Device, DeviceConfig
from pipeline.errors import ConfigError

# Parameters of glibc's `mallopt`, from its malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


@dataclass(frozen=True)
class DeviceFacts:
    """kind: cpu or gpu; name: as the machine calls it, and whether oneDNN is turned off on it, which
    changes speed and, by rounding, numbers; threads: of this run; concurrent_runs: how many runs share
    the machine.
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
    """Imports TensorFlow with the threads of this run, on a GPU when there is one and it is wanted.

    On a GPU memory grows with need, so that others can use the card too.

    Raises:
      ConfigError: a GPU is asked for and TensorFlow finds none.
    """
    threads = config.threads or max(1, available_cores() // concurrent_runs)
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = (
        "1"  # one step is one chain; a second queue costs, no more
    )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow leaves oneDNN's matrix products off on a processor without AVX-512, where they are
    # twice as fast as its own on the small shapes of a recurrent step too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if config.kind == Device.cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    _keep_freed_memory()
    with native_stderr_suppressed():
        import tensorflow as tf

        cards = tf.config.list_physical_devices("GPU")
    if config.kind == Device.gpu and not cards:
        raise ConfigError("device.kind is gpu, and TensorFlow finds none; it may hold auto or cpu")
    for card in cards:
        tf.config.experimental.set_memory_growth(card, True)
    # Costs nothing measurable here, and the same seed then gives the same numbers with many threads.
    tf.config.experimental.enable_op_determinism()
    if cards:
        name = tf.config.experimental.get_device_details(cards[0]).get("device_name", "GPU")
        return DeviceFacts("gpu", name, threads, concurrent_runs)
    off = os.environ["TF_ENABLE_ONEDNN_OPTS"].lower() in ("0", "false")  # as TensorFlow reads it
    name = _processor_name() + (", oneDNN off" if off else "")
    return DeviceFacts("cpu", name, threads, concurrent_runs)


def _keep_freed_memory() -> None:
    """Keeps what TensorFlow frees after a step for the next one, which asks for the same again.

    glibc would hand back to the system what is large, and every step would take thousands of page
    faults to have it again, a tenth of its time. The most memory held stays the same; it is handed back
    when the process ends, as that of a job of a sweep soon does. Without glibc nothing is done.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # such as on macOS
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_M_TOP_PAD, 64 * 2**20)


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB of 10^6 bytes."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


@contextmanager
def native_stderr_suppressed() -> Iterator[None]:
    """Holds back what native code writes to standard error while TensorFlow loads.

    Its first lines ignore every log level. They are shown when loading fails.
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
