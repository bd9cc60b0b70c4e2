"""What to read next: `Space.recommend`, by content or by what others have read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import (
    BOOLEAN,
    STRING,
    Instance,
    Optional,
    as_count,
    as_number,
    as_strings,
    check,
)
from embedsearch._errors import (
    InputError,
    ParameterError,
    QueryError,
    SourceFormatError,
    UnknownDocumentError,
)
from embedsearch._progress import listener_of
from embedsearch.evaluation.files import numbered_lines
from embedsearch.vectors.arrays import best_first
from embedsearch.workspace.space_results import keep, kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._progress import Progress
    from embedsearch.space.points import Points
    from embedsearch.space.recommendation import ImplicitFactors
    from embedsearch.workspace.session import Session
    from embedsearch.workspace.space_points import SpacePoints

Interaction = tuple[str, str] | tuple[str, str, float]
_KEPT = "recommend"
_COMMAND = "recommend ID --interactions FILE"


class Recommendation(NamedTuple):
    """A document to read next.

    Attributes:
        id: Its id.
        score: By content, the likeness of `Documents.most_similar`; by interactions, how far it
            is preferred: about 1 for what is surely read, about 0 for what is not.
        title: Its title, or how its text begins.
        because: The id of the document that was read and speaks most for it; None if none does.
        because_title: The title of that.
    """

    id: str
    score: float
    title: str
    because: str | None
    because_title: str


def recommend(
    space: SpacePoints,
    session: Session,
    read: str | Iterable[str],
    unread: str | Iterable[str],
    *,
    interactions: str | Path | Iterable[Interaction] | None,
    user: str | None,
    learned: bool,
    topn: int,
    where: str | None,
    progress: Progress | None,
) -> list[Recommendation]:
    """Recommend documents; see `Space.recommend`."""
    topn = as_count("topn", topn)
    check("where", where, Optional(STRING))
    wanted, refused = _ids("read", read), _ids("unread", unread)
    _check_together(wanted, refused, interactions, user, learned=learned)
    if interactions is None and not learned:
        return _by_content(space, session, wanted, refused, topn, where)
    points = space.points()
    row_of = {id: row for row, id in enumerate(points.names)}
    weights = dict.fromkeys(wanted, 1.0) | dict.fromkeys(refused, -1.0)
    for id in weights:
        if id not in row_of:
            raise UnknownDocumentError(id, session.store.similar_ids(id))
    if interactions is None:
        model = _restored(session, points)
    else:
        table = _Table.of(interactions, row_of, listener_of(progress))
        model = _fitted(session, points, table, listener_of(progress))
        if user is not None:
            weights = table.of_user(user, points.names) | weights
    rows = {row_of[id]: weight for id, weight in weights.items()}
    return _by_factors(model, points, rows, topn, _allowed(session, row_of, where))


def _allowed(session: Session, row_of: dict[str, int], where: str | None) -> Any:
    """Return the rows of the documents that meet a condition; None for all."""
    if where is None:
        return None
    ids = session.store.ids_of(session.store.matching(where).tolist()).values()
    return np.array([row_of[id] for id in ids if id in row_of], np.int64)


def _check_together(
    wanted: list[str], refused: list[str], interactions: object, user: str | None, *, learned: bool
) -> None:
    check("user", user, Optional(STRING))
    check("learned", learned, BOOLEAN)
    if learned and interactions is not None:
        raise ParameterError("learned", "False if interactions are given", learned)
    if user is not None and interactions is None:
        raise ParameterError("user", "left out without interactions: users are not kept", user)
    if not wanted and user is None:
        raise QueryError("nothing that was read is given: name documents, or a user")
    if both := {*wanted} & {*refused}:
        raise QueryError(f"{min(both)!r} is both read and unread")


def _ids(name: str, given: str | Iterable[str]) -> list[str]:
    return list(dict.fromkeys([given] if isinstance(given, str) else as_strings(name, given)))


def _by_content(
    space: SpacePoints,
    session: Session,
    read: list[str],
    unread: list[str],
    topn: int,
    where: str | None,
) -> list[Recommendation]:
    hits = session.search().most_similar(read, unread, topn, where)
    points = space.points(encoder=space.usual_encoder)
    row_of = {id: row for row, id in enumerate(points.names)}
    own = [row_of[id] for id in read]
    found = []
    for hit in hits:
        row = row_of[hit.id]
        because = own[int(np.argmax(points.vectors[own] @ points.vectors[row]))]
        names, titles = points.names, points.titles
        found.append(
            Recommendation(hit.id, hit.score, titles[row], names[because], titles[because])
        )
    return found


def _by_factors(
    model: ImplicitFactors,
    points: Points,
    weights: dict[int, float],
    topn: int,
    allowed: Any,
) -> list[Recommendation]:
    row = np.zeros((1, len(points)), np.float32)
    row[0, list(weights)] = list(weights.values())
    factor = model.transform(row)
    if not factor.any():
        raise QueryError(
            "nobody has read any of the documents that were read: nothing can be concluded"
        )
    scores = model.inverse_transform(factor)[0]
    scores[list(weights)] = -np.inf
    if allowed is not None:
        others = np.ones(len(scores), bool)
        others[allowed] = False
        scores[others] = -np.inf
    best = best_first(scores, np.arange(len(scores)), topn)
    best = best[np.isfinite(scores[best])]
    parts = model.contributions(row, best)
    found = []
    for item, part in zip(best.tolist(), parts, strict=True):
        because = int(part.argmax())
        known = part[because] > 0
        found.append(
            Recommendation(
                points.names[item],
                float(scores[item]),
                points.titles[item],
                points.names[because] if known else None,
                points.titles[because] if known else "",
            )
        )
    return found


def _fitted(session: Session, points: Points, table: _Table, progress: Progress) -> ImplicitFactors:
    """Learn the factors, and keep them for later questions."""
    from embedsearch.space.recommendation import ImplicitFactors

    model = ImplicitFactors().reported_to(progress).fit(table.matrix, content=points.vectors)
    facts, tensors = model.state()
    keep(session, _KEPT, {"model": facts, "ids": list(points.names)}, tensors)
    return model


def _restored(session: Session, points: Points) -> ImplicitFactors:
    """Return the factors that were learned last, of the documents there are now."""
    from embedsearch.space.recommendation import ImplicitFactors

    result = kept(session, _KEPT, _COMMAND)
    model = ImplicitFactors.restore(result.facts["model"], result.tensors)
    row_of = {id: row for row, id in enumerate(result.facts["ids"])}
    rows = np.array([row_of.get(id, -1) for id in points.names])
    old = rows >= 0
    # Later documents are placed by their content.
    factors = points.vectors @ model.content_map_
    factors[old] = model.item_factors_[rows[old]]
    seen = np.zeros(len(points), bool)
    seen[old] = model.seen_[rows[old]]
    model.item_factors_, model.seen_, model.n_features_in_ = factors, seen, len(points)
    return model


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Who has read what."""

    users: dict[str, int]
    matrix: Any  # (n_users, n_documents) scipy.sparse.csr_matrix

    @classmethod
    def of(
        cls,
        given: str | Path | Iterable[Interaction],
        row_of: dict[str, int],
        progress: Progress,
    ) -> _Table:
        """Read interactions; documents that do not exist are counted and left out."""
        from scipy import sparse

        users: dict[str, int] = {}
        rows, columns, weights = list[int](), list[int](), list[float]()
        unknown = set[str]()
        lines = _read(given) if isinstance(given, str | os.PathLike) else _checked(given)
        for user, document, weight in lines:
            column = row_of.get(document)
            if column is None:
                unknown.add(document)
                continue
            rows.append(users.setdefault(user, len(users)))
            columns.append(column)
            weights.append(weight)
        if not rows:
            raise InputError("the interactions name no document of this workspace")
        if unknown:
            progress.note(
                f"interactions with documents that do not exist were left out: "
                f"{len(unknown):,} ids, such as {min(unknown)!r}"
            )
        shape = len(users), len(row_of)
        matrix = sparse.csr_matrix((np.array(weights, np.float32), (rows, columns)), shape)
        return cls(users, matrix)

    def of_user(self, user: str, ids: tuple[str, ...]) -> dict[str, float]:
        """Return what a user has read, with the weights."""
        if user not in self.users:
            raise QueryError(f"the interactions have no user {user!r}, or no document of theirs")
        row = self.matrix[self.users[user]]
        return {
            ids[column]: weight
            for column, weight in zip(row.indices.tolist(), row.data.tolist(), strict=True)
        }


def _read(path: str | os.PathLike[str]) -> Iterator[tuple[str, str, float]]:
    """Read lines of user, document and perhaps a weight, with tabs or commas between them."""
    separator = None
    for number, line in numbered_lines(os.fspath(path)):
        first = separator is None
        separator = separator or ("\t" if "\t" in line else ",")
        fields = [field.strip() for field in line.split(separator)]
        if not 2 <= len(fields) <= 3 or not all(fields[:2]):
            reason = "must have a user, a document and perhaps a weight, with tabs or commas"
            raise SourceFormatError(os.fspath(path), reason, number)
        try:
            weight = float(fields[2]) if len(fields) == 3 else 1.0
        except ValueError:
            weight = np.nan
        if not abs(weight) < _MOST:
            # A header.
            if first:
                continue
            reason = f"has {fields[2]!r} where a weight is due, a number"
            raise SourceFormatError(os.fspath(path), reason, number)
        yield fields[0], fields[1], weight


def _checked(given: object) -> Iterator[tuple[str, str, float]]:
    allowed = "a file, or tuples of user, document and perhaps a weight"
    check("interactions", given, Instance(Iterable, allowed))
    assert isinstance(given, Iterable)  # noqa: S101 - checked above
    for one in given:
        values = tuple(one) if isinstance(one, Iterable) and not isinstance(one, str) else ()
        weight = as_number(values[2]) if len(values) == 3 else 1.0
        names = values[:2]
        if (
            len(values) not in (2, 3)
            or not all(isinstance(name, str) for name in names)
            or weight is None
            or not abs(weight) < _MOST
        ):
            raise ParameterError("interactions", allowed, one)
        yield names[0], names[1], weight


# Weights are float32, and multiplied.
_MOST = 1e9
