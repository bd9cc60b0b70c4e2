"""The public type of word vectors: gensim's surface against gensim, copies, files."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec
from gensim.test.utils import datapath

import embedsearch as es

SENTENCES = [
    ["the", "king", "and", "the", "queen", "rule", "the", "land"],
    ["a", "man", "and", "a", "woman", "walk", "in", "the", "land"],
    ["the", "king", "is", "a", "man", "and", "the", "queen", "is", "a", "woman"],
    ["Paris", "is", "in", "France", "and", "Rome", "is", "in", "Italy"],
] * 20


@pytest.fixture(scope="module")
def kv() -> KeyedVectors:
    return Word2Vec(SENTENCES, vector_size=12, min_count=1, epochs=3, workers=1, seed=1).wv


@pytest.fixture
def words(kv: KeyedVectors) -> es.Words:
    return es.from_gensim(kv).wv


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> es.Workspace:
    path = tmp_path_factory.mktemp("words") / "words.es"
    with es.create(path) as ws:
        ws.add(es.Document(str(n), " ".join(text)) for n, text in enumerate(SENTENCES))
        ws.train("fasttext", min_count=1, vector_size=8, epochs=1, workers=1, stem="english")
    return es.open(path)


def test_all_ways_to_word_vectors_give_one_type(
    kv: KeyedVectors, words: es.Words, workspace: es.Workspace, tmp_path: Path
) -> None:
    es.save_vectors(words, tmp_path / "words.txt", "glove")
    trained = es.train_texts(SENTENCES, "ppmi", min_count=1, vector_size=4)
    everyone = [
        es.WordVectors(kv.vectors, kv.index_to_key),
        es.load_vectors(tmp_path / "words.txt"),
        trained.wv,
        trained.vectors,
        words,
        es.TrainedModel(words).wv,
        workspace.words,
        workspace.model().wv,
    ]
    assert es.Words is es.WordVectors
    for each in everyone:
        assert type(each) is es.WordVectors
        assert len(each.most_similar("king", topn=3)) == 3
        assert each.doesnt_match(["king", "queen", "land"])


def test_every_name_of_gensim_is_there_or_listed_as_absent(kv: KeyedVectors) -> None:
    page = (Path(__file__).parents[2] / "docs" / "gensim.md").read_text(encoding="utf-8")
    table = page.partition("## KeyedVectors")[2].partition("\n## ")[0]
    lines = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    verdicts = {name: line[1] for line in lines for name in re.findall(r"`(\w+)`", line[0])}
    ours = es.from_gensim(kv).wv
    for name in dir(kv):
        if not name.startswith("_"):
            assert hasattr(ours, name) == (verdicts[name] in ("same", "other")), name


@pytest.mark.parametrize(
    "name",
    [
        "most_similar", "similar_by_word", "similar_by_key", "similar_by_vector", "wmdistance",
        "most_similar_cosmul", "rank_by_centrality", "doesnt_match", "distances", "distance",
        "similarity", "n_similarity", "get_vector", "get_mean_vector", "get_index", "rank",
        "closer_than", "most_similar_to_given", "add_vector", "add_vectors", "has_index_for",
        "get_vecattr", "set_vecattr", "fill_norms", "get_normed_vectors", "vectors_for_all",
        "evaluate_word_pairs", "evaluate_word_analogies", "relative_cosine_similarity",
        "save_word2vec_format", "load_word2vec_format", "cosine_similarities",
        "sort_by_descending_frequency",
    ],
)  # fmt: skip
def test_parameters_come_in_the_order_of_gensim(name: str) -> None:
    theirs = inspect.signature(getattr(KeyedVectors, name)).parameters.values()
    ours = inspect.signature(getattr(es.WordVectors, name)).parameters.values()
    positional = [p for p in ours if p.kind is not p.KEYWORD_ONLY]
    # What words are called is left to each method of gensim's, too.
    defaults = [p.default for p in positional[: len(theirs)]]
    assert [p.default for p in theirs] == defaults
    named = [p.name for p in positional]
    assert [p.name for p in theirs if p.default is not p.empty] == [
        one for one, p in zip(named, theirs, strict=False) if p.default is not p.empty
    ]


def pickled(words: es.Words) -> Any:
    return pickle.loads(pickle.dumps(words))  # noqa: S301 - our own bytes


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_has_everything(copied: Any, workspace: es.Workspace) -> None:
    words = workspace.words
    other = copied(words)
    assert type(other) is type(words)
    assert other.index_to_key == words.index_to_key
    np.testing.assert_array_equal(other.vectors, words.vectors)
    np.testing.assert_array_equal(other.counts, words.counts)
    assert not other.vectors.flags.writeable
    # Stemmed as the corpus was, and inferred from n-grams.
    np.testing.assert_array_equal(other["RULING"], words["RULING"])
    np.testing.assert_array_equal(other["kingdom"], words["kingdom"])
    assert "kingdom" not in other
    assert [w for w, _ in other.most_similar("kings")] == [w for w, _ in words.most_similar("king")]


def test_a_trained_model_can_be_pickled() -> None:
    model = es.train_texts([" ".join(s) for s in SENTENCES], "word2vec", min_count=1, epochs=1)
    other = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(other.context, model.context)
    assert other.wv.most_similar("KING") == model.wv.most_similar("king")
    assert repr(other).startswith("TrainedModel(Words(")


def test_rows_and_counts_are_those_of_gensim(kv: KeyedVectors, words: es.Words) -> None:
    for word in ("king", "Paris"):
        assert words.get_index(word) == kv.get_index(word)
        assert words.get_vecattr(word, "count") == kv.get_vecattr(word, "count")
        assert words.has_index_for(word)
    assert words.get_index("absent", -7) == kv.get_index("absent", -7) == -7
    assert not words.has_index_for("absent")
    with pytest.raises(KeyError):
        words.get_index("absent")
    with pytest.raises(KeyError):
        words.get_vecattr("absent", "count")
    with pytest.raises(es.ParameterError, match="attr"):
        words.get_vecattr("king", "colour")
    np.testing.assert_allclose(words.get_normed_vectors(), kv.get_normed_vectors(), atol=1e-6)
    words.fill_norms()
    kv.fill_norms()
    np.testing.assert_allclose(words.norms, kv.norms, rtol=1e-6)


def test_what_gensim_changes_in_place_is_changed_in_a_copy(
    kv: KeyedVectors, words: es.Words
) -> None:
    theirs, X = copy.deepcopy(kv), np.random.default_rng(0).standard_normal((3, 12))
    X = X.astype(np.float32)
    keys = ["new", "king", "newer"]
    for replace in (False, True):
        ours = words.add_vectors(keys, X, replace=replace)
        theirs = copy.deepcopy(kv)
        theirs.add_vectors(keys, X, replace=replace)
        assert ours.index_to_key == theirs.index_to_key
        np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    assert ours.get_vecattr("new", "count") == 0
    one = words.add_vector("new", X[0])
    np.testing.assert_array_equal(one["new"], X[0])
    assert one.most_similar("new", topn=1) == words.similar_by_vector(X[0], topn=1)
    assert words.set_vecattr("king", "count", 9).get_vecattr("king", "count") == 9
    counted = words.add_vectors(["new"], X[:1], {"count": [5]})
    assert counted.get_vecattr("new", "count") == 5
    assert ("new" in words, words.index_to_key) == (False, kv.index_to_key)
    np.testing.assert_array_equal(words.vectors, kv.vectors)


def test_words_are_sorted_by_their_counts(words: es.Words) -> None:
    rare = words.set_vecattr("the", "count", 1).sort_by_descending_frequency()
    counts = [rare.get_vecattr(word, "count") for word in rare.index_to_key]
    assert counts == sorted(counts, reverse=True)
    for word in words.index_to_key:
        np.testing.assert_array_equal(rare[word], words[word])
    with pytest.raises(es.ParameterError, match="counts"):
        es.WordVectors(np.eye(2), ["a", "b"]).sort_by_descending_frequency()


def test_vectors_for_some_words_are_those_of_gensim() -> None:
    model = FastText(SENTENCES, vector_size=8, min_count=1, bucket=300, epochs=2, workers=1)
    words = es.from_gensim(model).wv
    keys = ["queen", "kingly", "queen", "king"]
    for inferred in (True, False):
        theirs = model.wv.vectors_for_all(keys, inferred, copy_vecattrs=True)
        ours = words.vectors_for_all(iter(keys), inferred, copy_vecattrs=True)
        assert ours.index_to_key == theirs.index_to_key
        np.testing.assert_allclose(ours.vectors, theirs.vectors, atol=1e-6)
        assert ours.get_count("king") == theirs.get_vecattr("king", "count")
    assert words.vectors_for_all([]).index_to_key == []


def test_cosines_are_those_of_gensim(kv: KeyedVectors, words: es.Words) -> None:
    theirs = kv.cosine_similarities(kv.vectors[2] * 3, kv.vectors)
    found = words.cosine_similarities(kv.vectors[2] * 3, kv.vectors)
    np.testing.assert_allclose(found, theirs, atol=1e-6)
    assert words.relative_cosine_similarity("king", "queen", 5) == pytest.approx(
        float(kv.relative_cosine_similarity("king", "queen", 5)), rel=1e-4
    )


def test_moving_words_costs_their_distances(words: es.Words) -> None:
    unit = words.get_normed_vectors()
    rows = [words.get_index(word) for word in ("king", "queen")]
    apart = float(np.linalg.norm(unit[rows[0]] - unit[rows[1]]))
    assert words.wmdistance(["king"], ["queen"]) == pytest.approx(apart, rel=1e-5)
    # Half of the mass is already there, wherever else the words are.
    half = words.wmdistance(["king", "king"], ["king", "queen", "absent"])
    assert half == pytest.approx(apart / 2, rel=1e-5)
    raw = np.linalg.norm(words["king"].astype(float) - words["queen"])
    assert words.wmdistance(["king"], ["queen"], norm=False) == pytest.approx(raw, rel=1e-5)
    assert words.wmdistance(["king", "man"], ["man", "king"]) == 0
    assert words.wmdistance(["absent"], ["king"]) == float("inf")


@pytest.mark.parametrize("binary", [False, True])
def test_files_of_word2vec_are_read_by_gensim_and_back(
    kv: KeyedVectors, words: es.Words, tmp_path: Path, binary: bool
) -> None:
    ours, vocabulary = tmp_path / "ours", tmp_path / "vocabulary"
    words.save_word2vec_format(ours, vocabulary, binary)
    theirs = KeyedVectors.load_word2vec_format(ours, str(vocabulary), binary)
    assert theirs.index_to_key == kv.index_to_key
    np.testing.assert_array_equal(theirs.vectors, kv.vectors)
    assert theirs.get_vecattr("king", "count") == kv.get_vecattr("king", "count")
    kv.save_word2vec_format(str(tmp_path / "theirs"), str(vocabulary), binary)
    read = es.WordVectors.load_word2vec_format(tmp_path / "theirs", vocabulary, binary)
    assert read.index_to_key == kv.index_to_key
    np.testing.assert_array_equal(read.vectors, kv.vectors)
    np.testing.assert_array_equal(read.counts, words.counts)
    few = es.WordVectors.load_word2vec_format(ours, binary=binary, limit=3)
    assert few.index_to_key == kv.index_to_key[:3]


def test_files_without_a_header_and_with_a_prefix(words: es.Words, tmp_path: Path) -> None:
    words.save_word2vec_format(tmp_path / "a", write_header=False, prefix="*")
    lines = (tmp_path / "a").read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in lines] == ["*" + word for word in words.index_to_key]
    ours = es.WordVectors.load_word2vec_format(tmp_path / "a", no_header=True)
    assert ours.index_to_key == [line.split()[0] for line in lines]
    np.testing.assert_array_equal(ours.vectors, words.vectors)
    for wrong in ({"append": True}, {"total_vec": 3}, {"binary": True, "write_header": False}):
        with pytest.raises(es.ParameterError):
            words.save_word2vec_format(tmp_path / "b", **wrong)
    with pytest.raises(es.ParameterError, match="counts"):
        ours.save_word2vec_format(tmp_path / "b", tmp_path / "c")
    with pytest.raises(es.ParameterError, match="fvocab must be another file"):
        words.save_word2vec_format(tmp_path / "b", f"{tmp_path}/./b")
    assert not (tmp_path / "b").exists()
    for wrong in ({"encoding": "latin-1"}, {"datatype": np.float16}, {"unicode_errors": "x"}):
        with pytest.raises(es.ParameterError):
            es.WordVectors.load_word2vec_format(tmp_path / "a", **wrong)


def test_words_can_be_saved_and_loaded(words: es.Words, tmp_path: Path) -> None:
    words.save(tmp_path / "words.safetensors")
    read = es.WordVectors.load(tmp_path / "words.safetensors")
    assert read.most_similar("king") == words.most_similar("king")
    np.testing.assert_array_equal(read.counts, words.counts)


@pytest.fixture(scope="module")
def lee() -> KeyedVectors:
    text = Path(datapath("lee_background.cor")).read_text(encoding="utf-8")
    sentences = [line.split() for line in text.splitlines()]
    return Word2Vec(sentences, vector_size=20, min_count=2, epochs=5, workers=1, seed=2).wv


@pytest.mark.parametrize("dummy", [False, True])
def test_evaluations_are_those_of_gensim(lee: KeyedVectors, dummy: bool) -> None:
    words = es.from_gensim(lee).wv
    pairs, questions = datapath("wordsim353.tsv"), datapath("questions-words.txt")
    theirs = lee.evaluate_word_pairs(pairs, dummy4unknown=dummy)
    ours = words.evaluate_word_pairs(pairs, dummy4unknown=dummy)
    for one, other in zip(ours[:2], theirs[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    assert ours[2] == pytest.approx(theirs[2])
    score, sections = lee.evaluate_word_analogies(questions, dummy4unknown=dummy)
    found, answered = words.evaluate_word_analogies(questions, dummy4unknown=dummy)
    assert found == pytest.approx(score)
    assert answered == sections


def test_evaluations_without_known_words_are_errors(tmp_path: Path) -> None:
    words = es.WordVectors(np.eye(3), ["a", "b", "c"])
    with pytest.raises(es.InputError, match="vocabulary"):
        words.evaluate_word_analogies(datapath("questions-words.txt"))
    with pytest.raises(es.InputError, match="pairs"):
        words.evaluate_word_pairs(datapath("wordsim353.tsv"))
    with pytest.raises(es.SourceNotFoundError):
        words.evaluate_word_pairs(tmp_path / "absent")


@pytest.mark.parametrize(
    "wrong",
    [
        (np.eye(2), ["a"]),
        (np.eye(2), "ab"),
        (np.eye(2), 5),
        (np.eye(2), ["a", 5]),
        (np.eye(2), ["a", "a"]),
        (np.eye(2), ["a", "b"], [1]),
        (np.eye(2), ["a", "b"], ["1", "2"]),
        ([[1, np.nan]], ["a"]),
        ([["x"]], ["a"]),
        (None, ["a"]),
        (np.ones(3), ["a"]),
    ],
)
def test_vectors_that_cannot_be_are_refused(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(es.VectorError):
        es.WordVectors(*wrong)


@pytest.mark.parametrize("counts", [[-5, 1], [1.5, 1], [float("nan"), 1], [2.0**63, 1], [1, 2, 3]])
def test_counts_are_whole_numbers(counts: list[float]) -> None:
    with pytest.raises(es.VectorError, match="counts"):
        es.WordVectors(np.eye(2, dtype=np.float32), ["a", "b"], counts)


@pytest.mark.parametrize(
    "changed",
    [
        copy.copy,
        pickled,
        lambda words: words.add_vector("more", -words["sheep"]),
        lambda words: words.vectors_for_all(words.index_to_key, copy_vecattrs=True),
    ],
)
def test_a_copy_leaves_out_the_same_stop_words(changed: Any) -> None:
    words = ["sheep", "the", "cow"]
    vectors = es.WordVectors(
        np.array([[1, 0], [1, 0.1], [1, 1]], np.float32), words, [50, 90, 40], stop_words=["the"]
    )
    for each in (vectors, changed(vectors)):
        assert [near.word for near in each.neighbors("sheep")] == ["cow"]
        assert [near.word for near in each.neighbors("the")] == ["sheep", "cow"]


def test_the_counts_of_words_that_are_added_are_checked() -> None:
    words = es.WordVectors(np.eye(2, dtype=np.float32), ["a", "b"], [3, 4])
    for counts in ([-5], [1.5], [float("inf")]):
        with pytest.raises(es.VectorError, match="counts"):
            words.add_vectors(["c"], np.ones((1, 2)), {"count": counts})
