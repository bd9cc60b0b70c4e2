"""What both transformers share: where their word vectors come from, and what they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from embedsearch._errors import ParameterError
from embedsearch.sklearn._learning import Learned, given, learn

if TYPE_CHECKING:
    import os

    from embedsearch.vectors.word_vectors import WordVectors

_NAMED = ("tokenizer", "vector_size", "window", "min_count", "epochs")


class VectorTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Learns word vectors, or takes them; a subclass says what becomes of X."""

    trainer: str
    vectors: WordVectors | str | os.PathLike[str] | None
    options: dict[str, Any] | None
    random_state: Any
    n_jobs: int | None

    def _learn(self, texts: list[str]) -> Learned:
        options = self._options()
        if self.vectors is not None:
            learned = given(self.vectors, options)
        else:
            learned = learn(texts, self.trainer, {**options, **self._running()})
        self.word_vectors_ = learned.vectors
        self.tokenizer_, self.phrases_ = learned.tokenizer, learned.phrases
        return learned

    def _learned(self) -> Learned:
        check_is_fitted(self)
        return Learned(self.word_vectors_, self.tokenizer_, self.phrases_)

    def _options(self) -> dict[str, Any]:
        others = dict(self.options or {})
        twice = sorted({*_NAMED, "seed", "workers"} & set(others))
        if twice:
            raise ParameterError("options", "settings that are no parameters themselves", twice)
        return {**{name: getattr(self, name) for name in _NAMED}, **others}

    def _running(self) -> dict[str, Any]:
        """Return the settings that follow from `random_state` and `n_jobs`."""
        workers, state = _workers(self.n_jobs), self.random_state
        is_seed = isinstance(state, int) and not isinstance(state, bool)
        seed = state if is_seed else int(check_random_state(state).randint(2**31 - 1))
        running = {"seed": seed, "workers": workers}
        if workers > 1 and state is not None and not self.trainer.startswith("gensim"):
            running["deterministic"] = 1
        return running

    @property
    def _n_features_out(self) -> int:
        return self.word_vectors_.vector_size

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _workers(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` means: -1 is all processors, -2 all but one."""
    from embedsearch.training.settings import default_workers

    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, int) or n_jobs == 0:
        raise ParameterError("n_jobs", "None or a whole number other than 0", n_jobs)
    return n_jobs if n_jobs > 0 else max(1, default_workers() + 1 + n_jobs)
