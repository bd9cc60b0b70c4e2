"""Scores taken apart, against the formulas, and put together again."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from embedsearch._types import Explanation, Part
from embedsearch.index.lexical.query import LexicalQuery
from embedsearch.search.explain import Explainer, ExplanationBuilder
from embedsearch.search.hybrid import Ranking
from embedsearch.search.latent_space import split
from embedsearch.search.options import SearchOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUERIES = [
    "the engine of a vehicle",
    '"car was" +road lorry lorry',
    "sheep -barn",
    '"barn hay"',
    "light plugh xyzzy",
    "was the",
]
MODES = ("hybrid", "latent", "lexical")


def explained(
    collection: Any, text: str, mode: str = "auto", pairs: int | None = None, **options: int
) -> tuple[LexicalQuery, Ranking, list[Explanation]]:
    """Search, and explain all that was found."""
    search = collection.search
    query = search.lexical.parse(text)
    ranking = search.rank(query, text, SearchOptions(20, mode))
    names = {number: collection.by_number(number).id for number in ranking.feedback.tolist()}
    documents = [collection.by_number(number) for number in ranking.numbers.tolist()]
    explainer = Explainer(search, query, ranking, names, {}, **options)
    return query, ranking, explainer.explain(ranking.numbers, documents, ranking.scores, pairs)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", QUERIES)
def test_the_parts_add_up_to_the_score(collection: Any, text: str, mode: str) -> None:
    check_parts(collection, text, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", QUERIES)
def test_the_parts_add_up_where_documents_are_long(
    long_collection: Any, text: str, mode: str
) -> None:
    check_parts(long_collection, text, mode)


def check_parts(collection: Any, text: str, mode: str) -> None:
    _, ranking, explanations = explained(collection, text, mode)
    for score, explanation in zip(ranking.scores.tolist(), explanations, strict=True):
        assert explanation.score == score
        added = [part.contribution for part in explanation.parts]
        assert sum(added) == pytest.approx(score, abs=1e-4)
        assert abs(explanation.rest) < 1e-4
        assert sum(explanation.encoders.values()) == pytest.approx(score, abs=1e-4)


def test_a_long_document_is_explained_by_the_words_of_one_passage(long_collection: Any) -> None:
    search = long_collection.search
    assert max(np.diff(search.latent.rows.bounds)) > 2
    _, ranking, explanations = explained(long_collection, "the engine of a vehicle", "latent")
    rows = search.latent.rows.find(ranking.numbers)
    for row, number, explanation in zip(rows, ranking.numbers, explanations, strict=True):
        terms = search.model.space.terms
        (text,) = long_collection.texts_of([number])
        whole = terms.documents([search.model.analyzer.words(text)])
        parts, _ = split(whole)
        start, stop = search.latent.rows.bounds[row : row + 2]
        scores = search.latent.X.base[start:stop] @ ranking.latent
        scores *= search.latent.shrink[start:stop]
        passage = parts.ids[slice(*parts.bounds[scores.argmax() :][:2])]
        linear = {encoder.name for encoder in search.model.space.linear}
        words = {
            stem(long_collection, p.word)
            for p in explanation.parts
            if p.encoder in linear and p.word
        }
        assert words <= {terms.terms[column] for column in passage}
        assert explanation.score == pytest.approx(scores.max(), abs=1e-5)


@pytest.mark.parametrize("text", QUERIES[:4])
def test_the_parts_that_are_listed_and_the_rest_add_up_to_the_score(
    collection: Any, text: str
) -> None:
    _, _, everything = explained(collection, text)
    _, _, shortened = explained(collection, text, pairs=4)
    for full, short in zip(everything, shortened, strict=True):
        assert short.score == full.score
        assert sum(part.contribution for part in short.parts) + short.rest == pytest.approx(
            full.score, abs=1e-6
        )
        sums = Counter[tuple[str, str, str]]()
        for part in full.parts:
            sums[part.pair] += part.contribution  # type: ignore[assignment]
        strongest = sorted(map(abs, sums.values()), reverse=True)[:4]
        listed = [abs(sums[pair]) for pair in dict.fromkeys(part.pair for part in short.parts)]
        assert listed == pytest.approx(strongest, abs=1e-5)
        assert short.encoders == pytest.approx(full.encoders)


def test_a_linear_encoder_shares_out_its_cosine_by_the_formula(plain: Any) -> None:
    query, ranking, explanations = explained(plain, "the vehicle near a barn")
    space = plain.search.model.space
    for encoder, block in zip(space.linear, space.blocks, strict=False):
        norm = float(np.linalg.norm(ranking.latent[block.columns]))
        for number, explanation in zip(ranking.numbers.tolist(), explanations, strict=True):
            words = space_words(plain, number)
            factor = norm * float(plain.search.latent.shrink[number - 10])
            expected = cosine_shares(space, encoder, dict(query.words), words)
            found = {
                (stem(plain, part.query_word), stem(plain, part.word)): part.contribution
                for part in explanation.parts
                if part.encoder == encoder.name
            }
            assert found == pytest.approx({k: factor * v for k, v in expected.items()}, abs=1e-5)


def space_words(collection: Any, number: int) -> Counter[str]:
    """The terms of a document that encoders know."""
    (text,) = collection.texts_of([number])
    model = collection.search.model
    return Counter(w for w in model.analyzer.words(text) if w in model.space.terms.columns)


def stem(collection: Any, word: str) -> str:
    return str(collection.search.model.analyzer.words(word)[0])


def cosine_shares(
    space: Any, encoder: Any, query: dict[str, float], document: Counter[str]
) -> dict[tuple[str, str], float]:
    """What each pair of words adds to the cosine of a query and a document, word by word."""
    columns, idf = space.terms.columns, space.statistics.idf.astype(float)
    length, mean = sum(document.values()), space.statistics.mean_length
    P = np.eye(encoder.dimension)
    for direction in encoder.removed.astype(float):
        P -= np.outer(direction, direction)

    def vector(term: str) -> NDArray[np.float64]:
        made: NDArray[np.float64] = P @ encoder.projection[columns[term]].astype(float)
        return made

    def weight(term: str, count: int) -> float:
        if encoder.kind == "words":
            return float(idf[columns[term]] * (1 + math.log(count)))
        norm = 1.2 * (0.25 + 0.75 * length / mean)
        return float(idf[columns[term]] * count * 2.2 / (count + norm))

    asked = {t: count * idf[columns[t]] * vector(t) for t, count in query.items() if t in columns}
    held = {t: weight(t, count) * vector(t) for t, count in document.items()}
    norms = np.linalg.norm(sum(asked.values())) * np.linalg.norm(sum(held.values()))
    return {(a, h): float(u @ v) / float(norms) for a, u in asked.items() for h, v in held.items()}


def test_bm25_is_shared_out_by_word_and_field(collection: Any) -> None:
    query, ranking, explanations = explained(collection, "car brakes on the road")
    index = collection.search.lexical
    for number, explanation in zip(ranking.numbers.tolist(), explanations, strict=True):
        (contributions,) = index.explain(query, [number])
        names = {"text": "BM25", "title": "BM25 title"}
        expected = {(names[c.field], c.word): c.score * ranking.lexical for c in contributions}
        found = {
            (part.encoder, part.word): part.contribution
            for part in explanation.parts
            if part.encoder in names.values()
        }
        assert found == pytest.approx(expected)
    assert any("BM25 title" in explanation.encoders for explanation in explanations)


def test_what_is_like_the_first_documents_is_told_by_their_ids(collection: Any) -> None:
    _, ranking, explanations = explained(collection, "the engine of a vehicle")
    first = {collection.by_number(number).id for number in ranking.feedback.tolist()}
    for explanation in explanations:
        assert {part.through for part in explanation.parts} == first | {""}
        assert all(not part.word for part in explanation.parts if part.through)


def test_an_encoder_that_is_plugged_in_gives_one_part(plain: Any) -> None:
    search = plain.search
    _, ranking, explanations = explained(plain, "comet")
    block = search.model.space.blocks[-1]
    rows = search.latent.rows.find(ranking.numbers)
    X = search.latent.X.take(rows)[:, block.columns]
    cosines = X @ ranking.latent[block.columns] * search.latent.shrink[rows]
    for cosine, explanation in zip(cosines.tolist(), explanations, strict=True):
        (part,) = (part for part in explanation.parts if part.encoder == "letters")
        assert part.contribution == pytest.approx(cosine, abs=1e-6)
        assert part.pair == ("", "", "")


def test_words_that_never_meet_add_to_a_score_by_their_meaning(plain: Any) -> None:
    _, ranking, explanations = explained(plain, "vehicle", "latent")
    found = dict(zip(ranking.numbers.tolist(), explanations, strict=True))
    cars = [e for n, e in found.items() if "car" in plain.by_number(n).text]
    assert cars
    for explanation in cars:
        near = [part for part in explanation.parts if part.encoder == "words"]
        assert next(part for part in near if part.word == "car").contribution > 0


def test_the_words_of_a_document_are_shown_as_they_are_there(plain: Any) -> None:
    _, _, explanations = explained(plain, "lorry grazing")
    words = {part.word for explanation in explanations for part in explanation.parts}
    assert {"lorry", "grazing", "engine"} <= words
    assert not {"lorri", "lorries", "graze", "engin"} & words


def test_any_document_can_be_explained(collection: Any) -> None:
    search = collection.search
    query = search.lexical.parse("engine road")
    ranking = search.rank(query, "engine road", SearchOptions(1))
    explainer = Explainer(search, query, ranking, {}, {})
    numbers = np.arange(10, 10 + len(collection.documents))
    scores = explainer.scores(numbers)
    rows = search.latent.rows.find(numbers)
    expected = search.latent.X.take(rows) @ ranking.latent * search.latent.shrink[rows]
    expected += ranking.lexical * search.lexical.scores_of(query, numbers)
    expected += ranking.expanded * search.expanded_scores(query, rows)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    explanations = explainer.explain(numbers, collection.documents, scores, None)
    assert max(abs(explanation.rest) for explanation in explanations) < 1e-4
    empty, foreign = explanations[-2:]
    assert not [part for part in (*empty.parts, *foreign.parts) if part.word]


def test_large_documents_are_explained_one_by_one(collection: Any) -> None:
    _, _, together = explained(collection, "the driver of a vehicle", pairs=5)
    _, _, alone = explained(collection, "the driver of a vehicle", pairs=5, at_once=3)
    for one, other in zip(together, alone, strict=True):
        assert one.rest == pytest.approx(other.rest, abs=1e-4)
        assert [part.pair for part in one.parts] == [part.pair for part in other.parts]


def test_a_pair_that_takes_away_is_listed_by_its_size() -> None:
    linear = [("lsa", np.array([[1.0, -3.0], [0.5, 0.0]], np.float32))]
    parts = ExplanationBuilder(
        ["car", "cow"], ["road", "barn"], linear, [Part("BM25", "x", "x", 2.0)]
    )
    explanation = parts.explanation(0.5, 2)
    assert [part.pair for part in explanation.parts] == [("cow", "road", ""), ("x", "x", "")]
    assert explanation.rest == pytest.approx(0.5 - (2.0 - 3.0))
    assert [str(pair) for pair in explanation.strongest()] == ["x 2.00", "cow ~ road -3.00"]


def test_an_explanation_is_plain_json() -> None:
    part = Part("lsa-100", "car", "vehicle", 0.25)
    weights = {"latent": 0.5, "feedback": 0}
    assert Explanation(1.0, (part,), 0.75, {"lsa-100": 1.0}, weights).to_json() == {
        "score": 1.0,
        "encoders": {"lsa-100": 1.0},
        "weights": weights,
        "parts": [
            {
                "encoder": "lsa-100",
                "query_word": "car",
                "word": "vehicle",
                "contribution": 0.25,
                "through": "",
            }
        ],
        "rest": 0.75,
    }
