"""Documents given as examples, and documents like them, against sums written out in numpy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import embedsearch as es
from embedsearch import Document, ParameterError
from embedsearch.search.related import UNLIKE, Related, as_examples, likeness
from embedsearch.text.corpora import PlantedCorpus

TEXT = Document("", "a text")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a", [("a", 1.0)]),
        (("a", 0.5), [("a", 0.5)]),
        (TEXT, [(TEXT, 1.0)]),
        ((TEXT, 2), [(TEXT, 2.0)]),
        (["a", ("b", 3), TEXT], [("a", 1.0), ("b", 3.0), (TEXT, 1.0)]),
        (("a", "b"), [("a", 1.0), ("b", 1.0)]),
        (iter(["a"]), [("a", 1.0)]),
        ((), []),
    ],
)
def test_examples_may_be_given_in_several_ways(given: object, expected: object) -> None:
    assert as_examples(given, "positive") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [5, [5], [None], [("a", "b", "c")], [b"a"]])
def test_what_is_no_example_is_named(given: object) -> None:
    with pytest.raises(ParameterError, match=r"positive must be an id|each of positive must be"):
        as_examples(given, "positive")  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), "2"])
def test_a_weight_must_be_above_zero(weight: object) -> None:
    with pytest.raises(ParameterError, match="a weight in negative must be a number above 0"):
        as_examples([("a", weight)], "negative")  # type: ignore[list-item]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> es.Workspace:
    workspace = es.create(tmp_path_factory.mktemp("related") / "planted.es")
    documents = (es.Document(d.id, d.text, d.metadata) for d in PlantedCorpus(documents=400))
    workspace.add(documents)
    workspace.train(vector_size=30, epochs=5, workers=1)
    return workspace


def cosines(ws: es.Workspace) -> NDArray[np.float64]:
    """The mean cosine of all pairs of documents, over all spaces: `(n, n)`."""
    search = ws._session.search()
    current = search.current()
    order = current.rows.in_order
    spaces = [np.asarray(ws.documents.vectors)]
    spaces += [current.latent.take(order)[:, block.columns] for block in search.model.space.blocks]
    means = [X.astype(np.float64) @ X.T.astype(np.float64) for X in spaces]
    return np.asarray(sum(means) / len(means))


def expected(ws: es.Workspace, like: Sequence[str], unlike: Sequence[str] = ()) -> dict[str, float]:
    ids, C = list(ws.documents), cosines(ws)
    places = {id: place for place, id in enumerate(ids)}

    def agreement(examples: Sequence[str]) -> NDArray[np.float64]:
        columns = C[:, [places[id] for id in examples]]
        return np.asarray((columns.mean(axis=1) + columns.max(axis=1)) / 2)

    scores = agreement(like) - (UNLIKE * agreement(unlike) if unlike else 0)
    return {id: float(scores[places[id]]) for id in ids if id not in {*like, *unlike}}


def found(hits: es.Hits) -> dict[str, float]:
    return {hit.id: hit.score for hit in hits}


def test_one_example_is_scored_by_the_mean_of_cosines(ws: es.Workspace) -> None:
    id = next(iter(ws.documents))
    hits = ws.documents.most_similar(id, topn=10**6)
    assert found(hits) == pytest.approx(expected(ws, [id]), abs=1e-5)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert hits[:10] == ws.documents.most_similar(id)


def test_several_examples_and_unwanted_ones_are_weighed_up(ws: es.Workspace) -> None:
    like, unlike = list(ws.documents)[:3], list(ws.documents)[7:9]
    hits = ws.documents.most_similar(like, negative=unlike, topn=10**6)
    assert found(hits) == pytest.approx(expected(ws, like, unlike), abs=1e-5)


def test_likeness_is_half_the_mean_and_half_the_greatest_by_weight() -> None:
    S = np.array([[0.2, 0.8], [0.6, 0.1]], np.float32)
    weights = np.array([1.0, 3.0], np.float32)
    first = ((0.2 + 3 * 0.8) / 4 + 0.8) / 2
    second = ((0.6 + 3 * 0.1) / 4 + 0.6 / 3) / 2
    np.testing.assert_allclose(likeness(S, weights), [first, second], rtol=1e-6)


def test_weights_move_the_hits_towards_what_weighs_more(ws: es.Workspace) -> None:
    topics: dict[object, str] = {}
    for id, document in ws.documents.items():
        topics.setdefault(document.metadata["topic"], id)
    (topic, one), (other, two) = list(topics.items())[:2]
    hits = ws.documents.most_similar([(one, 20.0), two], topn=10)
    counts = Counter[object](hit.metadata["topic"] for hit in hits)
    assert counts[topic] >= 6
    assert counts[other] <= 2
    hits = ws.documents.most_similar([one, (two, 20.0)], topn=10)
    counts = Counter[object](hit.metadata["topic"] for hit in hits)
    assert counts[other] >= 6
    assert counts[topic] <= 2


def test_readers_of_two_topics_are_told_of_both(ws: es.Workspace) -> None:
    topics: dict[object, list[str]] = {}
    for id, document in ws.documents.items():
        topics.setdefault(document.metadata["topic"], []).append(id)
    one, two = list(topics)[:2]
    hits = ws.documents.most_similar([*topics[one][:3], *topics[two][:3]], topn=10)
    counts = [[hit.metadata["topic"] for hit in hits].count(topic) for topic in (one, two)]
    assert sum(counts) >= 9
    assert min(counts) >= 2


def test_what_is_unlike_the_unwanted_moves_up(ws: es.Workspace) -> None:
    ids = list(ws.documents)
    topic = ws.documents[ids[0]].metadata["topic"]
    other = next(id for id in ids if ws.documents[id].metadata["topic"] != topic)
    places = {
        hit.id: place for place, hit in enumerate(ws.documents.most_similar(ids[0], topn=400))
    }
    nearest = ws.documents.most_similar(other, topn=1)[0].id
    less = ws.documents.most_similar(ids[0], [other], topn=400)
    assert [hit.id for hit in less].index(nearest) > places[nearest]


def test_a_condition_leaves_as_many_as_there_are(ws: es.Workspace) -> None:
    id = next(iter(ws.documents))
    topics = {document.metadata["topic"] for document in ws.documents.values()}
    topic = sorted(map(str, topics - {ws.documents[id].metadata["topic"]}))[0]
    hits = ws.documents.most_similar(id, topn=10**6, where=f"topic = '{topic}'")
    there = {d.id for d in ws.documents.values() if d.metadata["topic"] == topic}
    assert {hit.id for hit in hits} == there
    everything = expected(ws, [id])
    assert found(hits) == pytest.approx({other: everything[other] for other in there}, abs=1e-5)


def test_a_text_from_elsewhere_is_an_example_too(ws: es.Workspace) -> None:
    id = next(iter(ws.documents))
    hits = ws.documents.most_similar(es.Document("", ws.documents[id].text), topn=400)
    assert hits[0].id == id
    assert hits[0].score == pytest.approx(1, abs=1e-4)
    assert found(hits[1:]) == pytest.approx(expected(ws, [id]), abs=1e-4)  # type: ignore[arg-type]


def test_proposed_candidates_lose_next_to_nothing(ws: es.Workspace) -> None:
    like, unlike = list(ws.documents)[:2], list(ws.documents)[5]
    exact = ws.documents.most_similar(like, unlike)
    search = ws._session.search()
    vectors = search.current()
    related = Related(vectors, vectors.index(None, 10), search.model, search.encoder, proposed=60)
    wanted, unwanted = (
        related.examples(as_examples(given, "examples"), search.store) for given in (like, unlike)
    )
    numbers, scores = related.rank(wanted, unwanted, 10)
    ids = search.store.ids_of(numbers.tolist())
    assert [ids[number] for number in numbers.tolist()] == [hit.id for hit in exact]
    assert scores.tolist() == [hit.score for hit in exact]
    assert len(related.rank(wanted, unwanted, 10**6)[0]) == len(ws.documents) - 3


def test_what_cannot_be_asked_says_why(ws: es.Workspace) -> None:
    id = next(iter(ws.documents))
    with pytest.raises(es.QueryError, match="no known words"):
        ws.documents.most_similar(es.Document("", "xyzzy plugh"))
    with pytest.raises(es.QueryError, match="at least one document"):
        ws.documents.most_similar([], negative=id)
    with pytest.raises(es.QueryError, match=f"'{id}' is among what to be like and"):
        ws.documents.most_similar(id, negative=[id])
    with pytest.raises(es.UnknownDocumentError, match="'nowhere'"):
        ws.documents.most_similar([id, "nowhere"])
    with pytest.raises(es.QueryError, match="colour"):
        ws.documents.most_similar(id, where="colour = 3")


def test_documents_added_later_are_found_and_deleted_ones_are_not(tmp_path: Path) -> None:
    with es.create(tmp_path / "a.es") as ws:
        ws.add(es.Document(d.id, d.text, d.metadata) for d in PlantedCorpus(documents=100))
        ws.train(vector_size=20, epochs=3, workers=1)
        first, second = list(ws.documents)[:2]
        ws.add([es.Document("twin", ws.documents[first].text)])
        assert ws.documents.most_similar(first, topn=1)[0].id == "twin"
        ws.delete(["twin", second])
        hits = ws.documents.most_similar(first, topn=1000)
        assert {hit.id for hit in hits} == set(ws.documents) - {first}
