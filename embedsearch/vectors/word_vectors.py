"""A vocabulary and its vectors."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.vectors.arrays import as_real, first_bad_row, row_norms, unit_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.vectors.subwords import Subwords


class WordVectors:
    """Words, a vector for each, and what else a trained model has of them.

    Attributes:
        vectors: `(V, d)` float32, read-only; may be mapped from a file.
        index_to_key: The word of each row.
        counts: How often each word was seen, `(V,)`, or None if that is not known.
        subwords: The n-gram vectors of a subword model, or None.
    """

    def __init__(
        self,
        vectors: FloatMatrix,
        index_to_key: Sequence[str],
        counts: IntVector | None = None,
        subwords: Subwords | None = None,
        *,
        check: bool = True,
    ) -> None:
        """Hold the arrays, without copying them; other real types are converted to float32.

        `check` looks through every word and number, about 0.1 s for 400,000 words. Without it only
        shapes are compared: for vectors that were checked when they were saved.

        Raises:
            VectorError: Shapes that do not fit, what is no number, a repeated word or one that is
                no string, NaN or infinity.
        """
        self.vectors = _read_only(as_real(vectors, "word vectors"))
        if isinstance(index_to_key, str | bytes) or not isinstance(index_to_key, Iterable):
            raise VectorError(f"words must be a list of strings, got {index_to_key!r}")
        self.index_to_key = list(index_to_key)
        self.counts = None if counts is None else as_counts(counts)
        self.subwords = subwords
        self._check_shapes()
        if check:
            self._check_words()
            self._check_numbers()

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return word in self.key_to_index

    def __repr__(self) -> str:
        return f"WordVectors({len(self):,} × {self.vector_size})"

    @property
    def vector_size(self) -> int:
        """The number of dimensions, d."""
        return int(self.vectors.shape[1])

    @cached_property
    def key_to_index(self) -> dict[str, int]:
        """The row of each word; computed once, when it is needed."""
        return {word: row for row, word in enumerate(self.index_to_key)}

    @cached_property
    def norms(self) -> FloatVector:
        """The Euclidean length of each vector, `(V,)`; computed once."""
        norms: FloatVector = self._exact_norms.astype(np.float32)
        return norms

    @cached_property
    def unit(self) -> FloatMatrix:
        """The vectors at length 1, `(V, d)`; rows of zeros stay zero. A copy, computed once."""
        return _read_only(unit_rows(self.vectors, self._exact_norms))

    @cached_property
    def _exact_norms(self) -> NDArray[np.float64]:
        return row_norms(self.vectors)

    def _check_shapes(self) -> None:
        if self.vectors.ndim != 2:
            raise VectorError(f"word vectors must have the shape (V, d), got {self.vectors.shape}")
        rows = len(self.vectors)
        if rows != len(self):
            raise VectorError(f"{len(self)} words do not fit {rows} vectors")
        if self.counts is not None and self.counts.shape != (rows,):
            raise VectorError(f"counts of shape {self.counts.shape} do not fit {rows} words")
        if self.subwords is not None and not hasattr(self.subwords, "infer"):
            raise VectorError(f"subwords must be vectors of n-grams, got {self.subwords!r}")
        if self.subwords is not None and self.subwords.vectors.shape[1] != self.vector_size:
            raise VectorError(
                f"n-gram vectors of {self.subwords.vectors.shape[1]} dimensions do not fit "
                f"word vectors of {self.vector_size}"
            )

    def _check_words(self) -> None:
        for row, word in enumerate(self.index_to_key):
            if not isinstance(word, str):
                raise VectorError(f"a word must be a string, got {word!r} at row {row}")
        if len(self.key_to_index) == len(self):
            return
        for row, word in enumerate(self.index_to_key):
            if self.key_to_index[word] != row:
                raise VectorError(
                    f"the word {word!r} is repeated, at rows {row} and {self.key_to_index[word]}"
                )

    def _check_numbers(self) -> None:
        bad = first_bad_row(self._exact_norms)
        if bad is not None:
            raise VectorError(
                f"the vector of {self.index_to_key[bad]!r} (row {bad}) holds NaN or infinity"
            )


def as_counts(counts: ArrayLike) -> IntVector:
    """Return counts as int64; `VectorError` unless they are whole numbers, 0 or more."""
    array = as_real(counts, "counts")
    # NaN fails each comparison; float64 has no largest int64.
    is_whole = array.dtype == np.int64 or ((array < 2**63) & (array == np.floor(array))).all()
    if not is_whole or (array.size and array.min() < 0):
        raise VectorError("counts must be whole numbers, 0 or more and below 2**63")
    whole: IntVector = array.astype(np.int64, copy=False)
    return whole


def _read_only(X: FloatMatrix) -> FloatMatrix:
    view: FloatMatrix = np.asarray(X, dtype=np.float32).view()
    view.flags.writeable = False
    return view
