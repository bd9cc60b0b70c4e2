"""Words and labels to vectors, as a transformer of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import InputError, ParameterError
from embedsearch.index.base import VectorIndex
from embedsearch.search.words import Words
from embedsearch.sklearn._base import VectorTransformer
from embedsearch.sklearn._inputs import as_texts, as_words

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.sklearn._learning import Learned
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.vectors.word_vectors import WordVectors

_UNKNOWN = ("error", "zero", "infer")
_SHOWN = 5


class WordEncoder(VectorTransformer):
    """Encodes single words, such as a column of labels, by their vectors as they are.

    `transform` takes words: an iterable of them, a column (`n`) or a table of one column. Each
    is looked up as it stands, and then as the corpus was treated ("New York" is `new_york`).

    What `fit` takes goes by `vectors`. With given vectors it is the same column of words, and
    nothing is learned from it: this is how it stands in a `Pipeline` or `ColumnTransformer`.
    Without them it is texts, from which the vectors are trained:

    ```python
    WordEncoder(vectors="my.es").fit_transform(table["colour"])
    WordEncoder(random_state=1).fit(texts).transform(["red", "green"])
    ```

    Args:
        trainer: One of `embedsearch.TRAINERS`; "auto" suits itself to the amount of text.
        vectors: See `embedsearch.sklearn.DocumentEncoder`, as for all but the next.
        handle_unknown: What becomes of a word that the vocabulary lacks, or that is missing
            (None, NaN): "error" raises, "zero" gives zeros, "infer" makes a vector from its
            character n-grams, where the model has them, and zeros where none is known.
        tokenizer: How text is cut.
        vector_size: Dimensions, d.
        window: The largest distance between a word and its context.
        min_count: Rarer words get no vector.
        epochs: Passes over the texts.
        options: Other settings of training and tokenizing.
        random_state: A seed; None draws one from numpy.
        n_jobs: Threads of training; None is 1, -1 all processors.

    Attributes:
        word_vectors_: The `WordVectors`.
        tokenizer_: The `TokenizerSettings` that text is cut by.
        phrases_: The `PhraseTable` of words that are joined; mostly empty.
    """

    def __init__(
        self,
        trainer: str = "auto",
        *,
        vectors: WordVectors | str | os.PathLike[str] | None = None,
        handle_unknown: str = "error",
        tokenizer: TokenizerSettings | str | None = None,
        vector_size: int | None = None,
        window: int | None = None,
        min_count: int | None = None,
        epochs: int | None = None,
        options: dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.trainer = trainer
        self.vectors = vectors
        self.handle_unknown = handle_unknown
        self.tokenizer = tokenizer
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.epochs = epochs
        self.options = options
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Iterable[str | None], y: object = None) -> WordEncoder:  # noqa: ARG002
        """Train on texts, or take the vectors that are given; `y` is not used.

        Raises:
            CorpusTooSmallError: Fewer than two words of the texts are frequent enough.
            ParameterError: A parameter is out of range, or X is not one column.
            InputError: Something in X is no text, or no word.
        """
        if self.handle_unknown not in _UNKNOWN:
            raise ParameterError(
                "handle_unknown", f"one of {', '.join(_UNKNOWN)}", self.handle_unknown
            )
        if self.vectors is None:
            self._learn(as_texts(X))  # type: ignore[arg-type]
        else:
            as_words(X)
            self._learn([])
        return self

    def fit_transform(self, X: Iterable[str | None], y: object = None) -> FloatMatrix:  # noqa: ARG002
        """Do as `fit` and then `transform`, where vectors are given.

        Raises:
            ParameterError: No vectors are given: what is fitted are texts then, not words.
        """
        if self.vectors is None:
            allowed = "given where one X is both fitted and transformed (as in a Pipeline)"
            raise ParameterError("vectors", allowed, None)
        words = as_words(X)
        return self.fit(words).transform(words)

    def transform(self, X: Iterable[str | None]) -> FloatMatrix:
        """Look words up: (n, d) float32, in their order.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: Words that are not in the vocabulary, with `handle_unknown="error"`.
            ParameterError: X is not one column, or the model has no n-grams to infer from.
        """
        learned, words = self._learned(), as_words(X)
        self._check_inference(learned)
        distinct = dict.fromkeys(words)
        vectors = _known(distinct, learned)
        unknown = [word for word in distinct if word not in vectors]
        if unknown and self.handle_unknown == "error":
            raise InputError(_refusal(unknown))
        for word in unknown:
            vectors[word] = self._unknown(word, learned)
        size = learned.vectors.vector_size
        return np.array([vectors[word] for word in words], np.float32).reshape(-1, size)

    def _check_inference(self, learned: Learned) -> None:
        if self.handle_unknown == "infer" and learned.vectors.subwords is None:
            allowed = '"error" or "zero", as these vectors have no n-grams (trainer="fasttext" has)'
            raise ParameterError("handle_unknown", allowed, "infer")

    def _unknown(self, word: str | None, learned: Learned) -> FloatVector:
        subwords, inferred = learned.vectors.subwords, None
        if self.handle_unknown == "infer" and word is not None and subwords is not None:
            inferred = subwords.infer(learned.processor.normalize(word) or word)
        zeros: FloatVector = np.zeros(learned.vectors.vector_size, np.float32)
        return zeros if inferred is None else inferred


def _known(words: Iterable[str | None], learned: Learned) -> dict[str | None, FloatVector]:
    vectors, normalize = learned.vectors, learned.processor.normalize
    lookup = Words(vectors, lambda: VectorIndex.build(vectors.vectors, spec="flat"), normalize)
    return {word: lookup.get_vector(word) for word in words if word in lookup and word is not None}


def _refusal(unknown: list[str | None]) -> str:
    shown = ", ".join(repr(word) for word in unknown[:_SHOWN])
    more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
    return (
        f"X holds words that are not in the vocabulary: {shown}{more}; "
        'handle_unknown="zero" makes zeros of them'
    )
