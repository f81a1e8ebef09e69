"""What becomes of tokens that a model writes: prompts that are kept, text that reads well, samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories import CELLS
from factories.language_networks import make_language_network
from factories.writing import TableReader

from pipeline.analysis.writing import END_OF_TEXT
from pipeline.config.sampling import Sampling
from pipeline.config.schema import TokenizerConfig, TokenizerKind
from pipeline.errors import Failure
from pipeline.models.sampling import write_on
from pipeline.runs.writing import (
    PROMPTS,
    SAMPLES,
    check_vocabulary,
    choose_prompts,
    draw_samples,
    tokenize_prompt,
    write_all,
)
from pipeline.tokens.vocabulary import END, train_tokenizer

TEXTS = ["The plot of this film isn't bad, I think.", "I watched this with a friend. The acting is"]
GREEDY = Sampling(temperature=0, length=30)


def _tokenizer(texts=TEXTS, kind=TokenizerKind.word, size=200):
    return train_tokenizer(texts, TokenizerConfig(kind=kind, vocab_size=size), ended=True)


def _writes(tokenizer, text: str) -> TableReader:
    """Return a model that writes one text, in which no token comes twice."""
    ids = [tokenizer.token_to_id(END), *tokenizer.encode(text).ids]
    assert len(set(ids)) == len(ids)
    table = np.zeros((tokenizer.get_vocab_size(), tokenizer.get_vocab_size()))
    for before, after in zip(ids, [*ids[1:], ids[0]], strict=True):
        table[before, after] = 50
    return TableReader(table)


def test_a_written_text_reads_as_people_write():
    tokenizer = _tokenizer()
    reader = _writes(tokenizer, "the plot of this film isn't bad, i think.")
    prompts = [
        tokenize_prompt(tokenizer, prompt) for prompt in ("", "The plot of", "The Plot of this")
    ]
    (whole,), (rest,), (short,) = write_all(reader, tokenizer, prompts, GREEDY)
    assert str(whole) == "the plot of this film isn't bad, i think."
    assert str(rest) == " this film isn't bad, i think."
    assert str(short) == " film isn't bad, i think."
    assert whole.has_ended
    assert not write_all(reader, tokenizer, prompts, replace(GREEDY, length=3))[0][0].has_ended
    first, *_, last = whole.tokens
    assert (first.text, first.likeliest[0][0], first.place) == ("the", "the", 0)
    assert (last.text, last.likeliest[0][0], last.ends) == ("", END_OF_TEXT, True)
    assert all(token.probability > 0.99 for token in whole.tokens)


@pytest.mark.parametrize("kind", [TokenizerKind.bpe, TokenizerKind.character])
def test_pieces_are_joined_to_words(kind):
    tokenizer = _tokenizer(["wonderful acting"] * 9, kind, 40)
    ids = tokenizer.encode("wonderful acting").ids
    vocab = tokenizer.get_vocab_size()

    class Script(TableReader):
        def step(self, token_ids, states):
            """Write the tokens one after the other, whatever is read."""
            _, (count,) = super().step(token_ids, states)
            logits = np.zeros((len(token_ids), vocab), np.float32)
            for row, place in enumerate(count[:, 0].astype(int)):
                logits[row, [*ids, tokenizer.token_to_id(END)][place - 1]] = 50
            return logits, (count,)

    reader = Script(np.zeros((vocab, vocab)))
    ((text,),) = write_all(reader, tokenizer, [tokenize_prompt(tokenizer, "")], GREEDY)
    assert str(text) == "wonderful acting"
    assert len(text.tokens) == len(ids) + 1
    told = [token.likeliest[0][0] for token in text.tokens]
    if kind == TokenizerKind.character:
        assert told[9] == "␣"
    else:
        assert any(one.startswith("…") for one in told)  # it continues a word


def test_what_is_unknown_of_a_prompt_is_found_where_it_stands():
    tokenizer = _tokenizer()
    prompt = "The zyzzyva of THIS xylyl"
    found = tokenize_prompt(tokenizer, prompt)
    assert [prompt[start:end] for start, end in found.unknown] == ["zyzzyva", "xylyl"]
    assert not found.is_unknown
    assert tokenize_prompt(tokenizer, "zyzzyva xylyl").is_unknown
    empty = tokenize_prompt(tokenizer, "")
    assert (len(empty.token_ids), empty.is_unknown) == (0, False)


def test_the_name_of_a_special_token_in_a_prompt_is_text():
    tokenizer = _tokenizer()
    for name in ("[PAD]", END, "[UNK]"):
        found = tokenize_prompt(tokenizer, f"the {name} film")
        assert not {0, tokenizer.token_to_id(END)} & set(found.token_ids.tolist())


def test_a_vocabulary_of_another_size_is_refused_in_a_line():
    tokenizer = _tokenizer()
    size = tokenizer.get_vocab_size()
    check_vocabulary(TableReader(np.zeros((size, size))), tokenizer, "lstm seed 0")
    with pytest.raises(Failure, match=r"^lstm seed 0: its vocabulary of \d+ tokens does not fit"):
        check_vocabulary(TableReader(np.zeros((9, 9))), tokenizer, "lstm seed 0")
    without_end = train_tokenizer(TEXTS, TokenizerConfig())
    size = without_end.get_vocab_size()
    with pytest.raises(Failure, match="does not fit"):
        check_vocabulary(TableReader(np.zeros((size, size))), without_end, "lstm seed 0")


def test_the_prompts_of_a_sweep_are_those_of_films_or_how_texts_begin():
    assert choose_prompts(_tokenizer(), []) == PROMPTS
    texts = ["Das Essen war gut"] * 3 + ["Wir kamen spät an."] * 2 + ["Das unbekannte Hotel"] * 4
    german = _tokenizer(texts[:5])
    assert choose_prompts(german, texts) == ("Das Essen war", "Wir kamen spät", "")
    chinese = ["我喜欢这部电影"] * 2
    assert choose_prompts(_tokenizer(chinese), chinese) == ("我喜欢", "")


def test_samples_are_a_table_of_every_prompt():
    tokenizer = _tokenizer()
    size = tokenizer.get_vocab_size()
    reader = TableReader(np.random.default_rng(0).normal(0, 1, (size, size)))
    table = draw_samples(reader, tokenizer, PROMPTS)
    assert list(table.columns) == ["prompt", "sample", "text"]
    assert [*zip(table.prompt, table["sample"], strict=True)] == [
        (prompt, sample) for prompt in PROMPTS for sample in range(SAMPLES.samples)
    ]
    assert table.text.str.len().min() > 0
    assert not table.text.str.contains("UNK|PAD|END").any()
    assert table.equals(draw_samples(reader, tokenizer, PROMPTS))


@pytest.mark.parametrize("cell", CELLS)
def test_what_a_network_writes_depends_to_the_last_bit_on_nothing_beside_it(cell):
    network = make_language_network(300, cell=cell)
    rng = np.random.default_rng(0)
    for weight in network.model.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    prompts = [rng.integers(3, 300, length).astype(np.int32) for length in (0, 3, 1, 7, *[2] * 9)]
    sampling = Sampling(length=15, samples=2)
    together = write_on(network, prompts, 2, sampling)
    assert write_on(network, prompts[::-1], 2, sampling) == together[::-1]
    for place in (0, 3, 12):
        assert write_on(network, [prompts[place]], 2, sampling) == [together[place]]
