"""Test what becomes of markup, entities and invisible characters, and what stays as it is."""

from __future__ import annotations

import pytest

from pipeline.data.cleaning import clean_text
from pipeline.words import cut_words


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Good.<br /><br>Very &amp; truly\n good&#33;", "Good. Very & truly good!"),
        ("<p>fine</p><p class='x'>film</p>", "fine film"),
        ("un<i>believ</i>able <b>good</b>", "unbelievable good"),
        (
            "fine<script>var a=1;</script> film<!-- a comment --><style>p {x: y}</style>",
            "fine film",
        ),
        ('a <a href="x.html" target=_blank>link</a> <user> cut <br /', "a link cut"),
        ("fine &lt;br /&gt; film", "fine film"),
        ("&amp;amp;#39;ok&amp;amp;#39; &amp;nbsp; x", "'ok' x"),
        ("don\x92t \x93stop\x94 \x96 now", "don’t “stop” – now"),  # cp1252 read as Latin-1
        ("fine\x00\x07 \x1b[31mred\x1b[0m film", "fine red film"),
        ("\u202efine\u200b so\u00adft \ufeff film\u2060 \u200d", "fine soft film"),
        ("fine\\n\\nfilm", "fine film"),
        ("a\u00a0b\u3000c", "a b c"),
        ("love \u2764\ufe0f", "love \u2764"),
        (" <br> &nbsp; \u200b ", ""),
    ],
)
def test_what_is_no_word_is_left_out(text, cleaned):
    assert clean_text(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "a < b and c > d",
        "I <3 this; <3",
        "if a <b and c> d",
        "AT&T, R&D, https://example.org/a?b=c&d=e&copy=f#g",
        "x<y then z>w :> >.<",
        "می‌خواهم",  # with a zero-width non-joiner
        "क्‍ष",  # with a zero-width joiner
        "naïve café “fine” – 😀👍🏽",
        "rock&roll; &nosuch; & more",
        "[b] *fine* _film_ \\o/ C:\\dir",
    ],
)
def test_what_people_write_stays(text):
    assert clean_text(text) == text


def test_nothing_invisible_is_counted_as_a_word():
    hidden = "\x00\x01\x7f\x80\x9f\u00ad\u061c\u200b\u200c\u200d\u200e\u202e\u2060\ufe0f\ufeff"
    assert cut_words(clean_text(" ".join(hidden) + hidden)) == ["€", "ÿ", "€", "ÿ"]


def test_entities_that_never_end_are_resolved_a_few_times_only():
    assert clean_text("&" + "amp;" * 50 + "lt;").startswith("&amp;")
