"""Networks that are trained, tracked, and asked to write: the program from its words to its page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from factories import SMALL, small_run
from factories.pages import Page
from factories.programs import run_here, run_program

from pipeline.runs.request import GENERATE, GenerateRequest, choose_runs

pytestmark = pytest.mark.slow

ASKED = GenerateRequest(*[None] * 6)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small language models, each trained as a run of its own."""
    folder = tmp_path_factory.mktemp("language")
    for name in ("lstm", "gru"):
        words = [*SMALL, "task=language", f"architecture={name}", "train.batch_size=8"]
        done = run_program(folder, *words)
        assert done.returncode == 0, done.stderr
    return folder


def _texts(printed: str) -> list[str]:
    """The texts that are printed in a pipe: a line each, by gru and by lstm in turn."""
    return [one for one in printed.splitlines() if one.endswith(("…", "(end of text)"))]


def test_networks_write_on_from_prompts(root: Path) -> None:
    prompts = root / "prompts.txt"
    prompts.write_text('the film, "with" {braces}\n\nthe zyzzyva film\n')
    words = ["name=small", "length=12", "samples=2", "seed=4", "top_k=30", "top_p=0.9"]
    done = run_program(root, *words, f"file={prompts}", program="generate")
    assert done.returncode == 0, done.stderr
    page = root / "reports" / "small" / "generate.html"
    assert done.stdout.splitlines()[-1] == f"Page: {page}"
    texts = _texts(done.stdout)
    assert len(texts) == 3 * 2 * 2
    asked = 'the film, "with" {braces}'
    assert all(one.replace("(?)", "").startswith(asked) for one in texts[:4])
    assert all(one.startswith("the zyzzyva(?) film") for one in texts[8:])
    assert "temperature 0.8, top_k 30, top_p 0.9, seed 4; at most 12 tokens" in done.stdout
    assert "[UNK]" not in done.stdout
    shown = Page(page.read_text(encoding="utf-8"))
    assert shown.text.count("the zyzzyva film") == 5  # four texts and their title
    assert sum("data-p" in attributes for _, attributes in shown.elements) <= 12 * 12
    # What is written after one prompt is the same when nothing else is.
    alone = [*words, "prompt=the zyzzyva film", "architecture=lstm", f"page={root}/alone.html"]
    done = run_program(root, *alone, program="generate")
    assert done.returncode == 0, done.stderr
    assert _texts(done.stdout) == texts[10:]


def test_another_seed_writes_another_text_and_no_temperature_the_same(root: Path) -> None:
    run_id = choose_runs(small_run(root), ASKED, GENERATE)[0].run_id
    words = [f"run={run_id[:12]}", "prompt=", "length=20"]
    texts = []
    for further in (["seed=1"], ["seed=2"], ["temperature=0"], ["temperature=0", "seed=2"]):
        done = run_program(root, *words, *further, program="generate")
        assert done.returncode == 0, done.stderr
        texts += _texts(done.stdout)
    assert texts[0] != texts[1]
    assert texts[2] == texts[3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["temperature=-1"], "temperature is -1.0; it takes a number, at least 0"),
        (["temperature=nan"], "temperature is nan; it takes a number, at least 0"),
        (["top_p=0"], "top_p is 0.0; it takes a number above 0, at most 1"),
        (["top_k=0"], "top_k is 0; it takes a whole number, at least 1"),
        (["length=none"], "length is 'none'; it takes a whole number, at least 1"),
        (["samples=0"], "samples is 0; it takes a whole number, at least 1"),
        (["run=0", "trained_seed=0"], "run selects the networks already; leave"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_wrong_setting_is_said_in_a_line(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    typed = ["name=small", "prompt=the film", *words, f"root={root}"]
    ended = run_here(typed, monkeypatch, capsys, "generate")
    assert ended.status == 2
    assert ended.stderr.startswith(f"Configuration: {said}")
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["architecture=simple_rnn"], "Failed: no finished run of 'simple_rnn' is tracked under"),
        (["trained_seed=7"], "Failed: no finished run of gru has seed '7'; finished seeds: 0"),
        (["name=other"], "Failed: no runs are tracked under 'other' in"),
        (["run=zz"], "Failed: no finished run has an id that starts with 'zz'"),
        (["prompt=zyzzyva xylyl"], "Failed: no token of the prompt 'zyzzyva xylyl' is in the vocab"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_written_is_said_in_a_line(root: Path, words: list[str], said: str) -> None:
    done = run_program(root, "name=small", "prompt=the film", *words, program="generate")
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_language_model_answers_nothing(root: Path) -> None:
    done = run_program(root, "name=small", "text=a film", program="explain")
    assert done.returncode == 1
    said = r"Failed: gru seed 0 \(run \w+\) is a language model, which writes and answers nothing; use "
    assert re.match(f"{said}python -m experiments.generate name=small .*run=", done.stderr)


def test_a_vocabulary_that_does_not_fit_is_said_in_a_line(root: Path) -> None:
    """Damage is found before; what fits its digest and not the network can only be of old runs."""
    (run, _) = choose_runs(small_run(root), ASKED, GENERATE)
    (file,) = root.rglob(f"{run.run_id}/artifacts/tokenizer.json")
    whole = file.read_bytes()
    try:
        file.write_bytes(whole.replace(b'"film"', b'"firm"'))
        done = run_program(root, f"run={run.run_id}", "prompt=the", program="generate")
    finally:
        file.write_bytes(whole)
    assert done.returncode == 1
    assert "its tokenizer.json was altered or is damaged" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
