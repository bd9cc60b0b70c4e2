"""Maps of a workspace's space: `Space.map`."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._checks import NATURAL, STRING, Choice, Interval, Optional, check
from embedsearch._errors import QueryError
from embedsearch._fields import ABSENT, FieldPath
from embedsearch._progress import listener_of
from embedsearch.space.map_files import OTHER, Map, Region
from embedsearch.space.maps import Faithfulness, SpaceMap, faithfulness
from embedsearch.space.options import MAP_METHODS
from embedsearch.vectors.arrays import unit_rows
from embedsearch.workspace.space_results import keep, kept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix
    from embedsearch.space.points import Points
    from embedsearch.workspace.session import Session
    from embedsearch.workspace.space_points import SpacePoints

# Regions a map can have; their numbers go into a byte each.
_REGIONS = Interval(1, 250, whole=True)
# Groups that have a colour of their own, and words that name a region.
_MOST_GROUPS, _WORDS = 20, 3
_NAME = "map"


def make_map(
    space: SpacePoints,
    session: Session,
    what: str | Iterable[str],
    *,
    method: str,
    n_components: int,
    n_neighbors: int | None,
    encoder: str | None,
    where: str | None,
    topn: int | None,
    color: str | None,
    n_regions: int | None,
    seed: int,
    progress: Progress | None,
) -> Map:
    """Make a map, and keep it; see `Space.map`."""
    check("method", method, Choice(MAP_METHODS))
    check("n_components", n_components, Interval(1, 3, whole=True))
    check("color", color, Optional(STRING))
    check("n_regions", n_regions, Optional(_REGIONS))
    check("seed", seed, NATURAL)
    listener = listener_of(progress)
    points = space.points(what, encoder=encoder, where=where, topn=topn)
    if not len(points):
        raise QueryError("there is nothing to put on a map: no point meets the condition")
    model = SpaceMap(
        method, n_components=n_components, n_neighbors=n_neighbors, random_state=seed
    ).reported_to(listener)
    model.fit(points.vectors)
    with listener.task("faithfulness"):
        model.measure(points.vectors)
    facts, tensors = model.state()
    asked = [what] if isinstance(what, str) else list(what)
    request = {"what": asked, "encoder": points.encoder, "where": where, "topn": topn}
    head = {"model": facts, "request": request, "names": points.names, "kinds": points.kinds}
    keep(session, _NAME, head, tensors)
    return _finished(space, session, points, model, model.embedding_, color, n_regions, seed)


def place_on_map(
    space: SpacePoints, session: Session, color: str | None, n_regions: int | None, seed: int
) -> Map:
    """Put the points that there are now on the map that was kept; see `Space.map`."""
    check("color", color, Optional(STRING))
    check("n_regions", n_regions, Optional(_REGIONS))
    check("seed", seed, NATURAL)
    result = kept(session, _NAME, "map")
    facts = result.facts
    model = SpaceMap.restore(facts["model"], {k: np.array(v) for k, v in result.tensors.items()})
    request = facts["request"]
    points = space.points(
        request["what"], encoder=request["encoder"], where=request["where"], topn=request["topn"]
    )
    rows = {key: row for row, key in enumerate(zip(facts["kinds"], facts["names"], strict=True))}
    known = np.array(
        [rows.get(key, -1) for key in zip(points.kinds, points.names, strict=True)], np.int64
    )
    embedding = np.zeros((len(points), model.embedding_.shape[1]), np.float32)
    embedding[known >= 0] = model.embedding_[known[known >= 0]]
    if (new := known < 0).any():
        embedding[new] = model.transform(points.vectors[new])
    note = f"{int(new.sum()):,} of {len(points):,} points are new on the map"
    return _finished(space, session, points, model, embedding, color, n_regions, seed, (note,))


def _finished(
    space: SpacePoints,
    session: Session,
    points: Points,
    model: SpaceMap,
    embedding: FloatMatrix,
    color: str | None,
    n_regions: int | None,
    seed: int,
    notes: tuple[str, ...] = (),
) -> Map:
    numbers = _regions(embedding, n_regions, seed)
    labels = _labels(space, points, numbers)
    sizes = np.bincount(numbers)
    regions = []
    for r in np.argsort(-sizes, kind="stable").tolist():
        x, y = np.median(embedding[numbers == r, :2], axis=0).tolist()
        regions.append(Region(x, y, int(sizes[r]), labels[r]))
    names = [labels[r] for r in numbers] if color is None else _values(session, points, color)
    common = [name for name, _ in Counter(names).most_common()]
    if color is not None and len(common) > _MOST_GROUPS:
        common = [*common[: _MOST_GROUPS - 1], OTHER]
    place = {name: group for group, name in enumerate(common)}
    groups = np.array([place.get(name, len(common) - 1) for name in names], np.intp)
    true = Faithfulness(model.trustworthiness_, model.neighbors_kept_, model.faithfulness_)
    if len(true.points) != len(points):
        true = faithfulness(points.units, embedding)
    return Map(
        points,
        embedding,
        model.method_,
        groups,
        tuple(common),
        tuple(regions),
        true.trustworthiness,
        true.neighbors_kept,
        true.points,
        notes,
    )


def _regions(embedding: FloatMatrix, n_regions: int | None, seed: int) -> NDArray[np.intp]:
    """Part a map into regions by k-means: the number of each point's."""
    from sklearn.cluster import KMeans

    n = len(embedding)
    distinct = len(np.unique(embedding, axis=0))
    k = n_regions or int(np.clip(round(np.sqrt(n) / 2.5), 1, 40))
    found = KMeans(min(k, distinct), n_init=1, random_state=seed).fit_predict(embedding)
    # Numbers without gaps, should a cluster be empty.
    numbers: NDArray[np.intp] = np.unique(found, return_inverse=True)[1]
    return numbers


def _labels(space: SpacePoints, points: Points, numbers: NDArray[np.intp]) -> list[str]:
    """Name each region by the words in which it differs from the others."""
    regions = int(numbers.max()) + 1
    try:
        readout = space.readout(points.encoder)
    except QueryError:
        return [f"region {r + 1}" for r in range(regions)]
    X = points.units
    sums = np.stack([X[numbers == r].sum(axis=0) for r in range(regions)])
    sizes = np.bincount(numbers, minlength=regions)[:, np.newaxis]
    means = sums / sizes
    if regions > 1:
        means = means - (sums.sum(axis=0) - sums) / (len(X) - sizes)
    found = readout.words(unit_rows(means.astype(np.float32)), _WORDS)
    labels = [", ".join(each.word for each in words) for words in found]
    return [label or f"region {r + 1}" for r, label in enumerate(labels)]


def _values(session: Session, points: Points, color: str) -> list[str]:
    """Return the value of a field of each document; numbers of many values in eight parts."""
    path, store = FieldPath(color), session.store
    store.check_field(color)
    found: list[Any] = []
    for name, kind in zip(points.names, points.kinds, strict=True):
        if kind == "word":
            found.append(ABSENT)
            continue
        found.append(path.value(store.get(name).metadata))
    numbers = [value for value in found if _is_number(value)]
    if len(set(numbers)) > _MOST_GROUPS:
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, 9)))
        parts = [f"{a:g} to {b:g}" for a, b in pairwise(edges)]
        found = [
            parts[min(int(np.searchsorted(edges, v, "right")) - 1, len(parts) - 1)]
            if _is_number(v)
            else v
            for v in found
        ]
    words = [f"no {color}" if value is ABSENT else str(value) for value in found]
    return ["word" if k == "word" else w for k, w in zip(points.kinds, words, strict=True)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
