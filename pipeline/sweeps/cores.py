"""Run the jobs of a sweep on this machine, in a pool of threads that each run one process at a time."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from pipeline.runs.status import JobState, update_status
from pipeline.sweeps.job import JobDescription
from pipeline.sweeps.watch import JobResult, put_back, run_job, start_process


def run_jobs(
    jobs: Sequence[JobDescription],
    workers: int,
    on_end: Callable[[JobDescription, JobResult], None],
) -> None:
    """Run jobs in order, `workers` at a time, and return when all have ended.

    A failed job does not stop the others. One whose process was killed, most likely for its memory, is
    resumed once, after the others. If this function is stopped, for example by Ctrl-C, it kills all
    running jobs, which wait for the next launch. `on_end` is called in this thread as each job ends.
    """
    processes, resumed = _Processes(), set[Path]()
    running: dict[Future[JobResult], JobDescription] = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            for job in jobs:
                running[pool.submit(run_job, job, processes.start)] = job
            while running:
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    job, result = running.pop(future), future.result()
                    if not result.was_killed or job.folder in resumed:
                        on_end(job, result)
                        continue
                    resumed.add(job.folder)
                    put_back(job, result)
                    running[pool.submit(run_job, job, processes.start)] = job
        except BaseException:
            processes.kill()
            pool.shutdown(cancel_futures=True)  # waits: what follows may write only after the jobs
            for job in running.values():
                update_status(job.folder, state=JobState.waiting)
            raise


class _Processes:
    """Track the processes of all threads, to kill them together and prevent new ones."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.started: list[subprocess.Popen[str]] = []
        self.killed = False

    def start(self, job: JobDescription) -> subprocess.Popen[str]:
        with self.lock:
            if self.killed:
                raise RuntimeError("the sweep was stopped")
            running = [process for process in self.started if process.returncode is None]
            process = start_process(job)
            self.started = [*running, process]
            return process

    def kill(self) -> None:
        with self.lock:
            self.killed = True
            for process in self.started:
                process.kill()
