"""Documents and words to vectors, against the encoders below and scikit-learn."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

import embedsearch as es
from embedsearch._errors import CorpusTooSmallError, InputError, ParameterError
from embedsearch.sklearn import DocumentEncoder, WordEncoder
from embedsearch.sklearn.transformers import as_texts, as_words
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors


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


def test_a_word_encoder_survives_pickling() -> None:
    encoder = WordEncoder(vectors=COLOURS).fit(["red"])
    again = pickle.loads(pickle.dumps(encoder))  # noqa: S301
    np.testing.assert_array_equal(again.transform(["red"]), [[1, 0]])


def test_no_word_can_be_encoded_before_fitting() -> None:
    with pytest.raises(NotFittedError):
        WordEncoder(vectors=COLOURS).transform(["red"])


@pytest.mark.parametrize("value", ["ignore", None, True])
def test_what_to_do_with_unknown_words_must_be_known(value: Any) -> None:
    with pytest.raises(es.ParameterError, match="handle_unknown must be one of error, zero, infer"):
        WordEncoder(vectors=COLOURS, handle_unknown=value).fit(["red"])


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


@pytest.mark.parametrize("a", [1e-3, 0.5])
def test_frequent_words_weigh_as_little_as_a_says(a: float) -> None:
    X, counts = np.array([[3, 1], [0, 2], [-1, 4]], np.float32), np.array([900, 90, 10])
    vectors = WordVectors(X, ["cow", "barn", "star"], counts)
    encoder = DocumentEncoder(vectors=vectors, a=a, n_components=0).fit(["cow barn", "star"])
    weights = a / (a + counts / 1_000)
    np.testing.assert_allclose(encoder.word_weights_, weights, rtol=1e-5)
    expected = weights @ X
    found = encoder.transform(["cow barn star"])
    np.testing.assert_allclose(found, [expected / np.linalg.norm(expected)], atol=1e-5)
