"""Clusters and topics of a workspace's space: `Space.clusters` and `Space.topics`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._checks import (
    COUNT,
    NATURAL,
    STRING,
    Choice,
    Optional,
    as_count,
    as_strings,
    check,
)
from embedsearch._errors import InputError, QueryError
from embedsearch._fields import ABSENT, FieldPath
from embedsearch._progress import listener_of
from embedsearch._types import html_table
from embedsearch.search.latent_space import full_text
from embedsearch.space import coherence
from embedsearch.space.clusters import (
    SphericalKMeans,
    WardTree,
    concentration,
    fences,
    own_cosines,
    posterior,
)
from embedsearch.space.describe import NearbyDocument
from embedsearch.space.options import (
    CLUSTER_METHODS,
    CLUSTERS,
    DOCUMENTS,
    POINTS,
    TOPIC_METHODS,
    VECTORS,
    WORDS,
)
from embedsearch.space.readout import WeightedWord
from embedsearch.space.topics import TopicModel, sensible_rank
from embedsearch.vectors.arrays import best_first, unit_rows
from embedsearch.vectors.lsa import LSA
from embedsearch.workspace import space_results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.search.latent_space import TermDocuments
    from embedsearch.space.points import Points
    from embedsearch.workspace.session import Session
    from embedsearch.workspace.space_points import SpacePoints, TermCounts

NAME = "topics"
# Words whose coherence is measured, and points that stand for a cluster.
_MEASURED, _COMPARED, _EXAMPLES = 10, 25, 3
# Rarer words are often no words.
_MOST_WORDS = 10_000


class Assignment(NamedTuple):
    """Where a point belongs.

    Attributes:
        id: Its name.
        topic: The number of its topic or cluster, from 0; the nearest one.
        membership: How much it belongs there, 0 to 1.
        fits: Whether it lies as near as others there do; if not, it fits nowhere.
    """

    id: str
    topic: int
    membership: float
    fits: bool


class TopicQuality(NamedTuple):
    """How good the topics of a method are, by their 25 strongest words.

    Attributes:
        method: Its name.
        npmi: Coherence by pointwise mutual information over documents, -1 to 1.
        c_v: Coherence C_V, 0 to 1, which agrees with people best (Röder et al. 2015).
        diversity: The share of different words, 0 to 1.
        stability: How well the documents' topics agree with those of another seed: the adjusted
            Rand index, at most 1.
        cpu_seconds: What one run took.
    """

    method: str
    npmi: float
    c_v: float
    diversity: float
    stability: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, or a cluster.

    Attributes:
        number: From 0, the largest first.
        size: How many points it has.
        words: What it is about, strongest first.
        documents: The points that are most of it, with their cosines or shares.
        coherence: NPMI of its ten first words over the documents; None of a cluster.
    """

    number: int
    size: int
    words: list[WeightedWord]
    documents: list[NearbyDocument]
    coherence: float | None = None

    def __str__(self) -> str:
        return ", ".join(each.word for each in self.words)


@dataclass(frozen=True, slots=True, eq=False)
class Topics:
    """The topics of documents, or the clusters of points; `list(topics)` is a list of `Topic`.

    Attributes:
        topics: One each, the largest first.
        assignments: One for each point, in the order of `Space.points`.
        method: How they were found.
        encoder: Whose space it was.
        diversity: The share of different words among the ten first of all topics.
        values: What `over` asked for, such as years, rising; None if it did not.
        shares: (t, k) the share of each topic at each value; None likewise.
        model: The estimator: `TopicModel`, `SphericalKMeans` or `WardTree`.
    """

    topics: list[Topic]
    assignments: list[Assignment]
    method: str
    encoder: str
    diversity: float
    model: Any
    values: list[Any] | None = None
    shares: NDArray[np.float64] | None = None
    source: _Source | None = None

    def __len__(self) -> int:
        return len(self.topics)

    def __iter__(self) -> Iterator[Topic]:
        return iter(self.topics)

    def __getitem__(self, number: int) -> Topic:
        return self.topics[number]

    @property
    def misfits(self) -> list[Assignment]:
        """The points that fit nowhere, with the nearest topic."""
        return [each for each in self.assignments if not each.fits]

    def merge(self, groups: Sequence[Sequence[int]]) -> Topics:
        """Make one topic of each group of topics, such as `[[0, 3], [5, 6]]`; see `TopicModel`."""
        return self._remade(self._topic_model.merge(groups))

    def reduce(self, n_topics: int) -> Topics:
        """Merge the nearest topics until so many are left; see `TopicModel.reduce`."""
        return self._remade(self._topic_model.reduce(n_topics))

    def split(self, topic: int, n_topics: int = 2) -> Topics:
        """Make several topics of one; see `TopicModel.split`."""
        model, source = self._topic_model, self._own_source
        made = model.split(topic, source.counts.counts, n_topics, vectors=source.points.vectors)
        return self._remade(made)

    def keep(self) -> None:
        """Keep the topics in the workspace, in the place of earlier ones.

        `Space.kept_topics` gives them back, with the documents that there are then.

        Raises:
            QueryError: They are clusters, or of a selection of documents.
            StorageError, WorkspaceReadOnlyError: They cannot be written.
        """
        model, source = self._topic_model, self._own_source
        if source.where is not None:
            raise QueryError("only topics of all documents can be kept, not of a selection")
        facts, tensors = model.state()
        space_results.keep(source.session, NAME, {**facts, "encoder": self.encoder}, tensors)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        shares = None if self.shares is None else np.round(self.shares, 6).tolist()
        return {
            "method": self.method,
            "encoder": self.encoder,
            "diversity": self.diversity,
            "topics": [_plain(each) for each in self.topics],
            "assignments": [each._asdict() for each in self.assignments],
            "values": self.values,
            "shares": shares,
        }

    def _repr_html_(self) -> str:
        rows = [(str(each.number), f"{each.size:,}", str(each)) for each in self.topics]
        return html_table(("topic", "size", "words"), rows)

    @property
    def _topic_model(self) -> TopicModel:
        if not isinstance(self.model, TopicModel):
            raise QueryError("clusters cannot be changed: ask for topics, or cut the tree again")
        return self.model

    @property
    def _own_source(self) -> _Source:
        assert self.source is not None  # noqa: S101 - topics have one
        return self.source

    def _remade(self, model: TopicModel) -> Topics:
        return _described(self._own_source, model)


class _Source(NamedTuple):
    """The documents that topics are of."""

    space: SpacePoints
    points: Points
    counts: TermCounts
    topn: int
    over: list[Any] | None
    session: Session
    where: str | None


def topics(
    space: SpacePoints,
    session: Session,
    n_topics: int | None,
    *,
    method: str,
    encoder: str | None,
    where: str | None,
    over: str | None,
    topn: int,
    seed: int,
    progress: Progress | None,
) -> Topics:
    """Find the topics of documents; see `Space.topics`."""
    check("n_topics", n_topics, Optional(COUNT))
    check("method", method, Choice(TOPIC_METHODS))
    check("over", over, Optional(STRING))
    check("seed", seed, NATURAL)
    topn, listener = as_count("topn", topn), listener_of(progress)
    source = _source(space, session, encoder, where, over, topn)
    model = TopicModel(n_topics, method=method, random_state=seed).reported_to(listener)
    n = len(source.points)
    with listener.task(f"topics by {method}", n, "documents") as task:
        model.fit(source.counts.counts, vectors=source.points.vectors)
        task.advance(n)
    return _described(source, model)


def compare_topics(
    space: SpacePoints,
    session: Session,
    n_topics: int,
    methods: Iterable[str],
    *,
    encoder: str | None,
    seed: int,
    progress: Progress | None,
) -> list[TopicQuality]:
    """Compare methods of finding topics; see `Space.compare_topics`."""
    from sklearn.metrics import adjusted_rand_score

    n_topics, names = as_count("n_topics", n_topics), as_strings("methods", methods)
    for name in names:
        check("methods", name, Choice(TOPIC_METHODS))
    check("seed", seed, NATURAL)
    source = _source(space, session, encoder, None, None, _COMPARED)
    counts, vectors, results = source.counts.counts, source.points.vectors, []
    terms = _terms_in_order(session)
    with listener_of(progress).task("compare topics", 2 * len(names), "models") as task:
        for name in names:
            started, models = time.process_time(), []
            for each in (seed, seed + 1):
                model = TopicModel(n_topics, method=name, random_state=each)
                models.append(model.fit(counts, vectors=vectors))
                task.advance(1)
            spent = (time.process_time() - started) / 2
            words = [
                np.array([term for term, _ in each], np.int64)
                for each in models[0].top_terms(_COMPARED)
            ]
            results.append(
                TopicQuality(
                    name,
                    float(coherence.npmi(words, counts).mean()),
                    float(coherence.c_v(words, terms.ids, terms.bounds).mean()),
                    coherence.diversity(words),
                    float(adjusted_rand_score(models[0].labels_, models[1].labels_)),
                    spent,
                )
            )
    return results


def kept_topics(space: SpacePoints, session: Session, topn: int) -> Topics:
    """Return the topics that were kept, with all documents there are now."""
    topn = as_count("topn", topn)
    result = space_results.kept(session, NAME, "topics --keep")
    facts = dict(result.facts)
    encoder = facts.pop("encoder")
    tensors = {name: np.array(each) for name, each in result.tensors.items()}
    model = TopicModel.restore(facts, tensors)
    source = _source(space, session, encoder, None, None, topn)
    if model.method == CLUSTERS:
        points = space.points(DOCUMENTS, encoder=encoder)
        fewer = points.vectors[:, : model.centers_.shape[1]]
        source = source._replace(points=replace(points, vectors=fewer))
    # Later documents belong to the nearest topic, which stays what it is.
    counts, vectors = source.counts.counts, source.points.vectors
    model.labels_ = model.predict(counts, vectors=vectors)
    model.fits_ = model.fits(counts, vectors=vectors)
    return _described(source, model)


def clusters(
    space: SpacePoints,
    n_clusters: int | None,
    *,
    of: str,
    method: str,
    encoder: str | None,
    where: str | None,
    topn: int,
    seed: int,
) -> Topics:
    """Find the clusters of points; see `Space.clusters`."""
    check("n_clusters", n_clusters, Optional(COUNT))
    check("of", of, Choice(POINTS))
    check("method", method, Choice(CLUSTER_METHODS))
    check("seed", seed, NATURAL)
    topn = as_count("topn", topn)
    most = _MOST_WORDS if of == WORDS else None
    points = space.points(of, encoder=encoder, where=where, topn=most)
    _check_some(points)
    units = _fewer_dimensions(points).units
    model: SphericalKMeans | WardTree = SphericalKMeans(n_clusters, random_state=seed)
    if method == "ward":
        if n_clusters is None:
            n_clusters = len(model.fit(units).sizes_)
        model = WardTree(min(n_clusters, len(units)), random_state=seed)
    labels = model.fit(units).labels_
    k = int(labels.max()) + 1
    labels = _largest_first(labels, k)
    centers = _centers_of(replace(points, vectors=units), labels, k)
    sizes = np.bincount(labels, minlength=k)
    own = own_cosines(units, centers, labels)
    spread = concentration(units, centers, labels)
    shares = posterior(units @ centers.T, spread, sizes)
    said = _words_of(space, points, _centers_of(points, labels, k), topn)
    listed = [
        Topic(i, int(sizes[i]), said[i], _examples(points, own, labels == i)) for i in range(k)
    ]
    fits = own >= fences(own, labels, k)[labels]
    assigned = _assigned(points, labels, shares, fits)
    return Topics(listed, assigned, method, points.encoder, 1.0, model)


def _source(
    space: SpacePoints,
    session: Session,
    encoder: str | None,
    where: str | None,
    over: str | None,
    topn: int,
) -> _Source:
    search = session.search()
    with search.store.snapshot():
        points = space.points(DOCUMENTS, encoder=encoder, where=where)
        _check_some(points)
        points = _fewer_dimensions(points)
        counts = space.term_counts(where)
        values = None if over is None else _values(session, points, over)
    return _Source(space, points, counts, topn, values, session, where)


def _fewer_dimensions(points: Points) -> Points:
    """Return few documents in fewer dimensions of LSA, the first of which matter most."""
    if not points.encoder.startswith(LSA) or points.kinds[0] != "document":
        return points
    return replace(points, vectors=points.vectors[:, : sensible_rank(len(points))])


def _terms_in_order(session: Session) -> TermDocuments:
    search = session.search()
    texts = (full_text(document) for _, document in search.store.changed_since(0))
    return search.model.space.terms.documents(map(search.model.analyzer.words, texts))


def _check_some(points: Points) -> None:
    if not len(points):
        raise QueryError("there are no points to find topics or clusters of")


def _values(session: Session, points: Points, over: str) -> list[Any]:
    """Return the value of a field in each document, None where there is none."""
    field = FieldPath(over)
    found = [field.value(session.store.get(name).metadata) for name in points.names]
    values = [None if value is ABSENT else value for value in found]
    if all(value is None for value in values):
        raise QueryError(f"no document has the field {over!r}")
    for name, value in zip(points.names, values, strict=True):
        if not isinstance(value, str | int | float | None):
            raise InputError(f"the field {over!r} of {name} is no number or string: {value!r}")
    return values


def _described(source: _Source, model: TopicModel) -> Topics:
    """Say topics in words and by documents."""
    space, points, counts, topn = source.space, source.points, source.counts, source.topn
    terms = model.top_terms(max(topn, _MEASURED))
    columns = [np.array([term for term, _ in each[:_MEASURED]], np.int64) for each in terms]
    measured = coherence.npmi(columns, counts.counts)
    shares = model.transform(counts.counts, vectors=points.vectors)
    nearness = shares
    if model.method == CLUSTERS:
        nearness = points.units @ model.centers_.T
    own = nearness[np.arange(len(points)), model.labels_]
    sizes = np.bincount(model.labels_, minlength=len(terms))
    listed = []
    for number, each in enumerate(terms):
        spelled = space.spelled([counts.terms[term] for term, _ in each[:topn]])
        words = [WeightedWord(w, v) for w, (_, v) in zip(spelled, each, strict=False)]
        examples = _examples(points, own, model.labels_ == number)
        listed.append(Topic(number, int(sizes[number]), words, examples, float(measured[number])))
    values, over = (None, None) if source.over is None else model.over(source.over)
    return Topics(
        listed,
        _assigned(points, model.labels_, shares, model.fits_),
        model.method,
        points.encoder,
        coherence.diversity(columns),
        model,
        values,
        over,
        source,
    )


def _assigned(
    points: Points, labels: IntVector, shares: FloatMatrix, fits: NDArray[np.bool_]
) -> list[Assignment]:
    own = shares[np.arange(len(labels)), labels]
    columns = (points.names, labels.tolist(), own.tolist(), fits.tolist())
    return list(map(Assignment, *columns))


def _examples(points: Points, own: FloatVector, inside: NDArray[np.bool_]) -> list[NearbyDocument]:
    rows = np.flatnonzero(inside)
    rows = rows[best_first(own[rows], rows, _EXAMPLES)]
    return [NearbyDocument(points.names[i], float(own[i]), points.titles[i]) for i in rows]


def _centers_of(points: Points, labels: IntVector, k: int) -> FloatMatrix:
    sums = np.zeros((k, points.vectors.shape[1]))
    np.add.at(sums, labels, points.units)
    return unit_rows(sums)


def _words_of(
    space: SpacePoints, points: Points, centers: FloatMatrix, topn: int
) -> list[list[WeightedWord]]:
    if points.encoder == VECTORS:
        return [[] for _ in centers]
    return space.readout(points.encoder).words(centers, topn)


def _largest_first(labels: IntVector, k: int) -> IntVector:
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    renumbered: IntVector = np.argsort(order)[labels]
    return renumbered


def _plain(topic: Topic) -> dict[str, Any]:
    values = asdict(topic)
    values["words"] = [each._asdict() for each in topic.words]
    values["documents"] = [each._asdict() for each in topic.documents]
    return values
