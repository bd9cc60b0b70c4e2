"""What the character n-grams of many words add to their vectors, as fastText has it.

Source: Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information". The vector of a
word is the mean of its own row and of the rows of its n-grams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.vectors.arrays import as_matrix
from embedsearch.vectors.subwords import ngram_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.vectors.subwords import Subwords

# fastText's mark for the end of a line is the one word that is not composed.
END_OF_LINE = b"</s>"
_CONTINUATION = 0x80
_PRIME = np.uint32(16777619)
_SIGNED = np.arange(256, dtype=np.uint8).astype(np.int8).astype(np.int32).astype(np.uint32)
_CHUNK_BYTES = 1 << 26


def in_use(subwords: Subwords | None) -> Subwords | None:
    """Return the n-grams; None where the settings are such that no word has any."""
    if subwords is None or not subwords.bucket or subwords.max_n < subwords.min_n:
        return None
    return subwords


def composed(own: FloatMatrix, words: Sequence[bytes], subwords: Subwords) -> FloatMatrix:
    """Compose vectors `(n, d)` of words from their own rows `(n, d)` and their n-grams.

    Where an own row holds NaN or infinity, its vector does too.
    """
    sums, sizes = ngram_sums(words, subwords)
    with np.errstate(invalid="ignore"):
        sums += own
    sums /= sizes[:, np.newaxis] + 1
    return sums.astype(np.float32)


def own_rows(vectors: FloatMatrix, words: Sequence[bytes], subwords: Subwords) -> FloatMatrix:
    """Find the own rows `(n, d)` with which words get these vectors `(n, d)`.

    The composed vectors agree to about 1e-7 of the largest number that is summed: float32 has no
    closer one.

    Raises:
        VectorError: An own row would need a number beyond float32.
    """
    sums, sizes = ngram_sums(words, subwords)
    rows = vectors * (sizes[:, np.newaxis] + 1.0) - sums
    return as_matrix(rows, "the words' own rows")


def ngram_sums(
    words: Sequence[bytes], subwords: Subwords
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum the vectors of each word's n-grams.

    Args:
        words: As UTF-8.
        subwords: The vectors; an n-gram that it does not have counts as zeros.

    Returns:
        The sums `(n, d)`, and how many n-grams each word has, `(n,)`.
    """
    from scipy.sparse import csr_matrix

    owners, ids = ngram_ids(words, subwords.min_n, subwords.max_n, subwords.bucket)
    size = subwords.vectors.shape[1]
    sums = np.zeros((len(words), size))
    step = max(1, _CHUNK_BYTES // (8 * size))
    for start in range(0, len(ids), step):
        part = slice(start, start + step)
        wanted, columns = np.unique(ids[part], return_inverse=True)
        places = np.searchsorted(subwords.ids, wanted)
        here = places < len(subwords.ids)
        here[here] = subwords.ids[places[here]] == wanted[here]
        rows = np.zeros((len(wanted), size))
        rows[here] = subwords.vectors[places[here]]
        shape = (len(words), len(wanted))
        sums += csr_matrix((np.ones(len(columns)), (owners[part], columns)), shape) @ rows
    return sums, np.bincount(owners, minlength=len(words))


def ngram_ids(
    words: Sequence[bytes], min_n: int, max_n: int, bucket: int
) -> tuple[IntVector, IntVector]:
    """Hash the n-grams of all words at once; `Subwords.ngram_ids` does so for one.

    Returns:
        For each n-gram the place of its word, ascending, and its row in the table.
    """
    pieces = [b"" if word == END_OF_LINE else b"<%b>" % word for word in words]
    sizes = np.array([len(piece) for piece in pieces], np.int64)
    # Behind the last word stands a byte that begins a character, so that looking ahead is safe.
    text = np.frombuffer(b"".join(pieces) + b"\0", np.uint8)
    continues = (text & 0xC0) == _CONTINUATION
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    ngrams = _Ngrams(np.flatnonzero(~continues[:-1]), first, sizes, bucket)
    for length in range(1, max_n + 1):
        ngrams.lengthen(text, continues)
        if not len(ngrams.ends):
            break
        if length >= min_n:
            ngrams.collect(with_bounds=length > 1)
    return ngrams.sorted()


class _Ngrams:
    """The n-grams that begin at each character, while they grow by one character at a time."""

    def __init__(self, starts: IntVector, first: IntVector, sizes: IntVector, bucket: int) -> None:
        owners = np.repeat(np.arange(len(sizes)), sizes)
        self.owners = owners[starts]
        self.stops = first[starts] + sizes[self.owners]
        self.at_start = starts == first[starts]
        self.ends = starts.copy()
        self.values = np.full(len(starts), ngram_hash(b""), np.uint32)
        self._bucket = bucket
        self._found: list[tuple[IntVector, IntVector]] = []

    def lengthen(self, text: NDArray[np.uint8], continues: NDArray[np.bool_]) -> None:
        self._keep(self.ends < self.stops)
        growing: IntVector = np.arange(len(self.ends))
        while len(growing):
            values, ends = self.values[growing], self.ends[growing]
            self.values[growing] = (values ^ _SIGNED[text[ends]]) * _PRIME
            self.ends[growing] = ends + 1
            growing = growing[continues[ends + 1] & (ends + 1 < self.stops[growing])]

    def collect(self, *, with_bounds: bool) -> None:
        owners, values = self.owners, self.values
        if not with_bounds:
            inside = ~self.at_start & (self.ends < self.stops)
            owners, values = owners[inside], values[inside]
        self._found.append((owners, values.astype(np.int64) % self._bucket))

    def sorted(self) -> tuple[IntVector, IntVector]:
        if not self._found:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        owners, ids = (np.concatenate(part) for part in zip(*self._found, strict=True))
        order = np.argsort(owners, kind="stable")
        return owners[order], ids[order]

    def _keep(self, alive: NDArray[np.bool_]) -> None:
        if not alive.all():
            self.owners, self.stops = self.owners[alive], self.stops[alive]
            self.at_start, self.ends = self.at_start[alive], self.ends[alive]
            self.values = self.values[alive]
