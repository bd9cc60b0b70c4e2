"""Paths from one point to another: through the space, through codes, or along neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import COUNT, Interval, check
from embedsearch._errors import QueryError, VectorError
from embedsearch._types import html_table
from embedsearch.index.neighbor_graph import neighbor_graph
from embedsearch.vectors.arrays import as_matrix, row_norms, unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from embedsearch._types import FloatMatrix
    from embedsearch.space.autoencoder import Autoencoder
    from embedsearch.space.points import Points
    from embedsearch.space.readout import WeightedWord

AT_LEAST_TWO = Interval(2, whole=True)
# A sine of an angle below this has no accuracy left: the points are in one direction.
_LEAST_SINE = 1e-4
# A step between points at the same place costs this, as a graph has no edges of 0.
_LEAST_COST = 1e-9
# Neighbours of each point, up to which ways are looked for.
_MOST_NEIGHBORS = 160


def straight(a: ArrayLike, b: ArrayLike, steps: int = 7) -> FloatMatrix:
    """Return points (steps, d) at equal distances on the line from a (d,) to b (d,).

    Raises:
        VectorError: a and b are not of one dimension, or hold NaN or infinity.
        ParameterError: `steps` is no whole number of 2 or more.
    """
    ends = _ends(a, b)
    t = _positions(steps)
    points: FloatMatrix = (1 - t) * ends[0] + t * ends[1]
    return points


def spherical(a: ArrayLike, b: ArrayLike, steps: int = 7) -> FloatMatrix:
    """Return points (steps, d) at equal angles on the arc from a (d,) to b (d,).

    Shoemake 1985, "Animating Rotation with Quaternion Curves". On a sphere it is the shortest way;
    the length goes evenly from that of a to that of b. A straight path between unit vectors goes
    inside the sphere, where no documents are.

    Raises:
        QueryError: a and b are opposite: every arc between them is as short.
        VectorError: One of them has length 0, or as for `straight`.
        ParameterError: `steps` is no whole number of 2 or more.
    """
    ends = _ends(a, b)
    lengths = row_norms(ends)
    if not lengths.all():
        raise VectorError("a vector of length 0 has no direction, so no arc leads to it")
    units = unit_rows(ends, lengths).astype(np.float64)
    # Exact also for small angles, as the arccosine of the product is not (Kahan).
    angle = 2 * np.arctan2(np.linalg.norm(units[0] - units[1]), np.linalg.norm(units[0] + units[1]))
    t = _positions(steps).astype(np.float64)
    if np.sin(angle) < _LEAST_SINE:
        if angle > np.pi / 2:
            raise QueryError("the two points are opposite: no arc between them is the shortest")
        arc = (1 - t) * units[0] + t * units[1]
    else:
        shares = np.sin((1 - t) * angle), np.sin(t * angle)
        arc = (shares[0] * units[0] + shares[1] * units[1]) / np.sin(angle)
    points: FloatMatrix = (arc * ((1 - t) * lengths[0] + t * lengths[1])).astype(np.float32)
    points[0], points[-1] = ends
    return points


def through_codes(a: ArrayLike, b: ArrayLike, model: Autoencoder, steps: int = 7) -> FloatMatrix:
    """Return points (steps, d) from a (d,) to b (d,), between them made from codes on a line.

    The ends are a and b themselves. The model is a fitted `Autoencoder`, or one with samples.

    Raises:
        NotFittedError: The model is not fitted.
        VectorError, ParameterError: As for `straight`.
    """
    ends = _ends(a, b)
    codes = model.transform(ends)
    points = model.inverse_transform(straight(codes[0], codes[1], steps))
    points[0], points[-1] = ends
    return points


class NeighborPath(NamedTuple):
    """A way from point to point.

    Attributes:
        rows: Of the points on it, from the first to the last.
        cosines: Of each step: one less than there are points.
        n_neighbors: How many neighbours of each point the graph had: as few as connect the ends.
    """

    rows: list[int]
    cosines: list[float]
    n_neighbors: int


def along_neighbors(X: ArrayLike, start: int, end: int, n_neighbors: int = 10) -> NeighborPath:
    """Return the shortest way between two of the points X (n, d) by steps to near neighbours.

    A step costs 1 less its cosine, half the squared distance on the sphere, so that many small
    steps are better than a great one. Points are joined if one is among the nearest of the other,
    by the cosine, and that is above 0. If this does not connect the ends, the neighbours of each
    are doubled, up to 160.

    Raises:
        QueryError: No way leads there, or an end has length 0.
        ParameterError: `start` or `end` is no row of X, or `n_neighbors` no whole number from 1.
        VectorError: X is not of the shape (n, d), or holds NaN or infinity.
    """
    units = unit_rows(as_matrix(X))
    n = len(units)
    check("n_neighbors", n_neighbors, COUNT)
    for name, row in (("start", start), ("end", end)):
        check(name, row, Interval(0, n - 1, whole=True))
    if start == end:
        return NeighborPath([start], [], n_neighbors)
    if not (units[start].any() and units[end].any()):
        raise QueryError("a point of length 0 is near no other: no way leads to it")
    k = min(n_neighbors, n - 1)
    while True:
        rows = _shortest(units, start, end, k)
        if rows:
            steps = [float(units[a] @ units[b]) for a, b in pairwise(rows)]
            return NeighborPath(rows, steps, k)
        if k >= min(_MOST_NEIGHBORS, n - 1):
            raise QueryError(
                f"no way leads there, even by {k} neighbours of each point: both ends are in "
                "parts of the space that are far apart"
            )
        k = min(2 * k, n - 1)


class PathStep(NamedTuple):
    """A place on a path.

    Attributes:
        position: From 0 to 1: which part of the steps lies behind it.
        name: The point that is passed or, between points, the nearest but for both ends.
        kind: Of that: "word", "document" or "vector".
        title: Of that.
        score: The cosine of that with the place: 1 if the path passes it.
        step: The cosine with the place before; None for the first.
        words: What the place itself says; empty if it cannot be read.
    """

    position: float
    name: str
    kind: str
    title: str
    score: float
    step: float | None
    words: list[WeightedWord]


@dataclass(frozen=True, slots=True, eq=False)
class PointPath:
    """A path through a space, place by place.

    Attributes:
        method: "neighbors", "straight", "spherical" or "codes".
        encoder: Whose space it is in.
        steps: Its places, from the first end to the last.
        vectors: (s, d) those of the places.
    """

    method: str
    encoder: str
    steps: list[PathStep]
    vectors: FloatMatrix

    @property
    def weakest(self) -> PathStep | None:
        """Where the greatest step ends; None if there is only one place."""
        found = [each for each in self.steps if each.step is not None]
        return min(found, key=lambda each: each.step or 0.0, default=None)

    def __str__(self) -> str:
        return " → ".join(step.title for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `weakest` is the number of the place where that step ends."""
        steps = [
            {**step._asdict(), "words": [word._asdict() for word in step.words]}
            for step in self.steps
        ]
        weakest = None if self.weakest is None else self.steps.index(self.weakest)
        return {
            "method": self.method,
            "encoder": self.encoder,
            "weakest": weakest,
            "steps": steps,
        }

    def _repr_html_(self) -> str:
        rows = [
            (step.title, f"{step.score:.3f}", ", ".join(word.word for word in step.words))
            for step in self.steps
        ]
        return html_table(("nearest", "score", "words"), rows)


def path_of(
    method: str, points: Points, vectors: FloatMatrix, words: list[list[WeightedWord]]
) -> PointPath:
    """Say what a path (s, d) passes or comes near to among points, and what its places say."""
    units, places = points.units, unit_rows(vectors)
    cosines = places @ units.T
    ends = [int(cosines[place].argmax()) for place in (0, -1)]
    cosines[1:-1, ends] = -np.inf
    steps = []
    for place, row in enumerate(cosines.argmax(axis=1).tolist()):
        steps.append(
            PathStep(
                place / max(len(places) - 1, 1),
                points.names[row],
                points.kinds[row],
                points.titles[row],
                float(cosines[place, row]),
                float(places[place] @ places[place - 1]) if place else None,
                words[place],
            )
        )
    return PointPath(method, points.encoder, steps, vectors)


def _shortest(units: FloatMatrix, start: int, end: int, k: int) -> list[int]:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    n = len(units)
    neighbors, cosines = neighbor_graph(units, k)
    heads = np.repeat(np.arange(n), k)
    costs = np.maximum(1 - cosines.ravel().astype(np.float64), _LEAST_COST)
    # Where fewer than k were found, the row is the point's own, with a cosine of 0.
    real = cosines.ravel() > 0
    graph = csr_matrix((costs[real], (heads[real], neighbors.ravel()[real])), (n, n))
    _, before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    if before[end] < 0:
        return []
    rows = [end]
    while rows[-1] != start:
        rows.append(int(before[rows[-1]]))
    return rows[::-1]


def _ends(a: ArrayLike, b: ArrayLike) -> FloatMatrix:
    first, last = as_matrix(a, "a"), as_matrix(b, "b")
    if len(first) != 1 or first.shape != last.shape:
        raise VectorError(
            f"a and b must be vectors of one dimension, got the shapes {np.shape(a)}, {np.shape(b)}"
        )
    return np.concatenate((first, last))


def _positions(steps: int) -> FloatMatrix:
    check("steps", steps, AT_LEAST_TWO)
    return np.linspace(0, 1, steps, dtype=np.float32)[:, np.newaxis]
