"""Pairs are counted as a plain loop does, weighed by the published formula, factorised exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch._errors import ParameterError
from embedsearch.kernels.ppmi import Sparse, times, transposed_times
from embedsearch.text.corpora import PlantedCorpus
from embedsearch.text.settings import TokenizerSettings
from embedsearch.text.stream import TokenStream, select
from embedsearch.text.tokenizers import TextProcessor
from embedsearch.training.base import Corpus, EncodedCorpus, TrainedModel, TrainingReport, encode
from embedsearch.training.ppmi import (
    CountRuns,
    PpmiSettings,
    factorise,
    ppmi_matrix,
    ppmi_vectors,
)

Train = Callable[..., tuple[TrainedModel, TrainingReport]]
V, WINDOW = 30, 3
SETTINGS = PpmiSettings(vector_size=100, window=10, seed=1)


def corpus_of(ids: Any, offsets: Any, words: int) -> EncodedCorpus:
    ids = np.array(ids, np.int32)
    return EncodedCorpus(ids, np.array(offsets, np.int64), np.zeros(words, np.int64))


def naive_counts(corpus: EncodedCorpus, window: int) -> Any:
    """The weights of all pairs of places, one after the other."""
    ids, words = corpus.ids, len(corpus.counts)
    total = np.zeros((words, words), np.int64)
    for start, stop in pairwise(corpus.offsets):
        for i in range(start, stop):
            for j in range(max(start, i - window), min(stop, i + window + 1)):
                if i != j:
                    total[ids[i], ids[j]] += window + 1 - abs(i - j)
    return total


def random_corpus(seed: int, documents: int = 40) -> EncodedCorpus:
    """Documents of 0 to 24 words, the first words far more frequent than the last."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate(([0], np.cumsum(rng.integers(0, 25, documents)))).astype(np.int64)
    return corpus_of(V * rng.random(offsets[-1]) ** 3, offsets, V)


def dense_counts(runs: CountRuns) -> Any:
    """The counts of all runs as one (V, V) array."""
    total = np.zeros((runs.words, runs.words), np.int64)
    for first, starts, columns, counts in runs.blocks():
        for run in starts:
            for row in range(len(run) - 1):
                pairs = slice(run[row], run[row + 1])
                np.add.at(total[first + row], columns[pairs], counts[pairs].astype(np.int64))
    return total


@pytest.mark.parametrize("window", [1, 2, 7])
@pytest.mark.parametrize("chunk_tokens", [1, 13, 10_000])
def test_pairs_are_counted_as_a_plain_loop_does(
    tmp_path: Path, window: int, chunk_tokens: int
) -> None:
    text = random_corpus(seed=window)
    runs = CountRuns(tmp_path, V, window, chunk_tokens=chunk_tokens, buffer_pairs=40)
    runs.count(text)
    expected = naive_counts(text, window)
    assert np.array_equal(dense_counts(runs), expected)
    assert np.array_equal(runs.totals, expected.sum(axis=1))


def test_words_of_two_documents_are_no_pair(tmp_path: Path) -> None:
    runs = CountRuns(tmp_path, 4, window=5)
    runs.count(corpus_of([0, 1, 2, 3], [0, 2, 2, 4], 4))
    assert np.argwhere(dense_counts(runs)).tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]


def test_a_window_of_a_thousand_does_not_overflow(tmp_path: Path) -> None:
    runs = CountRuns(tmp_path, 1, window=1000)
    runs.count(corpus_of(np.zeros(20_000), [0, 20_000], 1))
    pairs = sum((1001 - distance) * 2 * (20_000 - distance) for distance in range(1, 1001))
    assert dense_counts(runs).tolist() == [[pairs]]
    assert pairs > 2**32


def test_an_empty_corpus_has_no_pairs(tmp_path: Path) -> None:
    runs = CountRuns(tmp_path, 3, window=2)
    runs.count(corpus_of([], [0], 3))
    assert not dense_counts(runs).any()


def test_a_word_outside_of_the_vocabulary_is_named(tmp_path: Path) -> None:
    for wrong in (3, -1):
        runs = CountRuns(tmp_path, 3, window=2)
        with pytest.raises(ValueError, match=f"ids must be from 0 to 2, got {wrong}"):
            runs.count(corpus_of([0, wrong, 1], [0, 3], 3))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    runs = CountRuns(tmp_path, V, window=2)
    runs.count(random_corpus(seed=0))
    assert list(tmp_path.iterdir())
    runs.remove()
    assert not list(tmp_path.iterdir())


def test_files_of_a_killed_process_do_no_harm(tmp_path: Path) -> None:
    text = random_corpus(seed=0)
    CountRuns(tmp_path, V, window=2).count(text)
    runs = CountRuns(tmp_path, V, window=2)
    runs.count(text)
    assert np.array_equal(dense_counts(runs), naive_counts(text, 2))


def formula(counts: Any, smoothing: float) -> Any:
    """max(0, log P(w, c) / (P(w) P'(c))), Levy, Goldberg and Dagan 2015."""
    joint = counts / counts.sum()
    word = joint.sum(axis=1)
    smooth = counts.sum(axis=0).astype(float) ** smoothing
    context = smooth / smooth.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(joint / np.outer(word, context))
    return np.maximum(np.nan_to_num(information, nan=0.0, neginf=0.0), 0.0)


def dense(matrix: Any) -> Any:
    rows = np.repeat(np.arange(len(matrix.starts) - 1), np.diff(matrix.starts))
    total = np.zeros((len(matrix.starts) - 1,) * 2)
    np.add.at(total, (rows, matrix.columns), matrix.values)
    return total


@pytest.mark.parametrize("smoothing", [0.75, 1.0, 0.0])
@pytest.mark.parametrize("chunk_tokens", [50, 10_000])
def test_values_follow_the_formula(tmp_path: Path, smoothing: float, chunk_tokens: int) -> None:
    text = random_corpus(seed=1, documents=80)
    runs = CountRuns(tmp_path, V, WINDOW, chunk_tokens=chunk_tokens, buffer_pairs=60)
    runs.count(text)
    matrix = ppmi_matrix(runs, smoothing)
    expected = formula(naive_counts(text, WINDOW), smoothing)
    assert matrix.values.dtype == np.float32
    assert (matrix.values > 0).all()
    np.testing.assert_allclose(dense(matrix), expected, atol=2e-6)


@pytest.mark.parametrize("most_pairs", [1, 100, 200])
def test_of_too_many_pairs_the_lightest_are_left_out(tmp_path: Path, most_pairs: int) -> None:
    text = random_corpus(seed=2, documents=80)
    runs = CountRuns(tmp_path, V, WINDOW, chunk_tokens=300)
    runs.count(text)
    got = dense(ppmi_matrix(runs, most_pairs=most_pairs))
    counts = naive_counts(text, WINDOW)
    expected = formula(counts, 0.75)
    kept, lost = counts[got > 0], counts[(got == 0) & (expected > 1e-6)]
    assert len(kept) <= most_pairs
    assert kept.min(initial=10**9) > lost.max()
    assert np.sum(lost == lost.max()) + len(kept) > most_pairs
    np.testing.assert_allclose(got[got > 0], expected[got > 0], atol=2e-6)


def test_a_word_without_neighbours_has_an_empty_row(tmp_path: Path) -> None:
    runs = CountRuns(tmp_path, 3, WINDOW)
    runs.count(corpus_of([0, 1, 2, 0, 1], [0, 2, 3, 5], 3))
    matrix = ppmi_matrix(runs)
    assert matrix.starts[3] == matrix.starts[2]
    assert np.isfinite(matrix.values).all()


def sparse(a: Any) -> Sparse:
    rows, columns = np.nonzero(a)
    starts = np.searchsorted(rows, np.arange(len(a) + 1)).astype(np.int64)
    return Sparse(starts, columns.astype(np.int32), a[rows, columns].astype(np.float32))


def matrix(n: int = 150, seed: int = 0) -> Any:
    """Sparse and positive, and of slowly falling singular values as PPMI matrices are."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, n)) < 0.2, rng.random((n, n)) * 3, 0.0).astype(np.float32)


def test_products_are_those_of_the_dense_matrix() -> None:
    a = matrix()
    q = np.random.default_rng(1).standard_normal((len(a), 7)).astype(np.float32)
    out = np.full_like(q, np.nan)
    times(sparse(a), q, out)
    np.testing.assert_allclose(out, a @ q, rtol=1e-4, atol=1e-4)
    transposed_times(sparse(a), q, out)
    np.testing.assert_allclose(out, a.T @ q, rtol=1e-4, atol=1e-4)


def test_factors_are_those_of_the_exact_decomposition() -> None:
    a, size = matrix(), 10
    u, s, vt = np.linalg.svd(a.astype(np.float64))
    words, contexts = factorise(sparse(a), size, 3, iterations=60)
    best = u[:, :size] * s[:size] @ vt[:size]
    np.testing.assert_allclose(words @ contexts.T, best, atol=2e-3)
    for got, expected in ((words, u * s**0.5), (contexts, vt.T * s**0.5)):
        exact = expected[:, :size]
        np.testing.assert_allclose(got @ got.T, exact @ exact.T, atol=1e-2 * s[0])
        np.testing.assert_allclose(
            np.linalg.norm(got, axis=0), np.linalg.norm(exact, axis=0), rtol=1e-3
        )


def test_the_iterations_that_are_the_default_capture_the_spectrum() -> None:
    a, size = matrix(600), 50
    words, _ = factorise(sparse(a), size, 0)
    s = np.linalg.svd(a, compute_uv=False)[:size]
    # The columns of the words are as long as the roots of the singular values.
    values = (words.astype(float) ** 2).sum(axis=0)
    assert np.sum(values**2) >= 0.99 * np.sum(s.astype(float) ** 2)


@pytest.mark.parametrize("n", [1, 5, 40])
def test_more_dimensions_than_rank_are_zero(n: int) -> None:
    a = np.outer(np.arange(1, n + 1), np.arange(n, 0, -1)).astype(np.float32)
    words, contexts = factorise(sparse(a), 12, 0)
    assert words.shape == contexts.shape == (n, 12)
    np.testing.assert_allclose(words @ contexts.T, a, rtol=1e-3)
    assert not words[:, 1:].any() or np.abs(words[:, 1:]).max() < 1e-2 * np.abs(words[:, 0]).max()


def test_an_empty_matrix_has_vectors_of_zeros() -> None:
    words, contexts = factorise(sparse(np.zeros((4, 4))), 3, 0)
    assert not words.any()
    assert not contexts.any()


def test_the_seed_gives_the_same_bytes() -> None:
    first, again, other = (factorise(sparse(matrix()), 8, seed, iterations=2) for seed in (5, 5, 6))
    assert [part.tobytes() for part in first] == [part.tobytes() for part in again]
    assert first[0].tobytes() != other[0].tobytes()


@pytest.fixture(scope="module")
def planted() -> tuple[EncodedCorpus, list[str]]:
    processor = TextProcessor(TokenizerSettings())
    texts = [processor.process(document.text) for document in PlantedCorpus()]
    counts = Counter(word for text in texts for word in text)
    words = [word for word, _ in counts.most_common()]
    rows = {word: row for row, word in enumerate(words)}
    ids = np.array([rows[word] for text in texts for word in text], np.int32)
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in texts])))
    return EncodedCorpus(ids, offsets, np.array([counts[word] for word in words])), words


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_planted_analogies_and_topics_are_found(planted: Any, tmp_path: Path) -> None:
    corpus, words = planted
    U = unit(sum(ppmi_vectors(corpus, SETTINGS, tmp_path)))
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


def test_context_vectors_are_added_to_those_of_words(
    train: Train, stream: TokenStream, tmp_path: Path
) -> None:
    model, report = train("ppmi", vector_size=20)
    vocabulary, rows = select(stream.types, stream.counts, report.parameters["min_count"])
    encoded = encode(Corpus(stream, vocabulary, rows, tmp_path))
    settings = replace(SETTINGS, vector_size=20, window=report.parameters["window"])
    words, contexts = ppmi_vectors(encoded, settings, tmp_path)
    assert words.shape == contexts.shape == model.vectors.vectors.shape
    assert np.array_equal(model.vectors.vectors, words + contexts)


def test_the_seed_gives_the_same_bytes_from_memory_or_disk(planted: Any, tmp_path: Path) -> None:
    corpus, _ = planted
    np.save(tmp_path / "ids.npy", corpus.ids)
    mapped = np.load(tmp_path / "ids.npy", mmap_mode="r")
    first = ppmi_vectors(corpus, SETTINGS, tmp_path)
    again = ppmi_vectors(replace(corpus, ids=mapped), SETTINGS, tmp_path)
    assert first[0].tobytes() == again[0].tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["ids.npy"]


def test_two_words_are_enough(tmp_path: Path) -> None:
    sides = ppmi_vectors(corpus_of([0, 1, 0], [0, 3], 2), SETTINGS, tmp_path)
    for side in sides:
        assert side.shape == (2, 100)
        assert side.dtype == np.float32
        assert np.isfinite(side).all()


@pytest.mark.parametrize(("name", "value"), [("window", 0), ("vector_size", 0), ("most_pairs", 0)])
def test_a_parameter_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(ParameterError, match=name):
        replace(SETTINGS, **{name: value})


def test_files_are_deleted_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="ids"):
        ppmi_vectors(corpus_of([0, 9], [0, 2], 2), SETTINGS, tmp_path)
    assert not list(tmp_path.iterdir())
