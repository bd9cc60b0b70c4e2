"""To gensim and back: nothing is lost, and both sides answer alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec
from gensim.models.fasttext import FastTextKeyedVectors, load_facebook_vectors

from embedsearch._errors import ParameterError, VectorError
from embedsearch._progress import SilentProgress
from embedsearch.training.base import TrainedModel, TrainingReport
from embedsearch.training.gensim import epoch_end, from_gensim, to_gensim
from embedsearch.vectors.formats.fasttext import FORMAT
from embedsearch.vectors.subwords import Subwords
from embedsearch.vectors.word_vectors import WordVectors

Train = Callable[..., tuple[TrainedModel, TrainingReport]]
SENTENCES = [["king", "queen", "kingdom"], ["man", "woman", "king", "naïve"]] * 20
UNKNOWN = ["queens", "kings", "womanly", "zebra"]


def word2vec(**options: Any) -> Word2Vec:
    return Word2Vec(SENTENCES, vector_size=6, min_count=1, workers=1, **options)


def fasttext(**options: Any) -> FastText:
    options = {"bucket": 60, "min_n": 2, "max_n": 4, **options}
    return FastText(SENTENCES, vector_size=6, min_count=1, workers=1, **options)


def keyed_vectors(words: list[Any], X: Any) -> KeyedVectors:
    keyed = KeyedVectors(X.shape[1])
    keyed.add_vectors(words, X)
    return keyed


def subword_vectors(ids: Any = range(60)) -> WordVectors:
    rng = np.random.default_rng(0)
    rows = np.array(ids, np.int64)
    subwords = Subwords(2, 4, 60, rows, rng.normal(size=(len(rows), 5)).astype(np.float32))
    X = rng.normal(size=(3, 5)).astype(np.float32)
    return WordVectors(X, ["rare", "king", "naïve"], np.array([1, 9, 4]), subwords)


def assert_same(a: WordVectors, b: WordVectors) -> None:
    assert a.index_to_key == b.index_to_key
    np.testing.assert_array_equal(a.vectors, b.vectors)
    np.testing.assert_array_equal(a.counts, b.counts)
    assert (a.subwords is None) == (b.subwords is None)
    if a.subwords and b.subwords:
        for name in ("min_n", "max_n", "bucket"):
            assert getattr(a.subwords, name) == getattr(b.subwords, name)
        np.testing.assert_array_equal(a.subwords.ids, b.subwords.ids)
        np.testing.assert_array_equal(a.subwords.vectors, b.subwords.vectors)


@pytest.mark.parametrize("make", [word2vec, fasttext])
def test_models_of_gensim_come_back_as_they_were(make: Callable[[], Any]) -> None:
    theirs = make()
    ours = from_gensim(theirs)
    back = to_gensim(ours)
    assert type(back) is type(theirs)
    assert back.wv.index_to_key == theirs.wv.index_to_key
    np.testing.assert_array_equal(back.wv.vectors, theirs.wv.vectors)
    np.testing.assert_array_equal(back.wv.expandos["count"], theirs.wv.expandos["count"])
    np.testing.assert_array_equal(back.syn1neg, theirs.syn1neg)
    if make is fasttext:
        np.testing.assert_array_equal(back.wv.vectors_vocab, theirs.wv.vectors_vocab)
        np.testing.assert_array_equal(back.wv.vectors_ngrams, theirs.wv.vectors_ngrams)
        for word in UNKNOWN:
            np.testing.assert_array_equal(back.wv[word], theirs.wv[word])


def test_a_fasttext_of_gensim_answers_unknown_words_as_ours() -> None:
    theirs = fasttext()
    subwords = from_gensim(theirs).vectors.subwords
    assert subwords is not None
    for word in UNKNOWN:
        np.testing.assert_allclose(subwords.infer(word), theirs.wv[word], atol=1e-6)


def test_only_the_ngrams_of_the_vocabulary_are_kept_where_asked() -> None:
    theirs = fasttext(bucket=2000)
    all_of_them = from_gensim(theirs).vectors.subwords
    some = from_gensim(theirs, all_ngrams=False).vectors.subwords
    assert all_of_them is not None
    assert some is not None
    used = {row for word in theirs.wv.index_to_key for row in some.ngram_ids(word)}
    assert some.ids.tolist() == sorted(used)
    np.testing.assert_array_equal(some.vectors, all_of_them.vectors[some.ids])


def test_what_is_taken_from_gensim_stays_when_gensim_goes_on() -> None:
    theirs = fasttext(sample=0)
    ours = from_gensim(theirs)
    assert ours.inputs is not None
    assert ours.context is not None
    assert ours.vectors.subwords is not None
    arrays = [ours.vectors.vectors, ours.inputs, ours.context, ours.vectors.subwords.vectors]
    before = [array.copy() for array in arrays]
    theirs.train(SENTENCES, total_examples=len(SENTENCES), epochs=2)
    for array, copy in zip(arrays, before):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    "vectors",
    [
        WordVectors(np.eye(3, dtype=np.float32), ["c", "a", "b b"]),
        WordVectors(np.eye(3, dtype=np.float32), ["c", "a", "b"], np.array([1, 0, 5])),
        subword_vectors(),
    ],
    ids=["plain", "counted", "subwords"],
)
def test_word_vectors_go_to_keyed_vectors_and_come_back(vectors: WordVectors) -> None:
    theirs = to_gensim(vectors)
    assert isinstance(theirs, FastTextKeyedVectors if vectors.subwords else KeyedVectors)
    first = vectors.index_to_key[0]
    np.testing.assert_array_equal(theirs[first], vectors.vectors[0])
    assert len(theirs.most_similar(first)) == 2
    back = from_gensim(theirs)
    assert back.context is None
    assert_same(back.vectors, vectors)


def test_keyed_vectors_answer_unknown_words_as_ours(tmp_path: Path) -> None:
    vectors = subword_vectors()
    theirs = to_gensim(vectors)
    assert vectors.subwords is not None
    for word in UNKNOWN:
        np.testing.assert_allclose(theirs[word], vectors.subwords.infer(word), atol=1e-6)
    # gensim's save leaves the composed vectors out and composes them again.
    theirs.save(str(tmp_path / "a.kv"))
    again = FastTextKeyedVectors.load(str(tmp_path / "a.kv"))
    np.testing.assert_allclose(again.vectors, vectors.vectors, atol=1e-6)


def test_ngrams_that_ours_does_not_have_only_shorten_unknown_words() -> None:
    vectors = subword_vectors(range(0, 60, 2))
    theirs = to_gensim(vectors)
    assert vectors.subwords is not None
    ours = vectors.subwords.infer("queens")
    assert ours is not None
    unit = ours / np.linalg.norm(ours)
    np.testing.assert_allclose(theirs["queens"] / np.linalg.norm(theirs["queens"]), unit, atol=1e-6)
    assert np.linalg.norm(theirs["queens"]) < np.linalg.norm(ours)


def test_settings_without_ngrams_give_plain_vectors() -> None:
    none = Subwords(3, 2, 60, np.arange(60), np.ones((60, 3), np.float32))
    vectors = WordVectors(np.eye(3, dtype=np.float32), ["a", "b", "c"], None, none)
    assert type(to_gensim(vectors)) is KeyedVectors
    assert type(to_gensim(TrainedModel(vectors))) is Word2Vec
    theirs = fasttext(max_n=1)
    ours = from_gensim(theirs)
    assert ours.vectors.subwords is ours.inputs is None
    np.testing.assert_array_equal(ours.vectors.vectors, theirs.wv.vectors)


@pytest.mark.parametrize("trainer", ["fasttext", "gensim-fasttext"])
def test_trained_ngrams_compose_the_same_vectors_elsewhere(
    train: Train, tmp_path: Path, trainer: str
) -> None:
    model, _ = train(trainer, bucket=3000, epochs=1)
    vectors = model.vectors
    assert model.inputs is not None
    assert model.start is vectors.vectors
    theirs = to_gensim(model, window=3, workers=1)
    assert isinstance(theirs, FastText)
    np.testing.assert_array_equal(theirs.wv.vectors, vectors.vectors)
    np.testing.assert_array_equal(theirs.wv.vectors_vocab, model.inputs)
    theirs.wv.adjust_vectors()
    np.testing.assert_allclose(theirs.wv.vectors, vectors.vectors, atol=1e-6)
    assert FORMAT.write is not None
    FORMAT.write(tmp_path / "a.bin", vectors, SilentProgress(), model.inputs)
    read = load_facebook_vectors(str(tmp_path / "a.bin"))
    assert read.index_to_key == vectors.index_to_key
    np.testing.assert_allclose(read.vectors, vectors.vectors, atol=1e-6)
    np.testing.assert_array_equal(read.vectors_vocab, model.inputs)


def test_a_fasttext_goes_on_training_in_gensim(train: Train) -> None:
    model, _ = train("fasttext", bucket=3000, epochs=1)
    theirs = to_gensim(model, window=3, workers=1, sample=0)
    theirs.train([["paris", "rome"] * 20], total_examples=1, epochs=2)
    before = model.vectors.vectors[model.vectors.key_to_index["paris"]]
    moved = theirs.wv["paris"]
    cosine = before @ moved / np.linalg.norm(before) / np.linalg.norm(moved)
    assert 0.5 < cosine < 1


@pytest.mark.parametrize("bad", [object(), WordVectors(np.eye(1), ["a"]), {"a": [1.0]}])
def test_what_is_not_of_gensim_is_refused(bad: object) -> None:
    with pytest.raises(ParameterError, match="model of gensim"):
        from_gensim(bad)


def test_what_is_not_ours_is_refused() -> None:
    with pytest.raises(ParameterError, match="TrainedModel or WordVectors"):
        to_gensim(np.eye(2))  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="given with a TrainedModel"):
        to_gensim(subword_vectors(), window=3)
    with pytest.raises(ParameterError, match="vector_size must be left out"):
        to_gensim(TrainedModel(subword_vectors()), vector_size=3)


def _shorter(model: Any, name: str) -> Any:
    setattr(model.wv, name, getattr(model.wv, name)[:-1])
    return model


def _spoilt(model: FastText, name: str, value: float) -> FastText:
    getattr(model.wv, name)[1, 1] = value
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keyed_vectors([1, 2], np.eye(2)), "a word must be a str, got 1"),
        (lambda: keyed_vectors(["a", "b"], np.diag([1, np.nan])), "row 1 of vectors"),
        (lambda: _shorter(word2vec(), "vectors"), "words do not fit"),
        (lambda: _shorter(fasttext(), "vectors_vocab"), "own rows"),
        (lambda: _shorter(fasttext(), "vectors_ngrams"), "bucket of 60"),
        (lambda: _spoilt(fasttext(), "vectors_vocab", np.inf), "row 1 of vectors_vocab"),
        (lambda: _spoilt(fasttext(), "vectors_ngrams", np.nan), "row 1 of vectors_ngrams"),
    ],
)
def test_arrays_that_cannot_be_used_are_named(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(VectorError, match=message):
        from_gensim(make())


def test_an_output_side_that_does_not_fit_is_named() -> None:
    model = word2vec()
    model.syn1neg = model.syn1neg[:-1]
    with pytest.raises(VectorError, match="syn1neg"):
        from_gensim(model)
    model = word2vec()
    model.wv.expandos["count"] = np.array(["many"] * 5, object)
    with pytest.raises(VectorError, match="counts"):
        from_gensim(model)


def test_half_a_character_has_no_ngrams_in_gensim() -> None:
    vectors = subword_vectors()
    odd = WordVectors(vectors.vectors, ["a", "b", "\ud800"], vectors.counts, vectors.subwords)
    with pytest.raises(VectorError, match="not UTF-8"):
        to_gensim(odd)


def test_gensim_calls_once_after_each_epoch() -> None:
    calls: list[int] = []
    callback = epoch_end(lambda: calls.append(len(calls)))
    texts = [["wave", "salt", "tide"]] * 5
    Word2Vec(texts, vector_size=4, min_count=1, epochs=3, workers=1, callbacks=[callback])
    assert calls == [0, 1, 2]
