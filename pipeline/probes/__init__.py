"""Probes: what a trained network remembers, measured by intervening in what it reads.

`run_probes` asks every probe of a configuration about one subject. A probe is a function of the
subject and the configuration to a `ProbeResult`; it raises `Skipped` where the data give it nothing.
"""

from __future__ import annotations

import logging
import time

from pipeline.config.schema import ProbeConfig, ProbeKind
from pipeline.probes.context import measure_context
from pipeline.probes.distance import measure_distance
from pipeline.probes.frame import (
    Network,
    NetworkReader,
    Probe,
    ProbeResult,
    Reader,
    Skipped,
    Subject,
)
from pipeline.probes.gates import measure_gates
from pipeline.probes.lesson import read_lesson
from pipeline.probes.quiz import ask_quiz
from pipeline.probes.retention import measure_retention

log = logging.getLogger(__name__)

__all__ = ["Network", "NetworkReader", "ProbeResult", "Reader", "Skipped", "Subject", "run_probes"]

PROBES: dict[ProbeKind, Probe] = {
    ProbeKind.context: measure_context,
    ProbeKind.distance: measure_distance,
    ProbeKind.quiz: ask_quiz,
    ProbeKind.retention: measure_retention,
    ProbeKind.gates: measure_gates,
    ProbeKind.lesson: read_lesson,
}


def run_probes(subject: Subject, config: ProbeConfig) -> list[ProbeResult]:
    """The results of the probes that `config` names and these data allow, with a line for each."""
    results = []
    for kind in config.kinds:
        started = time.perf_counter()
        try:
            result = PROBES[kind](subject, config)
        except Skipped as reason:
            log.info("Probe %s skipped: %s", kind.name, reason)
            continue
        said = ", ".join(f"{name} {fact}" for name, fact in result.facts.items())
        log.info("Probe %s: %s (%.1f s)", kind.name, said, time.perf_counter() - started)
        results.append(result)
    return results
