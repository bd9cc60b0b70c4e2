"""Terms of documents, held against the analyser and a counter."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch.index.lexical import LexicalAnalyzer
from embedsearch.search.fitting import StreamTerms
from embedsearch.search.latent_space import TermDocuments, Terms
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.stream import TokenStream
from embedsearch.text.stream_writer import write_texts
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.vectors.word_vectors import WordVectors

TEXTS = [
    "The well-known boundary layer flows; boundaries flowed.",
    "L'avion d'hier n'a pas volé. The plane's wings don't fly!",
    "",
    "the of and",
    "北京大学的学生 are students at Peking University, founded 1898.",
    "boundary Layer boundary-layer snake_case_words",
]


@pytest.fixture
def english() -> LexicalAnalyzer:
    return LexicalAnalyzer.for_language("english")


@pytest.fixture
def stream(tmp_path: Path) -> TokenStream:
    return write_texts(tmp_path, enumerate(TEXTS), TextProcessor(TokenizerSettings()))


def words_of(documents: TermDocuments, terms: Terms) -> list[list[str]]:
    bounds = documents.bounds.tolist()
    return [[terms.terms[i] for i in documents.ids[start:stop]] for start, stop in pairwise(bounds)]


def test_the_terms_of_a_stream_are_those_of_the_texts(
    stream: TokenStream, english: LexicalAnalyzer
) -> None:
    cut = StreamTerms(stream, english)
    assert words_of(cut.documents(), cut.terms) == [english.words(text) for text in TEXTS]


@pytest.mark.parametrize(
    "settings",
    [
        {"lowercase": False},
        {"digits": "zero"},
        {"digits": "drop"},
        {"stop_words": ("boundary", "the")},
        {"tokenizer": "treebank"},
        {"tokenizer": "regexp", "pattern": r"[a-z]+"},
    ],
)
def test_terms_follow_the_tokenizer(tmp_path: Path, settings: dict[str, Any]) -> None:
    tokenizer = TokenizerSettings(**settings)
    analyzer = LexicalAnalyzer.for_language("english", tokenizer)
    stream = write_texts(tmp_path, enumerate(TEXTS), TextProcessor(tokenizer))
    cut = StreamTerms(stream, analyzer)
    assert words_of(cut.documents(), cut.terms) == [analyzer.words(text) for text in TEXTS]


def test_terms_come_in_the_order_of_how_frequent_they_are(
    stream: TokenStream, english: LexicalAnalyzer
) -> None:
    cut = StreamTerms(stream, english)
    counts = Counter(word for text in TEXTS for word in english.words(text))
    found = [counts[term] for term in cut.terms.terms]
    assert found == sorted(counts.values(), reverse=True)


def test_a_vocabulary_is_bounded(stream: TokenStream, english: LexicalAnalyzer) -> None:
    cut = StreamTerms(stream, english, most=2)
    assert set(cut.terms.terms) == {"boundari", "layer"}
    assert words_of(cut.documents(), cut.terms)[0] == ["boundari", "layer", "boundari"]


def test_counts_are_those_of_a_counter() -> None:
    terms = Terms(["a", "b", "c"])
    documents = terms.documents([["a", "b", "a"], [], ["c", "unknown"]])
    assert documents.counts.toarray().tolist() == [[2, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert len(documents) == 3


def test_documents_can_be_taken() -> None:
    terms = Terms(["a", "b", "c"])
    documents = terms.documents([["a"], ["b", "b"], [], ["c", "a"]])
    taken = documents.take(np.array([3, 1]))
    assert words_of(taken, terms) == [["c", "a"], ["b", "b"]]
    assert words_of(documents.take(np.zeros(0, np.int64)), terms) == []


def test_weights_of_texts_are_rows() -> None:
    rows = Terms(["a", "b", "c"]).matrix([{"c": 2.0, "x": 1.0, "a": 0.5}, {}])
    assert rows.toarray().tolist() == [[0.5, 0, 2], [0, 0, 0]]
    assert Terms([]).matrix([{"a": 1.0}]).shape == (1, 0)


def test_a_term_has_the_mean_vector_of_its_words(tmp_path: Path, english: LexicalAnalyzer) -> None:
    texts = [(0, "flow flows flows river")]
    stream = write_texts(tmp_path, texts, TextProcessor(TokenizerSettings()))
    words = WordVectors(np.array([[3, 0], [0, 5]], np.float32), ["flow", "flows"])
    cut = StreamTerms(stream, english)
    found = dict(zip(cut.terms.terms, cut.vectors(words, str).tolist()))
    assert found == {
        "flow": [pytest.approx(1, abs=2e-3), pytest.approx(2, abs=2e-3)],
        "river": [0, 0],
    }


def test_words_that_no_document_has_are_terms_too(
    stream: TokenStream, english: LexicalAnalyzer
) -> None:
    words = WordVectors(np.eye(4, dtype=np.float32), ["layered", "layer", "the", "unheard"])
    plain, cut = StreamTerms(stream, english), StreamTerms(stream, english, words.index_to_key)
    assert cut.terms.terms == [*plain.terms.terms, "unheard"]
    assert words_of(cut.documents(), cut.terms) == words_of(plain.documents(), plain.terms)
    found = dict(zip(cut.terms.terms, cut.vectors(words, str)))
    np.testing.assert_allclose(found["layer"] / found["layer"].max(), [0, 1, 0, 0], atol=1e-3)
    assert found["unheard"].argmax() == 3
    assert found["unheard"][3] > 0


def test_words_without_documents_weigh_by_how_frequent_they_must_be(
    tmp_path: Path, english: LexicalAnalyzer
) -> None:
    nothing = write_texts(tmp_path, [], TextProcessor(TokenizerSettings()))
    cut = StreamTerms(nothing, english, ["the", "flows", "flow", "river"])
    documents = cut.documents()
    assert cut.terms.terms == ["flow", "river"]
    assert (len(documents), documents.counts.shape) == (0, (0, 2))
    idf = cut.statistics(documents).idf
    assert idf[0] < idf[1]
