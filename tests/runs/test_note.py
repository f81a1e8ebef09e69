"""Test what a run says of itself in MLflow."""

import pandas as pd
import pytest

from pipeline.runs.note import describe_accuracy, describe_memory
from pipeline.training.evaluate import Evaluation

LENGTHS = {"accuracy/length_0_49": 0.9, "loss": 0.7}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"accuracy": 0.875}, "Right on **87.5%** of 1,200 test texts."),
        (
            {"accuracy": 0.329, "accuracy/sentiment": 0.666, "accuracy/subject": 0.402},
            "All answers are right on **32.9%** of 1,200 test texts (sentiment 66.6%, subject 40.2%).",
        ),
    ],
)
def test_the_accuracy_is_said_with_that_of_each_head(metrics: dict[str, float], said: str) -> None:
    test = Evaluation(pd.DataFrame(index=range(1200)), metrics | LENGTHS)
    assert describe_accuracy(test) == said


def test_reaches_are_said_as_they_were_measured_and_others_are_not() -> None:
    facts = {
        "distance/filler": "680 sentences",
        "distance/half_life_both": "beyond 800",
        "quiz/under_75": "21 (13 to 68)",
    }
    quiz, half_life = describe_memory(facts)
    assert quiz.endswith("75% of the texts are right: 21 (13 to 68).")
    assert half_life.endswith("half the margin is left: beyond 800.")
    assert describe_memory({}) == []
