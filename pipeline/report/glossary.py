"""Define the terms of the pages once, and link their uses to the definitions.

A page links the first use of a term in each of its texts, and ends with the terms that it uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Term:
    """A term with its definition; `forms` is a pattern of how it is written, in any case."""

    name: str
    forms: str
    definition: str

    @property
    def id(self) -> str:
        return re.sub(r"\W+", "-", self.name.lower()).strip("-")


TERMS = (
    Term(
        "95% interval",
        r"95% intervals?",
        "The values that the data leave plausible. Of 100 sweeps like this one, with other seeds and "
        "other texts, about 95 have an interval that holds the true value.",
    ),
    Term(
        "baseline",
        r"(?:order-free )?baselines?",
        "A logistic regression over words and pairs of neighbouring words, weighted by naive Bayes. It "
        "sees the whole text but no other order.",
    ),
    Term(
        "contrast",
        r"contrasts?",
        "A difference of means between two groups of architectures that are alike in all else.",
    ),
    Term(
        "difference that matters",
        r"differences? that matters?|too small to matter|smallest difference that matters",
        "A difference of accuracies that is at least as large as the setting “margin”: 1 point, unless "
        "the sweep says otherwise. It has nothing to do with the margin of an answer.",
    ),
    Term(
        "effective context",
        r"effective contexts?",
        "The fewest tokens of a text that a network must read to stay within a point of its accuracy on "
        "whole texts.",
    ),
    Term(
        "gated cell",
        r"gated cells?|gates?",
        "A recurrent cell, such as an LSTM or a GRU, that decides at every step how much of its state "
        "to keep. A gate is the share that it keeps. A simple RNN has none.",
    ),
    Term(
        "half-life",
        r"half-li(?:fe|ves)",
        "The distance at which half is left: of the mean margin when words are added to a text, or of a "
        "signal inside a network.",
    ),
    Term(
        "head",
        r"heads?",
        "An output of a network, with classes of its own: sentiment is one, subject another.",
    ),
    Term(
        "Holm's correction",
        r"Holm(?:[’']s (?:correction|method))?",
        "Raises p values when many comparisons are made at once, so that the chance of even one false "
        "finding stays below 5%.",
    ),
    Term(
        "log odds",
        r"log[- ]odds",
        "The logarithm of the share of right answers divided by that of wrong ones. On this scale, from "
        "50% to 73% is as far as from 95% to 98%.",
    ),
    Term(
        "margin of an answer",
        r"(?:mean )?margins?",
        "How clearly an answer is right: the logit of the true class minus the largest of the others. "
        "It is negative if the answer is wrong.",
    ),
    Term(
        "McNemar's test",
        r"McNemar(?:[’']s test)?",
        "Compares two trained networks by the texts that only one of them has right. It says nothing "
        "about networks of other seeds.",
    ),
    Term(
        "neutral words",
        r"neutral words?",
        "Sentences that hold no evidence. They are put around a text to move it away from the end of "
        "reading.",
    ),
    Term(
        "readout",
        r"readouts?",
        "What the classifier sees of the states of the last layer: the last state, their mean or their "
        "maximum.",
    ),
    Term(
        "seed",
        r"seeds?",
        "The number that starts a run's random choices: its first weights and the order of its batches. "
        "Runs that differ in nothing else show what is chance.",
    ),
    Term(
        "tied",
        r"tied",
        "Shown to differ by less than a difference that matters. It is more than not shown to differ.",
    ),
    Term(
        "tier",
        r"tiers?",
        "A group in the order of accuracy. No architecture is shown to be better than those in tier 1.",
    ),
    Term(
        "time constant",
        r"time constants?",
        "The steps after which a unit keeps 37% (1/e) of its state, through its gates alone.",
    ),
)


# On pages of language models these take the place of the terms of the same name.
_OF_LANGUAGE = (
    Term(
        "baseline",
        r"(?:n-gram )?baselines?",
        "A model that counts which token follows which last few, with Kneser-Ney smoothing. It sees "
        "nothing further back.",
    ),
    Term(
        "bits per character",
        r"bits per character",
        "The loss of a text divided by its characters, with logarithms to the base of 2: the size to "
        "which the network could compress it.",
    ),
    Term(
        "difference that matters",
        r"differences? that matters?|too small to matter|smallest difference that matters",
        "A difference of perplexities that is at least as large as the setting “margin”: 1%, unless the "
        "sweep says otherwise.",
    ),
    Term(
        "nat",
        r"nats?",
        "The unit of a loss: minus the natural logarithm of the probability that a network gave to the "
        "token that came.",
    ),
    Term(
        "perplexity",
        r"perplexit(?:y|ies)",
        "The exponential of the mean loss: among how many tokens, all equally likely, a network might "
        "as well have guessed. Lower is better, and 1 is perfect.",
    ),
    Term(
        "tier",
        r"tiers?",
        "A group in the order of perplexity. No architecture is shown to predict better than tier 1.",
    ),
)
_OF_ANSWERS = (
    "effective context",
    "head",
    "log odds",
    "margin of an answer",
    "McNemar's test",
    "readout",
)


def terms_of_language() -> tuple[Term, ...]:
    """Return the terms of pages about language models, by name."""
    own = {term.name: term for term in TERMS if term.name not in _OF_ANSWERS}
    named = own | {term.name: term for term in _OF_LANGUAGE}
    return tuple(sorted(named.values(), key=lambda term: term.name.lower()))


class Glossary:
    """The terms that one page has used so far.

    names: names given by users, such as those of architectures. A term within one is not a use.
    """

    def __init__(self, names: Iterable[str] = (), terms: Iterable[Term] = TERMS) -> None:
        self._terms = tuple(terms)
        self._used: set[str] = set()
        kept = sorted({re.escape(name) for name in names if name}, key=len, reverse=True)
        forms = [f"(?P<t{place}>{term.forms})" for place, term in enumerate(self._terms)]
        either = "|".join([*kept, *forms])
        self._pattern = re.compile(rf"(?<![\w-])(?:{either})(?![\w-])", re.IGNORECASE)

    @property
    def used(self) -> list[Term]:
        return [term for term in self._terms if term.id in self._used]

    def link(self, text: str) -> Markup:
        """Escape the text and link the first use of each term in it to its definition."""
        parts, end, found = [], 0, set()
        for match in self._pattern.finditer(text):
            term = self._terms[int(match.lastgroup[1:])] if match.lastgroup else None
            if term is None or term.id in found:
                continue
            found.add(term.id)
            parts += [escape(text[end : match.start()]), _link(term, match.group())]
            end = match.end()
        self._used |= found
        return Markup("").join([*parts, escape(text[end:])])


def _link(term: Term, written: str) -> Markup:
    return Markup('<a class="term" href="#term-{0}" aria-describedby="meaning-{0}">{1}</a>').format(
        term.id, written
    )
