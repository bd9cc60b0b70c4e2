"""Vectors for words that were never seen, from the character n-grams that they are made of.

After Bojanowski, Grave, Joulin and Mikolov, "Enriching Word Vectors with Subword Information"
(TACL 2017), with the hash and the n-grams of their fastText, so that its vectors can be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError, VectorError

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, FloatVector, IntVector

_FNV_OFFSET = 2166136261
_FNV_PRIME = 16777619
_MASK = 0xFFFFFFFF


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
        if min_n < 1:
            raise ParameterError("min_n", "1 or more", min_n)
        if bucket < 0:
            raise ParameterError("bucket", "0 or more", bucket)
        if vectors.ndim != 2 or ids.shape != (len(vectors),):
            raise VectorError(f"{ids.shape} n-gram ids do not fit vectors of {vectors.shape}")
        if len(ids) and (ids[0] < 0 or ids[-1] >= bucket or (np.diff(ids) <= 0).any()):
            raise VectorError(f"n-gram ids must ascend, from 0 to less than the bucket, {bucket}")
        self.min_n, self.max_n, self.bucket = min_n, max_n, bucket
        self.ids, self.vectors = ids, vectors

    def ngram_ids(self, word: str) -> list[int]:
        """Hash each n-gram of `<word>`; a row that two n-grams share is listed twice."""
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
        """Take the mean of the word's known n-gram vectors, `(d,)`; None where none is known."""
        wanted = np.array(self.ngram_ids(word), dtype=np.int64)
        places = np.searchsorted(self.ids, wanted)
        inside = places < len(self.ids)
        places, wanted = places[inside], wanted[inside]
        known = places[self.ids[places] == wanted]
        if not len(known):
            return None
        mean: FloatVector = self.vectors[known].mean(axis=0, dtype=np.float64).astype(np.float32)
        return mean


def ngram_hash(ngram: bytes) -> int:
    """Hash UTF-8 bytes as fastText does: FNV-1a of 32 bits, bytes taken as signed numbers."""
    return _fnv1a(ngram, _FNV_OFFSET)


def _fnv1a(text: bytes, value: int) -> int:
    for byte in text:
        # fastText casts through int8_t, so a byte from 128 up sets all the upper bits.
        signed = byte | 0xFFFFFF00 if byte >= 128 else byte
        value = ((value ^ signed) * _FNV_PRIME) & _MASK
    return value
