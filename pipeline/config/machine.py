"""Say what this machine has, and refuse before any work what it cannot do.

That is memory, threads, a GPU and folders.

None of it belongs to a configuration itself: runs of another machine are read here, and runs of Slurm
are computed elsewhere. So only a program that is about to compute something asks.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from pipeline.config import memory
from pipeline.config.keys import abbreviate
from pipeline.config.schema import Device, DeviceConfig, RunConfig
from pipeline.errors import ConfigError

_THREADS_OF_A_CORE = 4
# What Linux shows of a graphics card: NVIDIA's under Windows, AMD's.
_OTHER_CARDS = ("/dev/dxg", "/dev/kfd")


def available_cores() -> int:
    """Return how many cores this process may use; in a Slurm job, at most those allocated to it."""
    bound = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if bound else os.cpu_count() or 1
    return min(cores, int(os.environ.get("SLURM_CPUS_ON_NODE", cores)))


def has_gpu() -> bool:
    """Return whether an NVIDIA device is visible, without importing TensorFlow."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and len(gpu_devices()) > 0


def gpu_devices() -> list[str]:
    """Return the paths of the NVIDIA devices that the driver has made."""
    return sorted(str(path) for path in Path("/dev").glob("nvidia[0-9]*"))


def check_device(config: DeviceConfig) -> None:
    """Raise `ConfigError` for more threads than the cores can run, or a GPU where there is none."""
    most = _THREADS_OF_A_CORE * available_cores()
    if config.threads is not None and config.threads > most:
        raise ConfigError(
            f"device.threads is {config.threads}, and this machine has {available_cores()} cores; "
            f"choose at most {most}, or leave it out"
        )
    if config.kind == Device.gpu and not has_gpu() and not any(map(os.path.exists, _OTHER_CARDS)):
        raise ConfigError(
            "device.kind is gpu, and this machine shows none; write device=cpu, or leave it out"
        )


def check_memory(config: RunConfig) -> None:
    """Raise `ConfigError` for a run that cannot fit into the memory of this machine."""
    limit, of_what = memory_limit()
    found = memory.find_excess(config, limit, on_gpu=_computes_on_gpu(config))
    if found is None:
        return
    hint = f"choose at most about {found.fits:,}" if found.fits else "choose a smaller one"
    raise ConfigError(
        f"{found.key} is {abbreviate(str(found.value))}: {found.part} alone would need "
        f"{shown_bytes(found.size)} of memory, and {of_what} {shown_bytes(limit)}; {hint}"
    )


def runs_that_fit(config: RunConfig) -> int:
    """Return how many runs like this one fit into the memory of this machine at a time, at least 1."""
    size = memory.estimate(config, on_gpu=_computes_on_gpu(config))
    return max(1, int(memory_limit()[0] // size))


def _computes_on_gpu(config: RunConfig) -> bool:
    return config.device.kind == Device.gpu or (config.device.kind == Device.auto and has_gpu())


def memory_limit() -> tuple[float, str]:
    """Return how many bytes a run may use, and what sets that limit, as the beginning of a sentence."""
    limits: list[tuple[float, str]] = [(float("inf"), "this machine has")]
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        limits.append((installed, "this machine has"))
    except (AttributeError, OSError, ValueError):  # Windows
        pass
    limits += [(limit, "this container has") for limit in _cgroup_limits()]
    try:
        import resource
    except ImportError:  # Windows
        return min(limits)
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        allowed = resource.getrlimit(kind)[0]
        if allowed != resource.RLIM_INFINITY:
            limits.append((allowed, "ulimit allows"))
    return min(limits, key=lambda one: one[0])


def _cgroup_limits(
    mounted: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> list[int]:
    """Return the memory limits of the control groups of this process, in bytes, of both versions."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    files = [mounted / "memory.max", mounted / "memory" / "memory.limit_in_bytes"]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        base, name = mounted, "memory.max"
        if "memory" in controllers.split(","):
            base, name = mounted / "memory", "memory.limit_in_bytes"
        place = Path(path.lstrip("/"))
        files += [base / folder / name for folder in (place, *place.parents)]
    return [limit for limit in map(_read_number, files) if limit is not None]


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None


def shown_bytes(size: float) -> str:
    """Write a number of bytes with two digits: 5.2 GB, 24 GB."""
    units = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
    power = min(int(math.log(max(size, 1), 1000)), len(units) - 1)
    number = size / 1000**power
    return f"{number:.{0 if number >= 9.95 else 1}f} {units[power]}"


def make_folders(config: RunConfig, key: str, folder: Path) -> None:
    """Make the folders that a program writes to.

    key: of the setting that names `folder`, which Hydra writes to.

    Raises:
      ConfigError: one cannot be made or written.
    """
    root = Path(config.root)
    places = {"root": root, ("root" if folder.is_relative_to(root) else key): folder}
    for name, place in places.items():
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or type(error).__name__
        else:
            reason = "" if os.access(place, os.W_OK) else "Permission denied"
        if reason:
            named = abbreviate(repr(str(root if name == "root" else place)))
            raise ConfigError(
                f"{name} is {named}, and nothing can be written there ({reason}); choose another folder"
            )
