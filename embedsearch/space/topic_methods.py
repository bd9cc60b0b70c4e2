"""What topics by clusters are compared with: PLSA, LDA, NMF and LSA, by one interface."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.space.plsa import PLSA, folded_in
from embedsearch.vectors.lsa import truncated_svd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix

_LDA_PASSES = 5


def topic_components(
    method: str, counts: Any, weights: Any, k: int, seed: int, progress: Progress
) -> NDArray[np.float64]:
    """Return k topics `(k, V)` of documents: counts and their tf-idf, both `(n, V)`."""
    if method == "plsa":
        fitted = PLSA(k, random_state=seed).reported_to(progress).fit(counts)
        found: NDArray[np.float64] = fitted.components_
        return found
    if method == "lda":
        return _lda(counts, k, seed)
    if method == "lsa":
        return _lsa(weights, k, seed)
    from sklearn.decomposition import NMF

    start = "nndsvda" if k <= min(weights.shape) else "random"
    with warnings.catch_warnings():
        # Its topics are of use before it has converged to the last digit.
        warnings.simplefilter("ignore")
        found = NMF(k, init=start, random_state=seed).fit(weights).components_
    return found.astype(np.float64)


def topic_shares(
    method: str, counts: Any, weights: Any, components: NDArray[np.float64]
) -> FloatMatrix:
    """Return the shares of topics in documents: (n, k), rows that add up to 1."""
    if method in ("plsa", "lda"):
        # Of LDA, too: the topics that make the document most likely, without a prior.
        return folded_in(counts, components).astype(np.float32)
    if method == "lsa":
        shares = np.maximum(weights @ components.T, 0)
    else:
        shares = _nmf_shares(weights.astype(np.float64), components)
    sums = shares.sum(axis=1, keepdims=True)
    known = sums > 0
    even = 1 / len(components)
    return np.where(known, shares / np.where(known, sums, 1), even).astype(np.float32)


def _lda(counts: Any, k: int, seed: int) -> NDArray[np.float64]:
    from gensim.matutils import Sparse2Corpus
    from gensim.models import LdaModel

    names = {column: str(column) for column in range(counts.shape[1])}
    corpus = Sparse2Corpus(counts, documents_columns=False)
    # gensim draws from 32 bits.
    model = LdaModel(corpus, k, id2word=names, passes=_LDA_PASSES, random_state=seed % 2**32)
    found: NDArray[np.float64] = model.get_topics().astype(np.float64)
    return found


def _lsa(weights: Any, k: int, seed: int) -> NDArray[np.float64]:
    vectors = truncated_svd(weights, k, seed)[1].T.astype(np.float64)
    # The end that has the stronger terms says more.
    vectors *= np.where((vectors**3).sum(axis=1, keepdims=True) < 0, -1, 1)
    # Of fewer dimensions the other topics are empty.
    return np.pad(vectors, ((0, k - len(vectors)), (0, 0)))


def _nmf_shares(weights: Any, components: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.decomposition import non_negative_factorization

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shares: NDArray[np.float64] = non_negative_factorization(
            weights, H=components, n_components=len(components), update_H=False
        )[0]
    return shares
