"""gensim's word vectors: in memory as ours and ours as gensim's, and the files of its `save`.

Both ways are exact in float32. The files are pickles, which run code when they are opened: they
are refused unless the user says that the file can be trusted. Big arrays of such a file are next to
it, in `.npy` files whose names begin with its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import InputError, ParameterError, SourceFormatError, VectorError
from embedsearch.vectors.arrays import as_matrix, row_blocks
from embedsearch.vectors.formats.base import (
    Reading,
    Rest,
    VectorFormat,
    matrix_blocks,
    reading,
)
from embedsearch.vectors.subwords import Subwords, active_ngrams, own_rows
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from pathlib import Path

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.formats.base import LoadOptions


# The first two bytes of a pickle: its mark, and the number of its protocol.
_MARK, _PROTOCOLS = 0x80, range(2, 6)
_REFUSED = (
    "is a pickle, as gensim's save() writes it, and opening one runs whatever code is in it. "
    "Where it was made, write it with save_word2vec_format() or, with n-grams, "
    "save_facebook_model(), and read that; or, if you trust whoever made this very file, "
    "allow it with allow_pickle"
)
_RAN = "code in the file was run, as allow_pickle said; save the vectors in a format without code"


def from_keyed(keyed: Any, *, all_ngrams: bool = True) -> tuple[WordVectors, FloatMatrix | None]:
    """Copy gensim's word vectors, with counts and n-grams, and the words' own rows if it has any.

    Without `all_ngrams` only the rows are taken that a word of the vocabulary has.
    """
    keyed = getattr(keyed, "wv", keyed)
    if not hasattr(keyed, "index_to_key") or not hasattr(keyed, "expandos"):
        allowed = "a model of gensim (Word2Vec, FastText) or its KeyedVectors"
        raise ParameterError("model", allowed, type(keyed))
    words = list(keyed.index_to_key)
    for row, word in enumerate(words):
        if not isinstance(word, str):
            raise VectorError(f"a word must be a str, got {word!r} at row {row}")
    vectors = copy_matrix(keyed.vectors, "vectors")
    subwords = _subwords(keyed, all_ngrams=all_ngrams)
    inputs = None if subwords is None else copy_matrix(keyed.vectors_vocab, "vectors_vocab")
    if inputs is not None and inputs.shape != vectors.shape:
        raise VectorError(f"own rows {inputs.shape} do not fit vectors {vectors.shape}")
    return WordVectors(vectors, words, _counts(keyed), subwords), inputs


def to_keyed(vectors: WordVectors, inputs: FloatMatrix | None = None) -> Any:
    """Make gensim's `KeyedVectors`, or with n-grams its `FastTextKeyedVectors`.

    Without `inputs` the words' own rows are found from the vectors.
    """
    from gensim.models import KeyedVectors

    subwords = active_ngrams(vectors.subwords)
    size = vectors.vector_size
    keyed = KeyedVectors(size) if subwords is None else _empty_fasttext(subwords, size)
    keyed.index_to_key = list(vectors.index_to_key)
    keyed.key_to_index = dict(vectors.key_to_index)
    keyed.vectors = np.array(vectors.vectors)
    if vectors.counts is not None:
        keyed.allocate_vecattrs(["count"], [np.int64])
        keyed.expandos["count"][:] = vectors.counts
    if subwords is not None:
        keyed.vectors_vocab = own_side(vectors, inputs)
        keyed.vectors_ngrams = full_table(subwords)
        keyed.recalc_char_ngram_buckets()
    return keyed


def own_side(vectors: WordVectors, inputs: FloatMatrix | None) -> FloatMatrix:
    """Copy the words' own rows, or find them from vectors that are composed with n-grams."""
    if inputs is not None:
        return np.array(inputs, np.float32)
    own = np.array(vectors.vectors)
    subwords = active_ngrams(vectors.subwords)
    if subwords is not None:
        # To sum n-grams takes memory for all of them.
        for part in row_blocks(len(own)):
            texts = [_encoded(word) for word in vectors.index_to_key[part]]
            own[part] = own_rows(own[part], texts, subwords)
    return own


def full_table(subwords: Subwords) -> FloatMatrix:
    """Spread n-gram vectors over all rows of the hash table, `(bucket, d)`; others are zeros."""
    table = np.zeros((subwords.bucket, subwords.vectors.shape[1]), np.float32)
    table[subwords.ids] = subwords.vectors
    return table


def copy_matrix(X: Any, name: str) -> FloatMatrix:
    """Check and copy a matrix of gensim's, which training changes in place."""
    matrix = as_matrix(X, name)
    return matrix.copy() if np.may_share_memory(matrix, X) else matrix


def _empty_fasttext(subwords: Subwords, size: int) -> Any:
    from gensim.models.fasttext import FastTextKeyedVectors

    keyed = FastTextKeyedVectors(size, subwords.min_n, subwords.max_n, subwords.bucket)
    # gensim's own models have these, and training and loading look for them.
    keyed.vectors_vocab_lockf = np.ones(1, np.float32)
    keyed.vectors_ngrams_lockf = np.ones(1, np.float32)
    return keyed


def _subwords(keyed: Any, *, all_ngrams: bool) -> Subwords | None:
    bucket = getattr(keyed, "bucket", 0)
    if not bucket or keyed.max_n < keyed.min_n:
        return None
    table = as_matrix(keyed.vectors_ngrams, "vectors_ngrams")
    if len(table) != bucket:
        raise VectorError(f"{len(table):,} n-gram vectors do not fit a bucket of {bucket:,}")
    if all_ngrams:
        ids: IntVector = np.arange(bucket)
        rows = copy_matrix(table, "vectors_ngrams")
    else:
        used = [np.empty(0, np.int64), *keyed.buckets_word]
        ids = np.unique(np.concatenate(used).astype(np.int64))
        rows = table[ids]
    return Subwords(max(int(keyed.min_n), 1), int(keyed.max_n), int(bucket), ids, rows)


def _counts(keyed: Any) -> IntVector | None:
    found = keyed.expandos.get("count")
    if found is None:
        return None
    try:
        return np.array(found, np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise VectorError(f"counts must be whole numbers: {error}") from error


def _encoded(word: str) -> bytes:
    try:
        return word.encode()
    except UnicodeEncodeError as error:
        raise VectorError(f"the word {word!r} is not UTF-8 text; leave it out") from error


def _read(path: Path, options: LoadOptions) -> Reading:
    """Load a Word2Vec, FastText or KeyedVectors that gensim saved."""
    with reading(path), path.open("rb") as file:
        if not _recognises(path, file.read(2)):
            raise SourceFormatError(path, "is not a file of gensim's save(): no pickle")
    if not options.allow_pickle:
        raise SourceFormatError(path, _REFUSED)
    try:
        vectors, inputs = from_keyed(_unpickled(path))
    except SourceFormatError:
        raise
    except InputError as error:
        raise SourceFormatError(path, f"holds no word vectors that can be used: {error}") from error
    if not len(vectors):
        raise SourceFormatError(path, "holds no words")
    # Half a character stays in the bytes, and is reported as other words that are not UTF-8.
    words = [word.encode("utf-8", "surrogatepass") for word in vectors.index_to_key]
    blocks = matrix_blocks(words, vectors.vectors, options.limit)
    rest = Rest(vectors.counts, vectors.subwords, inputs, [_RAN])
    return Reading(vectors.vector_size, len(words), blocks, rest)


def _recognises(_path: Path, head: bytes) -> bool:
    return len(head) > 1 and head[0] == _MARK and head[1] in _PROTOCOLS


def _unpickled(path: Path) -> Any:
    from gensim.utils import SaveLoad

    try:
        return SaveLoad.load(str(path))
    except FileNotFoundError as error:
        reason = f"its arrays are missing; {error.filename} belongs next to it"
        raise SourceFormatError(path, reason) from error
    except Exception as error:  # code of any kind was run, which may raise anything
        reason = f"cannot be loaded by gensim ({type(error).__name__}: {error})"
        raise SourceFormatError(path, reason) from error


FORMAT = VectorFormat(
    "gensim",
    "gensim save()",
    (".kv", ".wordvectors"),
    _read,
    recognises=_recognises,
)
