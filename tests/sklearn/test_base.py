"""What may be given as X, and what is said of anything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from embedsearch._errors import CorpusTooSmallError, InputError, ParameterError
from embedsearch.sklearn import DocumentEncoder
from embedsearch.sklearn._base import as_texts, as_words

TEXTS = ["one", "two three"]


@pytest.mark.parametrize(
    "X",
    [
        TEXTS,
        tuple(TEXTS),
        iter(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, object).reshape(-1, 1),
        pd.Series(TEXTS),
        pd.DataFrame({"text": TEXTS}),
    ],
)
def test_texts_come_in_many_containers(X: Any) -> None:
    assert as_texts(X) == TEXTS


@pytest.mark.parametrize(
    ("X", "reason"),
    [
        ("one text", "not one text"),
        (b"one text", "not one text"),
        (3, "an iterable of texts"),
        (pd.DataFrame({"a": TEXTS, "b": TEXTS}), r"one column .*shape \(2, 2\)"),
        (np.zeros((2, 1, 1)), r"shape \(2, 1, 1\)"),
        (csr_matrix((2, 4)), r"shape \(2, 4\)"),
    ],
)
def test_what_is_no_column_of_texts_is_refused(X: Any, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        as_texts(X)


@pytest.mark.parametrize("odd", [None, float("nan"), pd.NA, 7, b"bytes", ["nested"]])
def test_what_is_no_text_is_told_by_its_position(odd: Any) -> None:
    with pytest.raises(InputError, match=r"position 1, where a text"):
        as_texts(["one", odd])


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT])
def test_words_may_be_missing(missing: Any) -> None:
    assert as_words(["one", missing]) == ["one", None]


@pytest.mark.parametrize("odd", [7, 2.5, b"bytes", ["nested"], np.zeros(2)])
def test_what_is_no_word_is_told_by_its_position(odd: Any) -> None:
    with pytest.raises(InputError, match=r"position 1, where a word"):
        as_words(["one", odd])


def test_too_little_text_is_refused() -> None:
    for X in ([], ["one"], ["", " "]):
        with pytest.raises(CorpusTooSmallError):
            DocumentEncoder().fit(X)
