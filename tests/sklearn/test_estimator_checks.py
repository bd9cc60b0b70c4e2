"""scikit-learn's own checks.

For what takes texts there is one (`CountVectorizer` gets no more): the others make numbers. So
they are also run on the same encoder with the numbers of a row spelled as words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted, validate_data

from embedsearch.sklearn import DocumentEncoder, WordEncoder

# It is about arrays of other packages, which hold no texts, and skips itself.
LEFT_OUT = {"check_array_api_input"}


class NumbersAsTexts(DocumentEncoder):
    """Takes numbers `(n, k)`: a text of each row, a word of each number."""

    def fit(self, X: Any, y: object = None) -> NumbersAsTexts:
        super().fit(_spelled(validate_data(self, X)))
        return self

    def fit_transform(self, X: Any, y: object = None) -> Any:
        return super().fit_transform(_spelled(validate_data(self, X)))

    def transform(self, X: Any) -> Any:
        check_is_fitted(self)
        return super().transform(_spelled(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        tags.input_tags.string = False
        return tags


def _spelled(X: Any) -> list[str]:
    rows = np.round(2 * X).astype(int)
    return [" ".join(f"column{j}is{value} " * 2 for j, value in enumerate(row)) for row in rows]


def _checks() -> Iterator[Any]:
    texts = (DocumentEncoder(), WordEncoder())
    with pytest.warns(UserWarning, match="requires input"):
        checks = [pair for one in texts for pair in estimator_checks_generator(one)]
    checks += estimator_checks_generator(NumbersAsTexts("ppmi"))
    for estimator, check in checks:
        name = getattr(check, "func", check).__name__
        if name not in LEFT_OUT:
            yield pytest.param(estimator, check, id=f"{type(estimator).__name__}-{name}")


@pytest.mark.parametrize(("estimator", "check"), list(_checks()))
def test_scikit_learn_finds_nothing_wrong(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_no_more_is_asked_of_scikit_learn_s_own_vectorizer() -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    with pytest.warns(UserWarning, match="requires input"):
        asked = len(list(estimator_checks_generator(CountVectorizer())))
    with pytest.warns(UserWarning, match="requires input"):
        assert len(list(estimator_checks_generator(DocumentEncoder()))) == asked
