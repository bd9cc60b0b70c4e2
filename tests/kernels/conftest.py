from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from embedsearch.kernels._simd import Floats, aligned
from embedsearch.kernels.sampling import Text, keep_table, noise_table

WORDS, TOKENS = 60, 3000


@pytest.fixture(scope="session")
def twins() -> ModuleType:
    """The kernels in plain numpy; tests cannot import their neighbours by name."""
    path = Path(__file__).with_name("twins.py")
    spec = importlib.util.spec_from_file_location("kernel_twins", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kernel_twins"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def text() -> Text:
    """3,000 tokens of 60 words; an empty document, and one longer than a block."""
    rng = np.random.default_rng(3)
    ids = (rng.zipf(1.3, TOKENS) % WORDS).astype(np.int32)
    early, late = rng.choice(300, 20, replace=False) + 1, rng.choice(400, 20, replace=False) + 2550
    offsets = np.sort(np.concatenate([[0, 2500, 2500, TOKENS], early, late])).astype(np.int64)
    # As a memory map is: kernels are compiled for what they are given.
    ids.flags.writeable = False
    counts = np.bincount(ids, minlength=WORDS) + 1
    return Text(ids, offsets, keep_table(counts, 0.05), noise_table(counts))


@pytest.fixture
def matrices() -> Callable[..., tuple[Floats, Floats]]:
    """Make random matrices, (rows, dim) and (words, dim), padded."""

    def make(dim: int, rows: int = WORDS, words: int = WORDS) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(dim)
        x, y = aligned(rows, dim), aligned(words, dim)
        x[:, :dim] = rng.normal(0, 0.3, (rows, dim))
        y[:, :dim] = rng.normal(0, 0.3, (words, dim))
        return x, y

    return make


@pytest.fixture
def spelling() -> tuple[Any, Any, list[list[int]]]:
    """First, rows, and the rows of each word as a list: 60 words that share 40 n-grams."""
    rng = np.random.default_rng(7)
    lists = [[word, *(WORDS + rng.choice(40, 1 + word % 6)).tolist()] for word in range(WORDS)]
    first = np.cumsum([0, *(len(rows) for rows in lists)]).astype(np.int64)
    return first, np.concatenate(lists).astype(np.int32), lists
