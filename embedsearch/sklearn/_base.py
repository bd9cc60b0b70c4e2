"""What both transformers share: X as strings, and where their word vectors come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import as_integer
from embedsearch._errors import InputError, NotTrainedError, ParameterError
from embedsearch._progress import SilentProgress
from embedsearch.text.phrases import PhraseTable
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings, apply_options
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    from embedsearch.training.texts import learn_texts

    tokenizer, rest = _tokenizer(options)
    settings = training_settings(**rest)
    model, phrases = learn_texts(texts, trainer, tokenizer, settings, SilentProgress())
    return WordModel(model.vectors, tokenizer, phrases)


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
    from embedsearch.training.settings import default_workers

    if n_jobs is None:
        return 1
    number = as_integer(n_jobs)
    if not number:
        raise ParameterError("n_jobs", "None or a whole number other than 0", n_jobs)
    return number if number > 0 else max(1, default_workers() + 1 + number)
