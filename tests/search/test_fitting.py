"""Weights that a collection chooses for itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from embedsearch._types import FloatMatrix, IntVector
from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.search.fitting import Cut, _grid, cut_window, learn_weights
from embedsearch.search.latent_space import LatentSpace, full_text
from embedsearch.search.model import Fusion
from embedsearch.vectors.encoders import CheckedEncoder

TEXT = "The king of Rome met the queen of Paris, and both went to the mayor of Berlin by night."


class ByTopic:
    """Knows what each text is about, by words that stand for nothing else; or knows nothing."""

    def __init__(self, planted: Any, knows: bool) -> None:
        self.terms, self.knows, self.random = planted.terms, knows, np.random.default_rng(0)
        self.analyzer = planted.lexical.analyzer
        self.vectors = np.linalg.svd(planted.counted.counts.toarray(), full_matrices=False)[2]

    def encode_documents(self, texts: list[str]) -> FloatMatrix:
        counts = self.terms.documents(map(self.analyzer.words, texts)).counts
        if not self.knows:
            return self.random.standard_normal((len(texts), 20)).astype(np.float32)
        return np.asarray(counts @ self.vectors[1:40].T, np.float32)

    encode_queries = encode_documents


@pytest.fixture(scope="module")
def english() -> LexicalAnalyzer:
    return LexicalAnalyzer.for_language("english")


def learned(planted: Any, space: LatentSpace, **changed: Any) -> Fusion:
    texts = [full_text(document) for document in planted.documents.values()]
    asked: list[IntVector] = changed.get("asked", [])

    def texts_of(rows: IntVector) -> list[str]:
        asked.append(rows)
        return [texts[row] for row in rows]

    plugged = [encoder.encode_documents(texts) for encoder in space.external]
    outside = np.concatenate([np.zeros((len(texts), 0), np.float32), *plugged], axis=1)
    documents = changed.get("documents", planted.counted)
    return learn_weights(
        documents,
        space,
        lambda _: planted.term_vectors,
        planted.lexical.analyzer,
        texts_of,
        outside[: len(documents)],
    )


@pytest.mark.parametrize("length", [2, 3, 6, 24])
@pytest.mark.parametrize("seed", range(5))
def test_a_window_is_cut_out_and_half_of_its_words_vanish(
    english: LexicalAnalyzer, length: int, seed: int
) -> None:
    terms = [term for term in english.terms(TEXT * 3) if term.text != "\x00"]
    words = [term.text for term in terms if not term.stop]
    cut = cut_window(terms, length, np.random.default_rng(seed))
    size = min(length, len(words) // 2)
    places = [i for i in range(len(words)) if words[i : i + size] == cut.query]
    assert places
    assert len(cut.query) == size
    gone = set(words) - set(cut.rest)
    assert len(set(cut.query) - set(cut.rest)) == round(len(set(cut.query)) / 2)
    assert gone <= set(cut.query)
    without = words[: places[0]] + words[places[0] + size :]
    if len(places) == 1:
        assert cut.rest == [word for word in without if word not in gone]


def test_a_cut_is_text_as_well_as_terms(english: LexicalAnalyzer) -> None:
    terms = english.terms(TEXT)
    cut = cut_window(terms, 3, np.random.default_rng(0))
    assert isinstance(cut, Cut)
    assert english.words(cut.query_text) == cut.query
    assert english.words(cut.rest_text) == cut.rest


def test_weights_find_more_than_words_alone_and_are_the_same_each_time(planted: Any) -> None:
    fusion = learned(planted, planted.model.space)
    assert fusion == learned(planted, planted.model.space)
    assert set(fusion.weights) == {block.name for block in planted.model.space.blocks}
    assert all(0 <= weight <= 1.5 for weight in fusion.weights.values())
    assert fusion.weights["words"] >= 1
    assert fusion.feedback == 3
    evidence = fusion.evidence
    assert evidence["queries"] == 240
    assert evidence["ndcg@10 chosen"] >= evidence["ndcg@10 lexical"]


def test_an_encoder_that_knows_something_weighs_more_than_one_that_knows_nothing(
    planted: Any,
) -> None:
    space = planted.model.space
    encoders = [CheckedEncoder(ByTopic(planted, knows), str(knows)) for knows in (True, False)]
    wider = LatentSpace(space.terms, space.statistics, space.linear[:1], encoders)
    weights = learned(planted, wider).weights
    assert weights["True"] > 3 * weights["False"]


@pytest.mark.parametrize("n", [0, 1, 2, 5, 19])
def test_few_documents_get_usual_weights(planted: Any, n: int) -> None:
    fusion = learned(planted, planted.model.space, documents=planted.counted.take(np.arange(n)))
    assert fusion.weights == {"lsa-100": 0.5, "words": 0.5}
    assert fusion.feedback == 0
    assert "too few" in fusion.evidence["reason"]


def test_long_documents_are_not_cut(planted: Any) -> None:
    long = planted.terms.documents([["king"] * 10_001])
    asked: list[IntVector] = []
    documents = planted.counted.concatenated(long)
    fusion = learned(planted, planted.model.space, documents=documents, asked=asked)
    assert fusion.evidence["queries"] == 240
    assert [len(rows) for rows in asked] == [240]


def test_without_encoders_there_is_nothing_to_weigh(planted: Any) -> None:
    space = planted.model.space
    fusion = learned(planted, LatentSpace(space.terms, space.statistics, ()))
    assert fusion.weights == {}
    assert fusion.evidence["ndcg@10 chosen"] == fusion.evidence["ndcg@10 lexical"]


@pytest.mark.parametrize("encoders", range(13))
def test_what_is_tried_is_bounded_and_begins_with_nothing(encoders: int) -> None:
    grid = _grid(encoders)
    assert grid.shape[1] == encoders
    assert len(grid) <= 1_001
    assert not grid[0].any()
    assert len(grid) >= min(5**encoders, 2)
