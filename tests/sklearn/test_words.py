"""Words and labels as rows of a matrix."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import embedsearch as es
from embedsearch.sklearn import WordEncoder
from embedsearch.vectors.subwords import Subwords

COLOURS = es.WordVectors(
    np.array([[1, 0], [0, 2], [3, 4]], np.float32), ["red", "green", "light_blue"]
)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_words_become_their_vectors(shape: tuple[int, ...]) -> None:
    X = np.array(["green", "red", "green"], object).reshape(shape)
    made = WordEncoder(vectors=COLOURS).fit_transform(X)
    np.testing.assert_array_equal(made, [[0, 2], [1, 0], [0, 2]])
    assert made.dtype == np.float32


def test_words_are_treated_like_the_corpus() -> None:
    made = WordEncoder(vectors=COLOURS).fit_transform(["Light blue", "RED"])
    np.testing.assert_array_equal(made, [[3, 4], [1, 0]])


def test_no_words_make_no_rows() -> None:
    assert WordEncoder(vectors=COLOURS).fit_transform([]).shape == (0, 2)


def test_vectors_can_be_learned_from_texts(texts: list[str]) -> None:
    encoder = WordEncoder("ppmi", vector_size=8, random_state=1).fit(texts)
    bread, cake, ship = encoder.transform(["bread", "Cake", "ship"])
    np.testing.assert_array_equal(
        bread, encoder.word_vectors_.vectors[encoder.word_vectors_.key_to_index["bread"]]
    )
    assert bread @ cake > bread @ ship


def test_texts_are_not_taken_for_words(texts: list[str]) -> None:
    with pytest.raises(es.ParameterError, match="vectors must be given where one X"):
        WordEncoder().fit_transform(texts)


def test_unknown_words_are_named() -> None:
    X = ["red", "pink", None, *"abcdef", "pink"]
    said = r"'pink', None, 'a', 'b', 'c' and 3 more; handle_unknown=\"zero\""
    with pytest.raises(es.InputError, match=said):
        WordEncoder(vectors=COLOURS).fit_transform(X)


def test_unknown_and_missing_words_can_be_zeros() -> None:
    encoder = WordEncoder(vectors=COLOURS, handle_unknown="zero")
    made = encoder.fit_transform(["pink", "red", None, float("nan"), ""])
    np.testing.assert_array_equal(made, [[0, 0], [1, 0], [0, 0], [0, 0], [0, 0]])


def test_vectors_of_unknown_words_are_inferred_from_their_n_grams() -> None:
    hashes = Subwords(3, 6, 2_000_000, np.empty(0, np.int64), np.empty((0, 2), np.float32))
    ids = np.unique(hashes.ngram_ids("pink"))
    subwords = Subwords(3, 6, 2_000_000, ids, np.full((len(ids), 2), 5, np.float32))
    vectors = es.WordVectors(COLOURS.vectors, COLOURS.index_to_key, subwords=subwords)
    encoder = WordEncoder(vectors=vectors, handle_unknown="infer")
    made = encoder.fit_transform(["Pinkish", "red", "qqq", None])
    np.testing.assert_array_equal(made, [[5, 5], [1, 0], [0, 0], [0, 0]])


def test_n_grams_must_be_there_to_infer_from() -> None:
    with pytest.raises(es.ParameterError, match=r"no n-grams .*fasttext"):
        WordEncoder(vectors=COLOURS, handle_unknown="infer").fit_transform(["pink"])


def test_a_label_is_a_feature_in_a_pipeline() -> None:
    import pandas as pd

    table = pd.DataFrame({"colour": ["red", "green", "red", "green"], "size": [1, 1, 2, 2]})
    columns = make_column_transformer(
        (WordEncoder(vectors=COLOURS), ["colour"]), remainder="passthrough"
    )
    pipeline = make_pipeline(columns, LogisticRegression()).fit(table, [0, 1, 0, 1])
    assert pipeline.predict(table).tolist() == [0, 1, 0, 1]
    names = columns.set_output(transform="pandas").fit_transform(table).columns
    assert names[0] == "wordencoder__wordencoder0"


def test_a_file_of_vectors_will_do(tmp_path: Path) -> None:
    path = tmp_path / "colours.txt"
    path.write_text("2 3\nred 1 2 3\ngreen 4 5 6\n")
    made = WordEncoder(vectors=str(path)).fit_transform(["green"])
    np.testing.assert_array_equal(made, [[4, 5, 6]])


def test_it_survives_pickling() -> None:
    encoder = WordEncoder(vectors=COLOURS).fit(["red"])
    again = pickle.loads(pickle.dumps(encoder))  # noqa: S301
    np.testing.assert_array_equal(again.transform(["red"]), [[1, 0]])


def test_nothing_can_be_encoded_before_fitting() -> None:
    with pytest.raises(NotFittedError):
        WordEncoder(vectors=COLOURS).transform(["red"])


@pytest.mark.parametrize("value", ["ignore", None, True])
def test_what_to_do_with_unknown_words_must_be_known(value: Any) -> None:
    with pytest.raises(es.ParameterError, match="handle_unknown must be one of error, zero, infer"):
        WordEncoder(vectors=COLOURS, handle_unknown=value).fit(["red"])
