"""Say in a run's note, which MLflow shows on its page, what came of the run."""

from __future__ import annotations

from pipeline.analysis.curves import PASSING
from pipeline.training.evaluate import Evaluation
from pipeline.training.perplexity import LanguageEvaluation


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


def describe_perplexity(test: LanguageEvaluation) -> str:
    """Return how well a language model predicts the test texts, in Markdown."""
    return (
        f"Perplexity **{test.metrics['perplexity']:.1f}** over {len(test.losses):,} test texts, "
        f"{test.metrics['bits_per_character']:.3f} bits per character."
    )


def describe_memory(facts: dict[str, str]) -> list[str]:
    """Return a line for each measure of how far back it remembers, from the facts of its probes.

    A fact may be a number with its interval, or words such as "beyond 800" or "the whole text".
    """
    measures = {
        "quiz/under_75": f"Words of distance up to which {PASSING:.0%} of the texts are right",
        "distance/half_life_both": "Neutral words on both sides after which half the margin is left",
        "context/effective_tail": "Last tokens that keep the accuracy within a point",
    }
    return [f"{said}: {facts[name]}." for name, said in measures.items() if name in facts]
