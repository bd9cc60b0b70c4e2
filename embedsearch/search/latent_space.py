"""Texts as vectors: in the space of the words, and in that of the encoders of search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import STRING, check
from embedsearch._errors import QueryError, UnknownWordError
from embedsearch.vectors.arrays import unit_rows
from embedsearch.vectors.lsa import LSA, gram
from embedsearch.vectors.sparse import TermStatistics, count_matrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import Document, FloatMatrix, FloatVector, IntVector
    from embedsearch.text.tokenizers import TextProcessor
    from embedsearch.vectors.encoders import CheckedEncoder
    from embedsearch.vectors.lsa import LinearEncoder
    from embedsearch.vectors.sif import SifEncoder
    from embedsearch.vectors.word_vectors import WordVectors

FEEDBACK_WEIGHT = 0.7
"""What the mean of the first hits weighs beside the query, which weighs 1 (Rocchio 1971)."""

_DOCUMENTS_AT_ONCE = 1_000
# The products with a projection are dense: 12 MB for each encoder.
_ROWS_AT_ONCE = 10_000


def full_text(document: Document) -> str:
    """Return title and text together, as they are read by training and encoding."""
    return f"{document.title}\n{document.text}" if document.title else document.text


class Terms:
    """A vocabulary of terms: words as the lexical index has them, without stop words, stemmed."""

    def __init__(self, terms: Sequence[str]) -> None:
        self.terms = list(terms)

    def __len__(self) -> int:
        return len(self.terms)

    @cached_property
    def columns(self) -> dict[str, int]:
        """The column of each term."""
        return dict(zip(self.terms, range(len(self.terms)), strict=True))

    def documents(self, documents: Iterable[Iterable[str]]) -> TermDocuments:
        """Look up the terms of documents; unknown ones are left out."""
        columns, found, ends = self.columns, list[int](), [0]
        for terms in documents:
            found.extend(columns[term] for term in terms if term in columns)
            ends.append(len(found))
        ids, bounds = np.asarray(found, np.int32), np.asarray(ends, np.int64)
        return TermDocuments(ids, bounds, len(self))

    def weights(self, texts: Sequence[Mapping[str, float]]) -> TermWeights:
        """Look up the terms of queries, given with weights; unknown ones are left out."""
        columns = self.columns
        known = [{columns[t]: w for t, w in own.items() if t in columns} for own in texts]
        return TermWeights(
            np.array([w for own in known for w in own.values()], np.float32),
            np.array([column for own in known for column in own], np.int64),
            np.cumsum([0, *map(len, known)]),
            (len(known), len(self)),
        )

    def matrix(self, texts: Sequence[Mapping[str, float]]) -> Any:
        """Return the counts, or weights, of the terms of texts: sparse, `(n, V)` float32."""
        from scipy.sparse import csr_matrix

        data, indices, indptr, shape = self.weights(texts)
        return csr_matrix((data, indices, indptr), shape=shape)


class TermWeights(NamedTuple):
    """Queries as sparse rows: with the fields of a `csr_matrix`, but SciPy is not imported."""

    data: FloatVector
    indices: IntVector
    indptr: IntVector
    shape: tuple[int, int]


class TermDocuments:
    """Documents as sequences of terms; those of i are `ids[bounds[i] : bounds[i + 1]]`."""

    def __init__(self, ids: NDArray[np.int32], bounds: IntVector, size: int) -> None:
        self.ids, self.bounds, self.size = ids, bounds, size

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @cached_property
    def counts(self) -> Any:
        """How often each document has each term: sparse, `(n, V)` float32."""
        return count_matrix(self.ids, self.bounds, self.size)

    def take(self, rows: IntVector) -> TermDocuments:
        """Return some of the documents."""
        starts, lengths = self.bounds[rows], np.diff(self.bounds)[rows]
        bounds = np.concatenate(([0], np.cumsum(lengths)))
        places = np.repeat(starts - bounds[:-1], lengths) + np.arange(bounds[-1])
        return TermDocuments(self.ids[places], bounds, self.size)


LONGEST = 300
"""The most terms of a passage, stop words not counted: about a page and a half.

If eight abstracts are joined to one document, passages gain 0.007 to 0.05 nDCG@10 in finding it.
"""


def split(documents: TermDocuments, longest: int = LONGEST) -> tuple[TermDocuments, IntVector]:
    """Cut documents into passages of nearly equal length, at least one each.

    With them comes where those of each document begin and end: `(n + 1,)`.
    """
    lengths = np.diff(documents.bounds)
    pieces = np.maximum(-(-lengths // longest), 1)
    bounds = np.concatenate(([0], np.cumsum(pieces)))
    if bounds[-1] == len(documents):
        return documents, bounds
    starts = np.repeat(documents.bounds[:-1], pieces)
    place = np.arange(bounds[-1]) - np.repeat(bounds[:-1], pieces)
    cuts = starts + place * np.repeat(lengths, pieces) // np.repeat(pieces, pieces)
    own = np.concatenate((cuts, documents.bounds[-1:]))
    return TermDocuments(documents.ids, own, documents.size), bounds


def pieces_of(text: str, count: int) -> list[str]:
    """Cut a text into so many pieces with nearly as many words each, for encoders of texts."""
    if count == 1:
        return [text]
    words = text.split()
    ends = [len(words) * place // count for place in range(count + 1)]
    return [" ".join(words[start:stop]) for start, stop in pairwise(ends)]


def all_pieces(texts: Sequence[str], bounds: IntVector) -> list[str]:
    """Cut each of n texts into as many pieces as it has passages; `bounds` as `split` gives it."""
    counts = np.diff(bounds).tolist()
    return [piece for text, n in zip(texts, counts, strict=True) for piece in pieces_of(text, n)]


class TextEncoder:
    """Encodes texts in the space of the words, by smooth inverse frequency."""

    def __init__(self, processor: TextProcessor, vectors: WordVectors, encoder: SifEncoder) -> None:
        self.processor, self.vectors, self.encoder = processor, vectors, encoder

    def query(self, text: str) -> FloatVector:
        """Encode a query: (d,) of unit length.

        `UnknownWordError` if it has no known word, and no vector can be inferred for any.
        """
        check("text", text, STRING)
        tokens = self.processor.process(text)
        if not tokens:
            reason = "is empty" if not text.strip() else f"has no words to search for: {text!r}"
            raise QueryError(f"the query {reason}")
        vector = self._encode(tokens)
        if not vector.any():
            from embedsearch.search.suggestions import suggest

            raise UnknownWordError(tokens[0], suggest(tokens[0], self.vectors))
        return vector

    def texts(self, texts: list[str]) -> FloatMatrix:
        """Encode whole texts as documents: (n, d), unit rows, zeros where no word is known."""
        index, rows, ends = self.vectors.key_to_index, list[int](), [0]
        for text in texts:
            rows.extend([index.get(token, -1) for token in self.processor.process(text)])
            ends.append(len(rows))
        return self.encoder.transform([(np.array(rows, np.int64), np.array(ends, np.int64))])

    def documents(self, documents: Iterable[Document]) -> Iterator[FloatMatrix]:
        """Encode documents in blocks."""
        texts = (full_text(document) for document in documents)
        while block := list(islice(texts, _DOCUMENTS_AT_ONCE)):
            yield self.texts(block)

    def _encode(self, tokens: list[str]) -> FloatVector:
        index, encoder = self.vectors.key_to_index, self.encoder
        known = [index[token] for token in tokens if token in index]
        unknown = dict.fromkeys(token for token in tokens if token not in index)
        vectors, weights = encoder.vectors[known], encoder.weights_[known]
        inferred = [v for v in map(self._infer, unknown) if v is not None]
        if inferred:
            # A word that the corpus does not have is as rare as can be: its weight is 1.
            vectors = np.concatenate((vectors, np.stack(inferred)))
            weights = np.concatenate((weights, np.ones(len(inferred), np.float32)))
        return encoder.encode_vectors(vectors, weights)

    def vector_of(self, word: str) -> FloatVector | None:
        """Return the (d,) vector of a word, inferred from its n-grams if need be, or None."""
        token = self.processor.normalize(word)
        if token is None:
            return None
        row = self.vectors.key_to_index.get(token)
        return self._infer(token) if row is None else self.vectors.vectors[row]

    def _infer(self, word: str) -> FloatVector | None:
        subwords = self.vectors.subwords
        return None if subwords is None else subwords.infer(word)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The columns of one encoder in a latent space, and its name."""

    name: str
    columns: slice


def products(X: FloatMatrix, query: FloatVector) -> FloatVector:
    """Return the inner products of rows `(n, d)` with a query `(d,)`."""
    # BLAS would start threads for it, which costs more than the products if all cores are busy.
    found: FloatVector = np.einsum("ij,j->i", X, query)
    return found


class LatentSpace:
    """Encodes documents and queries by all its encoders, their unit vectors side by side.

    `linear` encoders were fitted to the collection, `external` ones plugged in by the user.
    """

    def __init__(
        self,
        terms: Terms,
        statistics: TermStatistics,
        linear: Sequence[LinearEncoder],
        external: Sequence[CheckedEncoder] = (),
    ) -> None:
        self.terms, self.statistics = terms, statistics
        self.linear, self.external = tuple(linear), tuple(external)

    @cached_property
    def blocks(self) -> list[Block]:
        """The columns of each encoder."""
        sizes = [encoder.dimension for encoder in self.linear]
        sizes += [encoder.vector_size for encoder in self.external]
        names = [encoder.name for encoder in self.linear]
        names += [encoder.name for encoder in self.external]
        return list(map(Block, names, _side_by_side(sizes)))

    @property
    def ranks(self) -> tuple[int, ...]:
        """The ranks of LSA below the highest: these blocks are first, and columns of the next."""
        return tuple(encoder.dimension for encoder in self.linear if encoder.kind == LSA)[:-1]

    def documents(self, counts: Any, texts: Sequence[str] | None = None) -> FloatMatrix:
        """Encode documents, given as counts `(n, V)`: `(n, D)`, in each block unit rows or zeros.

        Encoders that are plugged in need the texts.
        """
        parts = [encoder.encode_documents(texts or ()) for encoder in self.external]
        linear = self.linear_documents(counts)
        return np.concatenate((linear, *parts), axis=1) if parts else linear

    def linear_documents(self, counts: Any, at_once: int = _ROWS_AT_ONCE) -> FloatMatrix:
        """Encode documents by the linear encoders alone, so many at once."""
        places = _side_by_side([encoder.dimension for encoder in self.linear])
        X = np.empty((counts.shape[0], places[-1].stop if places else 0), np.float32)
        # Encoders of one kind are the first columns of the widest.
        widest = {e.kind: e for e in sorted(self.linear, key=lambda e: e.dimension)}
        for start in range(0, len(X), at_once):
            some = counts[start : start + at_once]
            sums = {kind: each.sums(some, self.statistics) for kind, each in widest.items()}
            for encoder, columns in zip(self.linear, places, strict=True):
                own = sums[encoder.kind][:, : encoder.dimension]
                X[start : start + at_once, columns] = encoder.finished(own)
        return X

    def queries(self, weights: Any, texts: Sequence[str]) -> FloatMatrix:
        """Encode queries given as terms with weights `(nq, V)` and as texts; see `documents`."""
        parts = [encoder.encode_queries(texts) for encoder in self.external]
        return np.concatenate((self.linear_queries(weights), *parts), axis=1)

    def linear_queries(self, weights: Any) -> FloatMatrix:
        """Encode queries by the linear encoders alone."""
        parts = [encoder.queries(weights, self.statistics) for encoder in self.linear]
        return np.concatenate([np.zeros((weights.shape[0], 0), np.float32), *parts], axis=1)

    def restricted_to(self, terms: Iterable[str]) -> LatentSpace:
        """Return the space of these terms alone, those that it knows; without external encoders.

        What it encodes is the same; but what it reads and multiplies fits the texts at hand,
        while the whole may be a mapped file of 100,000 terms.
        """
        column_of = self.terms.columns
        known = [term for term in dict.fromkeys(terms) if term in column_of]
        columns: IntVector = np.fromiter(map(column_of.__getitem__, known), np.int64)
        statistics = TermStatistics(self.statistics.idf[columns], self.statistics.mean_length)
        # np.take would copy all of a projection that is a part of another, or mapped unaligned.
        linear = [replace(e, projection=e.projection[columns]) for e in self.linear]
        return LatentSpace(Terms(known), statistics, linear)


@dataclass(frozen=True, slots=True, eq=False)
class Spreads:
    """How far the scores of documents are apart, for any query, without scoring them all."""

    covariances: tuple[FloatMatrix, ...]  # for each block `(d, d)`, of the document vectors
    first: FloatVector  # `(V,)` the mean BM25 weight of each term over all documents
    second: FloatVector  # `(V,)` the mean of its square

    @classmethod
    def of(
        cls,
        X: FloatMatrix,
        blocks: Sequence[Block],
        bm25: Any,
        shrink: FloatVector | float = 1.0,
    ) -> Spreads:
        """Measure them on all passages `X` `(p, D)` and the BM25 weights of documents `(n, V)`.

        The cosines of passages are multiplied by `shrink` `(p,)`.
        """
        factors = np.broadcast_to(np.float32(shrink), len(X))[:, np.newaxis]
        n = max(bm25.shape[0], 1)
        covariances = tuple(_covariance(X[:, block.columns] * factors) for block in blocks)
        columns, size = bm25.indices, bm25.shape[1]
        first, second = (
            np.bincount(columns, weights, size) / n for weights in (bm25.data, bm25.data**2)
        )
        return cls(covariances, first.astype(np.float32), second.astype(np.float32))

    def lexical(self, columns: Any, weights: FloatVector) -> float:
        """Return the standard deviation of BM25 over all documents, as if terms were independent.

        `columns` and `weights` `(k,)` are those of the terms of the query.
        """
        variances = self.second[columns] - np.square(self.first[columns])
        return float(np.sqrt(max(float(np.square(weights) @ variances), 0.0)))

    def latent(self, query: FloatMatrix, block: int) -> float:
        """Return the standard deviation of the cosines with a query `(d,)` over all documents."""
        spread = products(self.covariances[block], query) @ query
        return float(np.sqrt(max(float(spread), 0.0)))


def rocchio(query: FloatVector, blocks: Sequence[Block], X: FloatMatrix) -> FloatVector:
    """Move a query `(D,)` towards documents `(k, D)`, block by block."""
    towards = query + FEEDBACK_WEIGHT * X.mean(axis=0)
    parts = [unit_rows(towards[block.columns].reshape(1, -1))[0] for block in blocks]
    return np.concatenate(parts) if parts else query


def _side_by_side(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _covariance(X: FloatMatrix) -> FloatMatrix:
    if not len(X):
        return np.zeros((X.shape[1], X.shape[1]), np.float32)
    # Centred first: a difference of two large matrices would leave a spread of equal vectors.
    mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    return np.asarray(gram(X, mean) / len(X), np.float32)
