"""Texts and single words to vectors, as transformers of scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import NATURAL, Choice, Interval, check
from embedsearch._errors import InputError, ParameterError
from embedsearch._messages import first_few
from embedsearch.index.vector_index import VectorIndex
from embedsearch.search.words import Words
from embedsearch.sklearn._base import VectorTransformer, as_texts, as_words
from embedsearch.vectors.sif import SifEncoder, zipf_counts

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.sklearn._base import WordModel
    from embedsearch.text.settings import TokenizerSettings
    from embedsearch.vectors.sif import RowBlock
    from embedsearch.vectors.word_vectors import WordVectors


# Texts that are cut before their vectors are summed: all tokens at once would fill the memory.
_BLOCK = 1_000
_UNKNOWN = Choice(("error", "zero", "infer"))


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
            copies; the path of a file of vectors; or the path of a workspace, whose tokenizer
            is used too. `fit` then learns only what the texts have in common.
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
        """Call `fit` and then `transform`, but read the texts once."""
        return self._fit(X)

    def transform(self, X: Iterable[str]) -> FloatMatrix:
        """Encode texts: (n, d) float32, unit rows, zeros where no word is known.

        Raises:
            NotFittedError: `fit` was not called.
            ParameterError: X is not one column.
            InputError: Something in X is no text.
        """
        model = self._fitted_model()
        state = {"weights": self.word_weights_, "components": self.components_}
        encoder = SifEncoder.from_tensors(model.vectors.vectors, state)
        return encoder.transform(_blocks(as_texts(X), model))

    def _fit(self, X: Iterable[str]) -> FloatMatrix:
        check("a", self.a, Interval(0, open_least=True))
        check("n_components", self.n_components, NATURAL)
        texts = as_texts(X)
        model = self._fit_model(texts)
        words = model.vectors
        counts = zipf_counts(len(words)) if words.counts is None else words.counts
        encoder = SifEncoder(words.vectors, counts, self.a, self.n_components)
        Z = encoder.fit_transform(_blocks(texts, model))
        self.word_weights_, self.components_ = encoder.weights_, encoder.components_
        return Z


def _blocks(texts: list[str], model: WordModel) -> Iterator[RowBlock]:
    index, process = model.vectors.key_to_index, model.processor.process
    for first in range(0, len(texts), _BLOCK):
        rows, ends = list[int](), [0]
        for text in texts[first : first + _BLOCK]:
            rows.extend([index.get(token, -1) for token in process(text)])
            ends.append(len(rows))
        yield np.asarray(rows, np.int64), np.asarray(ends, np.int64)


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
        vectors: As for `embedsearch.sklearn.DocumentEncoder`, like all but the next.
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
        check("handle_unknown", self.handle_unknown, _UNKNOWN)
        if self.vectors is None:
            self._fit_model(as_texts(X))  # type: ignore[arg-type]
        else:
            as_words(X)
            self._fit_model([])  # vectors are given: no texts are read
        return self

    def fit_transform(self, X: Iterable[str | None], y: object = None) -> FloatMatrix:  # noqa: ARG002
        """Call `fit` and then `transform`; only with given vectors.

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
        model, words = self._fitted_model(), as_words(X)
        self._check_inference(model)
        # Labels repeat: each is looked up once.
        distinct = dict.fromkeys(words)
        vectors = _known(distinct, model)
        unknown = [word for word in distinct if word not in vectors]
        if unknown and self.handle_unknown == "error":
            names = first_few(map(repr, unknown))
            advice = 'handle_unknown="zero" makes zeros of them'
            raise InputError(f"X holds words that are not in the vocabulary: {names}; {advice}")
        for word in unknown:
            vectors[word] = self._unknown(word, model)
        size = model.vectors.vector_size
        return np.array([vectors[word] for word in words], np.float32).reshape(-1, size)

    def _check_inference(self, model: WordModel) -> None:
        if self.handle_unknown == "infer" and model.vectors.subwords is None:
            allowed = '"error" or "zero", as these vectors have no n-grams (trainer="fasttext" has)'
            raise ParameterError("handle_unknown", allowed, "infer")

    def _unknown(self, word: str | None, model: WordModel) -> FloatVector:
        subwords, inferred = model.vectors.subwords, None
        if self.handle_unknown == "infer" and word is not None and subwords is not None:
            inferred = subwords.infer(model.processor.normalize(word) or word)
        zeros: FloatVector = np.zeros(model.vectors.vector_size, np.float32)
        return zeros if inferred is None else inferred


def _known(words: Iterable[str | None], model: WordModel) -> dict[str | None, FloatVector]:
    vectors = model.vectors
    exact = lambda: VectorIndex.build(vectors.vectors, spec="flat")  # noqa: E731
    lookup = Words(vectors, exact, model.processor.normalize)
    return {word: lookup.get_vector(word) for word in words if word in lookup and word is not None}
