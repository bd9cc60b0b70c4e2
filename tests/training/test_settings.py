"""Settings are checked by name, and what is left open is fitted to the corpus."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from embedsearch import ParameterError
from embedsearch.training.settings import (
    TrainingSettings,
    fit_auto,
    fit_to_corpus,
    training_settings,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vector_size", 0),
        ("vector_size", 1.5),
        ("window", -1),
        ("epochs", 0),
        ("min_count", "five"),
        ("sample", 2.0),
        ("alpha", float("nan")),
        ("alpha", 0.0),
        ("sg", 2),
        ("workers", 0),
        ("seed", -1),
        ("epochs", 10**400),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"{name} must be a .*number") as caught:
        training_settings(**{name: value})
    assert caught.value.name == name
    assert caught.value.got is value


def test_numbers_of_numpy_become_those_that_a_manifest_can_hold() -> None:
    settings = training_settings(epochs=np.int64(3), alpha=np.float32(0.25), sg=np.int8(0))
    assert settings == TrainingSettings(epochs=3, alpha=0.25, sg=0)
    assert {type(settings.epochs), type(settings.sg)} == {int}
    assert type(settings.alpha) is float


def test_an_unknown_parameter_lists_the_known_ones() -> None:
    with pytest.raises(ParameterError, match=r"one of vector_size, window.*got 'size'"):
        training_settings(size=100)


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ParameterError, match="min_alpha must be at most alpha"):
        training_settings(alpha=0.01, min_alpha=0.02)
    with pytest.raises(ParameterError, match="min_n must be at most max_n"):
        training_settings(min_n=5, max_n=4)
    with pytest.raises(ParameterError, match="negative must be above 0 without hs"):
        TrainingSettings(negative=0)


def test_hierarchical_softmax_turns_negative_sampling_off() -> None:
    assert training_settings(hs=1).negative == 0


def test_none_means_the_default() -> None:
    assert training_settings(window=None, sg=True) == TrainingSettings(sg=1)


def test_what_was_given_is_kept_and_the_rest_is_chosen() -> None:
    counts = np.array([400_000, 100_000])
    fitted, chosen = fit_to_corpus(TrainingSettings(epochs=7), counts)
    assert fitted.epochs == 7
    assert chosen == ("vector_size", "min_count", "bucket")
    assert None not in {fitted.vector_size, fitted.min_count, fitted.workers, fitted.bucket}


def test_larger_corpora_get_fewer_epochs_down_to_those_of_gensim() -> None:
    sizes = [10_000, 453_000, 2_000_000, 19_000_000, 1_000_000_000]
    epochs = [fit_to_corpus(TrainingSettings(), np.array([n]))[0].epochs or 0 for n in sizes]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[0] == 100
    assert 50 <= epochs[1] <= 70
    assert epochs[-1] == 5


@pytest.mark.parametrize("fit", [fit_auto, fit_to_corpus])
@pytest.mark.parametrize(("words", "least"), [(99, 1), (100, 2)])
def test_little_text_keeps_words_that_occur_once(
    fit: Callable[..., tuple[TrainingSettings, tuple[str, ...]]], words: int, least: int
) -> None:
    counts = np.array([2] * words + [1] * 1_000)
    fitted, chosen = fit(training_settings(), counts)
    assert "min_count" in chosen
    assert fitted.min_count == least
    # What is asked for holds.
    assert fit(training_settings(min_count=2), counts)[0].min_count == 2
