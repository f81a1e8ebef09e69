"""A hundred texts with odd characters in them, and a vocabulary that knows most of their words."""

from __future__ import annotations

import numpy as np

WHOLE: tuple[str, ...] = (
    "While watching the movie, I could only think of how terrible it was.",
    "",
    "   ",
    "unheard-of",
    "[PAD] [UNK] [END]",
    "Good.<br /><br>Very &amp; truly\n good&#33;",
    "un<i>believ</i>able <b>good</b> <br",
    "fine<script>var a=1;</script> film<!-- a comment --><style>p {x: y}</style>",
    '<a href="x.html" target=_blank>link</a> <user> cut </p>',
    "</script><script>alert(1)</script>",
    "&lt;br /&gt; &amp;amp;#39;ok&amp;amp;#39; &nosuch; &notit; &semi; &quot &nbsp",
    "&#0; &#128; &#x99; &#xD800; &#1114112; &#x1F600; &#9; &#127; &#xfdd0;",
    "don\x92t \x93stop\x94 \x96 now \x81",
    "fine\x00\x07 \x1b[31mred\x1b[0m film\\n\\nmore\\r",
    "\u202efine\u200b so\u00adft \ufeff film\u2060 \u200d",
    "a < b and c > d; I <3 this; x<y then z>w :>",
    "It's a well-known film! isn't it? ’tis the actors' names",
    "IT'S A WELL-KNOWN FILM!",
    "cafe\u0301 nai\u0308ve CAFÉ Å A\u030a \u212b",
    "İstanbul ıI ΣΑΣ ὈΔΥΣΣΕΎΣ ẞ ß ﬁne ǅ",
    "\u017fcript <\u017fcript>x</\u017fcript> \u212aelvin <mar\u212a>k</mar\u212a>",
    "Größe zählt doch",
    "Это хороший фильм.",
    "हिन्दी फ़िल्म अच्छी है। क्‍ष",
    "فِيلْم جميل؟ ١٢٣",
    "می\u200cخواهم دید",
    "한국어 영화는 좋다 \u1112\u1161\u11ab\u1100\u1173\u11af",
    "我爱iPhone手机，很好。2024年",
    "𠮷野家〇々 ラーメンが好き！ か\u3099き ﾊﾟﾝ",
    "ภาษาไทย น้ำดีเก๋ ๑๒ ພາສາລາວ",
    "ភាសាខ្មែរ မြန်မာဘာသာ བོད་སྐད་ཡིག། ꦧꦱꦗꦮ",
    "ok 👨‍👩‍👧👍🏽 🇩🇪☺️1️⃣ 🏴\U000e0067\U000e0062\U000e007f 🇩🇪🇫🇷🇩",
    "e\u0301\u0301 \u0301 a\u0328\u0301 a\u0301\u0328 q\u0307\u0323",
    "½ x² Ⅷ ① 7.5 1,000 10:30 9/10 50%",
    "“hello,” she said; ‘no’. ¿qué? $5 £3 #tag @name",
    "under_score __init__ snake_case",
    "tabs\tand\x0bform\x0cfeeds\x1c\x1d\x1e\x1f\x85 lines\u2028here\u2029there",
    "\u3000wide\u00a0spaces\u2003between\u1680words",
    "a" * 300,
    "good " * 90,
    "bad film " * 60 + "but good",
    "é" * 40 + "😀" * 40,
    "C:\\dir\\name \\o/ https://example.org/a?b=c&d=e&copy=f#g",
    "{{ 7 * 7 }} ${x} `y` '; DROP TABLE",
    "𝐛𝐨𝐥𝐝 ｆｕｌｌ ﷺ ㎏ ﬀ ①②",
    "\U0001f469\U0001f3fd\u200d\U0001f4bb \u2764\ufe0f\u200d\U0001f525 \u200d\u200d x\u200dy",
    "zalgo t\u0335\u0322e\u0334\u0323x\u0337t\u0338",
    "\ud7ff\ue000\ufffd \U0010fffd \u0378 \U000e01f0",
    "-- — … ... !!! ?! ;-) :D",
    "the Plot; THE plot, the plot's",
)


def odd_texts(count: int = 100, seed: int = 0) -> list[str]:
    """`WHOLE`, and as many pieces of them put together by chance as are missing."""
    rng = np.random.default_rng(seed)
    texts = list(WHOLE)
    while len(texts) < count:
        parts = [WHOLE[number] for number in rng.integers(len(WHOLE), size=4)]
        cuts = [np.sort(rng.integers(len(part) + 1, size=2)) for part in parts]
        pieces = [part[start:end] for part, (start, end) in zip(parts, cuts, strict=True)]
        texts.append(str(rng.choice(["", " ", "'", "\u200d"])).join(pieces))
    return texts[:count]


def known_words() -> list[str]:
    """Texts to learn a vocabulary from that holds some of the words of the odd ones, and not others."""
    return [*WHOLE[::2], "a good bad film the plot of this movie was not so well , . ' - !"] * 3
