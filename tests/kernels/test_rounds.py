"""Deterministic training with several workers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from embedsearch.kernels import cbow, skipgram, subword
from embedsearch.kernels._simd import unroll
from embedsearch.kernels.matrices import Floats
from embedsearch.kernels.rounds import (
    CbowRoundWorker,
    RoundWorker,
    SubwordRoundWorker,
    merge_rounds,
)
from embedsearch.kernels.sampling import stream_key

N_OUT = unroll(5)
ALPHA = np.float32(0.05)
PIECE = 700
Make = Callable[[Floats, Floats], RoundWorker]


def pieces(text: Any) -> list[tuple[Any, ...]]:
    """The arguments of `RoundWorker.train` for every piece of a text."""
    rest = (text.keep, text.table, 4, ALPHA)
    return [
        (text.ids, text.offsets, at, min(3000, at + PIECE), *rest, np.uint64(stream_key(1, at)))
        for at in range(0, 3000, PIECE)
    ]


def train_rounds(x: Floats, y: Floats, text: Any, make: Make, n: int, threads: int) -> None:
    workers, todo = [make(x, y) for _ in range(n)], pieces(text)
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(todo), n):
            active = workers[: len(todo) - first]
            jobs = zip(active, todo[first : first + n], strict=False)
            list(pool.map(lambda job: job[0].train(*job[1], N_OUT), jobs))
            list(pool.map(merge_rounds, [active] * 3, range(3), [3] * 3))


@pytest.fixture(params=["skipgram", "cbow", "subword"])
def model(request: pytest.FixtureRequest, spelling: Any) -> tuple[Make, Callable[..., Any]]:
    """How to make a worker, and the plain kernel with the same arguments as the worker."""
    first, rows, _ = spelling
    if request.param == "skipgram":
        return RoundWorker, lambda x, y, *a: skipgram.train(x, y, *a, False, N_OUT)
    if request.param == "cbow":
        return (
            lambda x, y: CbowRoundWorker(x, y, True),
            lambda x, y, *a: cbow.train(x, y, *a, True, False, N_OUT),
        )
    return (
        lambda x, y: SubwordRoundWorker(x, y, first, rows),
        lambda x, y, *a: subword.train(x, y, first, rows, *a, False, N_OUT),
    )


def test_the_bytes_do_not_depend_on_the_threads(text: Any, matrices: Any, model: Any) -> None:
    make, _ = model
    trained = []
    for threads in (3, 1, 3):
        x, y = matrices(20, rows=100)
        train_rounds(x, y, text, make, 3, threads)
        trained.append(x.tobytes() + y.tobytes())
    assert trained[0] == trained[1] == trained[2]


def test_one_worker_trains_as_the_plain_kernel(text: Any, matrices: Any, model: Any) -> None:
    make, plain = model
    x, y = matrices(20, rows=100)
    wanted_x, wanted_y = x.copy(), y.copy()
    train_rounds(x, y, text, make, 1, 1)
    for piece in pieces(text):
        plain(wanted_x, wanted_y, *piece)
    np.testing.assert_allclose(x, wanted_x, atol=1e-5)
    np.testing.assert_allclose(y, wanted_y, atol=1e-5)


def test_a_round_adds_the_changes_of_its_workers(text: Any, matrices: Any, model: Any) -> None:
    make, plain = model
    x, y = matrices(20, rows=100)
    wanted_x, wanted_y = x.copy(), y.copy()
    todo = pieces(text)[:3]
    for piece in todo:
        alone_x, alone_y = x.copy(), y.copy()
        plain(alone_x, alone_y, *piece)
        wanted_x += alone_x - x
        wanted_y += alone_y - y
    workers = [make(x, y) for _ in todo]
    pairs = [w.train(*piece, N_OUT) for w, piece in zip(workers, todo, strict=True)]
    merge_rounds(workers, 0, 1)
    assert min(pairs) > 300
    np.testing.assert_allclose(x, wanted_x, atol=1e-5)
    np.testing.assert_allclose(y, wanted_y, atol=1e-5)


def test_a_piece_without_a_word_changes_nothing(text: Any, matrices: Any, model: Any) -> None:
    make, _ = model
    x, y = matrices(20, rows=100)
    before = x.tobytes() + y.tobytes()
    worker = make(x, y)
    nothing = np.zeros_like(text.keep)
    ids, offsets, start, stop, _, *rest = pieces(text)[0]
    assert worker.train(ids, offsets, start, stop, nothing, *rest, N_OUT) == 0
    merge_rounds([worker], 0, 1)
    assert x.tobytes() + y.tobytes() == before
