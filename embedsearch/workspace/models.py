"""Word vectors that were trained without a workspace, here or by gensim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from embedsearch._errors import ParameterError
from embedsearch._progress import Progress, listener_of
from embedsearch.text.settings import TokenizerSettings, apply_options
from embedsearch.training.base import Hooks, TrainedModel as ModelData
from embedsearch.training.settings import training_settings
from embedsearch.training.trainers import learn_texts
from embedsearch.vectors.word_vectors import WordVectors as VectorData
from embedsearch.workspace.keyed_vectors import KeyedVectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch.training.base import Callback


@dataclass(frozen=True, slots=True, eq=False)
class TrainedModel(ModelData):
    """Word vectors, and what is needed to continue their training.

    Attributes:
        vectors: What queries use; `wv` is the same.
        context: (V, d) the output side of the network, or None if there is none.
        inputs: (V, d) the input side, if it is not `vectors.vectors` itself; the words' own
            rows, if vectors are composed with n-grams.
    """

    def __post_init__(self) -> None:
        if not isinstance(self.vectors, VectorData):
            raise ParameterError("vectors", "word vectors (es.WordVectors)", self.vectors)
        if not isinstance(self.vectors, KeyedVectors):
            object.__setattr__(self, "vectors", KeyedVectors.of(self.vectors))

    def __repr__(self) -> str:
        # Not the matrices of the other fields.
        return f"TrainedModel({self.vectors!r})"

    @property
    def wv(self) -> KeyedVectors:
        """The word vectors, under gensim's name."""
        return cast("KeyedVectors", self.vectors)


def train_texts(
    texts: Iterable[str] | Iterable[Sequence[str]],
    trainer: str = "auto",
    *,
    tokenizer: TokenizerSettings | str | None = None,
    progress: Progress | None = None,
    callbacks: Sequence[Callback] = (),
    start: ModelData | None = None,
    **parameters: Any,
) -> TrainedModel:
    """Train word vectors on texts; only the result stays.

    Args:
        texts: Documents, read once: texts (an open text file is one a line), or lists of tokens,
            which are taken as they are.
        trainer: One of `embedsearch.TRAINERS`.
        tokenizer: How text becomes tokens: settings, or the name of a tokenizer.
        progress: A listener.
        callbacks: Called with an `EpochReport` after every epoch.
        start: A model to continue from, such as that of `from_gensim`.
        **parameters: gensim's, see `TrainingSettings`, and those of `TokenizerSettings`.

    Returns:
        A model whose `wv` answers questions about words.

    Raises:
        CorpusTooSmallError: Fewer than two words are frequent enough.
        ParameterError: A parameter is unknown or out of range, or `texts` has something else.
    """
    named = "unicode" if tokenizer is None else tokenizer
    cutting, options = apply_options(named, parameters, TokenizerSettings())
    settings = training_settings(**options)
    if start is not None and not isinstance(start, ModelData):
        raise ParameterError("start", "a TrainedModel (es.from_gensim makes one), or None", start)
    for callback in callbacks if isinstance(callbacks, Iterable) else [callbacks]:
        if not callable(callback):
            raise ParameterError("callbacks", "a list of functions", callbacks)
    hooks, listener = Hooks(callbacks=tuple(callbacks), start=start), listener_of(progress)
    documents, are_tokens = _documents(texts)
    if are_tokens and (tokenizer is not None or cutting != TokenizerSettings()):
        allowed = "left out, as texts are lists of tokens, which are taken as they are"
        raise ParameterError("tokenizer", allowed, tokenizer or cutting)
    model, processor = learn_texts(
        documents, trainer, cutting, settings, listener, hooks, are_tokens=are_tokens
    )
    normalize = str if are_tokens else processor.lookup
    words = KeyedVectors.of(model.vectors, normalize)
    return TrainedModel(words, model.context, model.inputs)


def from_gensim(model: Any, *, all_ngrams: bool = True) -> TrainedModel:
    """Take vectors, vocabulary, n-grams and training state of a model of gensim.

    Args:
        model: A `Word2Vec` or `FastText`; or `KeyedVectors` or `FastTextKeyedVectors`, which
            have no output side to continue from.
        all_ngrams: Keep fastText's whole table of n-grams, so that unknown words get the
            vectors that gensim gives them; else only the rows that words of the vocabulary have.

    Returns:
        A model whose `wv` answers questions about words.

    Raises:
        ParameterError: It is none of these.
        VectorError: Arrays that do not fit each other, NaN or infinity, a word that is no text.
    """
    from embedsearch.training.gensim import from_gensim as convert

    found = convert(model, all_ngrams=all_ngrams)
    return TrainedModel(found.vectors, found.context, found.inputs)


def _documents(texts: Any) -> tuple[Iterable[Any], bool]:
    """Return what to train on, checked as it is read, and whether it is lists of tokens."""
    allowed = "an iterable of texts, or of lists of tokens"
    if isinstance(texts, str | bytes | Mapping) or not isinstance(texts, Iterable):
        raise ParameterError("texts", allowed, texts)
    if hasattr(texts, "columns"):
        raise ParameterError("texts", f"{allowed}: name a column of the table", type(texts))
    items = iter(texts)
    for first in items:
        whole = chain([first], items)
        if isinstance(first, str):
            return _checked(whole, _is_text, "a text, as the first is"), False
        return _checked(whole, _is_tokens, "a text or a list of tokens"), True
    return (), False


def _checked(items: Iterable[Any], is_right: Any, allowed: str) -> Iterator[Any]:
    for number, item in enumerate(items):
        if not is_right(item):
            raise ParameterError(f"texts[{number}]", allowed, item)
        yield item


def _is_text(item: object) -> bool:
    return isinstance(item, str)


def _is_tokens(item: object) -> bool:
    is_list = isinstance(item, list | tuple)
    return is_list and all(isinstance(token, str) for token in cast("list[object]", item))
