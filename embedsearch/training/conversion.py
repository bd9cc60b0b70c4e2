"""Models of gensim as ours, and ours as gensim's, in memory: both can go on training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import ParameterError, VectorError
from embedsearch.training.base import TrainedModel
from embedsearch.vectors.formats.gensim import copied, from_keyed, own_side, to_keyed, whole_table
from embedsearch.vectors.subwords import in_use
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix
    from embedsearch.vectors.subwords import Subwords

_FIXED = frozenset({"vector_size", "min_count", "min_n", "max_n", "bucket"})


def from_gensim(model: Any, *, all_ngrams: bool = True) -> TrainedModel:
    """Take vectors, vocabulary, n-grams and training state of a model of gensim.

    Args:
        model: A `Word2Vec` or `FastText`; or `KeyedVectors` or `FastTextKeyedVectors`, which
            have no output side to go on from.
        all_ngrams: Keep fastText's whole table of n-grams, so that unknown words get the
            vectors that gensim gives them. Without it only the rows that a word of the
            vocabulary has: the others were never trained.

    Raises:
        ParameterError: It is none of these.
        VectorError: Arrays that do not fit each other, NaN or infinity, a word that is no text.
    """
    vectors, inputs = from_keyed(model, all_ngrams=all_ngrams)
    return TrainedModel(vectors, _context(model, vectors), inputs)


def to_gensim(model: TrainedModel | WordVectors, **parameters: Any) -> Any:
    """Make a model of gensim that can go on training, or from word vectors alone `KeyedVectors`.

    A `TrainedModel` becomes a `Word2Vec`, and with n-grams a `FastText`; `WordVectors` become
    `KeyedVectors`, and with n-grams `FastTextKeyedVectors`. The words keep their order. Rows of
    the table of n-grams that ours does not have are zeros in gensim's: where an unknown word has
    such n-grams, its vector is shorter there than here, and points the same way.

    Args:
        model: Ours. Without a context side (PPMI) gensim's begins with zeros.
        **parameters: gensim's own, such as `window` and `negative`; only for a model.

    Raises:
        ParameterError: It is neither, or a parameter is not gensim's to choose.
        VectorError: A word that has no UTF-8, where there are n-grams.
    """
    if isinstance(model, WordVectors):
        if parameters:
            raise ParameterError("parameters", "given with a TrainedModel", sorted(parameters))
        return to_keyed(model)
    if not isinstance(model, TrainedModel):
        raise ParameterError("model", "a TrainedModel or WordVectors", type(model))
    for name in _FIXED.intersection(parameters):
        raise ParameterError(name, "left out, as the model has it", parameters[name])
    subwords = in_use(model.vectors.subwords)
    if subwords is None:
        return _word2vec(model, parameters)
    return _fasttext(model, subwords, parameters)


def _word2vec(model: TrainedModel, parameters: dict[str, Any]) -> Any:
    from gensim.models import Word2Vec

    made = Word2Vec(**_settings(model, parameters))
    rows = _fill(made, model)
    made.wv.vectors[rows] = model.start
    return made


def _fasttext(model: TrainedModel, subwords: Subwords, parameters: dict[str, Any]) -> Any:
    from gensim.models import FastText

    own = own_side(model.vectors, model.inputs)
    shape = {"min_n": subwords.min_n, "max_n": subwords.max_n, "bucket": subwords.bucket}
    made = FastText(**_settings(model, parameters), **shape)
    rows = _fill(made, model)
    made.wv.vectors[rows] = model.vectors.vectors
    made.wv.vectors_vocab[rows] = own
    made.wv.vectors_ngrams = whole_table(subwords)
    return made


def _settings(model: TrainedModel, parameters: dict[str, Any]) -> dict[str, Any]:
    size = model.vectors.vector_size
    return {"sg": 1, "sorted_vocab": 0, **parameters, "vector_size": size, "min_count": 1}


def _fill(made: Any, model: TrainedModel) -> list[int]:
    words, counts = model.vectors.index_to_key, model.vectors.counts
    # gensim leaves out words that were never seen.
    seen = np.ones(len(words), np.int64) if counts is None else np.maximum(counts, 1)
    made.build_vocab_from_freq(dict(zip(words, seen.tolist(), strict=True)))
    rows = [made.wv.key_to_index[word] for word in words]
    if model.context is not None and made.negative:
        made.syn1neg[rows] = model.context
    return rows


def _context(model: Any, vectors: WordVectors) -> FloatMatrix | None:
    found = getattr(model, "syn1neg", None)
    if found is None:
        return None
    context = copied(found, "syn1neg")
    if context.shape != vectors.vectors.shape:
        raise VectorError(f"syn1neg {context.shape} does not fit {vectors.vectors.shape} vectors")
    return context
