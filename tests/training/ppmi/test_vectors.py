"""Vectors from counts mean something, are reproducible, and leave no files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.text.processing import TextProcessor
from embedsearch.text.settings import TokenizerSettings
from embedsearch.training.ppmi.vectors import ppmi_vectors

SETTINGS: dict[str, Any] = {"vector_size": 100, "window": 10, "seed": 1}


@pytest.fixture(scope="module")
def planted() -> tuple[Any, Any, Any, list[str]]:
    processor = TextProcessor(TokenizerSettings())
    texts = [processor.process(document.text) for document in PlantedCorpus()]
    counts = Counter(word for text in texts for word in text)
    words = [word for word, _ in counts.most_common()]
    rows = {word: row for row, word in enumerate(words)}
    ids = np.array([rows[word] for text in texts for word in text], np.int32)
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in texts])))
    return ids, offsets, np.array([counts[word] for word in words]), words


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_planted_analogies_and_topics_are_found(planted: Any, tmp_path: Path) -> None:
    *corpus, words = planted
    U = unit(ppmi_vectors(*corpus, **SETTINGS, folder=tmp_path)[0])
    rows = {word: row for row, word in enumerate(words)}
    lines = np.array([[rows[word] for word in line] for line in PlantedCorpus().analogies()])
    a, b, c, d = lines.T
    scores = (U[b] - U[a] + U[c]) @ U.T
    np.put_along_axis(scores, lines[:, :3], -np.inf, axis=1)
    assert np.mean(scores.argmax(axis=1) == d) >= 0.9
    similar = U @ U.T - 2 * np.eye(len(U))
    for topic in PlantedCorpus().topics.values():
        nearest = [words[similar[rows[word]].argmax()] for word in topic]
        assert np.mean([word in topic for word in nearest]) >= 0.8


def test_context_vectors_are_added_on_demand(planted: Any, tmp_path: Path) -> None:
    corpus = planted[:3]
    plain, contexts = ppmi_vectors(*corpus, **SETTINGS, sum_contexts=False, folder=tmp_path)
    summed, same = ppmi_vectors(*corpus, **SETTINGS, sum_contexts=True, folder=tmp_path)
    assert plain.shape == contexts.shape == (len(corpus[2]), 100)
    assert plain.dtype == contexts.dtype == np.float32
    assert np.array_equal(same, contexts)
    assert np.array_equal(summed, plain + contexts)


def test_the_seed_gives_the_same_bytes_from_memory_or_disk(planted: Any, tmp_path: Path) -> None:
    ids, offsets, counts, _ = planted
    np.save(tmp_path / "ids.npy", ids)
    mapped = np.load(tmp_path / "ids.npy", mmap_mode="r")
    first = ppmi_vectors(ids, offsets, counts, **SETTINGS, folder=tmp_path)
    again = ppmi_vectors(mapped, offsets, counts, **SETTINGS, folder=tmp_path)
    assert first[0].tobytes() == again[0].tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["ids.npy"]


def test_two_words_are_enough(tmp_path: Path) -> None:
    ids, offsets, counts = np.array([0, 1, 0], np.int32), np.array([0, 3]), np.array([2, 1])
    words, _ = ppmi_vectors(ids, offsets, counts, **SETTINGS, folder=tmp_path)
    assert words.shape == (2, 100)
    assert np.isfinite(words).all()


@pytest.mark.parametrize(
    ("name", "value"), [("window", 0), ("vector_size", 0), ("shift", 0.0), ("shift", float("nan"))]
)
def test_a_parameter_out_of_range_is_named(name: str, value: float, tmp_path: Path) -> None:
    corpus = np.array([0, 1], np.int32), np.array([0, 2]), np.array([1, 1])
    with pytest.raises(ParameterError, match=name):
        ppmi_vectors(*corpus, **{**SETTINGS, name: value}, folder=tmp_path)


def test_files_are_deleted_after_an_error(tmp_path: Path) -> None:
    corpus = np.array([0, 9], np.int32), np.array([0, 2]), np.array([1, 1])
    with pytest.raises(ParameterError, match="ids"):
        ppmi_vectors(*corpus, **SETTINGS, folder=tmp_path)
    assert not list(tmp_path.iterdir())
