"""One text as networks read it: the numbers, the page, the terminal, and the program around them."""

from __future__ import annotations

import io
import itertools
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from factories import PRESETS, read_preset, small_run
from factories.networks import logits_of
from factories.pages import Page
from factories.programs import run_program
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from scipy.special import expit, logit, softmax
from tokenizers import Tokenizer

from pipeline.analysis.explanation import Explanation, HeadReading, NetworkReading
from pipeline.config.schema import (
    BASELINE,
    ArchitectureConfig,
    Keep,
    Readout,
    RunConfig,
    TokenizerConfig,
    TokenizerKind,
)
from pipeline.data.splits import Head
from pipeline.errors import ConfigError, Failure, PipelineError, TrackingError
from pipeline.models.architectures import build_model
from pipeline.models.fused import fuse
from pipeline.probes import Network
from pipeline.probes.reading import cut_words, read_words
from pipeline.probes.trace import trace
from pipeline.report.explained import write_explanation
from pipeline.report.terminal import show
from pipeline.runs.request import ExplainRequest, choose_runs, read_text
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.tracking import Store, find_runs, track_run

LESSON = "While watching the movie, I could only think of how terrible it was."
CORPUS = [LESSON, "The sound wasn't bad; I watched it twice!", "How good it was, the plot."]
SENTIMENT = Head("sentiment", ("negative", "positive"))
SUBJECT = Head("subject", ("film", "plot", "sound"))


def make_tokenizer(kind: TokenizerKind = TokenizerKind.word, vocab_size: int = 60) -> Tokenizer:
    return train_tokenizer(CORPUS, TokenizerConfig(kind=kind, vocab_size=vocab_size))


def make_network(seed: int = 0, heads: tuple[Head, ...] = (SENTIMENT, SUBJECT), **settings: Any):
    """Every weight drawn anew: fresh biases are zero and would hide mistakes."""
    config = ArchitectureConfig(
        **{"name": "lstm", "cell": "lstm", "units": 6, "embedding_dim": 5, **settings}
    )
    model = build_model(config, 60, heads, seed)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.5, weight.shape) for weight in model.get_weights()])
    return Network(model, fuse(model, config), config)


def read(
    network: Network,
    text: str = LESSON,
    tokenizer: Tokenizer | None = None,
    heads: tuple[Head, ...] = (SENTIMENT, SUBJECT),
    run_id: str = "0123456789abcdef",
    **changes: Any,
) -> NetworkReading:
    config = small_run(Path(), **changes)
    config.architecture = network.architecture
    words = cut_words(text, tokenizer or make_tokenizer())
    return read_words(words, network, heads, config, run_id)


def answers_to(network: Network, text: str, tokenizer: Tokenizer) -> list[np.ndarray]:
    """What the plain Keras model says of a whole text."""
    token_ids, _ = encode_texts(tokenizer, [text])
    return logits_of(network.model, token_ids[None])


@pytest.mark.parametrize("name", PRESETS)
def test_every_word_has_the_probability_of_the_text_up_to_it(name: str) -> None:
    preset = read_preset(name)
    network = make_network(
        cell=preset.cell, bidirectional=preset.bidirectional, num_layers=preset.num_layers
    )
    tokenizer, reading = make_tokenizer(), read(network)
    spans = cut_words(LESSON, tokenizer).spans
    assert [LESSON[start:end] for start, end in spans] == LESSON.replace(",", " ,").replace(
        ".", " ."
    ).split()
    sentiment, subject = reading.heads
    for place in (0, 7, 11, len(spans) - 1):
        one, many = answers_to(network, LESSON[: spans[place][1]], tokenizer)
        assert sentiment.probabilities[place] == pytest.approx(expit(one[0, 0]), abs=1e-5)
        expected = softmax(many[0])[SUBJECT.classes.index(subject.followed)]
        assert subject.probabilities[place] == pytest.approx(expected, abs=1e-5)
    one, many = answers_to(network, LESSON, tokenizer)
    assert sentiment.answer == SENTIMENT.classes[int(one[0, 0] > 0)]
    assert subject.answer == subject.followed == SUBJECT.classes[many[0].argmax()]
    assert sentiment.answer_probability >= 0.5
    gates = {"simple_rnn": 0}.get(preset.cell, preset.num_layers * (1 + preset.bidirectional))
    assert len(reading.gates) == gates


@pytest.mark.parametrize("readout", Readout, ids=lambda readout: readout.name)
def test_changes_lead_from_nothing_to_the_answer(readout: Readout) -> None:
    network = make_network(bidirectional=True, readout=readout)
    for number, head in enumerate(read(network).heads):
        bias = network.model.get_layer(f"head_{number + 1}").bias.numpy().astype(float)
        nothing = (
            expit(bias[0]) if number == 0 else softmax(bias)[SUBJECT.classes.index(head.followed)]
        )
        expected = logit(head.probabilities[-1]) - logit(nothing)
        assert head.changes.sum() == pytest.approx(expected, abs=1e-4)
        np.testing.assert_allclose(head.changes[1:], np.diff(logit(head.probabilities)), atol=1e-4)


def test_the_words_that_moved_it_most_come_strongest_first() -> None:
    changes = np.array([0.1, -2.0, np.nan, 0.0, 1.5])
    head = HeadReading("sentiment", "positive", "negative", "negative", np.full(5, 0.3), changes)
    assert head.moved_most() == [1, 4, 0]
    assert head.moved_most(1) == [1]
    assert head.answer_probability == pytest.approx(0.7)


def test_gates_stand_at_the_words_they_read() -> None:
    network = make_network(cell="gru", bidirectional=True)
    token_ids, _ = encode_texts(make_tokenizer(), [LESSON])
    (layer,) = trace(network.model, network.architecture, token_ids[None]).layers
    forward, backward = read(network).gates
    assert (forward.name, forward.direction) == ("update gate", "forward")
    np.testing.assert_allclose(forward.values, layer.keep_gates[:, 0, 0].mean(axis=-1))
    np.testing.assert_allclose(backward.values, layer.keep_gates[::-1, 1, 0].mean(axis=-1))


def test_a_vocabulary_of_parts_of_words_gives_the_same_words() -> None:
    parts = make_tokenizer(TokenizerKind.bpe, 40)
    whole, cut = cut_words(LESSON, make_tokenizer()), cut_words(LESSON, parts)
    np.testing.assert_array_equal(whole.spans, cut.spans)
    assert len(cut.token_ids) > len(whole.token_ids) == len(whole.spans)
    np.testing.assert_array_equal(cut.token_ids, encode_texts(parts, [LESSON])[0])
    network = make_network()
    reading = read(network, tokenizer=parts)
    one, _ = answers_to(network, "While watching", parts)
    assert reading.heads[0].probabilities[1] == pytest.approx(expit(one[0, 0]), abs=1e-5)
    (layer,) = trace(network.model, network.architecture, cut.token_ids[None]).layers
    gates = layer.keep_gates[:, 0, 0].mean(axis=-1)
    expected = [gates[cut.places == place].mean() for place in range(len(cut.spans))]
    np.testing.assert_allclose(reading.gates[0].values, expected)


@pytest.mark.parametrize(
    ("keep", "read_words_of_it", "said"),
    [
        (Keep.tail, [11, 12, 13, 14], "the last 4 of 15"),
        (Keep.head, [0, 1, 2, 3], "the first 4 of 15"),
        (Keep.both, [0, 1, 13, 14], "the first and last, together 4, of 15"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_of_a_text_that_is_too_long_the_usual_part_is_read(
    keep: Keep, read_words_of_it: list[int], said: str
) -> None:
    network, tokenizer = make_network(), make_tokenizer()
    reading = read(network, tokenizer=tokenizer, tokenizer__max_length=4, tokenizer__keep=keep)
    assert list(np.flatnonzero(~reading.unread)) == read_words_of_it
    assert said in reading.notes[0]
    kept = " ".join(
        LESSON[start:end] for start, end in cut_words(LESSON, tokenizer).spans[read_words_of_it]
    )
    one, _ = answers_to(network, kept, tokenizer)
    sentiment = reading.heads[0]
    assert sentiment.probabilities[read_words_of_it[-1]] == pytest.approx(
        expit(one[0, 0]), abs=1e-5
    )
    for values in (sentiment.probabilities, sentiment.changes, reading.gates[0].values):
        np.testing.assert_array_equal(np.isnan(values), reading.unread)


def test_words_that_are_not_in_the_vocabulary_are_told() -> None:
    reading = read(make_network(), "The zyzzyva was terrible")
    assert list(reading.unknown) == [False, True, False, False]
    assert reading.notes == ("does not know 1 of the 4 words",)
    reading = read(make_network(), "zyzzyva xylyl")
    assert reading.unknown.all()
    assert "none of these words" in reading.notes[0]


@pytest.mark.parametrize("text", ["[PAD] [UNK]", "é́", "\x1b[31m", "a\u200b", "👍🏽 ok", "很好。"])
def test_any_text_has_words(text: str) -> None:
    words = cut_words(text, make_tokenizer())
    assert len(words.spans)
    assert 0 not in words.token_ids
    assert "".join(text[start:end] for start, end in words.spans) == re.sub(
        "[ \x1b\u200b]", "", text
    )


def explain(text: str = LESSON, **changes: Any) -> Explanation:
    """Three networks, one without gates and one in two layers and directions."""
    networks = [
        make_network(0),
        make_network(1, name="simple_rnn", cell="simple_rnn"),
        make_network(2, name="stacked_bi_lstm", bidirectional=True, num_layers=2),
    ]
    tokenizer = make_tokenizer()
    readings = [read(network, text, tokenizer, **changes) for network in networks]
    words = tuple(text[start:end] for start, end in cut_words(text, tokenizer).spans)
    return Explanation(text, words, tuple(readings))


def written(explanation: Explanation, folder: Path) -> tuple[str, Page]:
    text = write_explanation(explanation, folder / "explain.html").read_text(encoding="utf-8")
    return text, Page(text)


def printed(explanation: Explanation, width: int = 90, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, **options)
    show(explanation, console)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_the_page_shows_every_network_on_every_word(tmp_path: Path) -> None:
    explanation = explain()
    _, page = written(explanation, tmp_path)
    assert LESSON in page.text
    for network, label in zip(explanation.networks, explanation.labels(), strict=True):
        assert label in page.text
        assert network.run_id in page.text
        for share in network.heads[0].probabilities:
            assert f"{100 * share:.0f}" in page.text
    columns = [a for tag, a in page.elements if tag == "th" and a.get("scope") == "col"]
    lines = page.text.count("Words ")
    assert len(columns) == len(explanation.words)
    rows = [a for tag, a in page.elements if tag == "th" and a.get("scope") == "row"]
    assert len(rows) == lines * (3 * 2 + 1 + 4)
    assert [path.name for path in tmp_path.iterdir()] == ["explain.html"]


def test_the_page_fetches_and_runs_nothing(tmp_path: Path) -> None:
    _, page = written(explain(), tmp_path)
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "iframe", "object", "embed", "img", "base"}
        assert not {"src", "srcset", "href", "action"} & set(attributes)


def test_text_and_labels_are_never_markup(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script> & \"quoted\" 'terrible' {{ 7*7 }} it was"
    heads = (Head("<b>odd</b>", ("<em>no</em>", "yes")), SUBJECT)
    network = make_network(heads=heads)
    reading = read(network, bad, heads=heads)
    spans = cut_words(bad, make_tokenizer()).spans
    explanation = Explanation(bad, tuple(bad[start:end] for start, end in spans), (reading,))
    _, page = written(explanation, tmp_path)
    assert page.count("script") == page.count("em") == 0
    for shown in (bad, "<b>odd</b>", "<em>no</em>"):
        assert shown in page.text


def test_the_terminal_shows_the_same_numbers_as_the_page(tmp_path: Path) -> None:
    explanation = explain()
    text = printed(explanation)
    assert max(map(len, text.splitlines())) <= 90
    for word in explanation.words:
        assert word in text
    for network in explanation.networks:
        for head in network.heads:
            assert f"{head.name}: {head.answer} ({100 * head.answer_probability:.1f}%)" in text
            first = head.moved_most()[0]
            assert (
                f"“{explanation.words[first]}” {head.changes[first]:+.2f}".replace("-", "−") in text
            )
    assert "forget gate 2 ←" in text
    assert "\x1b[" not in text
    coloured = printed(explanation, force_terminal=True, color_system="truecolor")
    assert "\x1b[" in coloured


def test_a_text_cannot_command_the_terminal() -> None:
    text = printed(explain("[red]terrible[/red] \x1b]0;it\x07 was \x9b31m"))
    assert not {"\x1b", "\x07", "\x9b"} & set(text)
    assert "red" in text


def test_a_narrow_terminal_and_a_long_word_are_borne() -> None:
    word = "in" * 100
    text = printed(explain(f"it was {word} terrible"), width=40)
    assert "terrible" in text


def test_what_is_not_read_is_shown_as_not_read(tmp_path: Path) -> None:
    explanation = explain(tokenizer__max_length=3)
    _, page = written(explanation, tmp_path)
    assert page.text.count("·") >= 12
    assert "reads the last 3 of 15 tokens" in page.text
    assert "reads the last 3 of 15 tokens" in printed(explanation)


def test_labels_tell_the_networks_apart() -> None:
    one = explain().networks[0]
    again, other = replace(one, run_id="f" * 32), replace(one, seed=4)
    assert Explanation("", (), (one, other)).labels() == ["lstm seed 0", "lstm seed 4"]
    labels = Explanation("", (), (one, again)).labels()
    assert labels == ["lstm seed 0 (01234567)", "lstm seed 0 (ffffffff)"]


@given(
    st.lists(st.text("ab", min_size=1, max_size=12), min_size=1, max_size=40),
    st.integers(1, 60),
    st.integers(1, 8),
    st.integers(0, 2),
)
def test_lines_hold_every_word_once_and_fit(
    words: list[str], width: int, narrowest: int, gap: int
) -> None:
    lines = Explanation("", tuple(words), ()).lines(width, narrowest, gap)
    assert [place for line in lines for place in line] == list(range(len(words)))
    for line in lines:
        used = sum(max(len(words[place]), narrowest) + gap for place in line)
        assert used <= width or len(line) == 1


def request(**given: str) -> ExplainRequest:
    fields = dict.fromkeys(("text", "file", "runs", "architectures", "seeds", "page"))
    return ExplainRequest(**(fields | given))  # pyright: ignore[reportArgumentType]


def test_a_text_is_taken_as_it_stands_and_cleaned_as_a_review(tmp_path: Path) -> None:
    hard = "a, \"b\" = {c}: [d] $e \\f 'g' #h ${i}"
    assert read_text(request(text=hard)) == hard
    assert read_text(request(text="one<br />two\n three &amp; four")) == "one two three & four"
    file = tmp_path / "review.txt"
    file.write_text("\ufeffIt was\nterrible.\n", encoding="utf-8")
    assert read_text(request(file=str(file))) == "It was terrible."


@pytest.mark.parametrize("file", [None, "-"])
def test_standard_input_is_a_text(monkeypatch: pytest.MonkeyPatch, file: str | None) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("It was schön.".encode())))
    assert read_text(replace(request(), file=file)) == "It was schön."


def test_a_text_that_is_none_is_refused_with_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "latin.txt").write_bytes("schön".encode("latin-1"))
    for asked, message in (
        (request(text="  "), "text is empty"),
        (request(text="a", file="b"), "both text and file are given"),
        (request(file=str(tmp_path / "none.txt")), r"none\.txt cannot be read: No such file"),
        (request(file=str(tmp_path / "empty.txt")), r"empty\.txt is empty"),
        (request(file=str(tmp_path / "latin.txt")), r"not UTF-8 \(at byte 3\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_text(asked)
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    with pytest.raises(ConfigError, match="no text; give"):
        read_text(request())


def _config(root: Path, name: str = "small") -> RunConfig:
    return small_run(root, name=name)


def test_the_program_explains_a_text_with_commas_and_quotes(copied_sweep: Path) -> None:
    text = 'While watching the movie, I "could" only think: how terrible = it was, {film}.'
    runs = [run.run_id for run in choose_runs(_config(copied_sweep), request())]
    done = run_program(
        copied_sweep,
        f"text={text}",
        f"run={','.join(one[:12] for one in runs)}",
        program="explain",
    )
    assert done.returncode == 0, done.stderr
    page = copied_sweep / "reports" / "small" / "explain.html"
    assert done.stdout.splitlines()[-1] == f"Page: {page}"
    assert "update gate ←" in done.stdout
    assert "subject: " in done.stdout
    shown = Page(page.read_text(encoding="utf-8")).text
    assert text in shown
    assert all(run in shown for run in runs)


def test_networks_are_chosen_by_architecture_and_seed(tmp_path: Path) -> None:
    """All that the choice needs lies in the store: no network is trained for it."""
    for name, seed in itertools.product(("lstm", "bi_gru"), (1, 3)):
        tracked = small_run(tmp_path, seed=seed, architecture=read_preset(name, units=8))
        with track_run(Store.of(tracked), tracked, None):
            pass
    config = _config(tmp_path)

    def chosen(**given: str) -> list[tuple[str, int]]:
        runs = choose_runs(config, request(**given))
        return [(run.config.architecture.name, run.config.seed) for run in runs]

    assert chosen() == [("bi_gru", 1), ("lstm", 1)]
    assert chosen(architectures="lstm", seeds="3,1") == [("lstm", 3), ("lstm", 1)]


def test_a_trained_run_knows_what_it_answers(copied_sweep: Path) -> None:
    heads = choose_runs(_config(copied_sweep), request())[0].heads()
    assert heads is not None
    assert [head.name for head in heads] == ["sentiment", "subject"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["text=a", "run=f", "seed=1"],
            2,
            "Configuration: run selects the networks already; leave out",
        ),
        (["text=a", "name=other"], 1, "Failed: no runs are tracked under 'other' in"),
        (["text=zyzzyva xylyl", "name=small"], 1, "Failed: no word of this text is in the vocab"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_cannot_be_explained_is_said_in_a_line(
    copied_sweep: Path, arguments: list[str], status: int, said: str
) -> None:
    done = run_program(copied_sweep, *arguments, program="explain")
    assert done.returncode == status
    assert done.stderr.startswith(said)
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (copied_sweep / "reports" / "other").exists()


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"runs": "fff"}, TrackingError, "no finished run has an id that starts with 'fff' in "),
        ({"runs": ""}, ConfigError, "run is ''; it takes names"),
        ({"architectures": "gru"}, Failure, "no finished run of 'gru' is"),
        ({"seeds": "9"}, Failure, "no finished run of bi_gru has seed '9'"),
    ],
    ids=str,
)
def test_networks_that_are_not_there_are_named_in_a_line(
    copied_sweep: Path, asked: dict[str, str], error: type[PipelineError], said: str
) -> None:
    with pytest.raises(error) as refusal:
        choose_runs(_config(copied_sweep), request(**asked))
    assert str(refusal.value).startswith(said)
    assert "\n" not in str(refusal.value)


def test_an_id_that_is_several_or_the_baseline_is_refused(copied_sweep: Path) -> None:
    with pytest.raises(TrackingError, match="3 finished runs have an id that starts with ''"):
        find_runs(Store(None, copied_sweep, "small"), [""])
    (baseline,) = Store(None, copied_sweep, "small").runs(f"tags.architecture = '{BASELINE}'")
    with pytest.raises(ConfigError, match="is the baseline"):
        choose_runs(_config(copied_sweep), request(runs=baseline.info.run_id))
