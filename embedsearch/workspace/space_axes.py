"""Axes of a workspace's space: `Space.axis` and `Space.axes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import COUNT, Choice, Optional, as_count, check
from embedsearch._errors import ParameterError, QueryError
from embedsearch._progress import listener_of
from embedsearch.space.axes import IndependentAxes, SemanticAxis, coherence
from embedsearch.space.describe import NearbyDocument
from embedsearch.space.options import AXES, DOCUMENTS, WORDS
from embedsearch.space.readout import WeightedWord
from embedsearch.vectors.arrays import unit_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.space.points import Points
    from embedsearch.space.readout import Readout
    from embedsearch.workspace.space_points import SpacePoints

# An end is named if its ten farthest points are at least so far out as part of the other end's.
_NAMED = 0.5
# Rarer words are often no words, and make axes of their own.
_MOST_WORDS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """An axis of a space, named at its ends.

    Attributes:
        encoder: Whose space it is in.
        method: How the words were found; see `Description`.
        words: Those of its positive end, strongest first.
        opposite: Those of its other end; none where that is no further out than most points.
        documents: The points farthest out at the positive end, with their positions; documents,
            or words if the axis was looked for among them.
        opposite_documents: Those at the other end, likewise.
        direction: (d,) of unit length.
        agreement: Of an axis from poles, the mean cosine of the axes of both halves of the poles;
            None if a pole has one point. Of one that the points have, its correlation with the
            nearest of another run.
        p_value: How often random poles agree so well; None if that was not tested.
        coherence: The mean cosine of the ten points farthest out at the positive end.
        model: What places points: `axis.model.transform(points)`; None for one of several.
    """

    encoder: str
    method: str
    words: list[WeightedWord]
    opposite: list[WeightedWord]
    documents: list[NearbyDocument]
    opposite_documents: list[NearbyDocument]
    direction: FloatVector
    agreement: float | None
    p_value: float | None
    coherence: float
    model: SemanticAxis | None = None

    def __str__(self) -> str:
        ends = (self.opposite, self.words)
        return " ↔ ".join(", ".join(each.word for each in end[:5]) or "…" for end in ends)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        listed = ("words", "opposite", "documents", "opposite_documents")
        return {
            "encoder": self.encoder,
            "method": self.method,
            **{name: [each._asdict() for each in getattr(self, name)] for name in listed},
            "agreement": self.agreement,
            "p_value": self.p_value,
            "coherence": self.coherence,
        }


def axis(
    space: SpacePoints,
    positive: str | Iterable[str] | None,
    negative: str | Iterable[str] | None,
    *,
    of: str,
    encoder: str | None,
    positive_where: str | None,
    negative_where: str | None,
    where: str | None,
    topn: int,
    refine: bool,
) -> Axis:
    """Find the axis between two poles; see `Space.axis`."""
    topn = as_count("topn", topn)
    check("of", of, Choice((DOCUMENTS, WORDS)))
    points = space.points(
        of, encoder=encoder or space.usual_encoder, where=_of_documents(of, where)
    )
    ends = [
        _pole(space, points, given, condition, name)
        for given, condition, name in (
            (negative, negative_where, "negative"),
            (positive, positive_where, "positive"),
        )
    ]
    by_words = positive_where is None and negative_where is None
    pool = space.points(WORDS, encoder=points.encoder) if by_words else points
    model = SemanticAxis(refine=refine).fit_poles(ends[0], ends[1], points, pool)
    positions = model.transform(points)[:, 0]
    tested = not np.isnan(model.agreement_)
    return _named(
        space.readout(points.encoder),
        points,
        positions,
        model.axis_,
        topn,
        agreement=float(model.agreement_) if tested else None,
        p_value=float(model.p_value_) if tested else None,
        model=model,
    )


def axes(
    space: SpacePoints,
    of: str,
    *,
    method: str,
    n_components: int | None,
    encoder: str | None,
    where: str | None,
    topn: int,
    seed: int,
    progress: Progress | None,
) -> list[Axis]:
    """Find the axes that the points have; see `Space.axes`."""
    topn = as_count("topn", topn)
    check("of", of, Choice((DOCUMENTS, WORDS)))
    check("method", method, Choice(AXES))
    check("n_components", n_components, Optional(COUNT))
    most = _MOST_WORDS if of == WORDS else None
    points = space.points(of, encoder=encoder, where=_of_documents(of, where), topn=most)
    if len(points) < 3:
        raise QueryError(f"{len(points)} points have no axes; at least three are needed")
    X, readout = points.units, space.readout(points.encoder)
    if method == "pca":
        directions, positions = _principal(X, n_components or 10)
        return [
            _named(readout, points, at, direction, topn)
            for direction, at in zip(directions, positions.T, strict=True)
        ]
    found = (
        IndependentAxes(n_components, random_state=seed).reported_to(listener_of(progress)).fit(X)
    )
    return [
        _named(readout, points, at, unit_rows(direction), topn, agreement=float(stable))
        for direction, at, stable in zip(
            found.mixing_, found.transform(X).T, found.stability_, strict=True
        )
    ]


def _of_documents(of: str, where: str | None) -> str | None:
    if where is not None and of != DOCUMENTS:
        raise ParameterError("where", "left out: words have no metadata", where)
    return where


def _pole(
    space: SpacePoints,
    points: Points,
    given: str | Iterable[str] | None,
    condition: str | None,
    name: str,
) -> FloatMatrix:
    if given is not None and condition is None:
        return space.pole(given, points.encoder)
    if given is not None or condition is None:
        raise ParameterError(name, f"given, or else {name}_where", given)
    chosen = space.points(DOCUMENTS, encoder=points.encoder, where=condition)
    if not len(chosen):
        raise QueryError(f"no document meets the condition {condition!r}")
    return chosen.vectors


def _principal(X: FloatMatrix, count: int) -> tuple[FloatMatrix, FloatMatrix]:
    """Return the directions of the largest variance, and the positions on them."""
    centred = X - X.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, ::-1][:, :count].T.astype(np.float32)
    positions = centred @ directions.T
    # The longer end is the positive one.
    signs = np.where((positions**3).mean(axis=0) < 0, -1, 1).astype(np.float32)
    return directions * signs[:, np.newaxis], positions * signs


def _named(
    readout: Readout,
    points: Points,
    positions: FloatVector,
    direction: FloatVector,
    topn: int,
    agreement: float | None = None,
    p_value: float | None = None,
    model: SemanticAxis | None = None,
) -> Axis:
    ordered = np.argsort(-positions, kind="stable")
    centre = float(np.median(positions))
    reach = positions[ordered[:10]].mean() - centre, centre - positions[ordered[-10:]].mean()
    both = model is not None or reach[1] >= _NAMED * reach[0]
    ends = np.stack((direction, -direction))
    words = _words_of(readout, points, ordered, ends, topn)
    far = [
        [
            NearbyDocument(points.names[row], float(positions[row]), points.titles[row])
            for row in end
        ]
        for end in (ordered[:topn].tolist(), ordered[::-1][:topn].tolist())
    ]
    return Axis(
        points.encoder,
        readout.method,
        words[0],
        words[1] if both else [],
        far[0],
        far[1] if both else [],
        direction,
        agreement,
        p_value,
        coherence(points.vectors, positions),
        model,
    )


def _words_of(
    readout: Readout, points: Points, ordered: Any, ends: FloatMatrix, topn: int
) -> list[list[WeightedWord]]:
    """Return the words of both ends: where the points are words, those farthest out."""
    if set(points.kinds) != {"word"}:
        return readout.words(ends, topn)
    places = ordered[:topn].tolist(), ordered[::-1][:topn].tolist()
    cosines = points.units @ ends.T
    return [
        [WeightedWord(points.names[row], float(cosines[row, end])) for row in rows]
        for end, rows in enumerate(places)
    ]
