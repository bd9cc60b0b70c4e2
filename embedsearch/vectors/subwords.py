"""Character n-grams of words: vectors for words that were never seen, and fastText's sums.

After Bojanowski, Grave, Joulin and Mikolov, "Enriching Word Vectors with Subword Information"
(TACL 2017), with the hash and the n-grams of their fastText, so that its vectors can be used.
There the vector of a word is the mean of its own row and of the rows of its n-grams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import COUNT, NATURAL, check
from embedsearch._errors import VectorError
from embedsearch.vectors.arrays import as_matrix, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector


END_OF_LINE = b"</s>"
"""fastText's mark for the end of a line, the one word that is not composed of n-grams."""

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_MASK = 0xFFFFFFFF
# Of float64 rows of n-grams that are gathered at a time.
_CHUNK_BYTES = 1 << 26


class Subwords:
    """The n-gram vectors of a subword model.

    Of our own training only the rows that it touched are kept: fastText's table has two
    million, most of them noise that would only blur the vector of an unknown word. A table
    that was imported is kept whole, as the program that made it would use it.

    Attributes:
        min_n: The shortest n-gram, in characters.
        max_n: The longest n-gram, in characters.
        bucket: How many rows the hash is folded into; 0 means no n-grams at all.
        ids: Which rows are kept, ascending, `(m,)`.
        vectors: Their vectors, `(m, d)`.

    Raises:
        ParameterError: A setting out of range.
        VectorError: `ids` and `vectors` that do not belong together.
    """

    def __init__(
        self, min_n: int, max_n: int, bucket: int, ids: IntVector, vectors: FloatMatrix
    ) -> None:
        check("min_n", min_n, COUNT)
        check("bucket", bucket, NATURAL)
        if vectors.ndim != 2 or ids.shape != (len(vectors),):
            raise VectorError(f"{ids.shape} n-gram ids do not fit vectors of {vectors.shape}")
        if len(ids) and (ids[0] < 0 or ids[-1] >= bucket or (np.diff(ids) <= 0).any()):
            raise VectorError(f"n-gram ids must ascend, from 0 to less than the bucket, {bucket}")
        self.min_n, self.max_n, self.bucket = min_n, max_n, bucket
        self.ids, self.vectors = ids, vectors

    def ngram_ids(self, word: str) -> list[int]:
        """Hash each n-gram of `<word>` to its row; one that two n-grams share is listed twice."""
        if not self.bucket:
            return []
        # A lone surrogate has no UTF-8; any fixed bytes will do for a character never trained.
        letters = [letter.encode("utf-8", "surrogatepass") for letter in f"<{word}>"]
        last = len(letters)
        ids = []
        for start in range(last):
            value = _FNV_OFFSET
            for stop in range(start + 1, min(start + self.max_n, last) + 1):
                value = _fnv1a(letters[stop - 1], value)
                length = stop - start
                is_bracket = length == 1 and (start == 0 or stop == last)
                if length >= self.min_n and not is_bracket:
                    ids.append(value % self.bucket)
        return ids

    def infer(self, word: str) -> FloatVector | None:
        """Return the mean of the word's known n-gram vectors, `(d,)`; None if none is known."""
        places, known = places_of(self.ids, np.array(self.ngram_ids(word), dtype=np.int64))
        if not known.any():
            return None
        rows = self.vectors[places[known]]
        mean: FloatVector = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean


def _fnv1a(text: bytes, value: int) -> int:
    """Continue fastText's hash of UTF-8 bytes: FNV-1a of 32 bits, bytes taken as signed numbers."""
    for byte in text:
        # Cast through int8_t: from 128 on all upper bits are set.
        signed = byte | 0xFFFFFF00 if byte >= 128 else byte
        value = ((value ^ signed) * _FNV_PRIME) & _MASK
    return value


def active_ngrams(subwords: Subwords | None) -> Subwords | None:
    """Return the n-grams, or None if the settings are such that no word has any."""
    if subwords is None or not subwords.bucket or subwords.max_n < subwords.min_n:
        return None
    return subwords


def compose(own: FloatMatrix, words: Sequence[bytes], subwords: Subwords) -> FloatMatrix:
    """Compose vectors `(n, d)` of words from their own rows `(n, d)` and their n-grams."""
    sums, sizes = ngram_sums(words, subwords)
    # NaN and infinity of a damaged file are passed on, and reported with the word.
    with np.errstate(invalid="ignore"):
        sums += own
    sums /= sizes[:, np.newaxis] + 1
    return sums.astype(np.float32)


def own_rows(vectors: FloatMatrix, words: Sequence[bytes], subwords: Subwords) -> FloatMatrix:
    """Find the own rows `(n, d)` with which words get these vectors `(n, d)`; reverses `compose`.

    The composed vectors agree to about 1e-7 of the largest number that is summed: float32 has no
    closer one.
    """
    sums, sizes = ngram_sums(words, subwords)
    rows = vectors * (sizes[:, np.newaxis] + 1.0) - sums
    return as_matrix(rows, "the words' own rows")


def ngram_sums(
    words: Sequence[bytes], subwords: Subwords, chunk_bytes: int = _CHUNK_BYTES
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum the vectors of each word's n-grams, `(n, d)`, and count them, `(n,)`.

    An n-gram that `subwords` does not have counts as zeros. `chunk_bytes` bounds the memory of the
    rows that are gathered at once.
    """
    from scipy.sparse import csr_matrix

    owners, ids = ngram_ids(words, subwords.min_n, subwords.max_n, subwords.bucket)
    size = subwords.vectors.shape[1]
    sums = np.zeros((len(words), size))
    step = max(1, chunk_bytes // (8 * size))
    for start in range(0, len(ids), step):
        part = slice(start, start + step)
        wanted, columns = np.unique(ids[part], return_inverse=True)
        places, known = places_of(subwords.ids, wanted)
        rows = np.zeros((len(wanted), size))
        rows[known] = subwords.vectors[places[known]]
        shape = (len(words), len(wanted))
        sums += csr_matrix((np.ones(len(columns)), (owners[part], columns)), shape) @ rows
    return sums, np.bincount(owners, minlength=len(words))


def ngram_ids(
    words: Sequence[bytes], min_n: int, max_n: int, bucket: int
) -> tuple[IntVector, IntVector]:
    """Return the word, ascending, and the row of each n-gram of all words, in UTF-8, at once."""
    # Who has no such vectors, or asks for a single word, does not wait for numba.
    from embedsearch.kernels.ngrams import hashed_ngrams

    pieces = [b"" if word == END_OF_LINE else b"<%b>" % word for word in words]
    hashes, sizes = hashed_ngrams(pieces, min_n, max_n)
    return np.repeat(np.arange(len(words)), sizes), hashes.astype(np.int64) % bucket
