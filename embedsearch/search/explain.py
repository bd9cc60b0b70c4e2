"""Why documents were found: scores as sums over pairs of words.

In a linear encoder the vector of a text is `P Σ wᵢ vᵢ / norm`: of its words i the weight and the
vector, less what P removes. The weighted query is a scaled sum as well: of the words of the query,
and of the documents that the query was moved towards. So their inner product is a sum over pairs,
`Σ wᵢ vᵢ · P Σ uⱼ vⱼ`, in which every pair has its own term.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import Explanation, Part
from embedsearch.search.latent_space import FEEDBACK_WEIGHT, full_text, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch._types import Document, FloatMatrix, FloatVector, IntVector
    from embedsearch.index.lexical import LexicalQuery
    from embedsearch.search.hybrid import HybridSearch, Ranking
    from embedsearch.search.latent_space import Block
    from embedsearch.vectors.lsa import LinearEncoder
    from embedsearch.vectors.sparse import TermStatistics

# Of how many pairs of words the parts are listed, unless all are asked for.
PAIRS = 20

EXPANDED, NEIGHBORS = "BM25 expanded", "similar documents"
"""The name of the part by the words of a document and of its neighbours."""

_FIELDS = {"text": "BM25", "title": "BM25 title", "stops": "BM25 stop words"}
# Products of words with words that are in memory at once: 20 MB.
_AT_ONCE = 5_000_000
# Of a vector that is all rounding error.
_TINY = 1e-9

# The terms of a text, with their counts and first spellings.
TermCounts = dict[str, tuple[int, str]]


@dataclass(frozen=True, slots=True, eq=False)
class MovedQuery:
    """The weighted query as a sum."""

    own: FloatVector  # `(D,)` the share of the query itself
    others: FloatMatrix  # `(k, D)` the share of each document that it was moved towards

    @classmethod
    def of(cls, ranking: Ranking, blocks: Sequence[Block], X: FloatMatrix) -> MovedQuery:
        """Split the query of a ranking, which was moved towards documents `(k, D)`."""
        own, others = np.zeros_like(ranking.latent), np.zeros((len(X), len(ranking.latent)))
        for block in blocks:
            place = block.columns
            moved = ranking.encoded[place].astype(np.float64)
            if len(X):
                moved = moved + FEEDBACK_WEIGHT * X[:, place].mean(axis=0)
            norm = float(np.linalg.norm(moved))
            if norm > _TINY:
                factor = float(np.linalg.norm(ranking.latent[place])) / norm
                own[place] = ranking.encoded[place] * factor
                others[:, place] = X[:, place] * (factor * FEEDBACK_WEIGHT / max(len(X), 1))
        return cls(own, others.astype(np.float32))


def shared(
    encoder: LinearEncoder,
    statistics: TermStatistics,
    counts: Any,
    query: Mapping[int, float],
    own: FloatVector,
    factors: FloatVector,
) -> FloatMatrix:
    """Return what each word of each document shares with each word of the query: `(nnz, S)`.

    The rows are in the order of the entries of `counts`; those of a document add up to its inner
    product with `own` (see `MovedQuery`), times its factor.
    """
    weights = encoder.document_weights(counts, statistics)
    scales = encoder.scales(weights @ encoder.projection) * factors
    scaled = weights.data * np.repeat(scales, np.diff(counts.indptr))
    products = encoder.projection @ _directions(encoder, statistics, query, own).T
    found: FloatMatrix = scaled[:, np.newaxis] * products[counts.indices]
    return found


def _directions(
    encoder: LinearEncoder,
    statistics: TermStatistics,
    query: Mapping[int, float],
    own: FloatVector,
) -> FloatMatrix:
    """Return the share of each word of the query in its vector: `(S, d)`, adding up to `own`."""
    terms = np.fromiter(query, np.int64, len(query))
    weights = np.fromiter(query.values(), np.float32, len(query)) * statistics.idf[terms]
    parts = weights[:, np.newaxis] * encoder.projection[terms]
    (scale,) = encoder.scales(parts.sum(axis=0, keepdims=True)) * np.linalg.norm(own)
    directions: FloatMatrix = encoder.cleared(parts) * scale
    return directions


_Key = tuple[str, str, str]


class ExplanationBuilder:
    """Lists the parts of one document's score.

    `linear` has for each linear encoder what each pair of words adds, `(T, S)`: T words of the
    document, and S of the query. `others` are all other parts.
    """

    def __init__(
        self,
        query_words: Sequence[str],
        words: Sequence[str],
        linear: Sequence[tuple[str, FloatMatrix]],
        others: Sequence[Part],
    ) -> None:
        self._query_words, self._words = query_words, words
        self._linear, self._others = linear, others

    def explanation(self, score: float, pairs: int | None) -> Explanation:
        """Explain a score by the parts of so many pairs, the strongest; None lists all."""
        parts = tuple(self._listed(pairs))
        rest = score - sum(part.contribution for part in parts)
        return Explanation(score, parts, rest, self._encoders())

    def _encoders(self) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        for part in self._others:
            sums[part.encoder] += part.contribution
        for name, added in self._linear:
            sums[name] += float(added.sum(dtype=np.float64))
        return dict(sums)

    def _listed(self, pairs: int | None) -> list[Part]:
        cells, keys = self._totals()
        ranked = sorted(
            [
                *((abs(total), None, cell) for cell, total in self._largest(cells, pairs)),
                *((abs(total), key, -1) for key, total in keys.items()),
            ],
            key=lambda found: -found[0],
        )[:pairs]
        by_key: dict[_Key, list[Part]] = defaultdict(list)
        for part in self._others:
            by_key[part.pair].append(part)
        listed = list[Part]()
        for _, key, cell in ranked:
            listed += by_key[key] if key else self._of_cell(cell, by_key)
        return listed

    def _of_cell(self, cell: int, by_key: dict[_Key, list[Part]]) -> list[Part]:
        row, column = divmod(cell, len(self._query_words))
        key = self._query_words[column], self._words[row], ""
        latent = [Part(name, *key[:2], float(added[row, column])) for name, added in self._linear]
        return by_key[key] + latent

    def _totals(self) -> tuple[FloatMatrix, dict[_Key, float]]:
        """Return the total of each pair: `(T, S)` for two words, other kinds by their names."""
        cells = np.zeros((len(self._words), len(self._query_words)), np.float32)
        for _, added in self._linear:
            cells += added
        wanted = set(self._query_words)
        rows = {word: row for row, word in enumerate(self._words) if word in wanted}
        columns = {word: column for column, word in enumerate(self._query_words)}
        keys: dict[_Key, float] = defaultdict(float)
        for part in self._others:
            if self._linear and part.word in rows and part.query_word in columns:
                cells[rows[part.word], columns[part.query_word]] += part.contribution
            else:
                keys[part.pair] += part.contribution
        return cells, keys

    @staticmethod
    def _largest(cells: FloatMatrix, most: int | None) -> list[tuple[int, float]]:
        flat = cells.ravel()
        places = np.flatnonzero(flat)
        if most is not None and most < len(places):
            places = places[np.argpartition(-np.abs(flat[places]), most)[:most]]
        return list(zip(places.tolist(), flat[places].tolist(), strict=True))


class Explainer:
    """Explains the scores of a ranking.

    `names` are the ids of the documents that the query was moved towards, by their numbers;
    `weights` are those that the ranking went by.
    """

    def __init__(
        self,
        search: HybridSearch,
        query: LexicalQuery,
        ranking: Ranking,
        names: Mapping[int, str],
        weights: Mapping[str, float],
        at_once: int = _AT_ONCE,
    ) -> None:
        self._search, self._query, self._ranking = search, query, ranking
        self._weights, self._at_once = weights, at_once
        self._blocks = search.model.space.blocks if len(ranking.latent) else []
        self._moved = MovedQuery.of(ranking, self._blocks, ranking.towards)
        self._names = [names.get(number, "") for number in ranking.feedback.tolist()]

    def explain(
        self,
        numbers: IntVector,
        documents: Sequence[Document],
        scores: FloatVector,
        pairs: int | None = PAIRS,
    ) -> list[Explanation]:
        """Explain the scores of documents by the strongest pairs of words; None lists all."""
        texts, X, factors = self._passages(numbers, documents)
        size = sum(map(len, texts)) * len(self._query.words)
        step = 1 if size > self._at_once else max(len(texts), 1)
        found = list[Explanation]()
        for start in range(0, len(texts), step):
            some = slice(start, start + step)
            builders = self._builders(numbers[some], texts[some], X[some], factors[some])
            each = zip(builders, scores[some].tolist(), strict=True)
            found += [builder.explanation(score, pairs) for builder, score in each]
        return [replace(explanation, weights=self._weights) for explanation in found]

    def scores(self, numbers: IntVector) -> FloatVector:
        """Return the scores of documents `(n,)`, whether they were found or not."""
        search, ranking = self._search, self._ranking
        scores = np.zeros(len(numbers), np.float32)
        if search.lexical is not None and ranking.lexical:
            scores += np.float32(ranking.lexical) * search.lexical.scores_of(self._query, numbers)
        rows = search.latent.rows.find(numbers)
        if ranking.expanded:
            expanded = search.expanded_scores(self._query, rows)
            scores += np.float32(ranking.expanded) * expanded
        if self._blocks:
            scores += search.latent.scores(ranking.latent, rows)
        return scores

    def _passages(
        self, numbers: IntVector, documents: Sequence[Document]
    ) -> tuple[list[TermCounts], FloatMatrix, FloatVector]:
        """Return words, vector and factor of the passage by which each document was scored."""
        latent = self._search.latent
        texts = [full_text(document) for document in documents]
        words = list(map(self._search.model.analyzer.term_counts, texts))
        if not self._blocks:
            return words, np.zeros((len(texts), 0), np.float32), np.ones(len(texts), np.float32)
        rows = latent.rows.find(numbers)
        passages = latent.take(rows)
        best = passages.best(self._ranking.latent)
        for place in np.flatnonzero(np.diff(passages.bounds) > 1).tolist():
            words[place] = self._within(texts[place], words[place], int(best[place]))
        return words, *passages.at(best)

    def _within(self, text: str, words: TermCounts, place: int) -> TermCounts:
        """Return the words of one passage of a text that has several."""
        terms = self._search.model.space.terms
        passages, _ = split(terms.documents([self._search.model.analyzer.words(text)]))
        start, stop = passages.bounds[place : place + 2]
        counts = Counter(passages.ids[start:stop].tolist())
        names = [(terms.terms[column], count) for column, count in counts.items()]
        return {term: (count, words[term][1]) for term, count in names}

    def _builders(
        self,
        numbers: IntVector,
        texts: Sequence[TermCounts],
        X: FloatMatrix,
        factors: FloatVector,
    ) -> list[ExplanationBuilder]:
        query, model, meant = self._query, self._search.model, self._query.words
        terms = [*meant, *(term for text in texts for term in text)]
        space = model.space.restricted_to(terms if self._blocks else ())
        columns = space.terms.columns
        known = {term: weight for term, weight in meant.items() if term in columns}
        weights = {columns[term]: weight for term, weight in known.items()}
        counts = space.terms.matrix([{t: n for t, (n, _) in text.items()} for text in texts])
        # The blocks of external encoders come after those of the linear ones.
        own = [self._moved.own[block.columns] for block in self._blocks]
        linear = [
            (encoder.name, shared(encoder, space.statistics, counts, weights, vector, factors))
            for encoder, vector in zip(space.linear, own, strict=False)
        ]
        spelled = [query.spellings.get(term, term) for term in known]
        words = [
            [query.spellings.get(t, as_is) for t, (_, as_is) in text.items() if t in columns]
            for text in texts
        ]
        places = map(slice, counts.indptr[:-1], counts.indptr[1:])
        return [
            ExplanationBuilder(
                spelled, own_words, [(name, added[p]) for name, added in linear], others
            )
            for own_words, p, others in zip(words, places, self._others(numbers, X), strict=True)
        ]

    def _others(self, numbers: IntVector, X: FloatMatrix) -> list[list[Part]]:
        """Return the parts of BM25, of external encoders, and of feedback."""
        found = self._lexical(numbers)
        if not self._blocks:
            return found
        external = self._search.model.space.external
        external_blocks = self._blocks[len(self._blocks) - len(external) :]
        for parts, x in zip(found, X, strict=True):
            for block in external_blocks:
                place = block.columns
                parts.append(Part(block.name, "", "", float(x[place] @ self._moved.own[place])))
            for other, name in zip(self._moved.others, self._names, strict=True):
                for block in self._blocks:
                    added = float(x[block.columns] @ other[block.columns])
                    parts.append(Part(block.name, "", "", added, name))
        return found

    def _lexical(self, numbers: IntVector) -> list[list[Part]]:
        lexical, factor = self._search.lexical, self._ranking.lexical
        if lexical is None or not factor:
            found: list[list[Part]] = [[] for _ in numbers]
        else:
            found = [
                [Part(_FIELDS[p.field], p.word, p.word, factor * p.score) for p in parts]
                for parts in lexical.explain(self._query, numbers)
            ]
        if not self._ranking.expanded:
            return found
        rows = self._search.latent.rows.find(numbers)
        terms, scores = self._search.expanded_parts(self._query, rows)
        words = [self._query.spellings.get(term, term) for term in terms]
        for parts, added in zip(found, (scores * self._ranking.expanded).tolist(), strict=True):
            own, each = {part.word for part in parts}, zip(words, added, strict=True)
            parts += [
                Part(EXPANDED, word, word if word in own else NEIGHBORS, score)
                for word, score in each
                if score
            ]
        return found
