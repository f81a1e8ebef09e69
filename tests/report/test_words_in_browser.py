"""Texts are cleaned, cut, encoded and spelled in the browser as in training, to the last token.

Skipped for a browser, Chromium or Firefox, that is not installed.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from html.entities import html5
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")

from chromium import open_chromium, visit
from factories.odd_texts import WHOLE, known_words, odd_texts
from firefox import PATIENCE, open_firefox
from tokenizers import Tokenizer

from pipeline.analysis.playable import Playable
from pipeline.config.schema import ArchitectureConfig, Keep, TokenizerConfig, TokenizerKind
from pipeline.data.cleaning import clean_text
from pipeline.report import playground
from pipeline.report.playground import describe_tokenizer
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.spelling import spell
from pipeline.tokens.split import EncodedSplit, truncate_split
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.words import cut_words, has_unspaced, is_syllable

pytestmark = pytest.mark.browser

TEXTS = odd_texts()
READ = """([described, texts]) => {
  const tokenizer = Words.open(described);
  return texts.map(text => {
    const tokens = Words.tokenize(tokenizer, text);
    return { ids: Words.idsOf(tokenizer, tokens), text: tokens.text, cut: tokens.cut,
             tokens: [...tokens], spelled: Spelling.spell(tokenizer, tokens.map(one => one.id)) };
  });
}"""


Evaluate = Callable[..., Any]  # a function in JavaScript, and what it is given


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with what reads words, and nothing else."""
    folder = Path(playground.__file__).parent / "templates"
    scripts = [(folder / name).read_text(encoding="utf-8") for name in ("words.js", "spelling.js")]
    file = tmp_path_factory.mktemp("words") / "index.html"
    html = "".join(f"<script>{script}</script>" for script in scripts)
    file.write_text(f'<!doctype html><meta charset="utf-8">{html}', encoding="utf-8")
    return file


@pytest.fixture(
    scope="module", params=["chromium", pytest.param("firefox", marks=pytest.mark.slow)]
)
def evaluate(
    request: pytest.FixtureRequest, file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Evaluate]:
    opened = _in_chromium(file)
    if request.param == "firefox":
        opened = _in_firefox(file, tmp_path_factory.mktemp("profile"))
    with opened as evaluate:
        yield evaluate


@contextmanager
def _in_chromium(file: Path) -> Iterator[Evaluate]:
    with open_chromium() as browser, visit(browser, offline=True) as seen:
        seen.page.goto(file.as_uri())
        yield seen.page.evaluate
        assert seen.complaints == []


@contextmanager
def _in_firefox(file: Path, profile: Path) -> Iterator[Evaluate]:
    with open_firefox(profile) as firefox:
        firefox.ask("WebDriver:SetTimeouts", script=1_000 * PATIENCE)
        firefox.ask("WebDriver:Navigate", url=file.as_uri())

        def evaluate(function: str, given: Any = None) -> Any:
            script = f"JSON.stringify(({function})({json.dumps(given)}))"  # in the page's own scope
            return json.loads(firefox.run("return window.eval(arguments[0]);", script))

        yield evaluate
        assert firefox.complaints() == []


def _describe(tokenizer: Tokenizer, kept: tuple[int, int] | None = None) -> dict[str, Any]:
    config = ArchitectureConfig(name="lstm", cell="lstm")
    network = Playable("1", 0, config, {}, tokenizer.to_str(), kept, False, {})
    return describe_tokenizer(network)


@cache
def _train(kind: TokenizerKind) -> Tokenizer:
    size = None if kind == TokenizerKind.word else 300
    texts = [clean_text(text) for text in known_words()]
    tokenizer = train_tokenizer(texts, TokenizerConfig(kind=kind, vocab_size=size), ended=True)
    tokenizer.encode_special_tokens = True
    return tokenizer


@pytest.mark.parametrize("kind", TokenizerKind)
def test_the_ids_are_those_of_training(evaluate: Evaluate, kind: TokenizerKind) -> None:
    tokenizer = _train(kind)
    texts = [clean_text(text) for text in TEXTS]
    ids, offsets = encode_texts(tokenizer, texts)
    found = evaluate(READ, [_describe(tokenizer), TEXTS])
    for number, (text, one) in enumerate(zip(texts, found, strict=True)):
        assert one["text"] == text
        assert one["ids"] == ids[offsets[number] : offsets[number + 1]].tolist(), text
        assert one["spelled"] == spell(tokenizer, tokenizer.encode(text).ids)
        for token in one["tokens"]:
            assert token["known"] == (token["id"] != 1)


@pytest.mark.parametrize("kind", [TokenizerKind.word, TokenizerKind.bpe])
def test_every_token_tells_where_in_the_text_it_stands(
    evaluate: Evaluate, kind: TokenizerKind
) -> None:
    tokenizer = _train(kind)
    for one in evaluate(READ, [_describe(tokenizer), WHOLE]):
        units = one["text"].encode("utf-16-le")
        assert one["tokens"] == sorted(one["tokens"], key=lambda token: token["start"])
        for token in one["tokens"]:
            text = units[2 * token["start"] : 2 * token["end"]].decode("utf-16-le")
            assert text == token["text"] != ""
        if kind == TokenizerKind.word:
            texts = [cut_words(token["text"]) for token in one["tokens"]]
            assert [word for words in texts for word in words] == cut_words(one["text"])


@pytest.mark.parametrize("keep", Keep)
def test_what_is_left_out_of_long_texts_is_what_training_left_out(
    evaluate: Evaluate, keep: Keep
) -> None:
    tokenizer = _train(TokenizerKind.word)
    split = _encode(tokenizer, TEXTS)
    short = truncate_split(split, 7, keep)
    found = evaluate(READ, [_describe(tokenizer, short.kept), TEXTS])
    assert [one["ids"] for one in found] == [short.row(row).tolist() for row in range(len(short))]
    for one, whole in zip(found, split.full_lengths, strict=True):
        left_out = 0 if one["cut"] is None else one["cut"]["count"]
        assert len(one["ids"]) + left_out == whole


def _encode(tokenizer: Tokenizer, texts: list[str]) -> EncodedSplit:
    ids, offsets = encode_texts(tokenizer, [clean_text(text) for text in texts])
    none: Any = None
    return EncodedSplit(ids, offsets, none, none, none)


def test_every_entity_is_the_character_that_python_takes_it_for(evaluate: Evaluate) -> None:
    texts = [f"a&{name}b" for name in html5 if name.endswith(";")]
    assert len(texts) > 2_000
    texts += [f"a&#{number};b" for number in range(0x180)]
    assert evaluate("texts => texts.map(Words.clean)", texts) == [*map(clean_text, texts)]


def test_a_lone_half_of_a_character_is_read_as_no_character(evaluate: Evaluate) -> None:
    described = json.dumps(_describe(_train(TokenizerKind.word)))
    found = evaluate(
        f"() => Words.tokenize(Words.open({described}), 'good \\ud83d film').map(one => one.text)"
    )
    assert found == ["good", "\ufffd", "film"]


@pytest.mark.slow  # a hundred thousand characters
def test_every_character_is_read_as_in_training(evaluate: Evaluate) -> None:
    """Of what Python knows; a browser may know letters that have been added to Unicode since."""
    known = [chr(code) for code in range(sys.maxunicode) if not 0xD800 <= code < 0xE000]
    known = [one for one in known if unicodedata.category(one) not in ("Cn", "Co")]
    hanzi = [one for one in known if "CJK UNIFIED" in unicodedata.name(one, "")][::50]
    hangul = [one for one in known if "HANGUL SYLLABLE" in unicodedata.name(one, "")][::50]
    many = ("CJK UNIFIED", "HANGUL SYLLABLE", "TANGUT", "CUNEIFORM", "HIEROGLYPH")
    others = [one for one in known if not any(part in unicodedata.name(one, "") for part in many)]
    characters = [*others, *hanzi, *hangul]
    texts = [f"a{one}b {one}{one} ก{one} '{one}'" for one in characters]
    described = _describe(_train(TokenizerKind.word))
    cut = """([described, texts]) => {
      const { cut } = Words.open(described);
      return texts.map(text => {
        const { normal } = Words.normalise(Words.clean(text));
        return cut(normal).map(([start, end]) => normal.slice(start, end));
      });
    }"""
    for start in range(0, len(texts), 10_000):
        part = texts[start : start + 10_000]
        expected = [cut_words(clean_text(text)) for text in part]
        assert evaluate(cut, [described, part]) == expected
    asked = "texts => texts.map(one => [Spelling.isUnspaced(one), Spelling.isSyllable(one)])"
    assert evaluate(asked, known) == [[has_unspaced(one), is_syllable(one)] for one in known]
