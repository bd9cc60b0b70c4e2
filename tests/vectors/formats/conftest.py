from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embedsearch._progress import SilentProgress
from embedsearch.vectors.word_vectors import WordVectors


@pytest.fixture
def odd_vectors() -> WordVectors:
    """Words that other tools split or strip, and numbers at the edges of float32."""
    words = [
        "the",
        "naïve",
        "東京",
        "a\u00a0b",
        "\u0085",
        "x\u2028y",
        "1.5",
        "nan",
        "\ufeff",
        "\x0b",
    ]
    numbers = np.random.default_rng(0).normal(size=(len(words), 4)).astype(np.float32)
    numbers[1] = [1e-45, -0.0, 3.4028235e38, -1.1754944e-38]
    numbers[2] = [0.1, 1 / 3, 16777217, 123456.789]
    return WordVectors(numbers, words)


@pytest.fixture
def counted_vectors(odd_vectors: WordVectors) -> WordVectors:
    """The same with counts, one of them as large as can be."""
    counts = np.arange(len(odd_vectors))[::-1].copy()
    counts[0] = 2**63 - 1
    return WordVectors(odd_vectors.vectors, odd_vectors.index_to_key, counts)


@pytest.fixture
def progress() -> SilentProgress:
    """What was noted."""
    return SilentProgress()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write a file into the test's folder."""

    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write
