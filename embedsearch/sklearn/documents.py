"""Texts to vectors, as a transformer of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch.sklearn._base import VectorTransformer
from embedsearch.sklearn._inputs import as_texts
from embedsearch.vectors.sif import SifEncoder, zipf_counts

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from embedsearch._types import FloatMatrix
    from embedsearch.sklearn._learning import Learned
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.vectors.sif import RowBlock
    from embedsearch.vectors.word_vectors import WordVectors

_BLOCK = 1_000


class DocumentEncoder(VectorTransformer):
    """Encodes texts as weighted means of word vectors that were trained on them.

    It is the encoder by which workspaces find documents: smooth inverse frequency (Arora,
    Liang and Ma 2017), see `embedsearch.vectors.sif`. A text without a known word is a row of
    zeros; words that the vocabulary lacks are left out.

    X is an iterable of texts, such as a list or a column of a table (`n`), or a table of one
    column. With `set_output(transform="pandas")` the latter keeps its index in every version
    of scikit-learn, a bare column only from 1.8 on.

    Args:
        trainer: One of `embedsearch.TRAINERS`; "auto" suits itself to the amount of text.
        vectors: Take these word vectors rather than train: a `WordVectors`, which `clone`
            copies; the path of a file of vectors; or the path of a workspace, which brings its
            way of cutting text along. `fit` then learns only what the texts have in common.
        tokenizer: How text is cut: a `TokenizerSettings` or a name out of
            `embedsearch.text.settings.TOKENIZERS`; None cuts words in lower case.
        vector_size: Dimensions, d; None fits them to the amount of text.
        window: The largest distance between a word and its context; None likewise.
        min_count: Rarer words get no vector; None likewise.
        epochs: Passes over the texts; None likewise.
        a: Weighs rare words against frequent ones; the smaller, the more the rare ones count.
        n_components: Directions common to all texts that are removed; from fewer than 10
            texts none is learned.
        options: Other settings of training and tokenizing by their names, such as
            `{"sg": 0, "stem": "english"}`; see `embedsearch.train_texts`.
        random_state: A seed, for the same vectors on every run; None draws one from numpy.
        n_jobs: Threads of training; None is 1, -1 all processors. With a seed the result is
            the same for each number above 1, but for gensim's trainers.

    Attributes:
        word_vectors_: The `WordVectors`.
        word_weights_: (V,) float32, what each word weighs.
        components_: (r, d) float32, the directions removed, r ≤ `n_components`.
        tokenizer_: The `TokenizerSettings` that text is cut by.
        phrases_: The `PhraseTable` of words that are joined; mostly empty.
    """

    def __init__(
        self,
        trainer: str = "auto",
        *,
        vectors: WordVectors | str | os.PathLike[str] | None = None,
        tokenizer: TokenizerSettings | str | None = None,
        vector_size: int | None = None,
        window: int | None = None,
        min_count: int | None = None,
        epochs: int | None = None,
        a: float = 1e-3,
        n_components: int = 1,
        options: dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.trainer = trainer
        self.vectors = vectors
        self.tokenizer = tokenizer
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.epochs = epochs
        self.a = a
        self.n_components = n_components
        self.options = options
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Iterable[str], y: object = None) -> DocumentEncoder:  # noqa: ARG002
        """Train on the texts; `y` is not used.

        Raises:
            CorpusTooSmallError: Fewer than two words are frequent enough.
            ParameterError: A parameter is out of range, or X is not one column.
            InputError: Something in X is no text.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Iterable[str], y: object = None) -> FloatMatrix:  # noqa: ARG002
        """Do as `fit` and then `transform`, in one reading of the texts."""
        return self._fit(X)

    def transform(self, X: Iterable[str]) -> FloatMatrix:
        """Encode texts: (n, d) float32, unit rows, zeros where no word is known.

        Raises:
            NotFittedError: `fit` was not called.
            ParameterError: X is not one column.
            InputError: Something in X is no text.
        """
        learned = self._learned()
        state = {"weights": self.word_weights_, "components": self.components_}
        encoder = SifEncoder.from_tensors(learned.vectors.vectors, state)
        return encoder.transform(_blocks(as_texts(X), learned))

    def _fit(self, X: Iterable[str]) -> FloatMatrix:
        self._check()
        texts = as_texts(X)
        learned = self._learn(texts)
        words = learned.vectors
        counts = zipf_counts(len(words)) if words.counts is None else words.counts
        encoder = SifEncoder(words.vectors, counts, self.a, self.n_components)
        Z = encoder.fit_transform(_blocks(texts, learned))
        self.word_weights_, self.components_ = encoder.weights_, encoder.components_
        return Z

    def _check(self) -> None:
        # What is compared this way may also be a number of numpy's; NaN is in no range.
        if not 0 < self.a < np.inf:
            raise ParameterError("a", "a number above 0", self.a)
        if self.n_components < 0 or self.n_components != int(self.n_components):
            raise ParameterError("n_components", "a whole number, 0 or more", self.n_components)


def _blocks(texts: list[str], learned: Learned) -> Iterator[RowBlock]:
    index, process = learned.vectors.key_to_index, learned.processor.process
    for first in range(0, len(texts), _BLOCK):
        rows, ends = list[int](), [0]
        for text in texts[first : first + _BLOCK]:
            rows.extend([index.get(token, -1) for token in process(text)])
            ends.append(len(rows))
        yield np.asarray(rows, np.int64), np.asarray(ends, np.int64)
