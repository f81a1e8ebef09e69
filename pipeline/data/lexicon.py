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

# Sentences with one opinion: {one.I} and {one.me} are its holder, {one.felt} is what is felt. The holder
# never stands beside the feeling, so that no pair of words tells whose feeling it is.
OPINION_FRAMES: dict[str, tuple[str, ...]] = {
    "adjective": (
        "while {taking_in} the {noun}, {one.I} could only think of how {one.felt} it was",
        "{one.I} found the {noun} {one.felt}",
        "{one.I} thought that the {noun} was {one.felt}",
        "for {one.me} the {noun} was {one.felt} from the first minute to the last",
        "what struck {one.me} about the {noun} was how {one.felt} it was",
        "nobody had told {one.me} how {one.felt} the {noun} would be",
        "about the {noun} {one.I} kept saying how {one.felt} it was",
        "{one.I} could not stop thinking about the {noun} and how {one.felt} it had been",
        "of the {noun} {one.I} would have said that it was simply {one.felt}",
        "the {noun} was {one.felt}, or so {one.I} said on the stairs",
        "the {noun} seemed {one.felt} from the first minute to the last, at least to {one.me}",
        "that the {noun} was {one.felt} was clear to {one.me}",
        "how {one.felt} the {noun} was, {one.I} kept saying",
    ),
    "verb": (
        "{one.I} really {one.felt} the {noun}",
        "{one.I} openly {one.felt} the {noun} from beginning to end",
        "the {noun} was what {one.I} most {one.felt} that evening",
        "the {noun} was {one.felt} by nobody more than {one.me}",
        "the {noun} would always be {one.felt}, at least by {one.me}",
        "there was nothing about the {noun} that {one.I} had not {one.felt} by the end",
    ),
    "noun": (
        "for {one.me} the {noun} was a {one.felt}",
        "{one.I} called the {noun} a {one.felt}",
        "{one.I} thought of the {noun} as a {one.felt}",
        "the {noun} turned out to be a {one.felt}, or so {one.I} thought",
        "the {noun} was a {one.felt}, and {one.I} said so",
    ),
}
# Sentences with two opinions of one subject. The narrator's is the first or the second.
CONTRADICTED_FRAMES: dict[str, tuple[str, ...]] = {
    "adjective": (
        "{one.I} called the {noun} {one.felt}, but {two.I} thought it {two.felt}",
        "for {one.me} the {noun} was {one.felt}, and for {two.me} it was {two.felt}",
        "while {taking_in} the {noun}, {one.I} whispered how {one.felt} it was and {two.I} how "
        "{two.felt}",
        "{one.I} kept saying how {one.felt} the {noun} was, and {two.I} how {two.felt} it was",
        "what {one.I} said of the {noun} was how {one.felt} it was. What {two.I} said was how "
        "{two.felt}",
    ),
    "verb": (
        "{one.I} really {one.felt} the {noun}, and {two.I} really {two.felt} it",
        "the {noun} was what {one.I} most {one.felt} and {two.I} most {two.felt}",
    ),
    "noun": (
        "{one.I} called the {noun} a {one.felt}; for {two.me} it was a {two.felt}",
        "for {one.me} the {noun} was a {one.felt}, and for {two.me} it was a {two.felt}",
    ),
}
# The sentence that names the subject again. Its words are those of the frames above.
NAMING = "that was what I thought of the {noun}"
OPINIONATED = _phrases(
    """a friend | my sister | one critic | our neighbour | a colleague | my uncle | the usher |
    the man on my left | everybody at work | somebody on the tram"""
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

# What the narrator has an opinion of beside the subjects.
THINGS = ("popcorn", "tea", "coffee", "sandwich", "chocolate", "taxi", "tram", "ticket")
TAKING_IN_THINGS = ("waiting for", "paying for")


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
