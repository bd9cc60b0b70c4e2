"""Encoders that are fitted to documents: what they learn from, and how they come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedsearch._errors import CorpusTooSmallError, ParameterError, VectorError
from embedsearch._progress import SilentProgress
from embedsearch._types import FloatMatrix
from embedsearch.search.encoding import full_text
from embedsearch.search.fitted import (
    Doc2VecOfTerms,
    FittedEncoder,
    fit_encoders,
    fitted_size,
    refitted_scores,
    restore_encoder,
    term_lists,
)
from embedsearch.search.model import SearchModel, restore_model
from embedsearch.search.space import LatentSpace, Spreads
from embedsearch.search.terms import Terms
from embedsearch.training.doc2vec import Doc2VecEncoder
from embedsearch.vectors.encoders.checked import CheckedEncoder
from embedsearch.vectors.encoders.plugins import load_encoder

Damage = Callable[[NDArray[Any]], NDArray[Any]]


class Fixed:
    """Gives every text the same vector."""

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        return np.ones((len(texts), 2), np.float32)

    encode_queries = encode_documents


@pytest.fixture(scope="module")
def fitted(planted: Any) -> CheckedEncoder:
    """Doc2Vec of the planted documents."""
    words = planted.lexical.analyzer.words
    passages, terms = planted.counted, planted.terms
    found, left = fit_encoders(["doc2vec:20"], [], passages, terms, words, SilentProgress())
    assert not left
    return found[0]


@pytest.mark.parametrize(
    ("spec", "size"),
    [("doc2vec", 100), ("doc2vec:7", 7), ("model2vec:7", None), ("doc2vecs", None)],
)
def test_the_size_stands_behind_the_name(spec: str, size: int | None) -> None:
    assert fitted_size(spec) == size


@pytest.mark.parametrize("size", ["", "0", "-5", "many", "1e3", "10001"])
def test_another_size_is_refused(size: str) -> None:
    with pytest.raises(ParameterError, match="encoder must be doc2vec or doc2vec:SIZE, with 1 to"):
        fitted_size(f"doc2vec:{size}")


def test_it_is_doc2vec_of_stems_without_stop_words(planted: Any, fitted: CheckedEncoder) -> None:
    texts = [full_text(document) for document in planted.documents.values()]
    words = planted.lexical.analyzer.words
    plain = Doc2VecEncoder.fit(map(words, texts), words, vector_size=20)
    expected = CheckedEncoder(plain, "plain")
    assert np.array_equal(fitted.encode_documents(texts), expected.encode_documents(texts))
    assert np.array_equal(fitted.encode_queries(texts[:9]), expected.encode_queries(texts[:9]))


def test_terms_are_given_back_in_order(planted: Any) -> None:
    texts = [full_text(document) for document in planted.documents.values()]
    assert list(term_lists(planted.counted, planted.terms)) == [
        planted.lexical.analyzer.words(text) for text in texts
    ]


def test_encoders_stand_in_the_order_that_was_asked_for(planted: Any) -> None:
    loaded = [CheckedEncoder(Fixed(), "a"), CheckedEncoder(Fixed(), "b")]
    some, terms = planted.counted.take(np.arange(9)), planted.terms
    specs = ["b", "doc2vec:3", "a", "doc2vec:2"]
    found, left = fit_encoders(specs, loaded, some, terms, str.split, SilentProgress())
    assert [encoder.name for encoder in found] == specs
    assert [encoder.vector_size for encoder in found] == [2, 3, 2, 2]
    assert [isinstance(e.encoder, FittedEncoder) for e in found] == [False, True, False, True]
    assert not left


@pytest.mark.parametrize("n", [0, 1])
def test_where_there_is_too_little_it_is_left_out_and_says_why(planted: Any, n: int) -> None:
    progress, few = SilentProgress(), planted.counted.take(np.arange(n))
    loaded = [CheckedEncoder(Fixed(), "a")]
    specs, terms = ["doc2vec", "a"], planted.terms
    found, left = fit_encoders(specs, loaded, few, terms, str.split, progress)
    assert found == loaded
    assert list(left) == ["doc2vec"]
    assert progress.notes == [f"the encoder doc2vec is left out for now: {left['doc2vec']}"]


def test_a_model_with_it_comes_back(planted: Any, fitted: CheckedEncoder) -> None:
    old, texts = planted.model, ["king queen", "paris france", "xyzzy"]
    counts = planted.counted.counts
    space = LatentSpace(old.space.terms, old.space.statistics, old.space.linear, [fitted])
    X = space.documents(counts, [full_text(d) for d in planted.documents.values()])
    spreads = Spreads.of(X, space.blocks, old.space.statistics.bm25(counts))
    model = SearchModel(old.analyzer, space, spreads, old.fusion)
    back = restore_model(model.to_json(), model.to_tensors(), planted.terms, load_encoder)
    (restored,) = back.space.external
    assert (restored.name, restored.vector_size) == ("doc2vec:20", 20)
    assert np.array_equal(restored.encode_queries(texts), fitted.encode_queries(texts))
    assert np.array_equal(restored.encode_documents(texts), fitted.encode_documents(texts))


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("terms", lambda a: a[:-1], "counts must be"),
        ("terms", lambda a: a + 10_000, "words that are none of"),
        ("terms", lambda a: a - 1, "words that are none of"),
        ("terms", lambda a: 0 * a, "words must be distinct"),
        ("terms", lambda a: a.astype(np.float64), "words that are none of"),
        ("terms", lambda a: a[:, np.newaxis], "words that are none of"),
        ("outputs", lambda a: a[:, :-1], "outputs must be"),
        ("settings", lambda a: a[:2], "settings must be"),
    ],
)
def test_damaged_arrays_are_refused(
    planted: Any, fitted: CheckedEncoder, name: str, damage: Damage, said: str
) -> None:
    assert isinstance(fitted.encoder, Doc2VecOfTerms)
    tensors = {f"doc2vec:20.{key}": array for key, array in fitted.encoder.to_tensors().items()}
    tensors[f"doc2vec:20.{name}"] = damage(tensors[f"doc2vec:20.{name}"])
    with pytest.raises(VectorError, match=said):
        restore_encoder("doc2vec:20", 20, tensors, planted.terms, str.split)


def test_missing_arrays_and_other_dimensions_are_refused(
    planted: Any, fitted: CheckedEncoder
) -> None:
    assert isinstance(fitted.encoder, Doc2VecOfTerms)
    tensors = {f"doc2vec:20.{key}": array for key, array in fitted.encoder.to_tensors().items()}
    with pytest.raises(VectorError, match="20 dimensions, 21 were written"):
        restore_encoder("doc2vec:20", 21, tensors, planted.terms, str.split)
    with pytest.raises(VectorError, match="which is missing"):
        restore_encoder("doc2vec", 100, tensors, planted.terms, str.split)


class Recorder:
    """Remembers what it was fitted to; knows the words of that, and no others."""

    def __init__(self, passages: Sequence[str] = ()) -> None:
        self.words = sorted({word for text in passages for word in text.split()})
        self.fits: list[list[str]] = []

    def encode_documents(self, texts: Sequence[str]) -> FloatMatrix:
        rows = [[text.split().count(word) for word in self.words] for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), -1)

    encode_queries = encode_documents

    def refitted(self, passages: Sequence[str]) -> Recorder:
        self.fits.append(list(passages))
        if not any(passages):
            raise CorpusTooSmallError("nothing")
        return Recorder(passages)

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        return {}


def test_passages_are_scored_by_what_was_fitted_to_them_alone() -> None:
    terms, encoder = Terms(["cow", "goat", "comet"]), Recorder()
    passages = terms.documents([["cow", "cow"], ["cow", "goat"], []])
    queries = terms.documents([["goat"], ["comet"]])
    scores = refitted_scores(encoder, terms, passages, queries)
    assert encoder.fits == [["cow cow", "cow goat", ""]]
    np.testing.assert_allclose(scores, [[0, 0.5**0.5, 0], [0, 0, 0]])


def test_where_too_little_remains_all_score_alike() -> None:
    terms = Terms(["cow"])
    scores = refitted_scores(Recorder(), terms, terms.documents([[], []]), terms.documents([[]]))
    assert np.array_equal(scores, np.zeros((1, 2)))
