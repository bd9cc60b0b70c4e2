"""Models that are trained without a workspace: what may be given as texts."""

from __future__ import annotations

from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pytest

import embedsearch as es

TEXTS = ["The King rules the land.", "The Queen rules the land.", "A cat sleeps."] * 10
QUICK: dict[str, Any] = {"min_count": 1, "vector_size": 4}


def same(one: es.TrainedModel, other: es.TrainedModel) -> None:
    assert one.wv.index_to_key == other.wv.index_to_key
    np.testing.assert_array_equal(one.wv.vectors, other.wv.vectors)


def test_texts_are_taken_from_anything_that_has_them() -> None:
    model = es.train_texts(TEXTS, "ppmi", **QUICK)
    for texts in (tuple(TEXTS), iter(TEXTS), StringIO("\n".join(TEXTS)), pd.Series(TEXTS)):
        same(es.train_texts(texts, "ppmi", **QUICK), model)


def test_tokens_are_taken_as_they_are() -> None:
    tokens = [text.split() for text in TEXTS]
    model = es.train_texts(tokens, "ppmi", **QUICK)
    assert {"The", "land.", "King"} <= set(model.wv.index_to_key)
    assert "king" not in model.wv
    same(es.train_texts((tuple(some) for some in tokens), "ppmi", **QUICK), model)
    plain = es.train_texts(
        TEXTS, "ppmi", tokenizer="regexp", pattern=r"\S+", lowercase=False, **QUICK
    )
    same(plain, model)


def test_words_are_looked_up_as_the_texts_were_cut() -> None:
    words = es.train_texts(TEXTS, "ppmi", stem="english", **QUICK).wv
    np.testing.assert_array_equal(words["RULING"], words["rule"])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a text", "texts must be"),
        (b"bytes", "texts must be"),
        (5, "texts must be"),
        (None, "texts must be"),
        ({"a": "b"}, "texts must be"),
        (pd.DataFrame({"text": TEXTS}), "column"),
        ([None], r"texts\[0\]"),
        ([b"bytes"], r"texts\[0\]"),
        (["a text", ["tokens"]], r"texts\[1\]"),
        ([["tokens"], "a text"], r"texts\[1\]"),
        ([["tokens", 5]], r"texts\[0\]"),
        ([{"text": "x"}], r"texts\[0\]"),
    ],
)
def test_what_is_no_text_is_named(texts: Any, message: str) -> None:
    with pytest.raises(es.ParameterError, match=message):
        es.train_texts(texts, "ppmi", **QUICK)


def test_tokens_are_not_cut_again() -> None:
    with pytest.raises(es.ParameterError, match="tokenizer"):
        es.train_texts([["a", "b"]], "ppmi", stem="english")
    for wrong in ({"tokenizer": 5}, {"start": "model"}, {"callbacks": 5}, {"callbacks": [5]}):
        with pytest.raises(es.ParameterError):
            es.train_texts(TEXTS, "ppmi", **wrong)


def test_nothing_to_train_on_is_too_little() -> None:
    with pytest.raises(es.CorpusTooSmallError):
        es.train_texts([])
