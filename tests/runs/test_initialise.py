"""A classifier starts from language models that were trained, with their weights and vocabulary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from factories import small_run

from pipeline.config.schema import RunConfig
from pipeline.config.tasks import Direction, LanguageConfig
from pipeline.data.reviews import load_reviews
from pipeline.models.architectures import build_model
from pipeline.models.transfer import read_weights
from pipeline.runs.initialise import initialise
from pipeline.runs.language import run_language
from pipeline.runs.language_start import find_start
from pipeline.runs.network import run_network
from pipeline.runs.networks import load_model
from pipeline.tokens.encoding import encode_splits
from pipeline.tokens.vocabulary import END
from pipeline.tracking import Store, track_run
from pipeline.tracking.language_models import with_language_models


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a store with a language model of two layers in each direction."""
    folder = tmp_path_factory.mktemp("started")
    for direction in Direction:
        task = LanguageConfig(direction=direction, bptt=16, steps_per_validation=20)
        config = _config(folder, name="lm", task=task, train__epochs=1, train__batch_size=16)
        with track_run(Store.of(config), config, None) as recorder:
            run_language(config, recorder, "cpu", folder / "checkpoint.npz", None)
        (folder / "checkpoint.npz").unlink(missing_ok=True)
    return folder


def _config(folder: Path, **changes: object) -> RunConfig:
    return small_run(folder, **{"architecture__num_layers": 2} | changes)


def _directions(model, number: int) -> list:
    layer = model.get_layer(f"recurrent_{number}")
    both = [getattr(layer, f"{name}_layer", layer) for name in ("forward", "backward")]
    return [one.get_weights() for one in both]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_network_has_the_trained_weights_before_it_is_trained(root, bidirectional):
    config = _config(root, architecture__init="lm", architecture__bidirectional=bidirectional)
    start = find_start(config)
    assert start is not None
    reviews, cache = load_reviews(config.data, root / ".cache"), root / ".cache"
    encoded = encode_splits(reviews, config.tokenizer, cache, start.tokenizer)
    size = encoded.tokenizer.get_vocab_size()
    model = build_model(config.architecture, size, encoded.heads, 0)
    fresh = model.get_layer("head_1").get_weights()
    initialise(model, config, encoded.tokenizer, start, cache)
    sources = [read_weights(load_model(run)) for run in (start.forward, start.backward) if run]
    assert len(sources) == 1 + bidirectional
    np.testing.assert_array_equal(
        model.get_layer("embedding").get_weights()[0], sources[0]["embedding"][0]
    )
    for number in (1, 2):
        for place, (own, source) in enumerate(
            zip(_directions(model, number), sources, strict=False)
        ):
            (kernel, *others), (given, *expected) = own, source[f"recurrent_{number}"]
            rows = slice(place * 8, place * 8 + 8) if number == 2 and bidirectional else slice(None)
            np.testing.assert_array_equal(kernel[rows], given)
            assert kernel.sum() == pytest.approx(given.sum(), abs=1e-4)  # all else is zero
            for one, other in zip(others, expected, strict=True):
                np.testing.assert_array_equal(one, other)
    for one, other in zip(model.get_layer("head_1").get_weights(), fresh, strict=True):
        np.testing.assert_array_equal(one, other)


def test_texts_are_read_with_the_vocabulary_of_the_language_model_without_its_end(root):
    config = _config(root, architecture__init="lm")
    start = find_start(config)
    assert start is not None
    reviews = load_reviews(config.data, root / ".cache")
    one = encode_splits(reviews, config.tokenizer, root / ".cache", start.tokenizer)
    own = encode_splits(reviews, config.tokenizer, root / ".cache")
    end = start.tokenizer.token_to_id(END)
    assert end == 2
    assert one.fingerprint != own.fingerprint
    assert not np.isin(end, one.train.token_ids)
    assert one.tokenizer.to_str() == start.tokenizer.to_str()
    assert own.tokenizer.token_to_id(END) is None
    spelled = [one.tokenizer.id_to_token(token) for token in one.train.row(0)]
    assert spelled == [own.tokenizer.id_to_token(token) for token in own.train.row(0)]


def test_a_run_tells_from_which_language_models_it_started(root):
    changes = {"architecture__bidirectional": True, "train__epochs": 1}
    config = with_language_models(_config(root, architecture__init="lm", **changes))
    store = Store.of(config)
    with track_run(store, config, None) as recorder:
        run_network(config, recorder, "cpu", root / "checkpoint.npz", None)
    run = store.client.get_run(recorder.run_id)
    assert run.data.params["init"] == "lm"
    found = [run.data.tags["init_run"], run.data.tags["init_run_backward"]]
    assert found == config.architecture.init_runs
    assert len({*found}) == 2


def test_word_vectors_start_the_rows_of_the_words_of_the_texts(root):
    config = _config(root, architecture__init="skipgram")
    assert find_start(config) is None
    reviews, cache = load_reviews(config.data, root / ".cache"), root / ".cache"
    encoded = encode_splits(reviews, config.tokenizer, cache)
    size = encoded.tokenizer.get_vocab_size()
    models = [build_model(config.architecture, size, encoded.heads, 0) for _ in range(3)]
    for model in models[1:]:
        initialise(model, config, encoded.tokenizer, None, cache)
    fresh, one, again = (model.get_layer("embedding").get_weights()[0] for model in models)
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one[:2], fresh[:2])
    assert (np.abs(one - fresh)[2:].max(axis=1) > 0).all()
    for mine, other in zip(_directions(models[1], 1), _directions(models[0], 1), strict=True):
        np.testing.assert_array_equal(mine[0], other[0])
