"""The jobs of a sweep on the cores of this machine: threads that each hold one process at a time."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from pipeline.sweeps.job import JobDescription
from pipeline.sweeps.watch import JobResult, run_job, start_process


def run_jobs(
    jobs: Sequence[JobDescription],
    workers: int,
    on_end: Callable[[JobDescription, JobResult], None],
) -> None:
    """Runs jobs in their order, `workers` at a time, and returns when all have ended.

    A job that fails does not stop the others. Whatever stops this function, such as a Ctrl-C, ends all
    of them at once. `on_end` is called in this thread, as each job ends.
    """
    processes = _Processes()
    with ThreadPoolExecutor(workers) as pool:
        try:
            endings = {pool.submit(run_job, job, processes.start): job for job in jobs}
            for future in as_completed(endings):
                on_end(endings[future], future.result())
        except BaseException:
            processes.kill()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Processes:
    """The processes of all threads, so that they can be ended together and none starts afterwards."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.started: list[subprocess.Popen[str]] = []
        self.killed = False

    def start(self, job: JobDescription) -> subprocess.Popen[str]:
        with self.lock:
            if self.killed:
                raise RuntimeError("the sweep is stopped")
            running = [process for process in self.started if process.returncode is None]
            process = start_process(job)
            self.started = [*running, process]
            return process

    def kill(self) -> None:
        with self.lock:
            self.killed = True
            for process in self.started:
                process.kill()
