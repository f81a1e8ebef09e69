"""Measure what a trained language model remembers.

`run_language_probes` runs those probes of a configuration that apply to language models. A probe takes
the subject and the configuration and returns a `ProbeResult`, or raises `Skipped` if it does not apply
to the data.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config.probes import ProbeConfig, ProbeKind
from pipeline.probes.frame import ProbeResult, run_one
from pipeline.probes.language_context import measure_language_context
from pipeline.probes.language_frame import LanguageProbe, LanguageSubject
from pipeline.probes.language_traces import measure_language_gates, measure_language_retention
from pipeline.probes.subject_recall import measure_subject_recall
from pipeline.probes.word_recall import measure_word_recall

__all__ = ["LANGUAGE_PROBES", "LanguageSubject", "run_language_probes"]

LANGUAGE_PROBES: dict[ProbeKind, LanguageProbe] = {
    ProbeKind.language_context: measure_language_context,
    ProbeKind.word_recall: measure_word_recall,
    ProbeKind.subject_recall: measure_subject_recall,
    ProbeKind.retention: measure_language_retention,
    ProbeKind.gates: measure_language_gates,
}


def run_language_probes(subject: LanguageSubject, config: ProbeConfig) -> Iterator[ProbeResult]:
    """Run the probes that `config` names, log a line for each, and yield those that apply."""
    for kind in config.kinds:
        if kind in LANGUAGE_PROBES:
            result = run_one(kind, LANGUAGE_PROBES[kind], subject, config)
            if result is not None:
                yield result
