"""List the words of the generated corpus: sentiments, subjects, sentence frames and neutral text.

No word contains a hyphen or an apostrophe, so that splitting at spaces counts the words.
"""

from __future__ import annotations

from typing import NamedTuple


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split("|"))


# The sentence of the lesson, and its labels: sentiment and subject.
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

# Each part of speech has its own frames; a sentence with both sentiments draws both from one of them.
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

# {own}: the narrator's sentiment, which is the label; {other}: the opposite one, of {person}.
PLAIN_FRAMES: dict[str, tuple[str, ...]] = {
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
CONTRADICTED_FRAMES: dict[str, tuple[str, ...]] = {
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
OPINIONATED = _phrases(
    """a friend | my sister | one critic | our neighbour | a colleague | my uncle | the usher |
    the man next to me | everybody at work | somebody on the tram"""
)
# Verbs for each subject. Distractors use them about as often as opinions do.
TAKING_IN: dict[str, tuple[str, ...]] = {
    "film": ("watching", "following"),
    "acting": ("watching", "studying"),
    "plot": ("following", "considering"),
    "music": ("hearing", "listening to"),
    "dialogue": ("hearing", "following"),
    "camerawork": ("watching", "studying"),
}

# Neutral sentences about a subject. Every frame fits every subject, or it would reveal the subject.
DISTRACTOR_FRAMES = (
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
TOWNS = _phrases(
    "Prague | Lisbon | Oslo | Toronto | Naples | Dublin | Seville | Vienna | Bergen | Lyon"
)


class Scene(NamedTuple):
    """Hold parts of sentences: any actor, action and ending make one."""

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    endings: tuple[str, ...]


def _scene(actors: str, actions: str, endings: str) -> Scene:
    return Scene(_phrases(actors), _phrases(actions), _phrases(endings))


SCENES = (
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
TIMES = _phrases(
    """at half past seven | before the lights went down | a little later | by then | on the way in |
    that evening | after a while | in the meantime | just before eight | during the break | afterwards |
    around that time | as far as I remember | later on | on the way out | earlier that day"""
)
SHORT = _phrases(
    """rain fell | we waited | doors closed | people coughed | phones glowed | lights dimmed |
    we sat down | it was Tuesday | the queue grew | nobody hurried | it rained again |
    it was snowing | nothing moved | taxis came | somebody sneezed | keys rattled | paper rustled |
    we had time | the wind turned | the bells rang"""
)
