"""Models of gensim as ours, and ours as gensim's, in memory: both can go on training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch.training.base import TrainedModel
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._types import IntVector


def from_gensim(model: Any) -> TrainedModel:
    """Take vectors, vocabulary and training state of a `gensim.models.Word2Vec`.

    Args:
        model: A Word2Vec; or its `KeyedVectors`, which have no state to go on from.

    Raises:
        ParameterError: It is neither.
    """
    keyed = getattr(model, "wv", model)
    if not hasattr(keyed, "index_to_key"):
        raise ParameterError("model", "a Word2Vec or KeyedVectors of gensim", type(model))
    vectors = np.array(keyed.vectors, dtype=np.float32)
    counts = _counts(keyed)
    context = getattr(model, "syn1neg", None)
    if context is not None:
        context = np.array(context, dtype=np.float32)
    return TrainedModel(WordVectors(vectors, list(keyed.index_to_key), counts), context)


def to_gensim(model: TrainedModel, **parameters: Any) -> Any:
    """Make a `gensim.models.Word2Vec` that can go on training.

    Args:
        model: Ours. Without a context side (PPMI) gensim's begins with zeros.
        **parameters: gensim's own, such as `window` and `negative`.
    """
    from gensim.models import Word2Vec

    words = model.vectors.index_to_key
    counts = model.vectors.counts
    frequencies = np.ones(len(words), np.int64) if counts is None else counts
    size = model.start.shape[1]
    made = Word2Vec(vector_size=size, min_count=1, **{"sg": 1, **parameters})
    made.build_vocab_from_freq(dict(zip(words, frequencies.tolist(), strict=True)))
    rows = [made.wv.key_to_index[word] for word in words]
    made.wv.vectors[rows] = model.start
    if model.context is not None and made.negative:
        made.syn1neg[rows] = model.context
    return made


def _counts(keyed: Any) -> IntVector | None:
    if "count" not in keyed.expandos:
        return None
    counts: IntVector = np.asarray(keyed.expandos["count"], np.int64)
    return counts
