from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from gensim.test.utils import datapath
from scipy import stats
from sklearn.feature_extraction.text import TfidfVectorizer

from embedsearch._errors import VectorError
from embedsearch.evaluation.lee_corpus import lee


def tfidf(texts: Sequence[str]) -> np.ndarray:
    vectors: np.ndarray = TfidfVectorizer(stop_words="english").fit_transform(texts).toarray()
    return vectors


def human() -> np.ndarray:
    judged: np.ndarray = np.loadtxt(datapath("similarities0-1.txt"))
    return judged


def test_correlations_are_those_of_scipy_over_the_distinct_pairs() -> None:
    texts: list[str] = []

    def encode(given: Sequence[str]) -> np.ndarray:
        texts.extend(given)
        return 3 * tfidf(given)

    report = lee(encode)
    X = tfidf(texts)
    pairs = [(i, j) for i in range(50) for j in range(i + 1, 50)]
    cosines = [X[i] @ X[j] / np.linalg.norm(X[i]) / np.linalg.norm(X[j]) for i, j in pairs]
    judged = [human()[i, j] for i, j in pairs]
    assert report.pearson == pytest.approx(stats.pearsonr(cosines, judged)[0], abs=1e-5)
    assert report.spearman == pytest.approx(stats.spearmanr(cosines, judged)[0], abs=1e-3)
    assert (report.documents, report.pairs, report.notes) == (50, 1225, ())
    assert 0.4 < (report.pearson or 0) < 0.7


def test_vectors_made_of_the_judgements_correlate_fully() -> None:
    upper = np.triu(human(), 1)
    similarity = upper + upper.T + 60 * np.eye(50)
    report = lee(lambda texts: np.linalg.cholesky(similarity))
    assert report.pearson == pytest.approx(1, abs=1e-6)
    assert report.to_json()["pearson"] == report.rows()[0]["pearson"] == report.pearson


def test_vectors_that_tell_nothing_have_no_correlation() -> None:
    report = lee(lambda texts: np.ones((50, 3)))
    assert (report.pearson, report.spearman) == (None, None)
    assert report.notes == ("all cosines are the same, so that nothing correlates with them",)


def test_documents_without_a_vector_are_noted() -> None:
    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = tfidf(texts)
        vectors[[3, 7]] = 0
        return vectors

    report = lee(encode)
    assert report.notes == ("documents with a vector of zeros, whose cosines are 0: 2",)
    assert report.pearson is not None


@pytest.mark.parametrize("shape", [(49, 3), (1, 3), (50, 0)])
def test_each_document_needs_a_vector(shape: tuple[int, int]) -> None:
    with pytest.raises(VectorError):
        lee(lambda texts: np.ones(shape))
    with pytest.raises(VectorError, match="row 0"):
        lee(lambda texts: np.full((50, 2), np.nan))
