"""Measure accuracy on the generated corpus by the distance of the evidence from the end.

The evidence of every generated text is known, with its distance from the end and what makes it harder:
distractors, sentences with an opinion that does not count, and contradictions, a second opinion in the
evidence. The sentence of the lesson is read too, with more and more neutral words after it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.analysis.curves import PASSING, describe_reach, distance_under
from pipeline.config.data import ClausesConfig
from pipeline.config.probes import ProbeConfig
from pipeline.data import lexicon, synthetic
from pipeline.probes.frame import (
    Answers,
    ProbeResult,
    Skipped,
    Subject,
    answer_columns,
    ask,
    reach_metrics,
)
from pipeline.probes.neutral import Filler

_LESSONS = 20  # different neutral texts after the sentence of the lesson, at each distance
TEST, LESSON = "test", "lesson"


def measure_quiz(subject: Subject, config: ProbeConfig) -> ProbeResult:
    """Measure the accuracy of the sentiment, the subject and both, by distance.

    The table has a row for each text: review_id; condition (`test` for texts of the test split, `lesson`
    for the sentence of the lesson); distance (words after the evidence); distractors (their number);
    contradicted; sentiment_correct; subject_correct; and `answer_columns`, where correct means both.

    Raises:
      Skipped: the texts are not generated, so that the position of the evidence is unknown.
    """
    test = subject.reviews.test
    if not isinstance(subject.data, ClausesConfig) or test.traits is None:
        raise Skipped("it needs the generated texts (data=clauses), whose evidence is known")
    traits = test.traits[["distance", "distractors", "contradicted"]]
    asked = _rows(subject, test.ids, test.texts, test.labels, traits.assign(condition=TEST))
    return _summarize(pd.concat([asked, _ask_lesson(subject, config)], ignore_index=True), config)


def _ask_lesson(subject: Subject, config: ProbeConfig) -> pd.DataFrame:
    """Read the sentence of the lesson alone and with neutral words after it."""
    rng = np.random.default_rng([config.seed, 2])
    filler = Filler(synthetic.neutral_sentences(rng, 1000))
    distances = np.repeat([0, *config.distances], _LESSONS)
    texts = [
        f"{lexicon.LESSON} {filler.write(distance, rng)}".strip() for distance in distances.tolist()
    ]
    traits = pd.DataFrame({"distance": distances, "distractors": 0, "contradicted": False})
    ids = np.array([f"lesson-{number:03d}" for number in range(len(texts))])
    labels = np.tile(lexicon.LESSON_LABELS, (len(texts), 1))
    return _rows(subject, ids, texts, labels, traits.assign(condition=LESSON))


def _rows(
    subject: Subject, ids: np.ndarray, texts: list[str], labels: np.ndarray, traits: pd.DataFrame
) -> pd.DataFrame:
    answers: Answers = ask(subject.reader, texts, labels)
    right = answers.predicted == labels
    return traits.assign(
        review_id=ids,
        **{f"{head.name}_correct": right[:, n] for n, head in enumerate(subject.heads)},
        **answer_columns(answers, subject.heads),
    )


def _summarize(table: pd.DataFrame, config: ProbeConfig) -> ProbeResult:
    test = table[table.condition == TEST]
    lesson = table[table.condition == LESSON]
    distracted, contradicted = test.distractors > 0, test.contradicted
    parts = {
        "accuracy": test.correct,
        "accuracy/sentiment": test.sentiment_correct,
        "accuracy/subject": test.subject_correct,
        "accuracy/with_distractors": test.correct[distracted],
        "accuracy/without_distractors": test.correct[~distracted],
        "accuracy/contradicted": test.correct[contradicted],
        "accuracy/not_contradicted": test.correct[~contradicted],
        "accuracy/lesson": lesson.correct,
    }
    metrics = {name: float(values.mean()) for name, values in parts.items() if len(values)}
    correct = test.correct.to_numpy()[None]
    rng = np.random.default_rng(config.seed)
    reach = distance_under(PASSING, correct, test.distance.to_numpy(), [[0]], rng)[0]
    metrics |= reach_metrics("under_75", reach)
    facts = {"under_75": describe_reach(reach, f"beyond {test.distance.max()}")}
    return ProbeResult("quiz", table, metrics, facts)
