"""Outliers of a workspace's space: `Space.outliers` and `Space.odd_one_out`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import STRING, Choice, Interval, Optional, as_count, as_strings, check
from embedsearch._errors import ParameterError, QueryError
from embedsearch._messages import counted
from embedsearch._progress import listener_of
from embedsearch._types import html_table
from embedsearch.search.latent_space import full_text
from embedsearch.space.describe import NearbyDocument
from embedsearch.space.options import DOCUMENTS, OUTLIER_METHODS, POINTS, VECTORS, WORDS
from embedsearch.space.outliers import (
    LEVEL,
    ForestOutliers,
    LocalOutliers,
    NeighborOutliers,
    OutlierDetector,
    ReconstructionOutliers,
    false_discoveries,
)
from embedsearch.space.readout import WeightedWord
from embedsearch.vectors.arrays import best_first, row_norms, unit_rows
from embedsearch.vectors.sparse import unit_sparse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.search.latent_space import LatentSpace
    from embedsearch.space.points import Points
    from embedsearch.workspace.session import Session
    from embedsearch.workspace.space_points import SpacePoints

# Rarer words are often no words.
_MOST_WORDS = 10_000
_WORDS, _NEAREST = 5, 3
# Whose words are compared, and the cosine above which a document is a copy.
_NEIGHBORS, _COPY = 30, 0.99
# Of points without a word that the space knows.
_LEAST = 1e-6
_WORD = re.compile(r"[^\W_]+")


class Outlier(NamedTuple):
    """A point that has little in common with the others.

    Attributes:
        id: Of the document or vector, or the word.
        score: How strange it is; comparable within one answer.
        p_value: Against a reference, how often a point like those of it is so strange; else the
            share of all points that are so strange.
        title: Its title, or how its text begins.
        words: Of a document, those of its words that its neighbours have least of, strongest first.
        explained: Of a document, the share of the (squared) weight of its words that is in its
            vector: the rest is unlike anything else in the collection.
        nearest: The points nearest to it nevertheless, with their cosines.
    """

    id: str
    score: float
    p_value: float
    title: str
    words: list[WeightedWord]
    explained: float | None
    nearest: list[NearbyDocument]


@dataclass(frozen=True, slots=True)
class Outliers:
    """The outliers of some points, strangest first; a sequence of `Outlier`.

    Attributes:
        of: "documents", "words" or "vectors".
        encoder: Whose space they are in.
        method: How they were found.
        outliers: The strangest.
        compared: How many points there were to choose from.
        reference: With how many points of a reference they were compared; None without one, and
            then p-values are ranks.
        chosen: With an `alpha`, how many of all are outliers; else None.
        empty: The ids of those that have no word which the space knows, and so no place in it.
        unseen: How many were added after the space was learned: it knows them less well, and
            their p-values are too small until the next training.
    """

    of: str
    encoder: str
    method: str
    outliers: list[Outlier]
    compared: int
    reference: int | None
    chosen: int | None
    empty: list[str]
    unseen: int

    def __len__(self) -> int:
        return len(self.outliers)

    def __iter__(self) -> Iterator[Outlier]:
        return iter(self.outliers)

    def __getitem__(self, place: int) -> Outlier:
        return self.outliers[place]

    @property
    def notes(self) -> list[str]:
        """What should be known of the answer, each a line."""
        noun = self.of.removesuffix("s")
        lines = [f"{counted(self.compared, noun)} compared by {self.method} in {self.encoder}"]
        if self.reference is None:
            lines.append("p-values are ranks: of any points, some are the strangest")
        else:
            lines[0] += f" with {self.reference:,} of the reference"
        if self.chosen is not None:
            lines.append(f"{self.chosen:,} of them are called outliers")
        if self.empty:
            some = ", ".join(self.empty[:3]) + ("..." if len(self.empty) > 3 else "")
            lines.append(f"without a known word, and left out: {len(self.empty):,} ({some})")
        if self.unseen:
            lines.append(
                f"{counted(self.unseen, 'document')} added after the last training, which look "
                "stranger than they are: train first"
            )
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return plain values; outliers, words and nearest points are objects."""
        found = [
            {
                **each._asdict(),
                "words": [word._asdict() for word in each.words],
                "nearest": [near._asdict() for near in each.nearest],
            }
            for each in self.outliers
        ]
        names = ("of", "encoder", "method", "compared", "reference", "chosen", "empty", "unseen")
        return {**{name: getattr(self, name) for name in names}, "outliers": found}

    def _repr_html_(self) -> str:
        rows = [
            (each.id, f"{each.p_value:.4f}", each.title, ", ".join(w.word for w in each.words))
            for each in self.outliers
        ]
        return html_table(("id", "p-value", "title", "words"), rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """Points that are compared, and what is known of each."""

    points: Points
    X: FloatMatrix  # (n, d), with the lengths that count
    lengths: NDArray[Any] | None  # (n,) of what they were made of
    weights: Any  # (n, V) the unit rows of documents' words, or None
    metric: str
    chosen: IntVector  # the rows to choose from
    reference: IntVector | None
    unseen: int


def outliers(
    space: SpacePoints,
    session: Session,
    of: str,
    *,
    method: str,
    where: str | None,
    reference: str | None,
    topn: int,
    alpha: float | None,
    seed: int,
    progress: Progress | None,
) -> Outliers:
    """Find the outliers of a workspace's points; see `Space.outliers`."""
    topn = as_count("topn", topn)
    check("of", of, Choice(POINTS))
    check("method", method, Choice(OUTLIER_METHODS))
    check("alpha", alpha, Optional(LEVEL))
    check("seed", seed, Interval(0, 2**32 - 1, whole=True))
    if alpha is not None and reference is None:
        raise ParameterError("alpha", "left out, as without a reference p-values are ranks", alpha)
    for name, condition in (("where", where), ("reference", reference)):
        check(name, condition, Optional(STRING))
        if condition is not None and of == WORDS:
            raise ParameterError(name, "left out: words have no metadata", condition)
    compared = _compared(space, session, of, where, reference)
    known = row_norms(compared.X) > _LEAST if of == DOCUMENTS else np.ones(len(compared.X), bool)
    chosen = compared.chosen[known[compared.chosen]]
    fitted = compared.reference if compared.reference is not None else compared.chosen
    fitted = fitted[known[fitted]]
    if len(fitted) < 2:
        which = "the reference has" if reference is not None else "there are"
        raise QueryError(f"outliers need others to be compared with: {which} {len(fitted)} {of}")
    detector = _detector(method, compared.metric, seed).reported_to(listener_of(progress))
    if isinstance(detector, NeighborOutliers) or of != DOCUMENTS:
        X = compared.X
    else:
        # Elsewhere short vectors, of which the space knows little, would be the most usual.
        X = compared.points.units
    lengths = compared.lengths
    fit, ask = (None if lengths is None else lengths[rows] for rows in (fitted, chosen))
    detector.fit(X[fitted], lengths=fit)
    if reference is None:
        scores, n = detector.scores_, len(fitted)
        # Each is among those that it is compared with.
        p_values = np.maximum((detector.p_values_of(scores) * (n + 1) - 1) / n, 1 / n)
    else:
        scores = detector.score_samples(X[chosen], ask) if len(chosen) else np.zeros(0)
        p_values = detector.p_values_of(scores)
    wrong = None if alpha is None else false_discoveries(p_values, alpha)
    best = np.lexsort((chosen, -scores))
    if wrong is not None:
        best = best[wrong[best]]
    units = compared.points.units
    found = [
        _outlier(
            space, session, compared, units, int(chosen[place]), scores[place], p_values[place]
        )
        for place in best[:topn].tolist()
    ]
    return Outliers(
        of,
        compared.points.encoder,
        "neighbors" if method == "auto" else method,
        found,
        len(chosen),
        None if reference is None else len(fitted),
        None if wrong is None else int(wrong.sum()),
        [compared.points.names[row] for row in compared.chosen[~known[compared.chosen]].tolist()],
        compared.unseen,
    )


def odd_one_out(
    space: SpacePoints, session: Session, items: Iterable[str], encoder: str | None
) -> str:
    """Find the item with the lowest mean cosine with the others; see `Space.odd_one_out`."""
    names = as_strings("items", items)
    if len(names) < 3:
        raise QueryError(f"the odd one out needs a list of three or more, got {names!r}")
    if encoder is None:
        encoder = space.usual_encoder if any(name in session.store for name in names) else WORDS
    X = unit_rows(space.pole(names, encoder))
    return names[int((X @ X.sum(axis=0) - np.square(row_norms(X))).argmin())]


def _detector(method: str, metric: str, seed: int) -> OutlierDetector:
    if method == "lof":
        return LocalOutliers()
    if method == "forest":
        return ForestOutliers(random_state=seed)
    if method == "reconstruction":
        return ReconstructionOutliers(random_state=seed)
    return NeighborOutliers(metric=metric, random_state=seed)


def _compared(
    space: SpacePoints, session: Session, of: str, where: str | None, reference: str | None
) -> _Compared:
    if of == WORDS:
        points = space.points(WORDS, topn=_MOST_WORDS)
        vectors = session.trained().vectors
        rows = [vectors.key_to_index[word] for word in points.names]
        counts = vectors.counts
        lengths = None if counts is None else np.asarray(counts)[rows]
        return _Compared(
            points, points.units, lengths, None, "cosine", np.arange(len(points)), None, 0
        )
    if of == VECTORS:
        points = space.points(VECTORS)
        metric = session.vectors().metric.value
        chosen, sound = _rows(space, points, where, reference)
        return _Compared(points, points.vectors, None, None, metric, chosen, sound, 0)
    points = space.points(DOCUMENTS, encoder=space.usual_encoder)
    chosen, sound = _rows(space, points, where, reference)
    latent, counts = _latent(session), space.term_counts().counts
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    linear = next((each for each in latent.linear if each.name == points.encoder), None)
    if linear is None or points.encoder == WORDS:
        return _Compared(points, points.vectors, lengths, None, "cosine", chosen, sound, 0)
    weights = unit_sparse(latent.statistics.bm25(counts))
    X = np.asarray(weights @ np.asarray(linear.projection), np.float32)
    return _Compared(points, X, lengths, weights, "ip", chosen, sound, _unseen(session, chosen))


def _latent(session: Session) -> LatentSpace:
    return session.search().model.space


def _unseen(session: Session, chosen: IntVector) -> int:
    """Count the documents that were added or changed after the space was learned."""
    store = session.store
    new = np.array(store.numbers_since(session.trained().change), np.int64)
    return int(np.isin(store.numbers()[chosen], new).sum())


def _rows(
    space: SpacePoints, points: Points, where: str | None, reference: str | None
) -> tuple[IntVector, IntVector | None]:
    """Return the rows to choose from, and those of the reference."""
    everything = np.arange(len(points))
    chosen = everything if where is None else _meeting(space, points, where)
    if reference is None:
        return chosen, None
    sound = _meeting(space, points, reference)
    if not len(sound):
        raise QueryError(f"nothing meets the condition {reference!r} of the reference")
    return np.setdiff1d(chosen, sound), sound


def _meeting(space: SpacePoints, points: Points, condition: str) -> IntVector:
    kind = VECTORS if points.encoder == VECTORS else DOCUMENTS
    ids = set(space.points(kind, encoder=points.encoder, where=condition).names)
    return np.flatnonzero([name in ids for name in points.names])


def _outlier(
    space: SpacePoints,
    session: Session,
    compared: _Compared,
    units: FloatMatrix,
    row: int,
    score: float,
    p_value: float,
) -> Outlier:
    points = compared.points
    cosines = units @ units[row]
    cosines[row] = -np.inf
    near = best_first(cosines, np.arange(len(points)), min(_NEAREST, len(points) - 1)).tolist()
    nearest = [
        NearbyDocument(points.names[r], float(cosines[r]), points.titles[r])
        for r in near
        if cosines[r] > 0
    ]
    words, explained = list[WeightedWord](), None
    if compared.weights is not None:
        words = _set_apart(space, session, compared, row, cosines)
        explained = float(np.square(compared.X[row]).sum())
    return Outlier(
        points.names[row],
        float(score),
        float(p_value),
        points.titles[row],
        words,
        explained,
        nearest,
    )


def _set_apart(
    space: SpacePoints, session: Session, compared: _Compared, row: int, cosines: FloatVector
) -> list[WeightedWord]:
    """Return the words of a document that have most weight beyond that in its neighbours."""
    latent, own = _latent(session), compared.weights[row]
    linear = next(each for each in latent.linear if each.name == compared.points.encoder)
    cosines[cosines > _COPY] = -np.inf
    products = np.where(np.isfinite(cosines), compared.X @ compared.X[row], -np.inf)
    near = best_first(products, np.arange(len(products)), _NEIGHBORS)
    mean = compared.X[near[np.isfinite(products[near])]].sum(axis=0) / _NEIGHBORS
    # Read back through the encoder, which is linear, they are weights of words.
    rest = own.data - linear.projection[own.indices] @ mean
    best = best_first(rest, own.indices, _WORDS)
    best = best[rest[best] > 0]
    wanted = [latent.terms.terms[column] for column in own.indices[best].tolist()]
    spelled = _spelled(space, session, compared.points.names[row], wanted)
    return list(map(WeightedWord, spelled, rest[best].tolist()))


def _spelled(space: SpacePoints, session: Session, id: str, terms: list[str]) -> list[str]:
    """Spell terms as a document does; its rarest words are not among those that were learned."""
    store, words = session.store, session.trained().analyzer.words
    number = store.number(id)
    own: dict[str, str] = {}
    for word in _WORD.findall(full_text(store.by_number([number])[number])):
        found = words(word)
        if len(found) == 1:
            own.setdefault(found[0], word.casefold())
    usual = space.spelled(terms)
    return [own.get(term, known) for term, known in zip(terms, usual, strict=True)]
