"""Words, documents and vectors of a workspace as points of a space, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import (
    BOOLEAN,
    COUNT,
    STRING,
    Choice,
    Optional,
    as_count,
    as_strings,
    check,
)
from embedsearch._errors import ParameterError, QueryError, UnknownWordError, VectorError
from embedsearch.search.document_index import passage_means
from embedsearch.search.latent_space import Block, full_text
from embedsearch.search.model import SearchModel
from embedsearch.space.describe import Description, NearbyDocument
from embedsearch.space.options import DOCUMENTS, POINT_KINDS, POINTS, VECTORS, WORDS
from embedsearch.space.points import Points
from embedsearch.space.readout import BackProjection, NearestWords
from embedsearch.vectors.arrays import as_matrix, best_first, places_of, unit_rows
from embedsearch.vectors.lsa import LSA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.lexical import LexicalAnalyzer
    from embedsearch.search.documents import DocumentSearch
    from embedsearch.search.latent_space import LatentSpace
    from embedsearch.space.readout import Readout
    from embedsearch.vectors.lsa import LinearEncoder
    from embedsearch.workspace.session import Session

# Rows of documents whose passages are read at once, and characters of a text shown as its title.
_ROWS_AT_ONCE, _BEGINNING = 10_000, 60


class TermCounts(NamedTuple):
    """How often documents have terms.

    Attributes:
        counts: (n, V) `scipy.sparse.csr_matrix` float32; the documents in the order of their ids.
        terms: (V) as search counts them: stems, in many languages; `SpacePoints.spelled` has words.
    """

    counts: Any
    terms: list[str]


class SpacePoints:
    """The points of a workspace's latent space, and what they say in words; see `Space`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._counts: tuple[int, TermCounts] | None = None

    @property
    def encoders(self) -> list[str]:
        """The names of the spaces that this workspace has."""
        own = [] if self._session.stored_vectors is None else [VECTORS]
        return [*self._blocks, WORDS, *own]

    def points(
        self,
        what: str | Iterable[str] = DOCUMENTS,
        *,
        encoder: str | None = None,
        where: str | None = None,
        topn: int | None = None,
        stop_words: bool = False,
    ) -> Points:
        """Return words, documents or vectors as points of one space.

        ```python
        ws.space.points()                                   # all documents, by LSA
        ws.space.points("words", topn=5000)                 # the most frequent words
        ws.space.points(["words", "documents"], topn=2000)  # both in the space of LSA
        ```

        Args:
            what: "documents", "words", "vectors" (the user's own), or several of these.
            encoder: Whose space; by default "lsa-100" for documents and for documents with words,
                "words" for words alone, "vectors" for vectors.
            where: Only documents (and vectors) whose metadata meet this condition, as for
                `Workspace.search`.
            topn: Only the most frequent words; None for all.
            stop_words: Also take the stop words of the workspace's language.

        Returns:
            Words in the order of their frequency, documents in that of their ids. By LSA, words
            are those that search counts: of several that have the same stem, the most frequent.

        Raises:
            NotTrainedError: There are no such points.
            ParameterError: `what` or `encoder` is not one of those there are.
            QueryError: The condition does not parse, or vectors are asked for with others.
        """
        kinds = [what] if isinstance(what, str) else list(what) if _is_list(what) else [str(what)]
        for kind in kinds or [""]:
            check("what", kind, Choice(POINTS))
        check("topn", topn, Optional(COUNT))
        check("stop_words", stop_words, BOOLEAN)
        if VECTORS in kinds:
            if len(kinds) > 1 or encoder not in (None, VECTORS):
                raise QueryError("your own vectors are in a space of their own: ask for them alone")
            return self._own_vectors(where)
        usual = WORDS if kinds == [WORDS] else next(iter(self._linear), WORDS)
        encoder = self._encoder(usual if encoder is None else encoder)
        parts = []
        if WORDS in kinds:
            parts.append(self._words(encoder, topn, stop_words=stop_words))
        if DOCUMENTS in kinds:
            parts.append(self._documents(encoder, where))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def describe(
        self,
        what: ArrayLike | str | Iterable[str] | Points | None = None,
        topn: int = 10,
        *,
        minus: ArrayLike | str | Iterable[str] | Points | None = None,
        where: str | None = None,
        kind: str = "auto",
        encoder: str | None = None,
    ) -> Description:
        """Say in words what a point, a direction or a selection of documents is about.

        By LSA a vector is read back through the encoder, which is linear: the words are those
        whose weights it stands for. Elsewhere they are the words nearest to it.

        ```python
        ws.space.describe("a1")                      # a document, a word or a text
        ws.space.describe(["a1", "b2"])              # what they have in common: their mean
        ws.space.describe("a1", minus="b2")          # a direction, with words at both ends
        ws.space.describe(where="year > 1990")       # what sets these apart from all others
        ws.space.describe(ws.words["king"])          # any vector
        ```

        Args:
            what: An id, a word or a text; a list of them, which stands for their mean; a vector
                (d,); several (n, d) or `Points`, which stand for their mean.
            topn: How many words, at most; and up to as many documents.
            minus: The same: what is described is the direction from there to `what`.
            where: Instead of `what`: the documents that meet a condition, against all.
            kind: What a string is: "document", "word" or "text"; "auto" takes the first of these
                that there is.
            encoder: Whose space; by default the LSA with the most dimensions. For vectors it is
                that of `Points`; of a bare array, "words" if it has as many dimensions as they,
                else the one of so many.

        Raises:
            UnknownDocumentError, UnknownWordError: There is none, of a `kind` that was given.
            QueryError: A text has no known word, or both ends are the same.
            VectorError: A vector has the dimensions of no encoder, or holds NaN or infinity.
            ParameterError: A parameter is of a wrong type, or not one of those allowed.
        """
        topn = as_count("topn", topn)
        check("kind", kind, Choice(POINT_KINDS))
        check("where", where, Optional(STRING))
        if (what is None) == (where is None):
            raise ParameterError("what", "given, or else a condition `where`", what)
        if where is not None:
            end = self._selection(where, self._encoder(encoder))
        else:
            end = self._end(what, kind, encoder)
        if minus is None:
            return self._description(end, topn, two_ended=where is not None)
        start = self._end(minus, kind, end.encoder)
        difference = end.vector - start.vector
        if not np.linalg.norm(difference) > _LEAST:
            raise QueryError(f"{end.what} and {start.what} are at the same place: no direction")
        own = {*end.own, *start.own}
        both = _End(f"from {start.what} to {end.what}", end.encoder, difference, own)
        return self._description(both, topn, two_ended=True)

    def readout(self, encoder: str) -> Readout:
        """Return what reads vectors of an encoder's space as words."""
        encoder = self._encoder(encoder)
        linear = self._linear.get(encoder)
        if linear is not None:
            terms = self._latent.terms.terms
            return BackProjection(
                linear.projection, lambda rows: self.spelled(terms[row] for row in rows.tolist())
            )
        if encoder == WORDS:
            return NearestWords(self._session.words())
        raise QueryError(f"vectors of {encoder} cannot be read as words: it is no linear encoder")

    def term_counts(self, where: str | None = None) -> TermCounts:
        """Count the terms of documents, in the order of `points`; the texts are read once."""
        search = self._session.search()
        change, space = search.store.change, search.model.space
        if self._counts is None or self._counts[0] != change:
            words = search.model.analyzer.words
            texts = (full_text(document) for _, document in search.store.changed_since(0))
            found = space.terms.documents(map(words, texts))
            self._counts = change, TermCounts(found.counts, space.terms.terms)
        counts, terms = self._counts[1]
        if where is None:
            return self._counts[1]
        rows, _ = places_of(search.store.numbers(), search.store.matching(where))
        return TermCounts(counts[rows], terms)

    def spelled(self, terms: Iterable[str]) -> list[str]:
        """Return the word that each of some terms most often is, as they may be stems.

        Raises:
            ParameterError: It is not a list of strings.
        """
        return [self._spellings.get(term, term) for term in as_strings("terms", terms)]

    @property
    def usual_encoder(self) -> str:
        """The encoder that says most in words: of those of LSA, that with the most dimensions."""
        return self._encoder(None)

    def pole(self, given: str | Iterable[str], encoder: str) -> FloatMatrix:
        """Return the vectors (n, d) of words, ids or texts, as for `describe`."""
        texts = [given] if isinstance(given, str) else as_strings("a pole", given)
        if not texts:
            raise QueryError("a pole needs a word, an id or a text")
        return np.stack(
            [self._of_text(text, "auto", self._encoder(encoder)).vector for text in texts]
        )

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """The most frequent word of each term."""
        spellings: dict[str, str] = {}
        words = self._analyzer.words
        for word in self._session.trained().vectors.index_to_key:
            terms = words(word)
            if len(terms) == 1:
                spellings.setdefault(terms[0], word)
        return spellings

    @property
    def _analyzer(self) -> LexicalAnalyzer:
        """What cuts texts into terms."""
        return self._session.trained().analyzer

    @property
    def _latent(self) -> LatentSpace:
        """That of search; without encoders if words alone were learned."""
        generation = self._session.trained()
        if generation.words_alone:
            return SearchModel.unfitted(generation.analyzer).space
        return generation.search_model.space

    @property
    def _linear(self) -> dict[str, LinearEncoder]:
        """Encoders whose projections have orthonormal columns, by name."""
        return {each.name: each for each in self._latent.linear if each.kind == LSA}

    @property
    def _blocks(self) -> list[str]:
        """The names of the spaces of documents that search has."""
        return [*self._linear, *(each.name for each in self._latent.external)]

    def _encoder(self, encoder: str | None) -> str:
        if encoder is None:
            dimensions = {name: each.dimension for name, each in self._linear.items()}
            return max(dimensions, key=dimensions.__getitem__, default=WORDS)
        check("encoder", encoder, Choice(tuple(self.encoders)))
        return encoder

    def _words(self, encoder: str, topn: int | None, *, stop_words: bool) -> Points:
        vectors = self._session.trained().vectors
        analyzer = self._analyzer
        words = [
            word for word in vectors.index_to_key if stop_words or not analyzer.is_stop_word(word)
        ]
        if encoder == WORDS:
            rows = [vectors.key_to_index[word] for word in words[:topn]]
            return Points.of(words[:topn], vectors.vectors[rows], "word", encoder)
        if encoder not in self._linear:
            raise QueryError(f"words are no points of {encoder}: it encodes texts")
        row_of, projection = self._latent.terms.columns, self._linear[encoder].projection
        place: dict[int, str] = {}
        for word in words:
            terms = analyzer.words(word)
            if len(terms) == 1 and (row := row_of.get(terms[0])) is not None:
                place.setdefault(row, word)
        chosen = dict(list(place.items())[:topn])
        X = unit_rows(projection[np.fromiter(chosen, np.int64, len(chosen))])
        points = Points.of(list(chosen.values()), X, "word", encoder)
        return points[np.flatnonzero(X.any(axis=1))]

    def _documents(self, encoder: str, where: str | None) -> Points:
        search = self._session.search()
        with search.store.snapshot():
            numbers = search.store.numbers() if where is None else search.store.matching(where)
            X = _document_matrix(search, numbers, encoder)
            ids, titles = self._titles(numbers)
        return Points.of(ids, X, "document", encoder, titles)

    def _own_vectors(self, where: str | None) -> Points:
        self._session.vectors()
        store, stored = self._session.store, self._session.stored_vectors
        assert stored is not None  # noqa: S101 - `vectors` raises
        with store.snapshot():
            numbers = np.setdiff1d(stored.numbers, stored.removed(store), assume_unique=True)
            if where is not None:
                numbers = np.intersect1d(numbers, store.matching(where))
            ids, titles = self._titles(numbers)
        return Points.of(ids, stored.vectors[stored.rows(numbers)], "vector", VECTORS, titles)

    def _titles(self, numbers: IntVector) -> tuple[list[str], list[str]]:
        """Return ids and titles of documents; without a title, how the text begins."""
        ids, titles = list[str](), list[str]()
        for start in range(0, len(numbers), _ROWS_AT_ONCE):
            some = numbers[start : start + _ROWS_AT_ONCE].tolist()
            found = self._session.store.by_number(some)
            ids += [found[number].id for number in some]
            titles += [_title(found[number].title, found[number].text) for number in some]
        return ids, titles

    def _end(self, what: Any, kind: str, encoder: str | None) -> _End:
        if isinstance(what, Points):
            if encoder not in (None, what.encoder):
                raise QueryError(f"these points are of {what.encoder}, not of {encoder}")
            return _End(f"{len(what):,} points", what.encoder, _mean(what.vectors), {*what.names})
        texts = [what] if isinstance(what, str) else what
        if _is_list(texts) and (given := list(texts)) and isinstance(given[0], str):
            ends = [self._of_text(text, kind, self._encoder(encoder)) for text in given]
            name = (
                " and ".join(end.what for end in ends) if len(ends) < 4 else f"{len(ends)} points"
            )
            own = set().union(*(end.own for end in ends))
            return _End(name, ends[0].encoder, _mean([end.vector for end in ends]), own)
        X = as_matrix(what, "what")
        space = self._space_of(X.shape[1]) if encoder is None else self._encoder(encoder)
        dimension = self._dimension(space)
        if X.shape[1] != dimension:
            raise VectorError(f"vectors of {space} have {dimension} dimensions, got {X.shape[1]}")
        name = "a vector" if len(X) == 1 else f"{len(X):,} vectors"
        return _End(name, space, _mean(X), set())

    def _of_text(self, text: str, kind: str, encoder: str) -> _End:
        check("what", text, STRING)
        store, words = self._session.store, self._session.words()
        if kind == "document" or (kind == "auto" and text in store):
            search, number = self._session.search(), np.array([store.number(text)])
            return _End(
                f"the document {text}",
                encoder,
                _document_matrix(search, number, encoder)[0],
                {text},
            )
        if kind == "word" or (kind == "auto" and len(text.split()) == 1 and text in words):
            return _End(f"the word {text}", encoder, self._word(text, encoder), set())
        if encoder == WORDS:
            return _End("the text", encoder, self._session.trained().encoder.query(text), set())
        counts = self._latent.terms.documents([self._analyzer.words(text)]).counts
        if encoder not in self._linear:
            vector = self._latent.documents(counts, [text])[0, self._columns(encoder)]
        else:
            vector = self._linear[encoder].documents(counts, self._latent.statistics)[0]
        if not vector.any():
            raise QueryError(f"no word of {text!r} is known in the space of {encoder}")
        return _End("the text", encoder, vector, set())

    def _word(self, word: str, encoder: str) -> FloatVector:
        words = self._session.words()
        if encoder == WORDS:
            return unit_rows(words.get_vector(word))
        linear = self._linear.get(encoder)
        if linear is None:
            raise QueryError(f"words are no points of {encoder}: it encodes texts")
        terms = self._analyzer.words(word)
        rows = [self._latent.terms.columns.get(term, -1) for term in terms]
        if not rows or min(rows) < 0:
            if word not in words:
                words.get_vector(word)
            raise UnknownWordError(word, reason="is not among the terms that search counts")
        return _mean(unit_rows(linear.projection[np.array(rows)]))

    def _selection(self, where: str, encoder: str) -> _End:
        search = self._session.search()
        with search.store.snapshot():
            everything, chosen = search.store.numbers(), search.store.matching(where)
            if not len(chosen) or len(chosen) == len(everything):
                which = "all documents meet" if len(chosen) else "no document meets"
                raise QueryError(f"{which} the condition {where!r}: nothing sets them apart")
            X = _document_matrix(search, everything, encoder)
        inside = np.isin(everything, chosen)
        direction = X[inside].mean(axis=0) - X[~inside].mean(axis=0)
        return _End(f"{len(chosen):,} documents where {where}", encoder, direction, set())

    def _space_of(self, dimension: int) -> str:
        fitting = [name for name in (WORDS, *self._blocks) if self._dimension(name) == dimension]
        if not fitting:
            known = ", ".join(f"{name} {self._dimension(name)}" for name in self.encoders)
            raise VectorError(f"no encoder has {dimension} dimensions; there are {known}")
        return fitting[0]

    def _dimension(self, encoder: str) -> int:
        if encoder == WORDS:
            return self._session.trained().vectors.vector_size
        if encoder == VECTORS:
            return self._session.vectors().vector_size
        columns = self._columns(encoder)
        return int(columns.stop - columns.start)

    def _columns(self, encoder: str) -> slice:
        return next(block.columns for block in self._latent.blocks if block.name == encoder)

    def _description(self, end: _End, topn: int, *, two_ended: bool) -> Description:
        readout = self.readout(end.encoder)
        ends = np.stack([end.vector, -end.vector] if two_ended else [end.vector])
        words = readout.words(ends, topn)
        documents = [self._nearest(vector, end, topn) for vector in ends]
        return Description(
            end.what,
            end.encoder,
            readout.method,
            words[0],
            words[1] if two_ended else [],
            documents[0],
            documents[1] if two_ended else [],
        )

    def _nearest(self, vector: FloatVector, end: _End, topn: int) -> list[NearbyDocument]:
        if self._session.trained().words_alone:
            return []
        search, query = self._session.search(), unit_rows(vector)
        wanted = topn + len(end.own)
        with search.store.snapshot():
            if end.encoder == WORDS:
                numbers = search.store.numbers()
                scores = _document_matrix(search, numbers, WORDS) @ query
                best = best_first(scores, numbers, wanted)
                scores, numbers = scores[best], numbers[best]
            else:
                latent = search.hybrid().latent
                whole = np.zeros(latent.X.shape[1], np.float32)
                whole[self._columns(end.encoder)] = query
                scores, rows = latent.nearest(whole, wanted)
                numbers = latent.numbers[rows]
            ids, titles = self._titles(numbers)
        found = map(NearbyDocument, ids, scores.tolist(), titles)
        return [each for each in found if each.id not in end.own and each.score > 0][:topn]


# Of a difference of vectors of about length 1.
_LEAST = 1e-6


class _End(NamedTuple):
    """A point that is described, and the ids of the documents that it was made of."""

    what: str
    encoder: str
    vector: FloatVector
    own: set[str]


def _document_matrix(search: DocumentSearch, numbers: IntVector, encoder: str) -> FloatMatrix:
    """Return the vectors of documents in one space: (n, d), each the mean of its passages."""
    current = search.current()
    rows = current.rows.find(numbers)
    if encoder == WORDS:
        return current.vectors.take(rows)
    columns = next(b.columns for b in search.model.space.blocks if b.name == encoder)
    whole = [Block(encoder, slice(0, columns.stop - columns.start))]
    X, index = np.empty((len(rows), whole[0].columns.stop), np.float32), current.index(None)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        taken = index.take(rows[start : start + _ROWS_AT_ONCE])
        X[start : start + _ROWS_AT_ONCE] = passage_means(taken.X[:, columns], taken.bounds, whole)
    return X


def _mean(X: FloatMatrix | Sequence[FloatVector]) -> FloatVector:
    mean: FloatVector = np.mean(X, axis=0, dtype=np.float32)
    return mean


def _title(title: str, text: str) -> str:
    if title:
        return title
    beginning = " ".join(text[: 4 * _BEGINNING].split())
    return beginning if len(beginning) <= _BEGINNING else f"{beginning[: _BEGINNING - 1]}…"


def _is_list(what: object) -> bool:
    return isinstance(what, Iterable) and not isinstance(what, str | bytes | np.ndarray)
