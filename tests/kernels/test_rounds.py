"""Deterministic training with several workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

from embedsearch.kernels._simd import Floats, unroll
from embedsearch.kernels.rounds import RoundWorker
from embedsearch.kernels.sampling import Piece, stream_key
from embedsearch.kernels.word2vec import (
    Cbow,
    Model,
    SkipGram,
    Step,
    SubwordCbow,
    SubwordSkipGram,
    train,
)

STEP = Step(4, np.float32(0.05), False, unroll(5))
PIECE = 700
PIECES = [
    Piece(at, min(3000, at + PIECE), np.uint64(stream_key(1, at))) for at in range(0, 3000, PIECE)
]
Make = Callable[[Floats, Floats], Model]


def merge(workers: Sequence[RoundWorker], part: int, parts: int) -> None:
    for worker in workers:
        worker.merge(part, parts)


def train_rounds(model: Model, text: Any, n: int, threads: int) -> None:
    workers = [RoundWorker(model) for _ in range(n)]
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(PIECES), n):
            active = workers[: len(PIECES) - first]
            jobs = zip(active, PIECES[first : first + n], strict=False)
            list(pool.map(lambda job: job[0].train(text, job[1], STEP), jobs))
            list(pool.map(partial(merge, active, parts=3), range(3)))


@pytest.fixture(params=["skipgram", "cbow", "subword", "subword-cbow"])
def make(request: pytest.FixtureRequest, spelling: Any) -> Make:
    """How a model is made of its two sides."""
    first, rows, _ = spelling
    models: dict[str, Make] = {
        "skipgram": SkipGram,
        "cbow": lambda x, y: Cbow(x, y, True),
        "subword": lambda x, y: SubwordSkipGram(x, y, first, rows),
        "subword-cbow": lambda x, y: SubwordCbow(x, y, first, rows, True),
    }
    return models[request.param]


def test_the_bytes_do_not_depend_on_the_threads(text: Any, matrices: Any, make: Make) -> None:
    trained = []
    for threads in (3, 1, 3):
        x, y = matrices(20, rows=100)
        train_rounds(make(x, y), text, 3, threads)
        trained.append(x.tobytes() + y.tobytes())
    assert trained[0] == trained[1] == trained[2]


def test_one_worker_trains_as_the_plain_kernel(text: Any, matrices: Any, make: Make) -> None:
    x, y = matrices(20, rows=100)
    wanted_x, wanted_y = x.copy(), y.copy()
    train_rounds(make(x, y), text, 1, 1)
    for piece in PIECES:
        train(make(wanted_x, wanted_y), text, piece, STEP)
    np.testing.assert_allclose(x, wanted_x, atol=1e-5)
    np.testing.assert_allclose(y, wanted_y, atol=1e-5)


def test_a_round_adds_the_changes_of_its_workers(text: Any, matrices: Any, make: Make) -> None:
    x, y = matrices(20, rows=100)
    wanted_x, wanted_y = x.copy(), y.copy()
    todo = PIECES[:3]
    for piece in todo:
        alone_x, alone_y = x.copy(), y.copy()
        train(make(alone_x, alone_y), text, piece, STEP)
        wanted_x += alone_x - x
        wanted_y += alone_y - y
    workers = [RoundWorker(make(x, y)) for _ in todo]
    pairs = [w.train(text, piece, STEP) for w, piece in zip(workers, todo, strict=True)]
    merge(workers, 0, 1)
    assert min(pairs) > 300
    np.testing.assert_allclose(x, wanted_x, atol=1e-5)
    np.testing.assert_allclose(y, wanted_y, atol=1e-5)


def test_a_piece_without_a_word_changes_nothing(text: Any, matrices: Any, make: Make) -> None:
    x, y = matrices(20, rows=100)
    before = x.tobytes() + y.tobytes()
    worker = RoundWorker(make(x, y))
    nothing = text._replace(keep=np.zeros_like(text.keep))
    assert worker.train(nothing, PIECES[0], STEP) == 0
    worker.merge(0, 1)
    assert x.tobytes() + y.tobytes() == before
