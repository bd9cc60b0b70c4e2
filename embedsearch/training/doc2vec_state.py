"""What gensim's Doc2Vec learns of a collection, as arrays."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError, VectorError
from embedsearch.training.line_file import LONGEST_LINE
from embedsearch.training.settings import training_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector

_WHOLE = ("vector_size", "epochs", "dm", "seed", "window", "negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doc2VecSettings:
    """How documents are learned and inferred; names, meanings and most defaults are gensim's.

    Attributes:
        vector_size: Dimensions of a vector.
        epochs: Passes over the collection.
        dm: 0 is PV-DBOW, where a document predicts its words; 1 is PV-DM, where it predicts a
            word together with the words around it.
        seed: Of the random numbers.
        window: The largest distance between a word and its context; used with `dm=1`.
        negative: Noise words for each word.
        sample: Words more frequent than this share of the collection are thinned out.
        alpha: The learning rate at the start.
        min_alpha: The learning rate at the end.
    """

    vector_size: int = 100
    epochs: int = 20
    dm: int = 0
    seed: int = 1
    window: int = 5
    negative: int = 5
    sample: float = 1e-3
    alpha: float = 0.025
    min_alpha: float = 1e-4

    def __post_init__(self) -> None:
        if not isinstance(self.dm, int) or self.dm not in (0, 1):
            raise ParameterError("dm", "0 (PV-DBOW) or 1 (PV-DM)", self.dm)
        check_settings(**{name: value for name, value in asdict(self).items() if name != "dm"})

    def to_array(self) -> NDArray[np.float64]:
        """Return the settings as numbers, in the order of the attributes."""
        return np.array(astuple(self), np.float64)

    @classmethod
    def from_array(cls, values: NDArray[np.float64]) -> Doc2VecSettings:
        """Restore what `to_array` gave.

        Raises:
            VectorError: Too few numbers, too many, or NaN.
            ParameterError: A setting is out of its range.
        """
        names = [field.name for field in fields(cls)]
        if values.shape != (len(names),) or not np.isfinite(values).all():
            raise VectorError(f"settings must be {len(names)} finite numbers, got {values}")
        found = dict(zip(names, values.tolist(), strict=True))
        return cls(**{n: int(v) if n in _WHOLE else v for n, v in found.items()})

    def untrained(self, workers: int = 1) -> Any:
        """Make a `gensim.models.Doc2Vec` that keeps all words, in the order it is given them."""
        from gensim.models.doc2vec import Doc2Vec

        return Doc2Vec(**asdict(self), workers=workers, min_count=1, sorted_vocab=0)


def check_settings(**parameters: Any) -> None:
    """Check settings against the ranges of those of word vectors; none may be None.

    Raises:
        ParameterError: One is out of its range.
    """
    for name, value in parameters.items():
        if value is None:
            raise ParameterError(name, "given", value)
    training_settings(**parameters)


@dataclass(frozen=True, slots=True, eq=False)
class Doc2VecState:
    """All that is needed to infer vectors.

    Attributes:
        words: The V words that are known, in the order of their rows.
        counts: `(V,)` int64, how often each occurs in the collection.
        outputs: `(V, d)` float32, the weights by which words are predicted.
        inputs: `(V, d)` float32, the vectors of the words around, with `dm=1`; else `(0, d)`.
        settings: Those it was trained with.
    """

    words: Sequence[str]
    counts: IntVector
    outputs: FloatMatrix
    inputs: FloatMatrix
    settings: Doc2VecSettings

    def __post_init__(self) -> None:
        # gensim's compiled code trusts the sizes: wrong ones would read beyond the arrays.
        size, d = len(self.words), self.settings.vector_size
        _check("counts", self.counts, np.dtype(np.int64), (size,))
        _check("outputs", self.outputs, np.dtype(np.float32), (size, d))
        _check("inputs", self.inputs, np.dtype(np.float32), (size * self.settings.dm, d))
        if len(set(self.words)) != size or not size or self.counts.min() < 1:
            raise VectorError("words must be distinct, at least one, with counts of 1 or more")


def _check(name: str, array: NDArray[Any], dtype: Any, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
        raise VectorError(
            f"{name} must be {dtype} of the shape {shape}, got {array.dtype} of {array.shape}"
        )


def in_pieces(words: Sequence[str]) -> list[Sequence[str]]:
    """Cut a document into pieces of 10,000 words, as gensim ignores the rest of a longer one."""
    return [words[first : first + LONGEST_LINE] for first in range(0, len(words), LONGEST_LINE)]
