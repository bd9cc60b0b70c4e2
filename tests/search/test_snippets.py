"""Which passage is shown, against a search of all passages."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from embedsearch._types import ExpandedWord
from embedsearch.search.expansion import Expansion, matches_of, with_words
from embedsearch.search.sentences import LENGTH, runs, sentences
from embedsearch.search.snippets import SnippetFinder

MODES = ("auto", "latent", "lexical", "rrf")


def finder(collection: Any, text: str, mode: str = "auto") -> SnippetFinder:
    query = collection.search.lexical.parse(text)
    ranking = collection.search.rank(query, text, 5, mode)
    return SnippetFinder.of(collection.search, query, ranking)


def mixed(collection: Any, seed: int, topics: int = 12) -> str:
    """A text about several things: some sentences of several documents."""
    choose = random.Random(seed)  # noqa: S311 - sentences, not secrets
    parts = choose.sample([d.text for d in collection.documents if d.text], topics)
    return " ".join(sentence for part in parts for sentence in list(sentences(part))[:2])


def scored(collection: Any, text: str, query: str, mode: str) -> list[tuple[float, str]]:
    """All passages of a text with their scores, one by one."""
    search, pieces = collection.search, list(sentences(text))
    model, parsed = search.model, search.lexical.parse(query)
    ranking = search.rank(parsed, query, 5, mode)
    space, idfs = model.space, model.space.statistics.idf
    found = []
    for start, stop in runs(pieces):
        passage = " ".join(pieces[start:stop])
        words = model.analyzer.words(passage)
        norm = 1.2 * (0.25 + 0.75 * len(words) / space.statistics.mean_length)
        score = 0.0
        for term, weight in parsed.meant.items():
            column = space.terms.columns.get(term)
            idf = float(idfs.max() if column is None else idfs[column])
            count = words.count(term)
            score += ranking.lexical * weight * idf * count * 2.2 / (count + norm)
        if mode != "lexical":
            vector = space.linear_documents(space.terms.documents([words]).counts)[0]
            score += float(vector @ ranking.latent[: len(vector)])
        found.append((score, passage))
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", ["vehicle", "goat in a barn", '"near a" star', "plugh"])
def test_the_passage_is_the_best_of_all(collection: Any, query: str, mode: str) -> None:
    texts = [mixed(collection, seed) for seed in range(5)]
    for text, snippet in zip(texts, finder(collection, query, mode).find(texts), strict=True):
        passages = scored(collection, text, query, mode)
        score = {p: s for s, p in reversed(passages)}[snippet.text]
        assert score == pytest.approx(max(s for s, _ in passages), abs=1e-4)
        if math.isclose(max(s for s, _ in passages), 0, abs_tol=1e-9):
            assert snippet.text == passages[0][1]


def test_a_word_that_no_encoder_knows_is_found_all_the_same(plain: Any) -> None:
    text = f"{mixed(plain, 1)} Here is Plugh in person. {mixed(plain, 2)}"
    (snippet,) = finder(plain, "plugh").find([text])
    assert "Here is Plugh in person." in snippet.text
    assert [snippet.text[m.start : m.stop] for m in snippet.highlights] == ["Plugh"]
    assert snippet.highlights[0][2:] == ("plugh", 1.0)


def test_a_passage_is_found_by_its_meaning(plain: Any) -> None:
    text = " ".join([*["The planet was light-dawn near a orbit."] * 3, "It is. The truck was."])
    (snippet,) = finder(plain, "vehicle", "latent").find([text])
    assert "truck" in snippet.text


def test_words_near_in_meaning_are_marked_with_the_word_they_stand_for(plain: Any) -> None:
    (snippet,) = finder(plain, "vehicle driver").find(["The truck driver looks at the comet."])
    marks = {snippet.text[m.start : m.stop]: m for m in snippet.highlights}
    assert marks["driver"][2:] == ("driver", 1.0)
    assert "comet" not in marks
    near = [m for m in snippet.highlights if m.score < 1]
    assert all(m.score >= 0.45 and m.query_word in ("vehicle", "driver") for m in near)
    (snippet,) = finder(plain, "vehicle driver", "lexical").find([snippet.text])
    assert {m.score for m in snippet.highlights} == {1.0}


def test_an_added_word_is_marked_for_the_word_it_was_added_for(plain: Any) -> None:
    query = plain.search.lexical.parse("automobile")
    added = [Expansion("car", ExpandedWord("automobile", "car", 0.7, 0.2))]
    looked_for = with_words(query, added)
    ranking = plain.search.rank(looked_for, "automobile", 5)
    found = SnippetFinder.of(plain.search, looked_for, ranking, matches_of(added))
    (snippet,) = found.find(["Nobody else. The cars are here."])
    assert [m[2:] for m in snippet.highlights] == [("automobile", 0.7)]


def test_texts_without_words_have_what_they_have(collection: Any) -> None:
    find = finder(collection, "engine").find
    assert find([]) == []
    assert [s.text for s in find(["", " \n ", "...", "one", "engine"])] == [
        "",
        "",
        "...",
        "one",
        "engine",
    ]


def test_without_a_query_of_words_the_vector_alone_decides(plain: Any) -> None:
    search = plain.search
    row = search.latent.rows_of(np.array([10]))[0]
    weighted = search.weighted(search.latent.X.base[row], search.model.fusion.weights)
    text = "The goat was hay-barn near a meadow. " * 9 + plain.documents[0].text
    (snippet,) = SnippetFinder(search.model, weighted).find([text])
    assert "car" in snippet.text
    assert snippet.highlights == ()


@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_in_a_very_long_text_the_place_is_found(plain: Any, size: int) -> None:
    filler = "Lorem ipsum dolor sit amet consectetur. "
    text = filler * (size // len(filler))
    middle = len(text) * 2 // 3
    middle = text.index(". ", middle) + 2
    text = f"{text[:middle]}The vehicle has an Engine. {text[middle:]}"
    (snippet,) = finder(plain, "engines of vehicles").find([text])
    assert "The vehicle has an Engine." in snippet.text
    assert len(snippet.text) <= LENGTH
