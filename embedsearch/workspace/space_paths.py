"""Paths between points of a workspace's space: `Space.path`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import COUNT, STRING, Choice, as_count, check
from embedsearch._errors import QueryError
from embedsearch.space.autoencoder import Autoencoder
from embedsearch.space.options import DOCUMENTS, PATHS, VECTORS, WORDS
from embedsearch.space.paths import (
    AT_LEAST_TWO,
    along_neighbors,
    path_of,
    spherical,
    straight,
    through_codes,
)
from embedsearch.space.points import Points
from embedsearch.workspace.space_generation import fitted, points_of, words_of

if TYPE_CHECKING:
    from embedsearch._progress import Progress
    from embedsearch.space.paths import PointPath
    from embedsearch.workspace.session import Session
    from embedsearch.workspace.space_points import SpacePoints


def path(
    space: SpacePoints,
    session: Session,
    start: str,
    end: str,
    *,
    method: str,
    of: str | None,
    encoder: str | None,
    where: str | None,
    steps: int,
    n_neighbors: int,
    topn: int,
    progress: Progress | None,
) -> PointPath:
    """Find a path between two points; see `Space.path`."""
    check("start", start, STRING)
    check("end", end, STRING)
    check("method", method, Choice(PATHS))
    check("steps", steps, AT_LEAST_TWO)
    check("n_neighbors", n_neighbors, COUNT)
    topn = as_count("topn", topn)
    points = points_of(space, _kind(session, start, end) if of is None else of, encoder, where)
    model = None
    if method == "codes":
        name = f"autoencoder-{points.kinds[0]}s"
        made_of = {"encoder": points.encoder, "where": where, "points": len(points)}
        model = fitted(session, name, Autoencoder(), points.vectors, made_of, progress)
    points, ends = _with_ends(space, points, start, end)
    if points.names[ends[0]] == points.names[ends[1]]:
        raise QueryError(f"both ends are {start!r}: there is no way to go")
    if method == "neighbors":
        found = along_neighbors(points.vectors, ends[0], ends[1], n_neighbors)
        vectors = points.vectors[found.rows]
    else:
        a, b = points.vectors[ends]
        if model is not None:
            vectors = through_codes(a, b, model, steps)
        else:
            vectors = (spherical if method == "spherical" else straight)(a, b, steps)
    words = words_of(space, points.encoder, vectors, topn)
    return path_of(method, points, vectors, words)


def _kind(session: Session, start: str, end: str) -> str:
    """Return what both ends are: words, unless one is the id of a document or no single word."""
    store, words = session.store, session.words()
    return WORDS if all(name in words and name not in store for name in (start, end)) else DOCUMENTS


def _with_ends(space: SpacePoints, points: Points, *ends: str) -> tuple[Points, list[int]]:
    """Return the rows of both ends; one that is no point yet, such as a text, is added."""
    rows = []
    for end in ends:
        if end not in points.names:
            if points.encoder == VECTORS:
                points.row(end)
            vector = space.pole(end, points.encoder).astype(np.float32)
            points += Points.of([end], vector, "text", points.encoder)
        rows.append(points.row(end))
    return points, rows
