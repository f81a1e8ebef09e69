"""Say in a run's note, which MLflow shows on its page, what came of the run."""

from __future__ import annotations

from pipeline.analysis.curves import PASSING
from pipeline.training.evaluate import Evaluation


def describe_accuracy(test: Evaluation) -> str:
    """Return the accuracy on the test split, in Markdown."""
    texts = f"{len(test.predictions):,} test texts"
    heads = [
        f"{name.removeprefix('accuracy/')} {value:.1%}"
        for name, value in test.metrics.items()
        if name.startswith("accuracy/") and "length_" not in name
    ]
    share = f"**{test.metrics['accuracy']:.1%}** of {texts}"
    if not heads:
        return f"Right on {share}."
    return f"All answers are right on {share} ({', '.join(heads)})."


def describe_memory(facts: dict[str, str]) -> list[str]:
    """Return sentences on how far back it remembers, from the facts of its probes."""
    said = {
        "quiz/under_75": f"All answers are right on {PASSING:.0%} of the texts up to a distance of "
        "{} words.",
        "distance/half_life_both": "Half of the margin is left after {} neutral words on both sides.",
        "context/effective_tail": "Within a point of its accuracy with the last {} tokens.",
    }
    return [
        sentence.format(facts[name])
        for name, sentence in said.items()
        if name in facts and facts[name] not in ("rises", "nothing to lose")
    ]
