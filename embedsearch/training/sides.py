"""The two sides of a network: their sum as word vectors, and how a workspace keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.training.base import TrainedModel
from embedsearch.vectors.arrays import check_finite, row_blocks, row_norms, unit_rows
from embedsearch.vectors.rounded import RoundedRows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.word_vectors import WordVectors


def unit_sums(inputs: FloatMatrix, context: FloatMatrix) -> FloatMatrix:
    """Add the two sides at length 1, a block of rows at a time to spare the memory."""
    vectors = np.empty_like(inputs)
    for block in row_blocks(len(inputs)):
        vectors[block] = unit_rows(inputs[block]) + unit_rows(context[block])
    return vectors


def to_tensors(model: TrainedModel) -> dict[str, NDArray[Any]]:
    """Return what a training goes on from beside the word vectors, as arrays for a file.

    The output side is rounded to bytes: a training changes it far more. The input side of
    vectors that are `unit_sums` is what is left of them without the output side; its lengths are
    enough.
    """
    tensors: dict[str, NDArray[Any]] = {}
    if model.context is not None:
        rounded = RoundedRows.of(model.context)
        tensors = {"context": rounded.steps, "context.factors": rounded.factors}
    if model.inputs is None:
        return tensors
    if _are_unit_sums(model):
        return {**tensors, "lengths": row_norms(model.inputs).astype(np.float32)}
    return {**tensors, "inputs": model.inputs}


def from_tensors(vectors: WordVectors, tensors: Mapping[str, NDArray[Any]]) -> TrainedModel:
    """Return the model that `to_tensors` was given, but for rounding."""
    if any(len(side) != len(vectors) for side in tensors.values()):
        raise VectorError("damaged: what a training goes on from is not of these words")
    for name, values in tensors.items():
        check_finite(name, values)
    inputs, lengths = map(tensors.get, ("inputs", "lengths"))
    context = None
    if "context" in tensors:
        context = np.asarray(RoundedRows.from_tensors(tensors, "context"))
    if context is not None and lengths is not None:
        inputs = np.empty_like(context)
        for block in row_blocks(len(inputs)):
            directions = unit_rows(vectors.vectors[block] - unit_rows(context[block]))
            inputs[block] = directions * lengths[block, np.newaxis]
    return TrainedModel(vectors, context, inputs)


def _are_unit_sums(model: TrainedModel) -> bool:
    inputs, context, X = model.inputs, model.context, model.vectors.vectors
    if inputs is None or context is None or model.vectors.subwords is not None:
        return False
    return all(
        np.array_equal(X[block], unit_sums(inputs[block], context[block]))
        for block in row_blocks(len(X))
    )
