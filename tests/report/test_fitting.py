"""Test how exactly networks are written, and what is left out of a page that would be too large."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from factories import PRESETS, read_preset
from factories.pages import HOSTILE, Page
from factories.playable import draw_playable

from pipeline.analysis.playable import Playable
from pipeline.config.schema import ArchitectureConfig
from pipeline.report import fitting
from pipeline.report.bundle import COARSER, EXACT, pack, quantize
from pipeline.report.fitting import Choice, Packer, fit
from pipeline.report.look import look_of_baseline
from pipeline.report.playground import (
    Example,
    Play,
    Player,
    Seed,
    describe_tokenizer,
    render_playground,
)

WORDS = [f"word{number}" for number in range(60)]
SMALL = ArchitectureConfig(name="lstm", cell="lstm", units=4, embedding_dim=4)


def _seeds(count: int, **changes: Any) -> list[Playable]:
    values = {"name": "lstm", "cell": "lstm", "units": 4, "embedding_dim": 4} | changes
    config = ArchitectureConfig(**values)
    return [draw_playable(config, WORDS, seed=seed) for seed in range(count)]


def _player(seeds: Sequence[Playable]) -> Player:
    name = seeds[0].architecture.name
    return Player(look_of_baseline(name), tuple(Seed(one, 0.75) for one in seeds))


def test_weights_are_found_where_the_bundle_says() -> None:
    network = draw_playable(SMALL, WORDS)
    packed = pack(network.weights, EXACT)
    content = zlib.decompress(base64.b64decode(packed["data"]))
    for described, weight in [
        (packed["weights"]["embedding"], network.weights["embedding"]),
        (packed["weights"]["layers"][0][0]["bias"], network.weights["layers"][0][0]["bias"]),
        (packed["weights"]["heads"][0]["kernel"], network.weights["heads"][0]["kernel"]),
    ]:
        assert (described["rows"], described["columns"], described["bits"]) == (*weight.shape, 32)
        stored = np.frombuffer(content, "<f4", weight.size, described["at"])
        np.testing.assert_array_equal(stored.reshape(weight.shape), weight)


def test_no_number_is_rounded_by_more_than_half_a_step() -> None:
    matrix = np.random.default_rng(0).normal(0, 1, (4, 50)).astype(np.float32)
    matrix[3] = 0
    for precision in COARSER:
        scales = precision.scales_of(matrix, is_table=True)
        assert scales is not None
        scale, shares, codes = quantize(matrix, scales)
        used = np.frombuffer(scale, "<f4") * np.frombuffer(shares, np.uint8)
        rounded = used[:, None] * np.frombuffer(codes, np.int8).reshape(4, 50)
        assert (used >= scales * 0.999).all()
        assert (used <= scales + np.frombuffer(scale, "<f4") * 1.001).all()
        assert (np.abs(rounded - matrix) <= used[:, None] / 2 * 1.001).all()
        assert (rounded[3] == 0).all()


def test_rarer_tokens_have_wider_steps_and_other_rows_have_not() -> None:
    matrix = np.ones((20_000, 4), np.float32)
    assert COARSER[-1].steps is not None
    steps = COARSER[-1].scales_of(matrix, is_table=True)
    others = COARSER[-1].scales_of(matrix, is_table=False)
    assert steps is not None
    assert others is not None
    assert steps[0] == pytest.approx(1 / COARSER[-1].steps)
    assert steps[9_900] == pytest.approx(10 * steps[0])
    assert others == pytest.approx(1 / 127)


def test_a_page_is_the_smaller_the_coarser_its_networks() -> None:
    packer = Packer()
    network = draw_playable(SMALL, [f"word{number}" for number in range(3_000)])
    costs = [packer.cost(network, precision) for precision in (EXACT, *COARSER)]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == len(costs)


def test_small_networks_are_written_as_they_are_with_all_their_seeds() -> None:
    networks = [_seeds(3), _seeds(2, name="gru", cell="gru")]
    assert fit(networks, 0, Packer()) == Choice(EXACT, (3, 2))


def test_what_does_not_fit_is_first_seeds_then_levels_then_networks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    networks = [_seeds(3), _seeds(2, name="gru", cell="gru", units=12)]
    packer = Packer()
    monkeypatch.setattr(fitting, "EXACT_BYTES", 0)

    def choose(most: float) -> Choice:
        monkeypatch.setattr(fitting, "MOST_BYTES", int(most))
        return fit(networks, 0, packer)

    def cost(choice: Choice) -> int:
        pairs = zip(networks, choice.seeds, strict=True)
        return sum(
            packer.cost(one, choice.precision) for seeds, count in pairs for one in seeds[:count]
        )

    every = Choice(COARSER[0], (3, 2))
    assert choose(cost(every)) == every
    assert choose(cost(every) - 1) == Choice(COARSER[0], (2, 2))
    first = Choice(COARSER[0], (1, 1))
    assert choose(cost(first)) == first
    coarser = choose(cost(first) - 1)
    assert coarser.seeds == (1, 1)
    assert coarser.precision != COARSER[0]
    last = Choice(COARSER[-1], (1, 1))
    assert choose(cost(last)) == last
    alone = choose(cost(last) - 1)
    assert alone.seeds[1] == 0  # the larger one
    assert choose(0).seeds == (1, 0)  # a page without networks would be none


def _bundle(play: Play) -> dict[str, Any]:
    page = render_playground(play)
    assert page is not None
    found = re.search(r'<script type="application/json" id="bundle">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def test_the_page_says_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    larger = _seeds(1, name="gru", cell="gru", units=12)
    play = Play("small", (_player(_seeds(3)), _player(larger)))
    assert _bundle(play)["left_out"] == []
    monkeypatch.setattr(fitting, "EXACT_BYTES", 0)
    monkeypatch.setattr(fitting, "MOST_BYTES", 0)
    bundle = _bundle(play)
    reason = "so that the page stays under 6 MB"
    assert bundle["left_out"] == [
        f"Left out, {reason}: gru.",
        f"Further seeds left out, {reason}: lstm seed 1 and lstm seed 2.",
    ]
    assert bundle["precision"] == COARSER[-1].name
    assert [one["name"] for one in bundle["networks"]] == ["lstm"]


@pytest.mark.slow  # twelve million weights
def test_nine_networks_of_imdb_fit_and_a_quickstart_is_exact() -> None:
    words = [f"{number:x}word" for number in range(19_998)]
    players = [_player([draw_playable(read_preset(name), words)]) for name in PRESETS]
    page = render_playground(Play("imdb", tuple(players)))
    assert page is not None
    assert 5_000_000 < len(page.encode()) < 6_000_000
    heads = {"sentiment": ("negative", "positive"), "subject": tuple("abcdef")}
    quick = [
        _player(
            [
                draw_playable(
                    read_preset(name, embedding_dim=32), words[:493], heads=heads, seed=seed
                )
                for seed in range(3)
            ]
        )
        for name in ("lstm", "gru", "simple_rnn")
    ]
    page = render_playground(Play("quickstart", tuple(quick)))
    assert page is not None
    assert EXACT.name in page
    assert len(page.encode()) < 2_000_000


def test_a_vocabulary_of_markup_is_no_markup_in_the_page() -> None:
    words = [HOSTILE, "</script>", "<!--", "&lt;"]
    heads = {HOSTILE: (HOSTILE, "<b>")}
    network = draw_playable(SMALL, words, heads=heads)
    page = render_playground(Play(HOSTILE, (_player([network]),), (Example(HOSTILE, HOSTILE),)))
    assert page is not None
    found = Page(page)
    assert not [tag for tag, _ in found.elements if tag in ("img", "b")]
    assert describe_tokenizer(network)["vocabulary"][2:] == words
