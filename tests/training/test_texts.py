"""Training on texts without a workspace: what is given reaches the training, and all is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

import embedsearch as es
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.text.settings import TokenizerSettings

QUICK = {"vector_size": 8, "epochs": 2, "workers": 1, "min_count": 1}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [document.text for document in PlantedCorpus(documents=60)]


def test_every_text_is_read_once_and_every_word_counted(texts: list[str]) -> None:
    given = []

    def once() -> Iterator[str]:
        for text in texts:
            given.append(text)
            yield text

    model = es.train_texts(once(), "word2vec", **QUICK)
    assert given == texts
    words = Counter(word for text in texts for word in text.lower().replace(".", "").split())
    assert model.vectors.counts is not None
    found = dict(zip(model.vectors.index_to_key, model.vectors.counts.tolist(), strict=True))
    assert found == words
    assert model.vectors.counts.tolist() == sorted(words.values(), reverse=True)
    assert model.vectors.vectors.shape == (len(words), 8)


@pytest.mark.parametrize("least", [1, 4, 30])
def test_only_words_that_are_frequent_enough_get_a_vector(texts: list[str], least: int) -> None:
    words = Counter(word for text in texts for word in text.lower().replace(".", "").split())
    frequent = {word for word, count in words.items() if count >= least}
    model = es.train_texts(texts, "ppmi", **{**QUICK, "min_count": least})
    assert set(model.vectors.index_to_key) == frequent
    some = es.train_texts(texts, "ppmi", **{**QUICK, "min_count": least, "max_final_vocab": 9})
    most = min(9, len(frequent))
    assert len(some.vectors.index_to_key) <= most
    rarest = min(words[word] for word in some.vectors.index_to_key)
    left = frequent - set(some.vectors.index_to_key)
    assert all(words[word] <= rarest for word in left)


def test_the_way_of_cutting_text_is_chosen_by_settings_names_or_parameters() -> None:
    texts = ["Cats' cats, @ann #meow 42 cafés"] * 5
    plain = es.train_texts(texts, "ppmi", **QUICK)
    found = {word.strip("'@#") for word in plain.vectors.index_to_key}
    assert {"cats", "cafés", "ann", "meow", "42"} <= found
    settings = TokenizerSettings(lowercase=False, accents="strip", digits="zero")
    kept = set(es.train_texts(texts, "ppmi", tokenizer=settings, **QUICK).vectors.index_to_key)
    same = es.train_texts(
        texts, "ppmi", lowercase=False, accents="strip", digits="zero", **QUICK
    ).vectors.index_to_key
    assert set(same) == kept
    assert {"Cats", "cats", "cafes", "00"} <= {word.strip("'@#") for word in kept}
    tweets = es.train_texts(texts, "ppmi", tokenizer="tweet", **QUICK).vectors.index_to_key
    assert {"@ann", "#meow"} <= set(tweets)


def test_callbacks_see_every_epoch_and_stop_the_training(texts: list[str]) -> None:
    seen: list[tuple[int, int]] = []

    def watch(report: es.EpochReport) -> bool:
        seen.append((report.epoch, report.epochs))
        return report.epoch == 3

    es.train_texts(texts, "word2vec", callbacks=[watch], **{**QUICK, "epochs": 7})
    assert seen == [(1, 7), (2, 7), (3, 7)]


def test_a_training_goes_on_from_a_model(texts: list[str]) -> None:
    first = es.train_texts(texts, "word2vec", **QUICK)
    again = es.train_texts(
        [*texts, "zyzzyva among zyzzyva"], "word2vec", start=first, alpha=1e-6, min_alpha=1e-7,
        **QUICK,
    )  # fmt: skip
    known = first.vectors.key_to_index
    assert "zyzzyva" not in known
    assert "zyzzyva" in again.vectors.key_to_index
    # At that rate next to nothing is learned.
    rows = [again.vectors.key_to_index[word] for word in known]
    np.testing.assert_allclose(again.vectors.vectors[rows], first.vectors.vectors, atol=1e-3)
    other = es.train_texts(texts, "word2vec", **{**QUICK, "seed": 5})
    assert not np.allclose(other.vectors.vectors, first.vectors.vectors, atol=1e-3)


def test_phrases_get_a_vector_of_their_own() -> None:
    texts = [f"we saw new york {n % 9} times" for n in range(60)]
    quick = {**QUICK, "phrases": "default", "phrase_min_count": 3, "phrase_threshold": 1.0}
    model = es.train_texts(texts, "ppmi", **quick)
    assert any("new_york" in word for word in model.vectors.index_to_key)
    assert "new" not in model.vectors.key_to_index


@pytest.mark.parametrize(
    ("options", "named"),
    [({"nonsense": 1}, "nonsense"), ({"epochs": 0}, "epochs"), ({"stem": "klingon"}, "stem"),
     ({"trainer": "magic"}, "trainer"), ({"tokenizer": "magic"}, "tokenizer")],
)  # fmt: skip
def test_what_cannot_be_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(es.ParameterError, match=named):
        es.train_texts(["a b c"] * 9, **options)  # type: ignore[arg-type]


def test_one_word_is_too_little_to_learn_from() -> None:
    with pytest.raises(es.CorpusTooSmallError):
        es.train_texts(["alone alone"], min_count=1)
