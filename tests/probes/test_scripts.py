"""Test that probes cut and pad texts of scripts without spaces in the same words as they count."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.analysis.frames import rows_of
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import TokenizerConfig
from pipeline.config.tables import CsvConfig
from pipeline.data.splits import Head, Reviews, ReviewSplits
from pipeline.models.bigram_baseline import fit_baseline
from pipeline.probes import Reader, Subject
from pipeline.probes.context import measure_context
from pipeline.probes.distance import measure_distance
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.words import count_words, cut_words

HEADS = (Head("label", ("bad", "good")),)
SETTINGS = ProbeConfig(
    context_min_words=20,
    context_lengths=[2, 10],
    distance_reviews=60,
    distance_max_words=60,
    distances=[25, 50],
)


@dataclass(frozen=True)
class Script:
    """Say who does what, what decides, how a sentence ends, and what stands between two."""

    who: str
    does: str
    evidence: tuple[str, str]
    stop: str
    between: str

    def sentences(self) -> list[str]:
        pairs = itertools.product(self.who.split("|"), self.does.split("|"))
        return [f"{who}{does}{self.stop}" for who, does in pairs]


SCRIPTS = {
    "Chinese": Script(
        "我们|他们|医生|老师|学生|工人|朋友",
        "今天去学校|昨天在家里，喝茶|早上坐火车|晚上看书|一起走路",
        ("真难看", "真精彩"),
        "。",
        "",
    ),
    "Thai": Script(
        "เรา|เขา|หมอ|ครู|นักเรียน|คนงาน|เพื่อน",
        "ไปโรงเรียน|ดื่มชาที่บ้าน|นั่งรถไฟ|อ่านหนังสือ|เดินเล่น",
        ("แย่มาก", "ดีมาก"),
        "",
        " ",
    ),
    "Hindi": Script(
        "वे |लोग |डॉक्टर |शिक्षक |छात्र |मज़दूर |दोस्त ",
        "आज घर में चाय पीते हैं|रेल से शहर जाते हैं|रात को किताब पढ़ते हैं|साथ में चलते हैं|बाग में खेलते हैं",
        ("यह बेकार था", "यह बढ़िया था"),
        "।",
        " ",
    ),
}


@pytest.fixture(params=SCRIPTS, scope="module")
def script(request: pytest.FixtureRequest) -> Script:
    return SCRIPTS[request.param]


@pytest.fixture(scope="module")
def splits(script: Script) -> ReviewSplits:
    rng = np.random.default_rng(0)

    def write(name: str, size: int) -> Reviews:
        labels = np.arange(size) % 2
        chosen = rng.choice(script.sentences(), (size // 2, 3)).repeat(2, axis=0)  # alike for both
        ends = [f"{script.evidence[label]}{script.stop}" for label in labels]
        texts = [
            script.between.join([*map(str, row), end])
            for row, end in zip(chosen, ends, strict=True)
        ]
        ids = np.array([f"{name}-{number}" for number in range(size)])
        return Reviews(ids, texts, labels.astype(np.int32)[:, None])

    return ReviewSplits(write("train", 300), write("held", 120), write("test", 120), HEADS, "made")


class Asked:
    """Read by another reader, and remember the texts."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.heads, self.texts = reader, reader.heads, []

    def read(self, texts: list[str]) -> list[np.ndarray]:
        self.texts += texts
        return self.reader.read(texts)


def test_texts_are_padded_and_cut_in_the_words_of_their_script(
    script: Script, splits: ReviewSplits, tmp_path: Path
) -> None:
    asked = Asked(fit_baseline(splits.train, splits.validation, HEADS))
    tokenizer = train_tokenizer(splits.train.texts, TokenizerConfig())
    subject = Subject(asked, tokenizer, CsvConfig(path="own.csv"), splits, tmp_path)
    table = measure_distance(subject, SETTINGS).table.assign(text=asked.texts)
    own = table[table.condition == "plain"].set_index("review_id").text
    sides = {"plain": 0, "after": 1, "before": 1, "both": 2, "alone": 1}
    neutral = {word for one in script.sentences() for word in cut_words(one)}
    for row in rows_of(table):
        read, alone = row.text, row.condition == "alone"
        added = sides[row.condition] * row.distance
        assert count_words(read) == added + (0 if alone else count_words(own[row.review_id]))
        assert (own[row.review_id] in read) != alone
        assert not alone or set(cut_words(read)) <= neutral

    asked.texts.clear()
    table = measure_context(subject, SETTINGS).table.assign(text=asked.texts)
    for row in rows_of(table[table.condition != "whole"]):
        assert len(cut_words(row.text)) == row.distance
