"""Where words that match stand in a text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedsearch._types import Highlight
from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.search.highlighting import NEAR, Match, highlights, near_terms

ENGLISH = LexicalAnalyzer.for_language("english")


def marked(text: str, matches: dict[str, str], analyzer: LexicalAnalyzer = ENGLISH) -> list[str]:
    found = highlights(text, analyzer, {t: Match(word, 1.0) for t, word in matches.items()})
    assert [mark.start for mark in found] == sorted(mark.start for mark in found)
    return [text[mark.start : mark.stop] for mark in found]


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("The cats sat; a CAT sits.", ["cat"], ["cats", "CAT"]),
        ("cat at a category, at cat", ["cat"], ["cat", "cat"]),
        ("boundary-layer layer_flow layers", ["layer"], ["layer", "layer", "layers"]),
        ("l\u2019avion et l'avion: AVIONS", ["avion"], ["avion", "avion", "AVIONS"]),
        ("the he then he", ["he", "then"], ["he", "then", "he"]),
        ("Z\u00fcrich, zurich", ["zurich"], ["Z\u00fcrich", "zurich"]),
        ("\u0130stanbul is big", ["big"], ["big"]),
        ("3.14 is not 3.141 or 14", ["3.14", "14"], ["3.14", "14"]),
        ("die ﬁnſteren Wäſ\u00adſer im Ⅳ. Kapitel", ["iv", "wasser"], ["Wäſ\u00adſer", "Ⅳ"]),
        ("H₂O und 5\u00b5m, dann don´t", ["h2o", "5μm", "und"], ["H₂O", "und", "5µm"]),
        ("ﬁ ﬁ ﬁsh", ["fish"], ["ﬁsh"]),
        ("", ["cat"], []),
    ],
)
def test_words_are_found_where_they_stand(text: str, terms: list[str], expected: list[str]) -> None:
    assert marked(text, dict.fromkeys(terms, "asked")) == expected


def test_characters_that_overlap_are_one_span() -> None:
    analyzer = LexicalAnalyzer.for_language("none")
    terms = analyzer.words("蓝色的")
    assert len(terms) == 2
    assert marked("天空是蓝色的。天空", dict.fromkeys(terms, "蓝色的"), analyzer) == ["蓝色的"]


def test_a_span_says_what_it_matched_and_how_well() -> None:
    matches = {"car": Match("vehicle", 0.5), "road": Match("roads", 1.0)}
    assert highlights("A car on the road", ENGLISH, matches) == (
        Highlight(2, 5, "vehicle", 0.5),
        Highlight(13, 17, "roads", 1.0),
    )


def test_near_terms_are_those_of_the_mean_cosine(plain: Any) -> None:
    space = plain.search.model.space
    columns = space.terms.columns
    query = {term: f"{term}!" for term in ("vehicl", "barn")}
    near = near_terms(space, space.terms.terms, query, 62)

    def similarity(one: str, other: str) -> float:
        cosines = []
        for encoder in space.linear:
            pair = encoder.projection[[columns[one], columns[other]]].astype(float)
            if len(encoder.removed):
                pair = pair - (pair @ encoder.removed.T) @ encoder.removed
            a, b = pair
            cosines.append(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        return float(np.mean(cosines))

    for term in space.terms.terms:
        scores = {asked: similarity(asked, term) for asked in query}
        best = max(scores, key=scores.__getitem__)
        if term in query or scores[best] < NEAR:
            assert term not in near
        else:
            assert near[term].query_word == query[best]
            assert near[term].score == pytest.approx(scores[best], abs=1e-5)
    assert near


def test_numbers_and_words_of_few_documents_are_near_nothing(plain: Any) -> None:
    space = plain.search.model.space
    statistics = space.statistics
    counts = np.exp(-statistics.idf) * 63 - 0.5
    rare = {term for term, count in zip(space.terms.terms, counts, strict=True) if count < 2.9}
    assert near_terms(space, rare | {"1", "x"}, {"vehicl": "vehicle"}, 62) == {}
    assert near_terms(space, space.terms.terms, {"unheard": "unheard"}, 62) == {}
