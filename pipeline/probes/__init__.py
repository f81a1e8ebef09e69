"""Measure what a trained network remembers by intervening in its texts.

`run_probes` runs every probe of a configuration on one subject. A probe takes the subject and the
configuration and returns a `ProbeResult`, or raises `Skipped` if it does not apply to the data.
"""

from __future__ import annotations

from pipeline.config.probes import ProbeConfig, ProbeKind
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
    run_one,
)
from pipeline.probes.gates import measure_gates
from pipeline.probes.lesson import measure_lesson
from pipeline.probes.quiz import measure_quiz
from pipeline.probes.retention import measure_retention
from pipeline.probes.slow_units import measure_slow_units

__all__ = ["Network", "NetworkReader", "ProbeResult", "Reader", "Skipped", "Subject", "run_probes"]

PROBES: dict[ProbeKind, Probe] = {
    ProbeKind.context: measure_context,
    ProbeKind.distance: measure_distance,
    ProbeKind.quiz: measure_quiz,
    ProbeKind.retention: measure_retention,
    ProbeKind.gates: measure_gates,
    ProbeKind.slow_units: measure_slow_units,
    ProbeKind.lesson: measure_lesson,
}


def run_probes(subject: Subject, config: ProbeConfig) -> list[ProbeResult]:
    """Run the probes that `config` names, log a line for each, and return those that apply.

    Those of language models alone are left out: `pipeline.probes.language` has them.
    """
    results = [
        run_one(kind, PROBES[kind], subject, config) for kind in config.kinds if kind in PROBES
    ]
    return [result for result in results if result is not None]
