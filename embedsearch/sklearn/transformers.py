"""Texts and single words to vectors, as transformers of scikit-learn."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import NATURAL, Choice, Interval, as_integer, check
from embedsearch._errors import InputError, NotTrainedError, ParameterError
from embedsearch._messages import first_few
from embedsearch._progress import SilentProgress
from embedsearch.search.words import WordQueries
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.settings import TokenizerSettings, apply_options
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.vectors.sif import SifEncoder, zipf_counts
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.vectors.sif import RowBlock


# Texts that are cut before their vectors are summed: all tokens at once would fill the memory.
_BLOCK = 1_000
_UNKNOWN = Choice(("error", "zero", "infer"))
_PARAMETERS = ("tokenizer", "vector_size", "window", "min_count", "epochs")


def as_texts(X: Iterable[str]) -> list[str]:
    """Return the texts of X: an iterable of them, or a table of one column."""
    texts = _as_column(X)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"X holds {text!r} at position {position}, where a text (str) is expected; "
                "replace missing texts by ''"
            )
    return texts


def as_words(X: Iterable[str | None]) -> list[str | None]:
    """Return the words of X: an iterable of them, or a table of one column; None if missing."""
    words: list[str | None] = []
    for position, word in enumerate(_as_column(X)):
        if not isinstance(word, str) and not _is_missing(word):
            raise InputError(f"X holds {word!r} at position {position}, where a word is expected")
        words.append(word if isinstance(word, str) else None)
    return words


def _as_column(X: Any) -> list[Any]:
    if isinstance(X, str | bytes):
        raise ParameterError("X", "an iterable of texts, not one text", X)
    shape = getattr(X, "shape", None)
    if shape is not None and (len(shape) > 2 or (len(shape) == 2 and shape[1] != 1)):
        allowed = 'one column of texts (in a ColumnTransformer: "name", not ["name", "other"])'
        raise ParameterError("X", allowed, f"the shape {tuple(shape)}")
    if shape is not None and len(shape) == 2:
        return list(np.asarray(X).ravel())
    try:
        return list(X)
    except TypeError as error:
        raise ParameterError("X", "an iterable of texts", X) from error


def _is_missing(value: object) -> bool:
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    # By name: pandas need not be installed.
    return value is None or type(value).__name__ in ("NAType", "NaTType")


@dataclass(frozen=True, slots=True, eq=False)
class WordModel:
    """Word vectors, and how text is cut into their words."""

    vectors: WordVectors
    tokenizer: TokenizerSettings
    phrases: PhraseTable

    @property
    def processor(self) -> TextProcessor:
        """Cuts text as that of the vocabulary was cut."""
        return TextProcessor(self.tokenizer, self.phrases)


class VectorTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Trains word vectors, or loads them; a subclass says what becomes of X."""

    trainer: str
    vectors: WordVectors | str | os.PathLike[str] | None
    options: dict[str, Any] | None
    random_state: Any
    n_jobs: int | None

    def _fit_model(self, texts: list[str]) -> WordModel:
        options = self._all_options()
        if self.vectors is not None:
            model = _load(self.vectors, options)
        else:
            model = _train(texts, self.trainer, {**options, **self._run_options()})
        self.word_vectors_ = model.vectors
        self.tokenizer_, self.phrases_ = model.tokenizer, model.phrases
        return model

    def _fitted_model(self) -> WordModel:
        check_is_fitted(self)
        return WordModel(self.word_vectors_, self.tokenizer_, self.phrases_)

    def _all_options(self) -> dict[str, Any]:
        others = dict(self.options or {})
        repeated = sorted({*_PARAMETERS, "seed", "workers"} & set(others))
        if repeated:
            raise ParameterError("options", "settings that are no parameters themselves", repeated)
        return {**{name: getattr(self, name) for name in _PARAMETERS}, **others}

    def _run_options(self) -> dict[str, Any]:
        """Return the settings that follow from `random_state` and `n_jobs`."""
        workers, state = _workers(self.n_jobs), self.random_state
        is_seed = isinstance(state, int) and not isinstance(state, bool)
        # A RandomState is advanced, so that a second fit differs, as elsewhere in scikit-learn.
        seed = state if is_seed else int(check_random_state(state).randint(2**31 - 1))
        options = {"seed": seed, "workers": workers}
        # scikit-learn promises the same result for the same seed; gensim's threads race.
        if workers > 1 and state is not None and not self.trainer.startswith("gensim"):
            options["deterministic"] = 1
        return options

    @property
    def _n_features_out(self) -> int:
        return self.word_vectors_.vector_size

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        # Texts have no dtype of numbers to preserve.
        tags.transformer_tags.preserves_dtype = []
        return tags


def _train(texts: list[str], trainer: str, options: Mapping[str, Any]) -> WordModel:
    from embedsearch.training.settings import training_settings
    from embedsearch.training.trainers import learn_texts

    tokenizer, rest = _tokenizer(options)
    settings = training_settings(**rest)
    model, cut = learn_texts(texts, trainer, tokenizer, settings, SilentProgress())
    return WordModel(model.vectors, cut.settings, cut.phrases)


def _load(vectors: object, options: Mapping[str, Any]) -> WordModel:
    """Take vectors themselves, a file of them, or those of a workspace with its tokenizer."""
    if isinstance(vectors, str | os.PathLike):
        path = Path(vectors)
        if (path / "workspace.json").exists():
            return _of_workspace(path)
        from embedsearch.vectors.formats.files import load_vectors

        vectors = load_vectors(path)
    if not isinstance(vectors, WordVectors):
        allowed = "WordVectors, or the path of a file of vectors or of a workspace"
        raise ParameterError("vectors", allowed, vectors)
    return WordModel(vectors, _tokenizer(options)[0], PhraseTable())


def _of_workspace(path: Path) -> WordModel:
    from embedsearch.workspace.generation import Generation
    from embedsearch.workspace.layout import Layout
    from embedsearch.workspace.state import load_state

    layout = Layout(path)
    state = load_state(layout)
    if state.generation is None:
        advice = f"train it with: embedsearch train -w {path}"
        raise NotTrainedError(path, f"has no word vectors yet; {advice}")
    generation = Generation(layout, state.generation)
    return WordModel(generation.vectors, generation.tokenizer, generation.phrases)


def _tokenizer(options: Mapping[str, Any]) -> tuple[TokenizerSettings, dict[str, Any]]:
    """Return the settings of the tokenizer out of `options`, and the other options."""
    own = {name: value for name, value in options.items() if value is not None}
    return apply_options(own.pop("tokenizer", "unicode"), own, TokenizerSettings())


def _workers(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` means: -1 is all processors, -2 all but one."""
    from embedsearch._processes import count_cores

    if n_jobs is None:
        return 1
    number = as_integer(n_jobs)
    if not number:
        raise ParameterError("n_jobs", "None or a whole number other than 0", n_jobs)
    return number if number > 0 else max(1, count_cores() + 1 + number)


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
        vector_size: Dimensions, d; None, as for the next three, fits the amount of text.
        window: The largest distance between a word and its context.
        min_count: Rarer words get no vector.
        epochs: Passes over the texts.
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
        handle_unknown: What becomes of a word that the vocabulary lacks, or that is missing
            (None, NaN): "error" raises, "zero" gives zeros, "infer" makes a vector from its
            character n-grams, where the model has them, and zeros where none is known.
        vectors, tokenizer, vector_size, window, min_count, epochs, options, random_state, n_jobs:
            As for `embedsearch.sklearn.DocumentEncoder`.

    Attributes:
        word_vectors_, tokenizer_, phrases_: As there.
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
    lookup = WordQueries(model.vectors, normalize=model.processor.normalize)
    return {word: lookup.get_vector(word) for word in words if word in lookup and word is not None}
