"""What a training goes on from is kept in little room."""

from __future__ import annotations

import numpy as np
import pytest

from embedsearch._errors import VectorError
from embedsearch.training.base import TrainedModel
from embedsearch.training.sides import from_tensors, to_tensors, unit_sums
from embedsearch.vectors.word_vectors import WordVectors

WORDS = [f"word{place}" for place in range(5_000)]


def side(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(len(WORDS), 9)) * 10.0 ** rng.integers(-3, 2, (len(WORDS), 1))
    X[7 * seed] = 0
    return X.astype(np.float32)


@pytest.fixture
def summed() -> TrainedModel:
    """A model whose vectors are the sums of its sides, and more than are computed at once."""
    inputs, context = side(1), side(2)
    units = [
        X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9) for X in (inputs, context)
    ]
    sums = unit_sums(inputs, context)
    np.testing.assert_allclose(sums, units[0] + units[1], atol=1e-6)
    return TrainedModel(WordVectors(sums, WORDS), context, inputs)


def test_of_the_input_side_the_lengths_are_enough(summed: TrainedModel) -> None:
    tensors = to_tensors(summed)
    assert sum(array.nbytes for array in tensors.values()) < summed.vectors.vectors.nbytes * 0.5
    found = from_tensors(summed.vectors, tensors)
    assert found.vectors is summed.vectors
    for mine, theirs in ((found.inputs, summed.inputs), (found.context, summed.context)):
        assert mine is not None
        assert theirs is not None
        lengths = np.linalg.norm(theirs, axis=1, keepdims=True)
        assert (np.abs(mine - theirs) <= 0.02 * lengths).all()


def test_other_inputs_are_kept_as_they_are(summed: TrainedModel) -> None:
    other = TrainedModel(WordVectors(side(3), WORDS), summed.context, summed.inputs)
    found = from_tensors(other.vectors, to_tensors(other))
    np.testing.assert_array_equal(found.inputs, other.inputs)
    without = from_tensors(other.vectors, to_tensors(TrainedModel(other.vectors, summed.context)))
    assert without.inputs is None
    np.testing.assert_array_equal(without.context, found.context)
    none = from_tensors(other.vectors, to_tensors(TrainedModel(other.vectors)))
    assert none.inputs is none.context is None


def test_float32_of_earlier_versions_is_read(summed: TrainedModel) -> None:
    whole = {"context": summed.context, "inputs": summed.inputs}
    found = from_tensors(summed.vectors, {k: v for k, v in whole.items() if v is not None})
    assert found.context is summed.context
    assert found.inputs is summed.inputs


def test_what_belongs_to_other_words_is_damage(summed: TrainedModel) -> None:
    for name, array in to_tensors(summed).items():
        with pytest.raises(VectorError, match="damaged"):
            from_tensors(summed.vectors, {**to_tensors(summed), name: array[:-1]})


@pytest.mark.parametrize("name", ["context.factors", "lengths"])
def test_nan_is_damage(summed: TrainedModel, name: str) -> None:
    tensors = to_tensors(summed)
    tensors[name][3] = np.nan
    with pytest.raises(VectorError, match=f"damaged: {name} has NaN"):
        from_tensors(summed.vectors, tensors)
