"""Texts as rows of a matrix, against the published formula and scikit-learn's own tools."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

import embedsearch as es
from embedsearch.sklearn import DocumentEncoder


@pytest.fixture(scope="module")
def encoder(texts: list[str]) -> DocumentEncoder:
    return DocumentEncoder("ppmi", vector_size=8, random_state=1).fit(texts)


def test_texts_of_one_topic_are_near_each_other(encoder: DocumentEncoder, texts: list[str]) -> None:
    Z = encoder.transform(texts)
    similar = Z @ Z.T
    assert Z.shape == (120, 8)
    assert Z.dtype == np.float32
    assert similar[::2, ::2].min() > similar[::2, 1::2].max()


def test_a_text_is_its_weighted_mean_less_the_common_direction(
    encoder: DocumentEncoder, texts: list[str]
) -> None:
    words = encoder.word_vectors_
    assert words.counts is not None
    share = words.counts / words.counts.sum()
    weights = 1e-3 / (1e-3 + share)
    rows = [[words.key_to_index[word] for word in text.split()] for text in texts]
    means = np.array([weights[r] @ words.vectors[r] / len(r) for r in rows])
    common = means.mean(axis=0) / np.linalg.norm(means.mean(axis=0))
    left = means - np.outer(means @ common, common)
    expected = left / np.linalg.norm(left, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.transform(texts), expected, atol=1e-4)


def test_fitting_and_encoding_at_once_gives_the_same(texts: list[str]) -> None:
    encoder = DocumentEncoder("ppmi", vector_size=8, random_state=1)
    made = encoder.fit_transform(texts)
    np.testing.assert_array_equal(made, encoder.fit(texts).transform(texts))


def test_texts_without_known_words_are_zeros(encoder: DocumentEncoder) -> None:
    made = encoder.transform(["xylophone quartz", "", "the sea and xylophones"])
    assert made.any(axis=1).tolist() == [False, False, True]
    assert encoder.transform([]).shape == (0, 8)


@pytest.mark.parametrize("trainer", ["auto", "ppmi", "word2vec"])
def test_a_seed_gives_the_same_vectors_on_every_run(trainer: str, texts: list[str]) -> None:
    one, two, other = (
        DocumentEncoder(trainer, vector_size=8, epochs=2, random_state=seed).fit_transform(texts)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, two)
    assert trainer == "ppmi" or not np.array_equal(one, other)


def test_a_seed_gives_the_same_vectors_with_several_threads(texts: list[str]) -> None:
    one, two = (
        DocumentEncoder("word2vec", vector_size=8, random_state=3, n_jobs=n).fit_transform(texts)
        for n in (2, 3)
    )
    np.testing.assert_array_equal(one, two)


def test_numpy_draws_the_seed_where_none_is_given(texts: list[str]) -> None:
    state = np.random.RandomState(5)
    encoder = DocumentEncoder("word2vec", vector_size=8, epochs=1, random_state=state)
    assert not np.array_equal(encoder.fit_transform(texts), encoder.fit_transform(texts))


def test_a_grid_search_finds_its_parameters(texts: list[str], labels: list[str]) -> None:
    pipeline = make_pipeline(DocumentEncoder(random_state=1), LogisticRegression())
    grid = {
        "documentencoder__vector_size": [4, 16],
        "documentencoder__trainer": ["ppmi", "auto"],
        "documentencoder__options": [None, {"stem": "english"}],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(texts, labels)
    assert search.best_score_ == 1
    assert search.predict(["the captain and the storm", "sugar with butter"]).tolist() == [
        "sea",
        "kitchen",
    ]


def test_settings_reach_the_training(texts: list[str]) -> None:
    encoder = DocumentEncoder("ppmi", min_count=50, options={"stem": "english"}, random_state=1)
    words = encoder.fit(texts).word_vectors_
    counts = {word: " ".join(texts).split().count(word) for word in ("kitchen", "sea", "the")}
    assert encoder.tokenizer_.stem == "english"
    assert set(words.index_to_key) >= {w for w, n in counts.items() if n >= 50} - {"kitchen"}
    assert words.counts is not None
    assert words.counts.min() >= 50


def test_phrases_are_joined_in_new_texts_as_in_those_trained_on(texts: list[str]) -> None:
    marked = [f"{text} new york" for text in texts]
    options = {"phrases": "default", "phrase_threshold": 6.0}
    encoder = DocumentEncoder("ppmi", vector_size=4, options=options, random_state=1).fit(marked)
    assert "new_york" in encoder.word_vectors_
    assert "york" not in encoder.word_vectors_
    assert encoder.transform(["New York", "york"]).any(axis=1).tolist() == [True, False]


def test_it_survives_pickling(encoder: DocumentEncoder, texts: list[str]) -> None:
    stemming = DocumentEncoder("ppmi", options={"stem": "english"}, random_state=1).fit(texts)
    for fitted in (encoder, stemming):
        again = pickle.loads(pickle.dumps(fitted))  # noqa: S301
        np.testing.assert_array_equal(again.transform(texts), fitted.transform(texts))


def test_columns_have_names_and_tables_keep_their_index(
    encoder: DocumentEncoder, texts: list[str]
) -> None:
    import pandas as pd

    names = [f"documentencoder{column}" for column in range(8)]
    assert encoder.get_feature_names_out().tolist() == names
    column = pd.DataFrame({"text": texts[:3]}, index=["a", "b", "c"])
    table = clone(encoder).set_output(transform="pandas").fit(texts).transform(column)
    assert table.columns.tolist() == names
    assert table.index.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(table.to_numpy(), encoder.transform(texts[:3]))


@pytest.mark.parametrize("column", ["text", ["text"]])
def test_it_takes_a_column_of_a_table(column: Any, texts: list[str], labels: list[str]) -> None:
    import pandas as pd

    table = pd.DataFrame({"text": texts, "length": [len(text) for text in texts]})
    columns = ColumnTransformer(
        [("text", DocumentEncoder("ppmi", vector_size=4, random_state=1), column)],
        remainder="passthrough",
    )
    made = columns.fit_transform(table)
    assert made.shape == (120, 5)
    assert (
        Pipeline([("c", columns), ("l", LogisticRegression())])
        .fit(table, labels)
        .score(table, labels)
        > 0.9
    )


def test_given_vectors_are_not_trained(texts: list[str]) -> None:
    words = es.WordVectors(np.eye(3, dtype=np.float32), ["sea", "bread", "cake"])
    encoder = DocumentEncoder(vectors=words, n_components=0)
    made = clone(encoder).fit(texts).transform(["Sea!", "bread and bread", "storm"])
    np.testing.assert_allclose(made, [[1, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_a_workspace_brings_its_way_of_cutting_text(texts: list[str], tmp_path: Path) -> None:
    lines = tmp_path / "texts.txt"
    lines.write_text("\n".join(texts))
    path = tmp_path / "my.es"
    options = {"split": "line", "vector_size": 8, "epochs": 1, "stem": "english"}
    with es.build(lines, path, trainer="ppmi", **options) as workspace:
        expected = workspace.vector_of("kitchens and butter")
        found = DocumentEncoder(vectors=path).fit(texts).transform(["kitchens and butter"])
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_a_workspace_without_vectors_says_what_to_do(texts: list[str], tmp_path: Path) -> None:
    es.create(tmp_path / "new.es").close()
    with pytest.raises(es.NotTrainedError, match="embedsearch train"):
        DocumentEncoder(vectors=tmp_path / "new.es").fit(texts)


def test_nothing_can_be_encoded_before_fitting() -> None:
    with pytest.raises(NotFittedError):
        DocumentEncoder().transform(["a"])


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"trainer": "magic"}, "trainer must be one of auto"),
        ({"vector_size": 0}, "vector_size must be"),
        ({"a": 0}, "a must be a number above 0"),
        ({"a": float("nan")}, "a must be"),
        ({"n_components": -1}, "n_components must be"),
        ({"n_jobs": 0}, "n_jobs must be"),
        ({"options": {"epochs": 3}}, r"options must be .*\['epochs'\]"),
        ({"options": {"colour": 3}}, "got 'colour'"),
        ({"tokenizer": "magic"}, "tokenizer must be"),
        ({"vectors": 3}, "vectors must be WordVectors, or the path"),
    ],
)
def test_a_wrong_parameter_is_named_when_fitting(
    parameters: dict[str, Any], reason: str, texts: list[str]
) -> None:
    with pytest.raises(es.ParameterError, match=reason):
        DocumentEncoder(**parameters).fit(texts)


def test_all_processors_are_taken_when_asked_for(texts: list[str]) -> None:
    encoder = DocumentEncoder("word2vec", vector_size=4, epochs=1, n_jobs=-1)
    assert encoder.fit(texts).transform(texts).any()
