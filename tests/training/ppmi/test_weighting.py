"""Counts become shifted positive mutual information by the published formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsearch.training.ppmi.runs import Runs
from embedsearch.training.ppmi.weighting import shifted_ppmi

V, WINDOW = 30, 3


def formula(counts: Any, shift: float, smoothing: float) -> Any:
    """max(0, log P(w, c) / (P(w) P'(c)) - log shift), Levy, Goldberg and Dagan 2015."""
    joint = counts / counts.sum()
    word = joint.sum(axis=1)
    smooth = counts.sum(axis=0).astype(float) ** smoothing
    context = smooth / smooth.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(joint / np.outer(word, context)) - np.log(shift)
    return np.maximum(np.nan_to_num(information, nan=0.0, neginf=0.0), 0.0)


def dense(matrix: Any) -> Any:
    rows = np.repeat(np.arange(len(matrix.starts) - 1), np.diff(matrix.starts))
    total = np.zeros((len(matrix.starts) - 1,) * 2)
    np.add.at(total, (rows, matrix.columns), matrix.values)
    return total


@pytest.mark.parametrize(("shift", "smoothing"), [(1.0, 0.75), (5.0, 0.75), (1.0, 1.0), (2.0, 0.0)])
@pytest.mark.parametrize("chunk_tokens", [50, 10_000])
def test_values_follow_the_formula(
    tmp_path: Path,
    corpus: Any,
    counted: Callable[..., Any],
    shift: float,
    smoothing: float,
    chunk_tokens: int,
) -> None:
    text = corpus(seed=1, documents=80)
    runs = Runs(tmp_path, V, WINDOW, chunk_tokens=chunk_tokens, buffer_pairs=60)
    runs.count(*text)
    matrix = shifted_ppmi(runs, shift, smoothing)
    expected = formula(counted(text, V, WINDOW), shift, smoothing)
    assert matrix.values.dtype == np.float32
    assert (matrix.values > 0).all()
    np.testing.assert_allclose(dense(matrix), expected, atol=2e-6)


@pytest.mark.parametrize("most_pairs", [1, 100, 200])
def test_of_too_many_pairs_the_lightest_are_left_out(
    tmp_path: Path, corpus: Any, counted: Callable[..., Any], most_pairs: int
) -> None:
    text = corpus(seed=2, documents=80)
    runs = Runs(tmp_path, V, WINDOW, chunk_tokens=300)
    runs.count(*text)
    got = dense(shifted_ppmi(runs, most_pairs=most_pairs))
    counts = counted(text, V, WINDOW)
    expected = formula(counts, 1.0, 0.75)
    kept, lost = counts[got > 0], counts[(got == 0) & (expected > 1e-6)]
    assert len(kept) <= most_pairs
    assert kept.min(initial=10**9) > lost.max()
    assert np.sum(lost == lost.max()) + len(kept) > most_pairs
    np.testing.assert_allclose(got[got > 0], expected[got > 0], atol=2e-6)


def test_a_word_without_neighbours_has_an_empty_row(tmp_path: Path) -> None:
    runs = Runs(tmp_path, 3, WINDOW)
    runs.count(np.array([0, 1, 2, 0, 1], np.int32), np.array([0, 2, 3, 5]))
    matrix = shifted_ppmi(runs)
    assert matrix.starts[3] == matrix.starts[2]
    assert np.isfinite(matrix.values).all()
