"""Pairs of words are counted as a plain loop counts them, however little memory there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch.training.ppmi.runs import Runs

V = 30


def dense(runs: Runs) -> Any:
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
    tmp_path: Path, corpus: Any, counted: Callable[..., Any], window: int, chunk_tokens: int
) -> None:
    text = corpus(seed=window)
    runs = Runs(tmp_path, V, window, chunk_tokens=chunk_tokens, buffer_pairs=40)
    runs.count(*text)
    expected = counted(text, V, window)
    assert np.array_equal(dense(runs), expected)
    assert np.array_equal(runs.totals, expected.sum(axis=1))


def test_words_of_two_documents_are_no_pair(tmp_path: Path) -> None:
    runs = Runs(tmp_path, 4, window=5)
    offsets = np.array([0, 2, 2, 4])
    runs.count(np.array([0, 1, 2, 3], np.int32), offsets)
    assert np.argwhere(dense(runs)).tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]


def test_a_window_of_a_thousand_does_not_overflow(tmp_path: Path) -> None:
    runs = Runs(tmp_path, 1, window=1000)
    runs.count(np.zeros(20_000, np.int32), np.array([0, 20_000]))
    pairs = sum((1001 - distance) * 2 * (20_000 - distance) for distance in range(1, 1001))
    assert dense(runs).tolist() == [[pairs]]
    assert pairs > 2**32


def test_an_empty_corpus_has_no_pairs(tmp_path: Path) -> None:
    runs = Runs(tmp_path, 3, window=2)
    runs.count(np.zeros(0, np.int32), np.zeros(1, np.int64))
    assert not dense(runs).any()


def test_a_word_outside_of_the_vocabulary_is_named(tmp_path: Path) -> None:
    for wrong in (3, -1):
        runs = Runs(tmp_path, 3, window=2)
        with pytest.raises(ValueError, match=f"ids must be from 0 to 2, got {wrong}"):
            runs.count(np.array([0, wrong, 1], np.int32), np.array([0, 3]))


def test_nothing_is_left_behind(tmp_path: Path, corpus: Any) -> None:
    runs = Runs(tmp_path, V, window=2)
    runs.count(*corpus(seed=0))
    assert list(tmp_path.iterdir())
    runs.remove()
    assert not list(tmp_path.iterdir())


def test_files_of_a_killed_process_do_no_harm(tmp_path: Path, corpus: Any, counted: Any) -> None:
    text = corpus(seed=0)
    Runs(tmp_path, V, window=2).count(*text)
    runs = Runs(tmp_path, V, window=2)
    runs.count(*text)
    assert np.array_equal(dense(runs), counted(text, V, 2))
