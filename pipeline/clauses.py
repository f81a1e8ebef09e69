"""The embedded corpus: texts with a sentiment and its subject, neutral words apart from the end.

It asks the question of the lesson this project starts from: reading "While watching the movie, I
could only think of how terrible it was." and then a few hundred words about trams and tickets, which
network still knows what was thought, and of what? Both labels stand in one deciding sentence; what
comes before and after it is drawn without looking at them.

Where a bag of words must fail, and why:

- Sentiment, in *contradicted* texts. Their deciding sentence holds a word of either sentiment, of the
  same kind and equally frequent: the narrator's own, and one that is somebody else's, expected, or
  denied. Only the syntax says which is which, in either order: chance is 1/2.
- Subject, in texts with *distractors*. These neutral sentences name other subjects, each once, in
  frames that fit every subject, before the deciding sentence as well as after it: with k of them
  chance is 1 / (k + 1).

Elsewhere it must not fail: one subject is named and every sentiment word speaks for the label. The
order of sentences gives nothing away, because half of the texts open with neutral ones. Pairs of
words see a little syntax ("was not", "found it") and fail less than single ones.

Words hold no hyphen and no apostrophe, so that splitting at spaces counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from pipeline.config import ClausesConfig


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split("|"))


# The sentence of the lesson, and its sentiment and subject.
LESSON = "While watching the movie, I could only think of how terrible it was."
LESSON_LABELS = (0, 0)

SENTIMENTS = ("negative", "positive")
SUBJECTS = ("film", "acting", "plot", "music", "dialogue", "camerawork")

SUBJECT_NOUNS: dict[str, tuple[str, ...]] = {
    "film": ("film", "movie", "picture"),
    "acting": ("acting", "cast", "performance"),
    "plot": ("plot", "story", "storyline"),
    "music": ("music", "score", "soundtrack"),
    "dialogue": ("dialogue", "script", "screenplay"),
    "camerawork": ("camerawork", "photography", "cinematography"),
}

# Each kind of word fits its own frames; a sentence with both sentiments draws both from one kind.
SENTIMENT_WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "negative": {
        "adjective": _phrases(
            """terrible | awful | dreadful | dull | boring | tedious | dismal | clumsy | lifeless |
            poor | hopeless | horrible | tiresome | embarrassing | feeble | unbearable"""
        ),
        "verb": ("hated", "loathed", "disliked", "despised", "detested", "resented"),
        "noun": ("disaster", "mess", "failure", "bore", "nightmare", "disgrace"),
    },
    "positive": {
        "adjective": _phrases(
            """wonderful | superb | brilliant | gripping | delightful | charming | splendid |
            marvellous | touching | excellent | memorable | beautiful | terrific | magnificent |
            captivating | enchanting"""
        ),
        "verb": ("loved", "adored", "enjoyed", "admired", "treasured", "cherished"),
        "noun": ("triumph", "delight", "joy", "pleasure", "treat", "marvel"),
    },
}

# {own}: the deciding sentiment; {other}: the opposite one, not the narrator's; {person}: whose.
_PLAIN_FRAMES: dict[str, tuple[str, ...]] = {
    "adjective": (
        "while {taking_in} the {noun}, I could only think of how {own} it was",
        "I found the {noun} {own}",
        "the {noun} was {own}",
        "to my mind the {noun} was {own}",
        "the {noun} seemed {own} to me from the first minute to the last",
        "what stayed with me was how {own} the {noun} was",
        "if you ask me, the {noun} was simply {own}",
        "{own} is the only word I have for the {noun}",
        "I could not stop thinking about the {noun} and how {own} it had been",
        "nobody had told me how {own} the {noun} would be",
        "I must have said four times how {own} I thought the {noun}",
    ),
    "verb": (
        "I {own} the {noun}",
        "I {own} the {noun} more than I can say",
        "while {taking_in} the {noun}, I noticed how much I {own} it",
        "there was nothing about the {noun} that I had not {own} by the end",
    ),
    "noun": (
        "for me the {noun} was a {own}",
        "the {noun} turned out to be a {own}",
        "it has to be said that the {noun} was a {own}",
        "I thought the {noun} a {own} and said so",
    ),
}
_CONTRADICTED_FRAMES: dict[str, tuple[str, ...]] = {
    "adjective": (
        "{person} had told me that the {noun} would be {other}, but it was {own}",
        "{person} called the {noun} {other}; I found it {own}",
        "I found the {noun} {own}, although {person} called it {other}",
        "I had expected the {noun} to be {other}, yet it was {own}",
        "the {noun} was {own}, when I had expected it to be {other}",
        "the {noun} was not {other} but {own}",
        "the {noun} was {own}, not {other}",
        "while {taking_in} the {noun}, I could only think of how {own} it was and not, as "
        "{person} had said, how {other}",
        "{person} keeps saying how {other} the {noun} is. I thought it {own}",
    ),
    "verb": (
        "{person} {other} the {noun}, but I {own} it",
        "I {own} the {noun}, even if {person} {other} it",
    ),
    "noun": (
        "{person} had called the {noun} a {other}; for me it was a {own}",
        "for me the {noun} was a {own}, whatever {person} meant by calling it a {other}",
        "the {noun}, which {person} thought a {other}, was a {own}",
    ),
}
_OPINIONATED = _phrases(
    """a friend | my sister | one critic | our neighbour | a colleague | my uncle | the usher |
    the man next to me | everybody at work | somebody on the tram"""
)
# What one does with a subject. Distractors use these verbs about as often as opinions do.
_TAKING_IN: dict[str, tuple[str, ...]] = {
    "film": ("watching", "following"),
    "acting": ("watching", "studying"),
    "plot": ("following", "considering"),
    "music": ("hearing", "listening to"),
    "dialogue": ("hearing", "following"),
    "camerawork": ("watching", "studying"),
}

# Neutral words about a subject: every frame fits every subject, or the frame would name it.
_DISTRACTOR_FRAMES = (
    "while {taking_in} the {noun}, {person} ate a sandwich",
    "while {taking_in} the {noun}, {person} looked for a glove",
    "{person} asked me who was responsible for the {noun}",
    "{person} wanted to know what the {noun} had cost",
    "a page of the leaflet was about the {noun}",
    "the studio in {town} had spent two years on the {noun}",
    "there had been a lecture on the {noun} in {town}",
    "the radio had a report from {town} about the {noun}",
    "two students were talking about the {noun} on the stairs",
    "someone from {town} was writing an essay on the {noun}",
    "{person} asked what I knew about the {noun}",
    "the board outside said something about the {noun}",
    "the {noun} had been in the news in {town}",
    "the {noun} was mentioned twice on the poster",
)
_TOWNS = _phrases(
    "Prague | Lisbon | Oslo | Toronto | Naples | Dublin | Seville | Vienna | Bergen | Lyon"
)


class _Scene(NamedTuple):
    """Who or what, what it did, and where, when or how: any three make a sentence."""

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    endings: tuple[str, ...]


def _scene(actors: str, actions: str, endings: str) -> _Scene:
    return _Scene(_phrases(actors), _phrases(actions), _phrases(endings))


_SCENES = (
    _scene(
        """I | we | my brother | my cousin | our neighbour | a colleague of mine | my aunt | my sister |
        two friends from work | the children""",
        """took the number nine tram | walked along the canal | waited for the bus | bought a newspaper |
        left the car near the station | crossed the market square | stopped for bread | changed trains |
        carried two umbrellas | cycled through the park | looked for a cash machine | lost a button |
        wrote down the address | found the side entrance | read the timetable twice""",
        """in light rain | before dinner | after work | with a bag of apples | on the way into town |
        under grey clouds | as it was getting dark | because the bridge was closed | in new shoes |
        while the shops were closing | without any hurry | as on most Tuesdays""",
    ),
    _scene(
        """a woman in a raincoat | a boy in a green coat | the man in front of us | an old couple | I |
        we | a man with a beard | a group of students | a tall girl | somebody from the choir""",
        """counted the coins | asked for a receipt | ordered tea and popcorn | filled two paper cups |
        pointed towards the stairs | checked the tickets | hung a coat on the rack | took a leaflet |
        looked at a map of the exits | paid for four seats | held the door open | bought some nuts |
        asked about the parking | found a place in the queue""",
        """near the entrance | under the big clock | without a word | while the queue moved on |
        beside the lift | at ten to eight | as the doors opened | between two pillars | with one hand |
        next to the ice cream | like everybody else | in the narrow foyer""",
    ),
    _scene(
        """somebody behind us | a student in the third row | the man beside me | two teenagers |
        a child | a woman with a red scarf | the person next to me | half of the row | I | we""",
        """changed seats | folded a coat | switched off a phone | looked for a glove | leaned back |
        passed the sweets along | poured coffee from a flask | opened a packet of crisps |
        dropped a set of keys | whispered something about the bus | found a coin under the seat |
        thought about dinner | ate a sandwich | counted the empty seats""",
        """during the trailers | as the lights went down | in the half dark | near the aisle |
        before the interval | at the back of the hall | next to the exit | for the second time |
        while the curtain opened | halfway through the evening | after the advertisements |
        without looking up""",
    ),
    _scene(
        """the heating | the projector | the ventilation | a lamp above the door | the old lift |
        a radio | a neon sign | the coffee machine | an alarm | the ticket printer""",
        """hummed | stopped | started again | clicked twice | came on | made a low sound | buzzed |
        needed a new fuse | ran for a while | switched itself off | was being repaired | fell silent""",
        """somewhere upstairs | behind the curtain | at nine | on the ground floor | as usual |
        that week | close to our row | in the next room | under the stairs | during the interval |
        at the end of the corridor""",
    ),
    _scene(
        """a delivery van | the last tram | a procession of cyclists | a street sweeper | a taxi |
        a dog | an empty bus | a man on a scooter | the evening traffic | the night patrol""",
        """moved along the street | passed the entrance | reached the square | crossed the bridge |
        came up from the harbour | went by the window | followed the canal | turned north |
        stopped at the corner | went round the car park""",
        """around eight | towards the station | on that side of town | at about the same hour |
        as we left | in the fog | in the snow | before midnight | after the showing | in the rain""",
    ),
    _scene(
        """the programme | the website | a sign on the wall | the screen in the foyer | a folded card |
        the back of the ticket | the board outside | a notice | the leaflet""",
        """listed nine showings | gave the running time as two hours | showed the way to the exits |
        said that the doors open at seven | named the sponsors | announced a talk on Thursday |
        mentioned the price of parking | gave the number of seats | promised an interval |
        asked people to keep their bags close | had the telephone number of the box office""",
        """in small print | in three languages | in blue letters | next to the prices | at the bottom |
        as the law requires | for visitors from abroad | once again | in plain words | under a map""",
    ),
)
_TIMES = _phrases(
    """at half past seven | before the lights went down | a little later | by then | on the way in |
    that evening | after a while | in the meantime | just before eight | during the break | afterwards |
    around that time | as far as I remember | later on | on the way out | earlier that day"""
)
_SHORT = _phrases(
    """rain fell | we waited | doors closed | people coughed | phones glowed | lights dimmed |
    we sat down | it was Tuesday | the queue grew | nobody hurried | it rained again |
    it was snowing | nothing moved | taxis came | somebody sneezed | keys rattled | paper rustled |
    we had time | the wind turned | the bells rang"""
)
_LONGEST_OPENING = 3  # neutral sentences before the deciding one
_MOST_DISTRACTORS = 3


@dataclass(frozen=True)
class GeneratedTexts:
    """Texts with both labels.

    texts: n texts; sentiments: <int32>[n], an index into SENTIMENTS; subjects: <int32>[n], an index
    into SUBJECTS; traits: a row for each text, with `distance` (words after the deciding sentence),
    `distractors` (sentences that name another subject), `contradicted` (bool), `evidence` (the
    deciding sentence as it stands in the text, two sentences now and then) and `deciding_words` (the
    noun of the subject and the word of the narrator's own sentiment).
    """

    texts: list[str]
    sentiments: np.ndarray
    subjects: np.ndarray
    traits: pd.DataFrame


def generate_texts(
    config: ClausesConfig, size: int, rng: np.random.Generator, *, distance_exponent: float = 1.0
) -> GeneratedTexts:
    """`size` texts in random order.

    Either label, and each pair of labels, is as frequent as any other, give or take one text. Within
    each pair the distances run from 0 to `config.max_distance` words, and the shares of `config`
    hold, to the nearest text: the labels are independent of all of them.

    `distance_exponent`: distances are `max_distance` * u ** exponent for u spread evenly over 0 to 1.
    At 1 they are even themselves, which is how to test. Above it short ones are more frequent, which
    is how to train: a network that has not yet learnt to hold anything learns only from texts that
    decide a few words before they end, and of evenly spread ones hardly any do.
    """
    plan = _plan(config, size, rng, distance_exponent)
    rows = [_write(rng, *row) for row in plan.itertuples(index=False, name=None)]
    written = pd.DataFrame(rows, columns=["text", "distance", "evidence", "deciding_words"])
    traits = pd.concat([written["distance"], plan[["distractors", "contradicted"]],
                        written[["evidence", "deciding_words"]]], axis=1)  # fmt: skip
    return GeneratedTexts(
        texts=written["text"].tolist(),
        sentiments=plan["sentiment"].to_numpy(np.int32),
        subjects=plan["subject"].to_numpy(np.int32),
        traits=traits,
    )


def neutral_sentences(rng: np.random.Generator, count: int) -> list[str]:
    """Sentences that have nothing to do with either label, such as stand between all others."""
    return [_neutral(rng) for _ in range(count)]


def _plan(
    config: ClausesConfig, size: int, rng: np.random.Generator, distance_exponent: float
) -> pd.DataFrame:
    """What each text is to be, decided pair by pair of labels, so that nothing follows from a label."""
    pairs = len(SENTIMENTS) * len(SUBJECTS)
    blocks = []
    for pair in range(pairs):
        count = len(range(pair, size, pairs))
        subject = pair % len(SUBJECTS)
        # Alternates, so that a last, incomplete round of pairs is balanced in both labels.
        sentiment = (pair + pair // len(SUBJECTS)) % len(SENTIMENTS)
        order = rng.permutation(count)
        distractors = np.where(
            order < round(config.distractor_fraction * count), 1 + order % _MOST_DISTRACTORS, 0
        )
        spread = np.linspace(0, 1, count) ** distance_exponent
        blocks.append(
            pd.DataFrame(
                {
                    "sentiment": sentiment,
                    "subject": subject,
                    "distance": (config.max_distance * spread).round().astype(int),
                    "distractors": distractors,
                    "contradicted": rng.permutation(count)
                    < round(config.contradicted_fraction * count),
                }
            )
        )
    plan = pd.concat(blocks, ignore_index=True)
    return plan.iloc[rng.permutation(size)].reset_index(drop=True)


def _write(
    rng: np.random.Generator,
    sentiment: int,
    subject: int,
    distance: int,
    distractors: int,
    contradicted: bool,
) -> tuple[str, int, str, str]:
    """Returns the text, its distance in words, its deciding sentence and its deciding words."""
    evidence, deciding_words = _opinion(rng, sentiment, subject, contradicted)
    distance = distance if distance != 1 else 0  # no sentence has one word
    before: list[str] = []
    after: list[str] = []
    others = [index for index in range(len(SUBJECTS)) if index != subject]
    left = distance
    for other in rng.permutation(others)[:distractors]:
        sentence = _distractor(rng, int(other))
        words = _count_words(sentence)
        if rng.random() < 0.7 and _fits(words, left):
            after.append(sentence)
            left -= words
        else:
            before.append(sentence)
    after += _neutral_sentences(rng, left)
    if rng.random() < 0.5:
        before += [_neutral(rng) for _ in range(1 + int(rng.random() * _LONGEST_OPENING))]
    sentences = [*_shuffled(rng, before), evidence, *_shuffled(rng, after)]
    return " ".join(sentences), distance, evidence, deciding_words


def _opinion(
    rng: np.random.Generator, sentiment: int, subject: int, contradicted: bool
) -> tuple[str, str]:
    """The deciding sentence and its deciding words."""
    frames = _CONTRADICTED_FRAMES if contradicted else _PLAIN_FRAMES
    kind, frame = _pick(rng, [(kind, frame) for kind in frames for frame in frames[kind]])
    own = _pick(rng, SENTIMENT_WORDS[SENTIMENTS[sentiment]][kind])
    other = _pick(rng, SENTIMENT_WORDS[SENTIMENTS[1 - sentiment]][kind])
    noun, taking_in = _name(rng, subject)
    sentence = frame.format(
        noun=noun, taking_in=taking_in, own=own, other=other, person=_pick(rng, _OPINIONATED)
    )
    return _sentence(sentence), f"{noun} {own}"


def _distractor(rng: np.random.Generator, subject: int) -> str:
    noun, taking_in = _name(rng, subject)
    return _sentence(
        _pick(rng, _DISTRACTOR_FRAMES).format(
            noun=noun, taking_in=taking_in, person=_pick(rng, _OPINIONATED), town=_pick(rng, _TOWNS)
        )
    )


def _name(rng: np.random.Generator, subject: int) -> tuple[str, str]:
    name = SUBJECTS[subject]
    return _pick(rng, SUBJECT_NOUNS[name]), _pick(rng, _TAKING_IN[name])


def _neutral_sentences(rng: np.random.Generator, words: int) -> list[str]:
    """Neutral sentences of exactly `words` words together."""
    sentences = []
    while words:
        sentence = _neutral(rng)
        if _fits(_count_words(sentence), words):
            sentences.append(sentence)
            words -= _count_words(sentence)
    return sentences


def _fits(words: int, room: int) -> bool:
    """Whether a sentence of `words` words leaves no room, or room for another sentence."""
    return words == room or words + 2 <= room


def _neutral(rng: np.random.Generator) -> str:
    """A sentence that has nothing to do with either label."""
    form = rng.random()
    if form < 0.05:
        return _sentence(_pick(rng, _SHORT))
    clause = _clause(rng)
    if form < 0.2:
        clause = f"{clause}, and {_clause(rng)}"
    elif form < 0.4:
        clause = f"{_pick(rng, _TIMES)}, {clause}"
    return _sentence(clause)


def _clause(rng: np.random.Generator) -> str:
    scene = _pick(rng, _SCENES)
    clause = f"{_pick(rng, scene.actors)} {_pick(rng, scene.actions)}"
    return f"{clause} {_pick(rng, scene.endings)}" if rng.random() < 0.6 else clause


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _count_words(sentence: str) -> int:
    return len(sentence.split())


_Option = TypeVar("_Option")


def _pick(rng: np.random.Generator, options: Sequence[_Option]) -> _Option:
    # `rng.choice` would turn the options into an array, and takes twenty times as long.
    return options[int(rng.random() * len(options))]


def _shuffled(rng: np.random.Generator, sentences: list[str]) -> list[str]:
    return [sentences[index] for index in rng.permutation(len(sentences))]
